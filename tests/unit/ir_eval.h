// SPDX-License-Identifier: MIT
//
// A tiny evaluator of regions over a register file and 4 KiB of memory at address 0: written
// for plainness, from docs/ir.md, sharing no code with the IR module's folding. Floating-point
// arithmetic is a made-up function of the operand bits, the attributes and the rounding mode, with
// made-up flags: enough to see whether a pass moves, drops or doubles it. So are the toy's helpers;
// others are called as they are. Tests of engines give the real ones (struct toy_hooks).
#ifndef TESTS_UNIT_IR_EVAL_H
#define TESTS_UNIT_IR_EVAL_H

#include "ir_support.h"

enum { TOY_MEMORY = 4096, TOY_STATE = 1024, TOY_PAGE_BASE = 0x7000 };

enum toy_end {
    TOY_LEFT,    // goto, goto_ind
    TOY_RAISED,  // raise
    TOY_FAULTED, // a memory op or helper
    TOY_EXITED,  // exit
    TOY_STOPPED, // at an edge that closes a loop, after as many of them as were allowed
};

struct toy_hooks {
    // An op with the FP environment, or fclass, on the bits of its operands.
    uint64_t (*fp)(const struct vm_ir_region *r, const struct vm_ir_op *op, const uint64_t args[3],
                   struct vm_fp_env *env);
    // A call; *raises if it faults.
    uint64_t (*call)(struct toy_state *state, unsigned helper, const uint64_t args[4],
                     bool *raises);
};

struct toy_machine {
    const struct toy_hooks *hooks; // or NULL
    union {
        struct toy_state state;
        _Alignas(16) uint8_t bytes[TOY_STATE]; // of any register file
    };
    uint8_t memory[TOY_MEMORY];
    uint64_t retired; // counted insn markers
    bool reserved;
    uint64_t reservation; // address, and below it size and value: by these it is compared
    unsigned reserved_bytes;
    uint8_t reserved_value[16];
    // How it ended.
    enum toy_end end;
    uint64_t pc;     // where it goes on; where it faulted or stopped, from the page base
    uint64_t detail; // cause, reason or hint
    uint64_t value;  // of raise
    uint64_t insn;   // the last counted instruction, from the page base
    bool acted;      // it has written something: it must not begin anew
    uint64_t log;    // a hash of all memory accesses, fences and impure calls, in order
};

// Runs the region, which must be verified, until it is left or has closed `loops` loops.
void toy_run(const struct vm_ir_region *r, struct toy_machine *m, unsigned loops);

// Whether both ended the same way with the same toy state; if not, a word for what differs.
const char *toy_difference(const struct toy_machine *a, const struct toy_machine *b);

#endif
