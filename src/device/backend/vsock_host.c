// SPDX-License-Identifier: MIT
//
// virtio-vsock's host side over Unix sockets (vm/device/backend/vsock_host.h). An end is watched
// for what somebody waits for and for nothing else, so that a hang-up that the guest cannot be told
// of yet does not keep the loop busy.
#include <vm/device/backend/vsock_host.h>

#include "heap.h"

#include <vm/base/format.h>
#include <vm/osal/clock.h>
#include <vm/osal/socket.h>

enum {
    PATH = 108,    // bytes of a socket's path, with its end
    GREETING = 32, // of a client's first line
    WAITING = 16,  // clients that have not said yet what they want
};

#define GREETING_TIME UINT64_C(5000000000) // ns

_Static_assert(sizeof(struct vm_iovec) == sizeof(struct vm_osal_iovec) &&
                   offsetof(struct vm_iovec, size) == offsetof(struct vm_osal_iovec, size),
               "an iovec of a device is one of the osal");

struct host;

struct end {
    struct vm_vsock_end end;
    struct host *host;
    struct end *next, *previous;
    struct vm_loop_watch watch;
    struct vm_loop_timer patience; // with a client's greeting
    unsigned watched;              // VM_OSAL_POLL_*; 0: not at all
    bool greets, wants_input, wants_output;
    bool busy, closed; // in a call of the receiver's; freed after it
    char line[GREETING];
    unsigned line_size;
};

struct host {
    struct vm_vsock vsock;
    struct vm_loop *loop;
    struct vm_loop_watch listener;
    bool listens;
    struct end *ends;
    unsigned waiting;
    char path[PATH];
};

// --- what is watched ---

static bool watch(struct end *d, unsigned events)
{
    struct vm_loop *loop = d->host->loop;
    vm_status status = VM_OK;
    if (events == d->watched)
        return true;
    if (!events)
        vm_loop_unwatch(loop, &d->watch);
    else if (d->watched)
        status = vm_loop_rewatch(loop, &d->watch, events, NULL);
    else
        status = vm_loop_watch(loop, &d->watch, events, NULL);
    if (status == VM_OK)
        d->watched = events;
    return status == VM_OK;
}

static bool update(struct end *d)
{
    return watch(d, (d->wants_input ? VM_OSAL_POLL_INPUT : 0u) |
                        (d->wants_output ? VM_OSAL_POLL_OUTPUT : 0u));
}

// --- life of an end ---

static void ready(void *context, unsigned events);
static void lose_patience(void *context);

// Takes the channel over, on failure too.
static struct end *make_end(struct host *h, vm_osal_stream channel)
{
    struct end *d = vm_heap_zalloc(sizeof *d);
    if (!d) {
        vm_osal_channel_close(channel);
        return NULL;
    }
    d->host = h;
    d->watch = (struct vm_loop_watch){channel, ready, d};
    d->patience.fire = lose_patience;
    d->patience.context = d;
    d->next = h->ends;
    if (h->ends)
        h->ends->previous = d;
    h->ends = d;
    return d;
}

static void stop_greeting(struct end *d)
{
    if (!d->greets)
        return;
    d->greets = false;
    d->host->waiting--;
    vm_loop_disarm(d->host->loop, &d->patience);
}

static void close_end(struct end *d)
{
    struct host *h = d->host;
    if (!d->closed) {
        watch(d, 0);
        stop_greeting(d);
        vm_osal_channel_close(d->watch.stream);
        *(d->previous ? &d->previous->next : &h->ends) = d->next;
        if (d->next)
            d->next->previous = d->previous;
    }
    d->closed = true;
    if (!d->busy)
        vm_heap_release(d, sizeof *d);
}

// --- a client's greeting ---

static void listen_again(struct host *h)
{
    bool listen = h->waiting < WAITING;
    if (listen == h->listens)
        return;
    if (!listen)
        vm_loop_unwatch(h->loop, &h->listener);
    else if (vm_loop_watch(h->loop, &h->listener, VM_OSAL_POLL_INPUT, NULL) != VM_OK)
        return;
    h->listens = listen;
}

