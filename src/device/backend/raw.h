// SPDX-License-Identifier: MIT
//
// Raw disks: the bytes of a host file or host block device.
#ifndef VM_DEVICE_BACKEND_RAW_H
#define VM_DEVICE_BACKEND_RAW_H

#include <vm/device/backend/block.h>
#include <vm/osal/aio.h>

enum vm_raw_use {
    VM_RAW_DISK,      // a disk: its size is rounded up to 512 bytes
    VM_RAW_PROBED,    // the same, raw for want of a magic: it must not get one
    VM_RAW_CONTAINER, // holds a format
    VM_RAW_SCRATCH,   // the same, and nothing in it need outlive the process: flushes do nothing
};

// Takes `file` over, on failure too. `aio` stays the caller's and outlives the block.
vm_status vm_raw_open(struct vm_osal_file *file, struct vm_osal_aio *aio, enum vm_raw_use use,
                      bool read_only, struct vm_block **block, struct vm_error *e);

#endif
