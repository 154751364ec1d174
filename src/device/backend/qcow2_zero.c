// SPDX-License-Identifier: MIT
//
// Discard and write zeroes on a qcow2 disk. Whole clusters change by their L2 entry alone; the rest
// of a zeroed range is written, the rest of a discarded range left as it is.
#include "qcow2.h"

static bool has_backing_at(const struct vm_qcow2 *q, uint64_t at)
{
    return q->backing && at < q->backing->size;
}

// The entry that makes a whole cluster zeros; false if no entry can say so.
static bool zero_entry(const struct vm_qcow2 *q, const struct vm_block_request *r, uint64_t entry,
                       uint64_t at, uint64_t *to)
{
    bool keep = r->op == VM_BLOCK_WRITE_ZEROES && !r->unmap;
    enum vm_qcow2_cluster c = vm_qcow2_classify(q, entry);
    if (q->header.version < 3) {
        *to = 0;
        return !has_backing_at(q, at) && !(keep && c == QCOW2_NORMAL);
    }
    if (keep && entry & QCOW2_COPIED && (c == QCOW2_NORMAL || c == QCOW2_ZERO_KEPT))
        *to = (entry & (QCOW2_OFFSET_MASK | QCOW2_COPIED)) | QCOW2_READS_AS_ZERO;
    else
        *to = has_backing_at(q, at) ? QCOW2_READS_AS_ZERO : 0;
    return true;
}

static bool is_zero_already(const struct vm_qcow2 *q, uint64_t entry, uint64_t at)
{
    enum vm_qcow2_cluster c = vm_qcow2_classify(q, entry);
    return c == QCOW2_ZERO || (c == QCOW2_UNALLOCATED && !has_backing_at(q, at));
}

static enum vm_qcow2_got change_entry(struct vm_qcow2 *q, struct vm_block_request *r, uint64_t at,
                                      uint64_t to)
{
    struct vm_qcow2_table *l2;
    enum vm_qcow2_got got = vm_qcow2_l2(q, at, true, &l2);
    if (got != QCOW2_READY)
        return got;
    uint8_t *p = l2->data + vm_qcow2_l2_index(q, at) * 8;
    uint64_t from = vm_qcow2_load64(p);
    if (!(to & QCOW2_OFFSET_MASK))
        vm_qcow2_lose_entry(q, from);
    vm_qcow2_store64(p, to);
    vm_qcow2_table_dirty(q, l2);
    vm_qcow2_state(r)->position += q->cluster_size;
    return QCOW2_READY;
}

enum vm_qcow2_got vm_qcow2_zero(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    uint64_t at = r->offset + s->position, in_cluster = at & (q->cluster_size - 1);
    uint64_t piece = q->cluster_size - in_cluster, rest = r->size - s->position;
    bool discard = r->op == VM_BLOCK_DISCARD;
    // The end of a disk of odd size ends its cluster, too.
    bool whole = in_cluster == 0 && (piece <= rest || at + rest == q->block.size);
    piece = piece < rest ? piece : rest;
    struct vm_qcow2_allocation *busy = vm_qcow2_allocating(q, at >> q->header.cluster_bits);
    if (busy) {
        q->awaits = busy;
        return QCOW2_WAIT;
    }
    struct vm_qcow2_table *l2;
    enum vm_qcow2_got got = vm_qcow2_l2(q, at, false, &l2);
    if (got != QCOW2_READY)
        return got;
    uint64_t index = vm_qcow2_l2_index(q, at), entry = vm_qcow2_entry(l2, index), to;
    if (!l2 && !q->backing) { // zeros as far as the table would go
        uint64_t nothing = piece + ((((uint64_t)1 << q->l2_bits) - 1 - index) * q->cluster_size);
        s->position += nothing < rest ? nothing : rest;
        return QCOW2_READY;
    }
    if (vm_qcow2_classify(q, entry) == QCOW2_INVALID)
        return vm_qcow2_mark_corrupt(q);
    if (is_zero_already(q, entry, at) || (discard && !whole)) {
        s->position += piece;
        return QCOW2_READY;
    }
    if (!whole || !zero_entry(q, r, entry, at, &to)) {
        if (!discard)
            return vm_qcow2_write(q, r, piece);
        s->position += piece;
        return QCOW2_READY;
    }
    got = change_entry(q, r, at, to);
    if (s->position > r->size)
        s->position = r->size;
    return got;
}
