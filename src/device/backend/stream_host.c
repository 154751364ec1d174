// SPDX-License-Identifier: MIT
//
// Bytes between a device and descriptors of the host, without ever waiting: what does not go out at
// once goes to the backlog, what the device does not take stays in `input`, and nothing is read
// before that is gone.
#include "stream_host.h"

#include "heap.h"

#include <vm/base/format.h>
#include <vm/osal/clock.h>

#define WRITE_AGAIN UINT64_C(1000000000) // ns

enum { LOG_LINE = 256 };

void stream_log(const struct host_stream *h, const char *format, ...)
{
    char line[LOG_LINE];
    va_list args;
    va_start(args, format);
    vm_vformat(line, sizeof line, format, args);
    va_end(args);
    h->host->log(h->host->context, line);
}

// --- what is watched ---

bool stream_watch(struct host_stream *h, struct stream_end *end, unsigned events)
{
    if (end->watched && end->events == events)
        return true;
    vm_status status = end->watched ? vm_loop_rewatch(h->loop, &end->watch, events, NULL)
                                    : vm_loop_watch(h->loop, &end->watch, events, NULL);
    end->watched = end->watched || status == VM_OK;
    end->events = events;
    return status == VM_OK;
}

void stream_unwatch(struct host_stream *h, struct stream_end *end)
{
    if (end->watched)
        vm_loop_unwatch(h->loop, &end->watch);
    end->watched = false;
}

static bool wants_input(const struct host_stream *h)
{
    return h->channel.watch.stream.v >= 0 && !h->input_ended && !h->starved;
}

static bool can_write(const struct host_stream *h)
{
    return h->channel.watch.stream.v >= 0 && !h->hung_up && !h->write_again.armed;
}

// A client is watched until it hangs up, which would be told again and again; at the end it leaves,
// but not from within a call. A file is watched only while there is something to write.
void stream_update(struct host_stream *h)
{
    bool input = wants_input(h), output = can_write(h) && h->backlog_size > 0;
    unsigned events = (input ? VM_OSAL_POLL_INPUT : 0u) | (output ? VM_OSAL_POLL_OUTPUT : 0u);
    if (h->channel.watch.stream.v < 0)
        return;
    if (h->hung_up) {
        stream_unwatch(h, &h->channel);
        if (input || h->input_ended)
            vm_loop_arm(h->loop, &h->read_again, vm_osal_clock_monotonic());
    } else if (h->output_only && !output) {
        stream_unwatch(h, &h->channel);
    } else if (!stream_watch(h, &h->channel, events) && output) {
        vm_loop_arm(h->loop, &h->write_again, vm_osal_clock_monotonic() + WRITE_AGAIN);
    }
}

void stream_set_connected(struct host_stream *h, bool connected)
{
    const struct vm_stream_receiver *r = &h->stream.receiver;
    if (h->stream.connected == connected)
        return;
    h->stream.connected = connected;
    if (r->connection_changed)
        r->connection_changed(r->device);
}

// --- from the guest ---

// A client that has left ends the channel once its last bytes are read; others may take more later.
static void output_failed(struct host_stream *h, int cause)
{
    if (h->left) {
        h->hung_up = true;
        return;
    }
    if (!h->complained)
        stream_log(h, "%s: %s; what the guest writes waits until it goes on", h->path,
                   vm_osal_cause_text(cause));
    h->complained = true;
    vm_loop_arm(h->loop, &h->write_again, vm_osal_clock_monotonic() + WRITE_AGAIN);
}

// Returns how many bytes went out.
static size_t write_now(struct host_stream *h, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size && can_write(h)) {
        size_t n;
        int cause = 0;
        switch (
            vm_osal_channel_write(h->channel.watch.stream, bytes + done, size - done, &n, &cause)) {
        case VM_OSAL_WRITE_BYTES:
            done += n;
            h->complained = false;
            break;
        case VM_OSAL_WRITE_FULL: return done;
        case VM_OSAL_WRITE_ENDED: output_failed(h, cause); break;
        }
    }
    return done;
}

static size_t keep(struct host_stream *h, const uint8_t *bytes, size_t size)
{
    size_t done = 0;
    while (done < size && h->backlog_size < VM_STREAM_BACKLOG) {
        size_t at = (h->backlog_at + h->backlog_size) % VM_STREAM_BACKLOG;
        size_t n = VM_STREAM_BACKLOG - h->backlog_size;
        n = n < VM_STREAM_BACKLOG - at ? n : VM_STREAM_BACKLOG - at;
        n = n < size - done ? n : size - done;
        vm_copy(h->backlog + at, bytes + done, n);
        h->backlog_size += n;
        done += n;
    }
    return done;
}

