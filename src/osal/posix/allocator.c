// SPDX-License-Identifier: MIT
//
// The C library's heap in the shape that the freestanding core takes.
#include <vm/osal/memory.h>

#include <stdlib.h>

static void *heap_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    void *p;
    if (align < sizeof(void *))
        align = sizeof(void *);
    return posix_memalign(&p, align, size ? size : 1) == 0 ? p : NULL;
}

static void heap_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

const struct vm_allocator *vm_osal_allocator(void)
{
    static const struct vm_allocator heap = {heap_alloc, heap_release, NULL};
    return &heap;
}
