// SPDX-License-Identifier: MIT
//
// virtio-net's checksums and segmentation (src/device/virtio/net_offload.h), against frames with
// known checksums and against a plain sum.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "net_frames.h"
#include "net_offload.h"
#include "test_host.h"

enum { ALL = VM_NET_CSUM | VM_NET_TSO4 | VM_NET_TSO6 | VM_NET_USO4 | VM_NET_USO6 };

static struct vm_net_header header_of(const struct frame_kind *k, const struct frame_at *at,
                                      uint16_t gso_size)
{
    return (struct vm_net_header){
        .flags = VM_NET_NEEDS_CSUM,
        .gso_type = !gso_size ? VM_NET_GSO_NONE
                    : k->udp  ? VM_NET_GSO_UDP_L4
                    : k->ipv6 ? VM_NET_GSO_TCPV6
                              : VM_NET_GSO_TCPV4,
        .hdr_len = (uint16_t)at->payload,
        .gso_size = gso_size,
        .csum_start = (uint16_t)at->transport,
        .csum_offset = k->udp ? 6 : 16,
    };
}

// --- known bytes ---

// Four bytes from 10.0.2.15 to 10.0.2.3 over UDP. The checksums were worked out apart from this
// code.
static const uint8_t udp_frame[] = {
    0x52, 0x55, 0x0a, 0x00, 0x02, 0x03, 0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 0x08, 0x00, 0x45, 0x00,
    0x00, 0x20, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x10, 0x88, 0x0a, 0x00, 0x02, 0x0f, 0x0a, 0x00,
    0x02, 0x03, 0x9c, 0x40, 0x00, 0x35, 0x00, 0x0c, 0x67, 0x68, 0xde, 0xad, 0x05, 0x39,
};

static void completes_known_checksums(void **state)
{
    (void)state;
    uint8_t frame[sizeof udp_frame];
    memcpy(frame, udp_frame, sizeof frame);
    // The pseudo header's sum: 0a00+020f + 0a00+0203 + 0011 + 000c = 182f.
    frame_put16(frame + 40, 0x182f);
    const struct vm_net_header h = {.flags = VM_NET_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
    vm_net_complete_checksum(frame, sizeof frame, &h);
    assert_memory_equal(frame, udp_frame, sizeof frame);
}

// The sum comes out as 0, which UDP writes as all ones.
static void never_writes_no_checksum(void **state)
{
    (void)state;
    uint8_t frame[] = {[16] = 0xff, 0xff, 0x00, 0x00};
    const struct vm_net_header h = {.flags = VM_NET_NEEDS_CSUM, .csum_start = 14, .csum_offset = 4};
    vm_net_complete_checksum(frame, sizeof frame, &h);
    assert_int_equal(frame_get16(frame + 18), 0xffff);
}

static void completes_at_every_size(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_MAX];
    for (uint32_t payload = 0; payload < 600; payload++) {
        for (unsigned variant = 0; variant < 4; variant++) {
            struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = payload};
            struct frame_at at = frame_make(frame, &k);
            struct vm_net_header h = header_of(&k, &at, 0);
            struct vm_net_shape shape;
            assert_true(vm_net_check(&h, ALL, frame, at.size, &shape));
            vm_net_complete_checksum(frame, at.size, &h);
            assert_int_equal(frame_transport_sum(frame, &at, k.ipv6, k.udp, at.size), 0xffff);
        }
    }
}

// --- segments ---

struct expect {
    const struct frame_kind *kind;
    struct frame_at at;
    const uint8_t *frame;
    uint32_t done, index;
};

static void check_ip(const struct expect *x, const uint8_t *s, uint32_t size)
{
    const uint8_t *ip = s + x->at.ip, *from = x->frame + x->at.ip;
    if (x->kind->ipv6) {
        assert_int_equal(frame_get16(ip + 4), size - x->at.ip - 40);
        return;
    }
    assert_int_equal(frame_get16(ip + 2), size - x->at.ip);
    assert_int_equal(frame_get16(ip + 4), (uint16_t)(frame_get16(from + 4) + x->index));
    assert_int_equal(frame_sum(ip, x->at.transport - x->at.ip, 0), 0xffff);
}

static void check_segment(struct expect *x, const uint8_t *s, uint32_t size)
{
    const struct frame_at *at = &x->at;
    const uint8_t *t = s + at->transport, *from = x->frame + at->transport;
    bool last = x->done + (size - at->payload) == x->kind->payload;
    assert_memory_equal(s, x->frame, at->ip); // addresses, tags, type
    check_ip(x, s, size);
    if (x->kind->udp) {
        assert_int_equal(frame_get16(t + 4), size - at->transport);
    } else {
        assert_int_equal(frame_get32(t + 4), frame_get32(from + 4) + x->done);
        uint8_t flags = from[13];
        if (!last)
            flags &= (uint8_t)~0x09;
        if (x->index)
            flags &= 0x7f;
        assert_int_equal(t[13], flags);
        assert_memory_equal(t + 20, from + 20, 12);
    }
    assert_int_equal(frame_transport_sum(s, at, x->kind->ipv6, x->kind->udp, size), 0xffff);
    assert_memory_equal(s + at->payload, x->frame + at->payload + x->done, size - at->payload);
    x->done += size - at->payload;
    x->index++;
}

