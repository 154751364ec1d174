// SPDX-License-Identifier: MIT
//
// Network device (VirtIO 1.2, 5.1) in front of a backend (vm/device/backend/net.h): checksum and
// segmentation offloads whatever the backend can do, mergeable receive buffers, a control queue,
// several queue pairs.
#ifndef VM_DEVICE_VIRTIO_NET_H
#define VM_DEVICE_VIRTIO_NET_H

#include <vm/device/backend/net.h>

struct vm_virtio_net_config {
    struct vm_net *backend; // the device's from success on
    uint8_t mac[6];
    uint64_t withheld; // features not to be offered (vm_virtio_config)
};

// `io` is the thread that the backend uses as well; it does not run yet.
vm_status vm_virtio_net_create(struct vm_machine *m, struct vm_io *io, const char *name,
                               const struct vm_virtio_net_config *config, struct vm_virtio **out,
                               struct vm_error *e);

#endif
