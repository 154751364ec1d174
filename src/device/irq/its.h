// SPDX-License-Identifier: MIT
//
// What the files of the ITS share: its.c has registers, tables and the device, its_command.c the
// commands. All functions here are called under the ITS's lock.
#ifndef DEVICE_IRQ_ITS_H
#define DEVICE_IRQ_ITS_H

#include <vm/device/its.h>

#include "gicv3.h"

enum its_table { ITS_DEVICES, ITS_COLLECTIONS, ITS_TABLES };

// Every table has entries of 8 bytes, whose upper bit is Valid. The layout is the ITS's own:
//   device       [48:5] bits [51:8] of the address of its interrupt translation table
//                [4:0]  bits of its event numbers, less one
//   collection   [15:0] the CPU that it goes to
//   event        [47:32] collection, [31:0] LPI; in the device's table
enum { ITS_ENTRY_SIZE = 8, ITS_NUMBER_BITS = 16, ITS_COMMAND_SIZE = 32 };
#define ITS_VALID (UINT64_C(1) << 63)

struct its {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct gicv3 *gic;
    vm_gpa base;
    uint32_t phandle;

    bool enabled;
    uint64_t cbaser, cwriter, creadr;
    uint64_t baser[ITS_TABLES];
};

// Entry `number` of a table as it is in the guest's memory; false: it has no place there.
bool its_find_entry(const struct its *s, enum its_table table, uint64_t number, vm_gpa *at);
bool its_load(const struct its *s, vm_gpa at, uint64_t *entry); // false: not in RAM
void its_store(struct its *s, vm_gpa at, uint64_t entry);

// The place of an event's entry; false unless the device is mapped and has so many events.
bool its_find_event(const struct its *s, uint64_t device, uint64_t event, vm_gpa *at);

// Where an event goes; false unless it is mapped all the way.
struct its_route {
    vm_gpa at; // the event's entry
    uint32_t intid, cpu;
};
bool its_find_route(const struct its *s, uint64_t device, uint64_t event, struct its_route *route);
bool its_find_cpu(const struct its *s, uint64_t collection, uint32_t *cpu);

// its_command.c: one command.
void its_execute(struct its *s, const uint64_t command[ITS_COMMAND_SIZE / 8]);

#endif
