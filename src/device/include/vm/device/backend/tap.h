// SPDX-License-Identifier: MIT
//
// A tap interface of the host: the guest is on whatever network it is bridged or routed to. Frames
// go between guest memory and the host's kernel with their offloads undone (IFF_VNET_HDR).
#ifndef VM_DEVICE_BACKEND_TAP_H
#define VM_DEVICE_BACKEND_TAP_H

#include <vm/device/backend/loop.h>
#include <vm/device/backend/net.h>

// True if this build has tap interfaces.
bool vm_tap_built(void);
// VM_OK if the host gives them to this process; VM_ERR_HOST says why not. Whether it lets us make
// an interface shows with the first one.
vm_status vm_tap_available(struct vm_error *e);

// Opens the interface `name` with up to `pairs` queue pairs (1 to VM_NET_MAX_PAIRS), fewer if it
// was not made for several; makes it if it is not there and the host lets us. The loop does not run
// yet and outlives it. VM_ERR_USAGE: no such name can be; VM_ERR_HOST: the host refuses, or has
// none.
vm_status vm_tap_open(struct vm_loop *loop, const char *name, unsigned pairs, struct vm_net **out,
                      struct vm_error *e);

#endif
