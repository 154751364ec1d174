// SPDX-License-Identifier: MIT
//
// Console device (VirtIO 1.2, 5.3) in front of streams (vm/device/backend/stream.h): one console,
// or several ports with names, each of them a console or a plain byte stream.
//
// What the guest writes waits in its queue while the stream takes no more, and what comes from the
// stream waits there until the guest has the port open and gives buffers. The one exception is the
// emergency write, which has no queue: what comes faster than the stream takes it is dropped after
// VM_VIRTIO_CONSOLE_EMERGENCY bytes.
#ifndef VM_DEVICE_VIRTIO_CONSOLE_H
#define VM_DEVICE_VIRTIO_CONSOLE_H

#include <vm/device/backend/stream.h>
#include <vm/device/virtio/virtio.h>

enum {
    VM_VIRTIO_CONSOLE_MAX_PORTS = VM_VIRTIO_MAX_QUEUES / 2 - 1,
    VM_VIRTIO_CONSOLE_NAME = 64,       // bytes of a port's name at most
    VM_VIRTIO_CONSOLE_EMERGENCY = 512, // bytes
};

struct vm_virtio_console_port {
    struct vm_stream *stream; // the device's from success on
    const char *name;         // by which the guest finds it; NULL: none. Copied
    bool console;             // the guest may log in here
};

struct vm_virtio_console_config {
    const struct vm_virtio_console_port *ports;
    unsigned count;
    uint64_t withheld; // features not to be offered (vm_virtio_config)
};

// With one nameless console port it is the simple device without a control queue. `io` is the
// thread that the streams use as well; it does not run yet. VM_ERR_USAGE: no ports or too many of
// them, or a name that is too long.
vm_status vm_virtio_console_create(struct vm_machine *m, struct vm_io *io, const char *name,
                                   const struct vm_virtio_console_config *config,
                                   struct vm_virtio **out, struct vm_error *e);

#endif
