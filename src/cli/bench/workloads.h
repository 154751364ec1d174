// SPDX-License-Identifier: MIT
//
// The workloads of vm-cli bench. An image of a guest's code has them all; its source, such as
// riscv64.S, says where the units to do and the place of their memory are given.
#ifndef CLI_BENCH_WORKLOADS_H
#define CLI_BENCH_WORKLOADS_H

#include <stddef.h>
#include <stdint.h>

enum { BENCH_MAX_WORKLOADS = 32 };

struct bench_workload {
    const char *name, *what;
    uint32_t offset;   // of its code in the image
    uint64_t expected; // what a unit's result is
};

struct bench_guest {
    const char *name;
    uint64_t base; // of RAM, where the image is
    const void *code;
    size_t code_size;
    const char *pc, *units, *memory, *result; // registers
    const struct bench_workload *workloads;
    unsigned workload_count; // at most BENCH_MAX_WORKLOADS
};

// Of the guests of this build; NULL past the end.
extern const struct bench_guest *const bench_guests[];

#endif
