// SPDX-License-Identifier: MIT
//
// What the driver does the same way for both kinds of ring.
#include <stdio.h>
#include <string.h>

#include "driver_memory.h"

#define INDIRECT VM_VIRTIO_F_INDIRECT_DESC
#define EVENT    VM_VIRTIO_F_EVENT_IDX
#define PACKED   VM_VIRTIO_F_RING_PACKED

const struct virtio_mode virtio_modes[] = {
    {"split", PACKED | EVENT | INDIRECT, false}, {"split, event index", PACKED | INDIRECT, false},
    {"split, indirect", PACKED | EVENT, true},   {"split, all", PACKED, true},
    {"packed", EVENT | INDIRECT, false},         {"packed, event index", INDIRECT, false},
    {"packed, indirect", EVENT, true},           {"packed, all", 0, true},
};
const unsigned virtio_mode_count = VM_ARRAY_SIZE(virtio_modes);

// --- negotiation (VirtIO 1.2, 3.1.1) ---

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };

void virtio_reset(struct virtio_rig *rig)
{
    rig->bus->set_status(rig, 0);
    assert_int_equal(rig->bus->get_status(rig), 0);
}

uint64_t virtio_start(struct virtio_rig *rig, uint64_t features)
{
    const struct virtio_bus *bus = rig->bus;
    virtio_reset(rig);
    bus->set_status(rig, ACKNOWLEDGE);
    bus->set_status(rig, ACKNOWLEDGE | DRIVER);
    rig->features = bus->device_features(rig) & features;
    bus->set_features(rig, rig->features);
    bus->set_status(rig, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    assert_int_equal(bus->get_status(rig), ACKNOWLEDGE | DRIVER | FEATURES_OK);
    return rig->features;
}

void virtio_go(struct virtio_rig *rig)
{
    const uint8_t status = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    rig->bus->set_status(rig, status);
    assert_int_equal(rig->bus->get_status(rig), status);
}

bool virtio_is_broken(struct virtio_rig *rig)
{
    return rig->bus->get_status(rig) & NEEDS_RESET;
}

// --- rings ---

void virtio_ring_place(struct virtio_rig *rig, struct virtio_ring *ring, unsigned index,
                       uint16_t size)
{
    memset(ring, 0, sizeof *ring);
    ring->rig = rig;
    ring->index = index;
    ring->size = size ? size : rig->bus->queue_max(rig, index);
    assert_in_range(ring->size, 1, VIRTIO_RING_MAX);
    ring->packed = rig->features & PACKED;
    ring->event_index = rig->features & EVENT;
    ring->indirect = rig->features & INDIRECT;
    uint64_t n = ring->size;
    ring->descriptors = virtio_rig_alloc(rig, 16 * n, 16);
    ring->driver = virtio_rig_alloc(rig, ring->packed ? 4 : 6 + 2 * n, ring->packed ? 4 : 2);
    ring->device = virtio_rig_alloc(rig, ring->packed ? 4 : 6 + 8 * n, 4);
    ring->free_slots = ring->free_id_count = ring->size;
    ring->avail_wrap = ring->used_wrap = true;
    for (unsigned i = 0; i < n; i++) {
        ring->free_next[i] = (uint16_t)(i + 1);
        ring->free_ids[i] = (uint16_t)(n - 1 - i);
    }
}

void virtio_ring_enable(struct virtio_ring *ring)
{
    struct virtio_rig *rig = ring->rig;
    rig->bus->set_queue(rig, ring->index, ring->size, ring->descriptors, ring->driver,
                        ring->device);
    rig->bus->enable_queue(rig, ring->index);
}

void virtio_ring_init(struct virtio_rig *rig, struct virtio_ring *ring, unsigned index,
                      uint16_t size)
{
    virtio_ring_place(rig, ring, index, size);
    virtio_ring_enable(ring);
    assert_true(rig->bus->queue_enabled(rig, index));
}

int virtio_add(struct virtio_ring *ring, const struct virtio_buffer *buffers, unsigned out,
               unsigned in)
{
    assert_in_range(out + in, 1, VIRTIO_RING_MAX);
    return ring->packed ? virtio_packed_add(ring, buffers, out, in)
                        : virtio_split_add(ring, buffers, out, in);
}

bool virtio_publish(struct virtio_ring *ring)
{
    if (ring->added == 0)
        return false;
    return ring->packed ? virtio_packed_publish(ring) : virtio_split_publish(ring);
}

void virtio_kick(struct virtio_ring *ring)
{
    if (virtio_publish(ring))
        ring->rig->bus->notify(ring->rig, ring->index);
}

bool virtio_take_used(struct virtio_ring *ring, uint16_t *id, uint32_t *written)
{
    return ring->packed ? virtio_packed_take(ring, id, written)
                        : virtio_split_take(ring, id, written);
}

void virtio_wait_used(struct virtio_ring *ring, uint16_t *id, uint32_t *written)
{
    uint64_t since = 0;
    while (!virtio_take_used(ring, id, written))
        virtio_rig_wait(ring->rig, &since);
}

// --- interrupts ---

void virtio_interrupts_off(struct virtio_ring *ring)
{
    if (ring->packed)
        guest_store(ring->rig, ring->driver, 4, 1 << 16);
    else if (!ring->event_index)
        guest_store(ring->rig, ring->driver, 2, 1);
    else // a whole round away
        guest_store(ring->rig, ring->driver + 4 + 2 * ring->size, 2, (uint16_t)(ring->used - 1));
}

void virtio_interrupt_after(struct virtio_ring *ring, uint16_t after)
{
    assert_true(ring->event_index && after < ring->size);
    uint32_t at = (uint32_t)ring->used + after;
    if (ring->packed) {
        bool wrap = ring->used_wrap ^ (at >= ring->size);
        at = at >= ring->size ? at - ring->size : at;
        guest_store(ring->rig, ring->driver, 4, 2 << 16 | (uint32_t)wrap << 15 | at);
    } else {
        guest_store(ring->rig, ring->driver + 4 + 2 * ring->size, 2, (uint16_t)at);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void virtio_interrupts_on(struct virtio_ring *ring)
{
    if (ring->event_index)
        virtio_interrupt_after(ring, 0);
    else
        guest_store(ring->rig, ring->driver, ring->packed ? 4 : 2, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

// --- one request ---

static uint64_t scratch(struct virtio_rig *rig, uint64_t *at)
{
    if (*at == 0)
        *at = virtio_rig_alloc(rig, VIRTIO_REQUEST_MAX, 8);
    return *at;
}

// Cuts [gpa, gpa+size) into buffers of about the same size; returns how many there are.
static unsigned cut(struct virtio_buffer *to, uint64_t gpa, uint32_t size, unsigned pieces)
{
    unsigned n = 0;
    for (uint32_t left = size; left > 0; n++) {
        uint32_t here = n + 1 < pieces ? size / pieces : left;
        if (here == 0)
            here = left;
        to[n] = (struct virtio_buffer){gpa, here};
        gpa += here;
        left -= here;
    }
    return n;
}

uint32_t virtio_request(struct virtio_ring *ring, const void *out, uint32_t out_size, void *in,
                        uint32_t in_size)
{
    struct virtio_rig *rig = ring->rig;
    struct virtio_buffer buffers[VIRTIO_RING_MAX];
    unsigned pieces = ring->pieces ? ring->pieces : 1;
    assert_true(out_size <= VIRTIO_REQUEST_MAX && in_size <= VIRTIO_REQUEST_MAX);
    uint64_t from = scratch(rig, &ring->out_scratch), to = scratch(rig, &ring->in_scratch);
    virtio_rig_write(rig, from, out, out_size);
    unsigned n_out = cut(buffers, from, out_size, pieces);
    unsigned n_in = cut(buffers + n_out, to, in_size, pieces);
    int id = virtio_add(ring, buffers, n_out, n_in);
    assert_true(id >= 0);
    virtio_kick(ring);
    uint16_t used;
    uint32_t written;
    virtio_wait_used(ring, &used, &written);
    assert_int_equal(used, id);
    assert_true(written <= in_size);
    virtio_rig_read(rig, to, in, in_size);
    return written;
}
