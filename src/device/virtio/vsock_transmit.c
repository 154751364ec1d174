// SPDX-License-Identifier: MIT
//
// Packets of the guest (VirtIO 1.2, 5.10.6). Data goes to the host out of the guest's buffers; what
// the host does not take at once is kept, which the guest's credit bounds.
//
// A packet may have an answer, and the guest may leave its answers where they are: then packets
// wait in their queue until it has taken some (5.10.6.1).
#include "vsock.h"

static void decode(struct vsock_header *h, const uint8_t *p)
{
    *h = (struct vsock_header){
        .source_cid = vm_load_le64(p),
        .target_cid = vm_load_le64(p + 8),
        .source_port = vm_load_le32(p + 16),
        .target_port = vm_load_le32(p + 20),
        .length = vm_load_le32(p + 24),
        .type = vm_load_le16(p + 28),
        .op = vm_load_le16(p + 30),
        .flags = vm_load_le32(p + 32),
        .buffer = vm_load_le32(p + 36),
        .forwarded = vm_load_le32(p + 40),
    };
}

// --- data ---

static void tell_credit(struct vsock_connection *c)
{
    c->tell |= VSOCK_TELL_CREDIT;
    vsock_is_ready(c);
}

// The host has taken so many bytes more. A guest that knows of less than half of its credit is
// told.
static void forward(struct vsock_connection *c, uint32_t size)
{
    c->forwarded += size;
    if (c->state == VSOCK_OPEN && c->told != c->forwarded &&
        c->received - c->told > VM_VSOCK_BUFFER / 2)
        tell_credit(c);
}

// The host takes nothing any more: what is kept, and what comes, is lost.
static void lose_host(struct vsock_connection *c)
{
    c->gone = true;
    forward(c, c->kept_size);
    c->kept_size = 0;
    if (c->state == VSOCK_OPEN) {
        c->to_shut |= VSOCK_SHUTDOWN_RCV;
        c->tell |= VSOCK_TELL_SHUTDOWN;
        vsock_is_ready(c);
    }
}

static size_t send(struct vsock_connection *c, const struct vm_iovec *iov, unsigned count)
{
    struct vm_vsock *b = c->device->backend;
    bool gone = false;
    size_t n = count ? b->ops->send(b, c->end, iov, count, &gone) : 0;
    forward(c, (uint32_t)n);
    if (gone)
        lose_host(c);
    return n;
}

void vsock_drain(struct vsock_connection *c)
{
    struct vm_vsock *b = c->device->backend;
    if (c->kept_size) {
        uint32_t to_end = VM_VSOCK_BUFFER - c->kept_at;
        uint32_t first = c->kept_size < to_end ? c->kept_size : to_end;
        const struct vm_iovec iov[] = {{c->kept + c->kept_at, first},
                                       {c->kept, c->kept_size - first}};
        size_t n = send(c, iov, first < c->kept_size ? 2 : 1);
        if (!c->gone) {
            c->kept_at = (c->kept_at + (uint32_t)n) % VM_VSOCK_BUFFER;
            c->kept_size -= (uint32_t)n;
        }
    }
    if (c->kept_size)
        return;
    if (c->state == VSOCK_LINGERING)
        vsock_end(c, false);
    else if (c->guest_shut & VSOCK_SHUTDOWN_SEND)
        b->ops->end_output(b, c->end);
}

// False if there is no memory.
static bool keep(struct vsock_connection *c, const struct vm_iovec *iov, unsigned count,
                 uint64_t offset, uint32_t size)
{
    if (!c->kept && size)
        c->kept = vm_device_alloc(c->device->machine, VM_VSOCK_BUFFER, "virtio-vsock", NULL);
    if (!c->kept)
        return size == 0;
    while (size > 0) {
        uint32_t at = (c->kept_at + c->kept_size) % VM_VSOCK_BUFFER;
        uint32_t n = size < VM_VSOCK_BUFFER - at ? size : VM_VSOCK_BUFFER - at;
        vm_iov_read(iov, count, offset, c->kept + at, n);
        c->kept_size += n;
        offset += n;
        size -= n;
    }
    return true;
}

