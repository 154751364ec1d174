// SPDX-License-Identifier: MIT
//
// A block that branches to itself, and whose accesses to memory go on by constants: what the
// emitter has to know to write its loop a second time without checks.
//
// An address is affine: the sum of at most two registers as they are when the block begins, the
// second one shifted, and a constant. When the registers go on by constants from one turn to the
// next, so does the address. Accesses whose addresses differ in the constant alone and lie close
// together share a window; as long as its window stays within a page, an access is the host's own.
#ifndef ENGINE_JIT_LOOP_H
#define ENGINE_JIT_LOOP_H

#include "plan.h"

enum { JIT_WINDOWS = 6, JIT_NO_WINDOW = 0xff };

struct jit_affine {
    uint16_t entry[2]; // or NONE
    uint8_t shift;     // of the second
    int64_t constant;
};

struct jit_window {
    struct jit_affine at; // of the first byte, when a turn begins
    uint16_t bytes;
    int16_t step; // from turn to turn
    bool writes;
};

struct jit_loop {
    uint64_t offset;   // of the block from the page base
    uint64_t exit;     // where the branch leads out
    bool back_if;      // the branch is taken to go on
    unsigned insns;    // of a turn
    vm_ir_value flags; // the comparison whose flags need not be made before the loop ends, or NONE
    unsigned window_count;
    struct jit_window windows[JIT_WINDOWS];
    uint8_t *window_of; // by op: of a load or store its window
};

// Whether the region, whose plan is p, is such a loop; *loop lies in the arena. NULL: it is not, or
// memory is out.
const struct jit_loop *jit_plan_loop(const struct jit_plan *p, struct vm_arena *arena);

#endif
