// SPDX-License-Identifier: MIT
// Chains of dependent loads through a random cycle of cache lines: in the first cache, in the
// second, and in memory.
#include "bench.h"

#define LINE  64
#define STEPS 20000

struct node {
    struct node *next;
    uint64_t value;
    char rest[LINE - sizeof(struct node *) - sizeof(uint64_t)];
};

// One cycle through all nodes (Sattolo's shuffle of a permutation).
static void *make(size_t bytes)
{
    size_t count = bytes / sizeof(struct node);
    struct node *nodes = bench_allocate(bytes);
    uint32_t *order = bench_allocate(count * sizeof *order);
    uint64_t seed = 42;
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = bench_random(&seed) % i;
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; i < count; i++) {
        nodes[i].next = &nodes[order[i]];
        nodes[i].value = 1;
    }
    return nodes;
}

static void *setup_l1(void)
{
    return make(16 << 10);
}

static void *setup_l2(void)
{
    return make(256 << 10);
}

static void *setup_memory(void)
{
    return make(48 << 20);
}

// Goes on where the unit before ended: the whole of a large cycle is used.
static uint64_t run(void *state)
{
    struct node *first = state, *node = first;
    node = (struct node *)((char *)first + (first->value >> 1) * LINE);
    uint64_t sum = 0;
    for (unsigned i = 0; i < STEPS; i++) {
        node = node->next;
        sum += node->value & 1;
    }
    first->value = (uint64_t)(node - first) << 1 | 1;
    return sum;
}

BENCH(chase_l1, .what = "20000 dependent loads within 16 KB", .setup = setup_l1, .run = run,
      .expected = STEPS);
BENCH(chase_l2, .what = "20000 dependent loads within 256 KB", .setup = setup_l2, .run = run,
      .expected = STEPS);
BENCH(chase_memory, .what = "20000 dependent loads within 48 MB", .setup = setup_memory, .run = run,
      .expected = STEPS);
