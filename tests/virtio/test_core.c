// SPDX-License-Identifier: MIT
//
// Status, features, configuration space, queue set-up and reset of the VirtIO core, over every
// transport; the games that a driver can play with them.
#include <sched.h>
#include <string.h>
#include <time.h>

#include "driver.h"
#include "probe.h"

enum { ACK = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64, FAILED = 128 };

struct fixture {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
    const struct virtio_bus *bus;
};

static struct fixture fixture;

static struct fixture *begin(const struct virtio_bus *bus, const struct probe_options *options)
{
    struct fixture *f = &fixture;
    virtio_rig_init(&f->rig, 4 << 20);
    probe_init(&f->probe, &f->rig, bus, options);
    f->bus = bus;
    return f;
}

static void end(struct fixture *f)
{
    virtio_rig_end(&f->rig);
    assert_int_equal(f->probe.destroyed, 1);
}

static void start(struct fixture *f)
{
    virtio_start(&f->rig, VIRTIO_ALL);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_go(&f->rig);
    virtio_rig_run(&f->rig);
}

static void expect_works(struct fixture *f)
{
    uint8_t in[5];
    assert_int_equal(virtio_request(&f->ring, "\0\1\2\3\4", 5, in, sizeof in), 5);
    assert_memory_equal(in, "\x5a\x5b\x58\x59\x5e", 5);
    assert_false(virtio_is_broken(&f->rig));
}

static void expect_broken(struct fixture *f, const char *why)
{
    assert_true(virtio_is_broken(&f->rig));
    assert_int_equal(f->rig.logged, 1);
    if (!strstr(f->rig.log, why))
        fail_msg("the log has: %s", f->rig.log);
    assert_non_null(strstr(f->rig.log, "probe0: "));
}

static void says_what_it_is(struct fixture *f)
{
    const struct virtio_bus *bus = f->bus;
    assert_int_equal(bus->device_id(&f->rig), PROBE_ID);
    assert_int_equal(bus->get_status(&f->rig), 0);
    uint64_t features = bus->device_features(&f->rig);
    assert_true(features & VM_VIRTIO_F_VERSION_1);
    assert_true(features & VM_VIRTIO_F_RING_PACKED);
    assert_true(features & VM_VIRTIO_F_EVENT_IDX);
    assert_true(features & VM_VIRTIO_F_INDIRECT_DESC);
    assert_true(features & VM_VIRTIO_F_RING_RESET);
    assert_false(features & VM_VIRTIO_F_IN_ORDER);
    for (unsigned q = 0; q < PROBE_QUEUES; q++) {
        assert_int_equal(bus->queue_max(&f->rig, q), PROBE_QUEUE_SIZE);
        assert_false(bus->queue_enabled(&f->rig, q));
    }
    assert_int_equal(bus->queue_max(&f->rig, PROBE_QUEUES), 0);
    assert_int_equal(bus->queue_max(&f->rig, 0xffff), 0);
    assert_int_equal(bus->take_interrupts(&f->rig), 0);
}

static void activates_with_the_features_agreed_on(struct fixture *f)
{
    uint64_t features = VM_VIRTIO_F_VERSION_1 | VM_VIRTIO_F_EVENT_IDX;
    assert_int_equal(virtio_start(&f->rig, features), features);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    assert_int_equal(f->probe.activations, 0);
    virtio_go(&f->rig);
    assert_int_equal(f->probe.activations, 1);
    assert_int_equal(f->probe.features, features);
    assert_int_equal(vm_virtio_features(f->probe.virtio), features);
    f->bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK | DRIVER_OK); // once is enough
    assert_int_equal(f->probe.activations, 1);
    expect_works(f);
    virtio_reset(&f->rig);
    assert_int_equal(vm_virtio_features(f->probe.virtio), 0);
}

