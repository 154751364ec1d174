// SPDX-License-Identifier: MIT
//
// Softfloat's arithmetic, forced inline for each format: add, multiply, divide, square root, fused
// multiply-add. IEEE 754-2019, 5.4.1 and 6; NaN rules as softfloat.h says.
#ifndef BASE_SOFTFLOAT_ARITH_H
#define BASE_SOFTFLOAT_ARITH_H

#include "softfloat_core.h"

typedef unsigned __int128 fp_u128;

static VM_ALWAYS_INLINE uint64_t fp_nan2(struct fp_format f, struct vm_fp_env *env, uint64_t a,
                                         uint64_t b)
{
    return vm_fp_nan_result(f, env, (const uint64_t[]){a, b}, 2);
}

// The sign of an exact zero that is the sum of x and y (IEEE 754-2019, 6.3).
static VM_ALWAYS_INLINE bool fp_zero_sum_sign(const struct vm_fp_env *env, bool x, bool y)
{
    return x == y ? x : env->round == VM_FP_RDN;
}

// The larger and the smaller in magnitude of two finite, non-zero numbers.
static VM_ALWAYS_INLINE uint64_t fp_add_magnitudes(struct fp_format f, struct vm_fp_env *env,
                                                   struct fp_parts big, struct fp_parts small)
{
    uint32_t distance = (uint32_t)(big.exp - small.exp);
    if (big.sign == small.sign) {
        // Operands have zero bits at the bottom: one place down makes room for the carry.
        uint64_t sum = (big.frac >> 1) + fp_shift_jam(small.frac, distance + 1);
        unsigned up = sum >> 63;
        big.frac = sum << (1 - up);
        big.exp += (int32_t)up;
    } else {
        // Cancellation of more than one bit needs a distance below 2, where nothing is jammed.
        big.frac -= fp_shift_jam(small.frac, distance);
        if (big.frac == 0)
            return fp_zero(f, fp_zero_sum_sign(env, false, true));
        unsigned zeros = vm_clz64(big.frac);
        big.frac <<= zeros;
        big.exp -= (int32_t)zeros;
    }
    return fp_round_pack(f, env, big, true);
}

static VM_ALWAYS_INLINE uint64_t fp_add(struct fp_format f, uint64_t a, uint64_t b,
                                        struct vm_fp_env *env, bool subtract)
{
    struct fp_parts x = fp_unpack(f, a, env, true), y = fp_unpack(f, b, env, true);
    unsigned kinds = x.kind | y.kind;
    y.sign ^= subtract;
    if (VM_UNLIKELY(kinds)) {
        if (kinds & FP_NAN)
            return fp_nan2(f, env, a, b);
        if (x.kind & y.kind & FP_INF && x.sign != y.sign)
            return vm_fp_invalid(f, env);
        if (kinds & FP_SUBNORMAL)
            fp_subnormal_used(f, env);
        if (kinds & FP_INF)
            return fp_inf(f, x.kind == FP_INF ? x.sign : y.sign);
        if (x.kind & y.kind & FP_ZERO)
            return fp_zero(f, fp_zero_sum_sign(env, x.sign, y.sign));
        if (kinds & FP_ZERO)
            return fp_round_pack(f, env, x.kind == FP_ZERO ? y : x, true);
    }
    bool swap = x.exp < y.exp || (x.exp == y.exp && x.frac < y.frac);
    return fp_add_magnitudes(f, env, swap ? y : x, swap ? x : y);
}

static VM_ALWAYS_INLINE uint64_t fp_mul(struct fp_format f, uint64_t a, uint64_t b,
                                        struct vm_fp_env *env)
{
    struct fp_parts x = fp_unpack(f, a, env, true), y = fp_unpack(f, b, env, true);
    unsigned kinds = x.kind | y.kind;
    x.sign ^= y.sign;
    if (VM_UNLIKELY(kinds)) {
        if (kinds & FP_NAN)
            return fp_nan2(f, env, a, b);
        if (kinds & FP_INF && kinds & FP_ZERO)
            return vm_fp_invalid(f, env);
        if (kinds & FP_SUBNORMAL)
            fp_subnormal_used(f, env);
        if (kinds & FP_INF)
            return fp_inf(f, x.sign);
        if (kinds & FP_ZERO)
            return fp_zero(f, x.sign);
    }
    vm_u128 product = vm_mul_u64(x.frac, y.frac);
    unsigned up = product.hi >> 63;
    x.frac = (product.hi | (product.lo != 0)) << (1 - up);
    x.exp += y.exp + (int32_t)up;
    return fp_round_pack(f, env, x, true);
}

// n * 2^64 / d with a sticky bit, for n < d and bit 63 of d set: two steps of schoolbook division
// in base 2^32 (Knuth volume 2, 4.3.1, algorithm D), which need no 128-bit division.
static VM_ALWAYS_INLINE uint64_t fp_divide_wide(uint64_t n, uint64_t d)
{
    uint64_t d1 = d >> 32, d0 = d & UINT32_MAX, q = 0;
    for (int i = 0; i < 2; i++) {
        uint64_t digit = n / d1, rest = n % d1;
        while (rest <= UINT32_MAX && digit * d0 > rest << 32) { // digit <= 2^32 + 1: no overflow
            digit--;
            rest += d1;
        }
        n = (n << 32) - digit * d; // below d again, so that what wraps cancels out
        q = q << 32 | digit;
    }
    return q | (n != 0);
}

