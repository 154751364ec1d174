// SPDX-License-Identifier: MIT
//
// A tiny evaluator of regions over the toy register file and 4 KiB of memory at address 0: written
// for plainness, from docs/ir.md, sharing no code with the IR module's folding. Floating-point
// arithmetic is a made-up function of the operand bits, the attributes and the rounding mode, with
// made-up flags: enough to see whether a pass moves, drops or doubles it.
#ifndef TESTS_UNIT_IR_EVAL_H
#define TESTS_UNIT_IR_EVAL_H

#include "ir_support.h"

enum { TOY_MEMORY = 4096, TOY_PAGE_BASE = 0x7000 };

enum toy_end {
    TOY_LEFT,    // goto, goto_ind
    TOY_RAISED,  // raise
    TOY_FAULTED, // a memory op or helper
    TOY_EXITED,  // exit
    TOY_STOPPED, // at an edge that closes a loop, after as many of them as were allowed
};

struct toy_machine {
    struct toy_state state;
    uint8_t memory[TOY_MEMORY];
    uint64_t retired; // counted insn markers
    bool reserved;
    uint64_t reservation;
    // How it ended.
    enum toy_end end;
    uint64_t pc;     // where it goes on; at a fault, of the current instruction
    uint64_t detail; // cause, reason or hint
    uint64_t value;  // of raise
    uint64_t log;    // a hash of all memory accesses, fences and impure calls, in order
};

// Runs the region, which must be verified, until it is left or has closed `loops` loops.
void toy_run(const struct vm_ir_region *r, struct toy_machine *m, unsigned loops);

// Whether both ended the same way with the same state; if not, a word for what differs.
const char *toy_difference(const struct toy_machine *a, const struct toy_machine *b);

#endif