static void refuses_features(struct fixture *f)
{
    const struct virtio_bus *bus = f->bus;
    uint64_t offered = bus->device_features(&f->rig);
    const uint64_t wrong[] = {offered | 1, offered | UINT64_C(1) << 63, ~offered, 0,
                              offered & ~VM_VIRTIO_F_VERSION_1};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(wrong); i++) {
        virtio_reset(&f->rig);
        bus->set_status(&f->rig, ACK | DRIVER);
        bus->set_features(&f->rig, wrong[i]);
        bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK);
        assert_int_equal(bus->get_status(&f->rig), ACK | DRIVER);
        bus->set_features(&f->rig, offered); // another try
        bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK);
        assert_int_equal(bus->get_status(&f->rig), ACK | DRIVER | FEATURES_OK);
    }
    virtio_reset(&f->rig);
}

static void keeps_features_once_accepted(struct fixture *f)
{
    virtio_start(&f->rig, VM_VIRTIO_F_VERSION_1);
    f->bus->set_features(&f->rig, VIRTIO_ALL);
    assert_int_equal(vm_virtio_driver_features(f->probe.virtio), VM_VIRTIO_F_VERSION_1);
    f->bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_go(&f->rig);
    f->bus->set_features(&f->rig, VM_VIRTIO_F_VERSION_1 | VM_VIRTIO_F_RING_PACKED);
    assert_int_equal(vm_virtio_features(f->probe.virtio), VM_VIRTIO_F_VERSION_1);
    expect_works(f);
    virtio_reset(&f->rig);
}

static void keeps_status_bits(struct fixture *f)
{
    start(f);
    uint8_t all = f->bus->get_status(&f->rig);
    f->bus->set_status(&f->rig, ACK); // bits cannot be taken back
    assert_int_equal(f->bus->get_status(&f->rig), all);
    expect_works(f);
    f->bus->set_status(&f->rig, NEEDS_RESET | FAILED | 16 | 32); // not the driver's, but FAILED
    assert_int_equal(f->bus->get_status(&f->rig), all | FAILED);
    virtio_reset(&f->rig);
}

static void breaks_without_features_ok(struct fixture *f)
{
    f->bus->set_status(&f->rig, ACK | DRIVER);
    f->bus->set_status(&f->rig, ACK | DRIVER | DRIVER_OK);
    assert_int_equal(f->bus->get_status(&f->rig), ACK | DRIVER | NEEDS_RESET);
    assert_int_equal(f->bus->take_interrupts(&f->rig), 0); // nobody listens yet
    expect_broken(f, "DRIVER_OK without FEATURES_OK");
    f->bus->set_features(&f->rig, VM_VIRTIO_F_VERSION_1);
    f->bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
    assert_int_equal(f->probe.activations, 0);
    start(f);
    expect_works(f);
    virtio_reset(&f->rig);
}

// A doorbell before DRIVER_OK does nothing; what is there by then is served without one.
static void serves_nothing_before_driver_ok(struct fixture *f)
{
    virtio_start(&f->rig, VIRTIO_ALL);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    const struct virtio_buffer b = {virtio_rig_alloc(&f->rig, 64, 8), 64};
    virtio_add(&f->ring, &b, 0, 1);
    virtio_publish(&f->ring);
    f->bus->notify(&f->rig, 0);
    virtio_rig_run(&f->rig);
    uint16_t id;
    uint32_t written;
    assert_false(virtio_take_used(&f->ring, &id, &written));
    virtio_go(&f->rig);
    virtio_rig_run(&f->rig);
    assert_true(virtio_take_used(&f->ring, &id, &written));
    f->bus->notify(&f->rig, PROBE_QUEUES); // no such queue
    f->bus->notify(&f->rig, 0xffff);
    f->bus->notify(&f->rig, 1); // not enabled
    virtio_rig_run(&f->rig);
    expect_works(f);
    virtio_reset(&f->rig);
}

