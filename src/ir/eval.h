// SPDX-License-Identifier: MIT
//
// The value of pure integer ops on constants, by the words of ops.def. Private to the module.
#ifndef VM_IR_EVAL_H
#define VM_IR_EVAL_H

#include <vm/ir/ir.h>

// All of enum vm_ir_flag.
enum {
    VM_IR_FLAGS_ALL =
        VM_IR_FLAG_C | VM_IR_FLAG_P | VM_IR_FLAG_A | VM_IR_FLAG_Z | VM_IR_FLAG_S | VM_IR_FLAG_V,
};

// Computes `op` when it is pure, on integers or bit patterns of at most 64 bits, and every operand
// is a const; *out has no bits above the result's type.
bool vm_ir_eval(const struct vm_ir_region *r, const struct vm_ir_op *op, uint64_t *out);

// The flags of addf, subf and logicf (`code`) on operands of `bits` bits.
uint32_t vm_ir_eval_flags(unsigned code, unsigned bits, uint64_t a, uint64_t b, uint64_t carry);

// Whether condition `cond` (enum vm_ir_cond) holds; the flags that it looks at.
bool vm_ir_eval_cond(uint32_t flags, uint32_t cond);
uint32_t vm_ir_cond_flags(uint32_t cond);

#endif
