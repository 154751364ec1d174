// SPDX-License-Identifier: MIT
//
// Waiting for many streams at once: what an I/O thread sleeps in. A poller belongs to one thread;
// vm_osal_poller_wake may be called from any.
#ifndef VM_OSAL_POLL_H
#define VM_OSAL_POLL_H

#include <vm/osal/stream.h>

struct vm_osal_poller;

// What to wait for, and what is ready. HANGUP and ERROR are always reported.
enum {
    VM_OSAL_POLL_INPUT = 1,
    VM_OSAL_POLL_OUTPUT = 2,
    VM_OSAL_POLL_HANGUP = 4,
    VM_OSAL_POLL_ERROR = 8,
};

struct vm_osal_ready {
    void *token; // as given to watch
    unsigned events;
};

vm_status vm_osal_poller_create(struct vm_osal_poller **poller, struct vm_error *e);
void vm_osal_poller_destroy(struct vm_osal_poller *poller); // NULL is allowed

// Starts to watch a stream, changes what is waited for, ends it. One watch per stream.
vm_status vm_osal_poller_watch(struct vm_osal_poller *poller, vm_osal_stream stream,
                               unsigned events, void *token, struct vm_error *e);
vm_status vm_osal_poller_change(struct vm_osal_poller *poller, vm_osal_stream stream,
                                unsigned events, void *token, struct vm_error *e);
void vm_osal_poller_forget(struct vm_osal_poller *poller, vm_osal_stream stream);

// Waits until a stream is ready, the deadline (monotonic ns, VM_OSAL_FOREVER) passes, or a wake;
// returns how many of `ready` it filled, 0 for the other two.
unsigned vm_osal_poller_wait(struct vm_osal_poller *poller, uint64_t deadline_ns,
                             struct vm_osal_ready *ready, unsigned max);

// Ends the wait, the present one or the next. Does not block. Any thread.
void vm_osal_poller_wake(struct vm_osal_poller *poller);

#endif
