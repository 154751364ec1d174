// SPDX-License-Identifier: MIT
//
// Asynchronous I/O: cuts requests into host calls, goes on after short transfers, and falls back
// from the cheap ways to write zeros to the sure one. The engines only carry out calls.
#include "aio_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "file_open.h"

enum {
    MAX_VECTORS = 1024,   // of one host call (UIO_MAXIOV)
    ZERO_SIZE = 64 << 10, // bytes of zeros at hand
    ZERO_VECTORS = 16,    // times that many a host call
    INLINE_SIZE = 64 << 10,
    CACHE_PAGE = 4 << 10, // of the host's cache, at least
};

// How a request is carried out; DISCARD and ZERO go down the list when the host cannot.
enum method { TRANSFER, PUNCH_HOLE, ZERO_RANGE, WRITE_ZEROS };

struct vm_osal_aio {
    const struct vm_osal_aio_engine *table;
    void *engine;
    unsigned in_flight;
    unsigned syncs; // of those in flight
};

static const uint8_t zeros[ZERO_SIZE];
static const struct vm_osal_iovec zero_vectors[ZERO_VECTORS] = {
#define Z                        \
    {                            \
        (void *)zeros, ZERO_SIZE \
    }
    Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z, Z,
#undef Z
};

static int allocate_mode(unsigned method)
{
    return method == PUNCH_HOLE ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : FALLOC_FL_ZERO_RANGE;
}

static struct vm_osal_aio_call zero_call(const struct vm_osal_aio_request *r)
{
    struct vm_osal_aio_call c = {.fd = vm_osal_file_descriptor(r->file),
                                 .offset = r->offset + r->moved};
    if (r->method != WRITE_ZEROS) {
        c.what = VM_OSAL_CALL_ALLOCATE;
        c.size = r->size;
        c.mode = allocate_mode(r->method);
        return c;
    }
    uint64_t rest = r->size - r->moved;
    c.what = VM_OSAL_CALL_WRITE;
    if (rest < ZERO_SIZE) {
        c.iov = &r->cut; // set by prepare
        c.iov_count = 1;
    } else {
        c.iov = zero_vectors;
        c.iov_count = rest / ZERO_SIZE < ZERO_VECTORS ? (unsigned)(rest / ZERO_SIZE) : ZERO_VECTORS;
    }
    return c;
}

struct vm_osal_aio_call vm_osal_aio_next_call(const struct vm_osal_aio_request *r)
{
    struct vm_osal_aio_call c = {.fd = vm_osal_file_descriptor(r->file),
                                 .offset = r->offset + r->moved};
    switch (r->op) {
    case VM_OSAL_AIO_SYNC: c.what = VM_OSAL_CALL_SYNC; return c;
    case VM_OSAL_AIO_DISCARD:
    case VM_OSAL_AIO_ZERO: return zero_call(r);
    case VM_OSAL_AIO_READ: c.what = VM_OSAL_CALL_READ; break;
    case VM_OSAL_AIO_WRITE: c.what = VM_OSAL_CALL_WRITE; break;
    }
    c.iov = r->moved ? &r->cut : r->iov;
    c.iov_count = r->moved ? 1 : r->iov_count < MAX_VECTORS ? r->iov_count : MAX_VECTORS;
    return c;
}

// The iovec in which byte `moved` lies, from there on.
static struct vm_osal_iovec rest_of_vector(const struct vm_osal_aio_request *r)
{
    uint64_t skip = r->moved;
    unsigned i = 0;
    while (skip >= r->iov[i].size)
        skip -= r->iov[i++].size;
    return (struct vm_osal_iovec){(uint8_t *)r->iov[i].base + skip, r->iov[i].size - (size_t)skip};
}

static bool is_transfer(const struct vm_osal_aio_request *r)
{
    return r->op == VM_OSAL_AIO_READ || r->op == VM_OSAL_AIO_WRITE;
}

// Sets `cut` for the next call where that is no whole iovec.
static void prepare(struct vm_osal_aio_request *r)
{
    if (is_transfer(r) && r->moved)
        r->cut = rest_of_vector(r);
    else if (r->method == WRITE_ZEROS)
        r->cut = (struct vm_osal_iovec){(void *)zeros, (size_t)((r->size - r->moved) % ZERO_SIZE)};
}

// Clears what the file did not have.
static void zero_rest(struct vm_osal_aio_request *r)
{
    while (r->moved < r->size) {
        struct vm_osal_iovec v = rest_of_vector(r);
        memset(v.base, 0, v.size);
        r->moved += v.size;
    }
}

static bool finish(struct vm_osal_aio_request *r, int cause)
{
    switch (cause) {
    case 0: r->result = VM_OSAL_AIO_OK; break;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: r->result = VM_OSAL_AIO_NO_SPACE; break;
    case EOPNOTSUPP:
    case ENOSYS: r->result = VM_OSAL_AIO_UNSUPPORTED; break;
    default: r->result = VM_OSAL_AIO_FAILED; break;
    }
    return true;
}

// Takes the outcome of a call in; true when the request is done.
static bool advance(struct vm_osal_aio_request *r)
{
    int cause = r->outcome < 0 ? (int)-r->outcome : 0;
    if (cause == EINTR || cause == EAGAIN)
        return false;
    bool moves = is_transfer(r) || r->method == WRITE_ZEROS;
    if (cause != 0 && !moves && r->op == VM_OSAL_AIO_ZERO) {
        // Some file systems and media cannot, and say so in several ways. The last way is sure.
        r->method++;
        return false;
    }
    if (cause == EINVAL && r->op == VM_OSAL_AIO_DISCARD)
        cause = EOPNOTSUPP;
    if (cause != 0 || !moves)
        return finish(r, cause);
    if (r->outcome == 0 && r->op != VM_OSAL_AIO_READ)
        return finish(r, EIO);
    if (r->outcome == 0)
        zero_rest(r);
    else
        r->moved += (uint64_t)r->outcome;
    return r->moved >= r->size ? finish(r, 0) : false;
}

