// SPDX-License-Identifier: MIT
//
// Helpers of floating-point conversions: formats, with alternative half precision and BFloat16;
// fixed-point numbers; FRINT32 and FRINT64. The manual, J1.3: FPConvert, FPConvertBF, FPToFixed,
// FixedToFP, FPRoundIntN.
#include "fpcr.h"
#include "help_fp.h"

// What is exact raises nothing, whatever FPCR says.
static const struct vm_fp_env neutral = {.nan = VM_FP_NAN_ARM, .tininess_before = 1};

// --- between formats ---

static uint64_t convert(unsigned to, unsigned from, uint64_t v, struct vm_fp_env *env)
{
    if (from == A64_FP_HALF)
        return to == A64_FP_DOUBLE ? vm_f16_to_f64((uint16_t)v, env)
                                   : vm_f16_to_f32((uint16_t)v, env);
    if (from == A64_FP_DOUBLE)
        return to == A64_FP_HALF ? vm_f64_to_f16(v, env) : vm_f64_to_f32(v, env);
    switch (to) {
    case A64_FP_HALF: return vm_f32_to_f16((uint32_t)v, env);
    case A64_FP_BFLOAT: return vm_f32_to_bf16((uint32_t)v, env);
    default: return vm_f32_to_f64((uint32_t)v, env);
    }
}

// Alternative half precision has numbers where the IEEE format has infinities and NaNs: those are
// converted at half their value.
static uint64_t from_alternative(unsigned to, uint64_t v, struct vm_fp_env *env)
{
    uint64_t one_up = (uint64_t)1 << a64_fp_fraction_bits(to);
    uint64_t half_one_up = 1u << a64_fp_fraction_bits(A64_FP_HALF);
    if (a64_fp_magnitude(A64_FP_HALF, v) < a64_fp_infinity(A64_FP_HALF))
        return convert(to, A64_FP_HALF, v, env);
    return convert(to, A64_FP_HALF, v - half_one_up, env) + one_up;
}

static uint64_t to_alternative(unsigned from, uint64_t v, struct vm_fp_env *env)
{
    uint64_t magnitude = a64_fp_magnitude(from, v), sign = v == magnitude ? 0 : 0x8000;
    uint64_t one_up = (uint64_t)1 << a64_fp_fraction_bits(from);
    struct vm_fp_env e = *env;
    if (a64_fp_is_nan(from, v)) {
        env->flags |= VM_FP_NV;
        return sign;
    }
    if (magnitude < a64_fp_power(from, 15))
        return convert(A64_FP_HALF, from, v, env);
    e.flags = 0;
    uint64_t half = magnitude == a64_fp_infinity(from) ? v : v - one_up;
    uint64_t r = convert(A64_FP_HALF, from, half, &e);
    if (e.flags & VM_FP_OF || magnitude == a64_fp_infinity(from)) {
        env->flags |= VM_FP_NV;
        return sign | 0x7fff;
    }
    env->flags |= e.flags;
    return r + (1u << a64_fp_fraction_bits(A64_FP_HALF));
}

static uint64_t convert_by_fpcr(const struct a64_fp_insn *l, uint64_t v, struct vm_arm64_state *s)
{
    bool alternative = s->fpcr & A64_FPCR_AHP;
    if (alternative && l->size == A64_FP_HALF)
        return to_alternative(l->imm, v, &s->fp);
    if (alternative && l->imm == A64_FP_HALF)
        return from_alternative(l->size, v, &s->fp);
    return convert(l->size, l->imm, v, &s->fp);
}

// size: the result's format; imm: the operand's.
uint64_t a64_help_fp_format(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_arm64_state *s = a64_state(vcpu);
    struct a64_fp_insn l = a64_fp_unpack(a);
    unsigned from = a64_fp_width(l.imm), to = a64_fp_width(l.size);
    unsigned first = l.op & A64_FP_FROM_HIGH ? 64 / from : 0;
    unsigned at = l.op & A64_FP_TO_HIGH ? 64 / to : 0;
    vm_u128 n = s->v[l.n], r = {at ? s->v[l.d].lo : 0, 0};
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < l.count; i++)
        a64_fp_set_lane(&r, to, at + i, convert_by_fpcr(&l, a64_fp_lane(n, from, first + i), s));
    s->v[l.d] = r;
    return 0;
}

// --- fixed point ---

// The number times 2^fraction as f64. What overflows is too large for any integer.
static uint64_t scaled(unsigned size, uint64_t v, int fraction)
{
    struct vm_fp_env e = neutral;
    uint64_t x = size == A64_FP_DOUBLE ? v : convert(A64_FP_DOUBLE, size, v, &e);
    return vm_f64_mul(x, a64_fp_power(A64_FP_DOUBLE, fraction), &e);
}

