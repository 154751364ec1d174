// SPDX-License-Identifier: MIT
//
// What carries out the single host calls of asynchronous I/O (aio.c cuts requests into them).
#ifndef VM_OSAL_POSIX_AIO_ENGINE_H
#define VM_OSAL_POSIX_AIO_ENGINE_H

#include <vm/osal/aio.h>

// One host call of a request. An iovec here is a struct iovec.
struct vm_osal_aio_call {
    enum { VM_OSAL_CALL_READ, VM_OSAL_CALL_WRITE, VM_OSAL_CALL_SYNC, VM_OSAL_CALL_ALLOCATE } what;
    int fd;
    uint64_t offset, size; // size: ALLOCATE
    int mode;              // ALLOCATE: of fallocate(2)
    const struct vm_osal_iovec *iov;
    unsigned iov_count;
};

// The call that a request is at.
struct vm_osal_aio_call vm_osal_aio_next_call(const struct vm_osal_aio_request *request);

struct vm_osal_aio_engine {
    const char *name;
    // The host carries out writes to one file one after the other, each on a thread of its own that
    // it first has to wake.
    bool queues_writes;
    void (*destroy)(void *engine);
    // Starts the present call of each request of the list.
    void (*start)(void *engine, struct vm_osal_aio_request *list);
    // The list of those whose call has ended, with `outcome` set; waits for at least one if asked
    // to (then something is in flight).
    struct vm_osal_aio_request *(*take)(void *engine, bool wait);
    // Puts threads of its own into the sandbox; NULL: it has none.
    vm_status (*confine)(void *engine, struct vm_error *e);
    int (*descriptor)(void *engine); // readable while there is something to take
};

// Each gives *engine and returns its table, or NULL with *e set.
const struct vm_osal_aio_engine *vm_osal_aio_threads(void **engine, struct vm_error *e);
const struct vm_osal_aio_engine *vm_osal_aio_kernel(void **engine, struct vm_error *e);

#endif
