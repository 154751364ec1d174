// SPDX-License-Identifier: MIT
//
// Checks a qcow2 image: counts every reference to every cluster of the file (header, tables, the
// guest's clusters, internal snapshots) and compares with the refcounts. What is referred to more
// often than it counts, or not where it may lie, is a corruption; the other way round is a leak.
#include "qcow2.h"

#include <vm/base/format.h>

// One count of 32 bits a cluster of the file: at most 1 GiB of memory.
#define MAX_CLUSTERS (UINT64_C(1) << 28)

struct check {
    struct vm_block *file;
    const struct vm_qcow2_header *h;
    uint64_t cluster_size;
    uint64_t clusters; // of the file
    uint32_t *counted; // references of each
    uint64_t *refcount_table;
    uint64_t refcount_entries;
    uint8_t *block;        // a refcount block
    uint64_t block_number; // which; UINT64_MAX: none
    bool block_dirty;
    uint64_t *l2;
    bool repair; // sets refcounts right; says nothing of marks, which may be right after that
    struct vm_qcow2_check *out;
    enum vm_block_status status;
};

static void corrupt(struct check *c, const char *what, uint64_t where)
{
    if (c->out->corruptions++ == 0)
        vm_format(c->out->first, sizeof c->out->first, "%s at offset %#llx of the file", what,
                  (unsigned long long)where);
}

// The bytes [offset, offset+size) are referred to once more.
static void refer(struct check *c, uint64_t offset, uint64_t size, const char *what)
{
    uint64_t first = offset >> c->h->cluster_bits;
    uint64_t last = (offset + size - 1) >> c->h->cluster_bits;
    if (size == 0)
        return;
    if (offset + size < offset || last >= c->clusters) {
        corrupt(c, what, offset);
        return;
    }
    for (uint64_t i = first; i <= last; i++) {
        if (c->counted[i] < UINT32_MAX)
            c->counted[i]++;
    }
}

static bool read(struct check *c, uint64_t offset, void *to, uint64_t size)
{
    enum vm_block_status s = vm_block_run(c->file, VM_BLOCK_READ, offset, to, size);
    if (s != VM_BLOCK_OK)
        c->status = s;
    return s == VM_BLOCK_OK;
}

static bool read_entries(struct check *c, uint64_t offset, uint64_t *to, uint64_t count)
{
    if (!read(c, offset, to, count * 8))
        return false;
    for (uint64_t i = 0; i < count; i++)
        to[i] = vm_qcow2_load64(to + i);
    return true;
}

static bool is_aligned(const struct check *c, uint64_t offset)
{
    return (offset & (c->cluster_size - 1)) == 0;
}

// --- refcounts as stored ---

static bool save_block(struct check *c)
{
    if (!c->block_dirty)
        return true;
    c->block_dirty = false;
    uint64_t at = c->refcount_table[c->block_number];
    enum vm_block_status s = vm_block_run(c->file, VM_BLOCK_WRITE, at, c->block, c->cluster_size);
    if (s != VM_BLOCK_OK)
        c->status = s;
    return s == VM_BLOCK_OK;
}

static bool has_block(const struct check *c, uint64_t number)
{
    uint64_t at = number < c->refcount_entries ? c->refcount_table[number] : 0;
    return at && is_aligned(c, at) && at >> c->h->cluster_bits < c->clusters;
}

// The refcount of a cluster of the file; false when it cannot be read.
static bool stored(struct check *c, uint64_t cluster, uint64_t *count)
{
    unsigned bits = c->h->cluster_bits + 3 - c->h->refcount_order;
    uint64_t number = cluster >> bits;
    *count = 0;
    if (!has_block(c, number))
        return true;
    if (number != c->block_number) {
        if (!save_block(c) || !read(c, c->refcount_table[number], c->block, c->cluster_size))
            return false;
        c->block_number = number;
    }
    *count =
        vm_qcow2_refcount(c->block, c->h->refcount_order, cluster & (((uint64_t)1 << bits) - 1));
    return true;
}

// --- references ---

// Whether an entry's mark of having one reference is right.
static bool is_mark_right(struct check *c, uint64_t entry)
{
    uint64_t n;
    return c->repair || !stored(c, (entry & QCOW2_OFFSET_MASK) >> c->h->cluster_bits, &n) ||
           (n == 1) == ((entry & QCOW2_COPIED) != 0);
}