static void segment(const struct frame_kind *k, uint16_t gso_size)
{
    static uint8_t frame[FRAME_MAX];
    struct frame_at at = frame_make(frame, k);
    struct vm_net_header h = header_of(k, &at, gso_size);
    struct vm_net_shape shape;
    assert_true(vm_net_check(&h, ALL, frame, at.size, &shape));
    assert_int_equal(h.hdr_len, at.payload);
    assert_int_equal(shape.ip, at.ip);
    assert_int_equal(shape.transport, at.transport);
    assert_int_equal(shape.payload, at.payload);
    // Exactly as large as promised, so that a sanitizer sees a byte too many.
    uint8_t *to = malloc(at.size);
    struct expect x = {k, at, frame, 0, 0};
    struct vm_net_segments s = {frame, at.size, shape, gso_size, 0, 0};
    for (uint32_t size; (size = vm_net_next_segment(&s, to)) > 0;)
        check_segment(&x, to, size);
    assert_int_equal(x.done, k->payload);
    assert_int_equal(x.index, (k->payload + gso_size - 1u) / gso_size);
    free(to);
}

static void segments_of_all_kinds(void **state)
{
    (void)state;
    static const uint32_t payloads[] = {1, 99, 100, 101, 1460, 4096, 65000};
    for (unsigned variant = 0; variant < 4; variant++) {
        for (unsigned shape = 0; shape < 9; shape++) {
            for (unsigned i = 0; i < VM_ARRAY_SIZE(payloads); i++) {
                struct frame_kind k = {
                    .ipv6 = variant & 1,
                    .udp = variant & 2,
                    .tags = shape % 3,
                    .options = 8 * (shape / 3),
                    .payload = payloads[i],
                    .tcp_flags = 0x99,
                };
                segment(&k, 100);
                segment(&k, 1447);
            }
        }
    }
}

static void makes_one_segment_in_place(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_MAX], before[FRAME_MAX];
    struct frame_kind k = {.payload = 65535 - 20 - 32, .tcp_flags = 0x98};
    struct frame_at at = frame_make(frame, &k);
    memcpy(before, frame, at.size);
    struct vm_net_header h = header_of(&k, &at, 1460);
    struct vm_net_shape shape;
    assert_true(vm_net_check(&h, ALL, frame, at.size, &shape));
    struct vm_net_segments s = {frame, at.size, shape, at.size, 0, 0};
    assert_int_equal(vm_net_next_segment(&s, frame), at.size);
    struct expect x = {&k, at, before, 0, 0};
    check_segment(&x, frame, at.size);
    assert_int_equal(vm_net_next_segment(&s, frame), 0);
}

// --- what a driver may say wrongly ---

static bool accepts(const struct frame_kind *k, struct vm_net_header h, unsigned allowed)
{
    static uint8_t frame[FRAME_MAX];
    struct frame_at at = frame_make(frame, k);
    struct vm_net_shape shape;
    uint8_t *heads = malloc(at.size < VM_NET_HEADS ? at.size : VM_NET_HEADS);
    memcpy(heads, frame, at.size < VM_NET_HEADS ? at.size : VM_NET_HEADS);
    bool accepted = vm_net_check(&h, allowed, heads, at.size, &shape);
    free(heads);
    return accepted;
}

static void refuses_headers_that_do_not_fit(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_MAX];
    const struct frame_kind k = {.payload = 3000};
    struct frame_at at = frame_make(frame, &k);
    const struct vm_net_header good = header_of(&k, &at, 1000);
    assert_true(accepts(&k, good, ALL));
#define BAD(change)                        \
    do {                                   \
        struct vm_net_header h = good;     \
        h.change;                          \
        assert_false(accepts(&k, h, ALL)); \
    } while (0)
    BAD(flags = 0);
    BAD(gso_size = 0);
    BAD(gso_size = 2); // 1500 segments
    BAD(gso_type = 2);
    BAD(gso_type = 3); // UFO
    BAD(gso_type = VM_NET_GSO_TCPV6);
    BAD(gso_type = VM_NET_GSO_UDP_L4);
    BAD(gso_type |= 0x80); // ECN
    BAD(csum_start = 33);
    BAD(csum_start = 0);
    BAD(csum_start = 65535);
    BAD(csum_offset = 6);
    BAD(csum_offset = 65535);
    BAD(hdr_len = 65535);
    BAD(hdr_len = (uint16_t)(at.size + 1));
