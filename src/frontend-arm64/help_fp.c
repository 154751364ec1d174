// SPDX-License-Identifier: MIT
//
// Helpers of floating point, lane by lane: the fused steps of Newton's iterations, FMULX, and the
// dispatch of what other files compute. The manual, J1.3 "shared/functions/float". They work in the
// FP environment, which is what FPCR says.
#include "help_fp.h"

// --- softfloat by format ---

static uint64_t multiply(unsigned size, uint64_t a, uint64_t b, struct vm_fp_env *env)
{
    switch (size) {
    case A64_FP_HALF: return vm_f16_mul((uint16_t)a, (uint16_t)b, env);
    case A64_FP_DOUBLE: return vm_f64_mul(a, b, env);
    default: return vm_f32_mul((uint32_t)a, (uint32_t)b, env);
    }
}

static uint64_t multiply_add(unsigned size, uint64_t a, uint64_t b, uint64_t c,
                             struct vm_fp_env *env)
{
    switch (size) {
    case A64_FP_HALF: return vm_f16_fma((uint16_t)a, (uint16_t)b, (uint16_t)c, env);
    case A64_FP_DOUBLE: return vm_f64_fma(a, b, c, env);
    default: return vm_f32_fma((uint32_t)a, (uint32_t)b, (uint32_t)c, env);
    }
}

uint64_t a64_fp_constant(unsigned size, unsigned imm8)
{
    unsigned fraction = a64_fp_fraction_bits(size);
    int exponent = (int)((imm8 >> 4 & 7) ^ 4) - 3; // NOT(b):c:d, from -3 to 4
    uint64_t magnitude = a64_fp_power(size, exponent) | (uint64_t)(imm8 & 15) << (fraction - 4);
    return magnitude | (imm8 & 0x80 ? a64_fp_sign_bit(size) : 0);
}

uint64_t a64_fp_invalid(unsigned size, struct vm_fp_env *env)
{
    env->flags |= VM_FP_NV;
    return a64_fp_infinity(size) | (uint64_t)1 << (a64_fp_fraction_bits(size) - 1);
}

uint64_t a64_fp_one_nan(unsigned size, uint64_t v, struct vm_fp_env *env)
{
    uint64_t quiet = (uint64_t)1 << (a64_fp_fraction_bits(size) - 1);
    if (!(v & quiet))
        env->flags |= VM_FP_NV;
    return env->nan == VM_FP_NAN_DEFAULT ? a64_fp_infinity(size) | quiet : v | quiet;
}

uint64_t a64_fp_flush(unsigned size, uint64_t v, struct vm_fp_env *env)
{
    uint8_t rule = size == A64_FP_HALF ? env->flush_input_f16 : env->flush_input;
    uint64_t magnitude = a64_fp_magnitude(size, v);
    if (rule == VM_FP_INPUT_KEEP || !magnitude || magnitude >> a64_fp_fraction_bits(size))
        return v;
    env->flags |= rule == VM_FP_INPUT_FLUSH ? VM_FP_ID : 0;
    return v - magnitude;
}

// --- operations on two operands ---

// Infinity times zero.
static bool is_invalid_product(unsigned size, uint64_t a, uint64_t b)
{
    uint64_t x = a64_fp_magnitude(size, a), y = a64_fp_magnitude(size, b);
    uint64_t infinity = a64_fp_infinity(size);
    return (x == infinity && y == 0) || (x == 0 && y == infinity);
}

// FPMulX
static uint64_t fmulx(unsigned size, uint64_t a, uint64_t b, struct vm_fp_env *env)
{
    a = a64_fp_flush(size, a, env);
    b = a64_fp_flush(size, b, env);
    if (is_invalid_product(size, a, b))
        return a64_fp_power(size, 1) | ((a ^ b) & a64_fp_sign_bit(size));
    return multiply(size, a, b, env);
}

// FPRecipStepFused: 2 - a*b.
static uint64_t frecps(unsigned size, uint64_t a, uint64_t b, struct vm_fp_env *env)
{
    uint64_t two = a64_fp_power(size, 1);
    a = a64_fp_flush(size, a ^ a64_fp_sign_bit(size), env);
    b = a64_fp_flush(size, b, env);
    return is_invalid_product(size, a, b) ? two : multiply_add(size, a, b, two, env);
}

