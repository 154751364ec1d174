// SPDX-License-Identifier: MIT
//
// Networks of the hosted machine (net.h).
#include "net.h"

#include <string.h>

#include <vm/device/backend/slirp.h>
#include <vm/device/backend/tap.h>

static vm_status open_user(const struct vm_net_options *o, struct vm_loop *loop,
                           struct vm_net **out, struct vm_error *e)
{
    struct vm_slirp_forward forwards[VM_NET_OPTION_FORWARDS];
    for (unsigned i = 0; i < o->forward_count; i++) {
        const struct vm_net_forward *f = &o->forwards[i];
        forwards[i] = (struct vm_slirp_forward){f->udp, f->address, f->host_port, f->guest_port};
    }
    return vm_slirp_open(loop, forwards, o->forward_count, out, e);
}

vm_status hosted_open_net(const struct vm_net_options *o, unsigned vcpus, struct vm_loop *loop,
                          struct vm_net **out, struct vm_error *e)
{
    unsigned pairs = vcpus < VM_NET_MAX_PAIRS ? vcpus : VM_NET_MAX_PAIRS;
    return o->kind == VM_NET_TAP ? vm_tap_open(loop, o->tap, pairs, out, e)
                                 : open_user(o, loop, out, e);
}

bool vm_net_built(enum vm_net_kind kind)
{
    return kind == VM_NET_TAP ? vm_tap_built() : vm_slirp_built();
}

void hosted_mac(unsigned index, uint8_t mac[6])
{
    const uint8_t base[] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    memcpy(mac, base, sizeof base);
    mac[5] = (uint8_t)(mac[5] + index);
    mac[4] = (uint8_t)(mac[4] + (0x56 + index) / 256);
}
