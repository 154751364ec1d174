// SPDX-License-Identifier: MIT
//
// The header of a qcow2 image: read, checked against the limits, refused with the reason. Nothing
// in it is believed before.
#include "qcow2.h"

bool vm_qcow2_has_magic(const uint8_t first[4])
{
    return vm_load_be32(first) == QCOW2_MAGIC;
}

static vm_status refuse(struct vm_error *e, const char *name, const char *what)
{
    return vm_error_set(e, VM_ERR_FILE, "%s: %s", name, what);
}

// The fields of both versions.
static void parse(const uint8_t *b, struct vm_qcow2_header *h)
{
    *h = (struct vm_qcow2_header){
        .version = vm_load_be32(b + QCOW2_AT_VERSION),
        .size = vm_qcow2_load64(b + QCOW2_AT_SIZE),
        .cluster_bits = vm_load_be32(b + QCOW2_AT_CLUSTER_BITS),
        .l1_offset = vm_qcow2_load64(b + QCOW2_AT_L1_OFFSET),
        .l1_size = vm_load_be32(b + QCOW2_AT_L1_SIZE),
        .refcount_offset = vm_qcow2_load64(b + QCOW2_AT_REFCOUNT_OFFSET),
        .refcount_clusters = vm_load_be32(b + QCOW2_AT_REFCOUNT_CLUSTERS),
        .refcount_order = 4,
        .snapshots = vm_load_be32(b + QCOW2_AT_SNAPSHOTS),
        .snapshots_offset = vm_qcow2_load64(b + QCOW2_AT_SNAPSHOTS_OFFSET),
    };
    if (h->version < 3)
        return;
    h->incompatible = vm_qcow2_load64(b + QCOW2_AT_INCOMPATIBLE);
    h->compatible = vm_qcow2_load64(b + QCOW2_AT_COMPATIBLE);
    h->autoclear = vm_qcow2_load64(b + QCOW2_AT_AUTOCLEAR);
    h->refcount_order = vm_load_be32(b + QCOW2_AT_REFCOUNT_ORDER);
    if (vm_load_be32(b + QCOW2_AT_HEADER_LENGTH) > QCOW2_AT_COMPRESSION)
        h->compression = b[QCOW2_AT_COMPRESSION];
}

static vm_status check_features(const struct vm_qcow2_header *h, const char *name,
                                struct vm_error *e)
{
    const uint64_t known =
        QCOW2_INCOMPATIBLE_DIRTY | QCOW2_INCOMPATIBLE_CORRUPT | QCOW2_INCOMPATIBLE_COMPRESSION;
    if (h->incompatible & QCOW2_INCOMPATIBLE_DATA_FILE)
        return refuse(e, name,
                      "its data is in an external data file, which is not supported; convert it "
                      "with qemu-img convert");
    if (h->incompatible & QCOW2_INCOMPATIBLE_EXTENDED_L2)
        return refuse(e, name,
                      "it has extended L2 entries, which are not supported; convert it with "
                      "qemu-img convert -o extended_l2=off");
    if (h->incompatible & ~known)
        return vm_error_set(e, VM_ERR_FILE,
                            "%s: it needs a newer program (unknown incompatible features %#llx)",
                            name, (unsigned long long)(h->incompatible & ~known));
    bool told = h->incompatible & QCOW2_INCOMPATIBLE_COMPRESSION;
    if (h->compression > QCOW2_COMPRESSION_ZSTD || told != (h->compression != 0))
        return refuse(e, name, "its compression type is unknown");
    return VM_OK;
}

static bool is_inside(const struct vm_block *file, uint64_t offset, uint64_t size)
{
    return offset <= file->size && size <= file->size - offset;
}

static vm_status check_tables(const struct vm_block *file, const struct vm_qcow2_header *h,
                              const char *name, struct vm_error *e)
{
    const uint64_t in_cluster = ((uint64_t)1 << h->cluster_bits) - 1;
    const unsigned l2_span = 2 * h->cluster_bits - 3; // log2 of the bytes that an L2 table maps
    if (h->size > (uint64_t)INT64_MAX)
        return refuse(e, name, "its disk is larger than any may be");
    uint64_t needed = (h->size >> l2_span) + ((h->size & (((uint64_t)1 << l2_span) - 1)) != 0);
    if (needed > h->l1_size)
        return refuse(e, name, "its L1 table is too small for its disk");
    if (h->l1_size > QCOW2_MAX_L1 / 8)
        return refuse(e, name, "its L1 table is larger than 32 MiB");
    if (h->l1_size && (h->l1_offset & in_cluster || h->l1_offset == 0 ||
                       !is_inside(file, h->l1_offset, (uint64_t)h->l1_size * 8)))
        return refuse(e, name, "its L1 table lies outside the file or on no cluster's begin");
    uint64_t bytes = (uint64_t)h->refcount_clusters << h->cluster_bits;
    if (bytes == 0 || bytes > QCOW2_MAX_REFCOUNT_TABLE)
        return refuse(e, name, "its refcount table is missing or larger than 8 MiB");
    if (h->refcount_offset & in_cluster || h->refcount_offset == 0 ||
        !is_inside(file, h->refcount_offset, 8))
        return refuse(e, name, "its refcount table lies outside the file or on no cluster's begin");
    if (h->refcount_order > 6)
        return refuse(e, name, "its refcounts are wider than 64 bits");
    if (h->snapshots > QCOW2_MAX_SNAPSHOTS)
        return refuse(e, name, "it has more than 65536 internal snapshots");
    return VM_OK;
}

