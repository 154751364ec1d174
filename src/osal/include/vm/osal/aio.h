// SPDX-License-Identifier: MIT
//
// Asynchronous file I/O for disks: batches of requests in one host call, completions told through a
// stream that an event loop watches. Linux io_uring where the kernel grants it, else a pool of
// threads.
//
// A context and its requests belong to one thread at a time: submit, complete and wait are called
// there, and `done` runs in them.
#ifndef VM_OSAL_AIO_H
#define VM_OSAL_AIO_H

#include <vm/osal/file.h>
#include <vm/osal/stream.h>

struct vm_osal_iovec {
    void *base;
    size_t size;
};

enum vm_osal_aio_op {
    VM_OSAL_AIO_READ,    // what lies beyond the end of the file reads as zeros
    VM_OSAL_AIO_WRITE,   // the file grows where needed
    VM_OSAL_AIO_SYNC,    // what was written before by completed requests is on the medium
    VM_OSAL_AIO_DISCARD, // a hole that reads as zeros; UNSUPPORTED where the host makes none
    VM_OSAL_AIO_ZERO, // zeros, by the cheapest means that the host has; the file grows where needed
};

enum vm_osal_aio_result {
    VM_OSAL_AIO_OK,
    VM_OSAL_AIO_FAILED,
    VM_OSAL_AIO_NO_SPACE,
    VM_OSAL_AIO_UNSUPPORTED,
};

// The submitter owns it, with what it points to, until `done` is called.
struct vm_osal_aio_request {
    enum vm_osal_aio_op op;
    struct vm_osal_file *file;
    uint64_t offset;                 // bytes
    uint64_t size;                   // DISCARD and ZERO; otherwise the sum of iov
    const struct vm_osal_iovec *iov; // READ and WRITE
    unsigned iov_count;
    bool unmap; // ZERO: a hole will do
    enum vm_osal_aio_result result;
    void (*done)(struct vm_osal_aio_request *request);
    void *owner;

    // The implementation's: what of the request one host call does.
    struct vm_osal_aio_request *next;
    uint64_t moved;           // bytes done so far
    unsigned method;          // of DISCARD and ZERO: the present one of several
    struct vm_osal_iovec cut; // the rest of an iovec after a short transfer
    int64_t outcome;          // of the host call: bytes, or a negative errno
};

enum vm_osal_aio_kind {
    VM_OSAL_AIO_BEST,    // the first of the following that the host grants
    VM_OSAL_AIO_KERNEL,  // the host's own asynchronous I/O
    VM_OSAL_AIO_THREADS, // threads that block
};

struct vm_osal_aio;

// VM_ERR_HOST when the host does not give the kind that was asked for.
vm_status vm_osal_aio_create(enum vm_osal_aio_kind kind, struct vm_osal_aio **aio,
                             struct vm_error *e);
void vm_osal_aio_destroy(struct vm_osal_aio *aio); // nothing in flight; NULL is allowed

// Puts threads that the context has into the sandbox (vm/osal/sandbox.h), as threads of disks. What
// the host's kernel does on its own is confined to file I/O from the start.
vm_status vm_osal_aio_confine(struct vm_osal_aio *aio, struct vm_error *e);

// "io_uring" or "threads".
const char *vm_osal_aio_name(const struct vm_osal_aio *aio);

// Starts `count` requests together; some may be done when it returns.
void vm_osal_aio_submit(struct vm_osal_aio *aio, struct vm_osal_aio_request **requests,
                        unsigned count);

// Has input while vm_osal_aio_complete has something to do.
vm_osal_stream vm_osal_aio_stream(const struct vm_osal_aio *aio);

// Calls `done` of what has finished. Does not block.
void vm_osal_aio_complete(struct vm_osal_aio *aio);

// As complete, but blocks until at least one request has been called done; returns at once when
// nothing is in flight.
void vm_osal_aio_wait(struct vm_osal_aio *aio);

#endif
