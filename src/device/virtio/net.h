// SPDX-License-Identifier: MIT
//
// What the files of virtio-net share (VirtIO 1.2, 5.1). net.c has the device, net_transmit.c and
// net_receive.c the two directions, net_control.c the control queue.
//
// Configuration space (`config`) is under the device's lock; everything else belongs to the I/O
// thread once it runs.
#ifndef VM_DEVICE_VIRTIO_NET_INTERNAL_H
#define VM_DEVICE_VIRTIO_NET_INTERNAL_H

#include "../device.h"
#include "net_filter.h"
#include "net_offload.h"

#include <vm/device/virtio/net.h>

#define NET_F(bit)           ((uint64_t)1 << (bit))
#define NET_F_CSUM           NET_F(0)
#define NET_F_GUEST_CSUM     NET_F(1)
#define NET_F_GUEST_OFFLOADS NET_F(2)
#define NET_F_MTU            NET_F(3)
#define NET_F_MAC            NET_F(5)
#define NET_F_GUEST_TSO4     NET_F(7)
#define NET_F_GUEST_TSO6     NET_F(8)
#define NET_F_HOST_TSO4      NET_F(11)
#define NET_F_HOST_TSO6      NET_F(12)
#define NET_F_MRG_RXBUF      NET_F(15)
#define NET_F_STATUS         NET_F(16)
#define NET_F_CTRL_VQ        NET_F(17)
#define NET_F_CTRL_RX        NET_F(18)
#define NET_F_CTRL_VLAN      NET_F(19)
#define NET_F_CTRL_RX_EXTRA  NET_F(20)
#define NET_F_GUEST_ANNOUNCE NET_F(21)
#define NET_F_MQ             NET_F(22)
#define NET_F_CTRL_MAC_ADDR  NET_F(23)
#define NET_F_GUEST_USO4     NET_F(54)
#define NET_F_GUEST_USO6     NET_F(55)
#define NET_F_HOST_USO       NET_F(56)

enum {
    NET_HEADER = 12,      // bytes of struct virtio_net_hdr, num_buffers included
    NET_BATCH = 16,       // frames that go to the backend in one call
    NET_MAX_BUFFERS = 64, // that one received frame is spread over

    NET_LINK_UP = 1, // status
    NET_ANNOUNCE = 2,
};

// Configuration space (5.1.4).
struct net_config {
    uint8_t mac[VM_NET_MAC];
    uint16_t status;
    uint16_t max_pairs;
    uint16_t mtu;
};
enum { NET_CONFIG_SIZE = 12 };

struct net {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_net *backend;
    struct net_config config;
    uint8_t permanent_mac[VM_NET_MAC];
    struct vm_net_filter filter;
    bool link_up;
    unsigned active_pairs;
    unsigned send_offloads, receive_offloads; // VM_NET_*, as the driver has them
    bool blocked[VM_NET_MAX_PAIRS];           // the backend is to call writable
    bool refused[VM_NET_MAX_PAIRS];           // it waits for resume

    struct vm_virtq_element out[NET_BATCH];
    struct vm_net_packet packets[NET_BATCH];
    struct vm_virtq_element in[NET_MAX_BUFFERS];
    struct vm_virtq_element command;
    uint8_t frame[VM_NET_MAX_FRAME];   // copied out of guest RAM
    uint8_t segment[VM_NET_MAX_FRAME]; // made of it
};

// Queue numbers (5.1.2).
static inline unsigned net_receive_queue(unsigned pair)
{
    return 2 * pair;
}

static inline unsigned net_transmit_queue(unsigned pair)
{
    return 2 * pair + 1;
}

static inline bool net_has(const struct net *n, uint64_t features)
{
    return vm_virtio_features(n->virtio) & features;
}

// net.c: a change of the status field, which the driver is told of.
void net_change_status(struct net *n, uint16_t set, uint16_t clear);
void net_set_receive_offloads(struct net *n, unsigned offloads);
void net_set_pairs(struct net *n, unsigned pairs);
unsigned net_guest_offloads(uint64_t features); // VM_NET_* of the GUEST_ features

// net_transmit.c: sends what is in a transmit queue, as far as the backend takes it.
void net_transmit(struct net *n, unsigned pair);

// net_receive.c: struct vm_net_receiver's.
bool net_receive(void *device, unsigned pair, const struct vm_net_header *header,
                 const uint8_t *frame, uint32_t size);

// net_control.c
void net_control(struct net *n, unsigned queue);

#endif
