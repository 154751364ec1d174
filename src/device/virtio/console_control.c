// SPDX-License-Identifier: MIT
//
// The control queues of a device with several ports (VirtIO 1.2, 5.3.6.2). Messages of the driver
// that make no sense are ignored: nothing in the protocol answers them.
#include "console.h"

enum {
    DEVICE_READY = 0,
    DEVICE_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    RESIZE = 5,
    PORT_OPEN = 6,
    PORT_NAME = 7,

    HEADER = 8, // struct virtio_console_control: id, event, value
    LONGEST = HEADER + VM_VIRTIO_CONSOLE_NAME,
};

// --- to the driver ---

struct message {
    uint32_t size;
    uint8_t bytes[LONGEST];
};

static void encode(struct message *m, const struct console_port *p, uint16_t event, uint16_t value)
{
    m->size = HEADER;
    vm_store_le32(m->bytes, p->index);
    vm_store_le16(m->bytes + 4, event);
    vm_store_le16(m->bytes + 6, value);
}

static void encode_name(struct message *m, const struct console_port *p)
{
    encode(m, p, PORT_NAME, 1);
    size_t length = 0;
    while (p->name[length])
        length++;
    vm_copy(m->bytes + HEADER, p->name, length);
    m->size += (uint32_t)length;
}

static void encode_resize(struct message *m, const struct console_port *p)
{
    encode(m, p, RESIZE, 0);
    vm_store_le16(m->bytes + HEADER, p->stream->columns);
    vm_store_le16(m->bytes + HEADER + 2, p->stream->rows);
    m->size += 4;
}

// `what` is one of CONSOLE_TELL_*.
static void make(struct message *m, const struct console_port *p, unsigned what)
{
    switch (what) {
    case CONSOLE_TELL_ADD: encode(m, p, DEVICE_ADD, 0); break;
    case CONSOLE_TELL_CONSOLE: encode(m, p, CONSOLE_PORT, 1); break;
    case CONSOLE_TELL_NAME: encode_name(m, p); break;
    case CONSOLE_TELL_RESIZE: encode_resize(m, p); break;
    default: encode(m, p, PORT_OPEN, p->stream->connected); break;
    }
}

static bool send(struct console *c, const struct message *m)
{
    struct vm_virtq_element *e = &c->in;
    if (!vm_virtq_pop(c->virtio, CONSOLE_CONTROL_RECEIVE, e))
        return false;
    if (e->in_size < m->size) {
        vm_virtio_break(c->virtio, "a control buffer is too small for a message");
        return false;
    }
    vm_iov_write(e->iov + e->out_count, e->in_count, 0, m->bytes, m->size);
    vm_virtq_push(c->virtio, CONSOLE_CONTROL_RECEIVE, e, m->size);
    return true;
}

static bool tell_port(struct console *c, struct console_port *p)
{
    while (p->tell) {
        struct message m;
        unsigned next = p->tell & -p->tell;
        make(&m, p, next);
        if (!send(c, &m))
            return false;
        p->tell &= ~next;
    }
    return true;
}

void console_tell(struct console *c)
{
    if (!console_has(c, CONSOLE_F_MULTIPORT))
        return;
    for (unsigned i = 0; i < c->count; i++) {
        if (!tell_port(c, &c->ports[i]))
            break;
    }
    vm_virtq_flush(c->virtio, CONSOLE_CONTROL_RECEIVE);
}

// --- from the driver ---

static void introduce(struct console_port *p)
{
    const struct vm_stream *s = p->stream;
    p->ready = true;
    p->tell |= (p->is_console ? CONSOLE_TELL_CONSOLE : 0u) | (p->name[0] ? CONSOLE_TELL_NAME : 0u) |
               (p->is_console && s->columns && s->rows ? CONSOLE_TELL_RESIZE : 0u) |
               (s->connected ? CONSOLE_TELL_OPEN : 0u);
}

static void obey_port(struct console_port *p, uint16_t event, uint16_t value)
{
    if (event == PORT_READY && value == 1) {
        introduce(p);
    } else if (event == PORT_OPEN) {
        p->guest_open = value;
        console_resume(p);
    }
}

static void obey(struct console *c, const struct vm_virtq_element *e)
{
    uint8_t bytes[HEADER];
    if (vm_iov_read(e->iov, e->out_count, 0, bytes, sizeof bytes) < sizeof bytes)
        return;
    uint32_t id = vm_load_le32(bytes);
    uint16_t event = vm_load_le16(bytes + 4), value = vm_load_le16(bytes + 6);
    if (event == DEVICE_READY && value == 1) {
        for (unsigned i = 0; i < c->count; i++)
            c->ports[i].tell |= CONSOLE_TELL_ADD;
    } else if (event != DEVICE_READY && id < c->count) {
        obey_port(&c->ports[id], event, value);
    }
}

void console_control(struct console *c)
{
    struct vm_virtq_element *e = &c->control;
    while (vm_virtq_pop(c->virtio, CONSOLE_CONTROL_TRANSMIT, e)) {
        obey(c, e);
        vm_virtq_push(c->virtio, CONSOLE_CONTROL_TRANSMIT, e, 0);
    }
    vm_virtq_flush(c->virtio, CONSOLE_CONTROL_TRANSMIT);
    console_tell(c);
}
