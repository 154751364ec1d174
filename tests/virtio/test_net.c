// SPDX-License-Identifier: MIT
//
// virtio-net in front of a network that the test makes up (net_fake.h), over every transport and
// kind of ring.
#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "net_fake.h"
#include "net_frames.h"

#define F(bit) (UINT64_C(1) << (bit))

enum {
    ALL = VM_NET_CSUM | VM_NET_TSO4 | VM_NET_TSO6 | VM_NET_USO4 | VM_NET_USO6,
    HEADER = 12,
    MRG_RXBUF = 15,
    MQ = 22,
};

static const uint8_t mac[] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const struct vm_net_header no_header;

struct fixture {
    struct virtio_rig rig;
    struct net_fake fake;
    struct virtio_ring receive, transmit, control;
    uint32_t buffer_size;
    uint64_t buffers[VIRTIO_RING_MAX]; // of the receive ring, by chain ID
};

static void create(struct fixture *f, const struct virtio_bus *bus)
{
    const struct vm_virtio_net_config c = {&f->fake.net, {0x52, 0x54, 0, 0x12, 0x34, 0x56}, 0};
    struct vm_virtio *v;
    virtio_rig_init(&f->rig, 16 << 20);
    assert_int_equal(vm_virtio_net_create(&f->rig.machine, &f->rig.io, "net0", &c, &v, NULL),
                     VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    assert_int_equal(bus->device_id(&f->rig), 1);
}

static void drive(struct fixture *f, const struct virtio_mode *mode, uint64_t without)
{
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without & ~without);
    unsigned control = f->rig.features & F(MQ) ? 2 * f->fake.net.pairs : 2;
    virtio_ring_init(&f->rig, &f->receive, 0, 0);
    virtio_ring_init(&f->rig, &f->transmit, 1, 0);
    virtio_ring_init(&f->rig, &f->control, control, 0);
    f->receive.indirect = f->transmit.indirect = f->control.indirect = mode->indirect;
    f->transmit.pieces = 3;
    virtio_go(&f->rig);
}

// Over MMIO on packed rings, with everything: for what does not depend on that.
static void begin(struct fixture *f, unsigned takes, unsigned makes, unsigned pairs)
{
    net_fake_init(&f->fake, takes, makes, pairs);
    create(f, virtio_buses[0]);
    drive(f, &virtio_modes[virtio_mode_count - 1], 0);
}

static void end(struct fixture *f)
{
    assert_false(virtio_is_broken(&f->rig));
    virtio_rig_end(&f->rig);
    assert_int_equal(f->fake.closed, 1);
}

// --- frames out ---

static void put_header(uint8_t *to, const struct vm_net_header *h)
{
    const uint16_t fields[] = {h->hdr_len, h->gso_size, h->csum_start, h->csum_offset, 0};
    to[0] = h->flags;
    to[1] = h->gso_type;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(fields); i++) {
        to[2 + 2 * i] = (uint8_t)fields[i];
        to[3 + 2 * i] = (uint8_t)(fields[i] >> 8);
    }
}

static void transmit(struct fixture *f, const struct vm_net_header *h, const uint8_t *frame,
                     uint32_t size)
{
    static uint8_t bytes[VIRTIO_REQUEST_MAX];
    assert_true(size + HEADER <= sizeof bytes);
    put_header(bytes, h);
    memcpy(bytes + HEADER, frame, size);
    assert_int_equal(virtio_request(&f->transmit, bytes, HEADER + size, NULL, 0), 0);
    virtio_rig_run(&f->rig);
}

static void expect_sent(struct fixture *f, const uint8_t *frame, uint32_t size)
{
    assert_int_equal(f->fake.count, 1);
    assert_int_equal(f->fake.sent[0].size, size);
    assert_memory_equal(f->fake.sent[0].bytes, frame, size);
    net_fake_forget(&f->fake);
}

