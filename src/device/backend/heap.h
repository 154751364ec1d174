// SPDX-License-Identifier: MIT
//
// Memory of the disk formats, out of the osal's heap.
#ifndef VM_DEVICE_BACKEND_HEAP_H
#define VM_DEVICE_BACKEND_HEAP_H

#include <vm/base/memory.h>
#include <vm/osal/memory.h>

// NULL when memory is out; not zeroed.
static inline void *vm_heap_alloc(size_t size)
{
    const struct vm_allocator *a = vm_osal_allocator();
    return a->alloc(a->context, size, 16);
}

static inline void *vm_heap_zalloc(size_t size)
{
    void *p = vm_heap_alloc(size);
    if (p)
        vm_zero(p, size);
    return p;
}

static inline void vm_heap_release(void *p, size_t size)
{
    const struct vm_allocator *a = vm_osal_allocator();
    if (p)
        a->release(a->context, p, size);
}

#endif
