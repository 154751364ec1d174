// SPDX-License-Identifier: MIT
//
// What the IR tests share: a small made-up register file, helpers of each kind, parsing that must
// succeed, printing to a fresh string. All memory goes through one arena that the test resets.
#ifndef TESTS_UNIT_IR_SUPPORT_H
#define TESTS_UNIT_IR_SUPPORT_H

#include <vm/base/softfloat.h>
#include <vm/ir/builder.h>
#include <vm/ir/text.h>
#include <vm/ir/verify.h>

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
    uint8_t v[16];
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
    TOY_Y,
    TOY_COUNT,
};

enum toy_helper {
    TOY_HASH,  // pure, 2 arguments
    TOY_READ,  // reads x1
    TOY_WRITE, // writes x2
    TOY_FAULT, // may raise, 1 argument, no value
    TOY_ANY,   // reads and writes every entry, no value
    TOY_FOUR,  // memory, 4 arguments
    TOY_HELPERS,
};

extern const struct vm_regfile toy_regfile;
extern const struct vm_ir_helper toy_helpers[TOY_HELPERS];

// The arena of all tests of the program; drop releases what is in it.
struct vm_arena *toy_arena(void);
void toy_arena_drop(void);

// The region that the text is; fails the test with the parser's message otherwise.
struct vm_ir_region *toy_parse(const char *text);
// The same with "region {" and "}" put around `blocks` of that length.
struct vm_ir_region *toy_parse_blocks(const char *blocks, size_t length);

// Verified or the test fails, naming `when`.
void toy_verify(const struct vm_ir_region *r, const char *when);

// The text of a region, in the arena.
char *toy_print(const struct vm_ir_region *r);

// The contents of a file of the source tree; *length may be NULL. In the arena, zero-terminated.
char *toy_read_file(const char *path, size_t *length);

#endif
