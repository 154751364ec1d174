// SPDX-License-Identifier: MIT
//
// Checksum and segmentation offload in software (net_offload.h). Works on bytes that do not change
// under it: the caller has copied them out of guest RAM. Ethernet with up to two VLAN tags
// (IEEE 802.1Q), IPv4 (RFC 791), IPv6 (RFC 8200), UDP (RFC 768), TCP (RFC 9293); Internet checksum
// as in RFC 1071.
#include "net_offload.h"

#include <vm/base/memory.h>

enum {
    ETHERNET = 14,
    MAX_TAGS = 2,
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_SERVICE_VLAN = 0x88a8,

    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    IPV6_HOP_BY_HOP = 0,
    IPV6_ROUTING = 43,
    IPV6_DESTINATION = 60,

    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 20,
    UDP_HEADER = 8,

    // Fields, by their offset in the header.
    IPV4_LENGTH = 2,
    IPV4_ID = 4,
    IPV4_FRAGMENT = 6,
    IPV4_PROTOCOL = 9,
    IPV4_CHECKSUM = 10,
    IPV4_ADDRESSES = 12,
    IPV6_LENGTH = 4,
    IPV6_NEXT = 6,
    IPV6_ADDRESSES = 8,
    TCP_SEQUENCE = 4,
    TCP_OFFSET = 12,
    TCP_FLAGS = 13,
    TCP_CHECKSUM = 16,
    UDP_LENGTH = 4,
    UDP_CHECKSUM = 6,

    TCP_FIN = 0x01,
    TCP_PSH = 0x08,
    TCP_CWR = 0x80,
};

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void store16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void store32(uint8_t *p, uint32_t v)
{
    store16(p, v >> 16);
    store16(p + 2, v);
}

// --- the shape of a frame ---

// Sizes are checked against the end of the headers that the caller has at hand.
static bool find_ipv4(const uint8_t *p, uint32_t end, struct vm_net_shape *s, uint8_t *protocol)
{
    if (s->ip + IPV4_HEADER > end || p[s->ip] >> 4 != 4)
        return false;
    uint32_t header = 4 * (p[s->ip] & 15u);
    if (header < IPV4_HEADER || load16(p + s->ip + IPV4_FRAGMENT) & 0x3fff)
        return false;
    *protocol = p[s->ip + IPV4_PROTOCOL];
    s->transport = s->ip + header;
    return true;
}

static bool find_ipv6(const uint8_t *p, uint32_t end, struct vm_net_shape *s, uint8_t *protocol)
{
    if (s->ip + IPV6_HEADER > end || p[s->ip] >> 4 != 6)
        return false;
    uint8_t next = p[s->ip + IPV6_NEXT];
    uint32_t at = s->ip + IPV6_HEADER;
    while (next == IPV6_HOP_BY_HOP || next == IPV6_ROUTING || next == IPV6_DESTINATION) {
        if (at + 8 > end)
            return false;
        next = p[at];
        at += 8 * (p[at + 1] + 1u);
    }
    *protocol = next;
    s->transport = at;
    s->ipv6 = true;
    return true;
}

static bool find_payload(const uint8_t *p, uint32_t end, struct vm_net_shape *s, uint8_t protocol)
{
    uint32_t header = UDP_HEADER;
    s->udp = protocol == PROTOCOL_UDP;
    if (!s->udp) {
        if (protocol != PROTOCOL_TCP || s->transport + TCP_HEADER > end)
            return false;
        header = 4 * (p[s->transport + TCP_OFFSET] >> 4);
        if (header < TCP_HEADER)
            return false;
    }
    s->payload = s->transport + header;
    return s->payload <= end;
}

static bool find_shape(const uint8_t *p, uint32_t end, struct vm_net_shape *s)
{
    *s = (struct vm_net_shape){.ip = ETHERNET};
    uint16_t type = load16(p + 12);
    for (unsigned i = 0; i < MAX_TAGS && (type == TYPE_VLAN || type == TYPE_SERVICE_VLAN); i++) {
        if (s->ip + 4 > end)
            return false;
        type = load16(p + s->ip + 2);
        s->ip += 4;
    }
    uint8_t protocol;
    bool found = type == TYPE_IPV4   ? find_ipv4(p, end, s, &protocol)
                 : type == TYPE_IPV6 ? find_ipv6(p, end, s, &protocol)
                                     : false;
    return found && find_payload(p, end, s, protocol);
}

// --- what the driver says of it ---

unsigned vm_net_gso_offload(const struct vm_net_header *h, const struct vm_net_shape *shape)
{
    switch (h->gso_type) {
    case VM_NET_GSO_TCPV4: return VM_NET_TSO4;
    case VM_NET_GSO_TCPV6: return VM_NET_TSO6;
    case VM_NET_GSO_UDP_L4: return shape->ipv6 ? VM_NET_USO6 : VM_NET_USO4;
    default: return 0;
    }
}