uint64_t a64_fp_to_fixed(unsigned size, uint64_t v, unsigned fraction, unsigned bits,
                         bool is_signed, struct vm_fp_env *env)
{
    struct vm_fp_env e = neutral;
    e.round = VM_FP_RTZ;
    uint64_t x = scaled(size, a64_fp_flush(size, v, env), (int)fraction);
    uint64_t r = is_signed ? (uint64_t)vm_f64_to_i64(x, &e, VM_FP_INT_ARM)
                           : vm_f64_to_u64(x, &e, VM_FP_INT_ARM);
    uint64_t most = vm_mask(is_signed ? bits - 1 : bits), least = is_signed ? ~most : 0;
    if (is_signed ? (int64_t)r > (int64_t)most : r > most) {
        r = most;
        e.flags = VM_FP_NV;
    } else if (is_signed && (int64_t)r < (int64_t)least) {
        r = least;
        e.flags = VM_FP_NV;
    }
    env->flags |= e.flags;
    return r & vm_mask(bits);
}

// To half precision: by way of f64 rounded to odd, which keeps what the second rounding must know.
uint64_t a64_fp_of_fixed(uint64_t v, unsigned fraction, unsigned bits, bool is_signed,
                         struct vm_fp_env *env)
{
    struct vm_fp_env odd = neutral, e = *env;
    odd.round = VM_FP_ODD;
    uint64_t x = is_signed ? vm_f64_from_i64((int64_t)vm_sign_extend(v, bits), &odd)
                           : vm_f64_from_u64(v & vm_mask(bits), &odd);
    x = scaled(A64_FP_DOUBLE, x, -(int)fraction);
    uint64_t magnitude = a64_fp_magnitude(A64_FP_DOUBLE, x);
    if (env->flush_output_f16 && magnitude && magnitude < a64_fp_power(A64_FP_DOUBLE, -14)) {
        env->flags |= VM_FP_UF;
        return x == magnitude ? 0 : 0x8000;
    }
    uint64_t r = vm_f64_to_f16(x, &e);
    env->flags |= e.flags;
    return r;
}

// how: size, sf << 2, fraction bits << 3.
struct fixed {
    unsigned size, bits, fraction;
};

static struct fixed fixed_of(uint64_t how)
{
    return (struct fixed){how & 3, how & 4 ? 64 : 32, (unsigned)(how >> 3)};
}

uint64_t a64_help_fp_to_fixed_s(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct fixed f = fixed_of(b);
    (void)c;
    (void)d;
    return a64_fp_to_fixed(f.size, a, f.fraction, f.bits, true, &a64_state(vcpu)->fp);
}

uint64_t a64_help_fp_to_fixed_u(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct fixed f = fixed_of(b);
    (void)c;
    (void)d;
    return a64_fp_to_fixed(f.size, a, f.fraction, f.bits, false, &a64_state(vcpu)->fp);
}

uint64_t a64_help_fp_of_fixed_s(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct fixed f = fixed_of(b);
    (void)c;
    (void)d;
    return a64_fp_of_fixed(a, f.fraction, f.bits, true, &a64_state(vcpu)->fp);
}

uint64_t a64_help_fp_of_fixed_u(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct fixed f = fixed_of(b);
    (void)c;
    (void)d;
    return a64_fp_of_fixed(a, f.fraction, f.bits, false, &a64_state(vcpu)->fp);
}

// --- rounding to what an integer holds ---

// Single and double precision. What does not fit becomes the most negative integer.
uint64_t a64_fp_round_to(unsigned size, uint64_t v, unsigned bits, struct vm_fp_env *env)
{
    struct vm_fp_env e = *env, exact = neutral;
    int64_t n;
    e.flags = 0;
    if (size == A64_FP_DOUBLE)
        n = bits == 32 ? vm_f64_to_i32(v, &e, VM_FP_INT_ARM) : vm_f64_to_i64(v, &e, VM_FP_INT_ARM);
    else
        n = bits == 32 ? vm_f32_to_i32((uint32_t)v, &e, VM_FP_INT_ARM)
                       : vm_f32_to_i64((uint32_t)v, &e, VM_FP_INT_ARM);
    env->flags |= e.flags;
    if (e.flags & VM_FP_NV)
        return a64_fp_sign_bit(size) | a64_fp_power(size, (int)bits - 1);
    if (n == 0)
        return v & a64_fp_sign_bit(size);
    return size == A64_FP_DOUBLE ? vm_f64_from_i64(n, &exact) : vm_f32_from_i64(n, &exact);
}
