// SPDX-License-Identifier: MIT
//
// The host-target interface of RISC-V bare-metal tests: a program writes commands to the 64-bit
// word that its symbol `tohost` names and gets answers in `fromhost`.
//
// Both words lie in the program's RAM. The device stands in for the whole page of tohost: the page
// behaves as RAM, but a command that is written is carried out. It must not hold code, page tables
// or atomics' operands; the tests' linker scripts give it a page of its own.
#ifndef VM_DEVICE_HTIF_H
#define VM_DEVICE_HTIF_H

#include <vm/device/site.h>

struct vm_htif_config {
    vm_gpa page;             // of tohost
    void *host;              // VM_PAGE_SIZE bytes that back it
    vm_gpa tohost, fromhost; // multiples of 8; fromhost may lie in other RAM
    // Console bytes; on vCPU threads, without the device's lock.
    void (*output)(void *context, const uint8_t *bytes, size_t size);
    void *context;
};

vm_status vm_htif_create(struct vm_machine *m, const struct vm_htif_config *config,
                         struct vm_device *out, struct vm_error *e);

#endif
