// SPDX-License-Identifier: MIT
//
// I/O threads (vm/device/backend/loop.h). All state but the task queue and `stopping` belongs to
// the loop's thread once it runs.
#include <vm/device/backend/loop.h>
#include <vm/osal/clock.h>
#include <vm/osal/memory.h>
#include <vm/osal/thread.h>

enum { READY = 32 };

struct vm_loop {
    struct vm_io io;
    struct vm_osal_poller *poller;
    struct vm_osal_thread *thread;
    _Atomic bool asleep;          // or about to be: it has to be woken
    struct vm_loop_timer *timers; // by deadline
    _Atomic bool stopping;
    struct vm_osal_ready ready[READY]; // of the present turn
    unsigned ready_count;
    const char *name;
    unsigned work; // in the sandbox; 0: it is not in one
};

// A thread that is at work looks at the queue before it sleeps, and says that it is going to sleep
// before it looks: what is scheduled after the look finds `asleep` set.
static void wake(void *context)
{
    struct vm_loop *loop = context;
    if (atomic_load(&loop->asleep))
        vm_osal_poller_wake(loop->poller);
}

vm_status vm_loop_create(const char *name, struct vm_loop **out, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct vm_loop *loop = a->alloc(a->context, sizeof *loop, _Alignof(struct vm_loop));
    if (!loop)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the I/O thread %s", name);
    *loop = (struct vm_loop){.name = name};
    loop->io.wake = wake;
    loop->io.context = loop;
    vm_status status = vm_osal_poller_create(&loop->poller, e);
    if (status != VM_OK) {
        vm_loop_destroy(loop);
        return status;
    }
    *out = loop;
    return VM_OK;
}

struct vm_io *vm_loop_io(struct vm_loop *loop)
{
    return &loop->io;
}

static uint64_t fire_timers(struct vm_loop *loop)
{
    while (loop->timers && loop->timers->deadline <= vm_osal_clock_monotonic()) {
        struct vm_loop_timer *t = loop->timers;
        loop->timers = t->next;
        t->armed = false;
        t->fire(t->context);
    }
    return loop->timers ? loop->timers->deadline : VM_OSAL_FOREVER;
}

static void serve(void *argument)
{
    struct vm_loop *loop = argument;
    while (!atomic_load(&loop->stopping)) {
        // Tasks may arm timers and timers schedule tasks: sleep only when neither is due.
        vm_io_run(&loop->io);
        uint64_t deadline = fire_timers(loop);
        atomic_store(&loop->asleep, true);
        bool busy = atomic_load(&loop->io.head) != NULL;
        loop->ready_count =
            vm_osal_poller_wait(loop->poller, busy ? 0 : deadline, loop->ready, READY);
        atomic_store(&loop->asleep, false);
        for (unsigned i = 0; i < loop->ready_count; i++) {
            struct vm_loop_watch *w = loop->ready[i].token;
            if (w) // not unwatched by one before it
                w->ready(w->context, loop->ready[i].events);
        }
        loop->ready_count = 0;
    }
    while (vm_io_run(&loop->io))
        ;
}

void vm_loop_confine(struct vm_loop *loop, unsigned work)
{
    loop->work |= work;
}

bool vm_loop_is_confined(const struct vm_loop *loop)
{
    return loop->work != 0;
}

vm_status vm_loop_start(struct vm_loop *loop, struct vm_error *e)
{
    atomic_store(&loop->stopping, false);
    return vm_osal_sandbox_thread_create(loop->name, loop->work, serve, loop, &loop->thread, e);
}

void vm_loop_stop(struct vm_loop *loop)
{
    if (!loop->thread)
        return;
    atomic_store(&loop->stopping, true);
    vm_osal_poller_wake(loop->poller);
    vm_osal_thread_join(loop->thread);
    loop->thread = NULL;
}

void vm_loop_destroy(struct vm_loop *loop)
{
    const struct vm_allocator *a = vm_osal_allocator();
    if (!loop)
        return;
    vm_osal_poller_destroy(loop->poller);
    a->release(a->context, loop, sizeof *loop);
}

vm_status vm_loop_watch(struct vm_loop *loop, struct vm_loop_watch *watch, unsigned events,
                        struct vm_error *e)
{
    return vm_osal_poller_watch(loop->poller, watch->stream, events, watch, e);
}

vm_status vm_loop_rewatch(struct vm_loop *loop, struct vm_loop_watch *watch, unsigned events,
                          struct vm_error *e)
{
    return vm_osal_poller_change(loop->poller, watch->stream, events, watch, e);
}

void vm_loop_unwatch(struct vm_loop *loop, struct vm_loop_watch *watch)
{
    vm_osal_poller_forget(loop->poller, watch->stream);
    for (unsigned i = 0; i < loop->ready_count; i++) {
        if (loop->ready[i].token == watch)
            loop->ready[i].token = NULL;
    }
}

void vm_loop_disarm(struct vm_loop *loop, struct vm_loop_timer *timer)
{
    if (!timer->armed)
        return;
    struct vm_loop_timer **p = &loop->timers;
    while (*p != timer)
        p = &(*p)->next;
    *p = timer->next;
    timer->armed = false;
}

void vm_loop_arm(struct vm_loop *loop, struct vm_loop_timer *timer, uint64_t deadline)
{
    vm_loop_disarm(loop, timer);
    struct vm_loop_timer **p = &loop->timers;
    while (*p && (*p)->deadline <= deadline)
        p = &(*p)->next;
    timer->deadline = deadline;
    timer->next = *p;
    timer->armed = true;
    *p = timer;
}
