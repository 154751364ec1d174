// SPDX-License-Identifier: MIT
//
// Images and their backing files (chain.h); the rules are in vm/device/backend/image.h.
#include "chain.h"

#include <vm/base/format.h>

#include "raw.h"

enum { OVERLAY_CLUSTER_BITS = 16 };

// --- names ---

// The length of a path's directory, without the slash; 0 for that of files in the root.
static size_t directory_length(const char *path)
{
    size_t n = vm_text_length(path);
    while (n && path[n - 1] != '/')
        n--;
    return n ? n - 1 : 0;
}

static bool has_protocol(const char *name)
{
    for (; *name && *name != '/'; name++) {
        if (*name == ':')
            return true;
    }
    return false;
}

static vm_status resolve_in(const char *image, size_t directory, const char *name, char **resolved,
                            struct vm_error *e)
{
    size_t size = directory + vm_text_length(name) + 2;
    char *joined = vm_heap_alloc(size);
    if (!joined)
        return vm_error_set(e, VM_ERR_HOST, "no memory for a path");
    if (name[0] == '/')
        vm_format(joined, size, "%s", name);
    else
        vm_format(joined, size, "%.*s/%s", (int)directory, image, name);
    vm_status s = vm_osal_path_resolve(joined, resolved, e);
    vm_heap_release(joined, size);
    return s;
}

vm_status vm_chain_backing_path(const char *path, const char *name, char **resolved,
                                struct vm_error *e)
{
    char *image = NULL;
    if (has_protocol(name))
        return vm_error_set(e, VM_ERR_FILE,
                            "%s is based on \"%.200s\", which is no plain file; convert it with "
                            "qemu-img",
                            path, name);
    vm_status s = vm_osal_path_resolve(path, &image, e);
    if (s != VM_OK)
        return s;
    size_t directory = directory_length(image);
    s = resolve_in(image, directory, name, resolved, e);
    if (s != VM_OK) {
        vm_error_prefix(e, s, "backing file of %s", path);
    } else if (vm_compare(*resolved, image, directory + 1) != 0) {
        s = vm_error_set(e, VM_ERR_FILE,
                         "%s is based on %.200s, which is not in its directory; put both in one "
                         "directory, or convert it",
                         path, *resolved);
        vm_heap_release(*resolved, vm_text_length(*resolved) + 1);
    }
    vm_heap_release(image, vm_text_length(image) + 1);
    return s;
}

vm_status vm_chain_format(const char *path, const char *name, enum vm_disk_image_format *format,
                          struct vm_error *e)
{
    if (!name[0])
        *format = VM_DISK_IMAGE_PROBE;
    else if (vm_text_equal(name, "raw"))
        *format = VM_DISK_IMAGE_RAW;
    else if (vm_text_equal(name, "qcow2"))
        *format = VM_DISK_IMAGE_QCOW2;
    else
        return vm_error_set(e, VM_ERR_FILE,
                            "%s is based on an image of the format %.16s; raw and qcow2 are "
                            "supported",
                            path, name);
    return VM_OK;
}

// --- files ---

static vm_status open_locked(const char *path, bool read_only, struct vm_osal_file **file,
                             struct vm_error *e)
{
    vm_status s =
        vm_osal_file_open(path, read_only ? VM_OSAL_FILE_READ : VM_OSAL_FILE_READ_WRITE, file, e);
    if (s != VM_OK)
        return s;
    s = vm_osal_file_lock(*file, !read_only, e);
    if (s != VM_OK)
        vm_osal_file_close(*file);
    return s;
}

static vm_status probe(struct vm_osal_file *file, enum vm_disk_image_format *format,
                       struct vm_error *e)
{
    uint8_t first[4];
    size_t n;
    vm_status s = vm_osal_file_read(file, 0, first, sizeof first, &n, e);
    if (s == VM_OK)
        *format = n == sizeof first && vm_qcow2_has_magic(first) ? VM_DISK_IMAGE_QCOW2
                                                                 : VM_DISK_IMAGE_RAW;
    return s;
}

