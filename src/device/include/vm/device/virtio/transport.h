// SPDX-License-Identifier: MIT
//
// The VirtIO core as a transport sees it: device status, features, queue addresses, configuration.
// The core locks the device itself; a transport keeps only its own selectors and interrupt state,
// and holds no lock of its own while it calls the core (which calls `raise` under the device's).
#ifndef VM_DEVICE_VIRTIO_TRANSPORT_H
#define VM_DEVICE_VIRTIO_TRANSPORT_H

#include <vm/device/virtio/virtio.h>

// Device status bits (VirtIO 1.2, 2.1).
enum {
    VM_VIRTIO_ACKNOWLEDGE = 1,
    VM_VIRTIO_DRIVER = 2,
    VM_VIRTIO_DRIVER_OK = 4,
    VM_VIRTIO_FEATURES_OK = 8,
    VM_VIRTIO_NEEDS_RESET = 64,
    VM_VIRTIO_FAILED = 128,
};

enum { VM_VIRTIO_CONFIG_CHANGE = -1 };

// How the core interrupts through the transport: `queue`, or VM_VIRTIO_CONFIG_CHANGE. Any thread.
struct vm_virtio_interrupt {
    void (*raise)(void *transport, int queue);
    void *transport;
};

void vm_virtio_attach(struct vm_virtio *v, const struct vm_virtio_interrupt *interrupt);

enum vm_virtio_id vm_virtio_device_id(const struct vm_virtio *v);
unsigned vm_virtio_queue_count(const struct vm_virtio *v);
uint64_t vm_virtio_device_features(const struct vm_virtio *v);
void vm_virtio_set_driver_features(struct vm_virtio *v, uint64_t features);
uint64_t vm_virtio_driver_features(const struct vm_virtio *v);

// Writing 0 resets the device, and returns when that is done; the transport clears its interrupts
// then. Other bits stay once set; what the driver may not set yet is not set.
uint8_t vm_virtio_get_status(const struct vm_virtio *v);
void vm_virtio_set_status(struct vm_virtio *v, uint8_t status);

// Configuration space; offsets beyond its end read 0 and ignore writes.
uint32_t vm_virtio_config_size(const struct vm_virtio *v);
uint8_t vm_virtio_config_generation(const struct vm_virtio *v);
void vm_virtio_read_config(struct vm_virtio *v, uint32_t offset, void *to, uint32_t size);
void vm_virtio_write_config(struct vm_virtio *v, uint32_t offset, const void *from, uint32_t size);

// Queue set-up, by number; numbers beyond the last read as size 0 and ignore writes. Addresses and
// size may change only while the queue is disabled. Enabling one whose ring cannot be marks the
// device as DEVICE_NEEDS_RESET and leaves the queue disabled; disabling waits until the I/O thread
// has let go of it.
struct vm_virtq_setup {
    uint16_t size, max_size;
    bool enabled;
    vm_gpa descriptors, driver, device;
};
void vm_virtio_get_queue(const struct vm_virtio *v, unsigned queue, struct vm_virtq_setup *out);
void vm_virtio_set_queue(struct vm_virtio *v, unsigned queue, const struct vm_virtq_setup *setup);
void vm_virtio_reset_queue(struct vm_virtio *v, unsigned queue); // VIRTIO_F_RING_RESET

// A doorbell: schedules the queue on the I/O thread. Never blocks.
void vm_virtio_doorbell(struct vm_virtio *v, unsigned queue);

#endif
