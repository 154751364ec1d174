// SPDX-License-Identifier: MIT
//
// Frames to the driver (VirtIO 1.2, 5.1.6.3 and 5.1.6.4).
#include "net.h"

// Whether the driver has agreed to what the frame leaves to it. A backend keeps to that as well;
// the exception is what was on its way when the driver changed its mind.
static bool agreed(const struct net *n, const struct vm_net_header *h)
{
    if (h->flags & VM_NET_NEEDS_CSUM && !(n->receive_offloads & VM_NET_CSUM))
        return false;
    switch (h->gso_type) {
    case VM_NET_GSO_NONE: return true;
    case VM_NET_GSO_TCPV4: return n->receive_offloads & VM_NET_TSO4;
    case VM_NET_GSO_TCPV6: return n->receive_offloads & VM_NET_TSO6;
    case VM_NET_GSO_UDP_L4: return n->receive_offloads & (VM_NET_USO4 | VM_NET_USO6);
    default: return false;
    }
}

static bool wanted(const struct net *n, unsigned pair, const struct vm_net_header *header,
                   const uint8_t *frame, uint32_t size)
{
    return size >= 14 && size <= VM_NET_MAX_FRAME && pair < n->active_pairs && n->link_up &&
           vm_virtq_ready(n->virtio, net_receive_queue(pair)) && agreed(n, header) &&
           vm_net_filter_wants(&n->filter, frame, size);
}

enum buffers { ENOUGH, NOT_NOW, NEVER };

// Pops buffers into n->in until `size` bytes fit.
static enum buffers collect(struct net *n, unsigned queue, uint64_t size, unsigned *count)
{
    bool mergeable = net_has(n, NET_F_MRG_RXBUF);
    uint64_t room = 0;
    for (*count = 0; room < size;) {
        if (*count == (mergeable ? NET_MAX_BUFFERS : 1))
            return NEVER;
        struct vm_virtq_element *e = &n->in[*count];
        if (!vm_virtq_pop(n->virtio, queue, e))
            return NOT_NOW;
        ++*count;
        if (e->in_size < NET_HEADER && *count == 1) {
            vm_virtio_break(n->virtio, "a receive buffer is too small for a header");
            return NEVER;
        }
        room += e->in_size;
    }
    return ENOUGH;
}

static void encode(uint8_t to[NET_HEADER], const struct net *n, const struct vm_net_header *h,
                   unsigned buffers)
{
    uint8_t flags = h->flags;
    if (!(n->receive_offloads & VM_NET_CSUM))
        flags &= (uint8_t)~VM_NET_DATA_VALID;
    to[0] = flags;
    to[1] = h->gso_type;
    vm_store_le16(to + 2, h->hdr_len);
    vm_store_le16(to + 4, h->gso_size);
    vm_store_le16(to + 6, h->csum_start);
    vm_store_le16(to + 8, h->csum_offset);
    vm_store_le16(to + 10, (uint16_t)buffers);
}

static void fill(struct net *n, unsigned queue, unsigned count, const uint8_t *header,
                 const uint8_t *frame, uint32_t size)
{
    uint64_t skip = NET_HEADER;
    for (unsigned i = 0; i < count; i++) {
        const struct vm_virtq_element *e = &n->in[i];
        const struct vm_iovec *iov = e->iov + e->out_count;
        if (i == 0)
            vm_iov_write(iov, e->in_count, 0, header, NET_HEADER);
        size_t here = vm_iov_write(iov, e->in_count, skip, frame, size);
        vm_virtq_push(n->virtio, queue, e, (uint32_t)(skip + here));
        frame += here;
        size -= (uint32_t)here;
        skip = 0;
    }
}

// Frames that cannot be delivered at all, as those that nobody wants, are gone as on any network.
bool net_receive(void *device, unsigned pair, const struct vm_net_header *header,
                 const uint8_t *frame, uint32_t size)
{
    struct net *n = device;
    if (!wanted(n, pair, header, frame, size))
        return true;
    unsigned queue = net_receive_queue(pair), count;
    enum buffers got = collect(n, queue, (uint64_t)NET_HEADER + size, &count);
    if (got == ENOUGH) {
        uint8_t head[NET_HEADER];
        encode(head, n, header, count);
        fill(n, queue, count, head, frame, size);
        return true;
    }
    while (count > 0)
        vm_virtq_unpop(n->virtio, queue, &n->in[--count]);
    n->refused[pair] = got == NOT_NOW;
    return got == NEVER;
}
