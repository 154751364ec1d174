// SPDX-License-Identifier: MIT
//
// Code made by the encoder and run on this host.
#ifndef VM_TESTS_JIT_X64_RUN_H
#define VM_TESTS_JIT_X64_RUN_H

#include <vm/osal/cpu.h>
#include <vm/osal/exec.h>

#include "x64.h"

struct x64_run {
    struct vm_osal_exec exec;
    struct x64_code code; // begin with x64_run_start
    uint32_t features;
};

// Both end the test when they fail.
void x64_run_setup(struct x64_run *r);
void x64_run_start(struct x64_run *r);

// Ends the code with a return and calls it: System V, up to two arguments, 64-bit result.
uint64_t x64_run_call(struct x64_run *r, uint64_t a, uint64_t b);

// What a row's NEED asks for: bits of vm/osal/cpu.h.
enum { VM_CPU_X86_64_BASE = 0 };
#define X64_HAS(run, need) \
    (((run)->features & (uint32_t)VM_CPU_X86_64_##need) == (uint32_t)VM_CPU_X86_64_##need)

#endif