static void reset_lets_go(struct fixture *f)
{
    start(f);
    f->probe.hold = true;
    const struct virtio_buffer b = {virtio_rig_alloc(&f->rig, 64, 8), 64};
    for (unsigned i = 0; i < 5; i++)
        assert_true(virtio_add(&f->ring, &b, 0, 1) >= 0);
    virtio_kick(&f->ring);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.held_count, 5);
    unsigned resets = f->probe.resets;
    struct vm_virtq_element stale = f->probe.held[4].element;
    virtio_reset(&f->rig);
    assert_int_equal(f->probe.resets, resets + 1);
    assert_int_equal(f->probe.held_count, 0);
    assert_false(f->bus->queue_enabled(&f->rig, 0));
    assert_int_equal(f->bus->take_interrupts(&f->rig), 0);
    virtio_reset(&f->rig); // nothing left to reset
    assert_int_equal(f->probe.resets, resets + 1);
    start(f);
    virtio_add(&f->ring, &b, 0, 1);
    virtio_kick(&f->ring);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.held_count, 1);
    vm_virtq_push(f->probe.virtio, 0, &stale, 64); // of the life before
    vm_virtq_unpop(f->probe.virtio, 0, &stale);
    vm_virtq_flush(f->probe.virtio, 0);
    uint16_t id;
    uint32_t written;
    assert_false(virtio_take_used(&f->ring, &id, &written));
    probe_answer_all(&f->probe);
    assert_true(virtio_take_used(&f->ring, &id, &written));
    f->probe.hold = false;
    expect_works(f);
    virtio_reset(&f->rig);
}

// A device that gives an element back twice does not take the ring along.
static void takes_elements_back_once(struct fixture *f)
{
    start(f);
    f->probe.hold = true;
    const struct virtio_buffer b = {virtio_rig_alloc(&f->rig, 64, 8), 64};
    virtio_add(&f->ring, &b, 0, 1);
    virtio_kick(&f->ring);
    virtio_rig_run(&f->rig);
    struct vm_virtq_element e = f->probe.held[0].element;
    vm_virtq_push(f->probe.virtio, 0, &e, 64);
    vm_virtq_push(f->probe.virtio, 0, &e, 64);
    vm_virtq_unpop(f->probe.virtio, 0, &e);
    vm_virtq_flush(f->probe.virtio, 0);
    vm_virtq_push(f->probe.virtio, 0, &e, 64);
    vm_virtq_flush(f->probe.virtio, 0);
    uint16_t id;
    uint32_t written;
    assert_true(virtio_take_used(&f->ring, &id, &written));
    assert_false(virtio_take_used(&f->ring, &id, &written));
    f->probe.held_count = 0;
    f->probe.hold = false;
    expect_works(f);
    virtio_reset(&f->rig);
}

static void queue_reset_leaves_the_others(struct fixture *f)
{
    struct virtio_ring other;
    virtio_start(&f->rig, VIRTIO_ALL);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_ring_init(&f->rig, &other, 2, 16);
    virtio_go(&f->rig);
    f->probe.hold = true;
    const struct virtio_buffer b = {virtio_rig_alloc(&f->rig, 64, 8), 64};
    virtio_add(&f->ring, &b, 0, 1);
    virtio_kick(&f->ring);
    virtio_add(&other, &b, 0, 1);
    virtio_kick(&other);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.held_count, 2);
    struct vm_virtq_element stale = f->probe.held[0].element;
    assert_int_equal(f->probe.held[0].queue, 0);
    f->bus->reset_queue(&f->rig, 0);
    assert_int_equal(f->probe.queue_resets, 1);
    assert_int_equal(f->probe.held_count, 1);
    assert_false(f->bus->queue_enabled(&f->rig, 0));
    assert_true(f->bus->queue_enabled(&f->rig, 2));
    vm_virtq_push(f->probe.virtio, 0, &stale, 1);
    probe_answer_all(&f->probe);
    uint16_t id;
    uint32_t written;
    virtio_wait_used(&other, &id, &written);
    f->probe.hold = false;
    virtio_ring_init(&f->rig, &f->ring, 0, 32); // with another size and place
    expect_works(f);
    virtio_reset(&f->rig);
}

