// SPDX-License-Identifier: MIT
//
// Socket device (VirtIO 1.2, 5.10) in front of a backend (vm/device/backend/vsock.h): streams
// between programs of the guest and of the host, with credit in both directions.
#ifndef VM_DEVICE_VIRTIO_VSOCK_H
#define VM_DEVICE_VIRTIO_VSOCK_H

#include <vm/device/backend/vsock.h>
#include <vm/device/virtio/virtio.h>

enum { VM_VIRTIO_VSOCK_MIN_CID = 3 }; // those below, and 2^32 - 1, mean something else

struct vm_virtio_vsock_config {
    struct vm_vsock *backend; // the device's from success on
    uint32_t cid;             // the guest's
    uint64_t withheld;        // features not to be offered (vm_virtio_config)
};

// `io` is the thread that the backend uses as well; it does not run yet. VM_ERR_USAGE: no guest can
// have that CID.
vm_status vm_virtio_vsock_create(struct vm_machine *m, struct vm_io *io, const char *name,
                                 const struct vm_virtio_vsock_config *config,
                                 struct vm_virtio **out, struct vm_error *e);

#endif
