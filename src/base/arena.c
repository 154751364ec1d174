// SPDX-License-Identifier: MIT
#include <vm/base/arena.h>
#include <vm/base/memory.h>

enum { CHUNK_ALIGN = 64 };

struct vm_arena_chunk {
    _Alignas(CHUNK_ALIGN) struct vm_arena_chunk *next;
    size_t size; // whole, with this header
};

void *vm_alloc_zeroed(const struct vm_allocator *a, size_t size, size_t align)
{
    if (a->alloc_zeroed)
        return a->alloc_zeroed(a->context, size, align);
    void *p = a->alloc(a->context, size, align);
    if (p)
        vm_zero(p, size);
    return p;
}

void vm_arena_init(struct vm_arena *a, const struct vm_allocator *allocator, size_t chunk_size)
{
    *a = (struct vm_arena){.allocator = allocator, .chunk_size = chunk_size};
}

static void release_chunks(struct vm_arena *a, struct vm_arena_chunk *c)
{
    while (c) {
        struct vm_arena_chunk *next = c->next;
        a->total -= c->size;
        a->allocator->release(a->allocator->context, c, c->size);
        c = next;
    }
}

void vm_arena_destroy(struct vm_arena *a)
{
    release_chunks(a, a->chunks);
    a->chunks = NULL;
    a->used = a->capacity = 0;
}

void vm_arena_reset(struct vm_arena *a)
{
    if (!a->chunks)
        return;
    release_chunks(a, a->chunks->next);
    a->chunks->next = NULL;
    a->used = sizeof(struct vm_arena_chunk);
}

static bool grow(struct vm_arena *a, size_t size)
{
    size_t need = size + sizeof(struct vm_arena_chunk) + CHUNK_ALIGN;
    if (need < size)
        return false;
    if (need < a->chunk_size)
        need = a->chunk_size;
    struct vm_arena_chunk *c = a->allocator->alloc(a->allocator->context, need, CHUNK_ALIGN);
    if (!c)
        return false;
    c->next = a->chunks;
    c->size = need;
    a->chunks = c;
    a->capacity = need;
    a->used = sizeof *c;
    a->total += need;
    return true;
}

void *vm_arena_alloc_chunk(struct vm_arena *a, size_t size, size_t align)
{
    if (!grow(a, size))
        return NULL;
    size_t at = (a->used + align - 1) & ~(align - 1);
    a->used = at + size;
    return (char *)a->chunks + at;
}
