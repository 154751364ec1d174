// SPDX-License-Identifier: MIT
//
// Runs a machine on its engine and, instruction for instruction, on the interpreter beside it, and
// compares: the engine's proof.
#ifndef VM_LIBVM_CHECK_H
#define VM_LIBVM_CHECK_H

#include <vm/libvm/libvm.h>

struct vm_check_options {
    uint64_t deadline;                             // of vm_clock, or VM_FOREVER
    const uint8_t *input;                          // for the guest's console, as it has room
    size_t input_size;                             // bytes
    void (*text)(void *context, const char *text); // the report of a difference, in pieces
    void *context;
};

struct vm_check_result {
    bool differs;
    uint64_t instructions, steps; // compared
    struct vm_result end;         // of the guest, where nothing differs
};

// Runs the machine, which has one vCPU, neither disks nor networks and has not run yet, until it
// powers off, waits for what will not come (VM_EXIT_WAITING), or the deadline passes. Its clock
// shows the count of its instructions in nanoseconds, and jumps ahead when it waits. Each step of
// the engine (a block with vm_options.block_at_a_time, else about two milliseconds' work) is
// repeated by an interpreter that has its own RAM and is given what the devices and the firmware
// answered. Registers are compared after each step, and written pages every so often. After this,
// the machine can only be destroyed. VM_ERR_USAGE: a machine that cannot be checked.
vm_status vm_check_engine(struct vm *vm, const struct vm_check_options *o,
                          struct vm_check_result *result, struct vm_error *e);

#endif