static void sends_frames(struct fixture *f)
{
    static uint8_t frame[VIRTIO_REQUEST_MAX];
    static const uint32_t sizes[] = {14, 15, 60, 1514, 1518, 9000, 65000};
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 7);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        f->transmit.pieces = 1 + i;
        transmit(f, &no_header, frame, sizes[i]);
        expect_sent(f, frame, sizes[i]);
    }
}

// --- frames in ---

static void give_buffers(struct fixture *f, unsigned count, uint32_t size)
{
    f->buffer_size = size;
    for (unsigned i = 0; i < count; i++) {
        uint64_t gpa = virtio_rig_alloc(&f->rig, size, 1);
        const struct virtio_buffer b[] = {{gpa, size / 3}, {gpa + size / 3, size - size / 3}};
        int id = virtio_add(&f->receive, b, 0, 2);
        assert_true(id >= 0);
        f->buffers[id] = gpa;
    }
    virtio_kick(&f->receive);
    virtio_rig_run(&f->rig);
}

// The next frame with its header, put together; 0 if there is none.
static uint32_t take_frame(struct fixture *f, uint8_t *to)
{
    uint16_t id;
    uint32_t size = 0, written;
    for (unsigned i = 0, buffers = 1; i < buffers; i++) {
        if (!virtio_take_used(&f->receive, &id, &written)) {
            assert_int_equal(i, 0); // all buffers of a frame come together
            return 0;
        }
        assert_true(written <= f->buffer_size);
        virtio_rig_read(&f->rig, f->buffers[id], to + size, written);
        size += written;
        if (i == 0)
            buffers = to[10] | (unsigned)to[11] << 8;
        assert_true(i + 1 == buffers || written == f->buffer_size);
    }
    return size;
}

static void expect_frame(struct fixture *f, const struct vm_net_header *h, const void *frame,
                         uint32_t size)
{
    static uint8_t got[VM_NET_MAX_FRAME + HEADER];
    uint8_t header[HEADER];
    assert_int_equal(take_frame(f, got), HEADER + size);
    put_header(header, h);
    assert_memory_equal(got, header, 10);
    assert_memory_equal(got + HEADER, frame, size);
}

static void receives_frames(struct fixture *f)
{
    static uint8_t frame[65000];
    static const uint32_t sizes[] = {14, 60, 1988, 1989, 2500, 9000, 60000};
    bool mergeable = f->rig.features & F(MRG_RXBUF);
    for (unsigned i = 0; i < sizeof frame; i++)
        frame[i] = (uint8_t)(i * 11);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        bool fits = mergeable || sizes[i] + HEADER <= 2000;
        give_buffers(f, mergeable ? (sizes[i] + HEADER + 1999) / 2000 : fits, 2000);
        assert_true(net_fake_deliver(&f->fake, 0, &no_header, frame, sizes[i]) ||
                    (!mergeable && !fits));
        if (fits)
            expect_frame(f, &no_header, frame, sizes[i]);
        uint8_t none[HEADER + 60];
        assert_int_equal(take_frame(f, none), 0);
    }
}

static void works_everywhere(void **state)
{
    (void)state;
    static struct fixture f;
    for (unsigned n = 0; n < 4 * virtio_bus_count * virtio_mode_count; n++) {
        const struct virtio_bus *bus = virtio_buses[n / 4 / virtio_mode_count];
        const struct virtio_mode *mode = &virtio_modes[n / 4 % virtio_mode_count];
        net_fake_init(&f.fake, n & 1 ? ALL : 0, n & 1 ? ALL : 0, 1);
        f.fake.net.flat = !(n & 1);
        create(&f, bus);
        for (unsigned round = 0; round < 2; round++) {
            drive(&f, mode, n & 2 ? F(MRG_RXBUF) : 0);
            sends_frames(&f);
            receives_frames(&f);
        }
        end(&f);
    }
}

static void describes_itself(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, ALL, ALL, 4);
    uint8_t config[12];
    const uint8_t rest[] = {1, 0, 4, 0, 0xdc, 0x05};
    f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
    assert_memory_equal(config, mac, 6);
    assert_memory_equal(config + 6, rest, 6);
    const uint64_t offloads =
        F(0) | F(1) | F(2) | F(7) | F(8) | F(11) | F(12) | F(54) | F(55) | F(56);
    assert_int_equal(f.rig.features & offloads, offloads);
    const uint64_t absent = F(9) | F(10) | F(13) | F(14);
    assert_int_equal(f.rig.features & absent, 0); // neither ECN nor UFO
    end(&f);
}

