// SPDX-License-Identifier: MIT
//
// What the files of the block device share.
#ifndef VM_DEVICE_VIRTIO_BLK_PRIVATE_H
#define VM_DEVICE_VIRTIO_BLK_PRIVATE_H

#include "../device.h"

#include <vm/device/virtio/blk.h>

// Features (5.2.3).
#define BLK_F_SEG_MAX      (UINT64_C(1) << 2)
#define BLK_F_RO           (UINT64_C(1) << 5)
#define BLK_F_BLK_SIZE     (UINT64_C(1) << 6)
#define BLK_F_FLUSH        (UINT64_C(1) << 9)
#define BLK_F_TOPOLOGY     (UINT64_C(1) << 10)
#define BLK_F_CONFIG_WCE   (UINT64_C(1) << 11)
#define BLK_F_MQ           (UINT64_C(1) << 12)
#define BLK_F_DISCARD      (UINT64_C(1) << 13)
#define BLK_F_WRITE_ZEROES (UINT64_C(1) << 14)

enum {
    BLK_SECTOR = 512,
    BLK_HEADER = 16,  // bytes: type, reserved, sector
    BLK_SEGMENT = 16, // bytes: sector, sectors, flags
    BLK_BATCH = 64,
    BLK_MAX_SEGMENTS = 8,           // of a discard or write zeroes request
    BLK_MAX_RANGE = 128 << 20 >> 9, // sectors of one of them
};

// Status (5.2.6).
enum { BLK_S_OK = 0, BLK_S_IOERR = 1, BLK_S_UNSUPP = 2 };

struct blk;

// A request of the driver on its way; there are as many as were ever in flight together.
struct blk_request {
    struct vm_block_request block;
    struct blk *device;
    struct blk_request *next; // of the unused
    uint16_t queue;
    uint8_t *status;  // the last byte of what the driver gets, in guest RAM
    bool is_flushing; // a write through: its data is written, the flush is under way
    unsigned segment, segments;
    uint8_t ranges[BLK_MAX_SEGMENTS * BLK_SEGMENT]; // of a discard or write zeroes, copied
    struct vm_virtq_element element;
};

struct blk_batch {
    struct vm_block_request *requests[BLK_BATCH];
    unsigned count;
};

struct blk {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_io *io;
    struct vm_block *block;
    struct vm_virtio_blk_stats *stats, own_stats;
    char serial[VM_VIRTIO_BLK_SERIAL];
    uint16_t queues;
    struct blk_request *unused;
    unsigned in_flight[VM_VIRTIO_BLK_MAX_QUEUES];
    bool to_flush[VM_VIRTIO_BLK_MAX_QUEUES]; // used elements to be shown
    bool will_show;                          // by somebody up the stack, or never any more
    struct vm_io_task show;
    _Atomic bool write_back;   // the driver's choice
    _Atomic bool may_postpone; // it can flush or choose
};

// blk_request.c: looks at a popped element; adds what the disk is to do to the batch, or ends it.
void blk_begin(struct blk_request *r, struct blk_batch *batch);
void blk_submit(struct blk *b, struct blk_batch *batch);
// blk.c: gives the element back with its status.
void blk_end(struct blk_request *r, uint8_t status);

#endif
