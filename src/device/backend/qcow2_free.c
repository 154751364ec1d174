// SPDX-License-Identifier: MIT
//
// Clusters that lost a reference. They are counted down when that lasts (their commit is over) and
// no request is under way that began before, since it may still read there. Where memory for the
// list is out they leak, which is allowed.
#include "qcow2.h"

static void append(struct vm_qcow2_frees *f, struct vm_qcow2_free item)
{
    if (f->count == f->room) {
        size_t room = f->room ? f->room * 2 : 64;
        struct vm_qcow2_free *list = vm_heap_alloc(room * sizeof *list);
        if (!list)
            return;
        if (f->count)
            vm_copy(list, f->list, f->count * sizeof *list);
        vm_heap_release(f->list, f->room * sizeof *list);
        f->list = list;
        f->room = room;
    }
    f->list[f->count++] = item;
}

void vm_qcow2_lose(struct vm_qcow2 *q, uint64_t offset, uint64_t clusters, bool whole)
{
    struct vm_qcow2_frees *f = &q->lost;
    struct vm_qcow2_free *last = f->count ? &f->list[f->count - 1] : NULL;
    if (last && last->whole && whole &&
        last->offset + (last->clusters << q->header.cluster_bits) == offset) {
        last->clusters += clusters;
        last->sequence = q->sequence;
        return;
    }
    append(f, (struct vm_qcow2_free){offset, clusters, q->sequence, whole});
}

void vm_qcow2_lose_entry(struct vm_qcow2 *q, uint64_t entry)
{
    uint64_t offset, size;
    switch (vm_qcow2_classify(q, entry)) {
    case QCOW2_UNALLOCATED:
    case QCOW2_ZERO:
    case QCOW2_INVALID: return;
    case QCOW2_ZERO_KEPT:
    case QCOW2_NORMAL:
        vm_qcow2_lose(q, entry & QCOW2_OFFSET_MASK, 1, (entry & QCOW2_COPIED) != 0);
        return;
    case QCOW2_PACKED: break;
    }
    vm_qcow2_packed_range(&q->header, entry, &offset, &size);
    uint64_t first = offset >> q->header.cluster_bits;
    uint64_t end = (offset + size - 1) >> q->header.cluster_bits;
    vm_qcow2_lose(q, first << q->header.cluster_bits, end - first + 1, false);
    q->unpacked_entry = 0; // another may come to lie there
}

void vm_qcow2_frees_move(struct vm_qcow2_frees *from, struct vm_qcow2_frees *to)
{
    for (size_t i = 0; i < from->count; i++)
        append(to, from->list[i]);
    from->count = 0;
}

void vm_qcow2_frees_destroy(struct vm_qcow2_frees *f)
{
    vm_heap_release(f->list, f->room * sizeof f->list[0]);
    *f = (struct vm_qcow2_frees){0};
}

static enum vm_qcow2_got count_down(struct vm_qcow2 *q, uint64_t cluster)
{
    uint64_t block = cluster >> q->refcounts_bits;
    uint64_t index = cluster & (((uint64_t)1 << q->refcounts_bits) - 1);
    uint64_t at = block < q->refcount_table_size ? q->refcount_table[block] : 0;
    struct vm_qcow2_table *t;
    if (at == 0 || at & (q->cluster_size - 1) || vm_qcow2_is_protected(q, at, q->cluster_size))
        return vm_qcow2_mark_corrupt(q);
    enum vm_qcow2_got got = vm_qcow2_table_get(q, QCOW2_REFCOUNTS, at, &t);
    if (got != QCOW2_READY)
        return got;
    uint64_t n = vm_qcow2_refcount(t->data, q->header.refcount_order, index);
    if (n == 0)
        return vm_qcow2_mark_corrupt(q);
    vm_qcow2_set_refcount(t->data, q->header.refcount_order, index, n - 1);
    vm_qcow2_table_dirty(q, t);
    if (n == 1 && cluster < q->free_hint)
        q->free_hint = cluster;
    return QCOW2_READY;
}

static void discarded(struct vm_qcow2_io *io)
{
    struct vm_qcow2 *q = io->q;
    vm_qcow2_io_free(io); // a hint: how it ended does not matter
    q->freeing_busy = false;
    q->freeing.list[q->freeing.count - 1].whole = false; // on to the refcounts
}

// Gives the space of the clusters back to the host while nobody else can have them.
static bool discard(struct vm_qcow2 *q, struct vm_qcow2_free *f)
{
    uint64_t size = f->clusters << q->header.cluster_bits;
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, q->file, VM_BLOCK_DISCARD, 0, 0);
    f->whole = false;
    if (!io)
        return false;
    f->whole = true;
    io->request.offset = f->offset;
    io->request.size = size;
    io->done = discarded;
    q->freeing_busy = true;
    vm_qcow2_io_send(io);
    return true;
}

void vm_qcow2_free_lost(struct vm_qcow2 *q)
{
    while (q->freeing.count && !q->freeing_busy && !q->corrupt && !q->broken) {
        struct vm_qcow2_free *f = &q->freeing.list[q->freeing.count - 1];
        if (q->oldest_request && vm_qcow2_state(q->oldest_request)->sequence <= f->sequence)
            return;
        if (f->whole && discard(q, f))
            return;
        while (f->clusters) {
            uint64_t cluster = (f->offset >> q->header.cluster_bits) + f->clusters - 1;
            enum vm_qcow2_got got = count_down(q, cluster);
            if (got == QCOW2_WAIT)
                q->freeing_awaits = q->awaits;
            if (got == QCOW2_WAIT)
                return;
            if (got == QCOW2_FAILED)
                break; // it leaks
            f->clusters--;
        }
        q->freeing.count--;
    }
}