// --- offloads ---

static struct vm_net_header offload(const struct frame_kind *k, const struct frame_at *at,
                                    uint16_t gso_size)
{
    return (struct vm_net_header){
        .flags = VM_NET_NEEDS_CSUM,
        .gso_type = !gso_size ? VM_NET_GSO_NONE
                    : k->udp  ? VM_NET_GSO_UDP_L4
                    : k->ipv6 ? VM_NET_GSO_TCPV6
                              : VM_NET_GSO_TCPV4,
        .hdr_len = gso_size ? (uint16_t)at->payload : 0,
        .gso_size = gso_size,
        .csum_start = (uint16_t)at->transport,
        .csum_offset = k->udp ? 6 : 16,
    };
}

static void finishes_what_the_backend_cannot(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[FRAME_MAX];
    begin(&f, 0, 0, 1);
    for (unsigned variant = 0; variant < 8; variant++) {
        struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = 30000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = offload(&k, &at, variant & 4 ? 1000 : 0);
        transmit(&f, &h, frame, at.size);
        assert_int_equal(f.fake.count, variant & 4 ? 30 : 1);
        for (unsigned i = 0; i < f.fake.count; i++) {
            const struct net_fake_frame *s = &f.fake.sent[i];
            assert_memory_equal(&s->header, &no_header, sizeof no_header);
            assert_int_equal(frame_transport_sum(s->bytes, &at, k.ipv6, k.udp, s->size), 0xffff);
            assert_memory_equal(s->bytes + at.payload, frame + at.payload + 1000 * i,
                                s->size - at.payload);
        }
        net_fake_forget(&f.fake);
    }
    end(&f);
}

// Large TCP segments as they are, with their checksum over all of it; datagrams one by one.
static void finishes_checksums_of_whole_segments(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[FRAME_MAX];
    begin(&f, VM_NET_TSO4 | VM_NET_TSO6, 0, 1);
    for (unsigned variant = 0; variant < 4; variant++) {
        struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = 30000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = offload(&k, &at, 1000);
        transmit(&f, &h, frame, at.size);
        assert_int_equal(f.fake.count, k.udp ? 30 : 1);
        const struct net_fake_frame *s = &f.fake.sent[0];
        assert_int_equal(s->header.flags, 0);
        assert_int_equal(s->header.gso_size, k.udp ? 0 : 1000);
        assert_int_equal(frame_transport_sum(s->bytes, &at, k.ipv6, k.udp, s->size), 0xffff);
        net_fake_forget(&f.fake);
    }
    end(&f);
}

static void passes_on_what_the_backend_can(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[FRAME_MAX];
    begin(&f, ALL, ALL, 1);
    assert_int_equal(f.fake.offloads, ALL);
    for (unsigned variant = 0; variant < 4; variant++) {
        struct frame_kind k = {.ipv6 = variant & 1, .udp = variant & 2, .payload = 30000};
        struct frame_at at = frame_make(frame, &k);
        struct vm_net_header h = offload(&k, &at, 1000);
        transmit(&f, &h, frame, at.size);
        assert_memory_equal(&f.fake.sent[0].header, &h, sizeof h);
        expect_sent(&f, frame, at.size);
        give_buffers(&f, 8, 4096);
        assert_true(net_fake_deliver(&f.fake, 0, &h, frame, at.size));
        expect_frame(&f, &h, frame, at.size);
    }
    end(&f);
}