static vm_status read_backing_name(struct vm_block *file, const uint8_t *b, const char *name,
                                   struct vm_qcow2_header *h, struct vm_error *e)
{
    uint64_t offset = vm_qcow2_load64(b + QCOW2_AT_BACKING_OFFSET);
    uint32_t size = vm_load_be32(b + QCOW2_AT_BACKING_SIZE);
    if (offset == 0 || size == 0)
        return VM_OK;
    if (size > QCOW2_MAX_NAME || offset > ((uint64_t)1 << h->cluster_bits) - size)
        return refuse(e, name, "the name of its backing file is too long");
    enum vm_block_status status = vm_block_run(file, VM_BLOCK_READ, offset, h->backing, size);
    if (status != VM_BLOCK_OK)
        return refuse(e, name, vm_block_status_text(status));
    h->backing[size] = 0;
    for (uint32_t i = 0; i < size; i++) {
        if ((uint8_t)h->backing[i] < ' ' || h->backing[i] == 0x7f)
            return refuse(e, name, "the name of its backing file has control characters");
    }
    return VM_OK;
}

static void take_extension(const uint8_t *data, uint32_t size, struct vm_qcow2_header *h)
{
    size_t n = size < sizeof h->backing_format ? size : sizeof h->backing_format - 1;
    vm_copy(h->backing_format, data, n);
    h->backing_format[n] = 0;
}

// Extensions follow on the header up to the end of the first cluster or the backing file's name.
static vm_status read_extensions(struct vm_block *file, const uint8_t *b, const char *name,
                                 struct vm_qcow2_header *h, struct vm_error *e)
{
    uint64_t at = h->version < 3 ? QCOW2_V2_HEADER : vm_load_be32(b + QCOW2_AT_HEADER_LENGTH);
    uint64_t end = vm_qcow2_load64(b + QCOW2_AT_BACKING_OFFSET);
    if (end == 0 || end > (uint64_t)1 << h->cluster_bits)
        end = (uint64_t)1 << h->cluster_bits;
    while (at + 8 <= end) {
        uint8_t head[8], data[16];
        enum vm_block_status status = vm_block_run(file, VM_BLOCK_READ, at, head, sizeof head);
        uint32_t type = vm_load_be32(head), size = vm_load_be32(head + 4);
        if (status != VM_BLOCK_OK)
            return refuse(e, name, vm_block_status_text(status));
        if (type == QCOW2_EXTENSION_END)
            return VM_OK;
        if (size > end - at - 8)
            return refuse(e, name, "a header extension runs over its end");
        if (type == QCOW2_EXTENSION_BACKING_FORMAT) {
            uint32_t n = size < sizeof data ? size : sizeof data;
            if (vm_block_run(file, VM_BLOCK_READ, at + 8, data, n) != VM_BLOCK_OK)
                return refuse(e, name, "a header extension cannot be read");
            take_extension(data, n, h);
        }
        at += 8 + (((uint64_t)size + 7) & ~(uint64_t)7);
    }
    return VM_OK;
}

static vm_status check_basics(const uint8_t *b, const struct vm_qcow2_header *h, const char *name,
                              struct vm_error *e)
{
    if (!vm_qcow2_has_magic(b))
        return refuse(e, name, "it is no qcow2 image; say format=raw if it is a raw disk");
    if (h->version != 2 && h->version != 3)
        return vm_error_set(e, VM_ERR_FILE, "%s: qcow2 version %u is not supported (2 and 3 are)",
                            name, h->version);
    if (h->cluster_bits < QCOW2_MIN_CLUSTER_BITS || h->cluster_bits > QCOW2_MAX_CLUSTER_BITS)
        return refuse(e, name, "its cluster size is not between 512 bytes and 2 MiB");
    uint32_t length = vm_load_be32(b + QCOW2_AT_HEADER_LENGTH);
    if (h->version == 3 && (length < QCOW2_V3_HEADER || length > 1u << h->cluster_bits))
        return refuse(e, name, "its header's length is out of bounds");
    if (vm_load_be32(b + QCOW2_AT_CRYPT) != 0)
        return refuse(e, name, "it is encrypted, which is not supported; convert it with qemu-img");
    return VM_OK;
}

vm_status vm_qcow2_read_header(struct vm_block *file, const char *name, struct vm_qcow2_header *h,
                               struct vm_error *e)
{
    uint8_t b[112] = {0};
    enum vm_block_status status = vm_block_run(file, VM_BLOCK_READ, 0, b, sizeof b);
    if (status != VM_BLOCK_OK)
        return refuse(e, name, vm_block_status_text(status));
    parse(b, h);
    vm_status s = check_basics(b, h, name, e);
    if (s == VM_OK)
        s = check_features(h, name, e);
    if (s == VM_OK)
        s = check_tables(file, h, name, e);
    if (s == VM_OK)
        s = read_backing_name(file, b, name, h, e);
    if (s == VM_OK)
        s = read_extensions(file, b, name, h, e);
    return s;
}
