// SPDX-License-Identifier: MIT
#include "vsock_fake.h"

#include <string.h>

static struct vsock_fake_end *take(struct vsock_fake *f)
{
    for (unsigned i = 0; i < VSOCK_FAKE_ENDS; i++) {
        struct vsock_fake_end *d = &f->ends[i];
        if (!d->in_use) {
            memset(d, 0, offsetof(struct vsock_fake_end, sent));
            d->in_use = true;
            d->room = SIZE_MAX;
            return d;
        }
    }
    return NULL;
}

static struct vm_vsock_end *fake_connect(struct vm_vsock *h, uint32_t port, void *connection)
{
    struct vsock_fake *f = (struct vsock_fake *)h;
    struct vsock_fake_end *d = f->refuses ? NULL : take(f);
    if (!d)
        return NULL;
    d->end.connection = connection;
    d->port = port;
    return &d->end;
}

static void fake_accepted(struct vm_vsock *h, struct vm_vsock_end *end, uint32_t host_port)
{
    (void)h;
    ((struct vsock_fake_end *)end)->accepted = host_port;
}

static size_t fake_send(struct vm_vsock *h, struct vm_vsock_end *end, const struct vm_iovec *iov,
                        unsigned count, bool *gone)
{
    struct vsock_fake_end *d = (struct vsock_fake_end *)end;
    size_t size = (size_t)vm_iov_size(iov, count), n = size < d->room ? size : d->room;
    (void)h;
    *gone = d->gone;
    if (d->gone)
        return 0;
    if (d->sent_size + n <= sizeof d->sent)
        vm_iov_read(iov, count, 0, d->sent + d->sent_size, n);
    d->sent_size += n;
    d->room -= n;
    return n;
}

static size_t fake_receive(struct vm_vsock *h, struct vm_vsock_end *end, const struct vm_iovec *iov,
                           unsigned count, bool *ended)
{
    struct vsock_fake_end *d = (struct vsock_fake_end *)end;
    size_t n = d->input_size ? vm_iov_write(iov, count, 0, d->input, d->input_size) : 0;
    (void)h;
    d->input = n ? d->input + n : d->input;
    d->input_size -= n;
    *ended = n == 0 && d->ended;
    return n;
}

static void fake_end_output(struct vm_vsock *h, struct vm_vsock_end *end)
{
    (void)h;
    ((struct vsock_fake_end *)end)->output_ended = true;
}

static void fake_close(struct vm_vsock *h, struct vm_vsock_end *end)
{
    struct vsock_fake_end *d = (struct vsock_fake_end *)end;
    ((struct vsock_fake *)h)->closed++;
    d->in_use = false;
}

static void fake_destroy(struct vm_vsock *h)
{
    ((struct vsock_fake *)h)->destroyed++;
}

static const struct vm_vsock_ops ops = {
    "fake",       fake_connect,    fake_accepted, fake_send,
    fake_receive, fake_end_output, fake_close,    fake_destroy,
};

void vsock_fake_init(struct vsock_fake *f)
{
    memset(f, 0, offsetof(struct vsock_fake, ends));
    f->vsock.ops = &ops;
    for (unsigned i = 0; i < VSOCK_FAKE_ENDS; i++)
        f->ends[i].in_use = false;
}

struct vsock_fake_end *vsock_fake_newest(struct vsock_fake *f)
{
    struct vsock_fake_end *d = NULL;
    for (unsigned i = 0; i < VSOCK_FAKE_ENDS; i++)
        d = f->ends[i].in_use ? &f->ends[i] : d;
    return d;
}

void vsock_fake_deliver(struct vsock_fake *f, struct vsock_fake_end *d, const void *bytes,
                        size_t size)
{
    d->input = bytes;
    d->input_size = size;
    f->vsock.receiver.readable(d->end.connection);
}

void vsock_fake_end_input(struct vsock_fake *f, struct vsock_fake_end *d)
{
    d->ended = true;
    f->vsock.receiver.readable(d->end.connection);
}

void vsock_fake_give_room(struct vsock_fake *f, struct vsock_fake_end *d, size_t room)
{
    d->room = room;
    f->vsock.receiver.writable(d->end.connection);
}

void vsock_fake_leave(struct vsock_fake *f, struct vsock_fake_end *d)
{
    d->gone = true;
    f->vsock.receiver.writable(d->end.connection);
}

struct vsock_fake_end *vsock_fake_request(struct vsock_fake *f, uint32_t guest_port)
{
    struct vsock_fake_end *d = take(f);
    if (!f->vsock.receiver.request(f->vsock.receiver.device, &d->end, guest_port)) {
        d->in_use = false;
        return NULL;
    }
    return d;
}
