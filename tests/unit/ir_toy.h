// SPDX-License-Identifier: MIT
//
// A small made-up guest for IR tests: a register file with entries of every type, and helpers of
// each kind. Nothing here needs a test framework.
#ifndef TESTS_UNIT_IR_TOY_H
#define TESTS_UNIT_IR_TOY_H

#include <vm/base/softfloat.h>
#include <vm/ir/ir.h>

// A guest state with entries of every type.
struct toy_state {
    uint64_t x[8];
    uint64_t pc;
    struct vm_fp_env fp;
    uint64_t fl, gl; // flags
    double d[2];
    float s;
    uint16_t half;
    uint32_t w[2];
    uint16_t h;
    uint8_t b;
    _Alignas(16) uint8_t q[16];
    uint8_t v[3][16];
    uint8_t y[32];
};

enum toy_reg { // x0 is an ordinary entry
    TOY_X = 0,
    TOY_PC = 8,
    TOY_FROUND,
    TOY_FFLAGS,
    TOY_FL,
    TOY_GL,
    TOY_D,
    TOY_S = TOY_D + 2,
    TOY_HALF,
    TOY_W,
    TOY_H = TOY_W + 2,
    TOY_B,
    TOY_Q,
    TOY_V,
    TOY_Y = TOY_V + 3,
    TOY_COUNT,
};

enum toy_helper {
    TOY_HASH,    // pure, 2 arguments
    TOY_READ,    // reads x1
    TOY_WRITE,   // writes x2
    TOY_FAULT,   // may raise, 1 argument, no value
    TOY_ANY,     // reads and writes every entry, no value
    TOY_FOUR,    // memory, 4 arguments
    TOY_VECTORS, // reads and writes vectors and the FP environment, no value
    TOY_HELPERS,
};

extern const struct vm_regfile toy_regfile;
extern const struct vm_ir_helper toy_helpers[TOY_HELPERS];

#endif
