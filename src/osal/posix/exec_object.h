// SPDX-License-Identifier: MIT
//
// The descriptor behind executable memory: the one step of it that differs between POSIX hosts.
#ifndef VM_OSAL_POSIX_EXEC_OBJECT_H
#define VM_OSAL_POSIX_EXEC_OBJECT_H

// A descriptor of an empty object whose pages may be mapped executable, closed on exec; -1 with
// errno set when the host has none.
int vm_osal_exec_object_open(const char *name);

// Why the host refuses executable memory with this errno, and what can be done; a constant text.
const char *vm_osal_exec_object_reason(int cause);

#endif