// "CONNECT port\n", of `size` bytes.
static bool parse(const char *line, size_t size, uint32_t *port)
{
    static const char verb[] = "CONNECT ";
    size_t at = sizeof verb - 1;
    uint64_t v = 0;
    if (size < at + 2 || vm_compare(line, verb, at) != 0)
        return false;
    for (; at < size - 1; at++) {
        if (line[at] < '0' || line[at] > '9' || v > UINT32_MAX)
            return false;
        v = v * 10 + (uint64_t)(line[at] - '0');
    }
    *port = (uint32_t)v;
    return v < UINT32_MAX;
}

enum heard { HEARD_ALL, HEARD_SOME, HEARD_NONSENSE };

// Byte by byte, since what follows the line is the guest's.
static enum heard hear(struct end *d, uint32_t *port)
{
    while (d->line_size < sizeof d->line) {
        const struct vm_osal_iovec iov = {d->line + d->line_size, 1};
        size_t n;
        switch (vm_osal_socket_read(d->watch.stream, &iov, 1, &n)) {
        case VM_OSAL_READ_BYTES: break;
        case VM_OSAL_READ_NOTHING: return HEARD_SOME;
        case VM_OSAL_READ_END: return HEARD_NONSENSE;
        }
        if (d->line[d->line_size++] == '\n')
            return parse(d->line, d->line_size, port) ? HEARD_ALL : HEARD_NONSENSE;
    }
    return HEARD_NONSENSE;
}

static void lose_patience(void *context)
{
    struct end *d = context;
    struct host *h = d->host;
    close_end(d);
    listen_again(h);
}

static void greet(struct end *d)
{
    struct host *h = d->host;
    const struct vm_vsock_receiver *r = &h->vsock.receiver;
    uint32_t port;
    enum heard heard = hear(d, &port);
    if (heard == HEARD_SOME)
        return;
    watch(d, 0);
    stop_greeting(d);
    if (heard != HEARD_ALL || !r->request(r->device, &d->end, port))
        close_end(d);
    listen_again(h);
}

static void knock(void *context, unsigned events)
{
    struct host *h = context;
    vm_osal_stream channel;
    (void)events;
    while (h->waiting < WAITING && vm_osal_channel_accept(h->listener.stream, &channel)) {
        struct end *d = make_end(h, channel);
        if (!d)
            break;
        d->greets = true;
        h->waiting++;
        vm_loop_arm(h->loop, &d->patience, vm_osal_clock_monotonic() + GREETING_TIME);
        if (!watch(d, VM_OSAL_POLL_INPUT))
            close_end(d);
    }
    listen_again(h);
}

// --- events ---

static void ready(void *context, unsigned events)
{
    struct end *d = context;
    const struct vm_vsock_receiver *r = &d->host->vsock.receiver;
    if (d->greets) {
        greet(d);
        return;
    }
    bool output = d->wants_output && events & ~(unsigned)VM_OSAL_POLL_INPUT;
    bool input = d->wants_input && events & ~(unsigned)VM_OSAL_POLL_OUTPUT;
    d->wants_output = d->wants_output && !output;
    d->wants_input = d->wants_input && !input;
    update(d);
    d->busy = true;
    if (output)
        r->writable(d->end.connection);
    if (input && !d->closed)
        r->readable(d->end.connection);
    d->busy = false;
    if (d->closed)
        close_end(d);
}

// --- what the device calls ---

static struct vm_vsock_end *host_connect(struct vm_vsock *vsock, uint32_t port, void *connection)
{
    struct host *h = (struct host *)vsock;
    char path[PATH];
    vm_osal_stream channel;
    if (vm_format(path, sizeof path, "%s_%u", h->path, port) >= sizeof path ||
        !vm_osal_socket_connect(path, &channel))
        return NULL;
    struct end *d = make_end(h, channel);
    if (!d)
        return NULL;
    d->end.connection = connection;
    d->wants_input = true;
    if (!update(d)) {
        close_end(d);
        return NULL;
    }
    return &d->end;
}