static void drops_hostile_headers(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[FRAME_MAX];
    for (unsigned takes = 0; takes <= ALL; takes += ALL) {
        begin(&f, takes, 0, 1);
        struct frame_kind k = {.payload = 3000};
        struct frame_at at = frame_make(frame, &k);
        uint64_t seed = 99;
        struct vm_net_header good = offload(&k, &at, 1000);
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
            transmit(&f, &h, frame, at.size);
            assert_int_equal(f.fake.count, 0);
        }
        transmit(&f, &no_header, frame, 13); // no whole Ethernet header
        assert_int_equal(f.fake.count, 0);
        virtio_request(&f.transmit, frame, 11, NULL, 0); // nor a whole header of ours
        assert_int_equal(f.fake.count, 0);
        uint8_t in[16];
        assert_int_equal(virtio_request(&f.transmit, NULL, 0, in, sizeof in), 0);
        assert_int_equal(f.fake.count, 0);
        transmit(&f, &no_header, frame, at.size);
        expect_sent(&f, frame, at.size);
        end(&f);
    }
}

// --- when there is no room ---

static void waits_for_the_backend(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[100];
    for (unsigned flat = 0; flat < 2; flat++) {
        begin(&f, ALL, 0, 1);
        f.fake.net.flat = flat;
        f.fake.room = 5;
        uint64_t gpa = virtio_rig_alloc(&f.rig, 100 * sizeof frame, 8);
        for (unsigned i = 0; i < 100; i++) {
            const struct virtio_buffer b = {gpa + i * sizeof frame, sizeof frame};
            frame[HEADER] = (uint8_t)i;
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
        end(&f);
    }
}

static void refuses_without_buffers(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[5000];
    begin(&f, ALL, ALL, 1);
    assert_false(net_fake_deliver(&f.fake, 0, &no_header, frame, 100));
    assert_int_equal(f.fake.resumed, 0);
    give_buffers(&f, 2, 2000); // too few for the large one, which takes none of them
    assert_int_equal(f.fake.resumed, 1);
    assert_false(net_fake_deliver(&f.fake, 0, &no_header, frame, 5000));
    assert_true(net_fake_deliver(&f.fake, 0, &no_header, frame, 100));
    expect_frame(&f, &no_header, frame, 100);
    give_buffers(&f, 2, 2000);
    assert_int_equal(f.fake.resumed, 2);
    assert_true(net_fake_deliver(&f.fake, 0, &no_header, frame, 5000));
    expect_frame(&f, &no_header, frame, 5000);
    // A reset lets the backend go on as well; what comes then is dropped.
    assert_false(net_fake_deliver(&f.fake, 0, &no_header, frame, 100));
    virtio_reset(&f.rig);
    assert_int_equal(f.fake.resumed, 3);
    assert_true(net_fake_deliver(&f.fake, 0, &no_header, frame, 100));
    end(&f);
}

static void breaks_on_buffers_without_room_for_a_header(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[60];
    begin(&f, ALL, ALL, 1);
    give_buffers(&f, 4, 11);
    net_fake_deliver(&f.fake, 0, &no_header, frame, sizeof frame);
    assert_true(virtio_is_broken(&f.rig));
    drive(&f, &virtio_modes[0], 0);
    give_buffers(&f, 1, 2000);
    assert_true(net_fake_deliver(&f.fake, 0, &no_header, frame, sizeof frame));
    expect_frame(&f, &no_header, frame, sizeof frame);
    end(&f);
}

// --- the control queue ---

static uint8_t command(struct fixture *f, uint8_t class, uint8_t code, const void *data,
                       uint32_t size)
{
    static uint8_t bytes[4096];
    uint8_t answer = 0xaa;
    bytes[0] = class;
    bytes[1] = code;
    memcpy(bytes + 2, data, size);
    f->control.pieces = 2;
    assert_int_equal(virtio_request(&f->control, bytes, 2 + size, &answer, 1), 1);
    return answer;
}

static bool arrives(struct fixture *f, const void *frame)
{
    static uint8_t got[HEADER + 64];
    assert_true(net_fake_deliver(&f->fake, 0, &no_header, frame, 64));
    return take_frame(f, got) > 0;
}

static void filters_by_address(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, ALL, ALL, 1);
    give_buffers(&f, 40, 100);
    static const uint8_t zero = 0, one = 1, other[64] = {2, 1}, group[64] = {1, 2, 3},
                         all[64] = {255, 255, 255, 255, 255, 255};
    uint8_t own[64] = {0};
    memcpy(own, mac, sizeof mac);
    assert_true(arrives(&f, other) && arrives(&f, group));
    assert_int_equal(command(&f, 0, 0, &zero, 1), 0);
    assert_false(arrives(&f, other) || arrives(&f, group));
    assert_true(arrives(&f, own) && arrives(&f, all));
    assert_int_equal(command(&f, 0, 1, &one, 1), 0);
    assert_true(arrives(&f, group));
    assert_int_equal(command(&f, 0, 3, &one, 1), 0);
    assert_false(arrives(&f, group));
    assert_int_equal(command(&f, 0, 2, &one, 1), 0);
    assert_true(arrives(&f, other));
    assert_int_equal(command(&f, 0, 4, &one, 1), 0);
    assert_int_equal(command(&f, 0, 5, &one, 1), 0);
    assert_false(arrives(&f, other) || arrives(&f, own) || arrives(&f, all));
    for (uint8_t i = 1; i < 6; i++)
        assert_int_equal(command(&f, 0, i, &zero, 1), 0);
    static const uint8_t table[] = {1, 0, 0, 0, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 0, 0, 0};
    assert_int_equal(command(&f, 1, 0, table, sizeof table), 0);
    assert_true(arrives(&f, other) && arrives(&f, group));
    assert_int_equal(command(&f, 1, 0, table, sizeof table - 1), 1);
    assert_true(arrives(&f, other) && arrives(&f, group));
    static const uint8_t none[8] = {0};
    assert_int_equal(command(&f, 1, 0, none, sizeof none), 0);
    assert_false(arrives(&f, other) || arrives(&f, group));
    assert_int_equal(command(&f, 1, 1, other, 6), 0);
    assert_true(arrives(&f, other));
    assert_false(arrives(&f, own));
    uint8_t config[6];
    f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
    assert_memory_equal(config, other, 6);
    virtio_reset(&f.rig);
    f.rig.bus->read_config(&f.rig, 0, config, sizeof config);
    assert_memory_equal(config, mac, 6);
    end(&f);
}

