// SPDX-License-Identifier: MIT
//
// The C library's heap in the shape that the freestanding core takes.
#include <vm/osal/memory.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

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

// calloc takes large blocks from the system as they are, untouched, but aligns no further than for
// C's own types.
static void *heap_alloc_zeroed(void *context, size_t size, size_t align)
{
    if (align <= _Alignof(max_align_t))
        return calloc(1, size ? size : 1);
    void *p = heap_alloc(context, size, align);
    return p ? memset(p, 0, size) : NULL;
}

const struct vm_allocator *vm_osal_allocator(void)
{
    static const struct vm_allocator heap = {heap_alloc, heap_release, NULL, heap_alloc_zeroed};
    return &heap;
}
