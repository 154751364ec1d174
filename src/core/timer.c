// SPDX-License-Identifier: MIT
//
// The timer queue: a binary heap by deadline under the queue's lock (vm/core/timer.h).
#include <vm/core/timer.h>

enum { NOT_QUEUED = UINT32_MAX };

vm_status vm_timers_init(struct vm_timers *q, const struct vm_host *host, struct vm_error *e)
{
    *q = (struct vm_timers){.host = host, .lock = host->lock_create(host->context)};
    if (!q->lock)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the timer queue");
    return VM_OK;
}

void vm_timers_destroy(struct vm_timers *q)
{
    if (q->heap)
        q->host->allocator.release(q->host->allocator.context, q->heap,
                                   q->capacity * sizeof *q->heap);
    if (q->lock)
        q->host->lock_destroy(q->host->context, q->lock);
    *q = (struct vm_timers){0};
}

// The heap holds armed timers only but has room for every registered one.
vm_status vm_timer_add(struct vm_timers *q, struct vm_timer *t, void (*fire)(void *context),
                       void *context, struct vm_error *e)
{
    const struct vm_allocator *a = &q->host->allocator;
    uint32_t capacity = q->capacity + 1;
    struct vm_timer **heap = a->alloc(a->context, capacity * sizeof *heap, sizeof(void *));
    if (!heap)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for a timer");
    for (uint32_t i = 0; i < q->count; i++)
        heap[i] = q->heap[i];
    if (q->heap)
        a->release(a->context, q->heap, q->capacity * sizeof *heap);
    q->heap = heap;
    q->capacity = capacity;
    *t = (struct vm_timer){VM_TIMER_NEVER, fire, context, NOT_QUEUED};
    return VM_OK;
}

static void place(struct vm_timers *q, uint32_t slot, struct vm_timer *t)
{
    q->heap[slot] = t;
    t->slot = slot;
}

static void sift_up(struct vm_timers *q, uint32_t slot, struct vm_timer *t)
{
    while (slot > 0 && t->deadline < q->heap[(slot - 1) / 2]->deadline) {
        place(q, slot, q->heap[(slot - 1) / 2]);
        slot = (slot - 1) / 2;
    }
    place(q, slot, t);
}

static void sift_down(struct vm_timers *q, uint32_t slot, struct vm_timer *t)
{
    for (;;) {
        uint32_t child = 2 * slot + 1;
        if (child >= q->count)
            break;
        if (child + 1 < q->count && q->heap[child + 1]->deadline < q->heap[child]->deadline)
            child++;
        if (t->deadline <= q->heap[child]->deadline)
            break;
        place(q, slot, q->heap[child]);
        slot = child;
    }
    place(q, slot, t);
}

static void take_out(struct vm_timers *q, struct vm_timer *t)
{
    uint32_t slot = t->slot;
    struct vm_timer *last = q->heap[--q->count];
    t->slot = NOT_QUEUED;
    if (last == t)
        return;
    sift_down(q, slot, last);
    sift_up(q, last->slot, last);
}

void vm_timer_arm(struct vm_timers *q, struct vm_timer *t, uint64_t deadline)
{
    q->host->lock(q->host->context, q->lock);
    struct vm_timer *first = q->count ? q->heap[0] : NULL;
    if (t->slot != NOT_QUEUED)
        take_out(q, t);
    t->deadline = deadline;
    if (deadline != VM_TIMER_NEVER)
        sift_up(q, q->count++, t);
    // A later first deadline needs no wake-up: the drain finds nothing due and sleeps again.
    bool sooner = q->count > 0 && q->heap[0] == t && (first != t || deadline != VM_TIMER_NEVER);
    q->host->unlock(q->host->context, q->lock);
    if (sooner)
        q->host->timers_changed(q->host->context);
}

uint64_t vm_timers_run(struct vm_timers *q, uint64_t now)
{
    for (;;) {
        q->host->lock(q->host->context, q->lock);
        struct vm_timer *t = q->count ? q->heap[0] : NULL;
        uint64_t next = t ? t->deadline : VM_TIMER_NEVER;
        if (!t || next > now) {
            q->host->unlock(q->host->context, q->lock);
            return next;
        }
        take_out(q, t);
        t->deadline = VM_TIMER_NEVER;
        q->host->unlock(q->host->context, q->lock);
        t->fire(t->context);
    }
}
