// SPDX-License-Identifier: MIT
//
// The platform-level interrupt controller (RISC-V Platform-Level Interrupt Controller
// specification 1.0.0) with SiFive's register map, level-triggered sources.
#ifndef VM_DEVICE_PLIC_H
#define VM_DEVICE_PLIC_H

#include <vm/device/site.h>

enum {
    VM_PLIC_SIZE = 0x600000,
    VM_PLIC_SOURCES = 95, // numbered from 1
    VM_PLIC_MAX_PRIORITY = 7,
    VM_PLIC_MAX_CONTEXTS = 2 * VM_MAX_VCPUS,
};

// A context is one privilege mode of one hart that interrupts go to.
struct vm_plic_context {
    struct vm_irq irq;
    uint32_t cpu_intc; // phandle of the hart's interrupt controller
    uint32_t cause;    // its interrupt number there: 9 supervisor, 11 machine external
};

struct vm_plic_config {
    vm_gpa base;
    uint32_t phandle;
    uint32_t contexts;
    struct vm_plic_context context[VM_PLIC_MAX_CONTEXTS];
};

vm_status vm_plic_create(struct vm_machine *m, const struct vm_plic_config *config,
                         struct vm_device *out, struct vm_error *e);

// The input wire of `source` (1 to VM_PLIC_SOURCES): any thread may drive it.
struct vm_irq vm_plic_source(const struct vm_device *plic, uint32_t source);

#endif
