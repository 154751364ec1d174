// SPDX-License-Identifier: MIT
//
// The driver's side of a packed virtqueue (VirtIO 1.2, 2.8.21 and 2.8.22).
#include "driver_memory.h"

void virtio_put_packed(struct virtio_rig *rig, uint64_t at, uint64_t gpa, uint32_t size,
                       uint16_t id, uint16_t flags)
{
    guest_store(rig, at, 8, gpa);
    guest_store(rig, at + 8, 4, size);
    guest_store(rig, at + 12, 2, id);
    guest_store16_release(rig, at + 14, flags);
}

// Puts a descriptor into the next slot. The flags of a batch's first slot wait for virtio_publish.
static void put(struct virtio_ring *r, uint64_t gpa, uint32_t size, uint16_t id, uint16_t flags)
{
    uint64_t at = r->descriptors + 16 * (uint64_t)r->avail;
    flags |= r->avail_wrap ? VIRTIO_AVAIL : VIRTIO_USED;
    if (r->added == 0) {
        r->first_slot = r->avail;
        r->first_flags = flags;
        flags = (uint16_t)guest_load(r->rig, at + 14, 2); // as it was
    }
    virtio_put_packed(r->rig, at, gpa, size, id, flags);
    r->added++;
    r->free_slots--;
    if (++r->avail == r->size) {
        r->avail = 0;
        r->avail_wrap = !r->avail_wrap;
    }
}

static void put_indirect(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                         unsigned count, uint16_t id)
{
    uint64_t *table = &r->chains[id].table;
    if (!*table)
        *table = virtio_rig_alloc(r->rig, 16 * VIRTIO_RING_MAX, 16);
    for (unsigned i = 0; i < count; i++)
        virtio_put_packed(r->rig, *table + 16 * i, b[i].gpa, b[i].size, 0,
                          i >= out ? VIRTIO_WRITE : 0);
    put(r, *table, 16 * count, id, VIRTIO_INDIRECT);
}

int virtio_packed_add(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                      unsigned in)
{
    unsigned count = out + in, slots = r->indirect ? 1 : count;
    if (r->free_slots < slots || r->free_id_count == 0)
        return -1;
    uint16_t id = r->free_ids[--r->free_id_count];
    r->chains[id].slots = (uint16_t)slots;
    if (r->indirect) {
        put_indirect(r, b, out, count, id);
        return id;
    }
    for (unsigned i = 0; i < count; i++) {
        uint16_t flags = (i >= out ? VIRTIO_WRITE : 0) | (i + 1 < count ? VIRTIO_NEXT : 0);
        put(r, b[i].gpa, b[i].size, id, flags);
    }
    return id;
}

bool virtio_packed_publish(struct virtio_ring *r)
{
    uint16_t count = r->added;
    r->added = 0;
    guest_store16_release(r->rig, r->descriptors + 16 * (uint64_t)r->first_slot + 14,
                          r->first_flags);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t event = (uint32_t)guest_load(r->rig, r->device, 4);
    if (event >> 16 != 2)
        return event >> 16 == 0;
    uint16_t offset = event & 0x7fff;
    if ((event >> 15 & 1) != r->avail_wrap)
        offset = (uint16_t)(offset - r->size);
    return (uint16_t)(r->avail - offset - 1) < count;
}

bool virtio_packed_take(struct virtio_ring *r, uint16_t *id, uint32_t *written)
{
    uint64_t at = r->descriptors + 16 * (uint64_t)r->used;
    uint16_t flags = guest_load16_acquire(r->rig, at + 14);
    bool avail = flags & VIRTIO_AVAIL, used = flags & VIRTIO_USED;
    if (avail != r->used_wrap || used != r->used_wrap)
        return false;
    *written = (uint32_t)guest_load(r->rig, at + 8, 4);
    *id = (uint16_t)guest_load(r->rig, at + 12, 2);
    assert_int_equal(*written != 0, (flags & VIRTIO_WRITE) != 0);
    assert_true(*id < r->size && r->chains[*id].slots > 0);
    uint32_t next = (uint32_t)r->used + r->chains[*id].slots;
    if (next >= r->size) {
        next -= r->size;
        r->used_wrap = !r->used_wrap;
    }
    r->used = (uint16_t)next;
    r->free_slots = (uint16_t)(r->free_slots + r->chains[*id].slots);
    r->chains[*id].slots = 0;
    r->free_ids[r->free_id_count++] = *id;
    return true;
}
