// SPDX-License-Identifier: MIT
//
// Replayable random numbers, and operands that are likely to find an edge.
#ifndef RANDOM_VALUES_H
#define RANDOM_VALUES_H

#include <stdint.h>

// splitmix64; any seed will do.
struct random {
    uint64_t state;
};

uint64_t random_bits(struct random *r);
unsigned random_below(struct random *r, unsigned limit);

// An integer: edges of the 8- to 64-bit ranges, small numbers, masks, or any.
uint64_t random_integer(struct random *r);

// A bit pattern of a binary floating-point format of 16, 32 or 64 bits: zeros, infinities, NaNs,
// subnormals, edges of the integer ranges and of the format, near one another, or any.
uint64_t random_float(struct random *r, unsigned bits);

#endif
