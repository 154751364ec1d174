// SPDX-License-Identifier: MIT
//
// Lists of buffers in guest RAM. The guest may change the bytes at any time, so they are copied
// with relaxed atomics, by words where both sides allow it.
#include <vm/base/memory.h>
#include <vm/device/virtio/virtio.h>

enum { WORD = 8 };

static void copy_from_ram(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n > 0 && ((uintptr_t)from & (WORD - 1)); n--)
        *to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
    for (; n >= WORD; n -= WORD, from += WORD, to += WORD) {
        uint64_t v = __atomic_load_n((const uint64_t *)(const void *)from, __ATOMIC_RELAXED);
        vm_copy(to, &v, WORD);
    }
    for (; n > 0; n--)
        *to++ = __atomic_load_n(from++, __ATOMIC_RELAXED);
}

static void copy_to_ram(uint8_t *to, const uint8_t *from, size_t n)
{
    for (; n > 0 && ((uintptr_t)to & (WORD - 1)); n--)
        __atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
    for (; n >= WORD; n -= WORD, from += WORD, to += WORD) {
        uint64_t v;
        vm_copy(&v, from, WORD);
        __atomic_store_n((uint64_t *)(void *)to, v, __ATOMIC_RELAXED);
    }
    for (; n > 0; n--)
        __atomic_store_n(to++, *from++, __ATOMIC_RELAXED);
}

// The part of the next iovec that lies in [*offset, *offset + left) of the whole; NULL when the
// list is over. *offset counts down to 0.
static uint8_t *next_part(const struct vm_iovec **iov, unsigned *count, uint64_t *offset,
                          uint64_t left, size_t *size)
{
    while (*count > 0 && *offset >= (*iov)->size) {
        *offset -= (*iov)->size;
        ++*iov;
        --*count;
    }
    if (*count == 0)
        return NULL;
    uint8_t *start = (uint8_t *)(*iov)->base + *offset;
    uint64_t here = (*iov)->size - *offset;
    *size = (size_t)(here < left ? here : left);
    *offset = 0;
    ++*iov;
    --*count;
    return start;
}

size_t vm_iov_read(const struct vm_iovec *iov, unsigned count, uint64_t offset, void *to,
                   size_t size)
{
    size_t done = 0, n;
    const uint8_t *part;
    while (done < size && (part = next_part(&iov, &count, &offset, size - done, &n))) {
        copy_from_ram((uint8_t *)to + done, part, n);
        done += n;
    }
    return done;
}

size_t vm_iov_write(const struct vm_iovec *iov, unsigned count, uint64_t offset, const void *from,
                    size_t size)
{
    size_t done = 0, n;
    uint8_t *part;
    while (done < size && (part = next_part(&iov, &count, &offset, size - done, &n))) {
        copy_to_ram(part, (const uint8_t *)from + done, n);
        done += n;
    }
    return done;
}

uint64_t vm_iov_size(const struct vm_iovec *iov, unsigned count)
{
    uint64_t size = 0;
    for (unsigned i = 0; i < count; i++)
        size += iov[i].size;
    return size;
}

unsigned vm_iov_slice(const struct vm_iovec *iov, unsigned count, uint64_t skip, uint64_t limit,
                      struct vm_iovec *to)
{
    unsigned made = 0;
    uint8_t *part;
    size_t n;
    while (limit > 0 && (part = next_part(&iov, &count, &skip, limit, &n))) {
        to[made++] = (struct vm_iovec){part, n};
        limit -= n;
    }
    return made;
}
