// SPDX-License-Identifier: MIT
//
// Reading from a qcow2 disk, one piece at a time: neighbouring clusters that lie together in the
// file, are zeros, come from the backing disk, or one compressed cluster.
#include "qcow2.h"

unsigned vm_qcow2_slice(const struct vm_iovec *iov, unsigned count, uint64_t skip, uint64_t size,
                        struct vm_iovec *to)
{
    unsigned n = 0, i = 0;
    for (; i < count && skip >= iov[i].size; i++)
        skip -= iov[i].size;
    for (; i < count && size; i++) {
        uint64_t have = iov[i].size - skip, take = have < size ? have : size;
        if (take && to)
            to[n] = (struct vm_iovec){(uint8_t *)iov[i].base + skip, (size_t)take};
        n += take != 0;
        size -= take;
        skip = 0;
    }
    return n;
}

static void fill_zero(const struct vm_block_request *r, uint64_t skip, uint64_t size)
{
    for (unsigned i = 0; i < r->iov_count && size; i++) {
        if (skip >= r->iov[i].size) {
            skip -= r->iov[i].size;
            continue;
        }
        uint64_t have = r->iov[i].size - skip, take = have < size ? have : size;
        vm_zero((uint8_t *)r->iov[i].base + skip, (size_t)take);
        size -= take;
        skip = 0;
    }
}

static void read_done(struct vm_qcow2_io *io)
{
    struct vm_block_request *r = io->owner;
    enum vm_block_status status = io->request.status;
    struct vm_qcow2 *q = io->q;
    vm_qcow2_io_free(io);
    vm_qcow2_piece_done(q, r, status);
}

// Reads `size` bytes at `from` of the file or the backing disk into the request at its position.
static enum vm_qcow2_got read_from(struct vm_qcow2 *q, struct vm_block_request *r,
                                   struct vm_block *target, uint64_t from, uint64_t size)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    unsigned n = vm_qcow2_slice(r->iov, r->iov_count, s->position, size, NULL);
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, target, VM_BLOCK_READ, n, 0);
    if (!io)
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    vm_qcow2_slice(r->iov, r->iov_count, s->position, size, io->iov);
    io->request.iov_count = n;
    io->request.offset = from;
    io->request.size = size;
    io->owner = r;
    io->done = read_done;
    s->pending++;
    s->position += size;
    vm_qcow2_io_send(io);
    return QCOW2_READY;
}

static enum vm_qcow2_got read_nothing(struct vm_qcow2 *q, struct vm_block_request *r, uint64_t at,
                                      uint64_t size, bool from_backing)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    if (from_backing && q->backing && at < q->backing->size) {
        uint64_t there = q->backing->size - at;
        return read_from(q, r, q->backing, at, size < there ? size : there);
    }
    fill_zero(r, s->position, size);
    s->position += size;
    return QCOW2_READY;
}

// --- compressed clusters ---

static void give_unpacked(struct vm_qcow2 *q, struct vm_block_request *r, uint64_t position,
                          uint64_t in_cluster, uint64_t size)
{
    vm_iov_write(r->iov, r->iov_count, position, q->unpacked + in_cluster, (size_t)size);
}

// The packed bytes are there. `first` is the piece's place in the request, `count` its size.
static void packed_done(struct vm_qcow2_io *io)
{
    struct vm_qcow2 *q = io->q;
    struct vm_block_request *r = io->owner;
    enum vm_block_status status = io->request.status;
    uint64_t at = r->offset + io->first, in_cluster = at & (q->cluster_size - 1);
    if (status == VM_BLOCK_OK) {
        q->unpacked_entry = 0;
        if (vm_qcow2_unpack(q->header.compression, io->bounce, io->bounce_size, q->unpacked,
                            (size_t)q->cluster_size)) {
            q->unpacked_entry = io->entry;
            give_unpacked(q, r, io->first, in_cluster, io->count);
        } else {
            status = VM_BLOCK_IO_ERROR;
        }
    }
    size_t size = io->bounce_size;
    vm_qcow2_io_free(io);
    vm_qcow2_unbounce(q, size);
    vm_qcow2_piece_done(q, r, status);
}

