// SPDX-License-Identifier: MIT
//
// Scalar floating-point moves and arithmetic: the manual, "Floating-point data-processing (1
// source)" to "(3 source)", "Floating-point immediate", and FMOV (general).
#include "sem_fp.h"

// --- moves and signs: on bit patterns ---

A64_SEMANTIC(fmov_register)
{
    enum vm_type f = a64_fp_format(a->size);
    a64_set_fp_bits(t, f, a->rd, a64_fp_bits(t, f, a->rn));
}

A64_SEMANTIC(fmov_immediate)
{
    uint64_t bits = a64_fp_constant(a->size, (unsigned)a->imm);
    a64_set_fp_bits(t, a64_fp_format(a->size), a->rd, a64_imm(t, bits));
}

A64_SEMANTIC(fmov_to_general)
{
    a64_set_x(t, a->rd, a64_fp_bits(t, a64_fp_format(a->size), a->rn));
}

A64_SEMANTIC(fmov_from_general)
{
    a64_set_fp_bits(t, a64_fp_format(a->size), a->rd, a64_x(t, a->rn));
}

static const uint32_t top_half = VM_IR_LANES(VM_I64, VM_IR_WHOLE) | VM_IR_VIMM(1);

A64_SEMANTIC(fmov_to_general_top)
{
    a64_set_x(t, a->rd, vm_ir_vget(t->b, VM_V128, top_half, a64_v(t, a->rn)));
}

A64_SEMANTIC(fmov_from_general_top)
{
    vm_ir_value x = a64_x(t, a->rn), old = a64_v(t, a->rd);
    a64_set_v(t, a->rd, vm_ir_vset(t->b, VM_V128, top_half, old, x));
}

A64_SEMANTIC(fabs_scalar)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value mask = a64_imm(t, a64_fp_sign_bit(a->size) - 1), x = a64_fp_bits(t, f, a->rn);
    a64_set_fp_bits(t, f, a->rd, vm_ir_and(t->b, VM_I64, x, mask));
}

static vm_ir_value negate(struct a64_translate *t, unsigned size, vm_ir_value bits)
{
    return vm_ir_xor(t->b, VM_I64, bits, a64_imm(t, a64_fp_sign_bit(size)));
}

A64_SEMANTIC(fneg_scalar)
{
    enum vm_type f = a64_fp_format(a->size);
    a64_set_fp_bits(t, f, a->rd, negate(t, a->size, a64_fp_bits(t, f, a->rn)));
}

// --- arithmetic ---

static void one(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                uint32_t attr)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value x = a64_fp(t, f, a->rn);
    a64_set_fp(t, f, a->rd, vm_ir_emit(t->b, code, f, attr, 0, x, VM_IR_NONE, VM_IR_NONE));
}

static vm_ir_value two(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                       uint32_t attr)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value x = a64_fp(t, f, a->rn), y = a64_fp(t, f, a->rm);
    return vm_ir_emit(t->b, code, f, attr, 0, x, y, VM_IR_NONE);
}

static void multiply_add(struct a64_translate *t, const struct a64_args *a, uint32_t signs)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value x = a64_fp(t, f, a->rn), y = a64_fp(t, f, a->rm), z = a64_fp(t, f, a->ra);
    a64_set_fp(t, f, a->rd, vm_ir_fma(t->b, f, a64_fp_attr(t) | signs, x, y, z));
}

#define ONE(name, code, attr)          \
    A64_SEMANTIC(name##_scalar)        \
    {                                  \
        one(t, a, VM_IR_##code, attr); \
    }
#define TWO(name, code, attr)                                                        \
    A64_SEMANTIC(name##_scalar)                                                      \
    {                                                                                \
        a64_set_fp(t, a64_fp_format(a->size), a->rd, two(t, a, VM_IR_##code, attr)); \
    }
#define MULTIPLY_ADD(name, signs)  \
    A64_SEMANTIC(name)             \
    {                              \
        multiply_add(t, a, signs); \
    }

ONE(fsqrt, fsqrt, a64_fp_attr(t))
ONE(frintn, fround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RNE))
ONE(frintp, fround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RUP))
ONE(frintm, fround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RDN))
ONE(frintz, fround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RTZ))
ONE(frinta, fround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RMM))
ONE(frinti, fround, a64_fp_attr(t))
ONE(frintx, fround, a64_fp_attr(t) | VM_IR_FP_EXACT)

TWO(fadd, fadd, a64_fp_attr(t))
TWO(fsub, fsub, a64_fp_attr(t))
TWO(fmul, fmul, a64_fp_attr(t))
TWO(fdiv, fdiv, a64_fp_attr(t))
TWO(fmax, fmax, a64_fp_rule(a64_fp_attr(t), VM_FP_PROPAGATE_2019))
TWO(fmin, fmin, a64_fp_rule(a64_fp_attr(t), VM_FP_PROPAGATE_2019))
TWO(fmaxnm, fmax, a64_fp_rule(a64_fp_attr(t), VM_FP_NUMBER_2008))
TWO(fminnm, fmin, a64_fp_rule(a64_fp_attr(t), VM_FP_NUMBER_2008))

// The sign of a NaN is negated too.
A64_SEMANTIC(fnmul_scalar)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value product = two(t, a, VM_IR_fmul, a64_fp_attr(t));
    a64_set_fp_bits(t, f, a->rd, negate(t, a->size, a64_bits_of_fp(t, f, product)));
}

MULTIPLY_ADD(fmadd, 0)
MULTIPLY_ADD(fmsub, VM_IR_FP_NEG_PRODUCT)
MULTIPLY_ADD(fnmadd, VM_IR_FP_NEG_PRODUCT | VM_IR_FP_NEG_ADDEND)
MULTIPLY_ADD(fnmsub, VM_IR_FP_NEG_ADDEND)
