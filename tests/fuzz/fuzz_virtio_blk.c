// SPDX-License-Identifier: MIT
//
// Fuzz target: the block device, on a disk in memory that completes requests late.
#include <vm/device/virtio/blk.h>

#include "block_memory.h"
#include "standalone.h"
#include "virtio_frame.h"

enum { DISK = 64 << 10, QUEUES = 2 };

static struct block_memory *disk;

static struct vm_virtio *create(struct virtio_rig *rig)
{
    struct vm_virtio *v;
    static const uint8_t zeros[DISK];
    disk = block_memory_copy(zeros, DISK);
    disk->later = true;
    const struct vm_virtio_blk_config c = {
        .block = &disk->block, .serial = "fuzz", .queues = QUEUES};
    assert_int_equal(vm_virtio_blk_create(&rig->machine, &rig->io, "blk0", &c, &v, NULL), VM_OK);
    return v;
}

static void tick(struct virtio_rig *rig)
{
    (void)rig;
    for (unsigned i = 0; i < 2; i++)
        disk->block.ops->wait(&disk->block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device device = {.create = create, .tick = tick};
    disk = NULL;
    virtio_frame_run(&device, data, size);
    if (disk) {
        assert_int_equal(disk->block.size, DISK);
        block_memory_destroy(disk);
    }
    return 0;
}
