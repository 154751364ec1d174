// SPDX-License-Identifier: MIT
//
// Console device (vm/device/virtio/console.h): features, configuration, life.
#include "console.h"

#include <vm/base/format.h>

enum { QUEUE_SIZE = 128 };

// --- what the streams call ---

static void connection_changed(void *port)
{
    struct console_port *p = port;
    if (!p->ready)
        return;
    p->tell |= CONSOLE_TELL_OPEN;
    console_tell(p->console);
}

// The configuration has the size of port 0 only; with several ports each has its message.
static void resized(void *port)
{
    struct console_port *p = port;
    struct console *c = p->console;
    if (p->index == 0) {
        vm_virtio_lock(c->virtio);
        c->config = (struct console_config){p->stream->columns, p->stream->rows};
        if (console_has(c, CONSOLE_F_SIZE))
            vm_virtio_config_changed(c->virtio);
        vm_virtio_unlock(c->virtio);
    }
    if (p->ready && p->is_console) {
        p->tell |= CONSOLE_TELL_RESIZE;
        console_tell(c);
    }
}

// --- what the core calls ---

static void console_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    const struct console *c = device;
    uint8_t bytes[CONSOLE_CONFIG_SIZE] = {0};
    vm_store_le16(bytes, c->config.columns);
    vm_store_le16(bytes + 2, c->config.rows);
    vm_store_le32(bytes + 4, c->count);
    vm_copy(to, bytes + offset, size);
}

// The character is in the register's low byte. Also before any negotiation (5.3.4).
static void console_write_config(void *device, uint32_t offset, const void *from, uint32_t size)
{
    const uint8_t *bytes = from;
    if (offset <= CONSOLE_EMERG_WR && CONSOLE_EMERG_WR < offset + size)
        console_emergency_write(device, bytes[CONSOLE_EMERG_WR - offset]);
}

// The port of a data queue; the control queues have none.
static struct console_port *port_of(struct console *c, unsigned queue)
{
    if (queue < CONSOLE_CONTROL_RECEIVE)
        return &c->ports[0];
    return queue > CONSOLE_CONTROL_TRANSMIT ? &c->ports[queue / 2 - 1] : NULL;
}

static void console_notify(void *device, unsigned queue)
{
    struct console *c = device;
    struct console_port *p = port_of(c, queue);
    if (queue >= CONSOLE_CONTROL_RECEIVE && !console_has(c, CONSOLE_F_MULTIPORT))
        return;
    if (queue == CONSOLE_CONTROL_RECEIVE)
        console_tell(c);
    else if (queue == CONSOLE_CONTROL_TRANSMIT)
        console_control(c);
    else if (queue & 1)
        console_transmit(p);
    else
        console_resume(p);
}

// What the stream has for the guest stays there, and so does `starved`.
static void console_reset(void *device)
{
    struct console *c = device;
    for (unsigned i = 0; i < c->count; i++) {
        struct console_port *p = &c->ports[i];
        p->holding = p->ready = p->guest_open = false;
        p->tell = 0;
    }
}

static void console_reset_queue(void *device, unsigned queue)
{
    struct console_port *p = port_of(device, queue);
    if (p && queue & 1)
        p->holding = false;
}

static void console_destroy(void *device)
{
    struct console *c = device;
    for (unsigned i = 0; i < c->count; i++) {
        if (c->ports[i].stream)
            c->ports[i].stream->ops->close(c->ports[i].stream);
    }
    vm_device_release(c->machine, c, sizeof *c);
}

static const struct vm_virtio_ops console_ops = {
    .type = "virtio-console",
    .id = VM_VIRTIO_CONSOLE,
    .read_config = console_read_config,
    .write_config = console_write_config,
    .notify = console_notify,
    .reset = console_reset,
    .reset_queue = console_reset_queue,
    .destroy = console_destroy,
};

// --- life ---

static bool is_simple(const struct vm_virtio_console_config *config)
{
    return config->count == 1 && config->ports[0].console && !config->ports[0].name;
}

static size_t length_of(const char *name)
{
    size_t n = 0;
    while (name && name[n])
        n++;
    return n;
}

static vm_status check(const char *name, const struct vm_virtio_console_config *config,
                       struct vm_error *e)
{
    if (config->count == 0 || config->count > VM_VIRTIO_CONSOLE_MAX_PORTS)
        return vm_error_set(e, VM_ERR_USAGE, "device %s: %u ports; it has 1 to %d", name,
                            config->count, VM_VIRTIO_CONSOLE_MAX_PORTS);
    for (unsigned i = 0; i < config->count; i++) {
        if (length_of(config->ports[i].name) > VM_VIRTIO_CONSOLE_NAME)
            return vm_error_set(e, VM_ERR_USAGE, "device %s: the name of port %u is longer than %d",
                                name, i, VM_VIRTIO_CONSOLE_NAME);
    }
    return VM_OK;
}

static void init(struct console *c, struct vm_machine *m, struct vm_io *io,
                 const struct vm_virtio_console_config *config)
{
    const struct vm_stream *first = config->ports[0].stream;
    c->machine = m;
    c->io = io;
    c->emergency_task.run = console_emergency_task;
    c->emergency_task.context = c;
    c->config = (struct console_config){first->columns, first->rows};
    c->count = config->count;
    for (unsigned i = 0; i < c->count; i++) {
        struct console_port *p = &c->ports[i];
        p->console = c;
        p->index = i;
        p->is_console = config->ports[i].console;
        if (config->ports[i].name)
            vm_copy(p->name, config->ports[i].name, length_of(config->ports[i].name));
    }
}

static void adopt_streams(struct console *c, const struct vm_virtio_console_config *config)
{
    for (unsigned i = 0; i < c->count; i++) {
        struct console_port *p = &c->ports[i];
        p->stream = config->ports[i].stream;
        p->stream->receiver = (struct vm_stream_receiver){
            console_receive, console_writable, connection_changed, resized, p,
        };
    }
}

vm_status vm_virtio_console_create(struct vm_machine *m, struct vm_io *io, const char *name,
                                   const struct vm_virtio_console_config *config,
                                   struct vm_virtio **out, struct vm_error *e)
{
    vm_status status = check(name, config, e);
    if (status != VM_OK)
        return status;
    struct console *c = vm_device_alloc(m, sizeof *c, console_ops.type, e);
    if (!c)
        return VM_ERR_HOST;
    init(c, m, io, config);
    bool simple = is_simple(config);
    const struct vm_virtio_config core = {
        .ops = &console_ops,
        .device = c,
        .features = CONSOLE_F_SIZE | CONSOLE_F_EMERG_WRITE | (simple ? 0 : CONSOLE_F_MULTIPORT),
        .withheld = config->withheld,
        .config_size = CONSOLE_CONFIG_SIZE,
        .queues = (uint16_t)(simple ? 2 : 2 * config->count + 2),
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    status = vm_virtio_create(m, &core, &c->virtio, e);
    if (status != VM_OK) {
        console_destroy(c); // the streams stay the caller's
        return status;
    }
    adopt_streams(c, config);
    *out = c->virtio;
    return VM_OK;
}
