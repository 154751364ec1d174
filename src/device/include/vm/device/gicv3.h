// SPDX-License-Identifier: MIT
//
// A GICv3 (Arm Generic Interrupt Controller Architecture Specification, IHI 0069): distributor,
// redistributors, and the CPU interfaces behind system registers. One security state, affinity
// routing always on, 5 bits of priority, interrupts of group 1 by IRQ and of group 0 by FIQ.
//
// Guest's side: two frames of 64 KiB for each CPU, the redistributors, follow each other.
#ifndef VM_DEVICE_GICV3_H
#define VM_DEVICE_GICV3_H

#include <vm/core/arch/arm64/gic.h>
#include <vm/device/site.h>

enum {
    VM_GICV3_DISTRIBUTOR_SIZE = 0x10000,
    VM_GICV3_REDISTRIBUTOR_SIZE = 0x20000, // of each CPU
    VM_GICV3_MAX_SPIS = 960,
    VM_GICV3_PPIS = 16,
};

struct vm_gicv3_config {
    vm_gpa distributor, redistributors;
    uint32_t phandle;
    uint32_t cpus; // 1 to VM_MAX_VCPUS
    uint32_t spis; // a multiple of 32, up to VM_GICV3_MAX_SPIS
    // Each CPU's affinity as MPIDR_EL1 has it; Aff0 is 0 to 15, so that SGIs reach it.
    uint64_t mpidr[VM_MAX_VCPUS];
    struct vm_irq irq[VM_MAX_VCPUS], fiq[VM_MAX_VCPUS]; // lines of each CPU
    bool lpis;                                          // there is an ITS (vm/device/its.h)
    bool maintenance; // describe PPI 9 as the maintenance interrupt of virtualisation
};

// Makes two devices. `distributor` describes both, and the ITS if there is one; `redistributors` is
// reset and destroyed after it.
vm_status vm_gicv3_create(struct vm_machine *m, const struct vm_gicv3_config *config,
                          struct vm_device *distributor, struct vm_device *redistributors,
                          struct vm_error *e);

// The input wires of shared peripheral interrupt `spi` (from 0, INTID - 32) and of a CPU's private
// one (`ppi` from 0, INTID - 16), numbered as in device trees. From either device. Any thread may
// drive them. Empty: there is none with that number.
struct vm_irq vm_gicv3_spi(const struct vm_device *gic, uint32_t spi);
struct vm_irq vm_gicv3_ppi(const struct vm_device *gic, uint32_t cpu, uint32_t ppi);

// For the vCPUs' system registers; lives as long as the devices.
struct vm_register_device vm_gicv3_cpu_interface(const struct vm_device *gic);

#endif
