// SPDX-License-Identifier: MIT
//
// Block device (VirtIO 1.2, 5.2) in front of a disk (vm/device/backend/block.h): reads, writes,
// flush, discard, write zeroes, serial number, several queues, write-back cache switch.
#ifndef VM_DEVICE_VIRTIO_BLK_H
#define VM_DEVICE_VIRTIO_BLK_H

#include <vm/device/backend/block.h>

enum { VM_VIRTIO_BLK_SERIAL = 20, VM_VIRTIO_BLK_MAX_QUEUES = 16 };

// Counted on the I/O thread, readable from any. Requests count when they end; bytes only if well.
struct vm_virtio_blk_stats {
    _Atomic uint64_t reads, writes, flushes, discards; // discards: write zeroes as well
    _Atomic uint64_t bytes_read, bytes_written;
    _Atomic uint64_t errors;
    _Atomic uint64_t batches; // submissions to the disk
};

struct vm_virtio_blk_config {
    struct vm_block *block;            // the caller's; outlives the device, used on the I/O thread
    const char *serial;                // at most VM_VIRTIO_BLK_SERIAL bytes count; NULL: none
    uint16_t queues;                   // 1 to VM_VIRTIO_BLK_MAX_QUEUES
    uint64_t withheld;                 // features not to be offered (vm_virtio_config)
    struct vm_virtio_blk_stats *stats; // the caller's, outlives the device; NULL: not wanted
};

// VM_ERR_USAGE when the configuration is out of bounds. `io` is where the disk's completions come.
vm_status vm_virtio_blk_create(struct vm_machine *m, struct vm_io *io, const char *name,
                               const struct vm_virtio_blk_config *config, struct vm_virtio **out,
                               struct vm_error *e);

#endif
