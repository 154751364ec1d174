// SPDX-License-Identifier: MIT
//
// Random regions and machine states from a seed.
#ifndef TESTS_UNIT_IR_RANDOM_H
#define TESTS_UNIT_IR_RANDOM_H

#include "ir_eval.h"

// A region of up to 8 blocks with loops, parameters and all ops. With `fold` the builder folds; the
// same seed makes the same choices either way, so that both regions must do the same.
struct vm_ir_region *toy_random_region(uint64_t seed, bool fold);

void toy_random_machine(uint64_t seed, struct toy_machine *m);

#endif
