// SPDX-License-Identifier: MIT
//
// The cache of L2 tables and refcount blocks: a hash over a list by age. Bounded: a clean table
// makes room for another; where all are dirty, a commit cleans them and whoever needs room waits.
// What waits for room awaits q->buckets.
#include "qcow2.h"

enum { CACHE_SIZE = 16 << 20, MIN_TABLES = 8, MAX_TABLES = 32768 };

static struct vm_qcow2_table **bucket_of(const struct vm_qcow2 *q, enum vm_qcow2_kind kind,
                                         uint64_t offset)
{
    uint64_t h = ((offset >> q->header.cluster_bits) * 2 + kind) * UINT64_C(0x9e3779b97f4a7c15);
    return &q->buckets[(h >> 40) & q->bucket_mask];
}

static void unlink_age(struct vm_qcow2 *q, struct vm_qcow2_table *t)
{
    *(t->newer ? &t->newer->older : &q->newest) = t->older;
    *(t->older ? &t->older->newer : &q->oldest) = t->newer;
}

static void link_newest(struct vm_qcow2 *q, struct vm_qcow2_table *t)
{
    t->newer = NULL;
    t->older = q->newest;
    *(q->newest ? &q->newest->newer : &q->oldest) = t;
    q->newest = t;
}

static void drop(struct vm_qcow2 *q, struct vm_qcow2_table *t)
{
    struct vm_qcow2_table **p = bucket_of(q, t->kind, t->offset);
    while (*p != t)
        p = &(*p)->bucket_next;
    *p = t->bucket_next;
    unlink_age(q, t);
    if (t->dirty)
        q->dirty_count--;
    q->table_count--;
    vm_heap_release(t->data, q->cluster_size);
    vm_heap_release(t, sizeof *t);
}

bool vm_qcow2_cache_create(struct vm_qcow2 *q)
{
    uint64_t n = CACHE_SIZE >> q->header.cluster_bits;
    q->table_capacity = n < MIN_TABLES ? MIN_TABLES : n > MAX_TABLES ? MAX_TABLES : (unsigned)n;
    q->bucket_mask = q->table_capacity - 1; // a power of two, as the cluster size is
    q->buckets = vm_heap_zalloc(sizeof q->buckets[0] * q->table_capacity);
    return q->buckets != NULL;
}

void vm_qcow2_cache_destroy(struct vm_qcow2 *q)
{
    while (q->newest)
        drop(q, q->newest);
    vm_heap_release(q->buckets, sizeof q->buckets[0] * (q->bucket_mask + 1));
}

// The refcount block that allocations use stays: what makes room is often about to allocate.
static bool has_to_stay(const struct vm_qcow2 *q, const struct vm_qcow2_table *t)
{
    return t->loading || t->dirty || t->pins ||
           (t->kind == QCOW2_REFCOUNTS && t->offset == q->hint_block);
}

enum vm_qcow2_got vm_qcow2_table_room(struct vm_qcow2 *q, unsigned count)
{
    if (q->dirty_count > q->table_capacity / 2)
        vm_qcow2_want_commit(q); // early, so that there are clean ones
    struct vm_qcow2_table *t = q->oldest;
    while (q->table_count + count > q->table_capacity) {
        while (t && has_to_stay(q, t))
            t = t->newer;
        if (!t)
            break;
        struct vm_qcow2_table *old = t;
        t = t->newer;
        drop(q, old);
    }
    if (q->table_count + count <= q->table_capacity)
        return QCOW2_READY;
    if (q->broken || q->corrupt) // there are no commits any more
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    if (q->dirty_count)
        vm_qcow2_want_commit(q);
    q->awaits = &q->buckets;
    return QCOW2_WAIT;
}

