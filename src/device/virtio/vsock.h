// SPDX-License-Identifier: MIT
//
// What the files of virtio-vsock share (VirtIO 1.2, 5.10). vsock.c has the device and its
// connections, vsock_transmit.c packets of the guest, vsock_receive.c packets to it. All of it
// belongs to the I/O thread.
#ifndef VM_DEVICE_VIRTIO_VSOCK_INTERNAL_H
#define VM_DEVICE_VIRTIO_VSOCK_INTERNAL_H

#include "../device.h"

#include <vm/device/virtio/vsock.h>

enum {
    VSOCK_RX = 0, // queues (5.10.2)
    VSOCK_TX = 1,
    VSOCK_EVENT = 2,
    VSOCK_QUEUES = 3,

    VSOCK_HOST_CID = 2,
    VSOCK_STREAM = 1, // type
    VSOCK_HEADER = 44,
    VSOCK_RESETS = 64, // answers to packets of no connection that wait for buffers
    VSOCK_BUCKETS = 64,
    VSOCK_FIRST_PORT = 1 << 30, // of the host's clients
};

// Operations (5.10.6).
enum {
    VSOCK_OP_REQUEST = 1,
    VSOCK_OP_RESPONSE = 2,
    VSOCK_OP_RST = 3,
    VSOCK_OP_SHUTDOWN = 4,
    VSOCK_OP_RW = 5,
    VSOCK_OP_CREDIT_UPDATE = 6,
    VSOCK_OP_CREDIT_REQUEST = 7,
};

enum { VSOCK_SHUTDOWN_RCV = 1, VSOCK_SHUTDOWN_SEND = 2, VSOCK_SHUTDOWN_BOTH = 3 };

struct vsock_header {
    uint64_t source_cid, target_cid;
    uint32_t source_port, target_port, length;
    uint16_t type, op;
    uint32_t flags, buffer, forwarded; // credit: buf_alloc, fwd_cnt
};

// What the guest is still to be told of a connection; sent in this order, data before the last two.
enum {
    VSOCK_TELL_REQUEST = 1,
    VSOCK_TELL_RESPONSE = 2,
    VSOCK_TELL_SHUTDOWN = 4,
    VSOCK_TELL_CREDIT = 8,
};

enum vsock_state {
    VSOCK_REQUESTED, // by the host; the guest has not answered
    VSOCK_OPEN,
    VSOCK_LINGERING, // the guest has forgotten it; the host has not got everything yet
};

struct vsock_connection {
    struct vsock *device;
    struct vm_vsock_end *end;
    struct vsock_connection *next;                     // in the bucket, or of the lingering
    struct vsock_connection *next_ready, **ready_link; // in the queue to the guest; link: NULL if
                                                       // it is not there
    uint32_t guest_port, host_port;
    enum vsock_state state;
    unsigned tell;
    bool readable;      // the end may have something
    bool gone;          // the host takes no more
    uint8_t guest_shut; // VSOCK_SHUTDOWN_*, as the guest has told
    uint8_t to_shut;    // as we tell it

    // Credit, in bytes, modulo 2^32. Of the guest: its buffer, what it has taken out of that, what
    // we have sent. Of ours: what it has sent, what the host has taken, what it knows of that.
    uint32_t guest_buffer, guest_forwarded, sent;
    uint32_t received, forwarded, told;

    uint8_t *kept; // what the host has not taken yet: a ring of VM_VSOCK_BUFFER bytes, or NULL
    uint32_t kept_at, kept_size;
};

struct vsock_reset {
    uint32_t guest_port, host_port;
};

struct vsock {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_vsock *backend;
    uint32_t cid;
    unsigned connections;
    uint32_t next_port;
    struct vsock_connection *buckets[VSOCK_BUCKETS], *lingering;
    struct vsock_connection *ready, **ready_end;
    unsigned resets; // waiting; the oldest first
    bool stopped;    // packets of the guest wait for room in `waiting`
    struct vsock_reset waiting[VSOCK_RESETS];
    struct vm_virtq_element out, in;
    struct vm_iovec iov[VM_VIRTQ_MAX_SEGMENTS];
};

// --- vsock.c ---

struct vsock_connection *vsock_find(struct vsock *v, uint32_t guest_port, uint32_t host_port);
// A new connection; NULL if there are too many or no memory.
struct vsock_connection *vsock_add(struct vsock *v, uint32_t guest_port, uint32_t host_port);
// Ends the connection at both sides, where the guest is told by a reset if `tell`. Room for that
// must be there (vsock_has_room).
void vsock_end(struct vsock_connection *c, bool tell);
// The guest has closed: forgotten there, it lives on until the host has everything.
void vsock_linger(struct vsock_connection *c);
bool vsock_has_room(const struct vsock *v); // for another reset
void vsock_reset(struct vsock *v, uint32_t guest_port, uint32_t host_port);
// Something is to be told or sent to the guest.
void vsock_is_ready(struct vsock_connection *c);
// Does what can be done in both directions, and shows it to the guest.
void vsock_go_on(struct vsock *v);

// --- vsock_transmit.c ---

// Packets of the guest, as long as there is room for answers.
void vsock_transmit(struct vsock *v);
// The host may take more of what is kept. The connection may end by that.
void vsock_drain(struct vsock_connection *c);

// --- vsock_receive.c ---

void vsock_leave_ready(struct vsock_connection *c);
// Packets to the guest, as long as it has buffers.
void vsock_deliver(struct vsock *v);

#endif
