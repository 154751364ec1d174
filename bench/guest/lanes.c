// SPDX-License-Identifier: MIT
// Loops over arrays of small integers, as video and image codecs have them: saturating sums, sums
// of absolute differences, blends, and a search for the greatest.
#include "bench.h"

#define SIZE 4096

struct arrays {
    uint8_t a[SIZE], b[SIZE], c[SIZE];
    int16_t s[SIZE], t[SIZE];
};

static void *setup(void)
{
    struct arrays *arrays = bench_allocate(sizeof *arrays);
    uint64_t seed = 77;
    for (unsigned i = 0; i < SIZE; i++) {
        uint64_t random = bench_random(&seed);
        arrays->a[i] = (uint8_t)random;
        arrays->b[i] = (uint8_t)(random >> 8);
        arrays->s[i] = (int16_t)(random >> 16);
        arrays->t[i] = (int16_t)(random >> 32);
    }
    return arrays;
}

static uint64_t run_sad(void *state)
{
    struct arrays *x = state;
    uint64_t sum = 0;
    for (unsigned round = 0; round < 4; round++) {
        BENCH_TOUCH(x);
        for (unsigned i = 0; i < SIZE; i++) {
            int difference = x->a[i] - x->b[i];
            sum += (unsigned)(difference < 0 ? -difference : difference);
        }
    }
    return sum;
}

static uint64_t run_blend(void *state)
{
    struct arrays *x = state;
    for (unsigned i = 0; i < SIZE; i++) {
        unsigned sum = x->a[i] + x->b[i];
        x->c[i] = (uint8_t)((sum > 255 ? 255 : sum) * 3 / 4 + x->b[i] / 4);
    }
    BENCH_TOUCH(x);
    uint64_t sum = 0;
    for (unsigned i = 0; i < SIZE; i++)
        sum = sum * 31 + x->c[i];
    return sum;
}

static uint64_t run_dot(void *state)
{
    struct arrays *x = state;
    int64_t sum = 0;
    for (unsigned round = 0; round < 4; round++) {
        int16_t greatest = INT16_MIN;
        BENCH_TOUCH(x);
        for (unsigned i = 0; i < SIZE; i++) {
            sum += (int32_t)x->s[i] * x->t[i];
            greatest = x->s[i] > greatest ? x->s[i] : greatest;
        }
        sum += greatest;
    }
    return (uint64_t)sum;
}

BENCH(lanes_sad, .what = "absolute differences of 16384 bytes", .setup = setup, .run = run_sad,
      .expected = 0x156958);
BENCH(lanes_blend, .what = "saturating sums and blends of 4096 bytes", .setup = setup,
      .run = run_blend, .expected = 0x6ded0030e8a4f680);
BENCH(lanes_dot, .what = "products and greatest of 16384 16-bit numbers", .setup = setup,
      .run = run_dot, .expected = 0xd6d33ed8);
