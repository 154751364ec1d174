// SPDX-License-Identifier: MIT
//
// Opening and closing qcow2 disks: the only places that wait for the file.
#include "qcow2.h"

static uint64_t sectors(uint64_t entries)
{
    return (entries + 63) / 64;
}

// Reads a table of big-endian entries as a whole.
static vm_status read_table(struct vm_block *file, const char *name, uint64_t offset,
                            uint64_t entries, uint64_t **table, uint8_t **dirty, struct vm_error *e)
{
    *table = vm_heap_alloc(entries * 8);
    *dirty = vm_heap_zalloc(sectors(entries));
    if (!*table || !*dirty)
        return vm_error_set(e, VM_ERR_HOST, "no memory for the tables of %s", name);
    enum vm_block_status status = vm_block_run(file, VM_BLOCK_READ, offset, *table, entries * 8);
    if (status != VM_BLOCK_OK)
        return vm_error_set(e, VM_ERR_FILE, "cannot read the tables of %s: %s", name,
                            vm_block_status_text(status));
    for (uint64_t i = 0; i < entries; i++)
        (*table)[i] = vm_qcow2_load64(*table + i);
    return VM_OK;
}

static vm_status write_field(struct vm_block *file, const char *name, unsigned at, uint64_t value,
                             struct vm_error *e)
{
    uint8_t b[8];
    vm_qcow2_store64(b, value);
    enum vm_block_status status = vm_block_run(file, VM_BLOCK_WRITE, at, b, sizeof b);
    if (status == VM_BLOCK_OK)
        status = vm_block_run(file, VM_BLOCK_FLUSH, 0, NULL, 0);
    if (status != VM_BLOCK_OK)
        return vm_error_set(e, VM_ERR_FILE, "cannot write the header of %s: %s", name,
                            vm_block_status_text(status));
    return VM_OK;
}

// What has to be settled before an image may be written.
static vm_status prepare_writing(struct vm_block *file, struct vm_qcow2_header *h, const char *name,
                                 struct vm_error *e)
{
    vm_status s = VM_OK;
    if (h->incompatible & QCOW2_INCOMPATIBLE_CORRUPT)
        return vm_error_set(e, VM_ERR_FILE,
                            "%s is marked corrupt; open it readonly, or repair it with qemu-img "
                            "check -r all",
                            name);
    if (h->incompatible & QCOW2_INCOMPATIBLE_DIRTY) {
        // Its refcounts were let lag behind (lazy refcounts), and its writer did not end well.
        struct vm_qcow2_check found;
        s = vm_qcow2_check(file, h, true, &found, e);
        if (s == VM_OK && found.corruptions)
            s = vm_error_set(e, VM_ERR_FILE,
                             "%s was not closed properly and is corrupt: %s; repair it with "
                             "qemu-img check -r all",
                             name, found.first);
        if (s == VM_OK) {
            h->incompatible &= ~(uint64_t)QCOW2_INCOMPATIBLE_DIRTY;
            s = write_field(file, name, QCOW2_AT_INCOMPATIBLE, h->incompatible, e);
        }
    }
    if (s == VM_OK && h->autoclear) {
        // Extensions that say they need to be told of every write, and are not.
        h->autoclear = 0;
        s = write_field(file, name, QCOW2_AT_AUTOCLEAR, 0, e);
    }
    return s;
}

static void destroy(struct vm_qcow2 *q)
{
    vm_qcow2_cache_destroy(q);
    vm_qcow2_frees_destroy(&q->lost);
    vm_qcow2_frees_destroy(&q->committing);
    vm_qcow2_frees_destroy(&q->freeing);
    vm_heap_release(q->l1, (uint64_t)q->header.l1_size * 8);
    vm_heap_release(q->l1_dirty, sectors(q->header.l1_size));
    vm_heap_release(q->refcount_table, q->refcount_table_size * 8);
    vm_heap_release(q->refcount_dirty, sectors(q->refcount_table_size));
    vm_heap_release(q->unpacked, q->cluster_size);
    if (q->file)
        q->file->ops->close(q->file);
    if (q->backing)
        q->backing->ops->close(q->backing);
    vm_heap_release(q, sizeof *q);
}

static void poll(struct vm_block *block)
{
    struct vm_qcow2 *q = VM_CONTAINER_OF(block, struct vm_qcow2, block);
    q->file->ops->poll(q->file);
    if (q->backing)
        q->backing->ops->poll(q->backing);
}

