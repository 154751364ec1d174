// SPDX-License-Identifier: MIT
//
// The control queue (VirtIO 1.2, 5.1.6.5): receive modes, addresses, VLANs, announcements, queue
// pairs, offloads. A command is class, command and data; the answer is one byte. What the driver
// has not negotiated, or says wrongly, is answered with an error and changes nothing.
#include "net.h"

enum {
    OK = 0,
    ERR = 1,

    CLASS_RX = 0,
    CLASS_MAC = 1,
    CLASS_VLAN = 2,
    CLASS_ANNOUNCE = 3,
    CLASS_MQ = 4,
    CLASS_OFFLOADS = 5,

    RX_PROMISCUOUS = 0,
    RX_ALL_MULTICAST = 1,
    RX_ALL_UNICAST = 2,
    RX_NO_MULTICAST = 3,
    RX_NO_UNICAST = 4,
    RX_NO_BROADCAST = 5,

    MAC_TABLE_SET = 0,
    MAC_ADDR_SET = 1,
    VLAN_ADD = 0,
    VLAN_DEL = 1,
    ANNOUNCE_ACK = 0,
    MQ_PAIRS_SET = 0,
    OFFLOADS_SET = 0,

    COMMAND_HEADER = 2,
};

// A command's data, read piece by piece.
struct reader {
    const struct vm_virtq_element *e;
    uint64_t at;
};

static bool take(struct reader *r, void *to, size_t size)
{
    if (r->e->out_size - r->at < size)
        return false;
    vm_iov_read(r->e->iov, r->e->out_count, r->at, to, size);
    r->at += size;
    return true;
}

static bool take16(struct reader *r, uint16_t *v)
{
    uint8_t bytes[2];
    if (!take(r, bytes, sizeof bytes))
        return false;
    *v = vm_load_le16(bytes);
    return true;
}

static bool set_mode(struct net *n, uint8_t command, struct reader *r)
{
    struct vm_net_filter *f = &n->filter;
    uint8_t on;
    if (!net_has(n, command <= RX_ALL_MULTICAST ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA) ||
        !take(r, &on, 1))
        return false;
    switch (command) {
    case RX_PROMISCUOUS: f->promiscuous = on; return true;
    case RX_ALL_MULTICAST: f->all_multicast = on; return true;
    case RX_ALL_UNICAST: f->all_unicast = on; return true;
    case RX_NO_MULTICAST: f->no_multicast = on; return true;
    case RX_NO_UNICAST: f->no_unicast = on; return true;
    case RX_NO_BROADCAST: f->no_broadcast = on; return true;
    default: return false;
    }
}

// A number of addresses and the addresses. With more than are kept, all of the kind are received.
static bool take_macs(struct reader *r, struct vm_net_macs *macs)
{
    uint8_t bytes[4];
    if (!take(r, bytes, sizeof bytes))
        return false;
    uint64_t count = vm_load_le32(bytes), size = count * VM_NET_MAC;
    if (r->e->out_size - r->at < size)
        return false;
    macs->all = count > VM_NET_FILTER_MACS;
    macs->count = macs->all ? 0 : (uint32_t)count;
    vm_iov_read(r->e->iov, r->e->out_count, r->at, macs->mac, macs->count * VM_NET_MAC);
    r->at += size;
    return true;
}

static bool set_macs(struct net *n, struct reader *r)
{
    struct vm_net_macs unicast, multicast;
    if (!net_has(n, NET_F_CTRL_RX) || !take_macs(r, &unicast) || !take_macs(r, &multicast))
        return false;
    n->filter.unicast = unicast;
    n->filter.multicast = multicast;
    return true;
}

static bool set_mac(struct net *n, struct reader *r)
{
    uint8_t mac[VM_NET_MAC];
    if (!net_has(n, NET_F_CTRL_MAC_ADDR) || !take(r, mac, sizeof mac))
        return false;
    vm_copy(n->filter.mac, mac, sizeof mac);
    vm_virtio_lock(n->virtio);
    vm_copy(n->config.mac, mac, sizeof mac);
    vm_virtio_unlock(n->virtio);
    return true;
}

static bool set_vlan(struct net *n, uint8_t command, struct reader *r)
{
    uint16_t vlan;
    if (!net_has(n, NET_F_CTRL_VLAN) || command > VLAN_DEL || !take16(r, &vlan) ||
        vlan >= VM_NET_VLANS)
        return false;
    vm_net_filter_set_vlan(&n->filter, vlan, command == VLAN_ADD);
    return true;
}

static bool acknowledge(struct net *n, uint8_t command)
{
    if (!net_has(n, NET_F_GUEST_ANNOUNCE) || command != ANNOUNCE_ACK)
        return false;
    vm_virtio_lock(n->virtio);
    n->config.status &= (uint16_t)~NET_ANNOUNCE;
    vm_virtio_unlock(n->virtio);
    return true;
}

static bool set_pairs(struct net *n, uint8_t command, struct reader *r)
{
    uint16_t pairs;
    if (!net_has(n, NET_F_MQ) || command != MQ_PAIRS_SET || !take16(r, &pairs) || pairs == 0 ||
        pairs > n->backend->pairs)
        return false;
    net_set_pairs(n, pairs);
    return true;
}

// Any of the features that it has negotiated.
static bool set_offloads(struct net *n, uint8_t command, struct reader *r)
{
    uint8_t bytes[8];
    if (!net_has(n, NET_F_GUEST_OFFLOADS) || command != OFFLOADS_SET ||
        !take(r, bytes, sizeof bytes))
        return false;
    const uint64_t guest = NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 |
                           NET_F_GUEST_USO4 | NET_F_GUEST_USO6;
    uint64_t wanted = vm_load_le64(bytes);
    if (wanted & ~(vm_virtio_features(n->virtio) & guest))
        return false;
    net_set_receive_offloads(n, net_guest_offloads(wanted));
    return true;
}

static bool obey(struct net *n, struct reader *r)
{
    uint8_t head[COMMAND_HEADER];
    if (!take(r, head, sizeof head))
        return false;
    uint8_t command = head[1];
    switch (head[0]) {
    case CLASS_RX: return set_mode(n, command, r);
    case CLASS_MAC:
        return command == MAC_TABLE_SET  ? set_macs(n, r)
               : command == MAC_ADDR_SET ? set_mac(n, r)
                                         : false;
    case CLASS_VLAN: return set_vlan(n, command, r);
    case CLASS_ANNOUNCE: return acknowledge(n, command);
    case CLASS_MQ: return set_pairs(n, command, r);
    case CLASS_OFFLOADS: return set_offloads(n, command, r);
    default: return false;
    }
}

void net_control(struct net *n, unsigned queue)
{
    struct vm_virtq_element *e = &n->command;
    while (vm_virtq_pop(n->virtio, queue, e)) {
        struct reader r = {e, 0};
        uint8_t answer = obey(n, &r) ? OK : ERR;
        size_t written = vm_iov_write(e->iov + e->out_count, e->in_count, 0, &answer, 1);
        vm_virtq_push(n->virtio, queue, e, (uint32_t)written);
    }
    vm_virtq_flush(n->virtio, queue);
}
