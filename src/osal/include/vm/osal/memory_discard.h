// SPDX-License-Identifier: MIT
//
// Memory given back to the host while it stays mapped.
#ifndef VM_OSAL_MEMORY_DISCARD_H
#define VM_OSAL_MEMORY_DISCARD_H

#include <vm/base/types.h>

// Gives the whole host pages inside [address, address+size) back; they read as zeros from now on,
// in every mapping of a shared object, and cost nothing until they are written. The range lies in
// one mapping. False, with the contents as they were, when the host cannot. Any thread.
bool vm_osal_memory_discard(void *address, uint64_t size);

#endif
