// SPDX-License-Identifier: MIT
//
// What the check of an engine consists of (vm/libvm/check.h): the machine, its copy on the
// interpreter, and what the first got from outside. All by the calling thread, but for the ticks.
#ifndef LIBVM_CHECK_H
#define LIBVM_CHECK_H

#include <vm/libvm/check.h>

#include "hosted.h"

enum check_event_kind {
    CHECK_READ,
    CHECK_WRITE,
    CHECK_REGISTER_READ, // of a device, by its number
    CHECK_REGISTER_WRITE,
    CHECK_REGISTER_EXCHANGE,
    CHECK_WIRE, // that the vCPU drives
    CHECK_FIRMWARE,
    CHECK_INTERRUPT, // with the state before it was taken
    CHECK_MEMORY,    // that a device or firmware wrote, before the event that made it do so
};

// What the machine did that its copy cannot do by itself, in order.
struct check_event {
    enum check_event_kind kind;
    bool taken;                  // the device took the access
    size_t size;                 // of an access
    uint64_t gpa, value;         // of an access; number and value; wire and level
    uint64_t given, mask;        // to an exchange, whose value is what it got
    uint64_t icount, exceptions; // of an interrupt: before what it was taken
    uint64_t irq_lines;          // afterwards
    uint8_t *bytes;              // the state struct; what was written
};

struct check_device {
    struct check *check;
    struct vm_region real; // with its own operations
};

// Registers of a device behind the vCPU's links.
struct check_link {
    struct check *check;
    uint32_t link;
    struct vm_register_device real;
};

struct check {
    struct vm *vm;
    const struct vm_check_options *options;
    struct vm_guest_ops guest, copy_guest; // take_interrupt is ours
    struct vm_host host, copy_host;        // random numbers that are the same for both
    uint64_t random, copy_random;          // how many have been given
    struct vm_firmware firmware;           // the board's
    struct check_link registers[VM_LINK_DEVICES];
    struct vm_irq wires[VM_LINK_WIRES];
    bool hooked;    // the machine's outside is ours
    bool leading;   // the machine runs
    bool finishing; // the copy comes to where the machine is inside an instruction
    bool outside;   // firmware or the entry of an interrupt, whose effects are noted as a whole
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
    uint8_t *interrupted;            // the same, where the last interrupt was looked for
    size_t input_given;
};

// The accesses of the machine, whose context is a struct check_device, and of its copy.
extern const struct vm_mmio_ops check_note_mmio, check_replay_mmio;

// Puts what notes and what replays between the guests' and hosts' operations, which are copies of
// the machine's; then, when both machines are made, between each and its outside.
void check_hook_guests(struct check *c);
void check_hook_machines(struct check *c);
void check_unhook_machine(struct check *c);

// Whether the copy is past an interrupt that the machine took.
bool check_is_late(const struct check *c);

// Gives a vCPU the registers of a state struct.
void check_set_registers(struct vm_vcpu *v, const void *state);

// The first register that differs, or -1; by the state structs.
int check_registers(const struct check *c, const void *a, const void *b);
// Prints what is known about a difference.
void check_report(struct check *c, const char *what);

#endif
