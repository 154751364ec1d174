// SPDX-License-Identifier: MIT
//
// What is known of the bits of integer values. Private to the module.
#ifndef VM_IR_PASSES_KNOWN_H
#define VM_IR_PASSES_KNOWN_H

#include <vm/ir/ir.h>

struct vm_ir_known {
    uint64_t zeros; // bits that are 0; those above the type's width are
    uint8_t signs; // how many of the top bits equal the top bit, itself among them; 0: not computed
};

// Computes known[v] of the op v, an integer of at most 64 bits, from those of its operands.
void vm_ir_known_compute(const struct vm_ir_region *r, struct vm_ir_known *known, vm_ir_value v);

// What holds for both.
struct vm_ir_known vm_ir_known_meet(struct vm_ir_known a, struct vm_ir_known b);

// Nothing known, for a type of that many bits.
struct vm_ir_known vm_ir_known_nothing(unsigned bits);

#endif
