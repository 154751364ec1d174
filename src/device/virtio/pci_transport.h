// SPDX-License-Identifier: MIT
//
// What the two files of the PCI transport share: pci.c has the function and its BAR, pci_common.c
// the common configuration structure.
#ifndef VM_DEVICE_VIRTIO_PCI_TRANSPORT_H
#define VM_DEVICE_VIRTIO_PCI_TRANSPORT_H

#include "../device.h"

#include <stdatomic.h>
#include <vm/base/bits.h>
#include <vm/device/virtio/pci.h>

enum { VIRTIO_PCI_NO_VECTOR = 0xffff };

struct virtio_pci {
    struct vm_machine *machine;
    struct vm_pci_function *function;
    struct vm_virtio *virtio;
    uint32_t window; // where the PCI configuration access capability is (4.1.4.9)
    struct vm_host_lock *lock;
    uint8_t isr; // under the lock
    _Atomic uint32_t device_feature_select, driver_feature_select;
    _Atomic uint16_t queue_select, config_vector, queue_vector[VM_VIRTIO_MAX_QUEUES];
};

// pci.c: the driver writes the device status.
void virtio_pci_write_status(struct virtio_pci *t, uint8_t status);

// pci_common.c: accesses to the structure; any offset, size up to 8.
uint64_t virtio_pci_read_common(const struct virtio_pci *t, uint32_t offset, unsigned size);
void virtio_pci_write_common(struct virtio_pci *t, uint32_t offset, unsigned size, uint64_t value);

#endif
