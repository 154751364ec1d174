// SPDX-License-Identifier: MIT
//
// The register file (vm/base/regfile.h) in the order of enum a64_reg.
#include "frontend.h"

#define X(n)                                                                  \
    {                                                                         \
        "x" #n, offsetof(struct vm_arm64_state, x[n]), VM_I64, VM_REG_GENERAL \
    }
#define V(n)                                                                  \
    {                                                                         \
        "v" #n, offsetof(struct vm_arm64_state, v[n]), VM_V128, VM_REG_VECTOR \
    }

static const struct vm_register registers[A64_REG_COUNT] = {
    X(0),
    X(1),
    X(2),
    X(3),
    X(4),
    X(5),
    X(6),
    X(7),
    X(8),
    X(9),
    X(10),
    X(11),
    X(12),
    X(13),
    X(14),
    X(15),
    X(16),
    X(17),
    X(18),
    X(19),
    X(20),
    X(21),
    X(22),
    X(23),
    X(24),
    X(25),
    X(26),
    X(27),
    X(28),
    X(29),
    X(30),
    {"sp", offsetof(struct vm_arm64_state, sp), VM_I64, VM_REG_GENERAL},
    {"pc", offsetof(struct vm_arm64_state, pc), VM_I64, VM_REG_PC},
    {"nzcv", offsetof(struct vm_arm64_state, nzcv), VM_FLAGS, VM_REG_GENERAL},
    V(0),
    V(1),
    V(2),
    V(3),
    V(4),
    V(5),
    V(6),
    V(7),
    V(8),
    V(9),
    V(10),
    V(11),
    V(12),
    V(13),
    V(14),
    V(15),
    V(16),
    V(17),
    V(18),
    V(19),
    V(20),
    V(21),
    V(22),
    V(23),
    V(24),
    V(25),
    V(26),
    V(27),
    V(28),
    V(29),
    V(30),
    V(31),
    {"qc", offsetof(struct vm_arm64_state, qc), VM_V128, VM_REG_VECTOR},
#define A64_REGISTER(id, name, field, type, class) \
    {name, offsetof(struct vm_arm64_state, field), type, class},
#include "registers.def"
};

// Arguments and results first, then what compilers keep across calls, SP, and the frame pointer.
static const uint16_t hot[] = {0, 1, 2, 3, A64_REG_SP, 19, 20, 4, 8, 21, 0xffff};

// Arguments and results, and what compilers take first.
static const uint16_t hot_vector[] = {
    A64_REG_V,     A64_REG_V + 1, A64_REG_V + 2, A64_REG_V + 3, A64_REG_V + 4,
    A64_REG_V + 5, A64_REG_V + 6, A64_REG_V + 7, 0xffff,
};

const struct vm_regfile a64_regfile = {
    .registers = registers,
    .hot = hot,
    .hot_float = hot_vector,
    .count = A64_REG_COUNT,
    .pc = A64_REG_PC,
    .fp_env = offsetof(struct vm_arm64_state, fp),
    .state_size = sizeof(struct vm_arm64_state),
};