static void refuses_bad_rings(struct fixture *f)
{
    const uint64_t ram = VIRTIO_RIG_RAM, top = f->rig.ram[1].base + f->rig.ram[1].size;
    const uint64_t seam = f->rig.ram[1].base;
    const struct {
        uint32_t size;
        uint64_t descriptors, driver, device;
        const char *why;
    } bad[] = {
        {0, ram, ram, ram, "size is out of range"},
        {65, ram, ram, ram, "size is out of range"},
        {128, ram, ram, ram, "size is out of range"},
        {32768, ram, ram, ram, "size is out of range"},
        {65535, ram, ram, ram, "size is out of range"},
        {16, 0, ram, ram, "not in RAM"},
        {16, ram, 0, ram, "not in RAM"},
        {16, ram, ram, 0, "not in RAM"},
        {16, VIRTIO_RIG_SLOT, ram, ram, "not in RAM"},
        {16, UINT64_MAX - 15, ram, ram, "not in RAM"},
        {16, ram, UINT64_MAX - 3, ram, "not in RAM"},
        {16, top - 16, ram, ram, "not in RAM"},
        {16, top, ram, ram, "not in RAM"},
        {16, seam - 16, ram, ram, "not in RAM"}, // in two regions
        {16, VIRTIO_RIG_ROM, ram, ram, "not in RAM"},
        {16, ram, ram, VIRTIO_RIG_ROM, "not in RAM"},
        {16, ram + 8, ram, ram, "not aligned"},
        {16, ram, ram + 1, ram, "not aligned"},
        {16, ram, ram, ram + 2, "not aligned"},
    };
    for (unsigned i = 0; i < 2 * VM_ARRAY_SIZE(bad); i++) {
        unsigned n = i / 2;
        f->rig.logged = 0;
        f->rig.host.base.now += UINT64_C(2000000000);
        virtio_start(&f->rig, VIRTIO_ALL & ~(i % 2 ? 0 : VM_VIRTIO_F_RING_PACKED));
        f->bus->set_queue(&f->rig, 1, bad[n].size, bad[n].descriptors, bad[n].driver,
                          bad[n].device);
        f->bus->enable_queue(&f->rig, 1);
        assert_false(f->bus->queue_enabled(&f->rig, 1));
        expect_broken(f, bad[n].why);
        f->bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
        assert_false(f->bus->get_status(&f->rig) & DRIVER_OK);
    }
    start(f);
    expect_works(f);
    virtio_reset(&f->rig);
}

static void takes_only_powers_of_two_for_split_rings(struct fixture *f)
{
    for (unsigned packed = 0; packed < 2; packed++) {
        f->rig.host.base.now += UINT64_C(2000000000);
        f->rig.logged = 0;
        virtio_start(&f->rig, VIRTIO_ALL & ~(packed ? 0 : VM_VIRTIO_F_RING_PACKED));
        virtio_ring_place(&f->rig, &f->ring, 0, 24);
        virtio_ring_enable(&f->ring);
        assert_int_equal(f->bus->queue_enabled(&f->rig, 0), packed);
        if (!packed) {
            expect_broken(f, "no power of two");
        } else {
            virtio_go(&f->rig);
            for (unsigned i = 0; i < 100; i++)
                expect_works(f);
        }
    }
    virtio_reset(&f->rig);
}

static void refuses_queues_before_features_ok(struct fixture *f)
{
    virtio_ring_place(&f->rig, &f->ring, 0, 16);
    f->rig.logged = 0;
    f->rig.host.base.now += UINT64_C(2000000000);
    virtio_ring_enable(&f->ring);
    assert_false(f->bus->queue_enabled(&f->rig, 0));
    expect_broken(f, "queue 0: it is enabled before FEATURES_OK");
    virtio_reset(&f->rig);
    assert_false(virtio_is_broken(&f->rig));
}

