// SPDX-License-Identifier: MIT
//
// The driver's side of a split virtqueue (VirtIO 1.2, 2.7.13 and 2.7.14).
#include "driver_memory.h"

void virtio_put_split(struct virtio_rig *rig, uint64_t at, uint64_t gpa, uint32_t size,
                      uint16_t flags, uint16_t next)
{
    guest_store(rig, at, 8, gpa);
    guest_store(rig, at + 8, 4, size);
    guest_store(rig, at + 12, 2, flags);
    guest_store(rig, at + 14, 2, next);
}

static uint16_t take_descriptor(struct virtio_ring *r)
{
    uint16_t i = r->free_head;
    r->free_head = r->free_next[i];
    r->free_slots--;
    return i;
}

// An indirect table links its descriptors in order, as they lie.
static void fill_table(struct virtio_rig *rig, uint64_t table, const struct virtio_buffer *b,
                       unsigned out, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = (i >= out ? VIRTIO_WRITE : 0) | (i + 1 < count ? VIRTIO_NEXT : 0);
        virtio_put_split(rig, table + 16 * i, b[i].gpa, b[i].size, flags, (uint16_t)(i + 1));
    }
}

static uint16_t add_indirect(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                             unsigned count)
{
    uint16_t head = take_descriptor(r);
    if (!r->chains[head].table)
        r->chains[head].table = virtio_rig_alloc(r->rig, 16 * VIRTIO_RING_MAX, 16);
    fill_table(r->rig, r->chains[head].table, b, out, count);
    virtio_put_split(r->rig, r->descriptors + 16 * head, r->chains[head].table, 16 * count,
                     VIRTIO_INDIRECT, 0);
    r->chains[head].slots = 1;
    r->chains[head].last = head;
    return head;
}

static uint16_t add_direct(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                           unsigned count)
{
    uint16_t head = r->free_head, at = head;
    for (unsigned i = 0; i < count; i++) {
        at = take_descriptor(r);
        uint16_t flags = (i >= out ? VIRTIO_WRITE : 0) | (i + 1 < count ? VIRTIO_NEXT : 0);
        virtio_put_split(r->rig, r->descriptors + 16 * at, b[i].gpa, b[i].size, flags,
                         i + 1 < count ? r->free_head : 0);
    }
    r->chains[head].slots = (uint16_t)count;
    r->chains[head].last = at;
    return head;
}

int virtio_split_add(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                     unsigned in)
{
    if (r->free_slots < (r->indirect ? 1 : out + in))
        return -1;
    uint16_t head =
        r->indirect ? add_indirect(r, b, out, out + in) : add_direct(r, b, out, out + in);
    uint16_t entry = (uint16_t)(r->avail + r->added) % r->size;
    guest_store(r->rig, r->driver + 4 + 2 * entry, 2, head);
    r->added++;
    return head;
}

bool virtio_split_publish(struct virtio_ring *r)
{
    uint16_t count = r->added;
    r->avail = (uint16_t)(r->avail + count);
    r->added = 0;
    guest_store16_release(r->rig, r->driver + 2, r->avail);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!r->event_index)
        return !(guest_load(r->rig, r->device, 2) & 1);
    uint16_t event = (uint16_t)guest_load(r->rig, r->device + 4 + 8 * r->size, 2);
    return (uint16_t)(r->avail - event - 1) < count;
}

bool virtio_split_take(struct virtio_ring *r, uint16_t *id, uint32_t *written)
{
    if (guest_load16_acquire(r->rig, r->device + 2) == r->used)
        return false;
    uint64_t entry = r->device + 4 + 8 * (uint64_t)(r->used % r->size);
    uint32_t head = (uint32_t)guest_load(r->rig, entry, 4);
    *written = (uint32_t)guest_load(r->rig, entry + 4, 4);
    assert_true(head < r->size && r->chains[head].slots > 0);
    r->free_next[r->chains[head].last] = r->free_head;
    r->free_head = (uint16_t)head;
    r->free_slots = (uint16_t)(r->free_slots + r->chains[head].slots);
    r->chains[head].slots = 0;
    r->used++;
    *id = (uint16_t)head;
    return true;
}
