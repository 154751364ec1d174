// SPDX-License-Identifier: MIT
//
// Networks behind virtio-net: frames out and in, on the device's I/O thread. All calls in both
// directions are made there, but those that say otherwise; either side may call the other from
// within a call (a backend that answers a frame at once).
//
// Frames are Ethernet frames without their check sequence. What is left to do to them stands in a
// header with the fields of struct virtio_net_hdr (VirtIO 1.2, 5.1.6) in the host's byte order.
#ifndef VM_DEVICE_BACKEND_NET_H
#define VM_DEVICE_BACKEND_NET_H

#include <vm/device/virtio/virtio.h>

enum {
    VM_NET_MAX_FRAME = 14 + 2 * 4 + 65535, // bytes: Ethernet, two VLAN tags, the longest IP packet
    VM_NET_MAX_PAIRS = 8,
};

// vm_net_header.flags and gso_type.
enum {
    VM_NET_NEEDS_CSUM = 1, // the sum from csum_start on goes to csum_start + csum_offset
    VM_NET_DATA_VALID = 2, // received: its checksums are right

    VM_NET_GSO_NONE = 0,
    VM_NET_GSO_TCPV4 = 1,
    VM_NET_GSO_TCPV6 = 4,
    VM_NET_GSO_UDP_L4 = 5,
};

struct vm_net_header {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

// Offloads, each way: what a backend takes unfinished, and what it may deliver unfinished.
enum {
    VM_NET_CSUM = 1,
    VM_NET_TSO4 = 2,
    VM_NET_TSO6 = 4,
    VM_NET_USO4 = 8,
    VM_NET_USO6 = 16,
};

// A frame to send. The header has been checked: every offset lies in the frame, gso_size and
// hdr_len fit its headers, and nothing is asked for that the backend does not take.
struct vm_net_packet {
    struct vm_net_header header;
    struct vm_iovec *iov;
    unsigned iov_count;
    uint32_t size; // bytes, at most VM_NET_MAX_FRAME
};

// The device, as the backend sees it.
struct vm_net_receiver {
    // A frame for queue pair `pair`. False: no buffers there now; the backend keeps the frame, or
    // drops it, and waits for `resume`. Shown to the guest by the next flush.
    bool (*receive)(void *device, unsigned pair, const struct vm_net_header *header,
                    const uint8_t *frame, uint32_t size);
    void (*flush)(void *device, unsigned pair);
    // After a send that did not take everything: there is room again. Not from within `send`.
    void (*writable)(void *device, unsigned pair);
    void (*link_changed)(void *device, bool up);
    void *device;
};

struct vm_net;

struct vm_net_ops {
    const char *type; // "user"
    // Sends frames in order; returns how many it took. If not all, it calls `writable` later.
    // What it took, it has let go of when it returns.
    unsigned (*send)(struct vm_net *net, unsigned pair, const struct vm_net_packet *packets,
                     unsigned count);
    // The driver has given receive buffers after `receive` has refused a frame.
    void (*resume)(struct vm_net *net, unsigned pair);
    // What the driver takes unfinished from now on: a subset of `makes`. May be NULL. Frames on
    // their way that have more in them are dropped by the device. Any thread.
    void (*set_offloads)(struct vm_net *net, unsigned offloads);
    // Pairs [0, pairs) are in use; one before the first call. NULL if there are no more.
    void (*set_pairs)(struct vm_net *net, unsigned pairs);
    void (*close)(struct vm_net *net); // with the I/O thread stopped
};

// Embedded at the start of the backend's own struct. All but `receiver` is constant after creation.
struct vm_net {
    const struct vm_net_ops *ops;
    // Without VM_NET_CSUM every frame comes with its checksums in place; one that is taken for
    // TSO as well then comes whole, with the checksum over all of it.
    unsigned takes;
    unsigned makes; // what it can deliver unfinished
    unsigned pairs; // at most VM_NET_MAX_PAIRS
    uint16_t mtu;   // of the network; 0: not known
    // Frames are to come as one iovec of memory that nobody else writes.
    bool flat;
    bool link_up;                    // at the start
    struct vm_net_receiver receiver; // set by the device before the I/O thread starts
};

#endif