vm_status vm_chain_open_file(struct vm_osal_aio *aio, const char *path,
                             enum vm_disk_image_format *format, bool read_only,
                             struct vm_block **container, struct vm_qcow2_header *header,
                             struct vm_error *e)
{
    struct vm_osal_file *file;
    bool probing = *format == VM_DISK_IMAGE_PROBE;
    vm_status s = open_locked(path, read_only, &file, e);
    if (s != VM_OK)
        return s;
    if (probing && (s = probe(file, format, e)) != VM_OK) {
        vm_osal_file_close(file);
        return s;
    }
    enum vm_raw_use use = *format == VM_DISK_IMAGE_QCOW2 ? VM_RAW_CONTAINER
                          : probing                      ? VM_RAW_PROBED
                                                         : VM_RAW_DISK;
    s = vm_raw_open(file, aio, use, read_only, container, e);
    if (s != VM_OK || *format == VM_DISK_IMAGE_RAW)
        return s;
    s = vm_qcow2_read_header(*container, path, header, e);
    if (s != VM_OK)
        (*container)->ops->close(*container);
    return s;
}

// --- chains ---

struct chain {
    struct vm_osal_aio *aio;
    unsigned depth;
};

static vm_status open_image(struct chain *c, const char *path, enum vm_disk_image_format format,
                            bool read_only, struct vm_block **block, struct vm_error *e);

static vm_status open_backing(struct chain *c, const char *path, const struct vm_qcow2_header *h,
                              struct vm_block **backing, struct vm_error *e)
{
    enum vm_disk_image_format format;
    char *resolved;
    *backing = NULL;
    if (!h->backing[0])
        return VM_OK;
    vm_status s = vm_chain_format(path, h->backing_format, &format, e);
    if (s == VM_OK)
        s = vm_chain_backing_path(path, h->backing, &resolved, e);
    if (s != VM_OK)
        return s;
    s = open_image(c, resolved, format, true, backing, e);
    vm_heap_release(resolved, vm_text_length(resolved) + 1);
    return s;
}

static vm_status open_image(struct chain *c, const char *path, enum vm_disk_image_format format,
                            bool read_only, struct vm_block **block, struct vm_error *e)
{
    if (c->depth++ == VM_IMAGE_MAX_DEPTH)
        return vm_error_set(e, VM_ERR_FILE, "%s: the chain of backing files is longer than %d",
                            path, VM_IMAGE_MAX_DEPTH);
    struct vm_block *container, *backing;
    struct vm_qcow2_header *h = vm_heap_alloc(sizeof *h);
    vm_status s = h ? vm_chain_open_file(c->aio, path, &format, read_only, &container, h, e)
                    : vm_error_set(e, VM_ERR_HOST, "no memory for the disk %s", path);
    if (s == VM_OK && format == VM_DISK_IMAGE_RAW) {
        *block = container;
    } else if (s == VM_OK) {
        s = open_backing(c, path, h, &backing, e);
        if (s == VM_OK)
            s = vm_qcow2_open(container, backing, h, path, read_only, block, e);
        else
            container->ops->close(container);
    }
    vm_heap_release(h, sizeof *h);
    return s;
}

vm_status vm_chain_open(struct vm_osal_aio *aio, const char *path, enum vm_disk_image_format format,
                        bool read_only, struct vm_block **block, struct vm_error *e)
{
    struct chain c = {.aio = aio};
    return open_image(&c, path, format, read_only, block, e);
}

vm_status vm_chain_overlay(struct vm_osal_aio *aio, struct vm_block **block, struct vm_error *e)
{
    struct vm_block *below = *block, *container = NULL;
    struct vm_osal_file *file;
    struct vm_qcow2_header h;
    const struct vm_qcow2_create options = {
        .size = below->size, .cluster_bits = OVERLAY_CLUSTER_BITS, .version = 3};
    *block = NULL;
    vm_status s = vm_osal_file_temporary(NULL, &file, e);
    if (s == VM_OK)
        s = vm_raw_open(file, aio, VM_RAW_SCRATCH, false, &container, e);
    if (s == VM_OK)
        s = vm_qcow2_create(container, &options, e);
    if (s == VM_OK)
        s = vm_qcow2_read_header(container, "the temporary overlay", &h, e);
    if (s == VM_OK)
        return vm_qcow2_open(container, below, &h, "the temporary overlay", false, block, e);
    if (container)
        container->ops->close(container);
    below->ops->close(below);
    return s;
}
