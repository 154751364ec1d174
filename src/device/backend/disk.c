// SPDX-License-Identifier: MIT
//
// Making, describing and checking disk images (vm/device/backend/disk.h).
#include <vm/device/backend/disk.h>

#include "chain.h"
#include "raw.h"

enum { DEFAULT_CLUSTER = 64 << 10, DEFAULT_VERSION = 3 };

// --- create ---

static vm_status check_options(const struct vm_image_create *o, struct vm_error *e)
{
    uint32_t cluster = o->cluster_size;
    if (o->format == VM_DISK_IMAGE_RAW && (o->backing || o->cluster_size || o->version))
        return vm_error_set(e, VM_ERR_USAGE,
                            "a raw image has no backing file, clusters or version; use qcow2");
    if (cluster & (cluster - 1))
        return vm_error_set(e, VM_ERR_USAGE,
                            "the cluster size must be a power of two from 512 bytes to 2 MiB");
    if (o->size % 512 || o->size > INT64_MAX)
        return vm_error_set(e, VM_ERR_USAGE, "the size of a disk must be a multiple of 512");
    if (o->size == 0 && !o->backing)
        return vm_error_set(e, VM_ERR_USAGE, "a disk without a backing file needs a size");
    return VM_OK;
}

// The size of the backing file's disk and its format, for the new image's header.
static vm_status look_at_backing(struct vm_osal_aio *aio, const struct vm_image_create *o,
                                 struct vm_qcow2_create *q, struct vm_error *e)
{
    char *resolved;
    struct vm_block *block;
    vm_status s = vm_chain_backing_path(o->path, o->backing, &resolved, e);
    if (s != VM_OK)
        return s;
    s = vm_chain_open(aio, resolved, o->backing_format, true, &block, e);
    vm_heap_release(resolved, vm_text_length(resolved) + 1);
    if (s != VM_OK)
        return s;
    if (q->size == 0)
        q->size = block->size;
    q->backing = o->backing;
    q->backing_format = block->ops->format;
    block->ops->close(block);
    return VM_OK;
}

static vm_status fill(struct vm_osal_aio *aio, struct vm_osal_file *file,
                      const struct vm_image_create *o, struct vm_error *e)
{
    struct vm_block *container;
    const uint32_t cluster = o->cluster_size ? o->cluster_size : DEFAULT_CLUSTER;
    struct vm_qcow2_create q = {
        .size = o->size,
        .cluster_bits = (unsigned)__builtin_ctz(cluster),
        .version = o->version ? o->version : DEFAULT_VERSION,
    };
    vm_status s = VM_OK;
    if (o->format == VM_DISK_IMAGE_RAW) {
        s = vm_osal_file_set_size(file, o->size, e);
        vm_osal_file_close(file);
        return s;
    }
    if (o->backing && (s = look_at_backing(aio, o, &q, e)) != VM_OK) {
        vm_osal_file_close(file);
        return s;
    }
    s = vm_raw_open(file, aio, VM_RAW_CONTAINER, false, &container, e);
    if (s != VM_OK)
        return s;
    s = vm_qcow2_create(container, &q, e);
    container->ops->close(container);
    return s;
}

vm_status vm_image_create(const struct vm_image_create *o, struct vm_error *e)
{
    struct vm_osal_aio *aio = NULL;
    struct vm_osal_file *file;
    vm_status s = check_options(o, e);
    if (s == VM_OK)
        s = vm_osal_aio_create(VM_OSAL_AIO_BEST, &aio, e);
    if (s == VM_OK)
        s = vm_osal_file_open(o->path, VM_OSAL_FILE_NEW, &file, e);
    if (s == VM_OK) {
        s = fill(aio, file, o, e);
        if (s != VM_OK)
            vm_osal_file_remove(o->path);
    }
    vm_osal_aio_destroy(aio);
    return s;
}

// --- describe, check ---

// Opens one file with its header and hands both to `use`.
static vm_status with_file(const char *path, enum vm_disk_image_format format, bool read_only,
                           vm_status (*use)(void *context, enum vm_disk_image_format format,
                                            struct vm_block *container,
                                            const struct vm_qcow2_header *h, struct vm_error *e),
                           void *context, struct vm_error *e)
{
    struct vm_osal_aio *aio = NULL;
    struct vm_block *container;
    struct vm_qcow2_header *h = vm_heap_zalloc(sizeof *h);
    vm_status s = h ? vm_osal_aio_create(VM_OSAL_AIO_BEST, &aio, e)
                    : vm_error_set(e, VM_ERR_HOST, "no memory to open %s", path);
    if (s == VM_OK)
        s = vm_chain_open_file(aio, path, &format, read_only, &container, h, e);
    if (s == VM_OK) {
        s = use(context, format, container, h, e);
        container->ops->close(container);
    }
    vm_osal_aio_destroy(aio);
    vm_heap_release(h, sizeof *h);
    return s;
}

static vm_status describe(void *context, enum vm_disk_image_format format,
                          struct vm_block *container, const struct vm_qcow2_header *h,
                          struct vm_error *e)
{
    (void)e;
    struct vm_disk_image_info *info = context;
    *info = (struct vm_disk_image_info){
        .format = format, .size = container->size, .file_size = container->size};
    if (format == VM_DISK_IMAGE_RAW)
        return VM_OK;
    info->size = h->size;
    info->version = h->version;
    info->cluster_size = 1u << h->cluster_bits;
    info->snapshots = h->snapshots;
    info->zstd = h->compression == QCOW2_COMPRESSION_ZSTD;
    info->dirty = h->incompatible & QCOW2_INCOMPATIBLE_DIRTY;
    info->corrupt = h->incompatible & QCOW2_INCOMPATIBLE_CORRUPT;
    info->lazy_refcounts = h->compatible & 1;
    vm_copy(info->backing, h->backing, sizeof h->backing);
    vm_copy(info->backing_format, h->backing_format, sizeof h->backing_format);
    return VM_OK;
}

vm_status vm_image_describe(const char *path, enum vm_disk_image_format format,
                            struct vm_disk_image_info *info, struct vm_error *e)
{
    return with_file(path, format, true, describe, info, e);
}

struct check {
    const char *path;
    bool repair;
    struct vm_image_findings *findings;
};

static vm_status check(void *context, enum vm_disk_image_format format, struct vm_block *container,
                       const struct vm_qcow2_header *h, struct vm_error *e)
{
    const struct check *c = context;
    struct vm_qcow2_check found;
    if (format == VM_DISK_IMAGE_RAW)
        return vm_error_set(e, VM_ERR_FILE,
                            "%s is a raw image, which has nothing to check; give a qcow2 image",
                            c->path);
    vm_status s = vm_qcow2_check(container, h, c->repair, &found, e);
    if (s != VM_OK)
        return vm_error_prefix(e, s, "%s", c->path);
    *c->findings = (struct vm_image_findings){
        .corruptions = found.corruptions,
        .leaks = found.leaks,
        .repaired = found.repaired,
        .total = found.total,
        .allocated = found.allocated,
        .compressed = found.compressed,
        .end = found.end,
    };
    vm_copy(c->findings->first, found.first, sizeof found.first);
    return VM_OK;
}

vm_status vm_image_check(const char *path, enum vm_disk_image_format format, bool repair,
                         struct vm_image_findings *findings, struct vm_error *e)
{
    struct check c = {path, repair, findings};
    return with_file(path, format, !repair, check, &c, e);
}
