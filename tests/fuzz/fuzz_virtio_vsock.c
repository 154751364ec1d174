// SPDX-License-Identifier: MIT
//
// Fuzz target: the socket device, in front of a host that sends back what it gets as far as it has
// room, refuses some ports, connects to the guest now and then, and leaves.
#include <stdlib.h>
#include <string.h>

#include <vm/device/virtio/vsock.h>

#include "standalone.h"
#include "virtio_frame.h"

enum { CID = 3, ROOM = 100, ENDS = VM_VSOCK_CONNECTIONS + 4 };

struct echo {
    struct vm_vsock_end end;
    bool in_use, waits, readable, leaves;
    uint8_t kept[ROOM];
    size_t count;
};

static struct echo echoes[ENDS];
static struct vm_vsock host; // of the present input
static unsigned ticks;

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct echo *take(void)
{
    for (unsigned i = 0; i < ENDS; i++) {
        if (!echoes[i].in_use) {
            memset(&echoes[i], 0, sizeof echoes[i]);
            echoes[i].in_use = true;
            return &echoes[i];
        }
    }
    return NULL;
}

static struct vm_vsock_end *echo_connect(struct vm_vsock *h, uint32_t port, void *connection)
{
    struct echo *s = port % 4 == 3 ? NULL : take();
    (void)h;
    if (!s)
        return NULL;
    s->end.connection = connection;
    s->leaves = port % 4 == 2;
    return &s->end;
}

static void echo_accepted(struct vm_vsock *h, struct vm_vsock_end *end, uint32_t host_port)
{
    (void)h;
    (void)host_port;
    must(((struct echo *)end)->in_use);
}

static size_t echo_send(struct vm_vsock *h, struct vm_vsock_end *end, const struct vm_iovec *iov,
                        unsigned count, bool *gone)
{
    struct echo *s = (struct echo *)end;
    (void)h;
    must(s->in_use);
    *gone = s->leaves && s->count == ROOM;
    size_t n = *gone ? 0 : vm_iov_read(iov, count, 0, s->kept + s->count, ROOM - s->count);
    s->count += n;
    s->waits = n < vm_iov_size(iov, count) && !*gone;
    s->readable = true;
    return n;
}

static size_t echo_receive(struct vm_vsock *h, struct vm_vsock_end *end, const struct vm_iovec *iov,
                           unsigned count, bool *ended)
{
    struct echo *s = (struct echo *)end;
    (void)h;
    must(s->in_use);
    size_t n = vm_iov_write(iov, count, 0, s->kept, s->count);
    s->count -= n;
    memmove(s->kept, s->kept + n, s->count);
    *ended = n == 0 && s->leaves;
    return n;
}

static void echo_end_output(struct vm_vsock *h, struct vm_vsock_end *end)
{
    (void)h;
    must(((struct echo *)end)->in_use);
}

static void echo_close(struct vm_vsock *h, struct vm_vsock_end *end)
{
    (void)h;
    must(((struct echo *)end)->in_use);
    ((struct echo *)end)->in_use = false;
}

static void echo_destroy(struct vm_vsock *h)
{
    for (unsigned i = 0; i < ENDS; i++)
        must(!echoes[i].in_use);
    h->ops = NULL;
}

static const struct vm_vsock_ops ops = {
    "echo",       echo_connect,    echo_accepted, echo_send,
    echo_receive, echo_end_output, echo_close,    echo_destroy,
};

static struct vm_virtio *create(struct virtio_rig *rig)
{
    struct vm_virtio *v;
    memset(echoes, 0, sizeof echoes);
    host = (struct vm_vsock){.ops = &ops};
    ticks = 0;
    const struct vm_virtio_vsock_config c = {&host, CID, 0};
    assert_int_equal(vm_virtio_vsock_create(&rig->machine, &rig->io, "vsock0", &c, &v, NULL),
                     VM_OK);
    return v;
}

static void request(void)
{
    struct echo *s = take();
    if (s && !host.receiver.request(host.receiver.device, &s->end, ticks % 3))
        s->in_use = false;
}

static void tick(struct virtio_rig *rig)
{
    (void)rig;
    if (++ticks % 16 == 0)
        request();
    for (unsigned i = 0; i < ENDS; i++) {
        struct echo *s = &echoes[i];
        if (s->in_use && s->waits) {
            s->waits = false;
            host.receiver.writable(s->end.connection);
        }
        if (s->in_use && s->readable) {
            s->readable = false;
            host.receiver.readable(s->end.connection);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device device = {.create = create, .tick = tick};
    virtio_frame_run(&device, data, size);
    must(!host.ops);
    return 0;
}
