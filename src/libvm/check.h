// SPDX-License-Identifier: MIT
//
// What the check of an engine consists of (vm/libvm/check.h): the machine, its copy on the
// interpreter, and what the first got from outside. All by the calling thread, but for the ticks.
#ifndef LIBVM_CHECK_H
#define LIBVM_CHECK_H

#include <vm/core/arch/arm64/gic.h>
#include <vm/libvm/check.h>

#include "hosted.h"

enum check_event_kind {
    CHECK_READ,
    CHECK_WRITE,
    CHECK_SYSREG_READ,
    CHECK_SYSREG_WRITE,
    CHECK_FIRMWARE,
    CHECK_INTERRUPT,
};

// What the machine did that its copy cannot do by itself, in order.
struct check_event {
    enum check_event_kind kind;
    bool taken;                  // the device took the access
    unsigned size;               // of an access
    uint64_t gpa, value;         // of an access; or a system register's number
    uint64_t icount, exceptions; // of an interrupt: before what it was taken
    uint64_t irq_lines;          // afterwards
    uint8_t *registers;          // after firmware: the state struct
};

struct check_device {
    struct check *check;
    struct vm_region real; // with its own operations
};

struct check {
    struct vm *vm;
    const struct vm_check_options *options;
    struct vm_guest_ops guest, copy_guest; // take_interrupt is ours
    struct vm_host host, copy_host;        // random numbers that are the same for both
    uint64_t random, copy_random;          // how many have been given
    struct vm_firmware firmware;           // the board's
    struct vm_arm64_gic gic;               // of an ARM64 machine, the board's
    struct vm_machine copy;
    struct vm_vcpu *a, *b; // the engine's, the interpreter's
    uint8_t *ram[8];       // the copy's memory
    uint64_t ram_size[8];
    unsigned ram_count;
    struct check_device devices[64];
    unsigned device_count;

    struct vm_arena arena; // of one step
    struct check_event *events;
    uint32_t event_count, event_capacity, replayed;
    const char *problem; // what differs, if it is not registers or memory
    bool out_of_memory;
    struct check_event nowhere; // what is noted then

    uint64_t start_pc, start_icount; // of the step
    uint8_t *start;                  // the state struct
    size_t input_given;
};

// The event of the machine that comes next, to be filled in.
struct check_event *check_note(struct check *c, enum check_event_kind kind);
// The event that the copy is at; NULL: it is at none of that kind, which is noted as the problem.
const struct check_event *check_replay(struct check *c, enum check_event_kind kind);

#ifdef VM_GUEST_ARM64
// Puts itself between the vCPUs and the GIC's system registers, once both vCPUs are there.
void check_wrap_arm64(struct check *c);
void check_unwrap_arm64(struct check *c);
#endif

// The first register that differs, or -1; by the state structs.
int check_registers(const struct check *c, const void *a, const void *b);
// Prints what is known about a difference.
void check_report(struct check *c, const char *what);

#endif
