// SPDX-License-Identifier: MIT
//
// Writing to a qcow2 disk, one piece at a time: in place where the clusters are the guest's own, or
// into new clusters. These are filled up with what the guest saw there before; their L2 entries
// change when all of it is written, so the old state stands until then. Other writers of the same
// clusters wait for that.
#include "qcow2.h"

enum { ZEROS = 64 << 10 };
static const uint8_t zeros[ZEROS];

struct vm_qcow2_allocation *vm_qcow2_allocating(struct vm_qcow2 *q, uint64_t cluster)
{
    struct vm_qcow2_allocation *a = q->allocations;
    while (a && (cluster < a->cluster || cluster - a->cluster >= a->count))
        a = a->next;
    return a;
}

// --- the guest's data as iovecs: its own, or zeros ---

static unsigned data_count(const struct vm_block_request *r, uint64_t skip, uint64_t size)
{
    if (r->op == VM_BLOCK_WRITE_ZEROES)
        return (unsigned)((size + ZEROS - 1) / ZEROS);
    return vm_qcow2_slice(r->iov, r->iov_count, skip, size, NULL);
}

static void put_data(const struct vm_block_request *r, uint64_t skip, uint64_t size,
                     struct vm_iovec *to)
{
    if (r->op != VM_BLOCK_WRITE_ZEROES) {
        vm_qcow2_slice(r->iov, r->iov_count, skip, size, to);
        return;
    }
    for (; size; to++) {
        to->base = (void *)zeros;
        to->size = size < ZEROS ? (size_t)size : ZEROS;
        size -= to->size;
    }
}

// --- in place ---

static void write_done(struct vm_qcow2_io *io)
{
    struct vm_block_request *r = io->owner;
    enum vm_block_status status = io->request.status;
    struct vm_qcow2 *q = io->q;
    vm_qcow2_io_free(io);
    vm_qcow2_piece_done(q, r, status);
}

static bool is_own(const struct vm_qcow2 *q, uint64_t entry)
{
    return entry & QCOW2_COPIED && vm_qcow2_classify(q, entry) == QCOW2_NORMAL;
}

static enum vm_qcow2_got write_in_place(struct vm_qcow2 *q, struct vm_block_request *r,
                                        const struct vm_qcow2_table *l2, uint64_t limit)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    uint64_t at = r->offset + s->position, in_cluster = at & (q->cluster_size - 1);
    uint64_t index = vm_qcow2_l2_index(q, at), host = vm_qcow2_entry(l2, index) & QCOW2_OFFSET_MASK;
    uint64_t size = q->cluster_size - in_cluster;
    for (uint64_t i = 1; size < limit && index + i < (uint64_t)1 << q->l2_bits; i++) {
        uint64_t entry = vm_qcow2_entry(l2, index + i);
        if (!is_own(q, entry) || (entry & QCOW2_OFFSET_MASK) != host + i * q->cluster_size)
            break;
        size += q->cluster_size;
    }
    size = size < limit ? size : limit;
    unsigned n = data_count(r, s->position, size);
    struct vm_qcow2_io *io = vm_qcow2_io_new(q, q->file, VM_BLOCK_WRITE, n, 0);
    if (!io)
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    put_data(r, s->position, size, io->iov);
    io->request.iov_count = n;
    io->request.offset = host + in_cluster;
    io->request.size = size;
    io->owner = r;
    io->done = write_done;
    s->pending++;
    s->position += size;
    vm_qcow2_io_send(io);
    return QCOW2_READY;
}

// --- into new clusters ---

static void end_allocation(struct vm_qcow2_allocation *a)
{
    struct vm_qcow2 *q = a->q;
    struct vm_qcow2_allocation **p = &q->allocations;
    while (*p != a)
        p = &(*p)->next;
    *p = a->next;
    struct vm_block_request *parent = a->parent;
    enum vm_block_status status = a->status;
    vm_qcow2_table_unpin(q, a->l2);
    vm_qcow2_wake(q, a, VM_BLOCK_OK);
    size_t bounce = (size_t)(a->head + a->tail);
    vm_heap_release(a->bounce, bounce);
    vm_heap_release(a, sizeof *a);
    vm_qcow2_unbounce(q, bounce);
    vm_qcow2_piece_done(q, parent, status);
}

