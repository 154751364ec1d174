// SPDX-License-Identifier: MIT
//
// Memory given back while it stays mapped (madvise(2), MADV_REMOVE and MADV_DONTNEED).
#include <vm/osal/memory.h>
#include <vm/osal/memory_discard.h>

#include <errno.h>
#include <sys/mman.h>

bool vm_osal_memory_discard(void *address, uint64_t size)
{
    uintptr_t page = vm_osal_page_size(), start = (uintptr_t)address, end = start + (uintptr_t)size;
    start = (start + page - 1) & ~(page - 1);
    end &= ~(page - 1);
    if (start >= end)
        return true;
    void *at = (void *)start;
    if (madvise(at, end - start, MADV_REMOVE) == 0)
        return true;
    // Memory that nothing shares has no object to make a hole in.
    return errno == EINVAL && madvise(at, end - start, MADV_DONTNEED) == 0;
}
