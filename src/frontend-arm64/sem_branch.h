// SPDX-License-Identifier: MIT
//
// What branches to registers share.
//
// PSTATE.BTYPE says how the instruction before was a branch; every other instruction makes it 0. So
// that these need not, the entry has beside the type the number of instructions that had retired
// when the branch had: the type holds for no other one (a64_btype).
#ifndef A64_SEM_BRANCH_H
#define A64_SEM_BRANCH_H

#include "sem.h"

// Notes that the instruction leaves BTYPE at `type`.
void a64_set_btype(struct a64_translate *t, unsigned type);

// At the beginning of a block in a guarded page: raises if its first instruction is no target for
// the branch that led here. `word` is that instruction.
void a64_check_target(struct a64_translate *t);

// Ends the block at `target`. RETURN: no branch type; CALL writes the link register. rn is the
// register that has the target.
void a64_go_to(struct a64_translate *t, vm_ir_value target, unsigned rn, enum vm_ir_hint hint);

#endif
