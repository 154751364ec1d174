// SPDX-License-Identifier: MIT
// The guest half of the bench: what a workload is. Each workload stands in a file of its own,
// registers itself with BENCH, and does a fixed piece of work (a unit) as often as it is asked to,
// so that slow engines do less of it and times per unit stay comparable. Each unit's result is
// compared with the one that is expected: a fast wrong answer is a failure.
//
// Workloads run in a process of their own and may leave state behind.
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

struct bench_workload {
    const char *name;
    const char *what;             // what a unit does, for the report
    void *(*setup)(void);         // or null; a null result means that the workload cannot run
    uint64_t (*run)(void *state); // one unit, 1 ms or less natively; gives its result
    uint64_t expected;            // that result
    unsigned cpus;                // the CPUs that it is spread over; 0 is one
    unsigned repetitions;         // of one unit, without a rehearsal; 0: as the caller says
};

// The linker gathers the registered workloads between __start_bench_list and __stop_bench_list.
#define BENCH(identifier, ...)                                                                     \
    static const struct bench_workload workload_##identifier = {.name = #identifier, __VA_ARGS__}; \
    __attribute__((                                                                                \
        used,                                                                                      \
        section("bench_list"))) static const struct bench_workload *const entry_##identifier =     \
        &workload_##identifier

// A chain of pseudo-random numbers (xorshift64; the state is never 0).
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

// Mixes a value into a checksum.
static inline uint64_t bench_mix(uint64_t sum, uint64_t value)
{
    return (sum ^ value) * 0x9e3779b97f4a7c15u + (sum >> 29);
}

// Keeps the compiler from knowing a value, or that memory is unchanged.
#define BENCH_HIDE(value)    __asm__ volatile("" : "+r"(value))
#define BENCH_TOUCH(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

// Memory that is never given back; ends the program when there is none.
void *bench_allocate(size_t size);

// Ends the workload as failed, with the cause.
_Noreturn void bench_fail(const char *cause);

// Runs `body` on this many threads, with the numbers 0 and on, each on a CPU of its own as far as
// there are enough, and waits for all.
void bench_threads(unsigned count, void (*body)(unsigned number, void *state), void *state);

#endif
