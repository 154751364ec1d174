// SPDX-License-Identifier: MIT
//
// The kinds of streams to the host, and the size of a pseudoterminal.
#include "stream_host.h"

#include "heap.h"

#include <vm/base/format.h>
#include <vm/osal/clock.h>
#include <vm/osal/terminal.h>

// A change of a terminal's size is told by a signal, and only to those whose terminal it is: look.
#define LOOK_INTERVAL UINT64_C(500000000) // ns

static bool look_at_size(struct host_stream *h)
{
    unsigned columns, rows;
    if (!vm_osal_terminal_size(h->channel.watch.stream, &columns, &rows) ||
        (columns == h->stream.columns && rows == h->stream.rows))
        return false;
    h->stream.columns = (uint16_t)columns;
    h->stream.rows = (uint16_t)rows;
    return true;
}

static void look(void *context)
{
    struct host_stream *h = context;
    if (look_at_size(h) && h->stream.receiver.resized)
        h->stream.receiver.resized(h->stream.receiver.device);
    vm_loop_arm(h->loop, &h->look, vm_osal_clock_monotonic() + LOOK_INTERVAL);
}

static void follow_terminal(struct host_stream *h)
{
    h->look.fire = look;
    h->look.context = h;
    look_at_size(h);
    vm_loop_arm(h->loop, &h->look, vm_osal_clock_monotonic() + LOOK_INTERVAL);
}

// --- the kinds ---

static vm_status open_pty(struct host_stream *h, struct vm_error *e)
{
    vm_osal_stream channel;
    vm_status status = vm_osal_channel_open_pty(&channel, &h->held, h->path, sizeof h->path, e);
    if (status != VM_OK)
        return status;
    stream_attach(h, channel);
    follow_terminal(h);
    h->stream.connected = true;
    stream_log(h, "a guest's console is at %s", h->path);
    return VM_OK;
}

static vm_status open_file(struct host_stream *h, struct vm_error *e)
{
    vm_osal_stream channel;
    vm_status status = vm_osal_channel_open_file(h->path, &channel, e);
    if (status != VM_OK)
        return status;
    h->output_only = true;
    stream_attach(h, channel);
    h->stream.connected = true;
    return VM_OK;
}

static const struct kind {
    const char *name;
    bool has_path;
    vm_status (*open)(struct host_stream *h, struct vm_error *e);
} kinds[] = {
    {"pty", false, open_pty},
    {"unix:", true, stream_open_unix},
    {"file:", true, open_file},
};

// What follows `prefix` in `text`, or NULL.
static const char *after(const char *text, const char *prefix)
{
    while (*prefix && *text == *prefix)
        text++, prefix++;
    return *prefix ? NULL : text;
}

static const struct kind *find(const char *what, const char **path)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(kinds); i++) {
        *path = after(what, kinds[i].name);
        if (*path && kinds[i].has_path == (**path != 0))
            return &kinds[i];
    }
    return NULL;
}

static struct host_stream *create(struct vm_loop *loop, const struct vm_host *host,
                                  struct vm_error *e)
{
    struct host_stream *h = vm_heap_zalloc(sizeof *h);
    uint8_t *backlog = vm_heap_alloc(VM_STREAM_BACKLOG);
    if (!h || !backlog) {
        vm_heap_release(h, sizeof *h);
        vm_heap_release(backlog, VM_STREAM_BACKLOG);
        vm_error_set(e, VM_ERR_HOST, "out of memory for a stream");
        return NULL;
    }
    h->stream.ops = &stream_host_ops;
    h->loop = loop;
    h->host = host;
    h->backlog = backlog;
    h->held = h->channel.watch.stream = h->listener.watch.stream = vm_osal_stream_none();
    return h;
}

vm_status vm_stream_open(const char *what, struct vm_loop *loop, const struct vm_host *host,
                         struct vm_stream **stream, struct vm_error *e)
{
    const char *path;
    const struct kind *kind = find(what, &path);
    if (!kind)
        return vm_error_set(e, VM_ERR_USAGE,
                            "no such stream: %s; there are pty, unix:PATH and file:PATH", what);
    struct host_stream *h = create(loop, host, e);
    if (!h)
        return VM_ERR_HOST;
    vm_status status = VM_OK;
    if (vm_format(h->path, sizeof h->path, "%s", path) >= sizeof h->path)
        status = vm_error_set(e, VM_ERR_FILE, "the path is longer than %d bytes: %s",
                              STREAM_NAME - 1, path);
    if (status == VM_OK)
        status = kind->open(h, e);
    if (status != VM_OK) {
        stream_close(h);
        return status;
    }
    *stream = &h->stream;
    return VM_OK;
}
