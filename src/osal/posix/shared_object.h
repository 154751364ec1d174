// SPDX-License-Identifier: MIT
//
// The descriptor behind a shared memory object: the one step of it that differs between hosts.
#ifndef VM_OSAL_POSIX_SHARED_OBJECT_H
#define VM_OSAL_POSIX_SHARED_OBJECT_H

// A descriptor of an empty object that no path leads to, closed on exec; -1 with errno set when the
// host has none. `name` is for the host's listings and need not be unique.
int vm_osal_shared_object_open(const char *name);

// The same from POSIX alone (shm_open), for hosts that have nothing better.
int vm_osal_shared_object_open_posix(const char *name);

#endif
