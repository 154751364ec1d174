// SPDX-License-Identifier: MIT
//
// A struct vm_host for tests, over malloc and pthread: what a test needs to make a vm_machine.
// The clock is the test's own unless it asks for the real one; random numbers repeat from run to
// run; allocations are counted and can be made to fail.
#ifndef TEST_HOST_H
#define TEST_HOST_H

#include <stdatomic.h>

#include <vm/core/host.h>

struct test_host {
    struct vm_host host;          // host.context is this struct
    _Atomic uint64_t now;         // ns, the clock while real_clock is false
    bool real_clock;              // use the system's monotonic clock
    _Atomic uint64_t seed;        // state of the random numbers
    _Atomic uint64_t wakes;       // calls of wake
    _Atomic uint64_t timer_moves; // calls of timers_changed
    _Atomic uint64_t live_bytes;  // allocated and not released
    _Atomic uint64_t live_locks;  // created and not destroyed
    _Atomic uint64_t fail_after;  // allocations and locks that still succeed; UINT64_MAX: all
    bool verbose;                 // print what is logged
};

// Fills in the table; `h` must stay where it is.
void test_host_init(struct test_host *h);

// Fails the running cmocka test if memory or locks are still held.
void test_host_check_released(const struct test_host *h);

// A small generator for tests: the next of a sequence that is a function of *state (never 0).
uint64_t test_random(uint64_t *state);

// The seed of a randomised test: TRINE_SEED from the environment, else the given one. Prints it.
uint64_t test_seed(const char *test, uint64_t otherwise);

#endif
