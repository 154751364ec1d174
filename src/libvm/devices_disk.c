// SPDX-License-Identifier: MIT
//
// Disks: an image, an I/O thread and a virtio-blk device each.
#include <vm/base/format.h>
#include <vm/device/backend/image.h>
#include <vm/osal/memory.h>

#include "devices.h"
#include "hosted.h"

_Static_assert((int)VM_DISK_OPTION_QUEUES == VM_VIRTIO_BLK_MAX_QUEUES &&
                   (int)VM_DISK_OPTION_SERIAL == VM_VIRTIO_BLK_SERIAL + 1,
               "the options' limits are the device's");

struct disk {
    struct vm_image *image;
    struct vm_virtio_blk_stats stats;
};

static void release(void *context)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct disk *disk = context;
    vm_image_close(disk->image);
    a->release(a->context, disk, sizeof *disk);
}

static struct disk *allocate(struct vm *vm, struct vm_error *e)
{
    const struct vm_allocator *a = vm_osal_allocator();
    struct disk *disk = a->alloc(a->context, sizeof *disk, _Alignof(struct disk));
    if (!disk) {
        vm_error_set(e, VM_ERR_HOST, "out of memory for a disk");
        return NULL;
    }
    *disk = (struct disk){0};
    hosted_add_cleanup(vm, release, disk);
    return disk;
}

static uint16_t queue_count(const struct vm *vm, const struct vm_disk_options *o)
{
    unsigned wanted = o->queues ? o->queues : vm->options.vcpus;
    return (uint16_t)(wanted < VM_VIRTIO_BLK_MAX_QUEUES ? wanted : VM_VIRTIO_BLK_MAX_QUEUES);
}

// For a loop that does not run yet.
static vm_status open_image(const struct vm_disk_options *o, struct vm_loop *loop,
                            struct vm_image **image, struct vm_error *e)
{
    const struct vm_image_options options = {
        .path = o->path,
        .format = (enum vm_disk_image_format)o->format, // disk.c: the numbers are the same
        .read_only = o->read_only,
        .snapshot = o->snapshot,
        .loop = loop,
    };
    return vm_image_open(&options, image, e);
}

static vm_status add_disk(struct vm *vm, size_t index, struct vm_error *e)
{
    const struct vm_disk_options *o = &vm->options.disks[index];
    char name[HOSTED_NAME];
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    vm_format(name, sizeof name, "blk%zu", index);
    vm_status status = hosted_get_loop(vm, name, VM_OSAL_SANDBOX_DISK, &loop, e);
    if (status != VM_OK)
        return status;
    struct disk *disk = allocate(vm, e);
    if (!disk)
        return VM_ERR_HOST;
    status = open_image(o, loop, &disk->image, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--virtio-blk");
    const struct vm_virtio_blk_config config = {
        .block = vm_image_block(disk->image),
        .serial = *o->serial ? o->serial : NULL,
        .queues = queue_count(vm, o),
        .stats = &disk->stats,
    };
    status = vm_virtio_blk_create(&vm->machine, vm_loop_io(loop), name, &config, &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, &disk->stats);
    return status;
}

vm_status hosted_add_disks(struct vm *vm, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (size_t i = 0; status == VM_OK && i < vm->options.disk_count; i++) {
        status = hosted_reserve_device(vm, e);
        if (status == VM_OK)
            status = add_disk(vm, i, e);
    }
    return status;
}
