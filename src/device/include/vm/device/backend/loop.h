// SPDX-License-Identifier: MIT
//
// An I/O thread: an event loop that runs a device's tasks (vm/core/io.h), watches host streams and
// keeps deadlines. What is watched or timed is used on the loop's thread only, and may be set up
// before the loop starts.
#ifndef VM_DEVICE_BACKEND_LOOP_H
#define VM_DEVICE_BACKEND_LOOP_H

#include <vm/core/io.h>
#include <vm/osal/poll.h>
#include <vm/osal/sandbox.h>

struct vm_loop;

vm_status vm_loop_create(const char *name, struct vm_loop **loop, struct vm_error *e);
// The thread will be in the sandbox (vm/osal/sandbox.h) for this work, beside what was asked for
// before. Before the loop starts, and before images are opened on it.
void vm_loop_confine(struct vm_loop *loop, unsigned work);
bool vm_loop_is_confined(const struct vm_loop *loop);
vm_status vm_loop_start(struct vm_loop *loop, struct vm_error *e);
// Ends the thread after what is queued has run. Harmless when it does not run.
void vm_loop_stop(struct vm_loop *loop);
void vm_loop_destroy(struct vm_loop *loop); // stopped; NULL is allowed

// Where devices schedule their tasks.
struct vm_io *vm_loop_io(struct vm_loop *loop);

// A watched stream; embedded in its owner. `ready` gets VM_OSAL_POLL_* events.
struct vm_loop_watch {
    vm_osal_stream stream;
    void (*ready)(void *context, unsigned events);
    void *context;
};
vm_status vm_loop_watch(struct vm_loop *loop, struct vm_loop_watch *watch, unsigned events,
                        struct vm_error *e);
vm_status vm_loop_rewatch(struct vm_loop *loop, struct vm_loop_watch *watch, unsigned events,
                          struct vm_error *e);
void vm_loop_unwatch(struct vm_loop *loop, struct vm_loop_watch *watch);

// A deadline; embedded in its owner, zeroed, `fire` and `context` set. `deadline` is monotonic ns.
struct vm_loop_timer {
    uint64_t deadline;
    void (*fire)(void *context);
    void *context;
    struct vm_loop_timer *next;
    bool armed;
};
void vm_loop_arm(struct vm_loop *loop, struct vm_loop_timer *timer, uint64_t deadline);
void vm_loop_disarm(struct vm_loop *loop, struct vm_loop_timer *timer);

#endif