static void host_accepted(struct vm_vsock *vsock, struct vm_vsock_end *end, uint32_t host_port)
{
    struct end *d = (struct end *)end;
    char line[GREETING];
    size_t n = vm_format(line, sizeof line, "OK %u\n", host_port), done;
    const struct vm_osal_iovec iov = {line, n};
    (void)vsock;
    vm_osal_socket_write(d->watch.stream, &iov, 1, &done); // if it has left, the next read tells
    d->wants_input = true;
    update(d);
}

static size_t host_send(struct vm_vsock *vsock, struct vm_vsock_end *end,
                        const struct vm_iovec *iov, unsigned count, bool *gone)
{
    struct end *d = (struct end *)end;
    size_t done, size = (size_t)vm_iov_size(iov, count);
    (void)vsock;
    *gone = vm_osal_socket_write(d->watch.stream, (const void *)iov, count, &done) ==
            VM_OSAL_WRITE_ENDED;
    d->wants_output = !*gone && done < size;
    update(d);
    return done;
}

static size_t host_receive(struct vm_vsock *vsock, struct vm_vsock_end *end,
                           const struct vm_iovec *iov, unsigned count, bool *ended)
{
    struct end *d = (struct end *)end;
    size_t done;
    (void)vsock;
    enum vm_osal_read_result result =
        vm_osal_socket_read(d->watch.stream, (const void *)iov, count, &done);
    *ended = result == VM_OSAL_READ_END;
    d->wants_input = result == VM_OSAL_READ_NOTHING;
    update(d);
    return done;
}

static void host_end_output(struct vm_vsock *vsock, struct vm_vsock_end *end)
{
    (void)vsock;
    vm_osal_socket_end_output(((struct end *)end)->watch.stream);
}

static void host_close(struct vm_vsock *vsock, struct vm_vsock_end *end)
{
    (void)vsock;
    close_end((struct end *)end);
}

static void host_destroy(struct vm_vsock *vsock)
{
    struct host *h = (struct host *)vsock;
    while (h->ends)
        close_end(h->ends);
    if (h->listens)
        vm_loop_unwatch(h->loop, &h->listener);
    vm_osal_channel_close(h->listener.stream);
    vm_osal_channel_unlink(h->path);
    vm_heap_release(h, sizeof *h);
}

static const struct vm_vsock_ops ops = {
    "unix",       host_connect,    host_accepted, host_send,
    host_receive, host_end_output, host_close,    host_destroy,
};

vm_status vm_vsock_open(const char *path, struct vm_loop *loop, struct vm_vsock **out,
                        struct vm_error *e)
{
    enum { SUFFIX = 11 }; // "_4294967294"
    struct host *h = vm_heap_zalloc(sizeof *h);
    vm_osal_stream listener;
    if (!h)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for a vsock");
    vm_status status = VM_OK;
    if (vm_format(h->path, sizeof h->path, "%s", path) >= sizeof h->path - SUFFIX)
        status = vm_error_set(e, VM_ERR_FILE, "the path of a vsock has at most %d bytes: %s",
                              PATH - SUFFIX - 1, path);
    if (status == VM_OK)
        status = vm_osal_channel_listen(h->path, &listener, e);
    if (status != VM_OK) {
        vm_heap_release(h, sizeof *h);
        return status;
    }
    h->vsock.ops = &ops;
    h->loop = loop;
    h->listener = (struct vm_loop_watch){listener, knock, h};
    listen_again(h);
    if (!h->listens) {
        host_destroy(&h->vsock);
        return vm_error_set(e, VM_ERR_HOST, "cannot watch the socket %s", path);
    }
    *out = &h->vsock;
    return VM_OK;
}
