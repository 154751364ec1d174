// SPDX-License-Identifier: MIT
//
// What the files that compute vector ops share. Private to the module.
#ifndef VM_IR_EVAL_VECTOR_H
#define VM_IR_EVAL_VECTOR_H

#include <vm/ir/eval.h>

// An op and the fields of its attribute word.
struct vm_ir_lanes {
    unsigned code;
    unsigned bits; // of a lane
    enum vm_ir_extent extent;
    unsigned imm;
    bool high;
};

// How many lanes of that width an extent has.
unsigned vm_ir_vec_count(unsigned bits, enum vm_ir_extent extent);

// A lane, zero-extended; and a value OR-ed into one.
uint64_t vm_ir_vec_get(vm_u128 v, unsigned bits, unsigned lane);
void vm_ir_vec_or(vm_u128 *v, unsigned bits, unsigned lane, uint64_t value);

// The ops that have the FP environment.
vm_u128 vm_ir_eval_vector_float(const struct vm_ir_lanes *o, uint32_t attr, const vm_u128 v[3],
                                struct vm_fp_env *env);

// Those of AES and SHA.
vm_u128 vm_ir_eval_vector_crypto(const struct vm_ir_lanes *o, const vm_u128 v[3]);

static inline bool vm_ir_is_crypto_op(unsigned code)
{
    return code >= VM_IR_vaese && code <= VM_IR_vsha256su1;
}

#endif
