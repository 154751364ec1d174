// SPDX-License-Identifier: MIT
//
// Frames from the driver (VirtIO 1.2, 5.1.6.2). What the backend takes as it is goes there in
// batches, out of guest RAM; anything else is copied once and finished here (net_offload.h). Frames
// whose header does not fit them are dropped.
#include "net.h"

enum verdict { DIRECT, COPY, DROP };

static void decode(struct vm_net_header *h, const uint8_t from[NET_HEADER])
{
    *h = (struct vm_net_header){
        .flags = from[0],
        .gso_type = from[1],
        .hdr_len = vm_load_le16(from + 2),
        .gso_size = vm_load_le16(from + 4),
        .csum_start = vm_load_le16(from + 6),
        .csum_offset = vm_load_le16(from + 8),
    };
}

// What the backend can do with a frame of this header.
static enum verdict judge(const struct net *n, const struct vm_net_header *h,
                          const struct vm_net_shape *shape)
{
    const struct vm_net *b = n->backend;
    if (b->flat || (h->flags & VM_NET_NEEDS_CSUM && !(b->takes & VM_NET_CSUM)))
        return COPY;
    unsigned gso = vm_net_gso_offload(h, shape);
    return gso & ~b->takes ? COPY : DIRECT;
}

// Fills the packet of an element; its iovecs become the frame's, without the header.
static enum verdict look(struct net *n, struct vm_virtq_element *e, struct vm_net_packet *p)
{
    uint8_t bytes[NET_HEADER], heads[VM_NET_HEADS];
    if (e->out_size < NET_HEADER || e->out_size - NET_HEADER > VM_NET_MAX_FRAME)
        return DROP;
    vm_iov_read(e->iov, e->out_count, 0, bytes, NET_HEADER);
    decode(&p->header, bytes);
    p->size = (uint32_t)(e->out_size - NET_HEADER);
    vm_iov_read(e->iov, e->out_count, NET_HEADER, heads, VM_NET_HEADS);
    struct vm_net_shape shape = {0};
    if (!n->link_up || !vm_net_check(&p->header, n->send_offloads, heads, p->size, &shape))
        return DROP;
    return judge(n, &p->header, &shape);
}

static bool send_bytes(struct net *n, unsigned pair, const struct vm_net_header *header,
                       uint8_t *frame, uint32_t size)
{
    struct vm_iovec iov = {frame, size};
    const struct vm_net_packet p = {*header, &iov, 1, size};
    return n->backend->ops->send(n->backend, pair, &p, 1) == 1;
}

// The backend is told of the frame as a whole, or of each segment. Segments that it has no room for
// are lost; the first one decides whether the frame was taken.
static bool send_segments(struct net *n, unsigned pair, const struct vm_net_header *header,
                          const struct vm_net_shape *shape, uint32_t size)
{
    bool whole = !(vm_net_gso_offload(header, shape) & ~n->backend->takes);
    struct vm_net_header plain = {0};
    struct vm_net_segments s = {n->frame, size, *shape, header->gso_size, 0, 0};
    if (whole) {
        s.gso_size = size;
        plain = (struct vm_net_header){
            .gso_type = header->gso_type, .gso_size = header->gso_size, .hdr_len = header->hdr_len};
    }
    uint8_t *to = whole ? n->frame : n->segment;
    bool taken = true;
    for (uint32_t length; taken && (length = vm_net_next_segment(&s, to)) > 0;)
        taken = send_bytes(n, pair, &plain, to, length);
    return taken || s.index > 1;
}

// One frame by way of n->frame. The driver may have changed it since it was looked at, so it is
// looked at again where nobody can. False if the backend has no room.
static bool send_copy(struct net *n, unsigned pair, const struct vm_virtq_element *e,
                      struct vm_net_header h, uint32_t size)
{
    struct vm_net_shape shape = {0};
    vm_iov_read(e->iov, e->out_count, NET_HEADER, n->frame, size);
    if (!vm_net_check(&h, n->send_offloads, n->frame, size, &shape))
        return true;
    bool finish = !(n->backend->takes & VM_NET_CSUM);
    if (h.gso_type != VM_NET_GSO_NONE &&
        (finish || vm_net_gso_offload(&h, &shape) & ~n->backend->takes))
        return send_segments(n, pair, &h, &shape, size);
    if (h.flags & VM_NET_NEEDS_CSUM && finish) {
        vm_net_complete_checksum(n->frame, size, &h);
        h = (struct vm_net_header){0};
    }
    return send_bytes(n, pair, &h, n->frame, size);
}

// Sends n->out[0..count); gives back what was taken, and to the queue what was not.
static bool send_batch(struct net *n, unsigned pair, unsigned count)
{
    unsigned queue = net_transmit_queue(pair), taken = 0;
    if (count > 0)
        taken = n->backend->ops->send(n->backend, pair, n->packets, count);
    for (unsigned i = 0; i < taken; i++)
        vm_virtq_push(n->virtio, queue, &n->out[i], 0);
    for (unsigned i = count; i > taken; i--)
        vm_virtq_unpop(n->virtio, queue, &n->out[i - 1]);
    return taken == count;
}

// Pops frames until there are NET_BATCH to send directly, or one that is to be copied or dropped.
// That is done at once if it is the first; otherwise it waits for the batch, of which some may have
// to go back to the queue. *more: the queue is not empty.
static bool next_batch(struct net *n, unsigned pair, unsigned *count, bool *more)
{
    unsigned queue = net_transmit_queue(pair);
    *count = 0;
    *more = true;
    while (*count < NET_BATCH) {
        struct vm_virtq_element *e = &n->out[*count];
        struct vm_net_packet *p = &n->packets[*count];
        if (!vm_virtq_pop(n->virtio, queue, e)) {
            *more = false;
            return true;
        }
        enum verdict v = look(n, e, p);
        if (v != DIRECT && *count > 0) {
            vm_virtq_unpop(n->virtio, queue, e);
            return true;
        }
        if (v == COPY && !send_copy(n, pair, e, p->header, p->size)) {
            vm_virtq_unpop(n->virtio, queue, e);
            return false;
        }
        if (v != DIRECT) {
            vm_virtq_push(n->virtio, queue, e, 0);
            continue;
        }
        p->iov = e->iov;
        p->iov_count = vm_iov_slice(e->iov, e->out_count, NET_HEADER, p->size, e->iov);
        ++*count;
    }
    return true;
}

void net_transmit(struct net *n, unsigned pair)
{
    bool room = true;
    unsigned count;
    for (bool more = true; room && more;)
        room = next_batch(n, pair, &count, &more) && send_batch(n, pair, count);
    n->blocked[pair] = !room;
    vm_virtq_flush(n->virtio, net_transmit_queue(pair));
}
