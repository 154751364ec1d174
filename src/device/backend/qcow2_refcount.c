// SPDX-License-Identifier: MIT
//
// Refcounts, and allocation of the file's clusters by them. Clusters are taken in order from the
// first that may be free; beyond the last refcount block a new one is put in front of the clusters
// that it counts, and where the refcount table ends, a table of twice its size behind it.
#include "qcow2.h"

uint64_t vm_qcow2_refcount(const uint8_t *block, unsigned order, uint64_t index)
{
    switch (order) {
    case 3: return block[index];
    case 4: return (uint64_t)block[index * 2] << 8 | block[index * 2 + 1];
    case 5: return vm_load_be32(block + index * 4);
    case 6: return vm_qcow2_load64(block + index * 8);
    default: break;
    }
    unsigned bits = 1u << order;
    uint64_t bit = index << order;
    return block[bit / 8] >> (bit % 8) & ((1u << bits) - 1);
}

void vm_qcow2_set_refcount(uint8_t *block, unsigned order, uint64_t index, uint64_t value)
{
    switch (order) {
    case 3: block[index] = (uint8_t)value; return;
    case 4:
        block[index * 2] = (uint8_t)(value >> 8);
        block[index * 2 + 1] = (uint8_t)value;
        return;
    case 5: vm_qcow2_store32(block + index * 4, (uint32_t)value); return;
    case 6: vm_qcow2_store64(block + index * 8, value); return;
    default: break;
    }
    unsigned bits = 1u << order;
    uint64_t bit = index << order;
    uint8_t mask = (uint8_t)(((1u << bits) - 1) << (bit % 8));
    block[bit / 8] = (uint8_t)((block[bit / 8] & ~mask) | (uint8_t)(value << (bit % 8)));
}

// How many refcount blocks and clusters of a new refcount table are to come at block `first`.
struct growth {
    uint64_t first, blocks, table_clusters, entries;
};

static bool plan_growth(const struct vm_qcow2 *q, struct growth *g)
{
    const uint64_t per_block = (uint64_t)1 << q->refcounts_bits;
    g->blocks = 1;
    g->table_clusters = 0;
    g->entries = q->refcount_table_size;
    if (g->first < q->refcount_table_size)
        return true;
    g->entries = q->refcount_table_size * 2;
    for (;;) {
        uint64_t needed = g->first + g->blocks;
        uint64_t entries = g->entries > needed ? g->entries : needed;
        g->table_clusters = (entries * 8 + q->cluster_size - 1) >> q->header.cluster_bits;
        g->entries = (g->table_clusters << q->header.cluster_bits) / 8;
        if (g->entries * 8 > QCOW2_MAX_REFCOUNT_TABLE)
            return false;
        uint64_t blocks = (g->blocks + g->table_clusters + per_block - 1) / per_block;
        if (blocks <= g->blocks)
            return true;
        g->blocks = blocks;
    }
}

static bool move_table(struct vm_qcow2 *q, const struct growth *g, uint64_t offset)
{
    size_t old_size = (size_t)q->refcount_table_size, size = (size_t)g->entries;
    uint64_t *table = vm_heap_zalloc(size * 8);
    uint8_t *dirty = vm_heap_zalloc(size / 64);
    if (!table || !dirty) {
        vm_heap_release(table, size * 8);
        vm_heap_release(dirty, size / 64);
        return false;
    }
    vm_copy(table, q->refcount_table, old_size * 8);
    vm_heap_release(q->refcount_table, old_size * 8);
    vm_heap_release(q->refcount_dirty, old_size / 64);
    q->refcount_table = table;
    q->refcount_dirty = dirty;
    q->refcount_table_size = size;
    vm_qcow2_lose(q, q->header.refcount_offset, q->header.refcount_clusters, true);
    q->header.refcount_offset = offset;
    q->header.refcount_clusters = (uint32_t)g->table_clusters;
    q->refcount_moved = true;
    return true;
}

