// SPDX-License-Identifier: MIT
//
// A buffer of RISC-V code and the encodings that hand-written parts of test programs need.
#ifndef RISCV_CODE_H
#define RISCV_CODE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct code {
    uint8_t *bytes;
    size_t used, capacity;
    uint64_t address; // of the first byte
};

static inline void code_append(struct code *c, uint32_t word, unsigned bytes)
{
    if (c->used + bytes > c->capacity) {
        c->capacity = c->capacity * 2 + 4096;
        c->bytes = realloc(c->bytes, c->capacity);
        if (!c->bytes)
            abort();
    }
    memcpy(c->bytes + c->used, &word, bytes);
    c->used += bytes;
}

static inline uint64_t code_here(const struct code *c)
{
    return c->address + c->used;
}

enum { RV_OP_IMM = 0x13, RV_LOAD = 0x03, RV_LOAD_FP = 0x07, RV_JALR = 0x67 };

static inline uint32_t rv_i(unsigned opcode, unsigned funct3, unsigned rd, unsigned rs1, int imm)
{
    return (uint32_t)imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}

static inline uint32_t rv_addi(unsigned rd, unsigned rs1, int imm)
{
    return rv_i(RV_OP_IMM, 0, rd, rs1, imm);
}

static inline uint32_t rv_ld(unsigned rd, unsigned rs1, int imm)
{
    return rv_i(RV_LOAD, 3, rd, rs1, imm);
}

static inline uint32_t rv_fld(unsigned rd, unsigned rs1, int imm)
{
    return rv_i(RV_LOAD_FP, 3, rd, rs1, imm);
}

static inline uint32_t rv_s(unsigned opcode, unsigned rs2, unsigned rs1, int imm)
{
    return ((uint32_t)imm >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | 3u << 12 |
           ((uint32_t)imm & 31) << 7 | opcode;
}

static inline uint32_t rv_sd(unsigned rs2, unsigned rs1, int imm)
{
    return rv_s(0x23, rs2, rs1, imm);
}

static inline uint32_t rv_fsd(unsigned rs2, unsigned rs1, int imm)
{
    return rv_s(0x27, rs2, rs1, imm);
}

static inline uint32_t rv_lui(unsigned rd, uint32_t upper)
{
    return (upper & 0xfffff000) | rd << 7 | 0x37;
}

static inline uint32_t rv_auipc(unsigned rd, uint32_t upper)
{
    return (upper & 0xfffff000) | rd << 7 | 0x17;
}

static inline uint32_t rv_jalr(unsigned rd, unsigned rs1, int imm)
{
    return rv_i(RV_JALR, 0, rd, rs1, imm);
}

// The immediate bits of branches and jumps, to be OR-ed to the rest of the word.
static inline uint32_t rv_b_imm(uint32_t d)
{
    return (d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7;
}

static inline uint32_t rv_j_imm(uint32_t d)
{
    return (d >> 20 & 1) << 31 | (d >> 1 & 1023) << 21 | (d >> 11 & 1) << 20 |
           (d >> 12 & 255) << 12;
}

static inline uint32_t rv_cj_imm(uint32_t d)
{
    return (d >> 11 & 1) << 12 | (d >> 4 & 1) << 11 | (d >> 8 & 3) << 9 | (d >> 10 & 1) << 8 |
           (d >> 6 & 1) << 7 | (d >> 7 & 1) << 6 | (d >> 1 & 7) << 3 | (d >> 5 & 1) << 2;
}

static inline uint32_t rv_cb_imm(uint32_t d)
{
    return (d >> 8 & 1) << 12 | (d >> 3 & 3) << 10 | (d >> 6 & 3) << 5 | (d >> 1 & 3) << 3 |
           (d >> 5 & 1) << 2;
}

// Loads an address below 2^31.
static inline void code_address(struct code *c, unsigned rd, uint64_t address)
{
    code_append(c, rv_lui(rd, (uint32_t)address + 0x800), 4);
    code_append(c, rv_addi(rd, rd, (int)(address & 0xfff)), 4);
}

#endif