static enum vm_qcow2_got read_packed(struct vm_qcow2 *q, struct vm_block_request *r, uint64_t entry,
                                     uint64_t size)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    uint64_t at = r->offset + s->position, from, packed;
    if (!vm_qcow2_can_unpack(q->header.compression))
        return vm_qcow2_fail(q, VM_BLOCK_UNSUPPORTED);
    if (!q->unpacked && !(q->unpacked = vm_heap_alloc(q->cluster_size)))
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    if (q->unpacked_entry == entry) {
        give_unpacked(q, r, s->position, at & (q->cluster_size - 1), size);
        s->position += size;
        return QCOW2_READY;
    }
    vm_qcow2_packed_range(&q->header, entry, &from, &packed);
    if (r->unmap) // for an allocation, which has a bounce buffer already and must get on
        q->bounced += packed;
    else if (vm_qcow2_bounce(q, packed) != QCOW2_READY)
        return QCOW2_WAIT;
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, q->file, VM_BLOCK_READ, 1, packed);
    if (!io) {
        vm_qcow2_unbounce(q, packed);
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    }
    io->iov[0] = (struct vm_iovec){io->bounce, packed};
    io->entry = entry;
    io->request.iov_count = 1;
    io->request.offset = from;
    io->request.size = packed;
    io->first = s->position;
    io->count = size;
    io->owner = r;
    io->done = packed_done;
    s->pending++;
    s->position += size;
    vm_qcow2_io_send(io);
    return QCOW2_READY;
}

// How many bytes from `at` on, at most `size`, are of clusters like the first one.
static uint64_t run_length(const struct vm_qcow2 *q, const struct vm_qcow2_table *l2, uint64_t at,
                           uint64_t size)
{
    uint64_t index = vm_qcow2_l2_index(q, at), entries = (uint64_t)1 << q->l2_bits;
    uint64_t first = vm_qcow2_entry(l2, index);
    uint64_t host = first & QCOW2_OFFSET_MASK;
    enum vm_qcow2_cluster kind = vm_qcow2_classify(q, first);
    uint64_t end = q->cluster_size - (at & (q->cluster_size - 1));
    if (!l2) // nothing up to the end of where the table would be
        end += (entries - 1 - index) * q->cluster_size;
    for (index++; l2 && kind != QCOW2_PACKED && end < size && index < entries; index++) {
        uint64_t entry = vm_qcow2_entry(l2, index);
        host += q->cluster_size;
        if (vm_qcow2_classify(q, entry) != kind ||
            (kind == QCOW2_NORMAL && (entry & QCOW2_OFFSET_MASK) != host))
            break;
        end += q->cluster_size;
    }
    return end < size ? end : size;
}

enum vm_qcow2_got vm_qcow2_read(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    uint64_t at = r->offset + s->position;
    struct vm_qcow2_table *l2;
    enum vm_qcow2_got got = vm_qcow2_l2(q, at, false, &l2);
    if (got != QCOW2_READY)
        return got;
    uint64_t entry = vm_qcow2_entry(l2, vm_qcow2_l2_index(q, at));
    uint64_t size = run_length(q, l2, at, r->size - s->position);
    switch (vm_qcow2_classify(q, entry)) {
    case QCOW2_UNALLOCATED: return read_nothing(q, r, at, size, true);
    case QCOW2_ZERO:
    case QCOW2_ZERO_KEPT: return read_nothing(q, r, at, size, false);
    case QCOW2_PACKED: return read_packed(q, r, entry, size);
    case QCOW2_NORMAL:
        return read_from(q, r, q->file, (entry & QCOW2_OFFSET_MASK) + (at & (q->cluster_size - 1)),
                         size);
    case QCOW2_INVALID: break;
    }
    return vm_qcow2_mark_corrupt(q);
}
