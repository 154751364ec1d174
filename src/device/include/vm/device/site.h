// SPDX-License-Identifier: MIT
//
// Where a board puts a device and what it connects it to.
#ifndef VM_DEVICE_SITE_H
#define VM_DEVICE_SITE_H

#include <vm/core/device.h>
#include <vm/core/machine.h>

struct vm_device_site {
    vm_gpa base;       // of the MMIO window
    uint64_t size;     // bytes of it, where the device leaves a choice; 0: as it has it
    struct vm_irq irq; // the wire that the device drives; empty: none
    // For describe: the number of that wire at the interrupt controller, the controller's phandle,
    // and the cells of its specifiers (0 or 1; 2 with the trigger type, which is level-high; 3 for
    // a GIC, where the number is that of a shared peripheral interrupt, from 0).
    uint32_t interrupt, interrupt_parent, interrupt_cells;
};

// Puts the window of a created device into the machine's address space. Set-up time only.
vm_status vm_device_attach(struct vm_machine *m, const struct vm_device *device,
                           struct vm_error *e);

static inline void vm_device_destroy(const struct vm_device *device)
{
    if (device->device)
        device->ops->destroy(device->device);
}

#endif
