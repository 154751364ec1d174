// SPDX-License-Identifier: MIT
//
// Commits: what has changed in the tables since the last one goes to the file in the order of
// qcow2.h. A commit writes copies, so that tables may change while it runs; those changes belong to
// the next one. A write that fails makes its part dirty again; a sync that fails leaves nobody
// knowing what lasts, so nothing is promised after it.
#include "qcow2.h"

enum { PHASES = 3, SECTOR_ENTRIES = 64 };

static uint64_t sectors(uint64_t entries)
{
    return (entries + SECTOR_ENTRIES - 1) / SECTOR_ENTRIES;
}

static bool any(const uint8_t *flags, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        if (flags[i])
            return true;
    }
    return false;
}

bool vm_qcow2_is_dirty(const struct vm_qcow2 *q)
{
    return q->dirty_count || q->lost.count || q->refcount_moved ||
           any(q->l1_dirty, sectors(q->header.l1_size)) ||
           any(q->refcount_dirty, sectors(q->refcount_table_size));
}

// --- collecting ---

// A write of `size` bytes in a phase, its contents to be filled in; NULL when memory is out.
static struct vm_qcow2_io *add(struct vm_qcow2 *q, unsigned phase, enum vm_qcow2_part part,
                               uint64_t offset, uint64_t size)
{
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, q->file, VM_BLOCK_WRITE, 1, (size_t)size);
    if (!io)
        return NULL;
    io->part = part;
    io->iov[0] = (struct vm_iovec){io->bounce, (size_t)size};
    io->request.iov_count = 1;
    io->request.offset = offset;
    io->request.size = size;
    io->next_in_phase = q->commit.phases[phase];
    q->commit.phases[phase] = io;
    return io;
}

static bool add_entries(struct vm_qcow2 *q, unsigned phase, enum vm_qcow2_part part,
                        const uint64_t *table, uint64_t entries, uint64_t first, uint64_t count,
                        uint64_t offset)
{
    uint64_t from = first * SECTOR_ENTRIES, end = (first + count) * SECTOR_ENTRIES;
    end = end < entries ? end : entries;
    struct vm_qcow2_io *io = add(q, phase, part, offset + from * 8, (end - from) * 8);
    if (!io)
        return false;
    io->first = first;
    io->count = count;
    for (uint64_t i = from; i < end; i++)
        vm_qcow2_store64(io->bounce + (i - from) * 8, table[i]);
    return true;
}

// The dirty sectors of a table that is in memory as a whole, in runs.
static bool add_dirty(struct vm_qcow2 *q, unsigned phase, enum vm_qcow2_part part,
                      const uint64_t *table, uint64_t entries, uint8_t *dirty, uint64_t offset)
{
    for (uint64_t i = 0; i < sectors(entries); i++) {
        if (!dirty[i])
            continue;
        uint64_t first = i;
        while (i < sectors(entries) && dirty[i])
            dirty[i++] = 0;
        if (!add_entries(q, phase, part, table, entries, first, i - first, offset)) {
            for (uint64_t j = first; j < i; j++)
                dirty[j] = 1;
            return false;
        }
    }
    return true;
}

static bool add_moved_table(struct vm_qcow2 *q)
{
    const struct vm_qcow2_header *h = &q->header;
    uint64_t n = q->refcount_table_size;
    struct vm_qcow2_io *io = add(q, 1, QCOW2_PART_HEADER, QCOW2_AT_REFCOUNT_OFFSET, 12);
    if (!io)
        return false;
    vm_qcow2_store64(io->bounce, h->refcount_offset);
    vm_qcow2_store32(io->bounce + 8, h->refcount_clusters);
    if (!add_entries(q, 0, QCOW2_PART_REFCOUNT_TABLE, q->refcount_table, n, 0, sectors(n),
                     h->refcount_offset))
        return false;
    vm_zero(q->refcount_dirty, sectors(n));
    q->refcount_moved = false;
    return true;
}

static bool add_tables(struct vm_qcow2 *q)
{
    for (struct vm_qcow2_table *t = q->newest; t && q->dirty_count; t = t->older) {
        if (!t->dirty)
            continue;
        unsigned phase = t->kind == QCOW2_REFCOUNTS || t->fresh ? 0 : 2;
        struct vm_qcow2_io *io = add(q, phase, QCOW2_PART_TABLE, t->offset, q->cluster_size);
        if (!io)
            return false;
        vm_copy(io->bounce, t->data, q->cluster_size);
        io->owner = t;
        t->pins++;
        t->dirty = false;
        q->dirty_count--;
    }
    return true;
}

static bool collect(struct vm_qcow2 *q)
{
    bool all = q->refcount_moved ? add_moved_table(q)
                                 : add_dirty(q, 1, QCOW2_PART_REFCOUNT_TABLE, q->refcount_table,
                                             q->refcount_table_size, q->refcount_dirty,
                                             q->header.refcount_offset);
    all = all && add_dirty(q, 2, QCOW2_PART_L1, q->l1, q->header.l1_size, q->l1_dirty,
                           q->header.l1_offset);
    all = all && add_tables(q);
    vm_qcow2_frees_move(&q->lost, &q->committing);
    return all;
}

