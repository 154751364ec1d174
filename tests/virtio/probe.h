// SPDX-License-Identifier: MIT
//
// A device for tests of the VirtIO core: answers with what it was sent, or holds what it gets until
// the test says so. It checks what the core promises a device: buffers in guest RAM, no more in
// flight than the queue has descriptors, sums that add up.
#ifndef TESTS_VIRTIO_PROBE_H
#define TESTS_VIRTIO_PROBE_H

#include "rig.h"

#include <vm/device/virtio/virtio.h>

enum { PROBE_QUEUES = 3, PROBE_QUEUE_SIZE = 64, PROBE_CONFIG = 22, PROBE_ID = 4000 };

struct probe_options {
    bool no_queue_reset; // the device type has no reset_queue
    uint64_t features;   // of the device type
    uint64_t withheld;
    uint16_t queue_size; // PROBE_QUEUE_SIZE if 0
};

struct probe_held {
    struct vm_virtq_element element;
    unsigned queue;
};

struct probe {
    struct virtio_rig *rig;
    struct vm_virtio *virtio;
    struct vm_virtio_ops ops;
    _Atomic bool hold; // keep elements
    bool deaf;         // do not even pop
    bool poll;         // turn doorbells off while at work
    bool flush_each;
    unsigned notified, resets, queue_resets, activations, destroyed;
    uint64_t features; // of the last activation
    uint8_t config[PROBE_CONFIG];
    unsigned held_count;
    struct probe_held held[PROBE_QUEUES * VM_VIRTQ_MAX_SIZE];
    _Atomic uint64_t popped; // elements
};

// Makes the device and plugs it in. `options` may be NULL.
void probe_init(struct probe *p, struct virtio_rig *rig, const struct virtio_bus *bus,
                const struct probe_options *options);

// Answers held element `i`: in gets out with every byte XORed with 0x5a, as much as fits. Pushes,
// without a flush. The last held one takes its place.
void probe_answer(struct probe *p, unsigned i);
void probe_answer_all(struct probe *p); // in order, and flushes
// Pops once into `held`; false if there is nothing.
bool probe_pop(struct probe *p, unsigned queue);

#endif