// False if the guest has broken the rules, or memory is out.
static bool take_data(struct vsock_connection *c, uint32_t size)
{
    struct vsock *v = c->device;
    const struct vm_virtq_element *e = &v->out;
    size_t n = 0;
    if (c->state != VSOCK_OPEN || c->guest_shut & VSOCK_SHUTDOWN_SEND ||
        size > VM_VSOCK_BUFFER - (c->received - c->forwarded))
        return false;
    c->received += size;
    if (!c->gone && c->kept_size == 0)
        n = send(c, v->iov, vm_iov_slice(e->iov, e->out_count, VSOCK_HEADER, size, v->iov));
    if (!c->gone)
        return keep(c, e->iov, e->out_count, VSOCK_HEADER + n, size - (uint32_t)n);
    forward(c, size - (uint32_t)n);
    return true;
}

// --- the course of a connection ---

static void connect(struct vsock *v, const struct vsock_header *h)
{
    struct vsock_connection *c = vsock_add(v, h->source_port, h->target_port);
    if (!c) {
        vsock_reset(v, h->source_port, h->target_port);
        return;
    }
    c->state = VSOCK_OPEN;
    c->guest_buffer = h->buffer;
    c->guest_forwarded = h->forwarded;
    c->end = v->backend->ops->connect(v->backend, h->target_port, c);
    if (!c->end) {
        vsock_end(c, true);
        return;
    }
    c->tell = VSOCK_TELL_RESPONSE;
    vsock_is_ready(c);
}

static void accept(struct vsock_connection *c)
{
    struct vm_vsock *b = c->device->backend;
    if (c->state != VSOCK_REQUESTED) {
        vsock_end(c, true);
        return;
    }
    c->state = VSOCK_OPEN;
    b->ops->accepted(b, c->end, c->host_port);
}

static void shut(struct vsock_connection *c, uint32_t flags)
{
    uint8_t before = c->guest_shut;
    c->guest_shut |= flags & VSOCK_SHUTDOWN_BOTH;
    if (c->guest_shut == VSOCK_SHUTDOWN_BOTH || c->state != VSOCK_OPEN)
        vsock_linger(c);
    else if (c->guest_shut & ~before & VSOCK_SHUTDOWN_SEND)
        vsock_drain(c);
}

static void obey(struct vsock_connection *c, const struct vsock_header *h)
{
    c->guest_buffer = h->buffer;
    c->guest_forwarded = h->forwarded;
    if (c->readable)
        vsock_is_ready(c);
    switch (h->op) {
    case VSOCK_OP_RESPONSE: accept(c); break;
    case VSOCK_OP_RST: vsock_end(c, false); break;
    case VSOCK_OP_SHUTDOWN: shut(c, h->flags); break;
    case VSOCK_OP_CREDIT_UPDATE: break;
    case VSOCK_OP_CREDIT_REQUEST: tell_credit(c); break;
    case VSOCK_OP_RW:
        if (take_data(c, h->length))
            break;
        // fallthrough
    default: vsock_end(c, true); // a second request as well
    }
}

// Packets that are not between this guest and the host are dropped (5.10.6.4).
static void take(struct vsock *v, const struct vsock_header *h)
{
    if (h->source_cid != v->cid || h->target_cid != VSOCK_HOST_CID)
        return;
    struct vsock_connection *c = vsock_find(v, h->source_port, h->target_port);
    if (h->type != VSOCK_STREAM) {
        vsock_reset(v, h->source_port, h->target_port);
        return;
    }
    if (c)
        obey(c, h);
    else if (h->op == VSOCK_OP_REQUEST)
        connect(v, h);
    else if (h->op != VSOCK_OP_RST)
        vsock_reset(v, h->source_port, h->target_port);
}

void vsock_transmit(struct vsock *v)
{
    struct vm_virtq_element *e = &v->out;
    v->stopped = false;
    for (;;) {
        uint8_t bytes[VSOCK_HEADER];
        struct vsock_header h;
        if (!vsock_has_room(v)) {
            v->stopped = true;
            return;
        }
        if (!vm_virtq_pop(v->virtio, VSOCK_TX, e))
            return;
        size_t n = vm_iov_read(e->iov, e->out_count, 0, bytes, sizeof bytes);
        decode(&h, bytes);
        if (n < sizeof bytes || h.length > e->out_size - VSOCK_HEADER) {
            vm_virtio_break(v->virtio, "a packet without a whole header, or shorter than it says");
            return;
        }
        take(v, &h);
        vm_virtq_push(v->virtio, VSOCK_TX, e, 0);
    }
}
