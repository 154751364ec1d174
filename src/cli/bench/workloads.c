// SPDX-License-Identifier: MIT
#include "workloads.h"

#include <vm/base/types.h>

#ifdef CLI_GUEST_RISCV64
#include "riscv64.h"

// tests/cli/bench_words_test.py computes the results as well.
static const struct bench_workload riscv64_workloads[] = {
    {"alu", "a xorshift generator", RISCV64_ALU, 0xe0757b34729585d8},
    {"memory", "32 KiB written and read", RISCV64_MEMORY, 0x800800},
    {"sieve", "primes below 8192", RISCV64_SIEVE, 0x404},
    {"calls", "a function that calls itself", RISCV64_CALLS, 0x262},
    {"indirect", "calls by address", RISCV64_INDIRECT, 0x5dc},
    {"floats", "multiplications and subtractions", RISCV64_FLOATS, 0x3fe4a05b67c65342},
    {"trap", "traps and returns from them", RISCV64_TRAP, 0x64},
    {"written", "functions written at run time", RISCV64_WRITTEN, 0x4fb},
    {"cold", "code that is written, and runs once", RISCV64_COLD, 0x4e201ecc4d1a2412},
};

static const struct bench_guest riscv64 = {
    .name = "riscv64",
    .base = 0x80000000,
    .code = riscv64_words,
    .code_size = sizeof riscv64_words,
    .pc = "pc",
    .units = "s0",
    .memory = "s1",
    .result = "a0",
    .workloads = riscv64_workloads,
    .workload_count = VM_ARRAY_SIZE(riscv64_workloads),
};
#endif

const struct bench_guest *const bench_guests[] = {
#ifdef CLI_GUEST_RISCV64
    &riscv64,
#endif
    NULL,
};
