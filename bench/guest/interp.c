// SPDX-License-Identifier: MIT
// An interpreter of a small bytecode: its loop is a jump through a table, by a switch or by labels.
// The program in it counts the primes below 500 by trial division.
#include "bench.h"

enum { SET, MOVE, ADD, MULTIPLY, REMAINDER, LESS, BRANCH, BRANCH_ZERO, HALT };

struct instruction {
    uint8_t code, a, b, c;
    int32_t value; // SET: the number; branches: the target
};

enum { I, D, LIMIT, ONE, TEMPORARY, COUNT, REGISTERS };

static const struct instruction program[] = {
    {SET, COUNT, 0, 0, 0},
    {SET, I, 0, 0, 2},
    {SET, LIMIT, 0, 0, 500},
    {SET, ONE, 0, 0, 1},
    {LESS, TEMPORARY, I, LIMIT, 0}, // 4: for each i below the limit
    {BRANCH_ZERO, TEMPORARY, 0, 0, 18},
    {SET, D, 0, 0, 2},
    {MULTIPLY, TEMPORARY, D, D, 0}, // 7: for each d with d * d <= i
    {LESS, TEMPORARY, I, TEMPORARY, 0},
    {BRANCH_ZERO, TEMPORARY, 0, 0, 11},
    {BRANCH, 0, 0, 0, 15},
    {REMAINDER, TEMPORARY, I, D, 0}, // 11
    {BRANCH_ZERO, TEMPORARY, 0, 0, 16},
    {ADD, D, D, ONE, 0},
    {BRANCH, 0, 0, 0, 7},
    {ADD, COUNT, COUNT, ONE, 0}, // 15: a prime
    {ADD, I, I, ONE, 0},
    {BRANCH, 0, 0, 0, 4},
    {MOVE, TEMPORARY, COUNT, 0, 0}, // 18
    {HALT, TEMPORARY, 0, 0, 0},
};

static uint64_t run_switch(void *state)
{
    (void)state;
    int64_t r[REGISTERS] = {0};
    const struct instruction *pc = program;
    BENCH_HIDE(pc);
    const struct instruction *start = pc;
    for (;;) {
        const struct instruction *i = pc++;
        switch (i->code) {
        case SET: r[i->a] = i->value; break;
        case MOVE: r[i->a] = r[i->b]; break;
        case ADD: r[i->a] = r[i->b] + r[i->c]; break;
        case MULTIPLY: r[i->a] = r[i->b] * r[i->c]; break;
        case REMAINDER: r[i->a] = r[i->b] % r[i->c]; break;
        case LESS: r[i->a] = r[i->b] < r[i->c]; break;
        case BRANCH: pc = start + i->value; break;
        case BRANCH_ZERO: pc = r[i->a] ? pc : start + i->value; break;
        case HALT: return (uint64_t)r[i->a];
        }
    }
}

static uint64_t run_labels(void *state)
{
    static const void *const labels[] = {&&set,  &&move,   &&add,         &&multiply, &&remainder,
                                         &&less, &&branch, &&branch_zero, &&halt};
    (void)state;
    int64_t r[REGISTERS] = {0};
    const struct instruction *pc = program, *i;
    BENCH_HIDE(pc);
    const struct instruction *start = pc;
#define NEXT() \
    i = pc++;  \
    goto *labels[i->code]
    NEXT();
set:
    r[i->a] = i->value;
    NEXT();
move:
    r[i->a] = r[i->b];
    NEXT();
add:
    r[i->a] = r[i->b] + r[i->c];
    NEXT();
multiply:
    r[i->a] = r[i->b] * r[i->c];
    NEXT();
remainder:
    r[i->a] = r[i->b] % r[i->c];
    NEXT();
less:
    r[i->a] = r[i->b] < r[i->c];
    NEXT();
branch:
    pc = start + i->value;
    NEXT();
branch_zero:
    pc = r[i->a] ? pc : start + i->value;
    NEXT();
halt:
    return (uint64_t)r[i->a];
}

BENCH(interp, .what = "a bytecode interpreter with a switch: primes below 500", .run = run_switch,
      .expected = 95);
BENCH(interp_labels, .what = "the same with a jump at each operation", .run = run_labels,
      .expected = 95);
