// SPDX-License-Identifier: MIT
//
// Softfloat's conversions, forced inline for each format: to and from integers, to an integer in
// the same format, between formats. IEEE 754-2019, 5.4.1, 5.8, 5.9.
#ifndef BASE_SOFTFLOAT_CONVERT_H
#define BASE_SOFTFLOAT_CONVERT_H

#include "softfloat_core.h"

// The fraction's integer value, rounded; p is finite and below 2^64 in magnitude before rounding.
static VM_ALWAYS_INLINE struct fp_rounded fp_integer(struct fp_parts p, uint8_t round)
{
    if (p.kind == FP_ZERO)
        return (struct fp_rounded){0, false};
    if (p.exp == 63)
        return (struct fp_rounded){p.frac, false};
    return fp_round_shift(p.frac, (uint32_t)(63 - p.exp), round, p.sign);
}

// The largest magnitude of an integer of `bits` bits.
static VM_ALWAYS_INLINE uint64_t fp_int_limit(unsigned bits, bool is_signed, bool negative)
{
    if (is_signed)
        return vm_mask(bits - 1) + negative;
    return negative ? 0 : vm_mask(bits);
}

// RISC-V "F", table of FCVT.W.S limits; ARM FPToFixed; SDM: CVTSS2SI, VCVTSS2USI.
static VM_ALWAYS_INLINE uint64_t fp_int_invalid(struct vm_fp_env *env, enum vm_fp_int_rule rule,
                                                unsigned bits, bool is_signed, struct fp_parts p)
{
    fp_raise(env, VM_FP_NV);
    if (rule == VM_FP_INT_X86)
        return is_signed ? fp_int_limit(bits, true, true) : vm_mask(bits);
    if (p.kind == FP_NAN && rule == VM_FP_INT_ARM)
        return 0;
    bool negative = p.sign && p.kind != FP_NAN;
    uint64_t limit = fp_int_limit(bits, is_signed, negative);
    return negative ? -limit : limit;
}

// The integer in the low `bits` bits of the result. x86 raises no DE here.
static VM_ALWAYS_INLINE uint64_t fp_to_int(struct fp_format f, uint64_t a, struct vm_fp_env *env,
                                           enum vm_fp_int_rule rule, unsigned bits, bool is_signed)
{
    struct fp_parts p = fp_unpack(f, a, env, true);
    if (p.kind & (FP_NAN | FP_INF) || p.exp > 63)
        return fp_int_invalid(env, rule, bits, is_signed, p);
    struct fp_rounded r = fp_integer(p, env->round);
    if (r.v > fp_int_limit(bits, is_signed, p.sign))
        return fp_int_invalid(env, rule, bits, is_signed, p);
    fp_raise(env, r.inexact ? VM_FP_NX : 0);
    return p.sign ? -r.v : r.v;
}

static VM_ALWAYS_INLINE uint64_t fp_from_int(struct fp_format f, uint64_t magnitude, bool negative,
                                             struct vm_fp_env *env)
{
    if (magnitude == 0)
        return 0;
    unsigned zeros = vm_clz64(magnitude);
    struct fp_parts p = {.frac = magnitude << zeros, .exp = 63 - (int32_t)zeros, .sign = negative};
    return fp_round_pack(f, env, p, true);
}

static VM_ALWAYS_INLINE uint64_t fp_from_signed(struct fp_format f, int64_t v,
                                                struct vm_fp_env *env)
{
    return fp_from_int(f, v < 0 ? -(uint64_t)v : (uint64_t)v, v < 0, env);
}

// RISC-V "Zfa" FROUND; ARM FPRoundInt; SDM: ROUNDSS, which raises no DE.
static VM_ALWAYS_INLINE uint64_t fp_round_to_integral(struct fp_format f, uint64_t a,
                                                      struct vm_fp_env *env, bool exact)
{
    struct fp_parts p = fp_unpack(f, a, env, true);
    if (p.kind == FP_NAN)
        return vm_fp_nan_result(f, env, &a, 1);
    if (p.kind == FP_ZERO)
        return fp_zero(f, p.sign);
    if (p.kind == FP_INF || p.exp >= f.frac_bits)
        return a;
    struct fp_rounded r = fp_integer(p, env->round);
    fp_raise(env, exact && r.inexact ? VM_FP_NX : 0);
    if (r.v == 0)
        return fp_zero(f, p.sign);
    return fp_from_int(f, r.v, p.sign, env); // exact: r.v has at most frac_bits + 1 bits
}

// ARM FPConvertNaN, SDM volume 1, table 4-7: sign and the high payload bits survive.
static VM_ALWAYS_INLINE uint64_t fp_convert_nan(struct fp_format to, struct fp_format from,
                                                uint64_t a, struct vm_fp_env *env)
{
    uint64_t nan = vm_fp_nan_result(from, env, &a, 1);
    uint64_t payload = nan << (64 - from.frac_bits) >> (64 - to.frac_bits);
    return fp_inf(to, nan & fp_sign_bit(from)) | payload;
}

// `flush_from`, `flush_to`: the operand, the result is subject to env->flush_input, flush_output.
static VM_ALWAYS_INLINE uint64_t fp_convert(struct fp_format to, struct fp_format from, uint64_t a,
                                            struct vm_fp_env *env, bool flush_from, bool flush_to)
{
    struct fp_parts p = fp_unpack(from, a, env, flush_from);
    if (VM_UNLIKELY(p.kind == FP_NAN))
        return fp_convert_nan(to, from, a, env);
    if (VM_UNLIKELY(p.kind == FP_SUBNORMAL && flush_from))
        fp_subnormal_used(from, env);
    if (VM_UNLIKELY(p.kind == FP_INF))
        return fp_inf(to, p.sign);
    if (VM_UNLIKELY(p.kind == FP_ZERO))
        return fp_zero(to, p.sign);
    return fp_round_pack(to, env, p, flush_to);
}

#endif
