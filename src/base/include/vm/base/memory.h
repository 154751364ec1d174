// SPDX-License-Identifier: MIT
//
// Bytes and strings without a libc. GCC and clang may emit calls to memcpy, memmove, memset and
// memcmp even in freestanding code; the embedder of the freestanding core provides those four.
#ifndef VM_BASE_MEMORY_H
#define VM_BASE_MEMORY_H

#include <vm/base/types.h>

static inline void vm_copy(void *to, const void *from, size_t n)
{
    __builtin_memcpy(to, from, n);
}

static inline void vm_fill(void *p, uint8_t byte, size_t n)
{
    __builtin_memset(p, byte, n);
}

static inline void vm_zero(void *p, size_t n)
{
    __builtin_memset(p, 0, n);
}

static inline int vm_compare(const void *a, const void *b, size_t n)
{
    return __builtin_memcmp(a, b, n);
}

// C's strlen and strcmp.
size_t vm_text_length(const char *s);
int vm_text_compare(const char *a, const char *b);
bool vm_text_equal(const char *a, const char *b);

// Little- and big-endian loads and stores at any alignment.
static inline uint16_t vm_load_le16(const void *p)
{
    const uint8_t *b = p;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t vm_load_le32(const void *p)
{
    const uint8_t *b = p;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t vm_load_le64(const void *p)
{
    const uint8_t *b = p;
    return vm_load_le32(b) | (uint64_t)vm_load_le32(b + 4) << 32;
}

static inline uint32_t vm_load_be32(const void *p)
{
    return __builtin_bswap32(vm_load_le32(p));
}

static inline void vm_store_le16(void *p, uint16_t v)
{
    uint8_t *b = p;
    b[0] = (uint8_t)v;
    b[1] = (uint8_t)(v >> 8);
}

static inline void vm_store_le32(void *p, uint32_t v)
{
    uint8_t *b = p;
    vm_store_le16(b, (uint16_t)v);
    vm_store_le16(b + 2, (uint16_t)(v >> 16));
}

static inline void vm_store_le64(void *p, uint64_t v)
{
    uint8_t *b = p;
    vm_store_le32(b, (uint32_t)v);
    vm_store_le32(b + 4, (uint32_t)(v >> 32));
}

#endif
