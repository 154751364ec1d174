// SPDX-License-Identifier: MIT
//
// Disks behind virtio-blk: asynchronous requests on an I/O thread. Formats (raw, qcow2) implement
// the table; a format may sit on another.
//
// A block belongs to one thread at a time: the loop's while it runs, whoever opened it before and
// after that.
#ifndef VM_DEVICE_BACKEND_BLOCK_H
#define VM_DEVICE_BACKEND_BLOCK_H

#include <vm/base/error.h>
#include <vm/core/io.h>
#include <vm/device/virtio/virtio.h>

enum vm_block_op {
    VM_BLOCK_READ,
    VM_BLOCK_WRITE,
    VM_BLOCK_FLUSH,   // every write that was done before it was submitted will last
    VM_BLOCK_DISCARD, // a hint; contents are undefined, but nobody else's, until written again
    VM_BLOCK_WRITE_ZEROES,
};

enum vm_block_status { VM_BLOCK_OK, VM_BLOCK_IO_ERROR, VM_BLOCK_UNSUPPORTED, VM_BLOCK_NO_SPACE };

// The submitter owns it and what it points to until `done` has been called, on the I/O thread.
struct vm_block_request {
    enum vm_block_op op;
    uint64_t offset, size;      // bytes; inside the disk: the submitter has checked
    const struct vm_iovec *iov; // of READ and WRITE: `size` bytes together
    unsigned iov_count;
    bool unmap; // write zeroes: may deallocate
    enum vm_block_status status;
    void (*done)(struct vm_block_request *request);
    void *owner;
    uint64_t backend[20]; // the backend's own, of any contents before
};

struct vm_block;

struct vm_block_ops {
    const char *format;
    // Starts `count` requests together (one host call where that can be). Some may be done already
    // when it returns.
    void (*submit)(struct vm_block *block, struct vm_block_request **requests, unsigned count);
    // Calls `done` of what has ended by now; does not block.
    void (*poll)(struct vm_block *block);
    // Blocks until something in flight has come further; returns at once when nothing is.
    void (*wait)(struct vm_block *block);
    // Waits for everything in flight, writes what must last and frees the block with those under
    // it.
    void (*close)(struct vm_block *block);
};

struct vm_block {
    const struct vm_block_ops *ops;
    uint64_t size; // bytes; of a disk a multiple of 512. The container of a format is a raw block
                   // whose size may be odd, which may be read beyond its end (zeros) and grows when
                   // written there
    bool read_only;
    uint32_t logical_block; // bytes
};

// One request, waited for: for the time before and after the loop. `data` may be NULL where the
// operation moves none.
enum vm_block_status vm_block_run(struct vm_block *block, enum vm_block_op op, uint64_t offset,
                                  void *data, uint64_t size);

// A status in words, for error lines.
const char *vm_block_status_text(enum vm_block_status status);

#endif
