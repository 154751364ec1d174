// SPDX-License-Identifier: MIT
#include "net_frames.h"

#include <string.h>

uint16_t frame_get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t frame_get32(const uint8_t *p)
{
    return (uint32_t)frame_get16(p) << 16 | frame_get16(p + 2);
}

void frame_put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

void frame_put32(uint8_t *p, uint32_t v)
{
    frame_put16(p, v >> 16);
    frame_put16(p + 2, v & 0xffff);
}

uint16_t frame_sum(const uint8_t *p, size_t size, uint32_t start)
{
    uint32_t sum = start;
    for (size_t i = 0; i < size; i++) {
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return (uint16_t)sum;
}

static uint16_t pseudo_sum(const uint8_t *ip, bool ipv6, uint8_t protocol, uint32_t length)
{
    uint32_t sum = ipv6 ? frame_sum(ip + 8, 32, 0) : frame_sum(ip + 12, 8, 0);
    sum += protocol + length;
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

uint16_t frame_transport_sum(const uint8_t *frame, const struct frame_at *at, bool ipv6, bool udp,
                             uint32_t size)
{
    uint32_t length = size - at->transport;
    return frame_sum(frame + at->transport, length,
                     pseudo_sum(frame + at->ip, ipv6, udp ? 17 : 6, length));
}

static void make_ipv4(uint8_t *ip, const struct frame_kind *k, uint32_t length)
{
    static const uint8_t addresses[] = {10, 0, 2, 15, 10, 0, 2, 2};
    ip[0] = (uint8_t)(0x45 + k->options / 4);
    frame_put16(ip + 2, length);
    frame_put16(ip + 4, 0xfffe); // an ID that overflows soon
    frame_put16(ip + 6, 0x4000);
    ip[8] = 64;
    ip[9] = k->udp ? 17 : 6;
    memcpy(ip + 12, addresses, sizeof addresses);
    memset(ip + 20, 1, k->options);
    frame_put16(ip + 10, (uint16_t)~frame_sum(ip, 20 + k->options, 0));
}

static void make_ipv6(uint8_t *ip, const struct frame_kind *k, uint32_t length)
{
    ip[0] = 0x60;
    frame_put16(ip + 4, length - 40);
    ip[6] = k->udp ? 17 : 6;
    ip[7] = 64;
    for (unsigned i = 0; i < 32; i++)
        ip[8 + i] = (uint8_t)(0xf0 + 7 * i);
    if (k->options) {
        ip[40] = ip[6];
        ip[41] = (uint8_t)(k->options / 8 - 1);
        ip[6] = 60; // destination options
    }
}

static void make_transport(uint8_t *t, const struct frame_kind *k)
{
    frame_put16(t, 40000);
    frame_put16(t + 2, 80);
    if (k->udp) {
        frame_put16(t + 4, 8 + k->payload);
        return;
    }
    frame_put32(t + 4, 0xfffffff0u); // a sequence number that overflows soon
    frame_put32(t + 8, 12345);
    t[12] = 8 << 4; // with 12 bytes of options
    t[13] = k->tcp_flags;
    frame_put16(t + 14, 1000);
    memset(t + 20, 1, 12);
}

struct frame_at frame_make(uint8_t *to, const struct frame_kind *k)
{
    struct frame_at at;
    static const uint8_t macs[] = {0x52, 0x55, 10, 0, 2, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56};
    at.ip = 14 + 4 * k->tags;
    at.transport = at.ip + (k->ipv6 ? 40 : 20) + k->options;
    at.payload = at.transport + (k->udp ? 8 : 32);
    at.size = at.payload + k->payload;
    memset(to, 0, at.payload);
    memcpy(to, macs, sizeof macs);
    for (unsigned i = 0; i < k->tags; i++) {
        frame_put16(to + 12 + 4 * i, i + 1 < k->tags ? 0x88a8 : 0x8100);
        frame_put16(to + 14 + 4 * i, 5 + i);
    }
    frame_put16(to + at.ip - 2, k->ipv6 ? 0x86dd : 0x0800);
    if (k->ipv6)
        make_ipv6(to + at.ip, k, at.size - at.ip);
    else
        make_ipv4(to + at.ip, k, at.size - at.ip);
    make_transport(to + at.transport, k);
    for (uint32_t i = 0; i < k->payload; i++)
        to[at.payload + i] = (uint8_t)(i + i / 256);
    frame_put16(to + at.transport + (k->udp ? 6 : 16),
                pseudo_sum(to + at.ip, k->ipv6, k->udp ? 17 : 6, at.size - at.transport));
    return at;
}