// The first clusters of what a refcount block would count become that block, and what else g says.
static enum vm_qcow2_got grow(struct vm_qcow2 *q, uint64_t first)
{
    struct growth g = {.first = first};
    uint64_t start = first << q->refcounts_bits;
    if (!plan_growth(q, &g))
        return vm_qcow2_fail(q, VM_BLOCK_NO_SPACE);
    enum vm_qcow2_got got = vm_qcow2_table_room(q, (unsigned)g.blocks);
    if (got != QCOW2_READY)
        return got;
    uint64_t offset = start << q->header.cluster_bits, used = g.blocks + g.table_clusters;
    if (vm_qcow2_is_protected(q, offset, used << q->header.cluster_bits))
        return vm_qcow2_mark_corrupt(q);
    if (g.table_clusters && !move_table(q, &g, offset + (g.blocks << q->header.cluster_bits)))
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    for (uint64_t i = 0; i < g.blocks; i++) {
        uint64_t at = offset + (i << q->header.cluster_bits);
        struct vm_qcow2_table *t = vm_qcow2_table_new(q, QCOW2_REFCOUNTS, at);
        if (!t) // half a growth is no state to go on from
            return vm_qcow2_mark_corrupt(q);
        uint64_t begin = i << q->refcounts_bits, n = used - begin;
        for (uint64_t j = 0; j < n && j < (uint64_t)1 << q->refcounts_bits; j++)
            vm_qcow2_set_refcount(t->data, q->header.refcount_order, j, 1);
        q->refcount_table[first + i] = at;
        q->refcount_dirty[(first + i) / 64] = 1;
    }
    uint64_t end = offset + (used << q->header.cluster_bits);
    if (end > q->pristine_end)
        q->pristine_end = end;
    return QCOW2_READY;
}

// Takes up to `want` neighbouring free clusters of a block from `*index` on; 0 if it has none.
static uint64_t take(struct vm_qcow2 *q, struct vm_qcow2_table *t, uint64_t *index, uint64_t want)
{
    const uint64_t per_block = (uint64_t)1 << q->refcounts_bits;
    const unsigned order = q->header.refcount_order;
    uint64_t i = *index & (per_block - 1), n = 0;
    while (i < per_block && vm_qcow2_refcount(t->data, order, i) != 0)
        i++;
    *index = (*index & ~(per_block - 1)) + i;
    while (n < want && i + n < per_block && vm_qcow2_refcount(t->data, order, i + n) == 0)
        n++;
    uint64_t offset = *index << q->header.cluster_bits;
    if (n && vm_qcow2_is_protected(q, offset, n << q->header.cluster_bits)) {
        vm_qcow2_mark_corrupt(q);
        return 0;
    }
    for (uint64_t j = 0; j < n; j++)
        vm_qcow2_set_refcount(t->data, order, i + j, 1);
    if (n)
        vm_qcow2_table_dirty(q, t);
    return n;
}

enum vm_qcow2_got vm_qcow2_allocate(struct vm_qcow2 *q, uint64_t want, uint64_t *offset,
                                    uint64_t *count)
{
    const uint64_t last = (QCOW2_OFFSET_MASK >> q->header.cluster_bits) - (UINT64_C(1) << 24);
    for (;;) {
        uint64_t index = q->free_hint, block = index >> q->refcounts_bits;
        if (index >= last)
            return vm_qcow2_fail(q, VM_BLOCK_NO_SPACE);
        uint64_t at = block < q->refcount_table_size ? q->refcount_table[block] : 0;
        struct vm_qcow2_table *t;
        enum vm_qcow2_got got;
        if (at & (q->cluster_size - 1) || (at && vm_qcow2_is_protected(q, at, q->cluster_size)))
            return vm_qcow2_mark_corrupt(q);
        q->hint_block = at;
        got = at ? vm_qcow2_table_get(q, QCOW2_REFCOUNTS, at, &t) : grow(q, block);
        if (got != QCOW2_READY)
            return got;
        if (!at)
            continue;
        uint64_t n = take(q, t, &index, want);
        q->free_hint = index + n;
        if (q->corrupt)
            return QCOW2_FAILED;
        if (n == 0)
            continue;
        *offset = index << q->header.cluster_bits;
        *count = n;
        if (*offset + (n << q->header.cluster_bits) > q->pristine_end)
            q->pristine_end = *offset + (n << q->header.cluster_bits);
        return QCOW2_READY;
    }
}