static void enter_clusters(struct vm_qcow2_allocation *a)
{
    struct vm_qcow2 *q = a->q;
    uint64_t index = vm_qcow2_l2_index(q, a->cluster << q->header.cluster_bits);
    for (uint64_t i = 0; i < a->count; i++) {
        uint8_t *at = a->l2->data + (index + i) * 8;
        if (!a->reused)
            vm_qcow2_lose_entry(q, vm_qcow2_load64(at));
        vm_qcow2_store64(at, (a->host + i * q->cluster_size) | QCOW2_COPIED);
    }
    vm_qcow2_table_dirty(q, a->l2);
}

static void clusters_written(struct vm_qcow2_io *io)
{
    struct vm_qcow2_allocation *a = io->owner;
    a->status = io->request.status;
    vm_qcow2_io_free(io);
    if (a->status == VM_BLOCK_OK)
        enter_clusters(a);
    else if (!a->reused)
        vm_qcow2_lose(a->q, a->host, a->count, true);
    end_allocation(a);
}

static void write_clusters(struct vm_qcow2_allocation *a)
{
    struct vm_qcow2 *q = a->q;
    unsigned n = data_count(a->parent, a->parent_offset, a->length), used = 0;
    struct vm_qcow2_io *io =
        a->status == VM_BLOCK_OK ? vm_qcow2_io_new(q, q->file, VM_BLOCK_WRITE, n + 2, 0) : NULL;
    if (!io) {
        if (a->status == VM_BLOCK_OK)
            a->status = VM_BLOCK_IO_ERROR;
        if (!a->reused)
            vm_qcow2_lose(q, a->host, a->count, true);
        end_allocation(a);
        return;
    }
    if (a->head)
        io->iov[used++] = (struct vm_iovec){a->bounce, (size_t)a->head};
    put_data(a->parent, a->parent_offset, a->length, io->iov + used);
    used += n;
    if (a->tail)
        io->iov[used++] = (struct vm_iovec){a->bounce + a->head, (size_t)a->tail};
    io->request.iov_count = used;
    io->request.offset = a->host + (a->start - a->head) - (a->cluster << q->header.cluster_bits);
    io->request.size = a->head + a->length + a->tail;
    io->owner = a;
    io->done = clusters_written;
    vm_qcow2_io_send(io);
}

static void fill_done(struct vm_block_request *fill)
{
    struct vm_qcow2_allocation *a = fill->owner;
    if (fill->status != VM_BLOCK_OK)
        a->status = fill->status;
    if (--a->reads == 0)
        write_clusters(a);
}

// Reads what stands before and behind the guest's data, as the guest would.
static void fill_up(struct vm_qcow2_allocation *a)
{
    const uint64_t size[2] = {a->head, a->tail};
    const uint64_t offset[2] = {a->start - a->head, a->start + a->length};
    uint8_t *to = a->bounce;
    a->reads = (a->head != 0) + (a->tail != 0);
    if (a->reads == 0) {
        write_clusters(a);
        return;
    }
    for (unsigned i = 0; i < 2; i++) {
        if (size[i] == 0)
            continue;
        a->fill_iov[i] = (struct vm_iovec){to, (size_t)size[i]};
        a->fill[i] = (struct vm_block_request){
            .op = VM_BLOCK_READ,
            .offset = offset[i],
            .size = size[i],
            .iov = &a->fill_iov[i],
            .iov_count = 1,
            .done = fill_done,
            .owner = a,
            .unmap = true, // see read_packed
        };
        vm_qcow2_start(a->q, &a->fill[i]);
        to += size[i];
    }
}

// Whether the guest sees zeros there because there is nothing.
static bool is_nothing(const struct vm_qcow2 *q, uint64_t entry, uint64_t at)
{
    enum vm_qcow2_cluster c = vm_qcow2_classify(q, entry);
    return c == QCOW2_ZERO || (c == QCOW2_UNALLOCATED && (!q->backing || at >= q->backing->size));
}

// The clusters from that of `at` on, at most `limit` bytes, which need a new place.
static uint64_t count_new(struct vm_qcow2 *q, const struct vm_qcow2_table *l2, uint64_t at,
                          uint64_t limit)
{
    uint64_t cluster = at >> q->header.cluster_bits, index = vm_qcow2_l2_index(q, at), n = 1;
    uint64_t last = (at + limit - 1) >> q->header.cluster_bits;
    for (; cluster + n <= last && index + n < (uint64_t)1 << q->l2_bits; n++) {
        uint64_t entry = vm_qcow2_entry(l2, index + n);
        enum vm_qcow2_cluster c = vm_qcow2_classify(q, entry);
        if (c == QCOW2_INVALID || c == QCOW2_ZERO_KEPT || is_own(q, entry) ||
            vm_qcow2_allocating(q, cluster + n))
            break;
    }
    return n;
}

