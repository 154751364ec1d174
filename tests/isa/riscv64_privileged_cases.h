// SPDX-License-Identifier: MIT
//
// The cases of riscv64_privileged.c, and the encodings and CSR bits that they are made of. For that
// one file.
#ifndef RISCV64_PRIVILEGED_CASES_H
#define RISCV64_PRIVILEGED_CASES_H

#include <stdint.h>

enum { U = 0, S = 1, M = 3 };

// Bits of mstatus.
enum {
    SIE = 1 << 1,
    MIE = 1 << 3,
    SPIE = 1 << 5,
    MPIE = 1 << 7,
    SPP = 1 << 8,
    MPP_S = 1 << 11,
    MPP_M = 3 << 11,
    FS_INITIAL = 1 << 13,
    MPRV = 1 << 17,
    TVM = 1 << 20,
    TW = 1 << 21,
    TSR = 1 << 22,
    SHOWN = SIE | MIE | SPIE | MPIE | SPP | MPP_M | MPRV,
};

// CSR addresses.
enum {
    SSTATUS = 0x100,
    STVEC = 0x105,
    SSCRATCH = 0x140,
    SEPC = 0x141,
    SCAUSE = 0x142,
    SATP = 0x180,
    MSTATUS = 0x300,
    MEDELEG = 0x302,
    MIDELEG = 0x303,
    MIE_CSR = 0x304,
    MTVEC = 0x305,
    MSCRATCH = 0x340,
    MEPC = 0x341,
    MCAUSE = 0x342,
    MTVAL = 0x343,
    MIP = 0x344,
    PMPCFG0 = 0x3a0,
    PMPADDR0 = 0x3b0,
    MHARTID = 0xf14,
    NO_CSR = 0x8ff,
};

enum { T0 = 5, T1 = 6, T2 = 7, LOG = 8, START = 9, A0 = 10, A1 = 11, A2 = 12, NEXT = 18, T6 = 31 };
enum { CSRRW = 1, CSRRS, CSRRC, CSRRWI = 5, CSRRSI, CSRRCI };

#define CSR(op, rd, csr, rs1) \
    ((uint32_t)(csr) << 20 | (uint32_t)(rs1) << 15 | (op) << 12 | (rd) << 7 | 0x73)
#define ECALL           0x00000073
#define EBREAK          0x00100073
#define C_EBREAK        0x00019002 // and c.nop
#define MRET            0x30200073
#define SRET            0x10200073
#define WFI             0x10500073
#define SFENCE_VMA      0x12000073
#define SINVAL_VMA      0x16000073
#define SFENCE_W_INVAL  0x18000073
#define SFENCE_INVAL_IR 0x18100073
#define FENCE_I         0x0000100f
#define WRS_NTO         0x00d00073
#define WRS_STO         0x01d00073
#define AUIPC_A2        0x00000617
#define CBO(kind)       (0x0006200f | (kind) << 20) // (a2)
#define RS1_A2          (A2 << 15)
#define RS2_T2          (T2 << 20)

enum kind {
    WORDS,    // the words, with `status` in mstatus
    MRETS,    // MRET from M-mode with `status` in mstatus
    SRETS,    // SRET likewise
    FENCES,   // the words between a change of a page table and a load
    PATCHES,  // the words between a store to code and its execution
    WAITS,    // the words with an interrupt that pends and is not taken
    DELEGATES // a trap to S-mode
};

struct test_case {
    const char *name;
    enum kind kind;
    unsigned mode;
    uint32_t status;
    uint32_t words[4]; // ended by 0
};

