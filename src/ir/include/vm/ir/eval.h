// SPDX-License-Identifier: MIT
//
// What ops compute, for constant folding and for the engines: integers, flags, floats in softfloat.
#ifndef VM_IR_EVAL_H
#define VM_IR_EVAL_H

#include <vm/base/bits.h>
#include <vm/ir/ir.h>

// Computes `op` when it is pure, on integers or bit patterns of at most 64 bits, and every operand
// is a const; *out has no bits above the result's type.
bool vm_ir_eval(const struct vm_ir_region *r, const struct vm_ir_op *op, uint64_t *out);

// The same for operands `v` that have no bits above their types; `from` is the first one's type.
bool vm_ir_eval_op(const struct vm_ir_op *op, enum vm_type from, const uint64_t v[3],
                   uint64_t *out);

// The flags of addf, subf and logicf (`code`) on the low `bits` bits of the operands: all of them,
// and those that the op asks for.
uint32_t vm_ir_eval_flags(unsigned code, unsigned bits, uint64_t a, uint64_t b, uint64_t carry);

static inline uint32_t vm_ir_wanted_flags(uint32_t attr)
{
    return attr ? attr : (uint32_t)VM_IR_FLAGS_ALL;
}

// Whether condition `cond` (enum vm_ir_cond) holds; the flags that it looks at.
bool vm_ir_eval_cond(uint32_t flags, uint32_t cond);
uint32_t vm_ir_cond_flags(uint32_t cond);

// What a memory op with the attribute word `attr` has read, extended to 64 and to 128 bits.
static inline uint64_t vm_ir_extend_loaded(uint64_t value, uint32_t attr)
{
    return attr & VM_IR_MEM_SIGNED ? vm_sign_extend(value, 8u << vm_ir_mem_size_log2(attr)) : value;
}

static inline vm_u128 vm_ir_extend_wide(vm_u128 value, uint32_t attr)
{
    if (vm_ir_mem_size_log2(attr) < 4) {
        value.lo = vm_ir_extend_loaded(value.lo, attr);
        value.hi = attr & VM_IR_MEM_SIGNED && value.lo >> 63 ? UINT64_MAX : 0;
    }
    return value;
}

// What vm_ir_eval_float is to compute, in one word: the attribute word (16 bits), the op's code (16
// bits from 32 on), its suffix type (8 from 48) and the first operand's type (8 from 56).
static inline uint64_t vm_ir_float_word(const struct vm_ir_op *op, enum vm_type source)
{
    return (op->attr & 0xffff) | (uint64_t)op->code << 32 | (uint64_t)op->type << 48 |
           (uint64_t)source << 56;
}

// One FP op on softfloat; its flags go to the environment `env`, sticky. Operands may have bits
// above their types; an i32 result is sign-extended.
uint64_t vm_ir_eval_float(uint64_t what, uint64_t a, uint64_t b, uint64_t c, struct vm_fp_env *env);
// ftos or ftou of an f16 to an integer of 16 bits, which only vectors have.
uint64_t vm_ir_eval_f16_to_int(uint64_t what, uint16_t a, struct vm_fp_env *env);

// A vector op with the attribute word `attr`: an i64 operand or result is in lo, the other half of
// such a result is 0. Operands that the op has not are not looked at. The flags of FP lanes go to
// `env`, sticky; other ops take no environment.
vm_u128 vm_ir_eval_vector(unsigned code, uint32_t attr, const vm_u128 v[3], struct vm_fp_env *env);

#endif
