// SPDX-License-Identifier: MIT
//
// The course of requests on a qcow2 disk: ready, parked, pieces in flight, done; and the requests
// that go to the file and the backing disk, gathered until nothing is ready any more, so that they
// leave in one batch.
#include "qcow2.h"

enum { BATCH = 64, BOUNCE_LIMIT = 32 << 20 };

_Static_assert(sizeof(struct vm_qcow2_state) <= sizeof(((struct vm_block_request *)NULL)->backend),
               "a block request has room for its state");

// --- to the file and the backing disk ---

struct vm_qcow2_io *vm_qcow2_io_new(struct vm_qcow2 *q, struct vm_block *target,
                                    enum vm_block_op op, unsigned iov, size_t bounce)
{
    struct vm_qcow2_io *io =
        vm_heap_alloc(sizeof(struct vm_qcow2_io) + iov * sizeof(struct vm_iovec));
    if (!io)
        return NULL;
    *io = (struct vm_qcow2_io){.q = q, .target = target, .room = iov, .bounce_size = bounce};
    io->request.op = op;
    io->request.iov = io->iov;
    if (bounce && !(io->bounce = vm_heap_alloc(bounce))) {
        vm_qcow2_io_free(io);
        return NULL;
    }
    return io;
}

void vm_qcow2_io_free(struct vm_qcow2_io *io)
{
    vm_heap_release(io->bounce, io->bounce_size);
    vm_heap_release(io, sizeof *io + io->room * sizeof io->iov[0]);
}

static void io_done(struct vm_block_request *request)
{
    struct vm_qcow2_io *io = request->owner;
    struct vm_qcow2 *q = io->q;
    vm_qcow2_enter(q);
    if (io->target == q->file)
        q->file_pending--;
    else
        q->backing_pending--;
    io->done(io);
    vm_qcow2_leave(q);
}

void vm_qcow2_io_send(struct vm_qcow2_io *io)
{
    struct vm_qcow2 *q = io->q;
    io->request.owner = io;
    io->request.done = io_done;
    io->next = NULL;
    *q->outbox_end = io;
    q->outbox_end = &io->next;
    if (io->target == q->file)
        q->file_pending++;
    else
        q->backing_pending++;
}

static void send_batch(struct vm_qcow2 *q)
{
    struct vm_block_request *file[BATCH], *backing[BATCH];
    unsigned file_count = 0, backing_count = 0;
    for (unsigned i = 0; i < BATCH && q->outbox; i++) {
        struct vm_qcow2_io *io = q->outbox;
        q->outbox = io->next;
        if (io->target == q->file)
            file[file_count++] = &io->request;
        else
            backing[backing_count++] = &io->request;
    }
    if (!q->outbox)
        q->outbox_end = &q->outbox;
    if (file_count)
        q->file->ops->submit(q->file, file, file_count);
    if (backing_count)
        q->backing->ops->submit(q->backing, backing, backing_count);
}

enum vm_qcow2_got vm_qcow2_bounce(struct vm_qcow2 *q, size_t size)
{
    if (q->bounced && q->bounced + size > BOUNCE_LIMIT) {
        q->awaits = &q->bounced;
        return QCOW2_WAIT;
    }
    q->bounced += size;
    return QCOW2_READY;
}

void vm_qcow2_unbounce(struct vm_qcow2 *q, size_t size)
{
    q->bounced -= size;
    if (size)
        vm_qcow2_wake(q, &q->bounced, VM_BLOCK_OK);
}

enum vm_qcow2_got vm_qcow2_fail(struct vm_qcow2 *q, enum vm_block_status why)
{
    q->why = why;
    return QCOW2_FAILED;
}

enum vm_qcow2_got vm_qcow2_mark_corrupt(struct vm_qcow2 *q)
{
    q->corrupt = true;
    return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
}

// --- requests ---

static void make_ready(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    s->next = NULL;
    s->queued = true;
    *q->ready_end = r;
    q->ready_end = &s->next;
}

void vm_qcow2_wake(struct vm_qcow2 *q, const void *object, enum vm_block_status status)
{
    struct vm_block_request **p = &q->parked;
    while (*p) {
        struct vm_block_request *r = *p;
        struct vm_qcow2_state *s = vm_qcow2_state(r);
        if (s->awaits != object) {
            p = &s->next;
            continue;
        }
        *p = s->next;
        if (status != VM_BLOCK_OK)
            r->status = status;
        make_ready(q, r);
    }
}