static void receives_all_when_the_table_is_full(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, ALL, ALL, 1);
    give_buffers(&f, 4, 100);
    static const uint8_t zero = 0, other[64] = {2, 1}, group[64] = {1, 2, 3};
    static uint8_t table[4 + 65 * 6 + 4] = {65};
    assert_int_equal(command(&f, 0, 0, &zero, 1), 0);
    assert_int_equal(command(&f, 1, 0, table, sizeof table), 0);
    assert_true(arrives(&f, other));
    assert_false(arrives(&f, group));
    memset(table, 0xff, 4); // more than the command has
    assert_int_equal(command(&f, 1, 0, table, sizeof table), 1);
    end(&f);
}

static void filters_by_vlan(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, ALL, ALL, 1);
    give_buffers(&f, 8, 100);
    uint8_t tagged[64] = {[12] = 0x81, 0, 0x2f, 0xff}, plain[64] = {0};
    const uint8_t vlan[] = {0xff, 0x0f}, too_large[] = {0, 0x10};
    assert_true(arrives(&f, plain));
    assert_false(arrives(&f, tagged));
    assert_int_equal(command(&f, 2, 0, vlan, 2), 0);
    assert_true(arrives(&f, tagged));
    assert_int_equal(command(&f, 2, 1, vlan, 2), 0);
    assert_false(arrives(&f, tagged));
    assert_int_equal(command(&f, 2, 0, too_large, 2), 1);
    assert_int_equal(command(&f, 2, 0, vlan, 1), 1);
    assert_int_equal(command(&f, 2, 2, vlan, 2), 1);
    drive(&f, &virtio_modes[0], F(19));
    give_buffers(&f, 8, 100);
    assert_true(arrives(&f, tagged));
    end(&f);
}

