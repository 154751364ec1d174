// SPDX-License-Identifier: MIT
//
// The core-local interruptor: machine software interrupts and machine timer of every hart, in the
// layout of the SiFive CLINT (RISC-V ACLINT specification 1.0-rc4, MSWI and MTIMER at their
// backward-compatible offsets).
#ifndef VM_DEVICE_ACLINT_H
#define VM_DEVICE_ACLINT_H

#include <vm/device/site.h>

enum { VM_ACLINT_SIZE = 0x10000 };

struct vm_aclint_config {
    vm_gpa base;
    uint32_t harts;                       // 1 to VM_MAX_VCPUS
    struct vm_irq software[VM_MAX_VCPUS]; // MSI of each hart
    struct vm_irq timer[VM_MAX_VCPUS];    // MTI of each hart
    uint32_t cpu_intc[VM_MAX_VCPUS];      // phandle of each hart's interrupt controller
    uint64_t (*time)(void *context);      // what the harts' time CSRs show
    uint64_t (*to_clock)(void *context, uint64_t time); // the monotonic clock at that time, ns;
                                                        // VM_TIMER_NEVER: out of its range
    void *context;
};

// Registers one timer per hart with the machine's queue: destroy the device after the queue is
// drained for the last time.
vm_status vm_aclint_create(struct vm_machine *m, const struct vm_aclint_config *config,
                           struct vm_device *out, struct vm_error *e);

#endif
