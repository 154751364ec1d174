// SPDX-License-Identifier: MIT
//
// What is special to the PCI transport: identity, the layout that capabilities tell, fields of odd
// widths, vectors, ISR, the window in configuration space, bus mastering, and drivers that write
// anything anywhere.
#include <string.h>

#include "driver.h"
#include "probe.h"

#include <vm/base/bits.h>
#include <vm/device/virtio/pci.h>
#include <vm/device/virtio/rng.h>

// Where bus_pci.c puts things.
#define CONFIG   UINT64_C(0x30008000)
#define MSIX     UINT64_C(0x40005000)
#define BAR      UINT64_C(0x400008000)
#define ISR      (BAR + 0x1000)
#define DEVICE   (BAR + 0x2000)
#define DOORBELL (BAR + 0x3000)

enum {
    COMMAND = 4,
    MEMORY = 2,
    MASTER = 4,
    DRIVER_OK = 4,
    FEATURES_OK = 8,
    NEEDS_RESET = 64,
    STATUS = 0x14,
    QUEUE_SELECT = 0x16,
    NO_VECTOR = 0xffff,
};

struct fixture {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
};

static struct fixture fixture;

static struct fixture *begin(const struct virtio_bus *bus)
{
    struct fixture *f = &fixture;
    virtio_rig_init(&f->rig, 4 << 20);
    probe_init(&f->probe, &f->rig, bus, NULL);
    return f;
}

static void start(struct fixture *f)
{
    virtio_start(&f->rig, VIRTIO_ALL);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_go(&f->rig);
    virtio_rig_run(&f->rig);
}

static uint64_t get(struct fixture *f, uint64_t at, unsigned size)
{
    return mmio_read(&f->rig.machine, at, size);
}

static void put(struct fixture *f, uint64_t at, unsigned size, uint64_t value)
{
    mmio_write(&f->rig.machine, at, size, value);
}

static void expect_works(struct fixture *f)
{
    uint8_t in[3];
    assert_int_equal(virtio_request(&f->ring, "\0\1\2", 3, in, sizeof in), 3);
    assert_memory_equal(in, "\x5a\x5b\x58", 3);
}

// --- what a driver finds ---

static void is_a_modern_device(void **state)
{
    (void)state;
    struct virtio_rig rig;
    struct vm_virtio *v;
    virtio_rig_init(&rig, 1 << 20);
    assert_int_equal(vm_virtio_rng_create(&rig.machine, &rig.io, "rng0", &v, NULL), VM_OK);
    virtio_rig_plug(&rig, &virtio_bus_pci_intx, v);
    assert_int_equal(mmio_read(&rig.machine, CONFIG, 4), 0x10441af4);
    assert_int_equal(mmio_read(&rig.machine, CONFIG + 8, 4), 0x00ff0001);
    assert_int_equal(mmio_read(&rig.machine, CONFIG + 0x2c, 4), 0x11001af4);
    assert_int_equal(mmio_read(&rig.machine, CONFIG + 0x3d, 1), 1);
    virtio_rig_end(&rig);
}

// cfg_type, and where it is in BAR 4 (4.1.4).
static void capabilities_lay_the_bar_out(void **state)
{
    (void)state;
    static const uint32_t parts[6] = {0, 0x0000, 0x3000, 0x1000, 0x2000, 0};
    struct fixture *f = begin(&virtio_bus_pci_msix);
    unsigned seen = 0;
    for (uint64_t at = get(f, CONFIG + 0x34, 1); at; at = get(f, CONFIG + at + 1, 1)) {
        uint64_t cap = CONFIG + at, type = get(f, cap + 3, 1);
        if (get(f, cap, 1) != 9)
            continue;
        assert_in_range(type, 1, 5);
        seen |= 1u << type;
        assert_int_equal(get(f, cap + 2, 1), type == 2 || type == 5 ? 20 : 16);
        if (type == 5)
            continue;
        assert_int_equal(get(f, cap + 4, 4), 4);
        assert_int_equal(get(f, cap + 8, 4), parts[type]);
        assert_int_equal(get(f, cap + 12, 4), 0x1000);
    }
    assert_int_equal(seen, 0x3e);
    virtio_rig_end(&f->rig);
}

