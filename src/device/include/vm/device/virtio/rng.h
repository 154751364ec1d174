// SPDX-License-Identifier: MIT
//
// Entropy device (VirtIO 1.2, 5.4): fills the driver's buffers from the host's random source.
#ifndef VM_DEVICE_VIRTIO_RNG_H
#define VM_DEVICE_VIRTIO_RNG_H

#include <vm/device/virtio/virtio.h>

// Random bytes that one request gets at most; a driver that wants more asks again.
enum { VM_VIRTIO_RNG_MAX = 4096 };

vm_status vm_virtio_rng_create(struct vm_machine *m, struct vm_io *io, const char *name,
                               struct vm_virtio **out, struct vm_error *e);

#endif
