// SPDX-License-Identifier: MIT
//
// Asynchronous I/O by io_uring (io_uring(7)), with plain system calls. One submission queue entry
// per call of a request; what finds the queue full waits in a backlog, so that completions are
// never lost. The rings are shared with the kernel: heads and tails by acquire and release.
//
// What the rings ask for passes by the sandbox (vm/osal/sandbox.h), so the kernel is told to take
// nothing but what disks need (Linux 5.10).
#include "../posix/aio_engine.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { ENTRIES = 256, PROBE_OPS = 256 };

struct ring {
    int fd;
    uint8_t *map; // both rings
    size_t map_size;
    struct io_uring_sqe *sqes;
    size_t sqes_size;
    _Atomic uint32_t *sq_head, *sq_tail, *cq_head, *cq_tail;
    uint32_t sq_mask, cq_mask, *sq_array;
    struct io_uring_cqe *cqes;
    unsigned in_flight;
    struct vm_osal_aio_request *backlog, **backlog_end;
    struct vm_osal_aio_request *failed; // the kernel would not take them
};

static int setup(unsigned entries, struct io_uring_params *p)
{
    return (int)syscall(__NR_io_uring_setup, entries, p);
}

static int enter(int fd, unsigned submit, unsigned complete, unsigned flags)
{
    return (int)syscall(__NR_io_uring_enter, fd, submit, complete, flags, NULL, 0);
}

static const uint8_t needed[] = {IORING_OP_READV, IORING_OP_WRITEV, IORING_OP_FSYNC,
                                 IORING_OP_FALLOCATE};

static bool knows_ops(int fd)
{
    size_t size = sizeof(struct io_uring_probe) + PROBE_OPS * sizeof(struct io_uring_probe_op);
    struct io_uring_probe *probe = calloc(1, size);
    bool all =
        probe && syscall(__NR_io_uring_register, fd, IORING_REGISTER_PROBE, probe, PROBE_OPS) == 0;
    for (size_t i = 0; all && i < VM_ARRAY_SIZE(needed); i++)
        all = needed[i] <= probe->last_op && (probe->ops[needed[i]].flags & IO_URING_OP_SUPPORTED);
    free(probe);
    return all;
}

// True if the ring exists, disabled, for `restrict_ops`.
static bool make(struct ring *r, struct io_uring_params *p)
{
    *p = (struct io_uring_params){.flags = IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED};
    r->fd = setup(ENTRIES, p);
    if (r->fd >= 0)
        return true;
    *p = (struct io_uring_params){.flags = IORING_SETUP_CLAMP};
    r->fd = setup(ENTRIES, p); // an older kernel, which knows no restrictions
    return false;
}

static bool restrict_ops(int fd)
{
    struct io_uring_restriction list[VM_ARRAY_SIZE(needed)];
    memset(list, 0, sizeof list);
    for (size_t i = 0; i < VM_ARRAY_SIZE(needed); i++) {
        list[i].opcode = IORING_RESTRICTION_SQE_OP;
        list[i].sqe_op = needed[i];
    }
    return syscall(__NR_io_uring_register, fd, IORING_REGISTER_RESTRICTIONS, list,
                   VM_ARRAY_SIZE(list)) == 0 &&
           syscall(__NR_io_uring_register, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0;
}

static void *map(int fd, size_t size, uint64_t offset)
{
    void *p =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, (off_t)offset);
    return p == MAP_FAILED ? NULL : p;
}

static bool map_rings(struct ring *r, const struct io_uring_params *p)
{
    size_t sq = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
    size_t cq = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
    r->map_size = sq > cq ? sq : cq;
    r->sqes_size = p->sq_entries * sizeof(struct io_uring_sqe);
    r->map = map(r->fd, r->map_size, IORING_OFF_SQ_RING);
    r->sqes = map(r->fd, r->sqes_size, IORING_OFF_SQES);
    if (!r->map || !r->sqes)
        return false;
    r->sq_head = (void *)(r->map + p->sq_off.head);
    r->sq_tail = (void *)(r->map + p->sq_off.tail);
    r->cq_head = (void *)(r->map + p->cq_off.head);
    r->cq_tail = (void *)(r->map + p->cq_off.tail);
    r->sq_mask = *(uint32_t *)(void *)(r->map + p->sq_off.ring_mask);
    r->cq_mask = *(uint32_t *)(void *)(r->map + p->cq_off.ring_mask);
    r->sq_array = (void *)(r->map + p->sq_off.array);
    r->cqes = (void *)(r->map + p->cq_off.cqes);
    return true;
}

static void ring_destroy(void *engine)
{
    struct ring *r = engine;
    if (r->sqes)
        munmap(r->sqes, r->sqes_size);
    if (r->map)
        munmap(r->map, r->map_size);
    if (r->fd >= 0)
        close(r->fd);
    free(r);
}