static bool begin(struct vm_osal_aio_request *r)
{
    r->moved = 0;
    r->method = TRANSFER;
    if (is_transfer(r)) {
        r->size = 0;
        for (unsigned i = 0; i < r->iov_count; i++)
            r->size += r->iov[i].size;
    } else if (r->op == VM_OSAL_AIO_DISCARD) {
        r->method = PUNCH_HOLE;
    } else if (r->op == VM_OSAL_AIO_ZERO) {
        r->method = r->unmap ? PUNCH_HOLE : ZERO_RANGE;
    }
    if (r->op == VM_OSAL_AIO_SYNC)
        return true;
    if (r->size == 0)
        finish(r, 0);
    else if (r->offset > INT64_MAX || r->size > INT64_MAX - r->offset)
        finish(r, EFBIG);
    else
        return true;
    return false;
}

// A write of whole pages that is soon copied into the host's cache costs a tenth of what it costs
// to hand it to a thread of the host's kernel, which is what a ring does with it. During a sync it
// could have to wait for the medium.
static bool write_inline(const struct vm_osal_aio *aio, struct vm_osal_aio_request *r)
{
    if (!aio->table->queues_writes || r->op != VM_OSAL_AIO_WRITE || r->size > INLINE_SIZE ||
        (r->offset | r->size) % CACHE_PAGE || aio->syncs)
        return false;
    struct vm_osal_aio_call c = vm_osal_aio_next_call(r);
    ssize_t n = pwritev(c.fd, (const void *)c.iov, (int)c.iov_count, (off_t)c.offset);
    r->outcome = n < 0 ? -errno : n;
    return advance(r);
}

static void count_in(struct vm_osal_aio *aio, const struct vm_osal_aio_request *r)
{
    aio->in_flight++;
    aio->syncs += r->op == VM_OSAL_AIO_SYNC;
}

static void count_out(struct vm_osal_aio *aio, const struct vm_osal_aio_request *r)
{
    aio->in_flight--;
    aio->syncs -= r->op == VM_OSAL_AIO_SYNC;
}

void vm_osal_aio_submit(struct vm_osal_aio *aio, struct vm_osal_aio_request **requests,
                        unsigned count)
{
    struct vm_osal_aio_request *list = NULL, **end = &list, *ended = NULL, **last = &ended;
    for (unsigned i = 0; i < count; i++) {
        struct vm_osal_aio_request *r = requests[i];
        r->next = NULL;
        if (begin(r) && !write_inline(aio, r)) {
            prepare(r);
            *end = r;
            end = &r->next;
            count_in(aio, r);
        } else {
            *last = r;
            last = &r->next;
        }
    }
    if (list)
        aio->table->start(aio->engine, list);
    while (ended) {
        struct vm_osal_aio_request *r = ended;
        ended = r->next;
        r->done(r);
    }
}

// Goes on with what has ended; true if anything is done.
static bool process(struct vm_osal_aio *aio, struct vm_osal_aio_request *list)
{
    struct vm_osal_aio_request *again = NULL, **end = &again, *ready = NULL, **last = &ready;
    while (list) {
        struct vm_osal_aio_request *r = list;
        list = r->next;
        r->next = NULL;
        if (advance(r)) {
            *last = r;
            last = &r->next;
            count_out(aio, r);
        } else {
            prepare(r);
            *end = r;
            end = &r->next;
        }
    }
    if (again)
        aio->table->start(aio->engine, again);
    bool any = ready != NULL;
    while (ready) {
        struct vm_osal_aio_request *r = ready;
        ready = r->next; // `done` may submit it again
        r->done(r);
    }
    return any;
}

void vm_osal_aio_complete(struct vm_osal_aio *aio)
{
    process(aio, aio->table->take(aio->engine, false));
}

void vm_osal_aio_wait(struct vm_osal_aio *aio)
{
    while (aio->in_flight && !process(aio, aio->table->take(aio->engine, true)))
        ;
}

vm_status vm_osal_aio_confine(struct vm_osal_aio *aio, struct vm_error *e)
{
    return aio->table->confine ? aio->table->confine(aio->engine, e) : VM_OK;
}

vm_osal_stream vm_osal_aio_stream(const struct vm_osal_aio *aio)
{
    return (vm_osal_stream){aio->table->descriptor(aio->engine)};
}

const char *vm_osal_aio_name(const struct vm_osal_aio *aio)
{
    return aio->table->name;
}

vm_status vm_osal_aio_create(enum vm_osal_aio_kind kind, struct vm_osal_aio **out,
                             struct vm_error *e)
{
    struct vm_osal_aio *aio = calloc(1, sizeof *aio);
    if (!aio)
        return vm_error_set(e, VM_ERR_HOST, "no memory for file I/O");
    if (kind != VM_OSAL_AIO_THREADS)
        aio->table = vm_osal_aio_kernel(&aio->engine, e);
    if (!aio->table && kind != VM_OSAL_AIO_KERNEL)
        aio->table = vm_osal_aio_threads(&aio->engine, e);
    if (!aio->table) {
        free(aio);
        return VM_ERR_HOST;
    }
    *out = aio;
    return VM_OK;
}

void vm_osal_aio_destroy(struct vm_osal_aio *aio)
{
    if (!aio)
        return;
    aio->table->destroy(aio->engine);
    free(aio);
}
