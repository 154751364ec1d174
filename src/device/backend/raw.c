// SPDX-License-Identifier: MIT
//
// Raw disks (raw.h). A block request carries its osal request in the room that is meant for that,
// so that nothing is allocated, and a batch of requests is one batch of the osal.
#include "raw.h"

#include "heap.h"

enum { BATCH = 64, SECTOR = 512 };

struct raw {
    struct vm_block block;
    struct vm_osal_file *file;
    struct vm_osal_aio *aio;
    unsigned in_flight;
    bool scratch;
};

_Static_assert(sizeof(struct vm_osal_aio_request) <=
                   sizeof(((struct vm_block_request *)NULL)->backend),
               "a block request has room for an osal request");
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

static void aio_done(struct vm_osal_aio_request *a)
{
    struct raw *raw = a->owner;
    struct vm_block_request *r = VM_CONTAINER_OF(a, struct vm_block_request, backend);
    raw->in_flight--;
    r->status = status_of(a);
    r->done(r);
}

static void translate(struct raw *raw, struct vm_block_request *r)
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
}

// What needs no host call: *status is its outcome.
static bool is_settled(const struct raw *raw, const struct vm_block_request *r,
                       enum vm_block_status *status)
{
    bool changes = r->op != VM_BLOCK_READ && r->op != VM_BLOCK_FLUSH;
    *status = raw->block.read_only && changes ? VM_BLOCK_IO_ERROR : VM_BLOCK_OK;
    return *status != VM_BLOCK_OK ||
           (r->op == VM_BLOCK_FLUSH && (raw->scratch || raw->block.read_only));
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
            } else {
                translate(raw, requests[i]);
                batch[n++] = (void *)requests[i]->backend;
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
    if (use == VM_RAW_DISK)
        size = (size + SECTOR - 1) & ~(uint64_t)(SECTOR - 1);
    *raw = (struct raw){
        .block = {&raw_ops, size, read_only, SECTOR},
        .file = file,
        .aio = aio,
        .scratch = use == VM_RAW_SCRATCH,
    };
    *block = &raw->block;
    return VM_OK;
}
