// SPDX-License-Identifier: MIT
// Calls: recursion, and calls through pointers whose target changes or stays.
#include "bench.h"

// Recursion is to stay what it is: calls.
#pragma GCC optimize("no-inline-functions", "no-inline-small-functions", \
                     "no-optimize-sibling-calls")
#define NOINLINE __attribute__((noinline, noclone))

static NOINLINE uint64_t fibonacci(unsigned n)
{
    BENCH_HIDE(n);
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static uint64_t run_recursion(void *state)
{
    (void)state;
    return fibonacci(19);
}

// Takeuchi's function: deep recursion with three arguments.
static NOINLINE long tak(long x, long y, long z)
{
    BENCH_HIDE(x);
    return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static uint64_t run_tak(void *state)
{
    (void)state;
    return (uint64_t)tak(18, 12, 6);
}

typedef uint64_t (*operation)(uint64_t);

#define OPERATION(n)                                    \
    static NOINLINE uint64_t operation##n(uint64_t x)   \
    {                                                   \
        return (x ^ (n * 0x1234567u)) + (x >> (n + 1)); \
    }
OPERATION(0)
OPERATION(1)
OPERATION(2)
OPERATION(3)
OPERATION(4)
OPERATION(5)
OPERATION(6)
OPERATION(7)

static void *setup_operations(void)
{
    static const operation all[8] = {operation0, operation1, operation2, operation3,
                                     operation4, operation5, operation6, operation7};
    operation *table = bench_allocate(1024 * sizeof *table);
    uint64_t seed = 3;
    for (unsigned i = 0; i < 1024; i++)
        table[i] = all[bench_random(&seed) >> 20 & 7];
    return table;
}

static void *setup_same(void)
{
    operation *table = bench_allocate(1024 * sizeof *table);
    for (unsigned i = 0; i < 1024; i++)
        table[i] = operation3;
    return table;
}

static uint64_t run_indirect(void *state)
{
    operation *table = state;
    uint64_t x = 1;
    for (unsigned i = 0; i < 20480; i++)
        x = table[i & 1023](x);
    return x;
}

BENCH(recursion, .what = "Fibonacci number 19: 13529 calls", .run = run_recursion,
      .expected = 4181);
BENCH(recursion_tak, .what = "Takeuchi's function of 18, 12, 6: 63609 calls", .run = run_tak,
      .expected = 7);
BENCH(indirect, .what = "20480 calls through pointers to eight functions",
      .setup = setup_operations, .run = run_indirect, .expected = 0x6caf1c4fd197d28a);
BENCH(indirect_same, .what = "20480 calls through pointers to one function", .setup = setup_same,
      .run = run_indirect, .expected = 0xe22c72b);
