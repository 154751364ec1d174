// SPDX-License-Identifier: MIT
//
// A GICv2 (Arm Generic Interrupt Controller Architecture Specification, IHI 0048), without security
// extensions and virtualisation, and its frame for messages, GICv2m (Arm Server Base System
// Architecture, DEN 0029, appendix "GICv2m architecture").
#ifndef VM_DEVICE_GICV2_H
#define VM_DEVICE_GICV2_H

#include <vm/device/site.h>

enum {
    VM_GICV2_DISTRIBUTOR_SIZE = 0x1000,
    VM_GICV2_CPU_INTERFACE_SIZE = 0x2000,
    VM_GICV2M_SIZE = 0x1000,
    VM_GICV2M_SETSPI = 0x40, // where messages go
    VM_GICV2_MAX_CPUS = 8,
    VM_GICV2_MAX_SPIS = 960,
};

struct vm_gicv2_config {
    vm_gpa distributor, cpu_interface;
    uint32_t phandle;
    uint32_t cpus; // 1 to VM_GICV2_MAX_CPUS
    uint32_t spis; // a multiple of 32, up to VM_GICV2_MAX_SPIS
    struct vm_irq irq[VM_GICV2_MAX_CPUS], fiq[VM_GICV2_MAX_CPUS]; // lines of each CPU
};

// Makes two devices. `distributor` describes both, and the frame for messages if there is one;
// `cpu_interface` is reset and destroyed after it.
vm_status vm_gicv2_create(struct vm_machine *m, const struct vm_gicv2_config *config,
                          struct vm_device *distributor, struct vm_device *cpu_interface,
                          struct vm_error *e);

// Input wires, as vm_gicv3_spi and vm_gicv3_ppi.
struct vm_irq vm_gicv2_spi(const struct vm_device *gic, uint32_t spi);
struct vm_irq vm_gicv2_ppi(const struct vm_device *gic, uint32_t cpu, uint32_t ppi);

// Turns messages into SPIs `first` to `first + count - 1` (from 0) of `gic`, which has to outlive
// it and describes it within its own node. Nothing else may drive those wires.
struct vm_gicv2m_config {
    vm_gpa base;
    uint32_t phandle;
    uint32_t first, count;
};
vm_status vm_gicv2m_create(struct vm_machine *m, const struct vm_device *gic,
                           const struct vm_gicv2m_config *config, struct vm_device *out,
                           struct vm_error *e);

// A message: a write of `data` to `address`. False: no register for messages is there. Any thread.
bool vm_gicv2m_message(const struct vm_device *frame, uint64_t address, uint32_t data);

#endif
