// SPDX-License-Identifier: MIT
//
// Socket device (vm/device/virtio/vsock.h): its life, and that of connections.
#include "vsock.h"

#define F_STREAM (UINT64_C(1) << 0)

enum { QUEUE_SIZE = 128, CONFIG_SIZE = 8 };

// --- connections ---

static struct vsock_connection **bucket_of(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
    return &v->buckets[(guest_port * 31 + host_port) % VSOCK_BUCKETS];
}

struct vsock_connection *vsock_find(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
    struct vsock_connection *c = *bucket_of(v, guest_port, host_port);
    while (c && (c->guest_port != guest_port || c->host_port != host_port))
        c = c->next;
    return c;
}

struct vsock_connection *vsock_add(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
    struct vsock_connection *c = NULL;
    if (v->connections < VM_VSOCK_CONNECTIONS)
        c = vm_device_alloc(v->machine, sizeof *c, "virtio-vsock", NULL);
    if (!c)
        return NULL;
    struct vsock_connection **bucket = bucket_of(v, guest_port, host_port);
    c->device = v;
    c->guest_port = guest_port;
    c->host_port = host_port;
    c->next = *bucket;
    *bucket = c;
    v->connections++;
    return c;
}

static struct vsock_connection **link_of(struct vsock_connection *c)
{
    struct vsock *v = c->device;
    struct vsock_connection **p =
        c->state == VSOCK_LINGERING ? &v->lingering : bucket_of(v, c->guest_port, c->host_port);
    while (*p != c)
        p = &(*p)->next;
    return p;
}

static void destroy(struct vsock_connection *c)
{
    struct vsock *v = c->device;
    *link_of(c) = c->next;
    vsock_leave_ready(c);
    if (c->end)
        v->backend->ops->close(v->backend, c->end);
    if (c->kept)
        vm_device_release(v->machine, c->kept, VM_VSOCK_BUFFER);
    vm_device_release(v->machine, c, sizeof *c);
    v->connections--;
}

void vsock_end(struct vsock_connection *c, bool tell)
{
    struct vsock *v = c->device;
    uint32_t guest_port = c->guest_port, host_port = c->host_port;
    destroy(c);
    if (tell)
        vsock_reset(v, guest_port, host_port);
}

void vsock_linger(struct vsock_connection *c)
{
    struct vsock *v = c->device;
    vsock_reset(v, c->guest_port, c->host_port);
    if (c->kept_size == 0 || c->gone) {
        destroy(c);
        return;
    }
    *link_of(c) = c->next;
    vsock_leave_ready(c);
    c->state = VSOCK_LINGERING;
    c->next = v->lingering;
    v->lingering = c;
}

static void destroy_all(struct vsock *v)
{
    for (unsigned i = 0; i < VSOCK_BUCKETS; i++) {
        while (v->buckets[i])
            destroy(v->buckets[i]);
    }
    while (v->lingering)
        destroy(v->lingering);
}

// --- what the backend calls ---

// A port for a client of the host, unlike those that are connected to the same port of the guest.
static uint32_t choose_port(struct vsock *v, uint32_t guest_port)
{
    do
        v->next_port = v->next_port == INT32_MAX ? VSOCK_FIRST_PORT : v->next_port + 1;
    while (vsock_find(v, guest_port, v->next_port));
    return v->next_port;
}

static bool request(void *device, struct vm_vsock_end *end, uint32_t guest_port)
{
    struct vsock *v = device;
    if (!vm_virtq_ready(v->virtio, VSOCK_RX) || !vm_virtq_ready(v->virtio, VSOCK_TX))
        return false;
    struct vsock_connection *c = vsock_add(v, guest_port, choose_port(v, guest_port));
    if (!c)
        return false;
    c->end = end;
    c->state = VSOCK_REQUESTED;
    c->tell = VSOCK_TELL_REQUEST;
    end->connection = c;
    vsock_is_ready(c);
    vsock_go_on(v);
    return true;
}

static void readable(void *connection)
{
    struct vsock_connection *c = connection;
    struct vsock *v = c->device;
    c->readable = true;
    vsock_is_ready(c);
    vsock_go_on(v);
}

static void writable(void *connection)
{
    struct vsock_connection *c = connection;
    struct vsock *v = c->device;
    vsock_drain(c);
    vsock_go_on(v);
}

// --- what the core calls ---

static void vsock_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    const struct vsock *v = device;
    uint8_t bytes[CONFIG_SIZE];
    vm_store_le64(bytes, v->cid);
    vm_copy(to, bytes + offset, size);
}

void vsock_go_on(struct vsock *v)
{
    vsock_deliver(v);
    while (v->stopped && vsock_has_room(v)) {
        vsock_transmit(v);
        vsock_deliver(v);
    }
    vm_virtq_flush(v->virtio, VSOCK_RX);
    vm_virtq_flush(v->virtio, VSOCK_TX);
}

// There are no events to tell (5.10.6.7): this machine does not move under a running guest.
static void vsock_notify(void *device, unsigned queue)
{
    struct vsock *v = device;
    if (queue == VSOCK_TX)
        vsock_transmit(v);
    if (queue != VSOCK_EVENT)
        vsock_go_on(v);
}

static void vsock_reset_device(void *device)
{
    struct vsock *v = device;
    destroy_all(v);
    v->resets = 0;
    v->stopped = false;
}

// No buffer is held between calls.
static void vsock_reset_queue(void *device, unsigned queue)
{
    (void)device;
    (void)queue;
}

static void vsock_destroy(void *device)
{
    struct vsock *v = device;
    destroy_all(v);
    if (v->backend)
        v->backend->ops->destroy(v->backend);
    vm_device_release(v->machine, v, sizeof *v);
}

static const struct vm_virtio_ops vsock_ops = {
    .type = "virtio-vsock",
    .id = VM_VIRTIO_VSOCK,
    .read_config = vsock_read_config,
    .notify = vsock_notify,
    .reset = vsock_reset_device,
    .destroy = vsock_destroy,
    .reset_queue = vsock_reset_queue,
};

vm_status vm_virtio_vsock_create(struct vm_machine *m, struct vm_io *io, const char *name,
                                 const struct vm_virtio_vsock_config *config,
                                 struct vm_virtio **out, struct vm_error *e)
{
    if (config->cid < VM_VIRTIO_VSOCK_MIN_CID || config->cid == UINT32_MAX)
        return vm_error_set(e, VM_ERR_USAGE, "%s: a guest's CID is %d to %u, not %u", name,
                            VM_VIRTIO_VSOCK_MIN_CID, UINT32_MAX - 1, config->cid);
    struct vsock *v = vm_device_alloc(m, sizeof *v, vsock_ops.type, e);
    if (!v)
        return VM_ERR_HOST;
    v->machine = m;
    v->cid = config->cid;
    v->next_port = VSOCK_FIRST_PORT;
    v->ready_end = &v->ready;
    const struct vm_virtio_config core = {
        .ops = &vsock_ops,
        .device = v,
        .features = F_STREAM,
        .withheld = config->withheld,
        .config_size = CONFIG_SIZE,
        .queues = VSOCK_QUEUES,
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    vm_status status = vm_virtio_create(m, &core, &v->virtio, e);
    if (status != VM_OK) {
        vsock_destroy(v); // the backend stays the caller's
        return status;
    }
    v->backend = config->backend;
    v->backend->receiver = (struct vm_vsock_receiver){request, readable, writable, v};
    *out = v->virtio;
    return VM_OK;
}
