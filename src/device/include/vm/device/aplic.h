// SPDX-License-Identifier: MIT
//
// The advanced platform-level interrupt controller (RISC-V Advanced Interrupt Architecture 1.0,
// chapter "APLIC") with two interrupt domains: the root at machine level and its child at
// supervisor level. Both have the same way of delivery: direct to the harts, or by messages to
// their IMSICs (vm/device/imsic.h).
#ifndef VM_DEVICE_APLIC_H
#define VM_DEVICE_APLIC_H

#include <vm/device/site.h>

enum {
    VM_APLIC_SIZE = 0x8000, // of a domain's registers; room for 512 harts
    VM_APLIC_SOURCES = 96,  // numbered from 1
    VM_APLIC_MAX_PRIORITY = 255,
};

struct vm_aplic_domain {
    vm_gpa base;
    uint32_t phandle;
    uint32_t cause;                  // 9 supervisor, 11 machine external, for describe
    struct vm_irq irq[VM_MAX_VCPUS]; // external interrupt of each hart, for direct delivery
    uint64_t msi_base;               // of hart 0's interrupt file; those of others follow by pages
    uint32_t msi_parent;             // phandle of the IMSICs
};

struct vm_aplic_config {
    uint32_t harts; // 1 to VM_MAX_VCPUS; hart indexes are the harts' numbers
    uint32_t cpu_intc[VM_MAX_VCPUS];
    const struct vm_msi *msi; // copied; NULL: direct delivery. Called under the APLIC's lock: it
                              // must not write to the APLIC.
    struct vm_aplic_domain machine, supervisor;
};

// Makes both domains, a device each. With `machine` NULL there is no software at machine level:
// from every reset on all sources are delegated. `supervisor` is destroyed and reset after
// `machine`, where there is one.
vm_status vm_aplic_create(struct vm_machine *m, const struct vm_aplic_config *config,
                          struct vm_device *machine, struct vm_device *supervisor,
                          struct vm_error *e);

// The input wire of `source` (1 to VM_APLIC_SOURCES), from either domain's device: any thread may
// drive it.
struct vm_irq vm_aplic_source(const struct vm_device *domain, uint32_t source);

#endif
