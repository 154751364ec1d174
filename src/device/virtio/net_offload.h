// SPDX-License-Identifier: MIT
//
// What a network card does to frames that its driver left unfinished: checking what the driver says
// about them, checksums, segmentation.
#ifndef VM_DEVICE_VIRTIO_NET_OFFLOAD_H
#define VM_DEVICE_VIRTIO_NET_OFFLOAD_H

#include <vm/device/backend/net.h>

enum {
    VM_NET_HEADS = 192,         // bytes of a frame in which its headers have to end
    VM_NET_MAX_SEGMENTS = 1400, // of one frame: 64 KiB by the least TCP segment, 48 bytes
};

// Where the headers of a TCP or UDP frame lie: offsets in bytes.
struct vm_net_shape {
    uint32_t ip, transport, payload;
    bool ipv6, udp;
};

// Whether a header fits its frame of `size` bytes, of which `heads` holds the first
// min(size, VM_NET_HEADS), and asks for nothing but `allowed` (VM_NET_*). Reduces it to what it
// asks for, with hdr_len exact, and fills *shape if it asks for segmentation.
bool vm_net_check(struct vm_net_header *h, unsigned allowed, const uint8_t *heads, uint32_t size,
                  struct vm_net_shape *shape);

// The offload (VM_NET_*) of a gso_type that has passed vm_net_check; 0 for none.
unsigned vm_net_gso_offload(const struct vm_net_header *h, const struct vm_net_shape *shape);

// Puts the checksum that a checked header asks for in place.
void vm_net_complete_checksum(uint8_t *frame, uint32_t size, const struct vm_net_header *h);

// Segments of a checked frame, one after the other. With gso_size of the whole payload there is
// one.
struct vm_net_segments {
    const uint8_t *frame;
    uint32_t size;
    struct vm_net_shape shape;
    uint32_t gso_size, done, index;
};

// Makes the next one, with all lengths, checksums and sequence numbers of its own, at `to`, which
// has room for `frame`'s size and may be `frame` itself if there is only one. Returns its size; 0
// after the last.
uint32_t vm_net_next_segment(struct vm_net_segments *s, uint8_t *to);

#endif
