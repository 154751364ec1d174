// SPDX-License-Identifier: MIT
//
// The random instructions of one batch (riscv_program.h).
#ifndef RISCV_BATCH_H
#define RISCV_BATCH_H

#include "isa_pattern.h"
#include "random_values.h"
#include "riscv_code.h"
#include "riscv_program.h"

enum {
    WINDOW_REGISTER = 31,
    WINDOW_REACH = 128,                // accesses begin at most so far from the window register,
    WINDOW_MIDDLE = PROGRAM_WINDOW / 2 // which stands in the middle, 64-byte aligned
};

struct batch {
    struct random *random;
    struct code *code;
    const struct pattern *const *group; // what it is about
    unsigned group_count;
    const struct pattern *const *fillers; // integer computations, to mix in
    unsigned filler_count;
    bool boxed;
    bool static_rounding; // frm may hold a reserved mode
    char format[32];      // of each f register: 'h', 's', 'd', or 0 for unknown
    uint64_t instructions;
};

// Appends `length` instructions of the group.
void batch_make(struct batch *b, unsigned length);

// Whether an instruction can be part of a batch: it does not trap, and what it does is defined.
bool batch_takes(const struct pattern *p);

// The format that an f register gets by the instruction, or that it reads from one; 0: any.
char batch_result_format(const struct pattern *p);
char batch_operand_format(const struct pattern *p);

#endif
