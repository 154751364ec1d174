// SPDX-License-Identifier: MIT
//
// virtio-net's control queue, link and queue pairs.
#include <string.h>

#include "net_rig.h"

static uint8_t command(struct net_rig *f, uint8_t class, uint8_t code, const void *data,
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

static bool arrives(struct net_rig *f, const void *frame)
{
    static uint8_t got[NET_HEADER + 64];
    assert_true(net_fake_deliver(&f->fake, 0, &net_no_header, frame, 64));
    return net_rig_take(f, got) > 0;
}

static void filters_by_address(void **state)
{
    (void)state;
    static struct net_rig f;
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    net_rig_give(&f, 40, 100);
    static const uint8_t zero = 0, one = 1, other[64] = {2, 1}, group[64] = {1, 2, 3},
                         all[64] = {255, 255, 255, 255, 255, 255};
    uint8_t own[64] = {0};
    memcpy(own, net_rig_mac, sizeof net_rig_mac);
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
    assert_memory_equal(config, net_rig_mac, 6);
    net_rig_end(&f);
}

static void receives_all_when_the_table_is_full(void **state)
{
    (void)state;
    static struct net_rig f;
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    net_rig_give(&f, 4, 100);
    static const uint8_t zero = 0, other[64] = {2, 1}, group[64] = {1, 2, 3};
    static uint8_t table[4 + 65 * 6 + 4] = {65};
    assert_int_equal(command(&f, 0, 0, &zero, 1), 0);
    assert_int_equal(command(&f, 1, 0, table, sizeof table), 0);
    assert_true(arrives(&f, other));
    assert_false(arrives(&f, group));
    memset(table, 0xff, 4); // more than the command has
    assert_int_equal(command(&f, 1, 0, table, sizeof table), 1);
    net_rig_end(&f);
}

static void filters_by_vlan(void **state)
{
    (void)state;
    static struct net_rig f;
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    net_rig_give(&f, 8, 100);
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
    net_rig_drive(&f, &virtio_modes[0], NET_F(19));
    net_rig_give(&f, 8, 100);
    assert_true(arrives(&f, tagged));
    net_rig_end(&f);
}

static void announces_itself_when_the_link_comes_back(void **state)
{
    (void)state;
    static struct net_rig f;
    static const uint8_t frame[64] = {0};
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    net_rig_give(&f, 4, 100);
    const struct vm_net_receiver *r = &f.fake.net.receiver;
    uint8_t status;
    f.rig.bus->take_interrupts(&f.rig);
    r->link_changed(r->device, false);
    assert_true(f.rig.bus->take_interrupts(&f.rig) & VIRTIO_CONFIG_INTERRUPT);
    f.rig.bus->read_config(&f.rig, 6, &status, 1);
    assert_int_equal(status, 0);
    assert_false(arrives(&f, frame));
    net_rig_transmit(&f, &net_no_header, frame, sizeof frame);
    assert_int_equal(f.fake.count, 0);
    r->link_changed(r->device, true);
    f.rig.bus->read_config(&f.rig, 6, &status, 1);
    assert_int_equal(status, 3);
    assert_int_equal(command(&f, 3, 1, frame, 0), 1);
    assert_int_equal(command(&f, 3, 0, frame, 0), 0);
    f.rig.bus->read_config(&f.rig, 6, &status, 1);
    assert_int_equal(status, 1);
    assert_true(arrives(&f, frame));
    net_rig_end(&f);
}

static void changes_offloads(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[FRAME_MAX];
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
    net_rig_give(&f, 8, 4096);
    struct frame_kind k = {.payload = 3000};
    struct frame_at at = frame_make(frame, &k);
    struct vm_net_header h = net_rig_offload(&k, &at, 1000);
    const uint8_t checksums[8] = {2}, ecn[8] = {2, 2}, nothing[8] = {0};
    uint8_t none[NET_HEADER];
    assert_int_equal(command(&f, 5, 0, checksums, 8), 0);
    assert_int_equal(f.fake.offloads, VM_NET_CSUM);
    assert_true(net_fake_deliver(&f.fake, 0, &h, frame, at.size)); // dropped
    assert_int_equal(net_rig_take(&f, none), 0);
    assert_int_equal(command(&f, 5, 0, ecn, 8), 1);
    assert_int_equal(command(&f, 5, 0, checksums, 7), 1);
    assert_int_equal(command(&f, 5, 1, checksums, 8), 1);
    const struct vm_net_header valid = {.flags = VM_NET_DATA_VALID};
    assert_true(net_fake_deliver(&f.fake, 0, &valid, frame, 100));
    net_rig_expect_frame(&f, &valid, frame, 100);
    assert_int_equal(command(&f, 5, 0, nothing, 8), 0);
    assert_true(net_fake_deliver(&f.fake, 0, &valid, frame, 100));
    net_rig_expect_frame(&f, &net_no_header, frame, 100);
    net_rig_end(&f);
}

static void refuses_other_commands(void **state)
{
    (void)state;
    static struct net_rig f;
    net_rig_begin(&f, NET_ALL, NET_ALL, 1);
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
    net_rig_end(&f);
}

static void uses_queue_pairs(void **state)
{
    (void)state;
    static struct net_rig f;
    static uint8_t frame[64];
    net_rig_begin(&f, NET_ALL, NET_ALL, 8);
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
    uint8_t bytes[NET_HEADER + sizeof frame] = {0};
    virtio_request(&last, bytes, sizeof bytes, NULL, 0);
    assert_int_equal(f.fake.count, 1);
    assert_int_equal(f.fake.sent[0].pair, 7);
    assert_true(net_fake_deliver(&f.fake, 7, &net_no_header, frame, sizeof frame)); // not set up
    virtio_ring_init(&f.rig, &f.receive, 14, 0);
    assert_false(net_fake_deliver(&f.fake, 7, &net_no_header, frame, sizeof frame));
    net_rig_give(&f, 1, 100);
    assert_int_equal(f.fake.resumed, 1);
    assert_true(net_fake_deliver(&f.fake, 7, &net_no_header, frame, sizeof frame));
    net_rig_expect_frame(&f, &net_no_header, frame, sizeof frame);
    // A driver without MQ has its control queue right after the first pair.
    net_rig_drive(&f, &virtio_modes[0], NET_F(NET_MQ));
    assert_int_equal(f.fake.pairs, 1);
    const uint8_t one = 1;
    assert_int_equal(command(&f, 0, 0, &one, 1), 0);
    net_rig_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_by_address),
        cmocka_unit_test(receives_all_when_the_table_is_full),
        cmocka_unit_test(filters_by_vlan),
        cmocka_unit_test(announces_itself_when_the_link_comes_back),
        cmocka_unit_test(changes_offloads),
        cmocka_unit_test(refuses_other_commands),
        cmocka_unit_test(uses_queue_pairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
