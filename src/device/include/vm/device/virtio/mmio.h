// SPDX-License-Identifier: MIT
//
// The MMIO transport, version 2 (VirtIO 1.2, 4.2): registers at fixed addresses and one interrupt
// wire, as on QEMU's virt boards.
#ifndef VM_DEVICE_VIRTIO_MMIO_H
#define VM_DEVICE_VIRTIO_MMIO_H

#include <vm/device/site.h>
#include <vm/device/virtio/transport.h>

// The window has VM_VIRTIO_MMIO_SIZE bytes unless the site says otherwise.
enum { VM_VIRTIO_MMIO_SIZE = 0x1000, VM_VIRTIO_MMIO_CONFIG = 0x100 };

// Puts `v` behind registers at the site, which own it from then on (not on failure). NULL: a slot
// without a device, that drivers find and pass over.
vm_status vm_virtio_mmio_create(struct vm_machine *m, struct vm_virtio *v,
                                const struct vm_device_site *site, struct vm_device *out,
                                struct vm_error *e);

#endif
