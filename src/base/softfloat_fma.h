// SPDX-License-Identifier: MIT
//
// Softfloat's fused multiply-add, forced inline for each format: the exact product and the addend
// as 128-bit fractions. IEEE 754-2019, 5.4.1; ARM FPMulAdd; SDM volume 1, 14.5.
#ifndef BASE_SOFTFLOAT_FMA_H
#define BASE_SOFTFLOAT_FMA_H

#include "softfloat_core.h"

// As struct fp_parts, of a finite, non-zero number, with bit 127 leading.
struct fp_wide {
    unsigned __int128 frac;
    int32_t exp;
    bool sign;
};

static VM_ALWAYS_INLINE unsigned __int128 fp_shift_jam_wide(unsigned __int128 v, uint32_t n)
{
    if (VM_UNLIKELY(n > 127))
        return v != 0;
    unsigned __int128 r = v >> n;
    return r | (r << n != v);
}

static VM_ALWAYS_INLINE struct fp_wide fp_product(struct fp_parts x, struct fp_parts y)
{
    unsigned __int128 p = (unsigned __int128)x.frac * y.frac;
    unsigned up = (unsigned)(p >> 127);
    return (struct fp_wide){p << (1 - up), x.exp + y.exp + (int32_t)up, x.sign ^ y.sign};
}

static VM_ALWAYS_INLINE uint64_t fp_pack_wide(struct fp_format f, struct vm_fp_env *env,
                                              struct fp_wide w)
{
    uint64_t high = (uint64_t)(w.frac >> 64), low = (uint64_t)w.frac;
    struct fp_parts p = {.frac = high | (low != 0), .exp = w.exp, .sign = w.sign};
    return fp_round_pack(f, env, p, true);
}

// As fp_add_magnitudes: the product ends in 22 zero bits or more, so that again nothing is jammed
// where cancellation could move the sticky bit up to where it would round.
static VM_ALWAYS_INLINE uint64_t fp_add_wide(struct fp_format f, struct vm_fp_env *env,
                                             struct fp_wide big, struct fp_wide small)
{
    uint32_t distance = (uint32_t)(big.exp - small.exp);
    if (big.sign == small.sign) {
        unsigned __int128 sum = (big.frac >> 1) + fp_shift_jam_wide(small.frac, distance + 1);
        unsigned up = (unsigned)(sum >> 127);
        big.frac = sum << (1 - up);
        big.exp += (int32_t)up;
    } else {
        big.frac -= fp_shift_jam_wide(small.frac, distance);
        if (big.frac == 0)
            return fp_zero(f, env->round == VM_FP_RDN);
        uint64_t high = (uint64_t)(big.frac >> 64);
        unsigned zeros = high ? vm_clz64(high) : 64 + vm_clz64((uint64_t)big.frac);
        big.frac <<= zeros;
        big.exp -= (int32_t)zeros;
    }
    return fp_pack_wide(f, env, big);
}

static VM_ALWAYS_INLINE uint64_t fp_fma_nan(struct fp_format f, struct vm_fp_env *env, uint64_t a,
                                            uint64_t b, uint64_t c, bool inf_times_zero)
{
    if (inf_times_zero && env->nan != VM_FP_NAN_X86 && !fp_is_snan(f, c))
        return vm_fp_invalid(f, env);
    if (env->nan == VM_FP_NAN_ARM)
        return vm_fp_nan_result(f, env, (const uint64_t[]){c, a, b}, 3);
    return vm_fp_nan_result(f, env, (const uint64_t[]){a, b, c}, 3);
}

static VM_ALWAYS_INLINE uint64_t fp_fma(struct fp_format f, uint64_t a, uint64_t b, uint64_t c,
                                        struct vm_fp_env *env)
{
    struct fp_parts x = fp_unpack(f, a, env, true), y = fp_unpack(f, b, env, true);
    struct fp_parts z = fp_unpack(f, c, env, true);
    unsigned factors = x.kind | y.kind, kinds = factors | z.kind;
    bool sign = x.sign ^ y.sign;
    if (VM_UNLIKELY(kinds)) {
        bool inf_times_zero = !(factors & FP_NAN) && factors & FP_INF && factors & FP_ZERO;
        if (kinds & FP_NAN)
            return fp_fma_nan(f, env, a, b, c, inf_times_zero);
        if (inf_times_zero || (factors & z.kind & FP_INF && sign != z.sign))
            return vm_fp_invalid(f, env);
        if (kinds & FP_SUBNORMAL)
            fp_subnormal_used(f, env);
        if (kinds & FP_INF)
            return fp_inf(f, factors & FP_INF ? sign : z.sign);
        if (factors & FP_ZERO && z.kind == FP_ZERO)
            return fp_zero(f, sign == z.sign ? sign : env->round == VM_FP_RDN);
        if (factors & FP_ZERO)
            return fp_round_pack(f, env, z, true);
        if (z.kind == FP_ZERO)
            return fp_pack_wide(f, env, fp_product(x, y));
    }
    struct fp_wide product = fp_product(x, y);
    struct fp_wide addend = {(unsigned __int128)z.frac << 64, z.exp, z.sign};
    bool swap =
        product.exp < addend.exp || (product.exp == addend.exp && product.frac < addend.frac);
    return fp_add_wide(f, env, swap ? addend : product, swap ? product : addend);
}

#endif