static void fields_at_any_width(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_intx);
    put(f, BAR + QUEUE_SELECT, 2, 1);
    put(f, BAR + 0x20, 8, 0x1122334455667000);
    assert_true(get(f, BAR + 0x20, 8) == 0x1122334455667000);
    assert_int_equal(get(f, BAR + 0x24, 4), 0x11223344);
    assert_int_equal(get(f, BAR + 0x26, 2), 0x1122);
    assert_int_equal(get(f, BAR + 0x21, 1), 0x70);
    put(f, BAR + 0x20, 2, 0xffff); // half a field: lost
    assert_int_equal(get(f, BAR + 0x20, 4), 0x55667000);
    put(f, BAR + STATUS, 4, 2 << 16 | 0xff01); // several fields
    put(f, BAR + 0x18, 4, 16);
    assert_int_equal(get(f, BAR + 0x18, 2), 16);
    assert_true(get(f, BAR + 0x10, 8) ==
                (UINT64_C(0x20001) << 32 | PROBE_QUEUES << 16 | NO_VECTOR));
    assert_int_equal(get(f, BAR + 0x1e, 2), 2); // the queue's doorbell
    put(f, BAR + QUEUE_SELECT, 2, PROBE_QUEUES);
    assert_int_equal(get(f, BAR + 0x18, 2), 0);
    put(f, BAR + 0x18, 2, 4);
    put(f, BAR + 0x1c, 2, 1);
    assert_int_equal(get(f, BAR + 0x1c, 2), 0);
    put(f, BAR, 4, 2); // features beyond bit 63
    assert_int_equal(get(f, BAR + 4, 4), 0);
    put(f, BAR + 8, 4, UINT32_MAX);
    put(f, BAR + 12, 4, 7);
    assert_int_equal(vm_virtio_driver_features(f->probe.virtio), 0);
    for (uint64_t at = 0x3c; at < 0x1000; at += 4)
        assert_int_equal(get(f, BAR + at, 4), 0);
    virtio_rig_end(&f->rig);
}

static void queues_are_not_disabled_by_writing_0(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_msix);
    start(f);
    put(f, BAR + QUEUE_SELECT, 2, 0);
    put(f, BAR + 0x1c, 2, 0);
    put(f, BAR + 0x1c, 2, 2);
    assert_int_equal(get(f, BAR + 0x1c, 2), 1);
    expect_works(f);
    virtio_rig_end(&f->rig);
}

// --- interrupts ---

static void vectors_are_checked(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_msix);
    assert_int_equal(get(f, BAR + 0x10, 2), NO_VECTOR);
    for (uint32_t v = 0; v < 10; v++) {
        uint32_t expected = v <= PROBE_QUEUES ? v : NO_VECTOR;
        put(f, BAR + 0x10, 2, v);
        assert_int_equal(get(f, BAR + 0x10, 2), expected);
        put(f, BAR + 0x1a, 2, v);
        assert_int_equal(get(f, BAR + 0x1a, 2), expected);
    }
    start(f);
    put(f, BAR + QUEUE_SELECT, 2, 0);
    put(f, BAR + 0x1a, 2, NO_VECTOR);
    f->rig.bus->take_interrupts(&f->rig);
    expect_works(f); // and nobody is told
    assert_int_equal(f->rig.bus->take_interrupts(&f->rig), 0);
    put(f, BAR + 0x1a, 2, 2);
    expect_works(f);
    assert_int_equal(f->rig.bus->take_interrupts(&f->rig), 1 << 2);
    assert_int_equal(get(f, ISR, 1), 0);
    virtio_reset(&f->rig);
    assert_int_equal(get(f, BAR + 0x10, 2), NO_VECTOR);
    assert_int_equal(get(f, BAR + 0x1a, 2), NO_VECTOR);
    virtio_rig_end(&f->rig);
}

static void reading_isr_lowers_the_wire(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_intx);
    start(f);
    expect_works(f);
    assert_true(f->rig.wire);
    assert_int_equal(get(f, CONFIG + 6, 2) & 8, 8);
    assert_int_equal(get(f, ISR + 1, 1), 0); // not it
    assert_true(f->rig.wire);
    assert_int_equal(get(f, ISR, 4), 1);
    assert_false(f->rig.wire);
    assert_int_equal(get(f, ISR, 1), 0);
    vm_virtio_config_changed(f->probe.virtio);
    expect_works(f);
    assert_int_equal(get(f, ISR, 1), 3);
    put(f, CONFIG + COMMAND, 2, MEMORY | MASTER | 1 << 10); // INTx off
    expect_works(f);
    assert_false(f->rig.wire);
    put(f, CONFIG + COMMAND, 2, MEMORY | MASTER);
    assert_true(f->rig.wire);
    virtio_reset(&f->rig);
    assert_false(f->rig.wire);
    virtio_rig_end(&f->rig);
}

