// SPDX-License-Identifier: MIT
//
// Writes an empty qcow2 image: header, refcount table, refcount blocks, L1 table, one behind the
// other. The header comes last, so that a half-made file is no image.
#include "qcow2.h"

enum { REFCOUNT_ORDER = 4, HEADER_LENGTH = 112 };

struct layout {
    uint64_t cluster_size;
    uint64_t l1_entries;
    uint64_t table, table_clusters; // in clusters, as all that follows
    uint64_t blocks, block_count;
    uint64_t l1, l1_clusters;
    uint64_t end;
};

static uint64_t divide_up(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

static void plan(const struct vm_qcow2_create *o, struct layout *l)
{
    l->cluster_size = (uint64_t)1 << o->cluster_bits;
    l->l1_entries = divide_up(o->size, l->cluster_size * (l->cluster_size / 8));
    l->l1_clusters = divide_up(l->l1_entries * 8, l->cluster_size);
    l->block_count = l->table_clusters = 1;
    for (;;) {
        l->end = 1 + l->table_clusters + l->block_count + l->l1_clusters;
        uint64_t blocks = divide_up(l->end, l->cluster_size * 8 >> REFCOUNT_ORDER);
        uint64_t table = divide_up(blocks * 8, l->cluster_size);
        if (blocks <= l->block_count && table <= l->table_clusters)
            break;
        l->block_count = blocks;
        l->table_clusters = table;
    }
    l->table = 1;
    l->blocks = l->table + l->table_clusters;
    l->l1 = l->blocks + l->block_count;
}

static size_t put_extension(uint8_t *at, uint32_t type, const char *text)
{
    size_t n = vm_text_length(text);
    vm_qcow2_store32(at, type);
    vm_qcow2_store32(at + 4, (uint32_t)n);
    vm_copy(at + 8, text, n);
    return 8 + ((n + 7) & ~(size_t)7);
}

static void fill_header(const struct vm_qcow2_create *o, const struct layout *l, uint8_t *b)
{
    size_t at = o->version < 3 ? QCOW2_V2_HEADER : HEADER_LENGTH;
    vm_qcow2_store32(b + QCOW2_AT_MAGIC, QCOW2_MAGIC);
    vm_qcow2_store32(b + QCOW2_AT_VERSION, o->version);
    vm_qcow2_store32(b + QCOW2_AT_CLUSTER_BITS, o->cluster_bits);
    vm_qcow2_store64(b + QCOW2_AT_SIZE, o->size);
    vm_qcow2_store32(b + QCOW2_AT_L1_SIZE, (uint32_t)l->l1_entries);
    vm_qcow2_store64(b + QCOW2_AT_L1_OFFSET, l->l1 * l->cluster_size);
    vm_qcow2_store64(b + QCOW2_AT_REFCOUNT_OFFSET, l->table * l->cluster_size);
    vm_qcow2_store32(b + QCOW2_AT_REFCOUNT_CLUSTERS, (uint32_t)l->table_clusters);
    if (o->version >= 3) {
        vm_qcow2_store32(b + QCOW2_AT_REFCOUNT_ORDER, REFCOUNT_ORDER);
        vm_qcow2_store32(b + QCOW2_AT_HEADER_LENGTH, HEADER_LENGTH);
    }
    if (!o->backing)
        return;
    if (o->backing_format)
        at += put_extension(b + at, QCOW2_EXTENSION_BACKING_FORMAT, o->backing_format);
    at += 8; // the end of the extensions: zeros
    vm_qcow2_store64(b + QCOW2_AT_BACKING_OFFSET, at);
    vm_qcow2_store32(b + QCOW2_AT_BACKING_SIZE, (uint32_t)vm_text_length(o->backing));
    vm_copy(b + at, o->backing, vm_text_length(o->backing));
}

static enum vm_block_status write_refcounts(struct vm_block *file, const struct layout *l,
                                            uint8_t *cluster)
{
    enum vm_block_status s = VM_BLOCK_OK;
    const uint64_t per_block = l->cluster_size * 8 >> REFCOUNT_ORDER;
    for (uint64_t i = 0; i < l->block_count && s == VM_BLOCK_OK; i++) {
        vm_zero(cluster, l->cluster_size);
        for (uint64_t j = 0; j < per_block && i * per_block + j < l->end; j++)
            vm_qcow2_set_refcount(cluster, REFCOUNT_ORDER, j, 1);
        s = vm_block_run(file, VM_BLOCK_WRITE, (l->blocks + i) * l->cluster_size, cluster,
                         l->cluster_size);
    }
    const uint64_t per_table = l->cluster_size / 8;
    for (uint64_t i = 0; i < l->table_clusters && s == VM_BLOCK_OK; i++) {
        vm_zero(cluster, l->cluster_size);
        for (uint64_t j = 0; j < per_table && i * per_table + j < l->block_count; j++)
            vm_qcow2_store64(cluster + j * 8, (l->blocks + i * per_table + j) * l->cluster_size);
        s = vm_block_run(file, VM_BLOCK_WRITE, (l->table + i) * l->cluster_size, cluster,
                         l->cluster_size);
    }
    return s;
}

static enum vm_block_status write_all(struct vm_block *file, const struct vm_qcow2_create *o,
                                      const struct layout *l, uint8_t *cluster)
{
    enum vm_block_status s = write_refcounts(file, l, cluster);
    if (s == VM_BLOCK_OK && l->l1_clusters)
        s = vm_block_run(file, VM_BLOCK_WRITE_ZEROES, l->l1 * l->cluster_size, NULL,
                         l->l1_clusters * l->cluster_size);
    if (s == VM_BLOCK_OK)
        s = vm_block_run(file, VM_BLOCK_FLUSH, 0, NULL, 0);
    if (s != VM_BLOCK_OK)
        return s;
    vm_zero(cluster, l->cluster_size);
    fill_header(o, l, cluster);
    s = vm_block_run(file, VM_BLOCK_WRITE, 0, cluster, l->cluster_size);
    return s == VM_BLOCK_OK ? vm_block_run(file, VM_BLOCK_FLUSH, 0, NULL, 0) : s;
}

static vm_status check_options(const struct vm_qcow2_create *o, const struct layout *l,
                               struct vm_error *e)
{
    size_t names = HEADER_LENGTH + 32 + (o->backing ? vm_text_length(o->backing) : 0);
    if (l->l1_entries > QCOW2_MAX_L1 / 8)
        return vm_error_set(e, VM_ERR_USAGE,
                            "a disk of this size needs larger clusters than %llu bytes",
                            (unsigned long long)l->cluster_size);
    if (names > l->cluster_size || (o->backing && vm_text_length(o->backing) > QCOW2_MAX_NAME) ||
        (o->backing_format && vm_text_length(o->backing_format) > 15))
        return vm_error_set(e, VM_ERR_USAGE, "the backing file's name is too long");
    return VM_OK;
}

vm_status vm_qcow2_create(struct vm_block *file, const struct vm_qcow2_create *o,
                          struct vm_error *e)
{
    struct layout l;
    if (o->cluster_bits < QCOW2_MIN_CLUSTER_BITS || o->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
        return vm_error_set(e, VM_ERR_USAGE,
                            "the cluster size must be a power of two from 512 bytes to 2 MiB");
    if (o->version != 2 && o->version != 3)
        return vm_error_set(e, VM_ERR_USAGE, "the qcow2 version must be 2 or 3");
    if (o->size > INT64_MAX || o->size % 512)
        return vm_error_set(e, VM_ERR_USAGE, "the size of a disk must be a multiple of 512");
    plan(o, &l);
    vm_status s = check_options(o, &l, e);
    if (s != VM_OK)
        return s;
    uint8_t *cluster = vm_heap_alloc(l.cluster_size);
    if (!cluster)
        return vm_error_set(e, VM_ERR_HOST, "no memory to make an image");
    enum vm_block_status status = write_all(file, o, &l, cluster);
    vm_heap_release(cluster, l.cluster_size);
    if (status != VM_BLOCK_OK)
        return vm_error_set(e, VM_ERR_FILE, "cannot write the image: %s",
                            vm_block_status_text(status));
    return VM_OK;
}
