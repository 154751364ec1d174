// SPDX-License-Identifier: MIT
//
// What the files of virtio-balloon share (VirtIO 1.2, 5.5). balloon.c has the device,
// balloon_queues.c what the driver sends.
//
// `config` and `state` are under the device's lock; everything else belongs to the I/O thread once
// it runs.
#ifndef VM_DEVICE_VIRTIO_BALLOON_INTERNAL_H
#define VM_DEVICE_VIRTIO_BALLOON_INTERNAL_H

#include "../device.h"

#include <vm/device/virtio/balloon.h>

#define BALLOON_F_STATS_VQ       ((uint64_t)1 << 1)
#define BALLOON_F_DEFLATE_ON_OOM ((uint64_t)1 << 2)
#define BALLOON_F_PAGE_POISON    ((uint64_t)1 << 4)
#define BALLOON_F_REPORTING      ((uint64_t)1 << 5)

// Configuration space (5.5.4), as bytes: the driver writes it in any pieces.
enum {
    BALLOON_NUM_PAGES = 0,
    BALLOON_ACTUAL = 4,
    BALLOON_POISON_VAL = 12,
    BALLOON_CONFIG_SIZE = 16,
};

struct vm_virtio_balloon {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_io *io;
    struct vm_virtio_balloon_config embedder;
    uint8_t config[BALLOON_CONFIG_SIZE];
    struct vm_virtio_balloon_state state; // target and actual are in `config`
    struct vm_io_task ask;
    bool holding; // `stats`, the driver's buffer, until new statistics are wanted
    struct vm_virtq_element stats;
    struct vm_virtq_element element;
};

void balloon_inflate(struct vm_virtio_balloon *b, unsigned queue);
void balloon_deflate(struct vm_virtio_balloon *b, unsigned queue);
void balloon_take_stats(struct vm_virtio_balloon *b, unsigned queue);
void balloon_take_report(struct vm_virtio_balloon *b, unsigned queue);

#endif
