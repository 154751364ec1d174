// SPDX-License-Identifier: MIT
//
// Random regions and machine states from a seed.
#ifndef TESTS_UNIT_IR_RANDOM_H
#define TESTS_UNIT_IR_RANDOM_H

#include "ir_eval.h"

// A region of up to 8 blocks with loops, parameters and all ops. With `fold` the builder folds; the
// same seed makes the same choices either way, so that both regions must do the same.
struct vm_ir_region *toy_random_region(uint64_t seed, bool fold);

// A straight region that has the op with the suffix type a few times, its operands constants,
// entries and computed values, its result in an entry.
struct vm_ir_region *toy_random_row(uint64_t seed, enum vm_ir_code code, enum vm_type t);

void toy_random_machine(uint64_t seed, struct toy_machine *m);

// Whether a vector op may have lanes of the type, in that extent.
bool toy_lanes_fit(unsigned code, unsigned lane, unsigned extent);

#endif
