// SPDX-License-Identifier: MIT
//
// From the guest's clusters to the file's: the L1 table in memory, L2 tables through the cache,
// entries judged before they are believed.
#include "qcow2.h"

uint64_t vm_qcow2_l2_index(const struct vm_qcow2 *q, uint64_t at)
{
    return (at >> q->header.cluster_bits) & (((uint64_t)1 << q->l2_bits) - 1);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a < b + b_size && b < a + a_size;
}

bool vm_qcow2_is_protected(const struct vm_qcow2 *q, uint64_t offset, uint64_t size)
{
    const struct vm_qcow2_header *h = &q->header;
    return overlap(offset, size, 0, q->cluster_size) ||
           overlap(offset, size, h->l1_offset, (uint64_t)h->l1_size * 8) ||
           overlap(offset, size, h->refcount_offset,
                   (uint64_t)h->refcount_clusters << h->cluster_bits);
}

enum vm_qcow2_cluster vm_qcow2_classify(const struct vm_qcow2 *q, uint64_t entry)
{
    if (entry & QCOW2_COMPRESSED)
        return QCOW2_PACKED;
    uint64_t offset = entry & QCOW2_OFFSET_MASK;
    bool zero = entry & QCOW2_READS_AS_ZERO && q->header.version >= 3;
    if (offset == 0)
        return zero ? QCOW2_ZERO : QCOW2_UNALLOCATED;
    if (offset & (q->cluster_size - 1) || vm_qcow2_is_protected(q, offset, q->cluster_size))
        return QCOW2_INVALID;
    return zero ? QCOW2_ZERO_KEPT : QCOW2_NORMAL;
}

void vm_qcow2_packed_range(const struct vm_qcow2_header *h, uint64_t entry, uint64_t *offset,
                           uint64_t *size)
{
    unsigned shift = 62 - (h->cluster_bits - 8);
    *offset = entry & (((uint64_t)1 << shift) - 1);
    uint64_t sectors = (entry >> shift & ((1u << (h->cluster_bits - 8)) - 1)) + 1;
    *size = sectors * 512 - (*offset & 511);
}

static void set_l1(struct vm_qcow2 *q, uint64_t index, uint64_t offset)
{
    q->l1[index] = offset | QCOW2_COPIED;
    q->l1_dirty[index / 64] = 1;
}

// An L2 table in a new place: empty, or for one that is shared with a snapshot, its copy.
static enum vm_qcow2_got new_l2(struct vm_qcow2 *q, uint64_t index, struct vm_qcow2_table *old,
                                struct vm_qcow2_table **l2)
{
    uint64_t offset, count;
    if (old)
        old->pins++; // making room must not take it
    enum vm_qcow2_got got = vm_qcow2_table_room(q, 1);
    if (got == QCOW2_READY)
        got = vm_qcow2_allocate(q, 1, &offset, &count);
    if (old)
        old->pins--;
    if (got != QCOW2_READY)
        return got;
    struct vm_qcow2_table *t = vm_qcow2_table_new(q, QCOW2_L2, offset);
    if (!t) {
        vm_qcow2_lose(q, offset, 1, true);
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    }
    if (old) {
        vm_copy(t->data, old->data, q->cluster_size);
        vm_qcow2_lose(q, old->offset, 1, false);
    }
    set_l1(q, index, offset);
    *l2 = t;
    return QCOW2_READY;
}

enum vm_qcow2_got vm_qcow2_l2(struct vm_qcow2 *q, uint64_t at, bool write,
                              struct vm_qcow2_table **l2)
{
    uint64_t index = at >> (q->header.cluster_bits + q->l2_bits);
    uint64_t offset = q->l1[index] & QCOW2_OFFSET_MASK;
    *l2 = NULL;
    if (offset == 0)
        return write ? new_l2(q, index, NULL, l2) : QCOW2_READY;
    if (offset & (q->cluster_size - 1) || vm_qcow2_is_protected(q, offset, q->cluster_size))
        return vm_qcow2_mark_corrupt(q);
    enum vm_qcow2_got got = vm_qcow2_table_get(q, QCOW2_L2, offset, l2);
    q->piece_l2 = got == QCOW2_READY ? *l2 : NULL;
    if (got != QCOW2_READY || !write || q->l1[index] & QCOW2_COPIED)
        return got;
    return new_l2(q, index, *l2, l2);
}
