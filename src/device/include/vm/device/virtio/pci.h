// SPDX-License-Identifier: MIT
//
// The PCI transport (VirtIO 1.2, 4.1) of non-transitional devices: structures in BAR 4, MSI-X in
// BAR 1, laid out as QEMU does.
#ifndef VM_DEVICE_VIRTIO_PCI_H
#define VM_DEVICE_VIRTIO_PCI_H

#include <vm/device/pci.h>
#include <vm/device/virtio/transport.h>

// Puts `v` into a slot of the bus, which owns it from then on (not on failure). VM_ERR_USAGE: the
// slot does not exist or is taken.
vm_status vm_virtio_pci_create(struct vm_pci_host *host, unsigned slot, struct vm_virtio *v,
                               struct vm_error *e);

#endif
