// SPDX-License-Identifier: MIT
//
// Softfloat's comparisons, minima and classes, forced inline for each format: work on the bit
// patterns, whose order as sign and magnitude is the order of the numbers.
#ifndef BASE_SOFTFLOAT_COMPARE_H
#define BASE_SOFTFLOAT_COMPARE_H

#include "softfloat_core.h"

// Integers in the order of the numbers v; -0 is one below +0.
static VM_ALWAYS_INLINE int64_t fp_key(struct fp_format f, uint64_t v)
{
    int64_t magnitude = (int64_t)(v & ~fp_sign_bit(f));
    return v & fp_sign_bit(f) ? ~magnitude : magnitude;
}

static VM_ALWAYS_INLINE bool fp_both_zero(struct fp_format f, uint64_t a, uint64_t b)
{
    return ((a | b) & ~fp_sign_bit(f)) == 0;
}

// IEEE 754-2019, 5.11; ARM FPCompare; SDM: UCOMISS (quiet), COMISS (signalling).
static VM_ALWAYS_INLINE enum vm_fp_relation fp_compare(struct fp_format f, uint64_t a, uint64_t b,
                                                       struct vm_fp_env *env, bool signaling)
{
    a = fp_flush_input(f, a, env);
    b = fp_flush_input(f, b, env);
    if (VM_UNLIKELY(fp_is_nan(f, a) || fp_is_nan(f, b))) {
        if (signaling || fp_is_snan(f, a) || fp_is_snan(f, b))
            fp_raise(env, VM_FP_NV);
        return VM_FP_UNORDERED;
    }
    if (VM_UNLIKELY(fp_is_subnormal(f, a) || fp_is_subnormal(f, b)))
        fp_subnormal_used(f, env);
    if (a == b || fp_both_zero(f, a, b))
        return VM_FP_EQUAL;
    return fp_key(f, a) < fp_key(f, b) ? VM_FP_LESS : VM_FP_GREATER;
}

static VM_ALWAYS_INLINE uint64_t fp_minmax_nan(struct fp_format f, uint64_t a, uint64_t b,
                                               struct vm_fp_env *env, enum vm_fp_minmax kind)
{
    bool snan = fp_is_snan(f, a) || fp_is_snan(f, b);
    if (kind == VM_FP_X86) {
        fp_raise(env, VM_FP_NV);
        return b;
    }
    bool one_number = fp_is_nan(f, a) != fp_is_nan(f, b);
    if (one_number && (kind == VM_FP_NUMBER_2019 || (kind == VM_FP_NUMBER_2008 && !snan))) {
        fp_raise(env, snan ? VM_FP_NV : 0);
        return fp_is_nan(f, a) ? b : a;
    }
    return vm_fp_nan_result(f, env, (const uint64_t[]){a, b}, 2);
}

// RISC-V "F" FMIN and "Zfa" FMINM; ARM FPMin and FPMinNum; SDM: MINSS.
static VM_ALWAYS_INLINE uint64_t fp_minmax(struct fp_format f, uint64_t a, uint64_t b,
                                           struct vm_fp_env *env, enum vm_fp_minmax kind, bool max)
{
    a = fp_flush_input(f, a, env);
    b = fp_flush_input(f, b, env);
    if (VM_UNLIKELY(fp_is_nan(f, a) || fp_is_nan(f, b)))
        return fp_minmax_nan(f, a, b, env, kind);
    if (VM_UNLIKELY(fp_is_subnormal(f, a) || fp_is_subnormal(f, b)))
        fp_subnormal_used(f, env);
    if (kind == VM_FP_X86 && fp_both_zero(f, a, b))
        return b;
    int64_t x = fp_key(f, a), y = fp_key(f, b);
    return (max ? x > y : x < y) ? a : b;
}

// RISC-V "F", FCLASS.
static VM_ALWAYS_INLINE uint32_t fp_classify(struct fp_format f, uint64_t v)
{
    uint64_t magnitude = v & ~fp_sign_bit(f);
    bool negative = v & fp_sign_bit(f);
    if (fp_is_nan(f, v))
        return fp_is_snan(f, v) ? VM_FP_CLASS_SNAN : VM_FP_CLASS_QNAN;
    if (magnitude == fp_inf(f, false))
        return negative ? VM_FP_CLASS_NEG_INF : VM_FP_CLASS_POS_INF;
    if (magnitude == 0)
        return negative ? VM_FP_CLASS_NEG_ZERO : VM_FP_CLASS_POS_ZERO;
    if (fp_is_subnormal(f, v))
        return negative ? VM_FP_CLASS_NEG_SUBNORMAL : VM_FP_CLASS_POS_SUBNORMAL;
    return negative ? VM_FP_CLASS_NEG_NORMAL : VM_FP_CLASS_POS_NORMAL;
}

#endif
