// SPDX-License-Identifier: MIT
//
// What the translator has to do before and after an instruction for the debug architecture and for
// performance monitors.
#ifndef A64_SEM_DEBUG_H
#define A64_SEM_DEBUG_H

#include "sem.h"

// Appends the comparison of the instructions executed with where an overflow of their count comes.
void a64_count_insn(struct a64_translate *t);
// Appends the checks before an instruction; t->ends: it is not executed.
void a64_before_insn(struct a64_translate *t);
// Ends the block where the instruction was stepped.
void a64_after_insn(struct a64_translate *t);

#endif
