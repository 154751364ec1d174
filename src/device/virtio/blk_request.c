// SPDX-License-Identifier: MIT
//
// One request of the driver (VirtIO 1.2, 5.2.6): checked, then handed to the disk. What the driver
// wrote is read once; ranges are copied before they are judged, since the driver may still change
// them.
#include "blk.h"

// Types of requests.
enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_WRITE_ZEROES = 13 };

enum { FLAG_UNMAP = 1 };

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

void blk_submit(struct blk *b, struct blk_batch *batch)
{
    if (batch->count == 0)
        return;
    unsigned n = batch->count;
    batch->count = 0;
    count(&b->stats->batches, 1);
    b->block->ops->submit(b->block, batch->requests, n);
}

static void add(struct blk_request *r, struct blk_batch *batch)
{
    if (batch->count == BLK_BATCH)
        blk_submit(r->device, batch);
    batch->requests[batch->count++] = &r->block;
}

static uint8_t status_of(enum vm_block_status s)
{
    return s == VM_BLOCK_OK ? BLK_S_OK : s == VM_BLOCK_UNSUPPORTED ? BLK_S_UNSUPP : BLK_S_IOERR;
}

static void count_end(struct blk_request *r)
{
    struct vm_virtio_blk_stats *s = r->device->stats;
    bool ok = r->block.status == VM_BLOCK_OK;
    switch (r->is_flushing ? VM_BLOCK_WRITE : r->block.op) {
    case VM_BLOCK_READ:
        count(&s->reads, 1);
        count(&s->bytes_read, ok ? r->block.size : 0);
        break;
    case VM_BLOCK_WRITE:
        count(&s->writes, 1);
        count(&s->bytes_written, ok ? r->block.size : 0);
        break;
    case VM_BLOCK_FLUSH: count(&s->flushes, 1); break;
    case VM_BLOCK_DISCARD:
    case VM_BLOCK_WRITE_ZEROES: count(&s->discards, 1); break;
    }
}

// --- discard and write zeroes ---

// Judges a range; the status, and in the block request what is to be done.
static uint8_t take_range(struct blk_request *r)
{
    const struct blk *b = r->device;
    const uint8_t *range = r->ranges + r->segment * BLK_SEGMENT;
    uint64_t sector = vm_load_le64(range);
    uint32_t sectors = vm_load_le32(range + 8), flags = vm_load_le32(range + 12);
    bool zeroes = r->block.op == VM_BLOCK_WRITE_ZEROES;
    uint64_t all = b->block->size / BLK_SECTOR;
    if (flags & ~(zeroes ? (uint32_t)FLAG_UNMAP : 0))
        return BLK_S_UNSUPP;
    if (sectors > BLK_MAX_RANGE || sector > all || sectors > all - sector)
        return BLK_S_IOERR;
    r->block.offset = sector * BLK_SECTOR;
    r->block.size = (uint64_t)sectors * BLK_SECTOR;
    r->block.unmap = flags & FLAG_UNMAP;
    return BLK_S_OK;
}

// The next range goes to the disk; false if there is none, or it is refused (*status).
static bool next_range(struct blk_request *r, uint8_t *status)
{
    *status = BLK_S_OK;
    while (r->segment < r->segments) {
        *status = take_range(r);
        r->segment++;
        if (*status != BLK_S_OK)
            return false;
        if (r->block.size)
            return true;
    }
    return false;
}

// All ranges are judged before the first one changes anything.
static uint8_t begin_ranges(struct blk_request *r, enum vm_block_op op)
{
    struct vm_virtq_element *e = &r->element;
    uint64_t size = e->out_size - BLK_HEADER;
    if (size == 0 || size % BLK_SEGMENT || size > sizeof r->ranges)
        return BLK_S_IOERR;
    vm_iov_read(e->iov, e->out_count, BLK_HEADER, r->ranges, (size_t)size);
    r->segments = (unsigned)(size / BLK_SEGMENT);
    r->block.op = op;
    for (r->segment = 0; r->segment < r->segments; r->segment++) {
        uint8_t status = take_range(r);
        if (status != BLK_S_OK)
            return status;
    }
    r->segment = 0;
    return BLK_S_OK;
}

// --- the course of a request ---

