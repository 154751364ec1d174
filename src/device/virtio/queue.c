// SPDX-License-Identifier: MIT
//
// Virtqueues, what both kinds of ring have in common: set-up, doorbells, elements on their way from
// the driver to the device and back, and when each side tells the other.
//
// Doorbells are suppressed from the start of a queue's task until the device has popped it empty;
// then the ring is armed and looked at once more, so that a buffer that came in between is either
// seen here or announced by a doorbell. Used elements are shown and announced per flush.
//
// One call of notify pops at most as many elements as the ring has, then the others on the I/O
// thread get their turn: a driver that never stops cannot keep the thread to itself.
#include "internal.h"

#include <vm/base/bits.h>

void vm_virtq_set_defaults(struct vm_virtqueue *q)
{
    uint16_t max = q->device->config.queue_size;
    q->setup = (struct vm_virtq_setup){.size = max, .max_size = max};
}

const char *vm_virtq_map(struct vm_virtqueue *q)
{
    struct vm_virtio *v = q->device;
    uint64_t features = atomic_load(&v->negotiated);
    bool packed = features & VM_VIRTIO_F_RING_PACKED;
    const struct vm_virtq_setup *s = &q->setup;
    if (s->size == 0 || s->size > s->max_size)
        return "its size is out of range";
    if (!packed && vm_popcount64(s->size) != 1)
        return "its size is no power of two";
    q->ring = packed ? &vm_virtq_packed : &vm_virtq_split;
    uint64_t bytes[3];
    unsigned align[3];
    q->ring->layout(s->size, bytes, align);
    const char *why = vm_virtq_map_area(v, s->descriptors, bytes[0], align[0], &q->descriptors);
    if (!why)
        why = vm_virtq_map_area(v, s->driver, bytes[1], align[1], &q->driver);
    if (!why)
        why = vm_virtq_map_area(v, s->device, bytes[2], align[2], &q->device_area);
    q->size = s->size;
    q->budget = VM_VIRTQ_NO_BUDGET;
    q->avail = q->used = q->seen = q->in_flight = q->pending = 0;
    q->avail_wrap = q->used_wrap = true;
    q->event_index = features & VM_VIRTIO_F_EVENT_IDX;
    q->indirect = features & VM_VIRTIO_F_INDIRECT_DESC;
    q->quiet = q->armed = false;
    return why;
}

// The driver may have made buffers available before anybody listened: look once.
void vm_virtq_go_live(struct vm_virtqueue *q)
{
    atomic_store_explicit(&q->live, true, memory_order_release);
    vm_io_schedule(q->device->config.io, &q->task);
}

static bool is_live(const struct vm_virtqueue *q)
{
    return atomic_load_explicit(&q->live, memory_order_acquire) &&
           !(atomic_load_explicit(&q->device->status, memory_order_relaxed) &
             VM_VIRTIO_NEEDS_RESET);
}

// The queue if it may be used, else NULL.
static struct vm_virtqueue *usable(struct vm_virtio *v, unsigned queue)
{
    if (queue >= v->config.queues || !is_live(&v->queues[queue]))
        return NULL;
    return &v->queues[queue];
}

bool vm_virtq_ready(const struct vm_virtio *v, unsigned queue)
{
    return queue < v->config.queues && is_live(&v->queues[queue]);
}

void vm_virtio_doorbell(struct vm_virtio *v, unsigned queue)
{
    if (!vm_virtq_ready(v, queue))
        return;
    vm_virtio_count(&v->counters.notifications, 1);
    vm_io_schedule(v->config.io, &v->queues[queue].task);
}

void vm_virtq_run(void *queue)
{
    struct vm_virtqueue *q = queue;
    if (!is_live(q))
        return;
    q->budget = q->size;
    q->armed = false;
    q->ring->disarm(q);
    q->device->config.ops->notify(q->device->config.device, q->index);
    q->budget = VM_VIRTQ_NO_BUDGET;
}

static uint32_t position(const struct vm_virtqueue *q)
{
    return (uint32_t)q->avail_wrap << 16 | q->avail;
}

// Asks for a doorbell; true if there is something already.
static bool arm(struct vm_virtqueue *q)
{
    q->armed = true;
    q->armed_at = position(q);
    q->ring->arm(q);
    // The driver writes the ring and then reads whether to ring the doorbell; this is the other
    // way round, and one of the two sees the other.
    atomic_thread_fence(memory_order_seq_cst);
    return q->ring->available(q);
}

static enum vm_virtq_next pop_or_arm(struct vm_virtqueue *q, struct vm_virtq_element *e,
                                     const char **why)
{
    enum vm_virtq_next next;
    do {
        vm_virtq_begin_chain(q, e);
        next = q->ring->pop(q, e, why);
        if (next != VM_VIRTQ_EMPTY || q->quiet || (q->armed && q->armed_at == position(q)))
            return next;
    } while (arm(q));
    return next;
}

