// SPDX-License-Identifier: MIT
//
// What the semantic functions of floating point share. Formats are IR types: VM_F16, VM_F32,
// VM_F64. A write of a scalar register clears the rest of the vector register.
#ifndef A64_SEM_FP_H
#define A64_SEM_FP_H

#include "help_fp.h"
#include "sem.h"

// The format by ftype, which is what rows of floating point have in size.
static inline enum vm_type a64_fp_format(unsigned size)
{
    return size == A64_FP_HALF ? VM_F16 : size == A64_FP_DOUBLE ? VM_F64 : VM_F32;
}

// The integer type as wide as a format.
static inline enum vm_type a64_fp_integer(enum vm_type format)
{
    return format == VM_F16 ? VM_I16 : format == VM_F32 ? VM_I32 : VM_I64;
}

// The low bits of Vn, those of the format, as an i64.
static inline vm_ir_value a64_fp_bits(struct a64_translate *t, enum vm_type format, unsigned n)
{
    uint32_t attr = VM_IR_LANES(a64_fp_integer(format), VM_IR_WHOLE);
    return vm_ir_vget(t->b, VM_V128, attr, a64_v(t, n));
}

// Writes Vd: the low bits of an i64, the rest 0.
static inline void a64_set_fp_bits(struct a64_translate *t, enum vm_type format, unsigned d,
                                   vm_ir_value bits)
{
    uint32_t attr = VM_IR_LANES(a64_fp_integer(format), VM_IR_WHOLE);
    a64_set_v(t, d, vm_ir_vlow(t->b, VM_V128, attr, bits));
}

static inline vm_ir_value a64_fp_of_bits(struct a64_translate *t, enum vm_type format,
                                         vm_ir_value bits)
{
    if (format != VM_F64)
        bits = vm_ir_trunc(t->b, a64_fp_integer(format), bits);
    return vm_ir_bitsf(t->b, format, bits);
}

static inline vm_ir_value a64_bits_of_fp(struct a64_translate *t, enum vm_type format,
                                         vm_ir_value v)
{
    vm_ir_value bits = vm_ir_fbits(t->b, format, v);
    return format == VM_F64 ? bits : vm_ir_zext(t->b, VM_I64, bits);
}

static inline vm_ir_value a64_fp(struct a64_translate *t, enum vm_type format, unsigned n)
{
    return a64_fp_of_bits(t, format, a64_fp_bits(t, format, n));
}

static inline void a64_set_fp(struct a64_translate *t, enum vm_type format, unsigned d,
                              vm_ir_value v)
{
    a64_set_fp_bits(t, format, d, a64_bits_of_fp(t, format, v));
}

// Attributes of FP ops with a rounding mode of the instruction's own, and with a rule of min/max or
// of conversion to integers.
static inline uint32_t a64_fp_rounded(uint32_t attr, enum vm_fp_round round)
{
    return (attr & ~(7u << VM_IR_FP_ROUND_SHIFT)) | (uint32_t)round << VM_IR_FP_ROUND_SHIFT;
}

static inline uint32_t a64_fp_rule(uint32_t attr, unsigned rule)
{
    return attr | rule << VM_IR_FP_RULE_SHIFT;
}

// What is computed of a vector: rows of scalar instructions set op.
static inline enum vm_ir_extent a64_fp_extent(const struct a64_args *a)
{
    return a->op ? VM_IR_LANE0 : a->q ? VM_IR_WHOLE : VM_IR_HALF;
}

// The attribute words of vector ops, on floats and on integers as wide as these.
static inline uint32_t a64_fp_lanes(const struct a64_args *a)
{
    return VM_IR_LANES(a64_fp_format(a->size), a64_fp_extent(a));
}

static inline uint32_t a64_fp_int_lanes(const struct a64_args *a)
{
    return VM_IR_LANES(a64_fp_integer(a64_fp_format(a->size)), a64_fp_extent(a));
}

// A vector that has the bits in every lane of the format.
static inline vm_ir_value a64_fp_splat(struct a64_translate *t, enum vm_type format, uint64_t bits)
{
    uint32_t attr = VM_IR_LANES(a64_fp_integer(format), VM_IR_WHOLE);
    return vm_ir_vsplat(t->b, VM_V128, attr, a64_imm(t, bits));
}

// Calls a helper on the instruction's registers, with the lanes of its extent (sem_fp_vector.c).
struct a64_fp_insn a64_fp_operands(const struct a64_args *a);
void a64_fp_call(struct a64_translate *t, enum a64_helper helper, struct a64_fp_insn lanes);

#endif