static void fill(struct io_uring_sqe *sqe, struct vm_osal_aio_request *request)
{
    struct vm_osal_aio_call c = vm_osal_aio_next_call(request);
    memset(sqe, 0, sizeof *sqe);
    sqe->fd = c.fd;
    sqe->user_data = (uint64_t)(uintptr_t)request;
    switch (c.what) {
    case VM_OSAL_CALL_READ:
    case VM_OSAL_CALL_WRITE:
        sqe->opcode = c.what == VM_OSAL_CALL_READ ? IORING_OP_READV : IORING_OP_WRITEV;
        sqe->off = c.offset;
        sqe->addr = (uint64_t)(uintptr_t)c.iov;
        sqe->len = c.iov_count;
        break;
    case VM_OSAL_CALL_SYNC:
        sqe->opcode = IORING_OP_FSYNC;
        sqe->fsync_flags = IORING_FSYNC_DATASYNC;
        break;
    case VM_OSAL_CALL_ALLOCATE:
        sqe->opcode = IORING_OP_FALLOCATE;
        sqe->off = c.offset;
        sqe->addr = c.size;
        sqe->len = (uint32_t)c.mode;
        break;
    }
}

// The kernel refuses the call itself: what it has not taken fails with `cause`.
static void refuse(struct ring *r, int cause)
{
    uint32_t head = atomic_load_explicit(r->sq_head, memory_order_acquire);
    uint32_t tail = atomic_load_explicit(r->sq_tail, memory_order_relaxed);
    for (uint32_t i = head; i != tail; i++) {
        struct io_uring_sqe *sqe = &r->sqes[i & r->sq_mask];
        struct vm_osal_aio_request *q = (void *)(uintptr_t)sqe->user_data;
        q->outcome = -cause;
        q->next = r->failed;
        r->failed = q;
        r->in_flight--;
    }
    atomic_store_explicit(r->sq_tail, head, memory_order_release);
}

// Gives the kernel what is in the submission queue.
static void push(struct ring *r)
{
    for (;;) {
        uint32_t n = atomic_load_explicit(r->sq_tail, memory_order_relaxed) -
                     atomic_load_explicit(r->sq_head, memory_order_acquire);
        if (n == 0)
            return;
        if (enter(r->fd, n, 0, 0) >= 0 || errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EBUSY) {
            refuse(r, errno);
            return;
        }
        // Short of memory: with something in flight, its end makes room.
        if (r->in_flight > n)
            enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS);
    }
}

static void fill_queue(struct ring *r)
{
    uint32_t tail = atomic_load_explicit(r->sq_tail, memory_order_relaxed);
    while (r->backlog && r->in_flight < ENTRIES) {
        struct vm_osal_aio_request *q = r->backlog;
        r->backlog = q->next;
        fill(&r->sqes[tail & r->sq_mask], q);
        r->sq_array[tail & r->sq_mask] = tail & r->sq_mask;
        tail++;
        r->in_flight++;
    }
    if (!r->backlog)
        r->backlog_end = &r->backlog;
    atomic_store_explicit(r->sq_tail, tail, memory_order_release);
    push(r);
}

static void ring_start(void *engine, struct vm_osal_aio_request *list)
{
    struct ring *r = engine;
    *r->backlog_end = list;
    while (*r->backlog_end)
        r->backlog_end = &(*r->backlog_end)->next;
    fill_queue(r);
}

static struct vm_osal_aio_request *ring_take(void *engine, bool wait)
{
    struct ring *r = engine;
    struct vm_osal_aio_request *list = r->failed, **end = &list;
    r->failed = NULL;
    while (*end)
        end = &(*end)->next;
    uint32_t head = atomic_load_explicit(r->cq_head, memory_order_relaxed);
    while (wait && !list && head == atomic_load_explicit(r->cq_tail, memory_order_acquire))
        enter(r->fd, 0, 1, IORING_ENTER_GETEVENTS);
    while (head != atomic_load_explicit(r->cq_tail, memory_order_acquire)) {
        const struct io_uring_cqe *cqe = &r->cqes[head++ & r->cq_mask];
        struct vm_osal_aio_request *q = (void *)(uintptr_t)cqe->user_data;
        q->outcome = cqe->res;
        q->next = NULL;
        *end = q;
        end = &q->next;
        r->in_flight--;
    }
    atomic_store_explicit(r->cq_head, head, memory_order_release);
    if (r->backlog)
        fill_queue(r);
    return list;
}

static int ring_descriptor(void *engine)
{
    return ((struct ring *)engine)->fd;
}

const struct vm_osal_aio_engine *vm_osal_aio_kernel(void **engine, struct vm_error *e)
{
    static const struct vm_osal_aio_engine table = {
        "io_uring", true, ring_destroy, ring_start, ring_take, NULL, ring_descriptor,
    };
    struct io_uring_params p;
    struct ring *r = calloc(1, sizeof *r);
    if (!r) {
        vm_error_set(e, VM_ERR_HOST, "no memory for file I/O");
        return NULL;
    }
    r->backlog_end = &r->backlog;
    bool disabled = make(r, &p);
    const uint32_t features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP;
    if (r->fd < 0) {
        vm_error_set(e, VM_ERR_HOST, "the host grants no io_uring: %s", strerror(errno));
    } else if ((p.features & features) != features || p.sq_entries < ENTRIES || !knows_ops(r->fd) ||
               !map_rings(r, &p) || (disabled && !restrict_ops(r->fd))) {
        vm_error_set(e, VM_ERR_HOST, "the host's io_uring lacks what disks need (Linux 5.6)");
    } else {
        *engine = r;
        return &table;
    }
    ring_destroy(r);
    return NULL;
}