// --- the window in configuration space (4.1.4.9) ---

static uint64_t find_window(struct fixture *f)
{
    uint64_t at = get(f, CONFIG + 0x34, 1);
    while (at && (get(f, CONFIG + at, 1) != 9 || get(f, CONFIG + at + 3, 1) != 5))
        at = get(f, CONFIG + at + 1, 1);
    assert_true(at);
    return CONFIG + at;
}

static void aim(struct fixture *f, uint64_t window, unsigned bar, uint32_t offset, uint32_t length)
{
    put(f, window + 4, 1, bar);
    put(f, window + 8, 4, offset);
    put(f, window + 12, 4, length);
}

static void the_bar_is_reached_through_configuration_space(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_intx);
    uint64_t window = find_window(f);
    put(f, CONFIG + COMMAND, 2, MASTER); // no need to decode it
    aim(f, window, 4, STATUS, 1);
    put(f, window + 16, 1, 1);
    assert_int_equal(get(f, window + 16, 1), 1);
    assert_int_equal(vm_virtio_get_status(f->probe.virtio), 1);
    aim(f, window, 4, 0x12, 2);
    assert_int_equal(get(f, window + 16, 2), PROBE_QUEUES);
    aim(f, window, 4, 8, 4);
    put(f, window + 16, 4, 0x12345678);
    assert_int_equal(get(f, window + 16, 4), 0x12345678);
    assert_int_equal(get(f, window + 18, 1), 0x34);
    static const uint32_t wrong[][3] = {{1, STATUS, 1},     {4, 0x15, 2},        {4, 0, 3},
                                        {4, 0, 0},          {4, 0x4000, 4},      {4, 0xfffffffc, 4},
                                        {4, 0x12, 8},       {5, STATUS, 1},      {4, 2, 4},
                                        {4, 0x3ffc, 0x100}, {255, 0, UINT32_MAX}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(wrong); i++) {
        aim(f, window, wrong[i][0], wrong[i][1], wrong[i][2]);
        put(f, window + 16, 4, 0);
        assert_int_equal(get(f, window + 16, 4), 0); // what was written
    }
    assert_int_equal(vm_virtio_get_status(f->probe.virtio), 1);
    virtio_rig_end(&f->rig);
}

// --- bus mastering ---

static void losing_the_bus_stops_the_device(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_msix);
    f->probe.hold = true;
    start(f);
    uint64_t gpa = virtio_rig_alloc(&f->rig, 64, 8);
    const struct virtio_buffer buffer = {gpa, 64};
    virtio_add(&f->ring, &buffer, 0, 1);
    virtio_kick(&f->ring);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.held_count, 1);
    f->rig.bus->take_interrupts(&f->rig);
    put(f, CONFIG + COMMAND, 2, MEMORY);
    assert_int_equal(f->probe.queue_resets, 1); // the one that was enabled
    assert_true(virtio_is_broken(&f->rig));
    assert_non_null(strstr(f->rig.log, "bus mastering"));
    assert_int_equal(f->rig.bus->take_interrupts(&f->rig), 0);
    put(f, CONFIG + COMMAND, 2, MEMORY | MASTER); // the device tells, now that it may
    assert_int_equal(f->rig.bus->take_interrupts(&f->rig), VIRTIO_CONFIG_INTERRUPT);
    f->probe.hold = false;
    start(f); // with a reset
    expect_works(f);
    virtio_reset(&f->rig);
    f->rig.logged = 0;
    put(f, CONFIG + COMMAND, 2, 0); // idle: nothing to say
    assert_int_equal(f->rig.logged, 0);
    virtio_rig_end(&f->rig);
}

