// SPDX-License-Identifier: MIT
//
// Asynchronous I/O by threads that block. The mutex guards both lists and `quit`; the event is set
// while the list of the finished is not empty.
#include "aio_engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <unistd.h>

#include <vm/osal/sandbox.h>

#include "descriptor.h"

_Static_assert(sizeof(struct iovec) == sizeof(struct vm_osal_iovec) &&
                   offsetof(struct iovec, iov_len) == offsetof(struct vm_osal_iovec, size),
               "an iovec of the osal is one of the host");

enum { THREADS = 4 };

struct pool {
    struct vm_osal_mutex *mutex;
    struct vm_osal_condition *work, *finished;
    struct vm_osal_event *event;
    struct vm_osal_thread *threads[THREADS];
    struct vm_osal_aio_request *todo, **todo_end, *ended, **ended_end;
    bool quit;
    bool confine;      // they are to enter the sandbox
    unsigned settled;  // threads that have tried to
    vm_status refused; // why some could not
    struct vm_error why;
};

static int64_t carry_out(const struct vm_osal_aio_call *c)
{
    const struct iovec *iov = (const void *)c->iov;
    ssize_t n = -1;
    switch (c->what) {
    case VM_OSAL_CALL_READ: n = preadv(c->fd, iov, (int)c->iov_count, (off_t)c->offset); break;
    case VM_OSAL_CALL_WRITE: n = pwritev(c->fd, iov, (int)c->iov_count, (off_t)c->offset); break;
    case VM_OSAL_CALL_SYNC: n = fdatasync(c->fd); break;
    case VM_OSAL_CALL_ALLOCATE:
        n = fallocate(c->fd, c->mode, (off_t)c->offset, (off_t)c->size);
        break;
    }
    return n < 0 ? -errno : n;
}

// With the mutex held.
static void enter_sandbox(struct pool *p)
{
    struct vm_error e;
    vm_status status = vm_osal_sandbox_enter(VM_OSAL_SANDBOX_DISK, &e);
    p->settled++;
    if (status != VM_OK) {
        p->refused = status;
        p->why = e;
    }
    vm_osal_condition_signal(p->finished);
}

static void serve(void *context)
{
    struct pool *p = context;
    bool confined = false;
    vm_osal_mutex_lock(p->mutex);
    for (;;) {
        while (!p->todo && !p->quit && p->confine == confined)
            vm_osal_condition_wait(p->work, p->mutex);
        if (p->confine && !confined) {
            confined = true;
            enter_sandbox(p);
            continue;
        }
        if (!p->todo)
            break;
        struct vm_osal_aio_request *r = p->todo;
        p->todo = r->next;
        if (!p->todo)
            p->todo_end = &p->todo;
        vm_osal_mutex_unlock(p->mutex);
        struct vm_osal_aio_call call = vm_osal_aio_next_call(r);
        r->outcome = carry_out(&call);
        r->next = NULL;
        vm_osal_mutex_lock(p->mutex);
        if (!p->ended)
            vm_osal_event_set(p->event);
        *p->ended_end = r;
        p->ended_end = &r->next;
        vm_osal_condition_signal(p->finished);
    }
    vm_osal_mutex_unlock(p->mutex);
}

static void pool_start(void *engine, struct vm_osal_aio_request *list)
{
    struct pool *p = engine;
    vm_osal_mutex_lock(p->mutex);
    *p->todo_end = list;
    while (*p->todo_end)
        p->todo_end = &(*p->todo_end)->next;
    vm_osal_condition_broadcast(p->work);
    vm_osal_mutex_unlock(p->mutex);
}

static struct vm_osal_aio_request *pool_take(void *engine, bool wait)
{
    struct pool *p = engine;
    vm_osal_mutex_lock(p->mutex);
    while (wait && !p->ended)
        vm_osal_condition_wait(p->finished, p->mutex);
    struct vm_osal_aio_request *list = p->ended;
    if (list)
        vm_osal_event_clear(p->event);
    p->ended = NULL;
    p->ended_end = &p->ended;
    vm_osal_mutex_unlock(p->mutex);
    return list;
}

static vm_status pool_confine(void *engine, struct vm_error *e)
{
    struct pool *p = engine;
    vm_osal_mutex_lock(p->mutex);
    p->confine = true;
    vm_osal_condition_broadcast(p->work);
    while (p->settled < THREADS)
        vm_osal_condition_wait(p->finished, p->mutex);
    vm_osal_mutex_unlock(p->mutex);
    return p->refused == VM_OK ? VM_OK : vm_error_set(e, p->refused, "%s", p->why.text);
}

static int pool_descriptor(void *engine)
{
    return vm_osal_event_descriptor(((struct pool *)engine)->event);
}

static void pool_destroy(void *engine)
{
    struct pool *p = engine;
    if (p->threads[0]) {
        vm_osal_mutex_lock(p->mutex);
        p->quit = true;
        vm_osal_condition_broadcast(p->work);
        vm_osal_mutex_unlock(p->mutex);
    }
    for (unsigned i = 0; i < THREADS; i++)
        vm_osal_thread_join(p->threads[i]);
    vm_osal_event_destroy(p->event);
    vm_osal_condition_destroy(p->finished);
    vm_osal_condition_destroy(p->work);
    vm_osal_mutex_destroy(p->mutex);
    free(p);
}

static vm_status populate(struct pool *p, struct vm_error *e)
{
    vm_status s = vm_osal_mutex_create(&p->mutex, e);
    if (s == VM_OK)
        s = vm_osal_condition_create(&p->work, e);
    if (s == VM_OK)
        s = vm_osal_condition_create(&p->finished, e);
    if (s == VM_OK)
        s = vm_osal_event_create(&p->event, e);
    for (unsigned i = 0; i < THREADS && s == VM_OK; i++)
        s = vm_osal_thread_create("disk", serve, p, &p->threads[i], e);
    return s;
}

const struct vm_osal_aio_engine *vm_osal_aio_threads(void **engine, struct vm_error *e)
{
    static const struct vm_osal_aio_engine table = {
        "threads", false, pool_destroy, pool_start, pool_take, pool_confine, pool_descriptor,
    };
    struct pool *p = calloc(1, sizeof *p);
    if (!p) {
        vm_error_set(e, VM_ERR_HOST, "no memory for file I/O");
        return NULL;
    }
    p->todo_end = &p->todo;
    p->ended_end = &p->ended;
    if (populate(p, e) != VM_OK) {
        pool_destroy(p);
        return NULL;
    }
    *engine = p;
    return &table;
}
