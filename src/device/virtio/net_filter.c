// SPDX-License-Identifier: MIT
//
// The receive filter (net_filter.h).
#include "net_filter.h"

#include <vm/base/memory.h>

void vm_net_filter_reset(struct vm_net_filter *f, const uint8_t mac[VM_NET_MAC])
{
    *f = (struct vm_net_filter){.promiscuous = true};
    vm_copy(f->mac, mac, VM_NET_MAC);
}

void vm_net_filter_set_vlan(struct vm_net_filter *f, uint16_t vlan, bool wanted)
{
    uint64_t bit = (uint64_t)1 << (vlan % 64);
    if (wanted)
        f->vlans[vlan / 64] |= bit;
    else
        f->vlans[vlan / 64] &= ~bit;
}

static bool holds(const struct vm_net_macs *macs, const uint8_t *mac)
{
    for (uint32_t i = 0; i < macs->count; i++) {
        if (vm_compare(macs->mac[i], mac, VM_NET_MAC) == 0)
            return true;
    }
    return macs->all;
}

static bool wants_vlan(const struct vm_net_filter *f, const uint8_t *frame, uint32_t size)
{
    bool tagged = size >= VM_NET_FILTER_HEAD && frame[12] == 0x81 && frame[13] == 0x00;
    if (!f->by_vlan || !tagged)
        return true;
    unsigned vlan = (frame[14] & 15u) << 8 | frame[15];
    return f->vlans[vlan / 64] >> (vlan % 64) & 1;
}

bool vm_net_filter_wants(const struct vm_net_filter *f, const uint8_t *frame, uint32_t size)
{
    static const uint8_t broadcast[VM_NET_MAC] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (!wants_vlan(f, frame, size))
        return false;
    if (f->promiscuous)
        return true;
    if (vm_compare(frame, broadcast, VM_NET_MAC) == 0)
        return !f->no_broadcast;
    if (frame[0] & 1)
        return !f->no_multicast && (f->all_multicast || holds(&f->multicast, frame));
    return !f->no_unicast && (f->all_unicast || vm_compare(frame, f->mac, VM_NET_MAC) == 0 ||
                              holds(&f->unicast, frame));
}
