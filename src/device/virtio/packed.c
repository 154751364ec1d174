// SPDX-License-Identifier: MIT
//
// Packed virtqueues (VirtIO 1.2, 2.8): one ring of descriptors that both sides write, each going
// round with a wrap counter; and an event suppression structure for each side.
#include "internal.h"

enum {
    DESC_ID = 12,
    DESC_FLAGS = 14,
    // Event suppression: offset and wrap counter in the low half, flags in the high half.
    EVENT_ENABLE = 0,
    EVENT_DISABLE = 1,
    EVENT_DESC = 2,
    EVENT_BYTES = 4,
};

static void packed_layout(uint16_t size, uint64_t bytes[3], unsigned align[3])
{
    bytes[0] = (uint64_t)size * VM_DESC_SIZE;
    bytes[1] = bytes[2] = EVENT_BYTES;
    align[0] = 16;
    align[1] = align[2] = 4;
}

static uint8_t *slot(const struct vm_virtqueue *q, uint16_t n)
{
    return q->descriptors.host + VM_DESC_SIZE * (size_t)n;
}

static void advance(const struct vm_virtqueue *q, uint16_t *at, bool *wrap, uint16_t slots)
{
    uint32_t next = (uint32_t)*at + slots;
    if (next >= q->size) {
        next -= q->size;
        *wrap = !*wrap;
    }
    *at = (uint16_t)next;
}

static struct vm_virtq_descriptor load_descriptor(const uint8_t *p, uint16_t flags)
{
    return (struct vm_virtq_descriptor){
        .address = {vm_ram_load(p, 8)},
        .size = (uint32_t)vm_ram_load(p + 8, 4),
        .flags = flags,
        .link = vm_ring_load16(p + DESC_ID),
    };
}

// Flags of a descriptor that the driver has made available in this round and the device has not
// used (2.8.1).
static bool is_available(const struct vm_virtqueue *q, uint16_t flags)
{
    bool avail = flags & VM_DESC_AVAIL, used = flags & VM_DESC_USED;
    return avail == q->avail_wrap && used != q->avail_wrap;
}

static bool packed_available(const struct vm_virtqueue *q)
{
    return is_available(q, vm_ring_load16_acquire(slot(q, q->avail) + DESC_FLAGS));
}

// The descriptors of an indirect table are taken in order; of their flags only WRITE counts
// (2.8.7).
static const char *walk_table(struct vm_virtqueue *q, struct vm_virtq_element *e,
                              const struct vm_virtq_descriptor *d)
{
    const uint8_t *table;
    uint32_t count;
    const char *why = vm_virtq_find_table(q, d, &table, &count);
    for (uint32_t i = 0; !why && i < count; i++) {
        const uint8_t *p = table + VM_DESC_SIZE * (size_t)i;
        struct vm_virtq_descriptor entry = load_descriptor(p, vm_ring_load16(p + DESC_FLAGS));
        if (entry.flags & VM_DESC_INDIRECT)
            why = "an indirect table is inside of another";
        else
            why = vm_virtq_add_buffer(q, e, &entry);
    }
    return why;
}

// Follows the chain from q->avail, whose flags are given. Slots that the device still holds cannot
// be part of it, so it ends within the ring.
static const char *walk(struct vm_virtqueue *q, struct vm_virtq_element *e, uint16_t flags)
{
    uint16_t at = q->avail, slots = 0;
    bool wrap = q->avail_wrap;
    for (;;) {
        if (slots == q->size - q->in_flight)
            return "a chain is longer than the ring";
        struct vm_virtq_descriptor d = load_descriptor(slot(q, at), flags);
        const char *why =
            d.flags & VM_DESC_INDIRECT ? walk_table(q, e, &d) : vm_virtq_add_buffer(q, e, &d);
        if (why)
            return why;
        slots++;
        advance(q, &at, &wrap, 1);
        if (!(d.flags & VM_DESC_NEXT)) {
            e->id = d.link; // the last one's counts
            e->slots = slots;
            return NULL;
        }
        flags = vm_ring_load16(slot(q, at) + DESC_FLAGS);
    }
}

static enum vm_virtq_next packed_pop(struct vm_virtqueue *q, struct vm_virtq_element *e,
                                     const char **why)
{
    uint16_t flags = vm_ring_load16_acquire(slot(q, q->avail) + DESC_FLAGS);
    if (!is_available(q, flags))
        return VM_VIRTQ_EMPTY;
    *why = walk(q, e, flags);
    if (*why)
        return VM_VIRTQ_BROKEN;
    advance(q, &q->avail, &q->avail_wrap, e->slots);
    return VM_VIRTQ_NEXT;
}

static void packed_unpop(struct vm_virtqueue *q, const struct vm_virtq_element *e)
{
    if (q->avail < e->slots) {
        q->avail = (uint16_t)(q->avail + q->size);
        q->avail_wrap = !q->avail_wrap;
    }
    q->avail = (uint16_t)(q->avail - e->slots);
}

// The driver looks at used descriptors in ring order and stops at the first that is not: with its
// flags written last, a batch appears at once.
static void packed_push(struct vm_virtqueue *q, const struct vm_virtq_element *e, uint32_t written)
{
    uint8_t *p = slot(q, q->used);
    vm_ram_store(p + 8, 4, written);
    vm_ring_store16(p + DESC_ID, e->id);
    uint16_t flags = q->used_wrap ? VM_DESC_AVAIL | VM_DESC_USED : 0;
    if (written)
        flags |= VM_DESC_WRITE;
    if (q->pending == 0) {
        q->first_slot = q->used;
        q->first_flags = flags;
    } else {
        vm_ring_store16_release(p + DESC_FLAGS, flags);
    }
    advance(q, &q->used, &q->used_wrap, e->slots);
}

static void packed_publish(struct vm_virtqueue *q)
{
    vm_ring_store16_release(slot(q, q->first_slot) + DESC_FLAGS, q->first_flags);
    vm_virtq_note_area(q, &q->descriptors);
}

static bool packed_wants_interrupt(const struct vm_virtqueue *q, uint16_t count)
{
    uint32_t event = (uint32_t)vm_ram_load(q->driver.host, EVENT_BYTES);
    unsigned flags = event >> 16 & 3;
    if (flags != EVENT_DESC || !q->event_index)
        return flags != EVENT_DISABLE;
    // Whether one of the last `count` slots is the event's. One with the other wrap counter was in
    // the round before.
    uint16_t offset = event & 0x7fff;
    bool wrap = event & 0x8000;
    if (wrap != q->used_wrap)
        offset = (uint16_t)(offset - q->size);
    return (uint16_t)(q->used - offset - 1) < count;
}

static void write_event(struct vm_virtqueue *q, uint32_t flags)
{
    uint32_t position = (uint32_t)q->avail | (uint32_t)q->avail_wrap << 15;
    vm_ram_store(q->device_area.host, EVENT_BYTES, flags << 16 | position);
    vm_virtq_note_area(q, &q->device_area);
}

static void packed_arm(struct vm_virtqueue *q)
{
    write_event(q, q->event_index ? EVENT_DESC : EVENT_ENABLE);
}

static void packed_disarm(struct vm_virtqueue *q)
{
    write_event(q, EVENT_DISABLE);
}

const struct vm_virtq_ring_ops vm_virtq_packed = {
    .layout = packed_layout,
    .pop = packed_pop,
    .unpop = packed_unpop,
    .available = packed_available,
    .push = packed_push,
    .publish = packed_publish,
    .wants_interrupt = packed_wants_interrupt,
    .arm = packed_arm,
    .disarm = packed_disarm,
};
