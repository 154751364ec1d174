// SPDX-License-Identifier: MIT
//
// Operands that are hard for floating point, from a seeded generator: every format's corners
// (subnormals, limits, NaNs), fractions of long runs and lone bits, and operands close to, or at an
// awkward distance from, the one before; for a*b+c, products that end next to a tie and addends
// that cancel. Shared by the softfloat tests.
#ifndef TESTS_UNIT_SOFTFLOAT_OPERANDS_H
#define TESTS_UNIT_SOFTFLOAT_OPERANDS_H

#include <stdint.h>
#include <stdlib.h>

struct layout {
    unsigned exp_bits, frac_bits;
};

#define LAYOUT_F16  ((struct layout){5, 10})
#define LAYOUT_BF16 ((struct layout){8, 7})
#define LAYOUT_F32  ((struct layout){8, 23})
#define LAYOUT_F64  ((struct layout){11, 52})

// Steele, Lea and Flood's SplitMix64.
static inline uint64_t random_bits(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t *seed, uint64_t limit)
{
    return random_bits(seed) % limit;
}

// TRINE_TEST_SCALE=N multiplies the number of random cases.
static inline uint64_t scaled(uint64_t count)
{
    const char *text = getenv("TRINE_TEST_SCALE");
    unsigned long scale = text ? strtoul(text, NULL, 10) : 1;
    return count * (scale ? scale : 1);
}

static inline uint64_t hard_fraction(uint64_t *seed, unsigned bits, uint64_t near)
{
    uint64_t all = (UINT64_MAX >> (64 - bits)), r = random_bits(seed);
    unsigned n = (unsigned)random_below(seed, bits + 1);
    switch (random_below(seed, 10)) {
    case 0: return 0;
    case 1: return all;
    case 2: return (1ull << n) & all; // one bit
    case 3: return all >> n;          // ones at the bottom
    case 4: return ~(all >> n) & all; // ones at the top
    case 5: return r << n & all;      // zeros at the bottom
    case 6: return (r & all) >> n;    // zeros at the top
    case 7: return (near + random_below(seed, 5) - 2) & all;
    case 8: return (all / 3 << (r & 1) ^ (1ull << n)) & all;
    default: return r & all;
    }
}

static inline uint64_t hard_exponent(uint64_t *seed, struct layout f, uint64_t near)
{
    uint64_t max = (1ull << f.exp_bits) - 1, spread = f.frac_bits + 4;
    switch (random_below(seed, 12)) {
    case 0: return 0;
    case 1: return random_below(seed, 4);
    case 2: return max - random_below(seed, 3);
    case 3: return max / 2 + random_below(seed, 2 * spread) - spread; // near one
    case 4: return max / 4 + random_below(seed, 4);                   // squares near the limits
    case 5: return max * 3 / 4 + random_below(seed, 4);
    case 6: return random_below(seed, spread);
    case 7: return max - random_below(seed, spread);
    case 8: return random_below(seed, max + 1);
    default: return near + random_below(seed, 2 * spread) - spread;
    }
}

// `near` is another operand of the format, for cancellation and alignment.
static inline uint64_t hard_operand(uint64_t *seed, struct layout f, uint64_t near)
{
    uint64_t max = (1ull << f.exp_bits) - 1;
    uint64_t frac = hard_fraction(seed, f.frac_bits, near);
    uint64_t exp = hard_exponent(seed, f, near >> f.frac_bits & max) & max;
    uint64_t sign = random_bits(seed) & 1;
    return (sign << f.exp_bits | exp) << f.frac_bits | frac;
}

// A number from any exponent and a significand with its integer bit, which is dropped.
static inline uint64_t operand_of(struct layout f, uint64_t sign, uint64_t exp,
                                  uint64_t significand)
{
    uint64_t max = (1ull << f.exp_bits) - 1;
    uint64_t frac = significand & ((1ull << f.frac_bits) - 1);
    return ((sign & 1) << f.exp_bits | (exp & max)) << f.frac_bits | frac;
}

// Factors whose product is a power of two plus a bit or two at its very end: with an addend of the
// right size that end alone decides between a tie and what lies beside it. With n = frac_bits and
// h^2 = 2^(n+1) * m, (2^n + m + h) * (2^n + m - h) = 2^2n + m^2.
static inline void hard_factors(uint64_t *seed, struct layout f, uint64_t v[3])
{
    unsigned n = f.frac_bits;
    uint64_t s = 1 + random_below(seed, n > 20 ? 8 : 2), m = n % 2 ? s * s : 2 * s * s;
    uint64_t h = n % 2 ? s << ((n + 1) / 2) : s << (n / 2 + 1);
    uint64_t bias = (1ull << (f.exp_bits - 1)) - 1, x = random_bits(seed);
    uint64_t exp = bias - 4 + random_below(seed, 8), distance = random_below(seed, 3 * n);
    v[0] = operand_of(f, x, exp, (1ull << n) + m + h);
    v[1] = operand_of(f, x >> 1, bias, 2 * ((1ull << n) + m - h));
    v[2] = operand_of(f, x >> 2, exp - n / 2 + distance, hard_fraction(seed, n, 0));
}

// An addend that cancels all or most of the product.
static inline void cancelling_addend(uint64_t *seed, struct layout f, uint64_t v[3])
{
    unsigned n = f.frac_bits;
    uint64_t max = (1ull << f.exp_bits) - 1, one = 1ull << n;
    unsigned __int128 p =
        (unsigned __int128)((v[0] & (one - 1)) | one) * ((v[1] & (one - 1)) | one);
    unsigned up = (unsigned)(p >> (2 * n + 1));
    uint64_t exp = (v[0] >> n & max) + (v[1] >> n & max) - max / 2 + up;
    uint64_t sign = ~(v[0] ^ v[1]) >> (n + f.exp_bits);
    v[2] = operand_of(f, sign, exp, (uint64_t)(p >> (n + up)));
    if (random_below(seed, 2))
        v[2] += random_below(seed, 3) - 1;
}

// The operands of a*b+c.
static inline void hard_triple(uint64_t *seed, struct layout f, uint64_t v[3])
{
    for (unsigned i = 0; i < 3; i++)
        v[i] = hard_operand(seed, f, i ? v[i - 1] : 0);
    switch (random_below(seed, 8)) {
    case 0: hard_factors(seed, f, v); break;
    case 1: cancelling_addend(seed, f, v); break;
    default: break;
    }
}

// Integers around powers of two, and of any length.
static inline uint64_t hard_integer(uint64_t *seed)
{
    uint64_t r = random_bits(seed) >> random_below(seed, 64);
    uint64_t power = 1ull << random_below(seed, 64);
    switch (random_below(seed, 5)) {
    case 0: return power + random_below(seed, 5) - 2;
    case 1: return -(power + random_below(seed, 5) - 2);
    case 2: return -r;
    case 3: return power | random_bits(seed) >> random_below(seed, 64) | r;
    default: return r;
    }
}

#endif
