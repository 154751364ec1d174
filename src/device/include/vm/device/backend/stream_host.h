// SPDX-License-Identifier: MIT
//
// Streams (vm/device/backend/stream.h) to the host, by their names on the command line:
//
//     pty          a new pseudoterminal, whose name is logged
//     unix:PATH    a Unix socket, made here; one client at a time, others wait until it has left
//     file:PATH    what the guest writes goes to a file; nothing comes in
//
// What the host does not take at once is kept up to VM_STREAM_BACKLOG bytes, then the guest waits.
// That holds while no client is there as well: the next one gets it. A file that takes no more is
// tried again, and a line logged.
#ifndef VM_DEVICE_BACKEND_STREAM_HOST_H
#define VM_DEVICE_BACKEND_STREAM_HOST_H

#include <vm/core/host.h>
#include <vm/device/backend/loop.h>
#include <vm/device/backend/stream.h>

enum { VM_STREAM_BACKLOG = 1 << 20 };

// Opens a stream for a device whose tasks run on `loop`; before that is started. The caller has
// (*stream)->ops->close called with the loop stopped; a device does so for its own. `host` is for
// its log and stays the caller's. VM_ERR_USAGE: no such kind of stream; VM_ERR_FILE, VM_ERR_HOST:
// the host refuses.
vm_status vm_stream_open(const char *what, struct vm_loop *loop, const struct vm_host *host,
                         struct vm_stream **stream, struct vm_error *e);

#endif
