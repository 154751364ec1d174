// SPDX-License-Identifier: MIT
//
// Which received frames a driver wants: the modes, addresses and VLANs of the control queue
// (VirtIO 1.2, 5.1.6.5). All of it belongs to the I/O thread.
#ifndef VM_DEVICE_VIRTIO_NET_FILTER_H
#define VM_DEVICE_VIRTIO_NET_FILTER_H

#include <vm/base/types.h>

enum {
    VM_NET_MAC = 6,
    VM_NET_FILTER_HEAD = 18, // bytes of a frame that decide: addresses, type, a VLAN tag
    VM_NET_FILTER_MACS = 64,
    VM_NET_VLANS = 4096,
};

// Addresses to receive; `all` when there are more than fit.
struct vm_net_macs {
    bool all;
    uint32_t count;
    uint8_t mac[VM_NET_FILTER_MACS][VM_NET_MAC];
};

struct vm_net_filter {
    bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    bool by_vlan; // only tagged frames of these VLANs
    uint8_t mac[VM_NET_MAC];
    struct vm_net_macs unicast, multicast;
    uint64_t vlans[VM_NET_VLANS / 64];
};

// Everything is received until the driver says what it wants.
void vm_net_filter_reset(struct vm_net_filter *f, const uint8_t mac[VM_NET_MAC]);

// Whether a frame is wanted, by its first min(size, VM_NET_FILTER_HEAD) bytes, at least 14.
bool vm_net_filter_wants(const struct vm_net_filter *f, const uint8_t *frame, uint32_t size);

void vm_net_filter_set_vlan(struct vm_net_filter *f, uint16_t vlan, bool wanted); // below 4096

#endif
