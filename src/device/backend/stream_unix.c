// SPDX-License-Identifier: MIT
//
// Streams over a Unix socket that clients come to, one at a time: while one is there nobody listens
// to the others.
#include "stream_host.h"

static void left(struct host_stream *h)
{
    stream_detach(h);
    stream_set_connected(h, false);
    stream_watch(h, &h->listener, VM_OSAL_POLL_INPUT);
}

static void knock(void *context, unsigned events)
{
    struct host_stream *h = context;
    vm_osal_stream channel;
    (void)events;
    if (!vm_osal_channel_accept(h->listener.watch.stream, &channel))
        return;
    stream_unwatch(h, &h->listener);
    stream_attach(h, channel);
    stream_set_connected(h, true);
}

vm_status stream_open_unix(struct host_stream *h, struct vm_error *e)
{
    vm_osal_stream listener;
    vm_status status = vm_osal_channel_listen(h->path, &listener, e);
    if (status != VM_OK)
        return status;
    h->listener.watch = (struct vm_loop_watch){listener, knock, h};
    h->left = left;
    if (!stream_watch(h, &h->listener, VM_OSAL_POLL_INPUT))
        return vm_error_set(e, VM_ERR_HOST, "cannot watch the socket %s", h->path);
    return VM_OK;
}