static void wait(struct vm_block *block)
{
    struct vm_qcow2 *q = VM_CONTAINER_OF(block, struct vm_qcow2, block);
    // In turns: what comes from one may go on for ever while it needs the other.
    bool file = q->file_pending && !(q->backing_pending && q->waited_for_file);
    q->waited_for_file = file;
    if (file)
        q->file->ops->wait(q->file);
    else if (q->backing_pending)
        q->backing->ops->wait(q->backing);
}

static void drain(struct vm_qcow2 *q)
{
    while (q->file_pending || q->backing_pending)
        wait(&q->block);
}

static void close_disk(struct vm_block *block)
{
    struct vm_qcow2 *q = VM_CONTAINER_OF(block, struct vm_qcow2, block);
    drain(q);
    // What a commit frees makes refcounts dirty again: the second one has nothing to free.
    while (!q->block.read_only && !q->broken && !q->corrupt && vm_qcow2_is_dirty(q)) {
        vm_qcow2_enter(q);
        vm_qcow2_want_commit(q);
        vm_qcow2_leave(q);
        drain(q);
        if (q->commit.failed)
            break;
    }
    if (q->corrupt && !q->block.read_only && q->header.version >= 3)
        write_field(q->file, "", QCOW2_AT_INCOMPATIBLE,
                    q->header.incompatible | QCOW2_INCOMPATIBLE_CORRUPT, NULL);
    destroy(q);
}

static void submit(struct vm_block *block, struct vm_block_request **requests, unsigned count)
{
    struct vm_qcow2 *q = VM_CONTAINER_OF(block, struct vm_qcow2, block);
    vm_qcow2_enter(q);
    for (unsigned i = 0; i < count; i++)
        vm_qcow2_start(q, requests[i]);
    vm_qcow2_leave(q);
}

static const struct vm_block_ops ops = {
    .format = "qcow2",
    .submit = submit,
    .poll = poll,
    .wait = wait,
    .close = close_disk,
};

static void init(struct vm_qcow2 *q, const struct vm_qcow2_header *h, bool read_only)
{
    q->header = *h;
    q->cluster_size = (uint64_t)1 << h->cluster_bits;
    q->l2_bits = h->cluster_bits - 3;
    q->refcounts_bits = h->cluster_bits + 3 - h->refcount_order;
    q->block = (struct vm_block){
        .ops = &ops,
        .size = h->size & ~(uint64_t)511,
        .read_only = read_only,
        .logical_block = 512,
    };
    q->ready_end = &q->ready;
    q->outbox_end = &q->outbox;
    q->pristine_end = (q->file->size + q->cluster_size - 1) & ~(q->cluster_size - 1);
}

static vm_status load_tables(struct vm_qcow2 *q, const char *name, struct vm_error *e)
{
    const struct vm_qcow2_header *h = &q->header;
    vm_status s = read_table(q->file, name, h->l1_offset, h->l1_size, &q->l1, &q->l1_dirty, e);
    if (s == VM_OK && !q->block.read_only) {
        q->refcount_table_size = ((uint64_t)h->refcount_clusters << h->cluster_bits) / 8;
        s = read_table(q->file, name, h->refcount_offset, q->refcount_table_size,
                       &q->refcount_table, &q->refcount_dirty, e);
    }
    if (s == VM_OK && !vm_qcow2_cache_create(q))
        s = vm_error_set(e, VM_ERR_HOST, "no memory for the tables of %s", name);
    return s;
}

vm_status vm_qcow2_open(struct vm_block *file, struct vm_block *backing,
                        const struct vm_qcow2_header *h, const char *name, bool read_only,
                        struct vm_block **block, struct vm_error *e)
{
    struct vm_qcow2_header header = *h;
    vm_status s = read_only ? VM_OK : prepare_writing(file, &header, name, e);
    struct vm_qcow2 *q = s == VM_OK ? vm_heap_zalloc(sizeof *q) : NULL;
    if (!q) {
        file->ops->close(file);
        if (backing)
            backing->ops->close(backing);
        return s != VM_OK ? s : vm_error_set(e, VM_ERR_HOST, "no memory for the disk %s", name);
    }
    q->file = file;
    q->backing = backing;
    init(q, &header, read_only);
    s = load_tables(q, name, e);
    if (s != VM_OK) {
        destroy(q);
        return s;
    }
    *block = &q->block;
    return VM_OK;
}
