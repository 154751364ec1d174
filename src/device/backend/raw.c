// SPDX-License-Identifier: MIT
//
// Raw disks (raw.h). A block request carries its osal request in the room that is meant for that,
// so that nothing is allocated, and a batch of requests is one batch of the osal.
#include "raw.h"

#include "heap.h"
#include "qcow2.h"

enum { BATCH = 64, SECTOR = 512 };

struct raw {
    struct vm_block block;
    struct vm_osal_file *file;
    struct vm_osal_aio *aio;
    unsigned in_flight;
    enum vm_raw_use use;
};

// Where a request keeps the copy of its first sector (see guard).
enum { COPY_AT = sizeof(struct vm_osal_aio_request) / sizeof(uint64_t) };

struct copy {
    unsigned room;
    uint8_t first[SECTOR];
    struct vm_iovec iov[];
};

_Static_assert((COPY_AT + 1) * sizeof(uint64_t) <=
                   sizeof(((struct vm_block_request *)NULL)->backend),
               "a block request has room for an osal request and a pointer");
_Static_assert(sizeof(struct vm_iovec) == sizeof(struct vm_osal_iovec) &&
                   offsetof(struct vm_iovec, size) == offsetof(struct vm_osal_iovec, size),
               "an iovec of a device is one of the osal");

static enum vm_block_status status_of(const struct vm_osal_aio_request *a)
{
    switch (a->result) {
    case VM_OSAL_AIO_OK: return VM_BLOCK_OK;
    case VM_OSAL_AIO_NO_SPACE: return VM_BLOCK_NO_SPACE;
    case VM_OSAL_AIO_UNSUPPORTED:
        // A discard is a hint: a host that cannot has done all there is to do.
        return a->op == VM_OSAL_AIO_DISCARD ? VM_BLOCK_OK : VM_BLOCK_UNSUPPORTED;
    case VM_OSAL_AIO_FAILED: break;
    }
    return VM_BLOCK_IO_ERROR;
}

static struct copy *copy_of(const struct vm_block_request *r)
{
    return (struct copy *)(uintptr_t)r->backend[COPY_AT];
}

static void release_copy(const struct vm_block_request *r)
{
    struct copy *c = copy_of(r);
    if (c)
        vm_heap_release(c, sizeof *c + c->room * sizeof c->iov[0]);
}

static void aio_done(struct vm_osal_aio_request *a)
{
    struct raw *raw = a->owner;
    struct vm_block_request *r = VM_CONTAINER_OF(a, struct vm_block_request, backend);
    raw->in_flight--;
    release_copy(r);
    r->status = status_of(a);
    r->done(r);
}

// A write to the beginning of a probed disk: its first sector is copied, since the guest may change
// its memory after the look at it. False if the write is refused.
static bool guard(struct vm_block_request *r)
{
    struct copy *c = vm_heap_alloc(sizeof *c + (r->iov_count + 1) * sizeof c->iov[0]);
    r->backend[COPY_AT] = (uintptr_t)c;
    if (!c)
        return false;
    c->room = r->iov_count + 1;
    size_t n = vm_iov_read(r->iov, r->iov_count, 0, c->first, SECTOR);
    c->iov[0] = (struct vm_iovec){c->first, n};
    unsigned rest = vm_iov_slice(r->iov, r->iov_count, n, UINT64_MAX, c->iov + 1);
    ((struct vm_osal_aio_request *)(void *)r->backend)->iov = (const void *)c->iov;
    ((struct vm_osal_aio_request *)(void *)r->backend)->iov_count = rest + 1;
    return n < 4 || !vm_qcow2_has_magic(c->first);
}

