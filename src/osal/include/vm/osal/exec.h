// SPDX-License-Identifier: MIT
//
// Memory for code that is made at run time: two views of the same pages, one writable and never
// executable, one executable and never writable. What is written through the first can be run
// through the second once vm_osal_exec_flush has been told.
#ifndef VM_OSAL_EXEC_H
#define VM_OSAL_EXEC_H

#include <vm/base/error.h>

// Both views are whole pages, zero at first. The distance between them is the same for every byte.
struct vm_osal_exec {
    uint8_t *write;         // readable and writable
    const uint8_t *execute; // readable and executable
    uint64_t size;          // bytes, whole pages
};

// Makes `size` bytes (rounded up to whole pages) that can be executed; pages that nobody touches
// cost nothing. The caller owns *exec and ends it by
// vm_osal_exec_destroy. VM_ERR_HOST, with the host's reason in the text, where the host has no such
// memory or forbids it: then there can be no run-time code in this process. Any thread,
// but before it enters the sandbox (vm/osal/sandbox.h), which forbids new executable mappings.
vm_status vm_osal_exec_create(uint64_t size, struct vm_osal_exec *exec, struct vm_error *e);

// The same with the executable view, whole, no further than `reach` bytes from `near` if the host
// has room there (what calls with 32-bit displacements need; `reach` 2 GiB at most). Where it has
// not the view lies elsewhere: vm_osal_exec_reaches tells.
vm_status vm_osal_exec_create_near(uint64_t size, const void *near, uint64_t reach,
                                   struct vm_osal_exec *exec, struct vm_error *e);

// Whether every byte of the executable view is within `reach` bytes of `address`.
bool vm_osal_exec_reaches(const struct vm_osal_exec *exec, const void *address, uint64_t reach);

// Makes what was written to [offset, offset+size) visible to instruction fetch, on hosts where that
// takes something; the range lies within the views. A thread that may already be in that code needs
// its own synchronization besides (an ISB on ARM). Any thread.
void vm_osal_exec_flush(const struct vm_osal_exec *exec, uint64_t offset, uint64_t size);

// Unmaps both views; nothing runs there any more. An all-zero *exec is allowed and is what stays.
void vm_osal_exec_destroy(struct vm_osal_exec *exec);

#endif
