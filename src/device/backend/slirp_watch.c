// SPDX-License-Identifier: MIT
//
// slirp_watch.h. A socket's index is its descriptor. Records stay until the end, for descriptors
// come again.
#include "slirp_watch.h"

#include <vm/base/memory.h>
#include <vm/osal/memory.h>

void slirp_sockets_init(struct slirp_sockets *s, struct vm_loop *loop, void (*ready)(void *),
                        void *context)
{
    *s = (struct slirp_sockets){.loop = loop, .ready = ready, .context = context};
}

static void stop_watching(struct slirp_socket *so)
{
    if (so->watched)
        vm_loop_unwatch(so->all->loop, &so->watch);
    so->watched = so->ready = 0;
}

void slirp_sockets_release(struct slirp_sockets *s)
{
    const struct vm_allocator *a = vm_osal_allocator();
    for (size_t i = 0; i < s->size; i++) {
        if (!s->by_fd[i])
            continue;
        stop_watching(s->by_fd[i]);
        a->release(a->context, s->by_fd[i], sizeof *s->by_fd[i]);
    }
    if (s->by_fd)
        a->release(a->context, s->by_fd, s->size * sizeof *s->by_fd);
    s->by_fd = NULL;
    s->size = 0;
}

static bool grow(struct slirp_sockets *s, size_t fd)
{
    const struct vm_allocator *a = vm_osal_allocator();
    size_t size = s->size ? s->size : 64;
    while (size <= fd)
        size *= 2;
    struct slirp_socket **new = a->alloc(a->context, size * sizeof *new, _Alignof(void *));
    if (!new)
        return false;
    vm_zero(new, size * sizeof *new);
    if (s->by_fd) {
        vm_copy(new, s->by_fd, s->size * sizeof *new);
        a->release(a->context, s->by_fd, s->size * sizeof *new);
    }
    s->by_fd = new;
    s->size = size;
    return true;
}

static void on_ready(void *context, unsigned events)
{
    struct slirp_socket *so = context;
    so->ready |= events;
    so->all->ready(so->all->context);
}

static struct slirp_socket *find(struct slirp_sockets *s, int fd)
{
    return fd >= 0 && (size_t)fd < s->size ? s->by_fd[fd] : NULL;
}

static struct slirp_socket *find_or_make(struct slirp_sockets *s, int fd)
{
    struct slirp_socket *so = find(s, fd);
    if (so || fd < 0 || ((size_t)fd >= s->size && !grow(s, (size_t)fd)))
        return so;
    const struct vm_allocator *a = vm_osal_allocator();
    so = a->alloc(a->context, sizeof *so, _Alignof(struct slirp_socket));
    if (!so)
        return NULL;
    *so = (struct slirp_socket){.all = s};
    so->watch = (struct vm_loop_watch){{fd}, on_ready, so};
    s->by_fd[fd] = so;
    return so;
}

void slirp_sockets_begin(struct slirp_sockets *s)
{
    s->turn++;
}

// A descriptor that was closed and came again behind our back is not known to the loop any more.
static bool watch(struct slirp_socket *so, unsigned events)
{
    struct vm_loop *loop = so->all->loop;
    if (so->watched == events)
        return true;
    bool done = so->watched && vm_loop_rewatch(loop, &so->watch, events, NULL) == VM_OK;
    if (!done)
        done = vm_loop_watch(loop, &so->watch, events, NULL) == VM_OK;
    so->watched = done ? events : 0;
    return done;
}

int slirp_sockets_name(struct slirp_sockets *s, int fd, unsigned events)
{
    struct slirp_socket *so = find_or_make(s, fd);
    if (!so || !watch(so, events))
        return -1;
    so->turn = s->turn;
    so->ready = 0;
    return fd;
}

// What was not named is not to be waited for: hang-ups would be reported all the same.
void slirp_sockets_end(struct slirp_sockets *s)
{
    for (size_t i = 0; i < s->size; i++) {
        if (s->by_fd[i] && s->by_fd[i]->turn != s->turn)
            stop_watching(s->by_fd[i]);
    }
}

unsigned slirp_sockets_take(struct slirp_sockets *s, int index)
{
    struct slirp_socket *so = find(s, index);
    if (!so)
        return 0;
    unsigned ready = so->ready;
    so->ready = 0;
    return ready;
}

void slirp_sockets_forget(struct slirp_sockets *s, int fd)
{
    struct slirp_socket *so = find(s, fd);
    if (so)
        stop_watching(so);
}
