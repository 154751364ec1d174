// SPDX-License-Identifier: MIT
//
// Events as non-blocking pipes: the event is set while the pipe holds a byte, so that setting it is
// one write(2), which signal handlers may do, and waiting is poll(2).
#include <vm/osal/stream.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"

struct vm_osal_event {
    int out, in; // the ends to read and to write
};

static bool make_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return false;
    for (int i = 0; i < 2; i++) {
        if (fcntl(ends[i], F_SETFD, FD_CLOEXEC) < 0 || fcntl(ends[i], F_SETFL, O_NONBLOCK) < 0) {
            int cause = errno;
            close(ends[0]);
            close(ends[1]);
            errno = cause;
            return false;
        }
    }
    return true;
}

vm_status vm_osal_event_create(struct vm_osal_event **event, struct vm_error *e)
{
    struct vm_osal_event *v = malloc(sizeof *v);
    if (!v)
        return vm_error_set(e, VM_ERR_HOST, "no memory for an event");
    int ends[2];
    if (!make_pipe(ends)) {
        int cause = errno;
        free(v);
        return vm_error_set(e, VM_ERR_HOST, "cannot make a pipe: %s; raise the limit (ulimit -n)",
                            strerror(cause));
    }
    v->out = ends[0];
    v->in = ends[1];
    *event = v;
    return VM_OK;
}

void vm_osal_event_destroy(struct vm_osal_event *event)
{
    if (!event)
        return;
    close(event->out);
    close(event->in);
    free(event);
}

void vm_osal_event_set(struct vm_osal_event *event)
{
    int saved = errno; // a signal handler must not change what it interrupted
    ssize_t n;
    do
        n = write(event->in, "", 1);
    while (n < 0 && errno == EINTR); // EAGAIN: the pipe is full, so the event is set already
    errno = saved;
}

void vm_osal_event_clear(struct vm_osal_event *event)
{
    char drained[64];
    ssize_t n;
    do
        n = read(event->out, drained, sizeof drained);
    while (n > 0 || (n < 0 && errno == EINTR));
}

bool vm_osal_event_is_set(const struct vm_osal_event *event)
{
    struct pollfd p = {.fd = event->out, .events = POLLIN};
    return poll(&p, 1, 0) > 0;
}

int vm_osal_event_descriptor(const struct vm_osal_event *event)
{
    return event->out;
}
