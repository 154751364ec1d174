// SPDX-License-Identifier: MIT
//
// Byte channels that this process opens for itself, for use with a poller: reads (vm_osal_read) and
// writes do not wait. Whoever opens one closes it. Errors are VM_ERR_FILE where a path is at fault,
// else VM_ERR_HOST.
#ifndef VM_OSAL_CHANNEL_H
#define VM_OSAL_CHANNEL_H

#include <vm/osal/stream.h>

enum vm_osal_write_result {
    VM_OSAL_WRITE_BYTES, // *count bytes were written, at least one
    VM_OSAL_WRITE_FULL,  // there is no room now
    VM_OSAL_WRITE_ENDED, // nobody reads any more, or the medium takes nothing: *cause
};

// Writes what there is room for. *cause is the host's error number after VM_OSAL_WRITE_ENDED.
enum vm_osal_write_result vm_osal_channel_write(vm_osal_stream channel, const void *data,
                                                size_t size, size_t *count, int *cause);

// What such an error number means.
const char *vm_osal_cause_text(int cause);

void vm_osal_channel_close(vm_osal_stream channel); // none is allowed

// A file for writing, made if missing, emptied if not.
vm_status vm_osal_channel_open_file(const char *path, vm_osal_stream *channel, struct vm_error *e);

// A terminal in raw mode that other programs open by `name` (of `room` bytes). As long as `held`,
// its other side, is open, the channel does not end when they leave.
vm_status vm_osal_channel_open_pty(vm_osal_stream *channel, vm_osal_stream *held, char *name,
                                   size_t room, struct vm_error *e);

// A Unix socket at `path`, for this user only, that others connect to. A socket that nobody listens
// at any more is replaced. The caller closes *listener and removes the path.
vm_status vm_osal_channel_listen(const char *path, vm_osal_stream *listener, struct vm_error *e);

// The next that has connected; false if there is none.
bool vm_osal_channel_accept(vm_osal_stream listener, vm_osal_stream *channel);

// Removes a listener's path.
void vm_osal_channel_unlink(const char *path);

#endif
