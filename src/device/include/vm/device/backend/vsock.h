// SPDX-License-Identifier: MIT
//
// The host's side of virtio-vsock: ends of connections. All calls in both directions are made on
// the device's I/O thread; a backend calls its receiver from events, never from within a call.
#ifndef VM_DEVICE_BACKEND_VSOCK_H
#define VM_DEVICE_BACKEND_VSOCK_H

#include <vm/device/virtio/virtio.h>

// The host's end of a connection; embedded at the start of the backend's own struct.
struct vm_vsock_end {
    void *connection; // the device's
};

// The device, as the backend sees it.
struct vm_vsock_receiver {
    // Somebody at the host wants to be connected to a port of the guest. The device sets
    // end->connection and answers later, by `accepted` or `close`; false: it refuses at once.
    bool (*request)(void *device, struct vm_vsock_end *end, uint32_t guest_port);
    // After a connect, an acceptance, or a receive that gave nothing: there are bytes now, or the
    // end of them.
    void (*readable)(void *connection);
    // After a send that did not take everything: there is room again, or nobody takes more.
    void (*writable)(void *connection);
    void *device;
};

struct vm_vsock;

struct vm_vsock_ops {
    const char *type;
    // A connection to a port of the host; NULL: nobody listens there.
    struct vm_vsock_end *(*connect)(struct vm_vsock *h, uint32_t port, void *connection);
    // The guest has accepted what was requested; `host_port` is the client's.
    void (*accepted)(struct vm_vsock *h, struct vm_vsock_end *end, uint32_t host_port);
    // Takes bytes of the guest, without waiting; returns how many. *gone: nobody takes any more.
    size_t (*send)(struct vm_vsock *h, struct vm_vsock_end *end, const struct vm_iovec *iov,
                   unsigned count, bool *gone);
    // Gives bytes to the guest; returns how many, 0 if there are none now, or *ended.
    size_t (*receive)(struct vm_vsock *h, struct vm_vsock_end *end, const struct vm_iovec *iov,
                      unsigned count, bool *ended);
    void (*end_output)(struct vm_vsock *h, struct vm_vsock_end *end); // the guest sends no more
    void (*close)(struct vm_vsock *h, struct vm_vsock_end *end);      // frees it
    // With the I/O thread stopped and every end closed; frees the backend.
    void (*destroy)(struct vm_vsock *h);
};

// Embedded at the start of the backend's own struct.
struct vm_vsock {
    const struct vm_vsock_ops *ops;
    struct vm_vsock_receiver receiver; // set by the device before the I/O thread starts
};

enum {
    VM_VSOCK_CONNECTIONS = 256,  // at most
    VM_VSOCK_BUFFER = 256 << 10, // bytes of a connection that the guest may send ahead
};

#endif