static void count_packed(struct check *c, uint64_t entry)
{
    uint64_t offset, size;
    vm_qcow2_packed_range(c->h, entry, &offset, &size);
    // The count is in sectors; the last one may lie beyond the end of the file.
    uint64_t last = (offset + size - 1) >> c->h->cluster_bits;
    if (last == c->clusters)
        size = (c->clusters << c->h->cluster_bits) - offset;
    refer(c, offset, size, "a compressed cluster outside the file");
    c->out->compressed++;
}

static void count_cluster(struct check *c, uint64_t entry, bool active)
{
    if (entry & QCOW2_COMPRESSED) {
        if (entry & QCOW2_COPIED)
            corrupt(c, "a compressed cluster is marked as having one reference",
                    entry & QCOW2_OFFSET_MASK);
        c->out->allocated += active;
        count_packed(c, entry);
        return;
    }
    uint64_t offset = entry & QCOW2_OFFSET_MASK;
    if (offset == 0)
        return;
    c->out->allocated += active;
    if (!is_aligned(c, offset)) {
        corrupt(c, "a cluster that does not begin on a cluster's begin", offset);
        return;
    }
    refer(c, offset, c->cluster_size, "a cluster outside the file");
    if (active && !is_mark_right(c, entry))
        corrupt(c, "a cluster whose mark of having one reference is wrong", offset);
}

static bool count_l2(struct check *c, uint64_t entry, bool active)
{
    uint64_t offset = entry & QCOW2_OFFSET_MASK;
    if (offset == 0)
        return true;
    if (!is_aligned(c, offset)) {
        corrupt(c, "an L2 table that does not begin on a cluster's begin", offset);
        return true;
    }
    refer(c, offset, c->cluster_size, "an L2 table outside the file");
    if (offset >> c->h->cluster_bits >= c->clusters)
        return true;
    if (active && !is_mark_right(c, entry))
        corrupt(c, "an L2 table whose mark of having one reference is wrong", offset);
    if (!read_entries(c, offset, c->l2, c->cluster_size / 8))
        return false;
    for (uint64_t i = 0; i < c->cluster_size / 8; i++)
        count_cluster(c, c->l2[i], active);
    return c->status == VM_BLOCK_OK;
}

static bool count_l1(struct check *c, uint64_t offset, uint64_t entries, bool active)
{
    if (entries == 0)
        return true;
    if (entries > QCOW2_MAX_L1 / 8 || !is_aligned(c, offset)) {
        corrupt(c, "an L1 table out of bounds", offset);
        return true;
    }
    refer(c, offset, entries * 8, "an L1 table outside the file");
    uint64_t *l1 = vm_heap_alloc(entries * 8);
    bool ok = l1 && read_entries(c, offset, l1, entries);
    for (uint64_t i = 0; i < entries && ok; i++)
        ok = count_l2(c, l1[i], active);
    vm_heap_release(l1, entries * 8);
    if (!ok && c->status == VM_BLOCK_OK)
        c->status = VM_BLOCK_IO_ERROR;
    return ok;
}

// Internal snapshots: a table of entries of 40 bytes and what follows on each.
static bool count_snapshots(struct check *c)
{
    uint64_t at = c->h->snapshots_offset;
    for (uint32_t i = 0; i < c->h->snapshots; i++) {
        uint8_t b[40];
        if (!read(c, at, b, sizeof b) ||
            !count_l1(c, vm_qcow2_load64(b), vm_load_be32(b + 8), false))
            return false;
        uint64_t names = ((uint64_t)b[12] << 8 | b[13]) + ((uint64_t)b[14] << 8 | b[15]);
        uint64_t size = 40 + vm_load_be32(b + 36) + names;
        at += (size + 7) & ~(uint64_t)7;
        if (at > c->file->size + 7) {
            corrupt(c, "the snapshot table outside the file", at);
            return true;
        }
    }
    if (c->h->snapshots)
        refer(c, c->h->snapshots_offset, at - c->h->snapshots_offset, "the snapshot table");
    return true;
}

static bool count_refcounts(struct check *c)
{
    refer(c, c->h->refcount_offset, c->refcount_entries * 8, "the refcount table");
    for (uint64_t i = 0; i < c->refcount_entries; i++) {
        uint64_t at = c->refcount_table[i];
        if (at == 0)
            continue;
        if (!has_block(c, i))
            corrupt(c, "a refcount block out of bounds", at);
        else
            refer(c, at, c->cluster_size, "a refcount block");
    }
    return true;
}

// --- comparison ---