static void no_start_without_the_bus(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_intx);
    put(f, CONFIG + COMMAND, 2, MEMORY);
    virtio_start(&f->rig, VIRTIO_ALL);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    put(f, BAR + STATUS, 1, 15);
    assert_int_equal(get(f, BAR + STATUS, 1), 11 | NEEDS_RESET);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.activations + f->probe.notified, 0);
    put(f, CONFIG + COMMAND, 2, MEMORY | MASTER);
    start(f);
    expect_works(f);
    virtio_rig_end(&f->rig);
}

// --- trouble ---

static void a_reset_of_the_bridge_resets_the_device(void **state)
{
    (void)state;
    struct fixture *f = begin(&virtio_bus_pci_intx);
    start(f);
    expect_works(f);
    f->rig.slot.ops->reset(f->rig.slot.device);
    assert_int_equal(f->probe.resets, 1);
    assert_int_equal(vm_virtio_get_status(f->probe.virtio), 0);
    assert_false(f->rig.wire);
    assert_int_equal(get(f, CONFIG + COMMAND, 2), 0);
    assert_int_equal(f->rig.logged, 0);
    virtio_rig_end(&f->rig);
}

static void taken_slots_and_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 5; n++) {
        struct virtio_rig rig;
        struct vm_virtio *v, *second;
        virtio_rig_init(&rig, 1 << 20);
        assert_int_equal(vm_virtio_rng_create(&rig.machine, &rig.io, "rng0", &v, NULL), VM_OK);
        assert_int_equal(vm_virtio_rng_create(&rig.machine, &rig.io, "rng1", &second, NULL), VM_OK);
        virtio_rig_plug(&rig, &virtio_bus_pci_msix, v);
        struct vm_pci_host *host = virtio_bus_pci_host(&rig);
        rig.host.base.fail_after = n;
        vm_status status = vm_virtio_pci_create(host, n < 4 ? 2 : 1, second, NULL);
        rig.host.base.fail_after = UINT64_MAX;
        assert_int_equal(status, n < 4 ? VM_ERR_HOST : VM_ERR_USAGE);
        vm_virtio_destroy(second);
        virtio_rig_end(&rig);
    }
}

static uint64_t random_place(uint64_t r)
{
    static const uint64_t places[] = {CONFIG, CONFIG + 0x80, BAR,      BAR + 0x10, BAR + 0x20,  BAR,
                                      ISR,    DEVICE,        DOORBELL, MSIX,       MSIX + 0x800};
    return places[(r >> 8) % VM_ARRAY_SIZE(places)] + (r >> 16 & (r & 4 ? 0x1f : 0x7f));
}

// Everything that can be written is, and now and then the driver starts for real.
static void random_registers(void **state)
{
    (void)state;
    uint64_t seed = test_seed("random_registers", 5);
    unsigned started = 0;
    for (unsigned n = 0; n < 2; n++) {
        const struct virtio_bus *bus = n ? &virtio_bus_pci_intx : &virtio_bus_pci_msix;
        struct fixture *f = begin(bus);
        f->rig.hostile = true;
        for (unsigned i = 0; i < 200000; i++) {
            uint64_t r = test_random(&seed), value = test_random(&seed);
            unsigned size = 1u << (r & 3);
            uint64_t at = random_place(r) & ~(uint64_t)(size - 1);
            if (r & 8)
                get(f, at, size);
            else
                put(f, at, size, r & 16 ? value : value & 0xf);
            if (i % 2000 == 1999) {
                put(f, CONFIG + 0x20, 8, BAR);
                put(f, CONFIG + COMMAND, 2, MEMORY | MASTER);
                start(f);
                expect_works(f);
                started++;
                f->rig.next = VIRTIO_RIG_RAM;
            }
        }
        virtio_reset(&f->rig);
        virtio_rig_end(&f->rig);
    }
    assert_int_equal(started, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_a_modern_device),
        cmocka_unit_test(capabilities_lay_the_bar_out),
        cmocka_unit_test(fields_at_any_width),
        cmocka_unit_test(queues_are_not_disabled_by_writing_0),
        cmocka_unit_test(vectors_are_checked),
        cmocka_unit_test(reading_isr_lowers_the_wire),
        cmocka_unit_test(the_bar_is_reached_through_configuration_space),
        cmocka_unit_test(losing_the_bus_stops_the_device),
        cmocka_unit_test(no_start_without_the_bus),
        cmocka_unit_test(a_reset_of_the_bridge_resets_the_device),
        cmocka_unit_test(taken_slots_and_no_memory),
        cmocka_unit_test(random_registers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