static void keeps_an_enabled_queue_as_it_is(struct fixture *f)
{
    virtio_start(&f->rig, VIRTIO_ALL);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    f->bus->set_queue(&f->rig, 0, 7, 0, 1, 2);
    virtio_go(&f->rig);
    f->bus->set_queue(&f->rig, 0, 7, 0, 1, 2);
    f->bus->enable_queue(&f->rig, 0);
    expect_works(f);
    virtio_reset(&f->rig);
}

static void shows_its_configuration(struct fixture *f)
{
    uint8_t bytes[64], expected[64] = {0};
    memcpy(expected, f->probe.config, PROBE_CONFIG);
    memset(bytes, 0xcc, sizeof bytes);
    vm_virtio_read_config(f->probe.virtio, PROBE_CONFIG - 1, bytes, 8);
    assert_memory_equal(bytes, expected + PROBE_CONFIG - 1, 8);
    vm_virtio_read_config(f->probe.virtio, UINT32_MAX - 3, bytes, 8);
    assert_memory_equal(bytes, expected + PROBE_CONFIG, 8);
    for (unsigned offset = 0; offset < 32; offset++) {
        for (unsigned size = 1; offset + size <= 32; size++) {
            f->bus->read_config(&f->rig, offset, bytes, size);
            assert_memory_equal(bytes, expected + offset, size);
        }
    }
    f->bus->write_config(&f->rig, 3, "abcdef", 6);
    f->bus->write_config(&f->rig, PROBE_CONFIG - 2, "ghijkl", 6); // the end takes two
    memcpy(expected + 3, "abcdef", 6);
    memcpy(expected + PROBE_CONFIG - 2, "gh", 2);
    assert_memory_equal(f->probe.config, expected, PROBE_CONFIG);
    f->bus->read_config(&f->rig, 0, bytes, 32);
    assert_memory_equal(bytes, expected, 32);
    virtio_reset(&f->rig);
}

static void tells_of_a_new_configuration(struct fixture *f)
{
    uint8_t generation = f->bus->generation(&f->rig);
    vm_virtio_config_changed(f->probe.virtio);
    assert_int_equal(f->bus->generation(&f->rig), (uint8_t)(generation + 1));
    assert_int_equal(f->bus->take_interrupts(&f->rig), 0); // no driver yet
    start(f);
    f->bus->take_interrupts(&f->rig);
    generation = f->bus->generation(&f->rig);
    vm_virtio_lock(f->probe.virtio);
    f->probe.config[0]++;
    vm_virtio_config_changed(f->probe.virtio);
    vm_virtio_unlock(f->probe.virtio);
    assert_int_equal(f->bus->generation(&f->rig), (uint8_t)(generation + 1));
    assert_int_equal(f->bus->take_interrupts(&f->rig), VIRTIO_CONFIG_INTERRUPT);
    assert_false(f->rig.wire);
    virtio_reset(&f->rig);
}

