// SPDX-License-Identifier: MIT
//
// virtio-net in front of a network that the test makes up (net_fake.h), over every transport and
// kind of ring.
#include <stdlib.h>
#include <string.h>

#include "net_rig.h"

// --- frames out ---

static void sends_frames(struct net_rig *f)
{
    static uint8_t frame[VIRTIO_REQUEST_MAX];
    static const uint32_t sizes[] = {14, 15, 60, 1514, 1518, 9000, 65000};
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        f->transmit.pieces = 1 + i;
        net_rig_transmit(f, &net_no_header, frame, sizes[i]);
        net_rig_expect_sent(f, frame, sizes[i]);
    }
}

// --- frames in ---

static void receives_frames(struct net_rig *f)
{
    static uint8_t frame[65000];
    static const uint32_t sizes[] = {14, 60, 1988, 1989, 2500, 9000, 60000};
    bool mergeable = f->rig.features & NET_F(NET_MRG_RXBUF);
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 11);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        bool fits = mergeable || sizes[i] + NET_HEADER <= 2000;
        net_rig_give(f, mergeable ? (sizes[i] + NET_HEADER + 1999) / 2000 : fits, 2000);
        assert_true(net_fake_deliver(&f->fake, 0, &net_no_header, frame, sizes[i]) ||
                    (!mergeable && !fits));
        if (fits)
            net_rig_expect_frame(f, &net_no_header, frame, sizes[i]);
        uint8_t none[NET_HEADER + 60];
        assert_int_equal(net_rig_take(f, none), 0);
    }
}

static void works_everywhere(void **state)
{
    (void)state;
    static struct net_rig f;
    for (unsigned n = 0; n < 4 * virtio_bus_count * virtio_mode_count; n++) {
        const struct virtio_bus *bus = virtio_buses[n / 4 / virtio_mode_count];
        const struct virtio_mode *mode = &virtio_modes[n / 4 % virtio_mode_count];
        net_fake_init(&f.fake, n & 1 ? NET_ALL : 0, n & 1 ? NET_ALL : 0, 1);
        f.fake.net.flat = !(n & 1);
        net_rig_create(&f, bus);
        for (unsigned round = 0; round < 2; round++) {
            net_rig_drive(&f, mode, n & 2 ? NET_F(NET_MRG_RXBUF) : 0);
            sends_frames(&f);
            receives_frames(&f);
        }
        net_rig_end(&f);
    }
}

static void describes_itself(void **state)
{
    (void)state;
    static struct net_rig f;
    net_rig_begin(&f, NET_ALL, NET_ALL, 4);
    uint8_t config[12];
    const uint8_t rest[] = {1, 0, 4, 0, 0xdc, 0x05};
    f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
    assert_memory_equal(config, net_rig_mac, 6);
    assert_memory_equal(config + 6, rest, 6);
    const uint64_t offloads = NET_F(0) | NET_F(1) | NET_F(2) | NET_F(7) | NET_F(8) | NET_F(11) |
                              NET_F(12) | NET_F(54) | NET_F(55) | NET_F(56);
    assert_int_equal(f.rig.features & offloads, offloads);
    const uint64_t absent = NET_F(9) | NET_F(10) | NET_F(13) | NET_F(14);
    assert_int_equal(f.rig.features & absent, 0); // neither ECN nor UFO
    net_rig_end(&f);
}

// --- offloads ---

static void finishes_what_the_backend_cannot(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[FRAME_MAX];
    net_rig_begin(&f, 0, 0, 1);
    for (unsigned variant = 0; variant < 8; variant++) {
        struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = 30000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = net_rig_offload(&k, &at, variant & 4 ? 1000 : 0);
        net_rig_transmit(&f, &h, frame, at.size);
        assert_int_equal(f.fake.count, variant & 4 ? 30 : 1);
        for (unsigned i = 0; i < f.fake.count; i++) {
            const struct net_fake_frame *s = &f.fake.sent[i];
            assert_memory_equal(&s->header, &net_no_header, sizeof net_no_header);
            assert_int_equal(frame_transport_sum(s->bytes, &at, k.ipv6, k.udp, s->size), 0xffff);
            assert_memory_equal(s->bytes + at.payload, frame + at.payload + 1000 * i,
                                s->size - at.payload);
        }
        net_fake_forget(&f.fake);
    }
    net_rig_end(&f);
}

// Large TCP segments as they are, with their checksum over all of it; datagrams one by one.
static void finishes_checksums_of_whole_segments(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[FRAME_MAX];
    net_rig_begin(&f, VM_NET_TSO4 | VM_NET_TSO6, 0, 1);
    for (unsigned variant = 0; variant < 4; variant++) {
        struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = 30000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = net_rig_offload(&k, &at, 1000);
        net_rig_transmit(&f, &h, frame, at.size);
        assert_int_equal(f.fake.count, k.udp ? 30 : 1);
        const struct net_fake_frame *s = &f.fake.sent[0];
        assert_int_equal(s->header.flags, 0);
        assert_int_equal(s->header.gso_size, k.udp ? 0 : 1000);
        assert_int_equal(frame_transport_sum(s->bytes, &at, k.ipv6, k.udp, s->size), 0xffff);
        net_fake_forget(&f.fake);
    }
    net_rig_end(&f);
}