// FPRSqrtStepFused: (3 - a*b) / 2, rounded once. Halving one factor and the 3 gives that, since the
// factor taken is a normal number and stays one; where neither is above the smallest normal numbers
// the product is too small for its halving to matter.
static uint64_t frsqrts(unsigned size, uint64_t a, uint64_t b, struct vm_fp_env *env)
{
    unsigned fraction = a64_fp_fraction_bits(size);
    uint64_t three_halves = a64_fp_power(size, 0) | (uint64_t)1 << (fraction - 1);
    a = a64_fp_flush(size, a ^ a64_fp_sign_bit(size), env);
    b = a64_fp_flush(size, b, env);
    if (is_invalid_product(size, a, b))
        return three_halves;
    bool a_larger = a64_fp_magnitude(size, a) > a64_fp_magnitude(size, b);
    uint64_t infinity = a64_fp_infinity(size);
    uint64_t *factor = a_larger ? &a : &b;
    if (a64_fp_magnitude(size, *factor) >> fraction > 1 &&
        a64_fp_magnitude(size, *factor) < infinity)
        *factor -= (uint64_t)1 << fraction;
    return multiply_add(size, a, b, three_halves, env);
}

static uint64_t operate_two(unsigned op, unsigned size, uint64_t a, uint64_t b,
                            struct vm_fp_env *env)
{
    switch (op) {
    case A64_FP_FRECPS: return frecps(size, a, b, env);
    case A64_FP_FRSQRTS: return frsqrts(size, a, b, env);
    default: return fmulx(size, a, b, env);
    }
}

uint64_t a64_help_fp_three(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_arm64_state *s = a64_state(vcpu);
    struct a64_fp_insn l = a64_fp_unpack(a);
    unsigned bits = a64_fp_width(l.size);
    vm_u128 n = s->v[l.n], m = s->v[l.m], r = {0, 0};
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < l.count; i++) {
        uint64_t x = a64_fp_lane(n, bits, i), y = a64_fp_lane(m, bits, l.by_index ? l.index : i);
        a64_fp_set_lane(&r, bits, i, operate_two(l.op, l.size, x, y, &s->fp));
    }
    s->v[l.d] = r;
    return 0;
}

// --- operations on one operand ---

static uint64_t round_to(const struct a64_fp_insn *l, unsigned bits, uint64_t x,
                         struct vm_fp_env *env)
{
    struct vm_fp_env rounded = *env;
    if (l->imm != VM_IR_FP_DYNAMIC)
        rounded.round = l->imm;
    uint64_t r = a64_fp_round_to(l->size, x, bits, &rounded);
    env->flags = rounded.flags;
    return r;
}

static uint64_t operate_one(const struct a64_fp_insn *l, uint64_t x, struct vm_fp_env *env)
{
    unsigned bits = a64_fp_width(l->size);
    switch (l->op) {
    case A64_FP_FRECPE: return a64_fp_reciprocal(l->size, x, env);
    case A64_FP_FRSQRTE: return a64_fp_root_reciprocal(l->size, x, env);
    case A64_FP_FRECPX: return a64_fp_exponent_reciprocal(l->size, x, env);
    case A64_FP_URECPE: return a64_int_reciprocal((uint32_t)x);
    case A64_FP_URSQRTE: return a64_int_root_reciprocal((uint32_t)x);
    case A64_FP_FRINT32: return round_to(l, 32, x, env);
    case A64_FP_FRINT64: return round_to(l, 64, x, env);
    case A64_FP_FCVTZS: return a64_fp_to_fixed(l->size, x, l->imm, bits, true, env);
    case A64_FP_FCVTZU: return a64_fp_to_fixed(l->size, x, l->imm, bits, false, env);
    case A64_FP_SCVTF: return a64_fp_of_fixed(x, l->imm, bits, true, env);
    default: return a64_fp_of_fixed(x, l->imm, bits, false, env);
    }
}

uint64_t a64_help_fp_two(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_arm64_state *s = a64_state(vcpu);
    struct a64_fp_insn l = a64_fp_unpack(a);
    unsigned bits = a64_fp_width(l.size);
    vm_u128 n = s->v[l.n], r = {0, 0};
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < l.count; i++)
        a64_fp_set_lane(&r, bits, i, operate_one(&l, a64_fp_lane(n, bits, i), &s->fp));
    s->v[l.d] = r;
    return 0;
}