// The device's own protocol is broken: it says so once, stands still, and lives on after a reset.
static void breaks_and_recovers(struct fixture *f)
{
    start(f);
    f->bus->take_interrupts(&f->rig);
    f->rig.logged = 0;
    f->rig.host.base.now += UINT64_C(2000000000);
    struct vm_virtio_stats before, after;
    vm_virtio_get_stats(f->probe.virtio, &before);
    vm_virtio_break(f->probe.virtio, "of a reason");
    f->rig.host.base.now += UINT64_C(2000000000);
    vm_virtio_break(f->probe.virtio, "of another");
    expect_broken(f, "probe0: of a reason;");
    vm_virtio_get_stats(f->probe.virtio, &after);
    assert_int_equal(after.interrupts, before.interrupts + 1);
    assert_int_equal(f->bus->take_interrupts(&f->rig), VIRTIO_CONFIG_INTERRUPT);
    assert_false(vm_virtq_ready(f->probe.virtio, 0));
    const struct virtio_buffer b = {virtio_rig_alloc(&f->rig, 64, 8), 64};
    virtio_add(&f->ring, &b, 0, 1);
    virtio_publish(&f->ring);
    unsigned notified = f->probe.notified;
    f->bus->notify(&f->rig, 0);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.notified, notified);
    assert_false(vm_virtq_pop(f->probe.virtio, 0, &f->probe.held[0].element));
    assert_false(vm_virtq_want_notify(f->probe.virtio, 0, true));
    start(f);
    expect_works(f);
    virtio_reset(&f->rig);
    start(f); // and says so at most once a second, however often the driver starts anew
    f->rig.host.base.now -= UINT64_C(1000000001);
    vm_virtio_break(f->probe.virtio, "soon again");
    assert_true(virtio_is_broken(&f->rig));
    assert_int_equal(f->rig.logged, 1);
    virtio_reset(&f->rig);
}

static void counts(struct fixture *f)
{
    struct vm_virtio_stats before, after;
    start(f);
    virtio_interrupts_on(&f->ring);
    vm_virtio_get_stats(f->probe.virtio, &before);
    for (unsigned i = 0; i < 10; i++)
        expect_works(f);
    vm_virtio_get_stats(f->probe.virtio, &after);
    assert_int_equal(after.requests - before.requests, 10);
    assert_int_equal(after.bytes_out - before.bytes_out, 50);
    assert_int_equal(after.bytes_in - before.bytes_in, 50);
    assert_int_equal(after.notifications - before.notifications, 10);
    assert_in_range(after.interrupts - before.interrupts, 1, 10);
    virtio_reset(&f->rig);
}

static void over_all(void **state)
{
    (void)state;
    static void (*const cases[])(struct fixture *) = {
        says_what_it_is,
        activates_with_the_features_agreed_on,
        refuses_features,
        keeps_features_once_accepted,
        keeps_status_bits,
        breaks_without_features_ok,
        serves_nothing_before_driver_ok,
        reset_lets_go,
        takes_elements_back_once,
        queue_reset_leaves_the_others,
        refuses_bad_rings,
        takes_only_powers_of_two_for_split_rings,
        refuses_queues_before_features_ok,
        keeps_an_enabled_queue_as_it_is,
        shows_its_configuration,
        tells_of_a_new_configuration,
        breaks_and_recovers,
        counts,
    };
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        for (unsigned i = 0; i < VM_ARRAY_SIZE(cases); i++) {
            struct fixture *f = begin(virtio_buses[b], NULL);
            cases[i](f);
            end(f);
        }
    }
}

static void offers_what_the_device_type_has(void **state)
{
    (void)state;
    const struct probe_options plain = {.no_queue_reset = true,
                                        .features = VM_VIRTIO_F_IN_ORDER | 5,
                                        .withheld =
                                            VM_VIRTIO_F_RING_PACKED | 4 | VM_VIRTIO_F_VERSION_1};
    struct fixture *f = begin(virtio_buses[0], &plain);
    assert_int_equal(f->bus->device_features(&f->rig),
                     VM_VIRTIO_F_IN_ORDER | 1 | VM_VIRTIO_F_VERSION_1 | VM_VIRTIO_F_EVENT_IDX |
                         VM_VIRTIO_F_INDIRECT_DESC);
    start(f);
    f->bus->reset_queue(&f->rig, 0); // not offered: no effect
    assert_true(f->bus->queue_enabled(&f->rig, 0));
    expect_works(f);
    end(f);
}