static void park(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    struct vm_block_request **p = &q->parked;
    while (*p)
        p = &vm_qcow2_state(*p)->next;
    s->awaits = q->awaits;
    s->next = NULL;
    s->queued = true;
    *p = r;
}

void vm_qcow2_finish(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    if (s->older)
        vm_qcow2_state(s->older)->newer = s->newer;
    else
        q->oldest_request = s->newer;
    if (s->newer)
        vm_qcow2_state(s->newer)->older = s->older;
    else
        q->newest_request = s->older;
    r->done(r);
}

void vm_qcow2_piece_done(struct vm_qcow2 *q, struct vm_block_request *r,
                         enum vm_block_status status)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    if (status != VM_BLOCK_OK)
        r->status = status;
    s->pending--;
    if (!s->pending && !s->queued)
        vm_qcow2_finish(q, r);
}

static void flush(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    if (q->block.read_only)
        return;
    s->next = q->flushes;
    q->flushes = r;
    s->pending++;
    vm_qcow2_want_commit(q);
}

static enum vm_qcow2_got one_piece(struct vm_qcow2 *q, struct vm_block_request *r)
{
    bool changes = r->op != VM_BLOCK_READ && r->op != VM_BLOCK_FLUSH;
    if (changes && (q->block.read_only || q->corrupt || q->broken))
        return vm_qcow2_fail(q, VM_BLOCK_IO_ERROR);
    switch (r->op) {
    case VM_BLOCK_READ: return vm_qcow2_read(q, r);
    case VM_BLOCK_WRITE: return vm_qcow2_write(q, r, UINT64_MAX);
    case VM_BLOCK_FLUSH: return QCOW2_READY;
    case VM_BLOCK_DISCARD:
    case VM_BLOCK_WRITE_ZEROES: return vm_qcow2_zero(q, r);
    }
    return vm_qcow2_fail(q, VM_BLOCK_UNSUPPORTED);
}

// Keeps the L2 table of a piece that waits for something else. Half of the cache stays free of it.
// `before` is what it kept up to now; returns what is to be let go of.
static struct vm_qcow2_table *hold(struct vm_qcow2 *q, struct vm_block_request *r,
                                   struct vm_qcow2_table *before)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    if (before && before == q->piece_l2) {
        s->held = before;
        return NULL;
    }
    if (r->op == VM_BLOCK_READ || !q->piece_l2 || q->held >= q->table_capacity / 2)
        return before;
    s->held = q->piece_l2;
    q->piece_l2->pins++;
    q->held++;
    return before;
}

static void let_go(struct vm_qcow2 *q, struct vm_qcow2_table *held)
{
    if (!held)
        return;
    q->held--;
    vm_qcow2_table_unpin(q, held);
}

static void process(struct vm_qcow2 *q, struct vm_block_request *r)
{
    struct vm_qcow2_state *s = vm_qcow2_state(r);
    s->queued = false;
    s->pending++; // not to end while it is here
    struct vm_qcow2_table *held = s->held;
    s->held = NULL;
    if (r->op == VM_BLOCK_FLUSH)
        flush(q, r);
    while (r->op != VM_BLOCK_FLUSH && s->position < r->size && r->status == VM_BLOCK_OK) {
        q->piece_l2 = NULL;
        enum vm_qcow2_got got = one_piece(q, r);
        if (got == QCOW2_FAILED)
            r->status = q->why;
        if (got != QCOW2_WAIT)
            continue;
        held = hold(q, r, held);
        park(q, r);
        break;
    }
    let_go(q, held);
    vm_qcow2_piece_done(q, r, VM_BLOCK_OK);
}

void vm_qcow2_start(struct vm_qcow2 *q, struct vm_block_request *r)
{
    r->status = VM_BLOCK_OK;
    *vm_qcow2_state(r) = (struct vm_qcow2_state){
        .older = q->newest_request,
        .sequence = ++q->sequence,
    };
    if (q->newest_request)
        vm_qcow2_state(q->newest_request)->newer = r;
    else
        q->oldest_request = r;
    q->newest_request = r;
    make_ready(q, r);
}

void vm_qcow2_enter(struct vm_qcow2 *q)
{
    q->depth++;
}

void vm_qcow2_leave(struct vm_qcow2 *q)
{
    while (q->depth == 1) {
        while (q->ready) {
            struct vm_block_request *r = q->ready;
            q->ready = vm_qcow2_state(r)->next;
            if (!q->ready)
                q->ready_end = &q->ready;
            process(q, r);
        }
        vm_qcow2_free_lost(q);
        if (!q->ready && !q->outbox)
            break;
        send_batch(q);
    }
    q->depth--;
}