// The fraction of x / y, jammed, its leading bit at 63; x_less: x.frac < y.frac.
static VM_ALWAYS_INLINE uint64_t fp_divide(struct fp_format f, uint64_t x, uint64_t y, bool x_less)
{
    uint64_t n = x >> !x_less; // exact: operands have zero bits at the bottom
    if (f.frac_bits > 31)
        return fp_divide_wide(n, y);
    uint64_t d = y >> 32, q = n / d; // exact too, and q has 32 bits
    return q << 32 | (n != q * d);
}

static VM_ALWAYS_INLINE uint64_t fp_div(struct fp_format f, uint64_t a, uint64_t b,
                                        struct vm_fp_env *env)
{
    struct fp_parts x = fp_unpack(f, a, env, true), y = fp_unpack(f, b, env, true);
    unsigned kinds = x.kind | y.kind;
    x.sign ^= y.sign;
    if (VM_UNLIKELY(kinds)) {
        if (kinds & FP_NAN)
            return fp_nan2(f, env, a, b);
        if (x.kind & y.kind & (FP_INF | FP_ZERO))
            return vm_fp_invalid(f, env);
        if (y.kind == FP_ZERO && x.kind != FP_INF) {
            fp_raise(env, VM_FP_DZ);
            return fp_inf(f, x.sign);
        }
        if (kinds & FP_SUBNORMAL)
            fp_subnormal_used(f, env);
        if (x.kind == FP_INF)
            return fp_inf(f, x.sign);
        if (x.kind == FP_ZERO || y.kind == FP_INF)
            return fp_zero(f, x.sign);
    }
    bool less = x.frac < y.frac;
    x.frac = fp_divide(f, x.frac, y.frac, less);
    x.exp -= y.exp + less;
    return fp_round_pack(f, env, x, true);
}

// Square root with remainder: root^2 + rest == n, rest <= 2*root.
struct fp_root {
    uint64_t root, rest;
};

// For n >= 2^14, n < 2^16: one bit of the root at a time.
static VM_ALWAYS_INLINE struct fp_root fp_root16(uint64_t n)
{
    uint64_t root = 0;
    for (uint64_t bit = 0x80; bit; bit >>= 1) {
        if ((root | bit) * (root | bit) <= n)
            root |= bit;
    }
    return (struct fp_root){root, n - root * root};
}

// One doubling step (P. Zimmermann, "Karatsuba Square Root", 1999): from the root of n's high half
// to the root of n, which has 4*k bits, the top two not both zero.
static VM_ALWAYS_INLINE struct fp_root fp_root_step(struct fp_root high, uint64_t n, unsigned k)
{
    uint64_t mask = ((uint64_t)1 << k) - 1;
    uint64_t n0 = n & mask, n1 = n >> k & mask, dividend = high.rest << k | n1;
    uint64_t q = dividend / (2 * high.root), u = dividend % (2 * high.root);
    int64_t rest = (int64_t)((u << k | n0) - q * q);
    uint64_t root = (high.root << k) + q;
    if (rest < 0)
        rest += (int64_t)(2 * root-- - 1);
    return (struct fp_root){root, (uint64_t)rest};
}

static VM_ALWAYS_INLINE struct fp_root fp_root64(uint64_t n)
{
    struct fp_root r = fp_root_step(fp_root16(n >> 48), n >> 32, 8);
    return fp_root_step(r, n, 16);
}

// The root of n * 2^64, jammed; n has a zero bit at the bottom. The same step with 128-bit numbers;
// the division is halved so that its dividend fits, which loses nothing, since n * 2^64 is even. An
// exact root ends in 32 zero bits, so that one that comes out too large is never exact.
static VM_ALWAYS_INLINE uint64_t fp_root_wide(uint64_t n)
{
    struct fp_root high = fp_root64(n);
    uint64_t half = high.rest << 31, q = half / high.root, u = half % high.root * 2;
    uint64_t root = (high.root << 32) + q;
    fp_u128 square = (fp_u128)q * q, rest = (fp_u128)u << 32;
    return rest < square ? (root - 1) | 1 : root | (rest != square);
}

static VM_ALWAYS_INLINE uint64_t fp_sqrt(struct fp_format f, uint64_t a, struct vm_fp_env *env)
{
    struct fp_parts x = fp_unpack(f, a, env, true);
    if (x.kind == FP_NAN)
        return vm_fp_nan_result(f, env, &a, 1);
    if (x.kind == FP_ZERO)
        return fp_zero(f, x.sign);
    if (x.sign)
        return vm_fp_invalid(f, env);
    if (x.kind == FP_SUBNORMAL)
        fp_subnormal_used(f, env);
    if (x.kind == FP_INF)
        return fp_inf(f, false);
    uint64_t n = x.frac >> !(x.exp & 1); // an even power of two remains
    x.exp >>= 1;
    if (f.frac_bits > 29) {
        x.frac = fp_root_wide(n);
    } else {
        struct fp_root r = fp_root64(n);
        x.frac = r.root << 32 | (r.rest != 0);
    }
    return fp_round_pack(f, env, x, true);
}

#endif
