// SPDX-License-Identifier: MIT
//
// Byte streams behind consoles and other serial ports: bytes out and in, on the device's I/O
// thread. All calls in both directions are made there, but those that say otherwise; a stream
// may call its receiver from within a call.
//
// Flow control goes both ways: who takes less than it is given is asked again when it has said
// that it has room. So nothing is lost and nobody waits.
#ifndef VM_DEVICE_BACKEND_STREAM_H
#define VM_DEVICE_BACKEND_STREAM_H

#include <vm/base/error.h>
#include <vm/base/types.h>

// The device, as the stream sees it.
struct vm_stream_receiver {
    // Bytes for the guest; returns how many it took. If not all, the stream keeps the others and
    // waits for `resume`.
    size_t (*receive)(void *device, const uint8_t *bytes, size_t size);
    // After a send that did not take everything: there is room again. Not from within `send`.
    void (*writable)(void *device);
    // Somebody is at the other end, or nobody any more: `connected` has changed.
    void (*connection_changed)(void *device);
    // The terminal at the other end has another size: `columns` and `rows` have changed.
    void (*resized)(void *device);
    void *device;
};

struct vm_stream;

struct vm_stream_ops {
    const char *type; // "pty"
    // Takes bytes of the guest, without waiting; returns how many. If not all, it calls `writable`
    // later.
    size_t (*send)(struct vm_stream *s, const uint8_t *bytes, size_t size);
    // The device has room again after `receive` has not taken everything.
    void (*resume)(struct vm_stream *s);
    void (*close)(struct vm_stream *s); // with the I/O thread stopped; frees the stream
};

// Embedded at the start of the stream's own struct.
struct vm_stream {
    const struct vm_stream_ops *ops;
    bool connected;                     // somebody is at the other end
    uint16_t columns, rows;             // of the terminal there; 0: none, or not known
    struct vm_stream_receiver receiver; // set by the device before the I/O thread starts
};

#endif
