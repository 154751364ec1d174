// SPDX-License-Identifier: MIT
//
// Estimates of reciprocals and of reciprocal square roots, to eight bits, as the architecture
// prescribes them: the manual, FPRecipEstimate, FPRSqrtEstimate, FPRecpX, UnsignedRecipEstimate,
// UnsignedRSqrtEstimate.
#include "help_fp.h"

// a from 256 to 511 stands for a / 512; the result r from 256 to 511 for r / 256: the middle of a's
// interval inverted, rounded to nearest.
static unsigned reciprocal(unsigned a)
{
    unsigned b = (1u << 19) / (2 * a + 1);
    return (b + 1) / 2;
}

// a from 128 to 511 stands for a / 512; below 256 with one bit more. r / 256 is 1 / sqrt(a / 512).
static unsigned root_reciprocal(unsigned a)
{
    a = a < 256 ? 2 * a + 1 : (a | 1) * 2;
    unsigned b = 512;
    while (a * (b + 1) * (b + 1) < 1u << 28)
        b++;
    return (b + 1) / 2;
}

uint32_t a64_int_reciprocal(uint32_t v)
{
    return v >> 31 ? reciprocal(v >> 23) << 23 : UINT32_MAX;
}

uint32_t a64_int_root_reciprocal(uint32_t v)
{
    return v >> 30 ? root_reciprocal(v >> 23) << 23 : UINT32_MAX;
}

// A finite number that is not 0: fraction with its leading bit at 52, and the biased exponent that
// it has then, below 1 for subnormals.
struct normalised {
    uint64_t fraction;
    int exponent;
};

enum { LEADING = 52 };

static struct normalised normalise(unsigned size, uint64_t magnitude)
{
    unsigned bits = a64_fp_fraction_bits(size);
    struct normalised n = {(magnitude & vm_mask(bits)) << (LEADING - bits),
                           (int)(magnitude >> bits)};
    if (n.exponent) {
        n.fraction |= (uint64_t)1 << LEADING;
        return n;
    }
    unsigned up = vm_clz64(n.fraction) - (63 - LEADING);
    return (struct normalised){n.fraction << up, 1 - (int)up};
}

static int bias(unsigned size)
{
    return (1 << (a64_fp_width(size) - 2 - a64_fp_fraction_bits(size))) - 1;
}

// The reciprocal is too large for the format.
static uint64_t overflow(unsigned size, uint64_t sign, struct vm_fp_env *env)
{
    bool to_infinity = env->round == VM_FP_RNE || env->round == (sign ? VM_FP_RDN : VM_FP_RUP);
    env->flags |= VM_FP_OF | VM_FP_NX;
    return sign | (a64_fp_infinity(size) - !to_infinity);
}

static bool flushes_output(unsigned size, const struct vm_fp_env *env)
{
    return size == A64_FP_HALF ? env->flush_output_f16 : env->flush_output;
}

static uint64_t estimate(unsigned size, uint64_t magnitude)
{
    unsigned bits = a64_fp_fraction_bits(size);
    struct normalised n = normalise(size, magnitude);
    int exponent = 2 * bias(size) - 1 - n.exponent; // -1 or more
    uint64_t fraction = (uint64_t)reciprocal((unsigned)(n.fraction >> (LEADING - 8)))
                        << (LEADING - 8);
    if (exponent < 1) {
        fraction >>= 1 - exponent;
        exponent = 0;
    } else {
        fraction &= vm_mask(LEADING);
    }
    return (uint64_t)exponent << bits | fraction >> (LEADING - bits);
}

uint64_t a64_fp_reciprocal(unsigned size, uint64_t v, struct vm_fp_env *env)
{
    unsigned bits = a64_fp_fraction_bits(size);
    v = a64_fp_flush(size, v, env);
    uint64_t magnitude = a64_fp_magnitude(size, v), sign = v ^ magnitude;
    if (a64_fp_is_nan(size, v))
        return a64_fp_one_nan(size, v, env);
    if (magnitude == a64_fp_infinity(size))
        return sign;
    if (magnitude == 0) {
        env->flags |= VM_FP_DZ;
        return sign | a64_fp_infinity(size);
    }
    if (magnitude < (uint64_t)1 << (bits - 2))
        return overflow(size, sign, env);
    if (flushes_output(size, env) && (int)(magnitude >> bits) >= 2 * bias(size) - 1) {
        env->flags |= VM_FP_UF;
        return sign;
    }
    return sign | estimate(size, magnitude);
}

uint64_t a64_fp_root_reciprocal(unsigned size, uint64_t v, struct vm_fp_env *env)
{
    unsigned bits = a64_fp_fraction_bits(size);
    v = a64_fp_flush(size, v, env);
    uint64_t magnitude = a64_fp_magnitude(size, v), sign = v ^ magnitude;
    if (a64_fp_is_nan(size, v))
        return a64_fp_one_nan(size, v, env);
    if (magnitude == 0) {
        env->flags |= VM_FP_DZ;
        return sign | a64_fp_infinity(size);
    }
    if (sign)
        return a64_fp_invalid(size, env);
    if (magnitude == a64_fp_infinity(size))
        return 0;
    struct normalised n = normalise(size, magnitude);
    unsigned scaled = (unsigned)(n.fraction >> (LEADING - 8));
    if (n.exponent & 1)
        scaled >>= 1;
    int exponent = (3 * bias(size) - 1 - n.exponent) / 2;
    uint64_t fraction = (uint64_t)root_reciprocal(scaled) & 0xff;
    return (uint64_t)exponent << bits | fraction << (bits - 8);
}

uint64_t a64_fp_exponent_reciprocal(unsigned size, uint64_t v, struct vm_fp_env *env)
{
    unsigned bits = a64_fp_fraction_bits(size);
    v = a64_fp_flush(size, v, env);
    uint64_t infinity = a64_fp_infinity(size), exponent = v & infinity;
    if (a64_fp_is_nan(size, v))
        return a64_fp_one_nan(size, v, env);
    uint64_t inverted = exponent ? exponent ^ infinity : infinity - ((uint64_t)1 << bits);
    return (v & a64_fp_sign_bit(size)) | inverted;
}
