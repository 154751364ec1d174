// SPDX-License-Identifier: MIT
// Atomics and locks on one, two and four threads, and as much independent work on each.
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>

#define STEPS 4000

struct shared {
    _Atomic uint64_t counter;
    _Atomic uint64_t swapped;
    atomic_flag flag;
    pthread_mutex_t mutex;
    uint64_t plain, guarded;
};

static void *setup(void)
{
    struct shared *shared = bench_allocate(sizeof *shared);
    *shared = (struct shared){.flag = ATOMIC_FLAG_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER};
    return shared;
}

// Additions, and increments by compare and exchange.
static void count(unsigned number, void *state)
{
    struct shared *shared = state;
    (void)number;
    for (unsigned i = 0; i < STEPS; i++) {
        atomic_fetch_add(&shared->counter, 1);
        uint64_t old = atomic_load(&shared->swapped);
        while (!atomic_compare_exchange_weak(&shared->swapped, &old, old + 1))
            ;
    }
}

static void lock(unsigned number, void *state)
{
    struct shared *shared = state;
    (void)number;
    for (unsigned i = 0; i < STEPS; i++) {
        pthread_mutex_lock(&shared->mutex);
        shared->guarded++;
        pthread_mutex_unlock(&shared->mutex);
    }
}

static void work(unsigned number, void *state)
{
    struct shared *shared = state;
    uint64_t seed = 1 + number, sum = 0;
    for (unsigned i = 0; i < 20 * STEPS; i++)
        sum += bench_random(&seed) & 1;
    atomic_fetch_add(&shared->counter, sum > 0);
}

static uint64_t count_on(unsigned threads, void *state)
{
    struct shared *shared = state;
    uint64_t before = shared->counter + shared->swapped;
    bench_threads(threads, count, state);
    return shared->counter + shared->swapped - before;
}

static uint64_t lock_on(unsigned threads, void *state)
{
    struct shared *shared = state;
    uint64_t before = shared->guarded;
    bench_threads(threads, lock, state);
    return shared->guarded - before;
}

static uint64_t work_on(unsigned threads, void *state)
{
    struct shared *shared = state;
    uint64_t before = shared->counter;
    bench_threads(threads, work, state);
    return shared->counter - before;
}

#define ON(n)                                                                                    \
    static uint64_t run_atomic##n(void *state)                                                   \
    {                                                                                            \
        return count_on(n, state);                                                               \
    }                                                                                            \
    static uint64_t run_lock##n(void *state)                                                     \
    {                                                                                            \
        return lock_on(n, state);                                                                \
    }                                                                                            \
    static uint64_t run_parallel##n(void *state)                                                 \
    {                                                                                            \
        return work_on(n, state);                                                                \
    }                                                                                            \
    BENCH(atomic##n, .what = "8000 atomic updates on each of " #n " threads", .setup = setup,    \
          .run = run_atomic##n, .expected = 2 * STEPS * n, .cpus = n);                           \
    BENCH(lock##n, .what = "4000 times a lock on each of " #n " threads", .setup = setup,        \
          .run = run_lock##n, .expected = STEPS * n, .cpus = n);                                 \
    BENCH(parallel##n, .what = "80000 random numbers on each of " #n " threads", .setup = setup, \
          .run = run_parallel##n, .expected = n, .cpus = n)

ON(1);
ON(2);
ON(4);
