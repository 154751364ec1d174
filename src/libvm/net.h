// SPDX-License-Identifier: MIT
//
// Networks of the hosted machine.
#ifndef LIBVM_NET_INTERNAL_H
#define LIBVM_NET_INTERNAL_H

#include <vm/device/backend/loop.h>
#include <vm/device/backend/net.h>
#include <vm/libvm/net.h>

// Opens the network that the options mean, on a loop that does not run yet, with up to a queue pair
// per vCPU. The caller gives it to a device, which closes it.
vm_status hosted_open_net(const struct vm_net_options *options, unsigned vcpus,
                          struct vm_loop *loop, struct vm_net **out, struct vm_error *e);

// The MAC address of network device `index`, counted from 0: locally administered, as QEMU's.
void hosted_mac(unsigned index, uint8_t mac[6]);

#endif
