// SPDX-License-Identifier: MIT
//
// Making hostile code: constants, CSR accesses, jumps that are patched, and random instructions of
// the tables.
#ifndef HOSTILE_CODE_H
#define HOSTILE_CODE_H

#include "random_values.h"
#include "riscv_code.h"

enum hostile_csr_op { CSRRW = 1, CSRRS = 2, CSRRC = 3 };

enum {
    CSR_FCSR = 0x003,
    CSR_SIE = 0x104,
    CSR_STVEC = 0x105,
    CSR_SSCRATCH = 0x140,
    CSR_SEPC = 0x141,
    CSR_SCAUSE = 0x142,
    CSR_SATP = 0x180,
    CSR_MSTATUS = 0x300,
    CSR_MEDELEG = 0x302,
    CSR_MIE = 0x304,
    CSR_MTVEC = 0x305,
    CSR_MSCRATCH = 0x340,
    CSR_MEPC = 0x341,
    CSR_MCAUSE = 0x342,
    CSR_MTVAL = 0x343,
    CSR_PMPCFG0 = 0x3a0,
    CSR_PMPCFG2 = 0x3a2,
    CSR_PMPADDR0 = 0x3b0,
    CSR_MHARTID = 0xf14,
};

enum {
    RV_MRET = 0x30200073,
    RV_SRET = 0x10200073,
    RV_ECALL = 0x73,
    RV_WFI = 0x10500073,
    RV_PAUSE = 0x0100000f,
    RV_FENCE_I = 0x100f
};
enum { RV_BEQ = 0x63, RV_BNE = 0x1063, RV_BGE = 0x5063 };

static inline void emit(struct code *c, uint32_t word)
{
    code_append(c, word, 4);
}

// rd = value, in up to eight instructions that touch no other register.
void emit_li(struct code *c, unsigned rd, uint64_t value);

static inline void emit_csr(struct code *c, enum hostile_csr_op op, unsigned rd, unsigned csr,
                            unsigned rs1)
{
    emit(c, rv_i(0x73, op, rd, rs1, (int)csr));
}

// A branch (RV_BEQ ...) or, with `opcode` 0, a jump to a place that is not known yet.
size_t emit_forward(struct code *c, unsigned opcode, unsigned rs1, unsigned rs2);
// Here is the place.
void emit_target(struct code *c, size_t forward);
void emit_jump_to(struct code *c, uint64_t address);
void emit_pad_to(struct code *c, uint64_t address);

// A random instruction of a random row; returns its length in bytes.
unsigned random_instruction(struct random *r, uint32_t *word);
// The address of a CSR, most likely of one that exists.
unsigned random_csr(struct random *r);

#endif