static bool translate(struct raw *raw, struct vm_block_request *r)
{
    static const enum vm_osal_aio_op ops[] = {
        [VM_BLOCK_READ] = VM_OSAL_AIO_READ,         [VM_BLOCK_WRITE] = VM_OSAL_AIO_WRITE,
        [VM_BLOCK_FLUSH] = VM_OSAL_AIO_SYNC,        [VM_BLOCK_DISCARD] = VM_OSAL_AIO_DISCARD,
        [VM_BLOCK_WRITE_ZEROES] = VM_OSAL_AIO_ZERO,
    };
    struct vm_osal_aio_request *a = (void *)r->backend;
    *a = (struct vm_osal_aio_request){
        .op = ops[r->op],
        .file = raw->file,
        .offset = r->offset,
        .size = r->size,
        .iov = (const void *)r->iov,
        .iov_count = r->iov_count,
        .unmap = r->unmap,
        .done = aio_done,
        .owner = raw,
    };
    bool grows = r->op == VM_BLOCK_WRITE || r->op == VM_BLOCK_WRITE_ZEROES;
    if (grows && r->offset + r->size > raw->block.size)
        raw->block.size = r->offset + r->size;
    r->backend[COPY_AT] = 0;
    return raw->use != VM_RAW_PROBED || r->op != VM_BLOCK_WRITE || r->offset >= SECTOR || guard(r);
}

// What needs no host call: *status is its outcome.
static bool is_settled(const struct raw *raw, const struct vm_block_request *r,
                       enum vm_block_status *status)
{
    bool changes = r->op != VM_BLOCK_READ && r->op != VM_BLOCK_FLUSH;
    *status = raw->block.read_only && changes ? VM_BLOCK_IO_ERROR : VM_BLOCK_OK;
    return *status != VM_BLOCK_OK ||
           (r->op == VM_BLOCK_FLUSH && (raw->use == VM_RAW_SCRATCH || raw->block.read_only));
}

static void raw_submit(struct vm_block *block, struct vm_block_request **requests, unsigned count)
{
    struct raw *raw = VM_CONTAINER_OF(block, struct raw, block);
    while (count) {
        struct vm_osal_aio_request *batch[BATCH];
        struct vm_block_request *settled[BATCH];
        unsigned n = 0, done = 0, take = count < BATCH ? count : BATCH;
        for (unsigned i = 0; i < take; i++) {
            enum vm_block_status status;
            if (is_settled(raw, requests[i], &status)) {
                requests[i]->status = status;
                settled[done++] = requests[i];
            } else if (translate(raw, requests[i])) {
                batch[n++] = (void *)requests[i]->backend;
            } else {
                release_copy(requests[i]);
                requests[i]->status = VM_BLOCK_IO_ERROR;
                settled[done++] = requests[i];
            }
        }
        requests += take;
        count -= take;
        raw->in_flight += n;
        vm_osal_aio_submit(raw->aio, batch, n);
        for (unsigned i = 0; i < done; i++)
            settled[i]->done(settled[i]);
    }
}

static void raw_poll(struct vm_block *block)
{
    vm_osal_aio_complete(VM_CONTAINER_OF(block, struct raw, block)->aio);
}

static void raw_wait(struct vm_block *block)
{
    struct raw *raw = VM_CONTAINER_OF(block, struct raw, block);
    if (raw->in_flight)
        vm_osal_aio_wait(raw->aio);
}

static void raw_close(struct vm_block *block)
{
    struct raw *raw = VM_CONTAINER_OF(block, struct raw, block);
    while (raw->in_flight)
        vm_osal_aio_wait(raw->aio);
    vm_osal_file_close(raw->file);
    vm_heap_release(raw, sizeof *raw);
}

static const struct vm_block_ops raw_ops = {
    .format = "raw",
    .submit = raw_submit,
    .poll = raw_poll,
    .wait = raw_wait,
    .close = raw_close,
};

vm_status vm_raw_open(struct vm_osal_file *file, struct vm_osal_aio *aio, enum vm_raw_use use,
                      bool read_only, struct vm_block **block, struct vm_error *e)
{
    uint64_t size;
    vm_status status = vm_osal_file_size(file, &size, e);
    struct raw *raw = status == VM_OK ? vm_heap_alloc(sizeof *raw) : NULL;
    if (!raw) {
        vm_osal_file_close(file);
        return status == VM_OK ? vm_error_set(e, VM_ERR_HOST, "out of memory for a disk") : status;
    }
    if (use == VM_RAW_DISK || use == VM_RAW_PROBED)
        size = (size + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
    *raw = (struct raw){
        .block = {&raw_ops, size, read_only, SECTOR},
        .file = file,
        .aio = aio,
        .use = use,
    };
    *block = &raw->block;
    return VM_OK;
}
