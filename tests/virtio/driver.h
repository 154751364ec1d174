// SPDX-License-Identifier: MIT
//
// The guest's side of virtio for tests: negotiation and both kinds of ring, over any transport of
// rig.h. Written from the specification and sharing nothing with the device side.
//
// The well-behaved use, for a device's own tests:
//
//     virtio_start(&rig, VIRTIO_ALL);                   // or without features; see virtio_modes
//     struct virtio_ring ring;
//     virtio_ring_init(&rig, &ring, 0, 0);              // queue 0, its full size
//     virtio_go(&rig);                                  // DRIVER_OK
//     uint32_t n = virtio_request(&ring, out, sizeof out, in, sizeof in);
//
// and, with several requests in flight or buffers of one's own: virtio_add, virtio_kick,
// virtio_wait_used or virtio_take_used.
//
// For hostile use the fields of struct virtio_ring say where everything lies in guest memory.
#ifndef TESTS_VIRTIO_DRIVER_H
#define TESTS_VIRTIO_DRIVER_H

#include "rig.h"

#define VIRTIO_ALL UINT64_MAX // every feature that the device offers

// The combinations of ring features that a device is to be tested with.
struct virtio_mode {
    const char *name;
    uint64_t without; // features not to negotiate
    bool indirect;    // use indirect tables where negotiated
};
extern const struct virtio_mode virtio_modes[];
extern const unsigned virtio_mode_count;

// Resets the device, negotiates `features` as far as they are offered, and checks FEATURES_OK.
// Returns what was agreed on.
uint64_t virtio_start(struct virtio_rig *rig, uint64_t features);
void virtio_go(struct virtio_rig *rig);
void virtio_reset(struct virtio_rig *rig);
bool virtio_is_broken(struct virtio_rig *rig); // DEVICE_NEEDS_RESET

enum { VIRTIO_RING_MAX = 256 };

struct virtio_buffer {
    uint64_t gpa;
    uint32_t size;
};

struct virtio_ring {
    struct virtio_rig *rig;
    unsigned index;
    uint16_t size;
    bool packed, event_index;
    bool indirect; // the next virtio_add uses a table; set to what was negotiated

    uint64_t descriptors, driver, device; // addresses of the three areas

    uint16_t free_slots;
    uint16_t avail, used;       // the next to fill, the next to take: split indexes, packed slots
    bool avail_wrap, used_wrap; // packed
    uint16_t added;             // slots (split: entries) since the last publish
    uint16_t first_slot, first_flags;
    uint16_t free_next[VIRTIO_RING_MAX]; // split: chain of free descriptors
    uint16_t free_head;
    uint16_t free_ids[VIRTIO_RING_MAX]; // packed: stack of free buffer IDs
    uint16_t free_id_count;
    struct {
        uint16_t slots; // 0: not in flight
        uint16_t last;  // split: the chain's last descriptor
        uint64_t table; // of 256 descriptors, kept for reuse
    } chains[VIRTIO_RING_MAX];
    unsigned pieces; // into which virtio_request cuts what goes out and what comes in; 0 is 1
    uint64_t out_scratch, in_scratch; // of virtio_request
};

// Makes a ring of `size` descriptors (0: what the device offers) and enables the queue.
void virtio_ring_init(struct virtio_rig *rig, struct virtio_ring *ring, unsigned index,
                      uint16_t size);
// The same without telling the device: the areas lie in guest memory, nothing is set up.
void virtio_ring_place(struct virtio_rig *rig, struct virtio_ring *ring, unsigned index,
                       uint16_t size);
// Tells it: sets size and addresses, and enables.
void virtio_ring_enable(struct virtio_ring *ring);

// Adds a chain: `out` buffers that the device reads, then `in` ones that it writes. Returns its ID,
// or -1 if there is no room. Not visible before virtio_publish.
int virtio_add(struct virtio_ring *ring, const struct virtio_buffer *buffers, unsigned out,
               unsigned in);
// Shows what was added; true if the device wants a doorbell for it.
bool virtio_publish(struct virtio_ring *ring);
// Publishes and, where the device wants it, rings.
void virtio_kick(struct virtio_ring *ring);

// The next used chain, or false.
bool virtio_take_used(struct virtio_ring *ring, uint16_t *id, uint32_t *written);
// The same, and waits for it.
void virtio_wait_used(struct virtio_ring *ring, uint16_t *id, uint32_t *written);

// Whether the device may interrupt for used chains: for none, for the next, or (with the event
// index) for the one `after` slots beyond the next. Looks at nothing: chains may be there already.
void virtio_interrupts_off(struct virtio_ring *ring);
void virtio_interrupts_on(struct virtio_ring *ring);
void virtio_interrupt_after(struct virtio_ring *ring, uint16_t after);

// One request with copies from `out` and to `in`, at most VIRTIO_REQUEST_MAX bytes each; waits, and
// returns the number of bytes that the device says it has written.
enum { VIRTIO_REQUEST_MAX = 64 << 10 };
uint32_t virtio_request(struct virtio_ring *ring, const void *out, uint32_t out_size, void *in,
                        uint32_t in_size);

// Descriptors as they lie in memory; tables of indirect ones are made of them as well.
enum {
    VIRTIO_NEXT = 1,
    VIRTIO_WRITE = 2,
    VIRTIO_INDIRECT = 4,
    VIRTIO_AVAIL = 1 << 7,
    VIRTIO_USED = 1 << 15
};
void virtio_put_split(struct virtio_rig *rig, uint64_t at, uint64_t gpa, uint32_t size,
                      uint16_t flags, uint16_t next);
void virtio_put_packed(struct virtio_rig *rig, uint64_t at, uint64_t gpa, uint32_t size,
                       uint16_t id, uint16_t flags);

// For the files of the driver.
int virtio_split_add(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                     unsigned in);
bool virtio_split_publish(struct virtio_ring *r);
bool virtio_split_take(struct virtio_ring *r, uint16_t *id, uint32_t *written);
int virtio_packed_add(struct virtio_ring *r, const struct virtio_buffer *b, unsigned out,
                      unsigned in);
bool virtio_packed_publish(struct virtio_ring *r);
bool virtio_packed_take(struct virtio_ring *r, uint16_t *id, uint32_t *written);

#endif
