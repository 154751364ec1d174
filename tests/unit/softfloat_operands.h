// SPDX-License-Identifier: MIT
//
// Operands that are hard for floating point, from a seeded generator: every format's corners
// (subnormals, limits, NaNs), fractions of long runs and lone bits, and operands close to, or at an
// awkward distance from, the one before. Shared by the softfloat tests.
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
