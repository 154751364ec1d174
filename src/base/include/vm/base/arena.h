// SPDX-License-Identifier: MIT
//
// A bump allocator over chunks that the caller's allocator gives. Everything in it is released at
// once; nothing is released singly. Not locked: an arena has one user at a time.
#ifndef VM_BASE_ARENA_H
#define VM_BASE_ARENA_H

#include <vm/base/types.h>

// Where memory comes from: the freestanding core has no malloc of its own.
struct vm_allocator {
    void *(*alloc)(void *context, size_t size, size_t align); // NULL when there is none; not zeroed
    void (*release)(void *context, void *p, size_t size);
    void *context;
    // As alloc, all zeros, without touching what is not used (large tables, mostly empty); NULL:
    // the caller of vm_alloc_zeroed gets memory from alloc that is cleared by hand.
    void *(*alloc_zeroed)(void *context, size_t size, size_t align);
};

// `size` zero bytes aligned to `align`; NULL when there are none. Given back with release.
void *vm_alloc_zeroed(const struct vm_allocator *a, size_t size, size_t align);

struct vm_arena_chunk;

struct vm_arena {
    const struct vm_allocator *allocator;
    struct vm_arena_chunk *chunks; // the newest first
    size_t chunk_size;             // bytes of a normal chunk
    size_t used, capacity;         // of the newest chunk
    size_t total;                  // bytes of all chunks
};

void vm_arena_init(struct vm_arena *a, const struct vm_allocator *allocator, size_t chunk_size);
void vm_arena_destroy(struct vm_arena *a);

// What vm_arena_alloc does where the newest chunk has not the room.
void *vm_arena_alloc_chunk(struct vm_arena *a, size_t size, size_t align);

// `size` bytes aligned to `align` (a power of two, at most 64), not zeroed; NULL when memory is
// out. The bytes belong to the arena.
static inline void *vm_arena_alloc(struct vm_arena *a, size_t size, size_t align)
{
    size_t at = (a->used + align - 1) & ~(align - 1);
    if (VM_UNLIKELY(at >= a->capacity || size > a->capacity - at))
        return vm_arena_alloc_chunk(a, size, align);
    a->used = at + size;
    return (char *)a->chunks + at;
}

// Forgets everything but keeps the newest chunk for reuse.
void vm_arena_reset(struct vm_arena *a);

#endif