static void refuses_wrong_device_types(void **state)
{
    (void)state;
    struct virtio_rig rig;
    virtio_rig_init(&rig, 4 << 20);
    static const struct vm_virtio_ops ops = {.type = "wrong"};
    const struct vm_virtio_config bad[] = {
        {.ops = &ops, .queues = VM_VIRTIO_MAX_QUEUES + 1, .queue_size = 16, .name = "x"},
        {.ops = &ops, .queues = 1, .queue_size = 512, .name = "x"},
        {.ops = &ops, .queues = 1, .queue_size = 48, .name = "x"},
        {.ops = &ops, .queues = 1, .queue_size = 0, .name = "x"},
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(bad); i++) {
        struct vm_virtio *v;
        struct vm_error e;
        assert_int_equal(vm_virtio_create(&rig.machine, &bad[i], &v, &e), VM_ERR_USAGE);
        assert_non_null(strstr(e.text, "device x"));
    }
    vm_virtio_destroy(NULL);
    virtio_rig_end(&rig);
}

// Two vCPUs reset the device and its queue again and again while its I/O thread is at work.
static void *reset_often(void *context)
{
    struct fixture *f = context;
    for (unsigned i = 0; i < 300; i++) {
        f->bus->reset_queue(&f->rig, i % PROBE_QUEUES);
        f->bus->set_status(&f->rig, 0);
        f->bus->set_features(&f->rig, VM_VIRTIO_F_VERSION_1);
        f->bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK);
        f->bus->enable_queue(&f->rig, i % PROBE_QUEUES);
        f->bus->set_status(&f->rig, ACK | DRIVER | FEATURES_OK | DRIVER_OK);
        f->bus->notify(&f->rig, i % PROBE_QUEUES);
    }
    return NULL;
}

static void survives_resets_from_two_sides(void **state)
{
    (void)state;
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        struct fixture *f = begin(virtio_buses[b], NULL);
        virtio_rig_thread(&f->rig);
        pthread_t other;
        assert_int_equal(pthread_create(&other, NULL, reset_often, f), 0);
        reset_often(f);
        pthread_join(other, NULL);
        start(f);
        expect_works(f);
        end(f);
    }
}

// Whoever changes the set-up while another vCPU resets the device waits for that to be over.
struct pause {
    struct fixture *f;
    _Atomic bool in_reset, go_on, reset, enabled;
};

static struct pause pause_;

static void pausing_reset(void *device)
{
    (void)device;
    atomic_store(&pause_.in_reset, true);
    while (!atomic_load(&pause_.go_on))
        sched_yield();
}

static void *do_reset(void *context)
{
    struct fixture *f = context;
    f->bus->set_status(&f->rig, 0);
    atomic_store(&pause_.reset, true);
    return NULL;
}

static void *do_enable(void *context)
{
    struct fixture *f = context;
    vm_virtio_set_driver_features(f->probe.virtio, VM_VIRTIO_F_VERSION_1);
    atomic_store(&pause_.enabled, true);
    return NULL;
}

static void a_reset_is_not_interfered_with(void **state)
{
    (void)state;
    struct fixture *f = begin(virtio_buses[0], NULL);
    f->probe.ops.reset = pausing_reset;
    virtio_rig_thread(&f->rig);
    start(f);
    memset(&pause_, 0, sizeof pause_);
    pthread_t resetter, enabler;
    assert_int_equal(pthread_create(&resetter, NULL, do_reset, f), 0);
    while (!pause_.in_reset)
        sched_yield();
    assert_int_equal(pthread_create(&enabler, NULL, do_enable, f), 0);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    assert_false(pause_.reset);
    assert_false(pause_.enabled);
    pause_.go_on = true;
    pthread_join(resetter, NULL);
    pthread_join(enabler, NULL);
    assert_int_equal(vm_virtio_driver_features(f->probe.virtio), VM_VIRTIO_F_VERSION_1);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_all),
        cmocka_unit_test(offers_what_the_device_type_has),
        cmocka_unit_test(refuses_wrong_device_types),
        cmocka_unit_test(survives_resets_from_two_sides),
        cmocka_unit_test(a_reset_is_not_interfered_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
