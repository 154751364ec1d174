// SPDX-License-Identifier: MIT
//
// The register file (vm/base/regfile.h) in the order of enum rv_reg.
#include "frontend.h"

#define X(n, abi)                                                            \
    {                                                                        \
        abi, offsetof(struct vm_riscv64_state, x[n]), VM_I64, VM_REG_GENERAL \
    }
#define F(n, abi)                                                          \
    {                                                                      \
        abi, offsetof(struct vm_riscv64_state, f[n]), VM_I64, VM_REG_FLOAT \
    }

// Names of the calling convention, as assembly and debuggers show them.
static const struct vm_register registers[RV_REG_COUNT] = {
    X(0, "zero"),
    X(1, "ra"),
    X(2, "sp"),
    X(3, "gp"),
    X(4, "tp"),
    X(5, "t0"),
    X(6, "t1"),
    X(7, "t2"),
    X(8, "s0"),
    X(9, "s1"),
    X(10, "a0"),
    X(11, "a1"),
    X(12, "a2"),
    X(13, "a3"),
    X(14, "a4"),
    X(15, "a5"),
    X(16, "a6"),
    X(17, "a7"),
    X(18, "s2"),
    X(19, "s3"),
    X(20, "s4"),
    X(21, "s5"),
    X(22, "s6"),
    X(23, "s7"),
    X(24, "s8"),
    X(25, "s9"),
    X(26, "s10"),
    X(27, "s11"),
    X(28, "t3"),
    X(29, "t4"),
    X(30, "t5"),
    X(31, "t6"),
    F(0, "ft0"),
    F(1, "ft1"),
    F(2, "ft2"),
    F(3, "ft3"),
    F(4, "ft4"),
    F(5, "ft5"),
    F(6, "ft6"),
    F(7, "ft7"),
    F(8, "fs0"),
    F(9, "fs1"),
    F(10, "fa0"),
    F(11, "fa1"),
    F(12, "fa2"),
    F(13, "fa3"),
    F(14, "fa4"),
    F(15, "fa5"),
    F(16, "fa6"),
    F(17, "fa7"),
    F(18, "fs2"),
    F(19, "fs3"),
    F(20, "fs4"),
    F(21, "fs5"),
    F(22, "fs6"),
    F(23, "fs7"),
    F(24, "fs8"),
    F(25, "fs9"),
    F(26, "fs10"),
    F(27, "fs11"),
    F(28, "ft8"),
    F(29, "ft9"),
    F(30, "ft10"),
    F(31, "ft11"),
    {"pc", offsetof(struct vm_riscv64_state, pc), VM_I64, VM_REG_PC},
#define RV_REGISTER(id, name, field, type, class) \
    {name, offsetof(struct vm_riscv64_state, field), type, class},
#include "registers.def"
};

// ra, sp, and what compressed instructions reach: s0, s1, a0 to a5. Compilers use these most.
static const uint16_t hot[] = {10, 15, 14, 2, 8, 11, 12, 13, 9, 1, 0xffff};

// What compressed instructions reach, fa5 first as compilers have it; then temporaries.
static const uint16_t hot_float[] = {
    RV_REG_F + 15, RV_REG_F + 14, RV_REG_F + 13, RV_REG_F + 12, RV_REG_F + 11, RV_REG_F + 10,
    RV_REG_F + 0,  RV_REG_F + 1,  RV_REG_F + 8,  RV_REG_F + 9,  0xffff,
};

const struct vm_regfile rv_regfile = {
    .registers = registers,
    .hot = hot,
    .hot_float = hot_float,
    .count = RV_REG_COUNT,
    .pc = RV_REG_PC,
    .fp_env = offsetof(struct vm_riscv64_state, fp),
    .state_size = sizeof(struct vm_riscv64_state),
};
