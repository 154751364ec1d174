// SPDX-License-Identifier: MIT
//
// Random bytes from the host, fit for keys. Safe from any thread.
#ifndef VM_OSAL_ENTROPY_H
#define VM_OSAL_ENTROPY_H

#include <vm/base/error.h>

// Fills [out, out+size); all of it or VM_ERR_HOST. May wait at the host's boot, never later.
vm_status vm_osal_entropy_fill(void *out, size_t size, struct vm_error *e);

#endif
