// SPDX-License-Identifier: MIT
//
// User networking: a network of the guest's own, whose gateway is this process (libslirp). Needs no
// rights on the host. IPv4 10.0.2.0/24 with the gateway at 10.0.2.2, the host's resolver at
// 10.0.2.3 and the guest, by DHCP, at 10.0.2.15; IPv6 fec0::/64 with gateway ::2 and resolver ::3.
// Connections that the guest makes go out as the process's own; to the gateway's address they go
// to the host's loopback.
#ifndef VM_DEVICE_BACKEND_SLIRP_H
#define VM_DEVICE_BACKEND_SLIRP_H

#include <vm/device/backend/loop.h>
#include <vm/device/backend/net.h>

// Connections and datagrams to a port of the host that are passed on to a port of the guest.
struct vm_slirp_forward {
    bool udp;
    const char *address; // IPv4 or IPv6, as text; "": any IPv4 address of the host
    uint16_t host_port, guest_port;
};

// True if this build has user networking.
bool vm_slirp_built(void);

// The network, on a loop that does not run yet and outlives it. VM_ERR_USAGE: an address is none;
// VM_ERR_HOST: a port is in use or not allowed, or this build has no libslirp.
vm_status vm_slirp_open(struct vm_loop *loop, const struct vm_slirp_forward *forwards,
                        unsigned count, struct vm_net **out, struct vm_error *e);

#endif
