// SPDX-License-Identifier: MIT
//
// The Interrupt Translation Service of a GICv3 (IHI 0069, chapters "Locality-specific Peripheral
// Interrupts and the ITS" and "ITS registers"): devices' messages become LPIs by tables in the
// guest's memory. Device, event and collection numbers have 16 bits.
#ifndef VM_DEVICE_ITS_H
#define VM_DEVICE_ITS_H

#include <vm/device/site.h>

enum {
    VM_ITS_SIZE = 0x20000, // control frame, translation frame
    VM_ITS_TRANSLATER = 0x10040,
};

// `gic` is a device of a GICv3 with LPIs, which has to outlive the ITS; it describes the ITS within
// its own node.
vm_status vm_its_create(struct vm_machine *m, const struct vm_device *gic, vm_gpa base,
                        uint32_t phandle, struct vm_device *out, struct vm_error *e);

// A message: a write of `data` to `address` by the device with that number (of a PCI function, its
// requester ID). False: no register for messages is there. Any thread.
bool vm_its_message(const struct vm_device *its, uint64_t address, uint32_t data, uint32_t device);

#endif
