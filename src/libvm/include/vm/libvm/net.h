// SPDX-License-Identifier: MIT
//
// What network a machine is on, as the embedder says it. The text form is the command line's:
//
//   user[,hostfwd=tcp|udp:[ADDR]:PORT-:PORT]...     tap=NAME
//
// ADDR is an IPv4 address, an IPv6 address in brackets, or nothing: any IPv4 address of the host.
#ifndef VM_LIBVM_NET_H
#define VM_LIBVM_NET_H

#include <vm/base/error.h>
#include <vm/base/types.h>

enum {
    VM_NET_OPTION_FORWARDS = 32, // of one network
    VM_NET_OPTION_ADDRESS = 64,  // bytes of an address's text, and of
    VM_NET_OPTION_NAME = 32,     // an interface's, with the terminating zero
};

enum vm_net_kind {
    VM_NET_USER, // a network of the guest's own behind this process
    VM_NET_TAP,  // an interface of the host
};

// Connections or datagrams to a port of the host that go to one of the guest.
struct vm_net_forward {
    bool udp;
    char address[VM_NET_OPTION_ADDRESS]; // "": any IPv4 address of the host
    uint16_t host_port, guest_port;      // not 0
};

struct vm_net_options {
    enum vm_net_kind kind;
    char tap[VM_NET_OPTION_NAME];
    unsigned forward_count;
    struct vm_net_forward forwards[VM_NET_OPTION_FORWARDS];
};

// Whether this build has that kind of network.
bool vm_net_built(enum vm_net_kind kind);

// Reads the text form. VM_ERR_USAGE says what is wrong with it, and what it should be; *out is
// undefined then. Whether the host has such an address or interface shows when the machine is made.
vm_status vm_net_options_parse(const char *text, struct vm_net_options *out, struct vm_error *e);

#endif
