// SPDX-License-Identifier: MIT
//
// Bytes of a port between its queues and its stream (VirtIO 1.2, 5.3.6). At most one element of the
// transmit queue is held, the one that the stream has taken a part of.
#include "console.h"

// --- from the driver ---

// Only port 0 has an emergency register. True if all has been taken.
static bool send_emergency(struct console_port *p)
{
    struct console *c = p->console;
    uint8_t bytes[VM_VIRTIO_CONSOLE_EMERGENCY];
    for (;;) {
        vm_virtio_lock(c->virtio);
        uint32_t count = c->emergency.count;
        vm_copy(bytes, c->emergency.bytes, count);
        vm_virtio_unlock(c->virtio);
        if (count == 0)
            return true;
        uint32_t taken = (uint32_t)p->stream->ops->send(p->stream, bytes, count);
        // More may have been added behind it meanwhile.
        vm_virtio_lock(c->virtio);
        c->emergency.count -= taken;
        for (uint32_t i = 0; i < c->emergency.count; i++)
            c->emergency.bytes[i] = c->emergency.bytes[taken + i];
        vm_virtio_unlock(c->virtio);
        if (taken < count)
            return false;
    }
}

// Sends the rest of the held element; true if all has been taken.
static bool send_held(struct console_port *p)
{
    uint8_t *chunk = p->console->chunk;
    while (p->out_done < p->out.out_size) {
        size_t n =
            vm_iov_read(p->out.iov, p->out.out_count, p->out_done, chunk, sizeof p->console->chunk);
        size_t taken = p->stream->ops->send(p->stream, chunk, n);
        p->out_done += taken;
        if (taken < n)
            return false;
    }
    return true;
}

static bool hold_next(struct console_port *p, unsigned queue)
{
    if (!p->holding && vm_virtq_pop(p->console->virtio, queue, &p->out)) {
        p->holding = true;
        p->out_done = 0;
    }
    return p->holding;
}

void console_transmit(struct console_port *p)
{
    struct console *c = p->console;
    unsigned queue = console_transmit_queue(p);
    if (p->index == 0 && !send_emergency(p))
        return;
    while (hold_next(p, queue) && send_held(p)) {
        p->holding = false;
        vm_virtq_push(c->virtio, queue, &p->out, 0);
    }
    vm_virtq_flush(c->virtio, queue);
}

void console_writable(void *port)
{
    console_transmit(port);
}

void console_emergency_task(void *console)
{
    struct console *c = console;
    send_emergency(&c->ports[0]); // the rest, if any, when the stream is writable
}

void console_emergency_write(struct console *c, uint8_t byte)
{
    struct console_emergency *e = &c->emergency;
    if (e->count == sizeof e->bytes)
        return;
    e->bytes[e->count++] = byte;
    vm_io_schedule(c->io, &c->emergency_task);
}

// --- to the driver ---

// Ports other than the first one exist for the driver only with MULTIPORT, and then those that it
// has opened get bytes.
static bool listens(const struct console_port *p)
{
    return console_has(p->console, CONSOLE_F_MULTIPORT) ? p->guest_open : p->index == 0;
}

size_t console_receive(void *port, const uint8_t *bytes, size_t size)
{
    struct console_port *p = port;
    struct console *c = p->console;
    struct vm_virtq_element *e = &c->in;
    unsigned queue = console_receive_queue(p);
    size_t done = 0;
    while (done < size && listens(p) && vm_virtq_pop(c->virtio, queue, e)) {
        size_t n = vm_iov_write(e->iov + e->out_count, e->in_count, 0, bytes + done, size - done);
        if (n == 0) {
            vm_virtio_break(c->virtio, "a receive buffer has no room");
            break;
        }
        vm_virtq_push(c->virtio, queue, e, (uint32_t)n);
        done += n;
    }
    vm_virtq_flush(c->virtio, queue);
    p->starved = done < size;
    return done;
}

void console_resume(struct console_port *p)
{
    if (!p->starved || !listens(p))
        return;
    p->starved = false;
    p->stream->ops->resume(p->stream);
}