static const struct test_case cases[] = {
    {"ecall in M", WORDS, M, 0, {0}},
    {"ecall in S", WORDS, S, 0, {0}},
    {"ecall in U", WORDS, U, 0, {0}},
    {"ecall in U, delegated", DELEGATES, U, 0, {0}},
    {"ebreak in M", WORDS, M, 0, {EBREAK}},
    {"ebreak in S", WORDS, S, 0, {EBREAK}},
    {"ebreak in U", WORDS, U, 0, {EBREAK}},
    {"c.ebreak in M", WORDS, M, 0, {C_EBREAK}},
    {"c.ebreak in U", WORDS, U, 0, {C_EBREAK}},

    {"mret to M", MRETS, M, MPP_M, {MRET}},
    {"mret to M with MPIE", MRETS, M, MPP_M | MPIE, {MRET}},
    {"mret to M with MPRV", MRETS, M, MPP_M | MPRV, {MRET}},
    {"mret to S", MRETS, M, MPP_S, {MRET}},
    {"new: mret to S with MPIE and MPRV", MRETS, M, MPP_S | MPIE | MPRV, {MRET}},
    {"mret to U", MRETS, M, 0, {MRET}},
    {"new: mret to U with MPRV", MRETS, M, MPRV, {MRET}},
    {"mret in S", WORDS, S, 0, {MRET}},
    {"mret in U", WORDS, U, 0, {MRET}},

    {"sret to S", SRETS, M, SPP, {SRET}},
    {"sret to S with SPIE", SRETS, M, SPP | SPIE, {SRET}},
    {"sret to U", SRETS, M, 0, {SRET}},
    {"new: sret to U with SIE and MPRV", SRETS, M, SIE | MPRV, {SRET}},
    {"sret from S to S", SRETS, S, SPP | SPIE, {SRET}},
    {"sret from S to U", SRETS, S, SPIE, {SRET}},
    {"sret in S with TSR", WORDS, S, TSR, {SRET}},
    {"sret in U", WORDS, U, 0, {SRET}},

    {"wfi in M", WAITS, M, 0, {WFI}},
    {"wfi in M with TW", WAITS, M, TW, {WFI}},
    {"wfi in S", WAITS, S, 0, {WFI}},
    {"wfi in S with TW", WORDS, S, TW, {WFI}},
    {"wfi in U", WORDS, U, 0, {WFI}},

    {"sfence.vma in M with TVM", WORDS, M, TVM, {SFENCE_VMA}},
    {"sfence.vma in S", FENCES, S, 0, {SFENCE_VMA}},
    {"sfence.vma in S of an address", FENCES, S, 0, {SFENCE_VMA | RS1_A2}},
    {"sfence.vma in S of an ASID", FENCES, S, 0, {SFENCE_VMA | RS2_T2}},
    {"sfence.vma in S of both", FENCES, S, 0, {SFENCE_VMA | RS1_A2 | RS2_T2}},
    {"sfence.vma in S with TVM", WORDS, S, TVM, {SFENCE_VMA}},
    {"sfence.vma in U", WORDS, U, 0, {SFENCE_VMA}},
    {"sinval.vma in M with TVM", WORDS, M, TVM, {SINVAL_VMA}},
    {"sinval.vma in S", FENCES, S, 0, {SFENCE_W_INVAL, SINVAL_VMA, SFENCE_INVAL_IR}},
    {"sinval.vma in S of an address",
     FENCES,
     S,
     0,
     {SFENCE_W_INVAL, SINVAL_VMA | RS1_A2, SFENCE_INVAL_IR}},
    {"sinval.vma in S of an ASID",
     FENCES,
     S,
     0,
     {SFENCE_W_INVAL, SINVAL_VMA | RS2_T2, SFENCE_INVAL_IR}},
    {"sinval.vma in S of both",
     FENCES,
     S,
     0,
     {SFENCE_W_INVAL, SINVAL_VMA | RS1_A2 | RS2_T2, SFENCE_INVAL_IR}},
    {"sinval.vma in S with TVM", WORDS, S, TVM, {SINVAL_VMA}},
    {"sinval.vma in U", WORDS, U, 0, {SINVAL_VMA}},
    {"sfence.w.inval in M", WORDS, M, 0, {SFENCE_W_INVAL}},
    {"sfence.w.inval in S with TVM", WORDS, S, TVM, {SFENCE_W_INVAL}},
    {"new: sfence.w.inval in U", WORDS, U, 0, {SFENCE_W_INVAL}},
    {"sfence.inval.ir in M", WORDS, M, 0, {SFENCE_INVAL_IR}},
    {"sfence.inval.ir in S with TVM", WORDS, S, TVM, {SFENCE_INVAL_IR}},
    {"new: sfence.inval.ir in U", WORDS, U, 0, {SFENCE_INVAL_IR}},
    {"fence.i in M", PATCHES, M, 0, {FENCE_I}},
    {"fence.i in U", PATCHES, U, 0, {FENCE_I}},

    {"csrrw in M",
     WORDS,
     M,
     0,
     {CSR(CSRRWI, 0, MSCRATCH, 21), CSR(CSRRW, A0, MSCRATCH, A1), CSR(CSRRS, A1, MSCRATCH, 0)}},
    {"csrrs in M",
     WORDS,
     M,
     0,
     {CSR(CSRRWI, 0, MSCRATCH, 21), CSR(CSRRS, A0, MSCRATCH, A1), CSR(CSRRS, A1, MSCRATCH, 0)}},
    {"csrrc in M",
     WORDS,
     M,
     0,
     {CSR(CSRRWI, 0, MSCRATCH, 23), CSR(CSRRC, A0, MSCRATCH, A1), CSR(CSRRS, A1, MSCRATCH, 0)}},
    {"csrrwi in M",
     WORDS,
     M,
     0,
     {CSR(CSRRWI, 0, MSCRATCH, 21), CSR(CSRRWI, A0, MSCRATCH, 10), CSR(CSRRS, A1, MSCRATCH, 0)}},
    {"csrrsi in M",
     WORDS,
     M,
     0,
     {CSR(CSRRWI, 0, MSCRATCH, 21), CSR(CSRRSI, A0, MSCRATCH, 10), CSR(CSRRS, A1, MSCRATCH, 0)}},
    {"csrrci in M",
     WORDS,
     M,
     0,
     {CSR(CSRRWI, 0, MSCRATCH, 21), CSR(CSRRCI, A0, MSCRATCH, 5), CSR(CSRRS, A1, MSCRATCH, 0)}},
    {"csrrw in S",
     WORDS,
     S,
     0,
     {CSR(CSRRWI, 0, SSCRATCH, 21), CSR(CSRRW, A0, SSCRATCH, A1), CSR(CSRRS, A1, SSCRATCH, 0)}},
    {"csrrs in S",
     WORDS,
     S,
     0,
     {CSR(CSRRWI, 0, SSCRATCH, 21), CSR(CSRRS, A0, SSCRATCH, A1), CSR(CSRRS, A1, SSCRATCH, 0)}},
    {"csrrc in S",
     WORDS,
     S,
     0,
     {CSR(CSRRWI, 0, SSCRATCH, 23), CSR(CSRRC, A0, SSCRATCH, A1), CSR(CSRRS, A1, SSCRATCH, 0)}},
    {"csrrs that only reads a read-only CSR", WORDS, M, 0, {CSR(CSRRS, A0, MHARTID, 0)}},
    {"csrrc that only reads a read-only CSR", WORDS, M, 0, {CSR(CSRRC, A0, MHARTID, 0)}},
    {"csrrsi that only reads a read-only CSR", WORDS, M, 0, {CSR(CSRRSI, A0, MHARTID, 0)}},
    {"csrrci that only reads a read-only CSR", WORDS, M, 0, {CSR(CSRRCI, A0, MHARTID, 0)}},
    {"csrrw to a read-only CSR", WORDS, M, 0, {CSR(CSRRW, 0, MHARTID, A1)}},
    {"csrrs to a read-only CSR", WORDS, M, 0, {CSR(CSRRS, A0, MHARTID, A1)}},
    {"csrrc to a read-only CSR", WORDS, M, 0, {CSR(CSRRC, A0, MHARTID, A1)}},
    {"csrrwi to a read-only CSR", WORDS, M, 0, {CSR(CSRRWI, A0, MHARTID, 0)}},
    {"csrrsi to a read-only CSR", WORDS, M, 0, {CSR(CSRRSI, A0, MHARTID, 1)}},
    {"csrrci to a read-only CSR", WORDS, M, 0, {CSR(CSRRCI, A0, MHARTID, 1)}},
    {"csrrs of a machine CSR in S", WORDS, S, 0, {CSR(CSRRS, A0, MSTATUS, 0)}},
    {"csrrs of a supervisor CSR in U", WORDS, U, 0, {CSR(CSRRS, A0, SSTATUS, 0)}},
    {"csrrs of satp in S with TVM", WORDS, S, TVM, {CSR(CSRRS, A0, SATP, 0)}},
    {"csrrw of satp in S with TVM", WORDS, S, TVM, {CSR(CSRRW, A0, SATP, 0)}},
    {"csrrs of satp in M with TVM", WORDS, M, TVM, {CSR(CSRRS, A0, SATP, 0)}},
    {"csrrs of no CSR", WORDS, M, 0, {CSR(CSRRS, A0, NO_CSR, 0)}},

    {"new: cbo.inval in M", WORDS, M, 0, {AUIPC_A2, CBO(0)}},
    {"new: cbo.clean in M", WORDS, M, 0, {AUIPC_A2, CBO(1)}},
    {"new: cbo.flush in M", WORDS, M, 0, {AUIPC_A2, CBO(2)}},
    {"new: cbo.inval in S without CBIE", WORDS, S, 0, {AUIPC_A2, CBO(0)}},
    {"new: cbo.clean in S without CBCFE", WORDS, S, 0, {AUIPC_A2, CBO(1)}},
    {"new: cbo.flush in U without CBCFE", WORDS, U, 0, {AUIPC_A2, CBO(2)}},
    {"new: cbo.zero in S without CBZE", WORDS, S, 0, {AUIPC_A2, CBO(4)}},
    {"new: wrs.nto in U without a reservation", WORDS, U, TW, {WRS_NTO}},
    {"new: wrs.sto in U without a reservation", WORDS, U, TW, {WRS_STO}},
};

enum { CASES = sizeof cases / sizeof *cases };

#endif