static void announces_itself_when_the_link_comes_back(void **state)
{
    (void)state;
    static struct fixture f;
    static const uint8_t frame[64] = {0};
    begin(&f, ALL, ALL, 1);
    give_buffers(&f, 4, 100);
    const struct vm_net_receiver *r = &f.fake.net.receiver;
    uint8_t status;
    f.rig.bus->take_interrupts(&f.rig);
    r->link_changed(r->device, false);
    assert_true(f.rig.bus->take_interrupts(&f.rig) & VIRTIO_CONFIG_INTERRUPT);
    f.rig.bus->read_config(&f.rig, 6, &status, 1);
    assert_int_equal(status, 0);
    assert_false(arrives(&f, frame));
    transmit(&f, &no_header, frame, sizeof frame);
    assert_int_equal(f.fake.count, 0);
    r->link_changed(r->device, true);
    f.rig.bus->read_config(&f.rig, 6, &status, 1);
    assert_int_equal(status, 3);
    assert_int_equal(command(&f, 3, 1, frame, 0), 1);
    assert_int_equal(command(&f, 3, 0, frame, 0), 0);
    f.rig.bus->read_config(&f.rig, 6, &status, 1);
    assert_int_equal(status, 1);
    assert_true(arrives(&f, frame));
    end(&f);
}

static void changes_offloads(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[FRAME_MAX];
    begin(&f, ALL, ALL, 1);
    give_buffers(&f, 8, 4096);
    struct frame_kind k = {.payload = 3000};
    struct frame_at at = frame_make(frame, &k);
    struct vm_net_header h = offload(&k, &at, 1000);
    const uint8_t checksums[8] = {2}, ecn[8] = {2, 2}, nothing[8] = {0};
    uint8_t none[HEADER];
    assert_int_equal(command(&f, 5, 0, checksums, 8), 0);
    assert_int_equal(f.fake.offloads, VM_NET_CSUM);
    assert_true(net_fake_deliver(&f.fake, 0, &h, frame, at.size)); // dropped
    assert_int_equal(take_frame(&f, none), 0);
    assert_int_equal(command(&f, 5, 0, ecn, 8), 1);
    assert_int_equal(command(&f, 5, 0, checksums, 7), 1);
    assert_int_equal(command(&f, 5, 1, checksums, 8), 1);
    const struct vm_net_header valid = {.flags = VM_NET_DATA_VALID};
    assert_true(net_fake_deliver(&f.fake, 0, &valid, frame, 100));
    expect_frame(&f, &valid, frame, 100);
    assert_int_equal(command(&f, 5, 0, nothing, 8), 0);
    assert_true(net_fake_deliver(&f.fake, 0, &valid, frame, 100));
    expect_frame(&f, &no_header, frame, 100);
    end(&f);
}

static void refuses_other_commands(void **state)
{
    (void)state;
    static struct fixture f;
    begin(&f, ALL, ALL, 1);
    static uint8_t data[64];
    for (unsigned class = 6; class < 256; class += 50)
        assert_int_equal(command(&f, (uint8_t) class, 0, data, 8), 1);
    assert_int_equal(command(&f, 0, 6, data, 1), 1);
    assert_int_equal(command(&f, 0, 0, data, 0), 1);
    assert_int_equal(command(&f, 1, 2, data, 8), 1);
    assert_int_equal(command(&f, 1, 1, data, 5), 1);
    assert_int_equal(command(&f, 4, 0, data, 2), 1); // no queue pairs were negotiated
    uint8_t answer;
    assert_int_equal(virtio_request(&f.control, data, 1, &answer, 1), 1);
    assert_int_equal(answer, 1);
    assert_int_equal(virtio_request(&f.control, NULL, 0, &answer, 1), 1);
    assert_int_equal(answer, 1);
    assert_int_equal(virtio_request(&f.control, data, 64, NULL, 0), 0);
    end(&f);
}

// --- several queue pairs ---

