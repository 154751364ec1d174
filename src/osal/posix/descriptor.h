// SPDX-License-Identifier: MIT
//
// What streams, events and the terminal share about descriptors. All of it is safe in signal
// handlers.
#ifndef VM_OSAL_POSIX_DESCRIPTOR_H
#define VM_OSAL_POSIX_DESCRIPTOR_H

#include <stdbool.h>

#include <vm/osal/stream.h>

// The descriptor that becomes readable when the event is set.
int vm_osal_event_descriptor(const struct vm_osal_event *event);

// True when the terminal `fd` is ours to read and set: its foreground job is this process's group,
// or it is not the controlling terminal.
bool vm_osal_terminal_is_foreground(int fd);

#endif
