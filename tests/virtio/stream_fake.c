// SPDX-License-Identifier: MIT
#include "stream_fake.h"

#include <string.h>

static size_t fake_send(struct vm_stream *s, const uint8_t *bytes, size_t size)
{
    struct stream_fake *f = (struct stream_fake *)s;
    size_t n = size < f->room ? size : f->room;
    f->room -= n;
    if (f->sent_size + n <= sizeof f->sent)
        memcpy(f->sent + f->sent_size, bytes, n);
    f->sent_size += n;
    return n;
}

static void deliver(struct stream_fake *f)
{
    const struct vm_stream_receiver *r = &f->stream.receiver;
    size_t taken = f->input_size ? r->receive(r->device, f->input, f->input_size) : 0;
    f->input += taken;
    f->input_size -= taken;
}

static void fake_resume(struct vm_stream *s)
{
    struct stream_fake *f = (struct stream_fake *)s;
    f->resumed++;
    deliver(f);
}

static void fake_close(struct vm_stream *s)
{
    ((struct stream_fake *)s)->closed++;
}

static const struct vm_stream_ops fake_ops = {"fake", fake_send, fake_resume, fake_close};

void stream_fake_init(struct stream_fake *f)
{
    memset(f, 0, sizeof *f);
    f->stream = (struct vm_stream){.ops = &fake_ops, .connected = true, .columns = 80, .rows = 25};
    f->room = SIZE_MAX;
}

void stream_fake_deliver(struct stream_fake *f, const void *bytes, size_t size)
{
    f->input = bytes;
    f->input_size = size;
    deliver(f);
}

void stream_fake_give_room(struct stream_fake *f, size_t room)
{
    f->room = room;
    f->stream.receiver.writable(f->stream.receiver.device);
}

void stream_fake_connect(struct stream_fake *f, bool connected)
{
    f->stream.connected = connected;
    f->stream.receiver.connection_changed(f->stream.receiver.device);
}

void stream_fake_resize(struct stream_fake *f, uint16_t columns, uint16_t rows)
{
    f->stream.columns = columns;
    f->stream.rows = rows;
    f->stream.receiver.resized(f->stream.receiver.device);
}
