// SPDX-License-Identifier: MIT
//
// The frame of all fuzz targets of virtio devices: plays the bytes of an input as a driver that
// means harm, over each transport, on the rig of tests/virtio. A device's target is the function
// that makes the device, and one call:
//
//     static struct vm_virtio *create(struct virtio_rig *rig) { ... I/O tasks on &rig->io ... }
//     int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
//     {
//         static const struct virtio_frame_device device = {.create = create};
//         virtio_frame_run(&device, data, size);
//         return 0;
//     }
//
// An input is two bytes of set-up and then operations, one byte each with operands behind it
// (virtio_frame.c lists both; seeds_virtio.py writes some). Whatever the bytes: guest RAM lies
// between guard pages, ROM stays as it is, every operation comes to an end, and all memory is given
// back.
#ifndef TESTS_FUZZ_VIRTIO_FRAME_H
#define TESTS_FUZZ_VIRTIO_FRAME_H

#include "rig.h"

struct virtio_frame_device {
    struct vm_virtio *(*create)(struct virtio_rig *rig);
    void (*tick)(struct virtio_rig *rig); // what else the device needs between operations; or NULL
    void (*end)(struct virtio_rig *rig);  // before the device is destroyed; or NULL
};

void virtio_frame_run(const struct virtio_frame_device *d, const uint8_t *data, size_t size);

#endif