static enum vm_qcow2_got find_place(struct vm_qcow2 *q, struct vm_qcow2_allocation *a,
                                    uint64_t entry)
{
    if (vm_qcow2_classify(q, entry) == QCOW2_ZERO_KEPT && entry & QCOW2_COPIED) {
        a->reused = true;
        a->count = 1;
        a->host = entry & QCOW2_OFFSET_MASK;
        return QCOW2_READY;
    }
    return vm_qcow2_allocate(q, a->count, &a->host, &a->count);
}

// Sets how much is written and how much has to be filled in around it.
static void set_extent(struct vm_qcow2 *q, struct vm_qcow2_allocation *a, uint64_t limit,
                       bool pristine)
{
    uint64_t begin = a->cluster << q->header.cluster_bits;
    uint64_t size = a->count << q->header.cluster_bits;
    uint64_t index = vm_qcow2_l2_index(q, begin);
    a->head = a->start - begin;
    a->length = size - a->head < limit ? size - a->head : limit;
    a->tail = size - a->head - a->length;
    // Where nothing was ever written the file has zeros.
    if (pristine && is_nothing(q, vm_qcow2_entry(a->l2, index), begin))
        a->head = 0;
    uint64_t last = begin + size - q->cluster_size;
    if (pristine && is_nothing(q, vm_qcow2_entry(a->l2, index + a->count - 1), last))
        a->tail = 0;
}

static enum vm_qcow2_got write_new(struct vm_qcow2 *q, struct vm_block_request *r,
                                   struct vm_qcow2_table *l2, uint64_t limit)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    uint64_t at = r->offset + s->position;
    const uint64_t most = 2 * q->cluster_size; // that can have to be filled in
    enum vm_qcow2_got got = vm_qcow2_bounce(q, most);
    if (got != QCOW2_READY)
        return got;
    struct vm_qcow2_allocation *a = vm_heap_zalloc(sizeof *a);
    if (!a) {
        vm_qcow2_unbounce(q, most);
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    }
    a->count = count_new(q, l2, at, limit);
    uint64_t end = q->pristine_end;
    l2->pins++; // finding a place must not take the table
    got = find_place(q, a, vm_qcow2_entry(l2, vm_qcow2_l2_index(q, at)));
    if (got != QCOW2_READY) {
        l2->pins--;
        vm_heap_release(a, sizeof *a);
        q->bounced -= most; // no wake: nothing has become free that was not before
        return got;
    }
    a->q = q;
    a->l2 = l2;
    a->parent = r;
    a->cluster = at >> q->header.cluster_bits;
    a->start = at;
    a->parent_offset = s->position;
    set_extent(q, a, limit, !a->reused && a->host >= end);
    uint64_t bounce = a->head + a->tail;
    if (bounce && !(a->bounce = vm_heap_alloc(bounce)))
        a->status = VM_BLOCK_IO_ERROR;
    a->next = q->allocations;
    q->allocations = a;
    s->pending++;
    s->position += a->length;
    vm_qcow2_unbounce(q, most - bounce);
    if (a->status == VM_BLOCK_OK)
        fill_up(a);
    else
        write_clusters(a);
    return QCOW2_READY;
}

enum vm_qcow2_got vm_qcow2_write(struct vm_qcow2 *q, struct vm_block_request *r, uint64_t limit)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    uint64_t at = r->offset + s->position;
    if (limit > r->size - s->position)
        limit = r->size - s->position;
    struct vm_qcow2_allocation *busy = vm_qcow2_allocating(q, at >> q->header.cluster_bits);
    if (busy) {
        q->awaits = busy;
        return QCOW2_WAIT;
    }
    struct vm_qcow2_table *l2;
    enum vm_qcow2_got got = vm_qcow2_l2(q, at, true, &l2);
    if (got != QCOW2_READY)
        return got;
    uint64_t entry = vm_qcow2_entry(l2, vm_qcow2_l2_index(q, at));
    if (vm_qcow2_classify(q, entry) == QCOW2_INVALID)
        return vm_qcow2_mark_corrupt(q);
    if (is_own(q, entry))
        return write_in_place(q, r, l2, limit);
    return write_new(q, r, l2, limit);
}
