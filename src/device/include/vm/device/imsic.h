// SPDX-License-Identifier: MIT
//
// Incoming MSI controllers (RISC-V Advanced Interrupt Architecture 1.0, chapter "IMSIC"): the
// interrupt files of all harts at one privilege level, without guest files. Hart n's file has its
// page at base + n * 4 KiB; the pages up to the next power of two are read-only zeros.
#ifndef VM_DEVICE_IMSIC_H
#define VM_DEVICE_IMSIC_H

#include <vm/core/arch/riscv64/imsic.h>
#include <vm/device/site.h>

enum {
    VM_IMSIC_PAGE = 0x1000,
    VM_IMSIC_IDENTITIES = 255, // 1 to 255
};

struct vm_imsic_config {
    vm_gpa base; // aligned to the size of the window
    uint32_t phandle;
    uint32_t cause;                  // 9 supervisor, 11 machine external, for describe
    uint32_t harts;                  // 1 to VM_MAX_VCPUS
    struct vm_irq irq[VM_MAX_VCPUS]; // external interrupt of each hart at that level
    uint32_t cpu_intc[VM_MAX_VCPUS]; // phandle of each hart's interrupt controller
};

vm_status vm_imsic_create(struct vm_machine *m, const struct vm_imsic_config *config,
                          struct vm_device *out, struct vm_error *e);

// The file of a hart, for its CSRs; lives as long as the device.
struct vm_register_device vm_imsic_file(const struct vm_device *imsic, uint32_t hart);

// A message: a write of `data` to `address`. False: no page of this device is there. Any thread.
bool vm_imsic_message(const struct vm_device *imsic, uint64_t address, uint32_t data);

#endif