// --- the end ---

static void mark_again(struct vm_qcow2 *q, const struct vm_qcow2_io *io)
{
    uint8_t *dirty = io->part == QCOW2_PART_L1 ? q->l1_dirty : q->refcount_dirty;
    switch (io->part) {
    case QCOW2_PART_TABLE: vm_qcow2_table_dirty(q, io->owner); break;
    case QCOW2_PART_HEADER: q->refcount_moved = true; break;
    case QCOW2_PART_L1:
    case QCOW2_PART_REFCOUNT_TABLE:
        for (uint64_t i = 0; i < io->count; i++)
            dirty[io->first + i] = 1;
        break;
    }
}

static void release_writes(struct vm_qcow2 *q, bool failed)
{
    for (unsigned phase = 0; phase < PHASES; phase++) {
        while (q->commit.phases[phase]) {
            struct vm_qcow2_io *io = q->commit.phases[phase];
            q->commit.phases[phase] = io->next_in_phase;
            if (failed)
                mark_again(q, io);
            if (io->part == QCOW2_PART_TABLE)
                ((struct vm_qcow2_table *)io->owner)->pins--;
            vm_qcow2_io_free(io);
        }
    }
}

static void answer(struct vm_qcow2 *q, struct vm_block_request *flushes,
                   enum vm_block_status status)
{
    while (flushes) {
        struct vm_block_request *r = flushes;
        flushes = vm_qcow2_state(r)->next;
        vm_qcow2_piece_done(q, r, status);
    }
}

static void finish(struct vm_qcow2 *q)
{
    struct vm_qcow2_commit *c = &q->commit;
    bool failed = c->failed;
    struct vm_block_request *flushes = c->flushes;
    release_writes(q, failed);
    vm_qcow2_frees_move(&q->committing, failed ? &q->lost : &q->freeing);
    c->running = false;
    c->flushes = NULL;
    enum vm_block_status status = failed ? VM_BLOCK_IO_ERROR : VM_BLOCK_OK;
    vm_qcow2_wake(q, &q->buckets, status);
    answer(q, flushes, status);
    if (c->wanted)
        vm_qcow2_want_commit(q);
}

// --- the phases ---

static void next_phase(struct vm_qcow2 *q);

static void synced(struct vm_qcow2_io *io)
{
    struct vm_qcow2 *q = io->q;
    if (io->request.status != VM_BLOCK_OK)
        q->commit.failed = q->broken = true;
    vm_qcow2_io_free(io);
    q->commit.phase++;
    next_phase(q);
}

static void sync(struct vm_qcow2 *q)
{
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, q->file, VM_BLOCK_FLUSH, 0, 0);
    if (!io) {
        q->commit.failed = true;
        finish(q);
        return;
    }
    io->done = synced;
    vm_qcow2_io_send(io);
}

static void written(struct vm_qcow2_io *io)
{
    struct vm_qcow2 *q = io->q;
    if (io->request.status != VM_BLOCK_OK)
        q->commit.failed = true;
    if (--q->commit.pending)
        return;
    if (q->commit.failed)
        finish(q);
    else
        sync(q);
}

// From the third phase on the file may refer to the tables that were new.
static void forget_fresh(struct vm_qcow2 *q)
{
    for (struct vm_qcow2_io *io = q->commit.phases[0]; io; io = io->next_in_phase) {
        if (io->part == QCOW2_PART_TABLE)
            ((struct vm_qcow2_table *)io->owner)->fresh = false;
    }
}

static void next_phase(struct vm_qcow2 *q)
{
    struct vm_qcow2_commit *c = &q->commit;
    while (c->phase > 0 && c->phase < PHASES && !c->phases[c->phase])
        c->phase++;
    if (c->failed || c->phase >= PHASES) {
        if (!c->failed)
            forget_fresh(q);
        finish(q);
        return;
    }
    if (c->phase == 2)
        forget_fresh(q);
    if (!c->phases[c->phase]) { // the guest's data only
        sync(q);
        return;
    }
    c->pending = 0;
    for (struct vm_qcow2_io *io = c->phases[c->phase]; io; io = io->next_in_phase) {
        c->pending++;
        io->done = written;
        vm_qcow2_io_send(io);
    }
}

void vm_qcow2_want_commit(struct vm_qcow2 *q)
{
    struct vm_qcow2_commit *c = &q->commit;
    if (c->running) {
        c->wanted = true;
        return;
    }
    struct vm_block_request *flushes = q->flushes;
    q->flushes = NULL;
    c->wanted = false;
    if (q->broken || q->corrupt) {
        answer(q, flushes, VM_BLOCK_IO_ERROR);
        return;
    }
    c->running = true;
    c->phase = 0;
    c->flushes = flushes;
    c->failed = !collect(q);
    next_phase(q);
}