bool vm_virtq_pop(struct vm_virtio *v, unsigned queue, struct vm_virtq_element *e)
{
    struct vm_virtqueue *q = usable(v, queue);
    if (!q)
        return false;
    if (q->budget == 0) {
        vm_io_schedule(v->config.io, &q->task);
        return false;
    }
    const char *why = NULL;
    switch (pop_or_arm(q, e, &why)) {
    case VM_VIRTQ_EMPTY: return false;
    case VM_VIRTQ_BROKEN: vm_virtio_mark_broken(v, (int)queue, why); return false;
    case VM_VIRTQ_NEXT: break;
    }
    if (q->budget != VM_VIRTQ_NO_BUDGET)
        q->budget--;
    q->in_flight = (uint16_t)(q->in_flight + e->slots);
    vm_virtio_count_alone(&v->counters.requests, 1);
    return true;
}

// The queue if `e` is in flight there, else NULL: the driver has reset the device or the queue
// since.
static struct vm_virtqueue *holder(struct vm_virtio *v, unsigned queue,
                                   const struct vm_virtq_element *e)
{
    struct vm_virtqueue *q = usable(v, queue);
    return q && e->generation == q->generation && e->slots <= q->in_flight - q->pending ? q : NULL;
}

void vm_virtq_unpop(struct vm_virtio *v, unsigned queue, const struct vm_virtq_element *e)
{
    struct vm_virtqueue *q = holder(v, queue, e);
    if (!q)
        return;
    q->ring->unpop(q, e);
    q->in_flight = (uint16_t)(q->in_flight - e->slots);
    vm_virtio_count_alone(&v->counters.requests, UINT64_MAX);
}

void vm_virtq_push(struct vm_virtio *v, unsigned queue, const struct vm_virtq_element *e,
                   uint32_t written)
{
    struct vm_virtqueue *q = holder(v, queue, e);
    if (!q)
        return;
    vm_virtq_note_buffers(q, e);
    q->ring->push(q, e, written);
    q->pending = (uint16_t)(q->pending + e->slots);
    vm_virtio_count_alone(&v->counters.bytes_out, e->out_size);
    vm_virtio_count_alone(&v->counters.bytes_in, written);
}

void vm_virtq_flush(struct vm_virtio *v, unsigned queue)
{
    struct vm_virtqueue *q = usable(v, queue);
    if (!q || q->pending == 0)
        return;
    uint16_t count = q->pending;
    q->ring->publish(q);
    q->pending = 0;
    q->in_flight = (uint16_t)(q->in_flight - count);
    // As in arm(): show first, then look whether the driver waits.
    atomic_thread_fence(memory_order_seq_cst);
    if (q->ring->wants_interrupt(q, count))
        vm_virtio_raise(v, (int)queue);
}

bool vm_virtq_want_notify(struct vm_virtio *v, unsigned queue, bool on)
{
    struct vm_virtqueue *q = usable(v, queue);
    if (!q)
        return false;
    q->quiet = !on;
    if (!on) {
        q->armed = false;
        q->ring->disarm(q);
        return false;
    }
    if (!arm(q))
        return false;
    if (q->budget == 0) // pop would refuse: notify comes again instead
        vm_io_schedule(v->config.io, &q->task);
    return q->budget != 0;
}

// --- set-up, by the transport ---

void vm_virtio_get_queue(const struct vm_virtio *v, unsigned queue, struct vm_virtq_setup *out)
{
    *out = (struct vm_virtq_setup){0};
    if (queue >= v->config.queues)
        return;
    vm_device_lock(v->machine, v->lock);
    *out = v->queues[queue].setup;
    vm_device_unlock(v->machine, v->lock);
}

static void enable(struct vm_virtio *v, struct vm_virtqueue *q)
{
    uint8_t status = atomic_load(&v->status);
    if (status & VM_VIRTIO_NEEDS_RESET)
        return;
    v->touched = true;
    const char *why =
        status & VM_VIRTIO_FEATURES_OK ? vm_virtq_map(q) : "it is enabled before FEATURES_OK";
    if (why) {
        vm_virtio_mark_broken(v, q->index, why);
        return;
    }
    q->setup.enabled = true;
    if (status & VM_VIRTIO_DRIVER_OK)
        vm_virtq_go_live(q);
}

void vm_virtio_set_queue(struct vm_virtio *v, unsigned queue, const struct vm_virtq_setup *setup)
{
    if (queue >= v->config.queues)
        return;
    struct vm_virtqueue *q = &v->queues[queue];
    vm_virtio_lock_settled(v);
    bool stop = q->setup.enabled && !setup->enabled;
    if (!q->setup.enabled) {
        uint16_t max = q->setup.max_size;
        q->setup = *setup;
        q->setup.max_size = max;
        q->setup.enabled = false;
        if (setup->enabled)
            enable(v, q);
    }
    vm_device_unlock(v->machine, v->lock);
    if (stop)
        vm_virtio_stop_queue(v, q);
}

void vm_virtio_reset_queue(struct vm_virtio *v, unsigned queue)
{
    if (queue < v->config.queues && vm_virtio_features(v) & VM_VIRTIO_F_RING_RESET)
        vm_virtio_stop_queue(v, &v->queues[queue]);
}
