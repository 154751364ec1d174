// SPDX-License-Identifier: MIT
//
// Timers against the host's monotonic clock: a queue per machine, which one thread (or the
// freestanding embedder's loop) drains with vm_timers_run.
#ifndef VM_CORE_TIMER_H
#define VM_CORE_TIMER_H

#include <vm/base/error.h>
#include <vm/core/host.h>

#define VM_TIMER_NEVER UINT64_MAX

// Embedded in its owner. The callback runs without the queue's lock, on the draining thread; it
// may arm timers again.
struct vm_timer {
    uint64_t deadline; // ns, VM_TIMER_NEVER when not armed
    void (*fire)(void *context);
    void *context;
    uint32_t slot; // the queue's own
};

struct vm_timers {
    const struct vm_host *host;
    struct vm_host_lock *lock;
    struct vm_timer **heap; // by deadline
    uint32_t count, capacity;
};

vm_status vm_timers_init(struct vm_timers *q, const struct vm_host *host, struct vm_error *e);
void vm_timers_destroy(struct vm_timers *q);

// Registers a timer, disarmed. Set-up time only (it is what allocates).
vm_status vm_timer_add(struct vm_timers *q, struct vm_timer *t, void (*fire)(void *context),
                       void *context, struct vm_error *e);

// Arms for `deadline` (replacing an earlier one), or disarms with VM_TIMER_NEVER. Any thread.
void vm_timer_arm(struct vm_timers *q, struct vm_timer *t, uint64_t deadline);

// Fires what is due at `now` and returns the next deadline, VM_TIMER_NEVER if there is none.
uint64_t vm_timers_run(struct vm_timers *q, uint64_t now);

#endif
