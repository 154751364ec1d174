// SPDX-License-Identifier: MIT
//
// Fuzz target: the console device with three ports, in front of streams that send back what they
// get as far as the driver takes it, stop now and then, and come, go and change their size.
#include <stdlib.h>
#include <string.h>

#include <vm/device/virtio/console.h>

#include "standalone.h"
#include "virtio_frame.h"

enum { PORTS = 3, ROOM = 100 };

struct echo {
    struct vm_stream stream;
    bool blocked;
    uint8_t kept[ROOM]; // not taken by the driver yet
    size_t count;
};

static struct echo echoes[PORTS]; // of the present input
static unsigned ticks;

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

static void deliver(struct echo *s)
{
    const struct vm_stream_receiver *r = &s->stream.receiver;
    size_t taken = s->count ? r->receive(r->device, s->kept, s->count) : 0;
    must(taken <= s->count);
    s->count -= taken;
    memmove(s->kept, s->kept + taken, s->count);
}

static size_t echo_send(struct vm_stream *stream, const uint8_t *bytes, size_t size)
{
    struct echo *s = (struct echo *)stream;
    must(size > 0);
    size_t n = s->blocked ? 0 : size < ROOM - s->count ? size : ROOM - s->count;
    memcpy(s->kept + s->count, bytes, n);
    s->count += n;
    s->blocked = n < size;
    deliver(s);
    return n;
}

static void echo_resume(struct vm_stream *stream)
{
    deliver((struct echo *)stream);
}

static void echo_close(struct vm_stream *stream)
{
    must(stream->ops != NULL);
    stream->ops = NULL;
}

static const struct vm_stream_ops ops = {"echo", echo_send, echo_resume, echo_close};

static struct vm_virtio *make(struct virtio_rig *rig, unsigned count)
{
    struct vm_virtio_console_port ports[PORTS];
    const struct vm_virtio_console_config c = {ports, count, 0};
    struct vm_virtio *v;
    memset(echoes, 0, sizeof echoes);
    ticks = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        echoes[i].stream = (struct vm_stream){.ops = &ops, .connected = i != 2, .columns = 80};
        ports[i] = (struct vm_virtio_console_port){&echoes[i].stream, i ? "port" : NULL, i != 1};
    }
    assert_int_equal(vm_virtio_console_create(&rig->machine, &rig->io, "console0", &c, &v, NULL),
                     VM_OK);
    return v;
}

static struct vm_virtio *create_simple(struct virtio_rig *rig)
{
    return make(rig, 1);
}

static struct vm_virtio *create_ports(struct virtio_rig *rig)
{
    return make(rig, PORTS);
}

// One that was not attached has no receiver.
static void tick(struct virtio_rig *rig)
{
    (void)rig;
    ticks++;
    for (unsigned i = 0; i < PORTS; i++) {
        struct echo *s = &echoes[i];
        const struct vm_stream_receiver *r = &s->stream.receiver;
        if (!r->device)
            continue;
        if (s->blocked) {
            s->blocked = false;
            r->writable(r->device);
        }
        if (ticks % 4 == i) {
            s->stream.connected = !s->stream.connected;
            s->stream.rows++;
            r->connection_changed(r->device);
            r->resized(r->device);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device devices[] = {
        {create_ports, tick, NULL},
        {create_simple, tick, NULL},
    };
    if (size > 0) // its upper bits are nobody's
        virtio_frame_run(&devices[(data[0] >> 6) % 2], data, size);
    return 0;
}
