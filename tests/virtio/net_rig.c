// SPDX-License-Identifier: MIT
#include "net_rig.h"

#include <string.h>

const uint8_t net_rig_mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
const struct vm_net_header net_no_header;

void net_rig_create(struct net_rig *f, const struct virtio_bus *bus)
{
    const struct vm_virtio_net_config c = {&f->fake.net, {0x52, 0x54, 0, 0x12, 0x34, 0x56}, 0};
    struct vm_virtio *v;
    virtio_rig_init(&f->rig, 16 << 20);
    assert_int_equal(vm_virtio_net_create(&f->rig.machine, &f->rig.io, "net0", &c, &v, NULL),
                     VM_OK);
    virtio_rig_plug(&f->rig, bus, v);
    assert_int_equal(bus->device_id(&f->rig), 1);
}

void net_rig_drive(struct net_rig *f, const struct virtio_mode *mode, uint64_t without)
{
    virtio_start(&f->rig, VIRTIO_ALL & ~mode->without & ~without);
    unsigned control = f->rig.features & NET_F(NET_MQ) ? 2 * f->fake.net.pairs : 2;
    virtio_ring_init(&f->rig, &f->receive, 0, 0);
    virtio_ring_init(&f->rig, &f->transmit, 1, 0);
    virtio_ring_init(&f->rig, &f->control, control, 0);
    f->receive.indirect = f->transmit.indirect = f->control.indirect = mode->indirect;
    f->transmit.pieces = 3;
    virtio_go(&f->rig);
}

void net_rig_begin(struct net_rig *f, unsigned takes, unsigned makes, unsigned pairs)
{
    net_fake_init(&f->fake, takes, makes, pairs);
    net_rig_create(f, virtio_buses[0]);
    net_rig_drive(f, &virtio_modes[virtio_mode_count - 1], 0);
}

void net_rig_end(struct net_rig *f)
{
    assert_false(virtio_is_broken(&f->rig));
    virtio_rig_end(&f->rig);
    assert_int_equal(f->fake.closed, 1);
}

void net_rig_put_header(uint8_t *to, const struct vm_net_header *h)
{
    const uint16_t fields[] = {h->hdr_len, h->gso_size, h->csum_start, h->csum_offset, 0};
    to[0] = h->flags;
    to[1] = h->gso_type;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(fields); i++) {
        to[2 + 2 * i] = (uint8_t)fields[i];
        to[3 + 2 * i] = (uint8_t)(fields[i] >> 8);
    }
}

void net_rig_transmit(struct net_rig *f, const struct vm_net_header *h, const uint8_t *frame,
                      uint32_t size)
{
    static uint8_t bytes[VIRTIO_REQUEST_MAX];
    assert_true(size + NET_HEADER <= sizeof bytes);
    net_rig_put_header(bytes, h);
    memcpy(bytes + NET_HEADER, frame, size);
    assert_int_equal(virtio_request(&f->transmit, bytes, NET_HEADER + size, NULL, 0), 0);
    virtio_rig_run(&f->rig);
}

void net_rig_expect_sent(struct net_rig *f, const uint8_t *frame, uint32_t size)
{
    assert_int_equal(f->fake.count, 1);
    assert_int_equal(f->fake.sent[0].size, size);
    assert_memory_equal(f->fake.sent[0].bytes, frame, size);
    net_fake_forget(&f->fake);
}

void net_rig_give(struct net_rig *f, unsigned count, uint32_t size)
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

uint32_t net_rig_take(struct net_rig *f, uint8_t *to)
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

void net_rig_expect_frame(struct net_rig *f, const struct vm_net_header *h, const void *frame,
                          uint32_t size)
{
    static uint8_t got[VM_NET_MAX_FRAME + NET_HEADER];
    uint8_t header[NET_HEADER];
    assert_int_equal(net_rig_take(f, got), NET_HEADER + size);
    net_rig_put_header(header, h);
    assert_memory_equal(got, header, 10);
    assert_memory_equal(got + NET_HEADER, frame, size);
}

struct vm_net_header net_rig_offload(const struct frame_kind *k, const struct frame_at *at,
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