static void uses_queue_pairs(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[64];
    begin(&f, ALL, ALL, 8);
    static struct virtio_ring last;
    virtio_ring_init(&f.rig, &last, 15, 0);
    uint8_t pairs[2] = {9, 0};
    assert_int_equal(f.fake.pairs, 1);
    assert_int_equal(command(&f, 4, 0, pairs, 2), 1);
    pairs[0] = 0;
    assert_int_equal(command(&f, 4, 0, pairs, 2), 1);
    pairs[0] = 8;
    assert_int_equal(command(&f, 4, 0, pairs, 2), 0);
    assert_int_equal(f.fake.pairs, 8);
    uint8_t bytes[HEADER + sizeof frame] = {0};
    virtio_request(&last, bytes, sizeof bytes, NULL, 0);
    assert_int_equal(f.fake.count, 1);
    assert_int_equal(f.fake.sent[0].pair, 7);
    assert_true(net_fake_deliver(&f.fake, 7, &no_header, frame, sizeof frame)); // not set up
    virtio_ring_init(&f.rig, &f.receive, 14, 0);
    assert_false(net_fake_deliver(&f.fake, 7, &no_header, frame, sizeof frame));
    give_buffers(&f, 1, 100);
    assert_int_equal(f.fake.resumed, 1);
    assert_true(net_fake_deliver(&f.fake, 7, &no_header, frame, sizeof frame));
    expect_frame(&f, &no_header, frame, sizeof frame);
    // A driver without MQ has its control queue right after the first pair.
    drive(&f, &virtio_modes[0], F(MQ));
    assert_int_equal(f.fake.pairs, 1);
    const uint8_t one = 1;
    assert_int_equal(command(&f, 0, 0, &one, 1), 0);
    end(&f);
}

static void resets_queues(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[64];
    begin(&f, ALL, ALL, 2);
    assert_false(net_fake_deliver(&f.fake, 0, &no_header, frame, sizeof frame));
    f.rig.bus->reset_queue(&f.rig, 0);
    assert_int_equal(f.fake.resumed, 1);
    assert_true(net_fake_deliver(&f.fake, 0, &no_header, frame, sizeof frame));
    for (unsigned i = 0; i < 6; i++)
        f.rig.bus->reset_queue(&f.rig, i);
    virtio_ring_init(&f.rig, &f.receive, 0, 0);
    virtio_ring_init(&f.rig, &f.transmit, 1, 0);
    give_buffers(&f, 2, 100);
    assert_true(net_fake_deliver(&f.fake, 0, &no_header, frame, sizeof frame));
    expect_frame(&f, &no_header, frame, sizeof frame);
    transmit(&f, &no_header, frame, sizeof frame);
    expect_sent(&f, frame, sizeof frame);
    end(&f);
}

// --- threads, memory ---

static void answers_on_a_thread(void **state)
{
    (void)state;
    static struct fixture f;
    static uint8_t frame[1000], got[HEADER + sizeof frame];
    net_fake_init(&f.fake, ALL, ALL, 1);
    f.fake.echo = true;
    create(&f, virtio_buses[0]);
    virtio_rig_thread(&f.rig);
    drive(&f, &virtio_modes[virtio_mode_count - 1], 0);
    for (unsigned i = 0; i < 300; i++) {
        give_buffers(&f, 1, 2000);
        frame[5] = (uint8_t)i;
        transmit(&f, &no_header, frame, sizeof frame);
        uint64_t since = 0;
        while (take_frame(&f, got) == 0)
            virtio_rig_wait(&f.rig, &since);
        assert_memory_equal(got + HEADER, frame, sizeof frame);
    }
    end(&f);
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
        cmocka_unit_test(filters_by_address),
        cmocka_unit_test(receives_all_when_the_table_is_full),
        cmocka_unit_test(filters_by_vlan),
        cmocka_unit_test(announces_itself_when_the_link_comes_back),
        cmocka_unit_test(changes_offloads),
        cmocka_unit_test(refuses_other_commands),
        cmocka_unit_test(uses_queue_pairs),
        cmocka_unit_test(resets_queues),
        cmocka_unit_test(answers_on_a_thread),
        cmocka_unit_test(gives_memory_back_when_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
