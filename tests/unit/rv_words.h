// SPDX-License-Identifier: MIT
//
// RV64 instructions as words, for guest programs that tests write down (volume I, RV32/64G
// Instruction Set Listings).
#ifndef RV_WORDS_H
#define RV_WORDS_H

#include <stdint.h>

enum { ZERO, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7 };

static inline uint32_t rv_i(uint32_t opcode, uint32_t f3, uint32_t rd, uint32_t rs1, int32_t imm)
{
    return (uint32_t)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode;
}

static inline uint32_t rv_addi(uint32_t rd, uint32_t rs1, int32_t imm)
{
    return rv_i(0x13, 0, rd, rs1, imm);
}

static inline uint32_t rv_add(uint32_t rd, uint32_t rs1, uint32_t rs2)
{
    return rs2 << 20 | rs1 << 15 | rd << 7 | 0x33;
}

static inline uint32_t rv_lui(uint32_t rd, uint32_t imm20)
{
    return imm20 << 12 | rd << 7 | 0x37;
}

static inline uint32_t rv_auipc(uint32_t rd, uint32_t imm20)
{
    return imm20 << 12 | rd << 7 | 0x17;
}

static inline uint32_t rv_slli(uint32_t rd, uint32_t rs1, uint32_t by)
{
    return rv_i(0x13, 1, rd, rs1, (int32_t)by);
}

// Loads: f3 0 lb, 1 lh, 2 lw, 3 ld, 4 lbu; stores: f3 0 sb, 2 sw, 3 sd.
static inline uint32_t rv_load(uint32_t f3, uint32_t rd, int32_t offset, uint32_t rs1)
{
    return rv_i(0x03, f3, rd, rs1, offset);
}

static inline uint32_t rv_store(uint32_t f3, uint32_t rs2, int32_t offset, uint32_t rs1)
{
    uint32_t o = (uint32_t)offset;
    return (o >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | (o & 0x1f) << 7 | 0x23;
}

// f3 0 beq, 1 bne, 4 blt, 5 bge, 6 bltu, 7 bgeu.
static inline uint32_t rv_branch(uint32_t f3, uint32_t rs1, uint32_t rs2, int32_t offset)
{
    uint32_t o = (uint32_t)offset;
    return (o >> 12 & 1) << 31 | (o >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
           (o >> 1 & 0xf) << 8 | (o >> 11 & 1) << 7 | 0x63;
}

static inline uint32_t rv_jal(uint32_t rd, int32_t offset)
{
    uint32_t o = (uint32_t)offset;
    return (o >> 20 & 1) << 31 | (o >> 1 & 0x3ff) << 21 | (o >> 11 & 1) << 20 |
           (o >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}

static inline uint32_t rv_jalr(uint32_t rd, uint32_t rs1, int32_t offset)
{
    return rv_i(0x67, 0, rd, rs1, offset);
}

static inline uint32_t rv_csrw(uint32_t csr, uint32_t rs1)
{
    return rv_i(0x73, 1, ZERO, rs1, (int32_t)csr);
}

static inline uint32_t rv_csrr(uint32_t rd, uint32_t csr)
{
    return rv_i(0x73, 2, rd, ZERO, (int32_t)csr);
}

#define RV_ECALL   0x00000073u
#define RV_EBREAK  0x00100073u
#define RV_WFI     0x10500073u
#define RV_FENCE_I 0x0000100fu
#define RV_MRET    0x30200073u

#endif