static void passes_on_what_the_backend_can(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[FRAME_MAX];
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    assert_int_equal(f.fake.offloads, NET_ALL);
    for (unsigned variant = 0; variant < 4; variant++) {
        struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = 30000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = net_rig_offload(&k, &at, 1000);
        net_rig_transmit(&f, &h, frame, at.size);
        assert_memory_equal(&f.fake.sent[0].header, &h, sizeof h);
        net_rig_expect_sent(&f, frame, at.size);
        net_rig_give(&f, 8, 4096);
        assert_true(net_fake_deliver(&f.fake, 0, &h, frame, at.size));
        net_rig_expect_frame(&f, &h, frame, at.size);
    }
    net_rig_end(&f);
}

static void drops_hostile_headers(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[FRAME_MAX];
    for (unsigned takes = 0; takes <= NET_ALL; takes += NET_ALL) {
        net_rig_begin(&f, takes, 0, 1);
        struct frame_kind k = {.payload = 3000};
        struct frame_at at = frame_make(frame, &k);
        uint64_t seed = 99;
        struct vm_net_header good = net_rig_offload(&k, &at, 1000);
        for (unsigned round = 0; round < 400; round++) {
            struct vm_net_header h = good;
            switch (round % 8) {
            case 0: h.csum_start = (uint16_t)test_random(&seed); break;
            case 1: h.csum_offset = (uint16_t)(17 + test_random(&seed)); break;
            case 2: h.gso_size = 0; break;
            case 3: h.gso_type = (uint8_t)(2 | test_random(&seed)); break;
            case 4: h.hdr_len = (uint16_t)(at.size + 1 + test_random(&seed) % 1000); break;
            case 5: h.gso_size = (uint16_t)(1 + test_random(&seed) % 2); break;
            case 6: h.flags &= (uint8_t)~VM_NET_NEEDS_CSUM; break;
            default: h.gso_type = VM_NET_GSO_TCPV6; break;
            }
            if (memcmp(&h, &good, sizeof h) == 0)
                continue;
            net_rig_transmit(&f, &h, frame, at.size);
            assert_int_equal(f.fake.count, 0);
        }
        net_rig_transmit(&f, &net_no_header, frame, 13); // no whole Ethernet header
        assert_int_equal(f.fake.count, 0);
        virtio_request(&f.transmit, frame, 11, NULL, 0); // nor a whole header of ours
        assert_int_equal(f.fake.count, 0);
        uint8_t in[16];
        assert_int_equal(virtio_request(&f.transmit, NULL, 0, in, sizeof in), 0);
        assert_int_equal(f.fake.count, 0);
        net_rig_transmit(&f, &net_no_header, frame, at.size);
        net_rig_expect_sent(&f, frame, at.size);
        net_rig_end(&f);
    }
}

// --- when there is no room ---

static void waits_for_the_backend(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[100];
    for (unsigned flat = 0; flat < 2; flat++) {
        net_rig_begin(&f, NET_ALL, 0, 1);
        f.fake.net.flat = flat;
        f.fake.room = 5;
        uint64_t gpa = virtio_rig_alloc(&f.rig, 100 * sizeof frame, 8);
        for (unsigned i = 0; i < 100; i++) {
            const struct virtio_buffer b = {gpa + i * sizeof frame, sizeof frame};
            frame[NET_HEADER] = (uint8_t)i;
            virtio_rig_write(&f.rig, b.gpa, frame, sizeof frame);
            assert_true(virtio_add(&f.transmit, &b, 1, 0) >= 0);
        }
        virtio_kick(&f.transmit);
        virtio_rig_run(&f.rig);
        unsigned done = 0;
        uint16_t id;
        uint32_t written;
        while (done < 100) {
            assert_int_equal(f.fake.count, done + (100 - done < 5 ? 100 - done : 5));
            for (; done < f.fake.count; done++) {
                assert_true(virtio_take_used(&f.transmit, &id, &written));
                assert_int_equal(f.fake.sent[done].bytes[0], done); // in order, each once
            }
            assert_false(virtio_take_used(&f.transmit, &id, &written));
            f.fake.room = 5;
            f.fake.net.receiver.writable(f.fake.net.receiver.device, 0);
        }
        net_rig_end(&f);
    }
}

