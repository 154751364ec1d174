// SPDX-License-Identifier: MIT
//
// Split virtqueues (VirtIO 1.2, 2.7): a descriptor table, the available ring that the driver writes
// (flags, index, heads, used_event) and the used ring that the device writes (flags, index,
// elements, avail_event).
#include "internal.h"

enum {
    RING_FLAGS = 0,
    RING_INDEX = 2,
    RING_ENTRIES = 4,
    AVAIL_ENTRY = 2, // bytes
    USED_ENTRY = 8,
    NO_INTERRUPT = 1, // VIRTQ_AVAIL_F_NO_INTERRUPT
    NO_NOTIFY = 1,    // VIRTQ_USED_F_NO_NOTIFY
};

static void split_layout(uint16_t size, uint64_t bytes[3], unsigned align[3])
{
    bytes[0] = (uint64_t)size * VM_DESC_SIZE;
    bytes[1] = RING_ENTRIES + (uint64_t)size * AVAIL_ENTRY + 2;
    bytes[2] = RING_ENTRIES + (uint64_t)size * USED_ENTRY + 2;
    align[0] = 16;
    align[1] = 2;
    align[2] = 4;
}

static uint16_t mask(const struct vm_virtqueue *q)
{
    return (uint16_t)(q->size - 1);
}

static uint8_t *avail_entry(const struct vm_virtqueue *q, uint16_t n)
{
    return q->driver.host + RING_ENTRIES + AVAIL_ENTRY * (size_t)(n & mask(q));
}

static uint8_t *used_event(const struct vm_virtqueue *q)
{
    return q->driver.host + RING_ENTRIES + AVAIL_ENTRY * (size_t)q->size;
}

static uint8_t *used_entry(const struct vm_virtqueue *q, uint16_t n)
{
    return q->device_area.host + RING_ENTRIES + USED_ENTRY * (size_t)(n & mask(q));
}

static uint8_t *avail_event(const struct vm_virtqueue *q)
{
    return q->device_area.host + RING_ENTRIES + USED_ENTRY * (size_t)q->size;
}

static struct vm_virtq_descriptor load_descriptor(const uint8_t *p)
{
    return (struct vm_virtq_descriptor){
        .address = {vm_ram_load(p, 8)},
        .size = (uint32_t)vm_ram_load(p + 8, 4),
        .flags = vm_ring_load16(p + 12),
        .link = vm_ring_load16(p + 14),
    };
}

// Follows the chain from `at`; an indirect table goes on in the table that it names. No more steps
// than the table has descriptors: a loop ends there.
static const char *walk(struct vm_virtqueue *q, struct vm_virtq_element *e, uint16_t at)
{
    const uint8_t *table = q->descriptors.host;
    uint32_t count = q->size, steps = 0;
    bool nested = false;
    for (;;) {
        if (at >= count)
            return "a descriptor index is too large";
        if (steps++ == count)
            return "a chain is a loop";
        struct vm_virtq_descriptor d = load_descriptor(table + VM_DESC_SIZE * (size_t)at);
        const char *why;
        if (d.flags & VM_DESC_INDIRECT) {
            why = nested ? "an indirect table is inside of another"
                         : vm_virtq_find_table(q, &d, &table, &count);
            nested = true;
            steps = at = 0;
        } else {
            why = vm_virtq_add_buffer(q, e, &d);
            if (!why && !(d.flags & VM_DESC_NEXT))
                return NULL;
            at = d.link;
        }
        if (why)
            return why;
    }
}

static enum vm_virtq_next split_pop(struct vm_virtqueue *q, struct vm_virtq_element *e,
                                    const char **why)
{
    if (q->avail == q->seen) {
        uint16_t index = vm_ring_load16_acquire(q->driver.host + RING_INDEX);
        uint16_t waiting = (uint16_t)(index - q->avail);
        if (waiting == 0)
            return VM_VIRTQ_EMPTY;
        // A driver has a descriptor at least for each chain, until it sees it used.
        if (waiting > q->size - q->in_flight) {
            *why = "the available index is too far ahead";
            return VM_VIRTQ_BROKEN;
        }
        q->seen = index;
    }
    e->id = vm_ring_load16(avail_entry(q, q->avail));
    *why = walk(q, e, e->id);
    if (*why)
        return VM_VIRTQ_BROKEN;
    q->avail++;
    return VM_VIRTQ_NEXT;
}

static void split_unpop(struct vm_virtqueue *q, const struct vm_virtq_element *e)
{
    (void)e;
    q->avail--;
}

static bool split_available(const struct vm_virtqueue *q)
{
    return q->avail != q->seen || vm_ring_load16_acquire(q->driver.host + RING_INDEX) != q->avail;
}

static void split_push(struct vm_virtqueue *q, const struct vm_virtq_element *e, uint32_t written)
{
    uint8_t *entry = used_entry(q, (uint16_t)(q->used + q->pending));
    vm_ram_store(entry, 4, e->id);
    vm_ram_store(entry + 4, 4, written);
}

static void split_publish(struct vm_virtqueue *q)
{
    q->used = (uint16_t)(q->used + q->pending);
    vm_ring_store16_release(q->device_area.host + RING_INDEX, q->used);
    vm_virtq_note_area(q, &q->device_area);
}

static bool split_wants_interrupt(const struct vm_virtqueue *q, uint16_t count)
{
    if (!q->event_index)
        return !(vm_ring_load16(q->driver.host + RING_FLAGS) & NO_INTERRUPT);
    // Whether the index has gone beyond used_event with the last `count` (2.7.7.2).
    return (uint16_t)(q->used - vm_ring_load16(used_event(q)) - 1) < count;
}

static void split_arm(struct vm_virtqueue *q)
{
    if (q->event_index)
        vm_ring_store16(avail_event(q), q->avail);
    else
        vm_ring_store16(q->device_area.host + RING_FLAGS, 0);
    vm_virtq_note_area(q, &q->device_area);
}

// With the event index there is nothing to say: the driver rings once, when it passes the index.
static void split_disarm(struct vm_virtqueue *q)
{
    if (q->event_index)
        return;
    vm_ring_store16(q->device_area.host + RING_FLAGS, NO_NOTIFY);
    vm_virtq_note_area(q, &q->device_area);
}

const struct vm_virtq_ring_ops vm_virtq_split = {
    .layout = split_layout,
    .pop = split_pop,
    .unpop = split_unpop,
    .available = split_available,
    .push = split_push,
    .publish = split_publish,
    .wants_interrupt = split_wants_interrupt,
    .arm = split_arm,
    .disarm = split_disarm,
};