static void resubmit(struct blk_request *r)
{
    struct blk_batch one = {0};
    add(r, &one);
    blk_submit(r->device, &one);
}

static bool has_to_last(const struct blk_request *r)
{
    const struct blk *b = r->device;
    bool writes = r->block.op == VM_BLOCK_WRITE || r->block.op == VM_BLOCK_WRITE_ZEROES;
    return writes && !(atomic_load_explicit(&b->write_back, memory_order_relaxed) &&
                       atomic_load_explicit(&b->may_postpone, memory_order_relaxed));
}

static void done(struct vm_block_request *block)
{
    struct blk_request *r = block->owner;
    uint8_t status = status_of(block->status), refused;
    if (status == BLK_S_OK && r->segments && next_range(r, &refused)) {
        resubmit(r);
        return;
    }
    if (status == BLK_S_OK && has_to_last(r)) {
        r->is_flushing = true;
        r->segments = 0;
        block->op = VM_BLOCK_FLUSH;
        resubmit(r);
        return;
    }
    count_end(r);
    blk_end(r, status);
}

static uint8_t begin_transfer(struct blk_request *r, uint64_t sector, bool write)
{
    const struct blk *b = r->device;
    struct vm_virtq_element *e = &r->element;
    struct vm_iovec *iov = write ? e->iov : e->iov + e->out_count;
    unsigned n = write ? e->out_count : e->in_count;
    uint64_t size = write ? e->out_size - BLK_HEADER : e->in_size - 1;
    if (size % BLK_SECTOR || sector > b->block->size / BLK_SECTOR ||
        size > b->block->size - sector * BLK_SECTOR)
        return BLK_S_IOERR;
    r->block.op = write ? VM_BLOCK_WRITE : VM_BLOCK_READ;
    r->block.offset = sector * BLK_SECTOR;
    r->block.size = size;
    r->block.iov = iov;
    r->block.iov_count = vm_iov_slice(iov, n, write ? BLK_HEADER : 0, size, iov);
    return BLK_S_OK;
}

static void get_id(struct blk_request *r)
{
    const struct vm_virtq_element *e = &r->element;
    uint64_t room = e->in_size - 1;
    size_t n = room < VM_VIRTIO_BLK_SERIAL ? (size_t)room : VM_VIRTIO_BLK_SERIAL;
    vm_iov_write(e->iov + e->out_count, e->in_count, 0, r->device->serial, n);
    blk_end(r, BLK_S_OK);
}

// The status, and *submit if the disk has to do something.
static uint8_t judge(struct blk_request *r, uint32_t type, uint64_t sector, bool *submit)
{
    bool read_only = r->device->block->read_only;
    uint8_t status;
    *submit = true;
    switch (type) {
    case T_IN: status = begin_transfer(r, sector, false); break;
    case T_OUT: status = read_only ? BLK_S_IOERR : begin_transfer(r, sector, true); break;
    case T_FLUSH: r->block.op = VM_BLOCK_FLUSH; return BLK_S_OK;
    case T_DISCARD:
    case T_WRITE_ZEROES:
        status = read_only ? BLK_S_IOERR
                           : begin_ranges(r, type == T_DISCARD ? VM_BLOCK_DISCARD
                                                               : VM_BLOCK_WRITE_ZEROES);
        if (status == BLK_S_OK)
            *submit = next_range(r, &status);
        return status;
    default: return BLK_S_UNSUPP;
    }
    *submit = status == BLK_S_OK && r->block.size > 0;
    return status;
}

void blk_begin(struct blk_request *r, struct blk_batch *batch)
{
    const struct vm_virtq_element *e = &r->element;
    uint8_t header[BLK_HEADER];
    bool submit;
    vm_iov_read(e->iov, e->out_count, 0, header, sizeof header);
    uint32_t type = vm_load_le32(header);
    uint64_t sector = vm_load_le64(header + 8);
    r->block = (struct vm_block_request){.done = done, .owner = r};
    r->is_flushing = false;
    r->segment = r->segments = 0;
    if (type == T_GET_ID) {
        get_id(r);
        return;
    }
    uint8_t status = judge(r, type, sector, &submit);
    if (status == BLK_S_OK && submit)
        add(r, batch);
    else
        blk_end(r, status);
}