static struct vm_qcow2_table *add(struct vm_qcow2 *q, enum vm_qcow2_kind kind, uint64_t offset)
{
    struct vm_qcow2_table *t = vm_heap_alloc(sizeof *t);
    uint8_t *data = vm_heap_zalloc(q->cluster_size);
    if (!t || !data) {
        vm_heap_release(t, sizeof *t);
        vm_heap_release(data, q->cluster_size);
        return NULL;
    }
    struct vm_qcow2_table **b = bucket_of(q, kind, offset);
    *t = (struct vm_qcow2_table){.offset = offset, .kind = kind, .data = data, .bucket_next = *b};
    *b = t;
    link_newest(q, t);
    q->table_count++;
    return t;
}

void vm_qcow2_table_dirty(struct vm_qcow2 *q, struct vm_qcow2_table *t)
{
    if (!t->dirty)
        q->dirty_count++;
    t->dirty = true;
}

void vm_qcow2_table_unpin(struct vm_qcow2 *q, struct vm_qcow2_table *t)
{
    if (--t->pins == 0)
        vm_qcow2_wake(q, &q->buckets, VM_BLOCK_OK);
}

static struct vm_qcow2_table *find(struct vm_qcow2 *q, enum vm_qcow2_kind kind, uint64_t offset)
{
    struct vm_qcow2_table *t = *bucket_of(q, kind, offset);
    while (t && (t->offset != offset || t->kind != kind))
        t = t->bucket_next;
    return t;
}

struct vm_qcow2_table *vm_qcow2_table_new(struct vm_qcow2 *q, enum vm_qcow2_kind kind,
                                          uint64_t offset)
{
    // One that is left from a table there that was freed.
    struct vm_qcow2_table *t = find(q, kind, offset);
    if (t && (t->loading || t->pins || t->dirty)) {
        vm_qcow2_mark_corrupt(q); // or in use: two references to one table
        return NULL;
    }
    if (t)
        drop(q, t);
    t = add(q, kind, offset);
    if (t) {
        t->fresh = true;
        vm_qcow2_table_dirty(q, t);
    }
    return t;
}

static void loaded(struct vm_qcow2_io *io)
{
    struct vm_qcow2 *q = io->q;
    struct vm_qcow2_table *t = io->owner;
    enum vm_block_status status = io->request.status;
    vm_qcow2_io_free(io);
    t->loading = false;
    if (q->freeing_awaits == t) {
        q->freeing_awaits = NULL;
        if (status != VM_BLOCK_OK)
            q->freeing.count = 0; // they leak
    }
    vm_qcow2_wake(q, t, status);
    vm_qcow2_wake(q, &q->buckets, VM_BLOCK_OK);
    if (status != VM_BLOCK_OK)
        drop(q, t);
}

static enum vm_qcow2_got load(struct vm_qcow2 *q, enum vm_qcow2_kind kind, uint64_t offset)
{
    enum vm_qcow2_got got = vm_qcow2_table_room(q, 1);
    if (got != QCOW2_READY)
        return got;
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, q->file, VM_BLOCK_READ, 1, 0);
    struct vm_qcow2_table *t = io ? add(q, kind, offset) : NULL;
    if (!t) {
        if (io)
            vm_qcow2_io_free(io);
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    }
    t->loading = true;
    io->iov[0] = (struct vm_iovec){t->data, q->cluster_size};
    io->request.iov_count = 1;
    io->request.offset = offset;
    io->request.size = q->cluster_size;
    io->owner = t;
    io->done = loaded;
    vm_qcow2_io_send(io);
    q->awaits = t;
    return QCOW2_WAIT;
}

enum vm_qcow2_got vm_qcow2_table_get(struct vm_qcow2 *q, enum vm_qcow2_kind kind, uint64_t offset,
                                     struct vm_qcow2_table **table)
{
    struct vm_qcow2_table *t = find(q, kind, offset);
    if (!t)
        return load(q, kind, offset);
    if (t->loading) {
        q->awaits = t;
        return QCOW2_WAIT;
    }
    unlink_age(q, t);
    link_newest(q, t);
    *table = t;
    return QCOW2_READY;
}
