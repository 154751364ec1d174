// SPDX-License-Identifier: MIT
//
// What the tests with hostile guests share: groups of random trials that can be replayed, machines
// for them, and the run that must always come back.
//
// Trial k of a group has the seed TRINE_SEED + k. A trial that brings the process down, or that
// hangs, prints its own seed: with that as TRINE_SEED it is the first one. TRINE_TEST_SCALE
// multiplies the time of a group.
#ifndef HOSTILE_H
#define HOSTILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <vm/libvm/libvm.h>

#include "random_values.h"

#define HOSTILE_RAM UINT64_C(0x80000000)

struct hostile_group {
    const char *name;
    uint64_t seed;      // of the next trial
    uint64_t from, end; // vm_clock
    uint64_t trials, instructions, exceptions;
};

// Begins a group that lasts about `seconds`; prints the seed.
void hostile_begin(struct hostile_group *g, const char *name, double seconds);
// The next trial's random numbers; false when the time is over.
bool hostile_next(struct hostile_group *g, struct random *r);
// Prints what was done; fails the test if not one instruction was executed.
void hostile_end(const struct hostile_group *g);

struct hostile_machine {
    const char *guest; // or NULL: riscv64
    unsigned vcpus;
    uint64_t memory;     // bytes
    const char *cpu;     // or NULL
    const char *machine; // or NULL
    uint32_t trace;      // topics
    const void *code;    // runs in machine mode from HOSTILE_RAM on; or, with `supervisor`, a Linux
    size_t size;         // Image under the built-in SBI
    bool supervisor;
};

// One of the board's interrupt controllers, as --machine names them.
const char *hostile_random_machine(struct random *r);
// Makes the machine; a failure fails the test.
struct vm *hostile_create(const struct hostile_machine *m);
// Runs for about `ms` milliseconds; fails the test if vm_run fails or does not keep to that.
void hostile_run(struct hostile_group *g, struct vm *vm, unsigned ms, struct vm_result *result);
// The same with another thread at it, which gives console input and pauses the machine; goes on
// after a pause.
void hostile_run_pestered(struct hostile_group *g, struct vm *vm, unsigned ms,
                          struct vm_result *result);
// Looks at everything that libvm shows of a machine that does not run.
void hostile_inspect(struct vm *vm, struct random *r);

#endif
