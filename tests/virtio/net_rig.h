// SPDX-License-Identifier: MIT
//
// A driver of virtio-net for its tests: the network behind it is made up (net_fake.h).
#ifndef TESTS_VIRTIO_NET_RIG_H
#define TESTS_VIRTIO_NET_RIG_H

#include "driver.h"
#include "net_fake.h"
#include "net_frames.h"

#define NET_F(bit) (UINT64_C(1) << (bit))

enum {
    NET_ALL = VM_NET_CSUM | VM_NET_TSO4 | VM_NET_TSO6 | VM_NET_USO4 | VM_NET_USO6,
    NET_HEADER = 12,
    NET_MRG_RXBUF = 15,
    NET_MQ = 22,
};

extern const uint8_t net_rig_mac[6];
extern const struct vm_net_header net_no_header;

struct net_rig {
    struct virtio_rig rig;
    struct net_fake fake;
    struct virtio_ring receive, transmit, control;
    uint32_t buffer_size;
    uint64_t buffers[VIRTIO_RING_MAX]; // of the receive ring, by chain ID
};

// The device for a network that has been set up, and a driver that takes all features but some.
void net_rig_create(struct net_rig *f, const struct virtio_bus *bus);
void net_rig_drive(struct net_rig *f, const struct virtio_mode *mode, uint64_t without);
// Both at once over MMIO on packed rings, with everything: for what does not depend on that.
void net_rig_begin(struct net_rig *f, unsigned takes, unsigned makes, unsigned pairs);
void net_rig_end(struct net_rig *f);

// Sends a frame and waits; whether the network got exactly that one, which is then forgotten.
void net_rig_transmit(struct net_rig *f, const struct vm_net_header *h, const uint8_t *frame,
                      uint32_t size);
void net_rig_expect_sent(struct net_rig *f, const uint8_t *frame, uint32_t size);

// Gives receive buffers; takes the next frame with its header, put together: its size, or 0.
void net_rig_give(struct net_rig *f, unsigned count, uint32_t size);
uint32_t net_rig_take(struct net_rig *f, uint8_t *to);
void net_rig_expect_frame(struct net_rig *f, const struct vm_net_header *h, const void *frame,
                          uint32_t size);

// The bytes of a header as they lie in guest memory; without buffers counted.
void net_rig_put_header(uint8_t *to, const struct vm_net_header *h);

// What a driver says of an unfinished frame; gso_size 0: only its checksum is.
struct vm_net_header net_rig_offload(const struct frame_kind *k, const struct frame_at *at,
                                     uint16_t gso_size);

#endif
