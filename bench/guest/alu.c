// SPDX-License-Identifier: MIT
// Chains of dependent integer operations, of 64 and of 32 bits.
#include "bench.h"

static uint64_t run_alu(void *state)
{
    (void)state;
    uint64_t a = 1, b = 0x123456789abcdef;
    for (unsigned i = 0; i < 100000; i++) {
        a += b ^ (a << 7);
        b = (b >> 9) + (a | 0x55);
        a ^= a >> 3;
        b -= a & i;
        BENCH_HIDE(a);
    }
    return a ^ b;
}

static uint64_t run_alu32(void *state)
{
    (void)state;
    uint32_t a = 1, b = 0x12345678;
    for (unsigned i = 0; i < 100000; i++) {
        a += b ^ (a << 7);
        b = (b >> 9) + (a | 0x55);
        a ^= (uint32_t)((int32_t)a >> 3);
        b -= a & i;
        BENCH_HIDE(a);
    }
    return a ^ b;
}

static uint64_t run_muldiv(void *state)
{
    (void)state;
    uint64_t a = 0x9e3779b97f4a7c15, sum = 0;
    for (uint64_t i = 3; i < 20000; i++) {
        a = a * 0x5851f42d4c957f2d + i;
        sum += a / i + (uint32_t)a % (uint32_t)i;
        sum ^= (uint64_t)(((unsigned __int128)a * i) >> 64);
    }
    return sum;
}

BENCH(alu, .what = "100000 steps of eight dependent 64-bit operations", .run = run_alu,
      .expected = 0xad3a7972aa3bdb0);
BENCH(alu32, .what = "100000 steps of eight dependent 32-bit operations", .run = run_alu32,
      .expected = 0xf1d21714);
BENCH(muldiv, .what = "20000 multiplications, high halves, divisions, remainders",
      .run = run_muldiv, .expected = 0x66852fcfb6887f59);
