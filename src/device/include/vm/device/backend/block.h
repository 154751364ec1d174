// SPDX-License-Identifier: MIT
//
// Disks behind virtio-blk: asynchronous requests on an I/O thread. Formats (raw, qcow2) implement
// the table; a format may sit on another.
#ifndef VM_DEVICE_BACKEND_BLOCK_H
#define VM_DEVICE_BACKEND_BLOCK_H

#include <vm/base/error.h>
#include <vm/core/io.h>
#include <vm/device/virtio/virtio.h>

enum vm_block_op {
    VM_BLOCK_READ,
    VM_BLOCK_WRITE,
    VM_BLOCK_FLUSH,
    VM_BLOCK_DISCARD,
    VM_BLOCK_WRITE_ZEROES,
};

enum vm_block_status { VM_BLOCK_OK, VM_BLOCK_IO_ERROR, VM_BLOCK_UNSUPPORTED, VM_BLOCK_NO_SPACE };

// The submitter owns it and what it points to until `done` has been called, on the I/O thread.
struct vm_block_request {
    enum vm_block_op op;
    uint64_t offset, size; // bytes; inside the disk: the submitter has checked
    const struct vm_iovec *iov;
    unsigned iov_count;
    bool unmap; // write zeroes: may deallocate
    enum vm_block_status status;
    void (*done)(struct vm_block_request *request);
    void *owner;
    void *backend[4]; // the backend's own
};

struct vm_block;

struct vm_block_ops {
    const char *format;
    // Starts `count` requests together (one host call where that can be). Some may be done already
    // when it returns.
    void (*submit)(struct vm_block *block, struct vm_block_request **requests, unsigned count);
    // Waits for everything in flight and writes what must last.
    void (*close)(struct vm_block *block);
};

struct vm_block {
    const struct vm_block_ops *ops;
    uint64_t size; // bytes, a multiple of 512
    bool read_only;
    uint32_t logical_block; // bytes
};

#endif