static void refuses_without_buffers(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[5000];
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    assert_false(net_fake_deliver(&f.fake, 0, &net_no_header, frame, 100));
    assert_int_equal(f.fake.resumed, 0);
    net_rig_give(&f, 2, 2000); // too few for the large one, which takes none of them
    assert_int_equal(f.fake.resumed, 1);
    assert_false(net_fake_deliver(&f.fake, 0, &net_no_header, frame, 5000));
    assert_true(net_fake_deliver(&f.fake, 0, &net_no_header, frame, 100));
    net_rig_expect_frame(&f, &net_no_header, frame, 100);
    net_rig_give(&f, 2, 2000);
    assert_int_equal(f.fake.resumed, 2);
    assert_true(net_fake_deliver(&f.fake, 0, &net_no_header, frame, 5000));
    net_rig_expect_frame(&f, &net_no_header, frame, 5000);
    // A reset lets the backend go on as well; what comes then is dropped.
    assert_false(net_fake_deliver(&f.fake, 0, &net_no_header, frame, 100));
    virtio_reset(&f.rig);
    assert_int_equal(f.fake.resumed, 3);
    assert_true(net_fake_deliver(&f.fake, 0, &net_no_header, frame, 100));
    net_rig_end(&f);
}

static void breaks_on_buffers_without_room_for_a_header(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[60];
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    net_rig_give(&f, 4, 11);
    net_fake_deliver(&f.fake, 0, &net_no_header, frame, sizeof frame);
    assert_true(virtio_is_broken(&f.rig));
    net_rig_drive(&f, &virtio_modes[0], 0);
    net_rig_give(&f, 1, 2000);
    assert_true(net_fake_deliver(&f.fake, 0, &net_no_header, frame, sizeof frame));
    net_rig_expect_frame(&f, &net_no_header, frame, sizeof frame);
    net_rig_end(&f);
}

// --- resets ---

static void resets_queues(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[64];
    net_rig_begin(&f, NET_ALL, NET_ALL, 2);
    assert_false(net_fake_deliver(&f.fake, 0, &net_no_header, frame, sizeof frame));
    f.rig.bus->reset_queue(&f.rig, 0);
    assert_int_equal(f.fake.resumed, 1);
    assert_true(net_fake_deliver(&f.fake, 0, &net_no_header, frame, sizeof frame));
    for (unsigned i = 0; i < 6; i++)
        f.rig.bus->reset_queue(&f.rig, i);
    virtio_ring_init(&f.rig, &f.receive, 0, 0);
    virtio_ring_init(&f.rig, &f.transmit, 1, 0);
    net_rig_give(&f, 2, 100);
    assert_true(net_fake_deliver(&f.fake, 0, &net_no_header, frame, sizeof frame));
    net_rig_expect_frame(&f, &net_no_header, frame, sizeof frame);
    net_rig_transmit(&f, &net_no_header, frame, sizeof frame);
    net_rig_expect_sent(&f, frame, sizeof frame);
    net_rig_end(&f);
}

// --- threads, memory ---

static void answers_on_a_thread(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[1000], got[NET_HEADER + sizeof frame];
    net_fake_init(&f.fake, NET_ALL, NET_ALL, 1);
    f.fake.echo = true;
    net_rig_create(&f, virtio_buses[0]);
    virtio_rig_thread(&f.rig);
    net_rig_drive(&f, &virtio_modes[virtio_mode_count - 1], 0);
    for (unsigned i = 0; i < 300; i++) {
        net_rig_give(&f, 1, 2000);
        frame[5] = (uint8_t)i;
        net_rig_transmit(&f, &net_no_header, frame, sizeof frame);
        uint64_t since = 0;
        while (net_rig_take(&f, got) == 0)
            virtio_rig_wait(&f.rig, &since);
        assert_memory_equal(got + NET_HEADER, frame, sizeof frame);
    }
    net_rig_end(&f);
}

static void gives_memory_back_when_there_is_none(void **state)
{
    (void)state;
    struct virtio_rig rig;
    struct net_fake fake;
    for (unsigned n = 0; n < 3; n++) {
        struct vm_error e;
        struct vm_virtio *v = NULL;
        net_fake_init(&fake, 0, 0, 1);
        const struct vm_virtio_net_config c = {.backend = &fake.net};
        virtio_rig_init(&rig, 4 << 20);
        rig.host.base.fail_after = n;
        assert_int_equal(vm_virtio_net_create(&rig.machine, &rig.io, "net0", &c, &v, &e),
                         VM_ERR_HOST);
        rig.host.base.fail_after = UINT64_MAX;
        assert_int_equal(fake.closed, 0);
        fake.net.pairs = 9;
        assert_int_equal(vm_virtio_net_create(&rig.machine, &rig.io, "net0", &c, &v, &e),
                         VM_ERR_USAGE);
        virtio_rig_end(&rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_everywhere),
        cmocka_unit_test(describes_itself),
        cmocka_unit_test(finishes_what_the_backend_cannot),
        cmocka_unit_test(finishes_checksums_of_whole_segments),
        cmocka_unit_test(passes_on_what_the_backend_can),
        cmocka_unit_test(drops_hostile_headers),
        cmocka_unit_test(waits_for_the_backend),
        cmocka_unit_test(refuses_without_buffers),
        cmocka_unit_test(breaks_on_buffers_without_room_for_a_header),
        cmocka_unit_test(resets_queues),
        cmocka_unit_test(answers_on_a_thread),
        cmocka_unit_test(gives_memory_back_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