static bool check_gso(const struct vm_net_header *h, unsigned allowed, const uint8_t *heads,
                      uint32_t size, struct vm_net_shape *s)
{
    uint32_t end = size < VM_NET_HEADS ? size : VM_NET_HEADS;
    if (!(h->flags & VM_NET_NEEDS_CSUM) || h->gso_size == 0 || !find_shape(heads, end, s))
        return false;
    if (h->csum_start != s->transport || h->csum_offset != (s->udp ? UDP_CHECKSUM : TCP_CHECKSUM))
        return false;
    if (s->udp != (h->gso_type == VM_NET_GSO_UDP_L4) ||
        (!s->udp && s->ipv6 != (h->gso_type == VM_NET_GSO_TCPV6)))
        return false;
    // Lengths of IP packets have 16 bits; IPv6 does not count its first header.
    uint32_t length = size - s->ip - (s->ipv6 ? IPV6_HEADER : 0);
    return vm_net_gso_offload(h, s) & allowed && length <= UINT16_MAX && size > s->payload &&
           (size - s->payload - 1) / h->gso_size < VM_NET_MAX_SEGMENTS;
}

bool vm_net_check(struct vm_net_header *h, unsigned allowed, const uint8_t *heads, uint32_t size,
                  struct vm_net_shape *shape)
{
    if (size < ETHERNET || size > VM_NET_MAX_FRAME || h->hdr_len > size)
        return false;
    h->flags &= VM_NET_NEEDS_CSUM;
    if (h->flags && (!(allowed & VM_NET_CSUM) || h->csum_start < ETHERNET ||
                     (uint32_t)h->csum_start + h->csum_offset + 2 > size))
        return false;
    if (h->gso_type == VM_NET_GSO_NONE) {
        h->hdr_len = h->gso_size = 0;
        if (!h->flags)
            h->csum_start = h->csum_offset = 0;
        return true;
    }
    if (!check_gso(h, allowed, heads, size, shape))
        return false;
    h->hdr_len = (uint16_t)shape->payload;
    return true;
}

// --- checksums ---

// Adds bytes in the host's order: the Internet checksum is the same in any, once it is stored as it
// was loaded. `size` is even but for the last part of a sum.
static uint64_t add_bytes(uint64_t sum, const uint8_t *p, uint32_t size)
{
    for (; size >= 8; p += 8, size -= 8) {
        uint64_t v;
        vm_copy(&v, p, 8);
        sum += v;
        sum += sum < v;
    }
    uint64_t rest = 0;
    vm_copy(&rest, p, size);
    sum += rest;
    return sum + (sum < rest);
}

static void store_checksum(uint8_t *p, uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    uint16_t folded = (uint16_t)~sum;
    // A sum of 0 would say "none" in UDP; all ones is the same number.
    if (folded == 0)
        folded = UINT16_MAX;
    vm_copy(p, &folded, 2);
}

void vm_net_complete_checksum(uint8_t *frame, uint32_t size, const struct vm_net_header *h)
{
    uint64_t sum = add_bytes(0, frame + h->csum_start, size - h->csum_start);
    store_checksum(frame + h->csum_start + h->csum_offset, sum);
}

// --- segmentation ---

static uint64_t pseudo_header(const uint8_t *frame, const struct vm_net_shape *s, uint32_t length)
{
    const uint8_t tail[] = {
        0,
        s->udp ? PROTOCOL_UDP : PROTOCOL_TCP,
        (uint8_t)(length >> 8),
        (uint8_t)length,
    };
    uint64_t sum = s->ipv6 ? add_bytes(0, frame + s->ip + IPV6_ADDRESSES, 32)
                           : add_bytes(0, frame + s->ip + IPV4_ADDRESSES, 8);
    return add_bytes(sum, tail, sizeof tail);
}

static void finish_ip(uint8_t *ip, const struct vm_net_shape *s, uint32_t size, uint32_t index)
{
    if (s->ipv6) {
        store16(ip + IPV6_LENGTH, size - s->ip - IPV6_HEADER);
        return;
    }
    store16(ip + IPV4_LENGTH, size - s->ip);
    store16(ip + IPV4_ID, load16(ip + IPV4_ID) + index);
    store16(ip + IPV4_CHECKSUM, 0);
    store_checksum(ip + IPV4_CHECKSUM, add_bytes(0, ip, s->transport - s->ip));
}

static void finish_transport(uint8_t *frame, const struct vm_net_segments *g, uint32_t size,
                             bool last)
{
    const struct vm_net_shape *s = &g->shape;
    uint8_t *t = frame + s->transport;
    uint32_t length = size - s->transport;
    uint8_t *checksum = t + (s->udp ? UDP_CHECKSUM : TCP_CHECKSUM);
    if (s->udp) {
        store16(t + UDP_LENGTH, length);
    } else {
        store32(t + TCP_SEQUENCE, vm_load_be32(t + TCP_SEQUENCE) + g->done);
        if (!last)
            t[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
        if (g->index > 0)
            t[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
    }
    store16(checksum, 0);
    store_checksum(checksum, add_bytes(pseudo_header(frame, s, length), t, length));
}

uint32_t vm_net_next_segment(struct vm_net_segments *g, uint8_t *to)
{
    uint32_t heads = g->shape.payload, left = g->size - heads - g->done;
    if (left == 0)
        return 0;
    uint32_t here = left < g->gso_size ? left : g->gso_size;
    uint32_t size = heads + here;
    if (to != g->frame) {
        vm_copy(to, g->frame, heads);
        vm_copy(to + heads, g->frame + heads + g->done, here);
    }
    finish_ip(to + g->shape.ip, &g->shape, size, g->index);
    finish_transport(to, g, size, here == left);
    g->done += here;
    g->index++;
    return size;
}
