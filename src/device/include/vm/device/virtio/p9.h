// SPDX-License-Identifier: MIT
//
// 9P transport (VirtIO 1.2, 5.11 names the device; its queue and configuration are those of Linux
// net/9p/trans_virtio.c) in front of a share (vm/device/backend/share.h).
#ifndef VM_DEVICE_VIRTIO_P9_H
#define VM_DEVICE_VIRTIO_P9_H

#include <vm/device/backend/share.h>
#include <vm/device/virtio/virtio.h>

enum { VM_VIRTIO_P9_TAG = 64 }; // bytes of a tag at most

struct vm_virtio_p9_config {
    struct vm_share *share; // the device's from success on
    const char *tag;        // by which the guest mounts it; copied
    uint64_t withheld;      // features not to be offered (vm_virtio_config)
};

// `io` is a thread that may wait for the host's file system. VM_ERR_USAGE: a tag that is empty or
// too long.
vm_status vm_virtio_p9_create(struct vm_machine *m, struct vm_io *io, const char *name,
                              const struct vm_virtio_p9_config *config, struct vm_virtio **out,
                              struct vm_error *e);

#endif
