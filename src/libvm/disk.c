// SPDX-License-Identifier: MIT
//
// Disk images as files (vm/libvm/disk.h), by the device backends.
#include <vm/base/memory.h>
#include <vm/device/backend/disk.h>
#include <vm/libvm/disk.h>

_Static_assert((int)VM_DISK_AUTO == VM_DISK_IMAGE_PROBE && (int)VM_DISK_RAW == VM_DISK_IMAGE_RAW &&
                   (int)VM_DISK_QCOW2 == VM_DISK_IMAGE_QCOW2,
               "formats have the same numbers");
_Static_assert(sizeof(((struct vm_disk_info *)NULL)->backing) ==
                       sizeof(((struct vm_disk_image_info *)NULL)->backing) &&
                   sizeof(((struct vm_disk_findings *)NULL)->first) ==
                       sizeof(((struct vm_image_findings *)NULL)->first),
               "texts have the same room");

static vm_status translate(const struct vm_disk_create *from, struct vm_image_create *to,
                           struct vm_error *e)
{
    if (from->cluster_size > UINT32_MAX)
        return vm_error_set(e, VM_ERR_USAGE,
                            "the cluster size must be a power of two from 512 bytes to 2 MiB");
    *to = (struct vm_image_create){
        .path = from->path,
        .format = (enum vm_disk_image_format)from->format,
        .size = from->size,
        .cluster_size = (uint32_t)from->cluster_size,
        .version = from->version,
        .backing = from->backing,
        .backing_format = (enum vm_disk_image_format)from->backing_format,
    };
    return VM_OK;
}

vm_status vm_disk_create(const struct vm_disk_create *options, struct vm_error *e)
{
    struct vm_image_create create;
    vm_status s = translate(options, &create, e);
    return s == VM_OK ? vm_image_create(&create, e) : s;
}

vm_status vm_disk_describe(const char *path, enum vm_disk_format format, struct vm_disk_info *info,
                           struct vm_error *e)
{
    struct vm_disk_image_info i;
    vm_status s = vm_image_describe(path, (enum vm_disk_image_format)format, &i, e);
    if (s != VM_OK)
        return s;
    *info = (struct vm_disk_info){
        .format = (enum vm_disk_format)i.format,
        .size = i.size,
        .file_size = i.file_size,
        .version = i.version,
        .cluster_size = i.cluster_size,
        .snapshots = i.snapshots,
        .zstd = i.zstd,
        .dirty = i.dirty,
        .corrupt = i.corrupt,
        .lazy_refcounts = i.lazy_refcounts,
    };
    vm_copy(info->backing, i.backing, sizeof info->backing);
    vm_copy(info->backing_format, i.backing_format, sizeof info->backing_format);
    return VM_OK;
}

vm_status vm_disk_check(const char *path, enum vm_disk_format format, bool repair,
                        struct vm_disk_findings *findings, struct vm_error *e)
{
    struct vm_image_findings f;
    vm_status s = vm_image_check(path, (enum vm_disk_image_format)format, repair, &f, e);
    if (s != VM_OK)
        return s;
    *findings = (struct vm_disk_findings){
        .corruptions = f.corruptions,
        .leaks = f.leaks,
        .repaired = f.repaired,
        .total = f.total,
        .allocated = f.allocated,
        .compressed = f.compressed,
        .end = f.end,
    };
    vm_copy(findings->first, f.first, sizeof findings->first);
    return VM_OK;
}

vm_status vm_disk_convert(const char *from, enum vm_disk_format format,
                          const struct vm_disk_create *to, struct vm_error *e)
{
    struct vm_image_create create;
    vm_status s = translate(to, &create, e);
    return s == VM_OK ? vm_image_convert(from, (enum vm_disk_image_format)format, &create, e) : s;
}
