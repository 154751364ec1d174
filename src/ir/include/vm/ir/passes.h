// SPDX-License-Identifier: MIT
//
// The optimisation passes. Each takes a region that the verifier accepts and leaves one that it
// accepts and that does the same: same reads and writes of memory in the same order, same guest
// state at every fault point, at every edge that closes a loop and at every way out. `insn` and
// `icount` keep their places. Scratch memory comes from the region's arena; when that runs out, a
// pass leaves the region as it is.
#ifndef VM_IR_PASSES_H
#define VM_IR_PASSES_H

#include <vm/base/error.h>
#include <vm/ir/ir.h>

// Folds constants, identities and addresses over the whole region; a branch on a constant becomes a
// jump. The ops are written anew, blocks keep their numbers.
void vm_ir_pass_fold(struct vm_ir_region *r);

// Replaces parameters that are always the same value, and selects that have no choice.
void vm_ir_pass_copy(struct vm_ir_region *r);

// Replaces a pure op by an equal one that dominates it.
void vm_ir_pass_cse(struct vm_ir_region *r);

// Forwards register-file entries from put and get to get, over blocks; removes puts of what the
// entry has and puts that are overwritten before anything can look.
void vm_ir_pass_state(struct vm_ir_region *r);

// Takes mergef apart where only some of its flags are looked at.
void vm_ir_pass_flags(struct vm_ir_region *r);

// Removes extensions, fields and masks that change nothing, by the bits known to be zero or equal
// to the sign.
void vm_ir_pass_signext(struct vm_ir_region *r);

// Removes ops without effect and use, parameters without use, and blocks that nothing reaches.
void vm_ir_pass_dce(struct vm_ir_region *r);

// Closes the gaps that other passes leave: no nop, no block without ops. Renumbers both.
void vm_ir_pass_compact(struct vm_ir_region *r);

enum vm_ir_budget {
    VM_IR_TIER1,  // for every translated block, of what the builder has folded: one sweep backwards
                  // that removes dead puts, flags and ops (they become nop)
    VM_IR_REGION, // all passes, for regions that run often
};

// The tier-1 sweep by itself.
void vm_ir_pass_tier1(struct vm_ir_region *r);

// Runs the passes of a budget, the verifier before and after each if `verify_between`. False when
// the verifier finds a fault: `e` (may be NULL) names the pass, and region->overflow is set.
bool vm_ir_optimize(struct vm_ir_region *r, enum vm_ir_budget budget, bool verify_between,
                    struct vm_error *e);

#endif
