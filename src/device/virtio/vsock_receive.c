// SPDX-License-Identifier: MIT
//
// Packets to the guest (VirtIO 1.2, 5.10.6). Connections that have something for it stand in a
// queue, and each gets one packet in its turn. The host's bytes are read into the guest's buffers.
#include "vsock.h"

// --- the queue ---

void vsock_is_ready(struct vsock_connection *c)
{
    struct vsock *v = c->device;
    if (c->ready_link || c->state == VSOCK_LINGERING)
        return;
    c->next_ready = NULL;
    c->ready_link = v->ready_end;
    *v->ready_end = c;
    v->ready_end = &c->next_ready;
}

void vsock_leave_ready(struct vsock_connection *c)
{
    struct vsock *v = c->device;
    if (!c->ready_link)
        return;
    *c->ready_link = c->next_ready;
    if (c->next_ready)
        c->next_ready->ready_link = c->ready_link;
    else
        v->ready_end = c->ready_link;
    c->ready_link = NULL;
}

bool vsock_has_room(const struct vsock *v)
{
    return v->resets < VSOCK_RESETS;
}

// Only one packet of the guest is looked at before there is room for the next answer.
void vsock_reset(struct vsock *v, uint32_t guest_port, uint32_t host_port)
{
    if (vsock_has_room(v))
        v->waiting[v->resets++] = (struct vsock_reset){guest_port, host_port};
}

// --- packets ---

static void put(struct vsock *v, const struct vsock_header *h)
{
    const struct vm_virtq_element *e = &v->in;
    uint8_t p[VSOCK_HEADER];
    vm_store_le64(p, VSOCK_HOST_CID);
    vm_store_le64(p + 8, v->cid);
    vm_store_le32(p + 16, h->source_port);
    vm_store_le32(p + 20, h->target_port);
    vm_store_le32(p + 24, h->length);
    vm_store_le16(p + 28, VSOCK_STREAM);
    vm_store_le16(p + 30, h->op);
    vm_store_le32(p + 32, h->flags);
    vm_store_le32(p + 36, h->buffer);
    vm_store_le32(p + 40, h->forwarded);
    vm_iov_write(e->iov + e->out_count, e->in_count, 0, p, sizeof p);
    vm_virtq_push(v->virtio, VSOCK_RX, e, VSOCK_HEADER + h->length);
}

// Every packet of a connection tells its credit.
static void put_packet(struct vsock_connection *c, uint16_t op, uint32_t flags, uint32_t length)
{
    const struct vsock_header h = {
        .source_port = c->host_port,
        .target_port = c->guest_port,
        .length = length,
        .op = op,
        .flags = flags,
        .buffer = VM_VSOCK_BUFFER,
        .forwarded = c->forwarded,
    };
    c->told = c->forwarded;
    c->tell &= ~(unsigned)VSOCK_TELL_CREDIT;
    put(c->device, &h);
}

static void put_reset(struct vsock *v)
{
    const struct vsock_header h = {
        .source_port = v->waiting[0].host_port,
        .target_port = v->waiting[0].guest_port,
        .op = VSOCK_OP_RST,
    };
    v->resets--;
    for (unsigned i = 0; i < v->resets; i++)
        v->waiting[i] = v->waiting[i + 1];
    put(v, &h);
}

static bool may_read(const struct vsock_connection *c)
{
    return c->readable && c->state == VSOCK_OPEN && !(c->guest_shut & VSOCK_SHUTDOWN_RCV) &&
           !(c->to_shut & VSOCK_SHUTDOWN_SEND);
}

// Bytes that the guest has room for; what it says may be anything.
static uint32_t credit(const struct vsock_connection *c)
{
    uint32_t under_way = c->sent - c->guest_forwarded;
    return under_way < c->guest_buffer ? c->guest_buffer - under_way : 0;
}

// Reads from the host into the element; true if that made a packet.
static bool put_data(struct vsock_connection *c)
{
    struct vsock *v = c->device;
    const struct vm_virtq_element *e = &v->in;
    bool ended = false;
    uint32_t room = credit(c);
    if (room == 0 || !may_read(c))
        return false;
    unsigned n = vm_iov_slice(e->iov + e->out_count, e->in_count, VSOCK_HEADER, room, v->iov);
    if (n == 0)
        return false;
    uint32_t size = (uint32_t)v->backend->ops->receive(v->backend, c->end, v->iov, n, &ended);
    if (ended) {
        c->to_shut |= VSOCK_SHUTDOWN_SEND;
        c->tell |= VSOCK_TELL_SHUTDOWN;
    }
    c->readable = size > 0;
    if (size == 0)
        return false;
    c->sent += size;
    put_packet(c, VSOCK_OP_RW, 0, size);
    return true;
}

// The next packet of a connection into the element; false if there is none.
static bool put_next(struct vsock_connection *c)
{
    if (c->tell & (VSOCK_TELL_REQUEST | VSOCK_TELL_RESPONSE)) {
        bool is_request = c->tell & VSOCK_TELL_REQUEST;
        c->tell &= ~(unsigned)(VSOCK_TELL_REQUEST | VSOCK_TELL_RESPONSE);
        put_packet(c, is_request ? VSOCK_OP_REQUEST : VSOCK_OP_RESPONSE, 0, 0);
        return true;
    }
    if (put_data(c))
        return true;
    if (c->tell & VSOCK_TELL_SHUTDOWN) {
        c->tell &= ~(unsigned)VSOCK_TELL_SHUTDOWN;
        put_packet(c, VSOCK_OP_SHUTDOWN, c->to_shut, 0);
        return true;
    }
    if (c->tell & VSOCK_TELL_CREDIT) {
        put_packet(c, VSOCK_OP_CREDIT_UPDATE, 0, 0);
        return true;
    }
    return false;
}

// Fills the popped element; false if nobody has anything.
static bool fill(struct vsock *v)
{
    if (v->resets) {
        put_reset(v);
        return true;
    }
    while (v->ready) {
        struct vsock_connection *c = v->ready;
        vsock_leave_ready(c);
        if (put_next(c)) {
            vsock_is_ready(c); // there may be more
            return true;
        }
    }
    return false;
}

void vsock_deliver(struct vsock *v)
{
    struct vm_virtq_element *e = &v->in;
    while ((v->resets || v->ready) && vm_virtq_pop(v->virtio, VSOCK_RX, e)) {
        if (e->in_size < VSOCK_HEADER) {
            vm_virtio_break(v->virtio, "a receive buffer has no room for a header");
            return;
        }
        if (!fill(v)) {
            vm_virtq_unpop(v->virtio, VSOCK_RX, e);
            return;
        }
    }
}