static size_t host_send(struct vm_stream *s, const uint8_t *bytes, size_t size)
{
    struct host_stream *h = (struct host_stream *)s;
    size_t done = h->backlog_size == 0 ? write_now(h, bytes, size) : 0;
    done += keep(h, bytes + done, size - done);
    h->refused = done < size;
    stream_update(h);
    return done;
}

static void drain(struct host_stream *h)
{
    while (h->backlog_size > 0) {
        size_t n = VM_STREAM_BACKLOG - h->backlog_at;
        n = n < h->backlog_size ? n : h->backlog_size;
        size_t done = write_now(h, h->backlog + h->backlog_at, n);
        if (done == 0)
            break;
        h->backlog_at = (h->backlog_at + done) % VM_STREAM_BACKLOG;
        h->backlog_size -= done;
    }
    if (h->refused && h->backlog_size <= VM_STREAM_BACKLOG / 2) {
        h->refused = false;
        h->stream.receiver.writable(h->stream.receiver.device);
    }
}

// --- to the guest ---

static void deliver(struct host_stream *h)
{
    const struct vm_stream_receiver *r = &h->stream.receiver;
    if (h->input_size == 0)
        return;
    size_t taken = r->receive(r->device, h->input + h->input_at, h->input_size);
    h->input_at += taken;
    h->input_size -= taken;
    h->starved = h->input_size > 0;
}

static void host_resume(struct vm_stream *s)
{
    struct host_stream *h = (struct host_stream *)s;
    h->starved = false;
    deliver(h);
    stream_update(h);
}

static void read_some(struct host_stream *h)
{
    if (!wants_input(h))
        return;
    switch (vm_osal_read(h->channel.watch.stream, h->input, sizeof h->input, &h->input_size)) {
    case VM_OSAL_READ_BYTES:
        h->input_at = 0;
        deliver(h);
        break;
    case VM_OSAL_READ_NOTHING: break;
    case VM_OSAL_READ_END: h->input_ended = true; break;
    }
}

// --- events ---

static void settle(struct host_stream *h)
{
    if (h->hung_up && h->input_ended && h->left)
        h->left(h);
    else
        stream_update(h);
}

static void ready(void *context, unsigned events)
{
    struct host_stream *h = context;
    if (h->left && events & (VM_OSAL_POLL_HANGUP | VM_OSAL_POLL_ERROR))
        h->hung_up = true;
    if (events & ~(unsigned)VM_OSAL_POLL_INPUT) // an error shows in the write
        drain(h);
    if (events & ~(unsigned)VM_OSAL_POLL_OUTPUT)
        read_some(h);
    settle(h);
}

static void read_again(void *context)
{
    struct host_stream *h = context;
    read_some(h);
    settle(h);
}

static void write_again(void *context)
{
    struct host_stream *h = context;
    drain(h);
    settle(h);
}

// --- life ---

void stream_attach(struct host_stream *h, vm_osal_stream channel)
{
    h->channel.watch = (struct vm_loop_watch){channel, ready, h};
    h->input_ended = h->output_only;
    h->read_again.fire = read_again;
    h->write_again.fire = write_again;
    h->read_again.context = h->write_again.context = h;
    stream_update(h);
}

void stream_detach(struct host_stream *h)
{
    stream_unwatch(h, &h->channel);
    vm_loop_disarm(h->loop, &h->read_again);
    vm_loop_disarm(h->loop, &h->write_again);
    vm_osal_channel_close(h->channel.watch.stream);
    h->channel.watch.stream = vm_osal_stream_none();
    h->hung_up = false;
    h->input_ended = true;
}

void stream_close(struct host_stream *h)
{
    stream_detach(h);
    vm_loop_disarm(h->loop, &h->look);
    vm_osal_channel_close(h->held);
    if (h->listener.watch.stream.v >= 0) {
        stream_unwatch(h, &h->listener);
        vm_osal_channel_close(h->listener.watch.stream);
        vm_osal_channel_unlink(h->path);
    }
    vm_heap_release(h->backlog, VM_STREAM_BACKLOG);
    vm_heap_release(h, sizeof *h);
}

static void host_close(struct vm_stream *s)
{
    stream_close((struct host_stream *)s);
}

const struct vm_stream_ops stream_host_ops = {"host", host_send, host_resume, host_close};
