// SPDX-License-Identifier: MIT
//
// Ethernet frames for tests: made by hand, and checked by a sum that is written the plain way.
#ifndef NET_FRAMES_H
#define NET_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX = 70000 };

struct frame_kind {
    bool ipv6, udp;
    unsigned tags;    // VLAN tags
    unsigned options; // bytes of IPv4 options or of one IPv6 extension header, a multiple of 8
    uint32_t payload; // bytes
    uint8_t tcp_flags;
};

// Where things are in a frame of frame_make.
struct frame_at {
    uint32_t ip, transport, payload, size;
};

uint16_t frame_get16(const uint8_t *p);
uint32_t frame_get32(const uint8_t *p);
void frame_put16(uint8_t *p, unsigned v);
void frame_put32(uint8_t *p, uint32_t v);

// The ones' complement sum of big-endian words, folded, not inverted.
uint16_t frame_sum(const uint8_t *p, size_t size, uint32_t start);

// A frame as a driver hands it over: all lengths right, the transport's checksum that of the pseudo
// header. The payload counts up.
struct frame_at frame_make(uint8_t *to, const struct frame_kind *kind);

// The sum over transport header, payload and pseudo header: 0xffff if the checksum is right.
uint16_t frame_transport_sum(const uint8_t *frame, const struct frame_at *at, bool ipv6, bool udp,
                             uint32_t size);

#endif