#undef BAD
    assert_false(accepts(&k, good, ALL & ~VM_NET_TSO4));
    assert_false(accepts(&k, good, ALL & ~VM_NET_CSUM));
    struct vm_net_header plain = header_of(&k, &at, 0);
    plain.csum_start = (uint16_t)(at.size - 2);
    plain.csum_offset = 0;
    assert_true(accepts(&k, plain, VM_NET_CSUM));
    plain.csum_offset = 1;
    assert_false(accepts(&k, plain, VM_NET_CSUM));
    plain.csum_start = 13;
    assert_false(accepts(&k, plain, VM_NET_CSUM));
}

static void refuses_frames_of_another_shape(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_MAX];
    const struct frame_kind k = {.payload = 3000}, k6 = {.ipv6 = true, .payload = 3000};
    static const struct {
        bool ipv6;
        uint32_t at;
        uint8_t value;
    } changes[] = {
        {false, 12, 0x86}, {false, 14, 0x44}, {false, 14, 0x4f}, {false, 14, 0x65},
        {false, 20, 0x20}, {false, 21, 0x01}, {false, 23, 17},   {false, 23, 1},
        {false, 46, 0x40}, {false, 46, 0xf0}, {true, 14, 0x45},  {true, 20, 0},
        {true, 20, 44},    {true, 20, 17},    {true, 66, 0x10},
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(changes); i++) {
        const struct frame_kind *kind = changes[i].ipv6 ? &k6 : &k;
        struct frame_at at = frame_make(frame, kind);
        struct vm_net_header h = header_of(kind, &at, 1000);
        struct vm_net_shape shape;
        frame[changes[i].at] = changes[i].value;
        // A longer TCP header is a shape as well; hdr_len is corrected then.
        bool longer = changes[i].at == 46 && changes[i].value == 0xf0;
        assert_int_equal(vm_net_check(&h, ALL, frame, at.size, &shape), longer);
    }
}

static void refuses_sizes(void **state)
{
    (void)state;
    struct vm_net_shape shape;
    static uint8_t frame[VM_NET_MAX_FRAME + 1];
    struct vm_net_header none = {0};
    assert_false(vm_net_check(&none, ALL, frame, 0, &shape));
    assert_false(vm_net_check(&none, ALL, frame, 13, &shape));
    assert_true(vm_net_check(&none, ALL, frame, 14, &shape));
    assert_true(vm_net_check(&none, ALL, frame, VM_NET_MAX_FRAME, &shape));
    assert_false(vm_net_check(&none, ALL, frame, VM_NET_MAX_FRAME + 1, &shape));
    // The longest IPv4 packet, and one byte more.
    struct frame_kind k = {.payload = 65535 - 20 - 32};
    struct frame_at at = frame_make(frame, &k);
    struct vm_net_header h = header_of(&k, &at, 1000);
    assert_true(vm_net_check(&h, ALL, frame, at.size, &shape));
    h = header_of(&k, &at, 1000);
    assert_false(vm_net_check(&h, ALL, frame, at.size + 1, &shape));
}

// Whatever the bytes: what passes can be done, within the frame.
static void survives_random_headers(void **state)
{
    (void)state;
    static uint8_t frame[FRAME_MAX], to[FRAME_MAX];
    uint64_t seed = test_seed("net-offload", 7);
    unsigned passed = 0;
    for (unsigned round = 0; round < 20000; round++) {
        uint64_t r = test_random(&seed);
        struct frame_kind k = {.ipv6 = r & 1, .udp = r & 2, .tags = r >> 2 & 1, .payload = 2000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = header_of(&k, &at, (uint16_t)(r >> 8 & 1023));
        for (unsigned i = 0; i < (r >> 4 & 3); i++)
            frame[test_random(&seed) % at.payload] = (uint8_t)test_random(&seed);
        if (r >> 6 & 1)
            ((uint8_t *)&h)[test_random(&seed) % sizeof h] = (uint8_t)test_random(&seed);
        uint32_t size = r >> 7 & 1 ? at.size : 14 + (uint32_t)(test_random(&seed) % 400);
        uint8_t *exact = malloc(size);
        memcpy(exact, frame, size);
        struct vm_net_shape shape;
        bool good = vm_net_check(&h, ALL, exact, size, &shape);
        passed += good;
        if (good && h.gso_type) {
            struct vm_net_segments s = {exact, size, shape, h.gso_size, 0, 0};
            unsigned count = 0;
            while (vm_net_next_segment(&s, to) > 0)
                assert_in_range(++count, 1, VM_NET_MAX_SEGMENTS);
        } else if (good && h.flags) {
            vm_net_complete_checksum(exact, size, &h);
        }
        free(exact);
    }
    assert_true(passed > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(completes_known_checksums),
        cmocka_unit_test(never_writes_no_checksum),
        cmocka_unit_test(completes_at_every_size),
        cmocka_unit_test(segments_of_all_kinds),
        cmocka_unit_test(makes_one_segment_in_place),
        cmocka_unit_test(refuses_headers_that_do_not_fit),
        cmocka_unit_test(refuses_frames_of_another_shape),
        cmocka_unit_test(refuses_sizes),
        cmocka_unit_test(survives_random_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