static bool set_right(struct check *c, uint64_t cluster)
{
    unsigned bits = c->h->cluster_bits + 3 - c->h->refcount_order;
    uint64_t most =
        c->h->refcount_order == 6 ? UINT64_MAX : ((uint64_t)1 << (1u << c->h->refcount_order)) - 1;
    if (!has_block(c, cluster >> bits) || c->counted[cluster] > most)
        return false;
    vm_qcow2_set_refcount(c->block, c->h->refcount_order, cluster & (((uint64_t)1 << bits) - 1),
                          c->counted[cluster]);
    c->block_dirty = true;
    c->out->repaired++;
    return true;
}

static void compare(struct check *c)
{
    // Clusters of extensions that are not looked into would be taken for leaks.
    bool blind = (c->h->autoclear & QCOW2_AUTOCLEAR_BITMAPS) != 0;
    for (uint64_t i = 0; i < c->clusters && c->status == VM_BLOCK_OK; i++) {
        uint64_t n;
        if (!stored(c, i, &n))
            return;
        if (n || c->counted[i])
            c->out->end = (i + 1) << c->h->cluster_bits;
        if (n == c->counted[i] || (blind && n > c->counted[i]))
            continue;
        if (c->repair && set_right(c, i))
            continue;
        if (n < c->counted[i])
            corrupt(c, "a cluster with more references than its refcount", i << c->h->cluster_bits);
        else
            c->out->leaks++;
    }
    save_block(c);
}

static bool prepare(struct check *c)
{
    c->counted = vm_heap_zalloc(c->clusters * sizeof c->counted[0]);
    c->refcount_table = vm_heap_alloc(c->refcount_entries * 8);
    c->block = vm_heap_alloc(c->cluster_size);
    c->l2 = vm_heap_alloc(c->cluster_size);
    return c->counted && c->refcount_table && c->block && c->l2;
}

static void release(struct check *c)
{
    vm_heap_release(c->counted, c->clusters * sizeof c->counted[0]);
    vm_heap_release(c->refcount_table, c->refcount_entries * 8);
    vm_heap_release(c->block, c->cluster_size);
    vm_heap_release(c->l2, c->cluster_size);
}

static void run(struct check *c)
{
    const struct vm_qcow2_header *h = c->h;
    if (!read_entries(c, h->refcount_offset, c->refcount_table, c->refcount_entries))
        return;
    refer(c, 0, c->cluster_size, "the header");
    if (!count_refcounts(c) || !count_l1(c, h->l1_offset, h->l1_size, true) || !count_snapshots(c))
        return;
    compare(c);
    if (c->repair && c->status == VM_BLOCK_OK)
        c->status = vm_block_run(c->file, VM_BLOCK_FLUSH, 0, NULL, 0);
}

static vm_status pass(struct vm_block *file, const struct vm_qcow2_header *h, bool repair,
                      struct vm_qcow2_check *out, struct vm_error *e)
{
    struct check c = {
        .file = file,
        .h = h,
        .cluster_size = (uint64_t)1 << h->cluster_bits,
        .clusters = (file->size + ((uint64_t)1 << h->cluster_bits) - 1) >> h->cluster_bits,
        .refcount_entries = ((uint64_t)h->refcount_clusters << h->cluster_bits) / 8,
        .block_number = UINT64_MAX,
        .repair = repair,
        .out = out,
    };
    *out = (struct vm_qcow2_check){0};
    out->total = (h->size + c.cluster_size - 1) >> h->cluster_bits;
    if (c.clusters > MAX_CLUSTERS)
        return vm_error_set(e, VM_ERR_FILE, "the image's file has too many clusters to check it");
    bool ready = prepare(&c);
    if (ready)
        run(&c);
    release(&c);
    if (!ready)
        return vm_error_set(e, VM_ERR_HOST, "no memory to check the image");
    if (c.status != VM_BLOCK_OK)
        return vm_error_set(e, VM_ERR_FILE, "cannot check the image: %s",
                            vm_block_status_text(c.status));
    return VM_OK;
}

vm_status vm_qcow2_check(struct vm_block *file, const struct vm_qcow2_header *h, bool repair,
                         struct vm_qcow2_check *out, struct vm_error *e)
{
    uint64_t repaired = 0;
    if (repair) {
        vm_status s = pass(file, h, true, out, e);
        if (s != VM_OK)
            return s;
        repaired = out->repaired;
    }
    vm_status s = pass(file, h, false, out, e);
    out->repaired = repaired;
    return s;
}
