// SPDX-License-Identifier: MIT
//
// What is special to the MMIO transport: registers by number, access sizes, the level of the
// interrupt wire, empty slots, and the node in the device tree.
#include <string.h>

#include "driver.h"
#include "probe.h"

#include <vm/base/bits.h>
#include <vm/device/describe.h>
#include <vm/device/virtio/mmio.h>

#ifdef TRINE_HAVE_FDT
#include <libfdt.h>
#endif

enum { SLOT = VIRTIO_RIG_SLOT, EMPTY = VIRTIO_RIG_SLOT + 0x1000 };

struct fixture {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
};

static struct fixture fixture;

static struct fixture *begin(void)
{
    struct fixture *f = &fixture;
    virtio_rig_init(&f->rig, 4 << 20);
    probe_init(&f->probe, &f->rig, &virtio_bus_mmio, NULL);
    return f;
}

static uint32_t get(struct fixture *f, uint32_t offset)
{
    return (uint32_t)mmio_read(&f->rig.machine, SLOT + offset, 4);
}

static void put(struct fixture *f, uint32_t offset, uint32_t value)
{
    mmio_write(&f->rig.machine, SLOT + offset, 4, value);
}

static void has_its_registers(void **state)
{
    (void)state;
    struct fixture *f = begin();
    assert_int_equal(get(f, 0x000), 0x74726976);
    assert_int_equal(get(f, 0x004), 2);
    assert_int_equal(get(f, 0x008), PROBE_ID);
    assert_int_equal(get(f, 0x00c), 0x4e495254);
    put(f, 0x014, 2); // features beyond bit 63
    assert_int_equal(get(f, 0x010), 0);
    put(f, 0x014, UINT32_MAX);
    assert_int_equal(get(f, 0x010), 0);
    put(f, 0x024, 7);
    put(f, 0x020, 0xffff);
    assert_int_equal(vm_virtio_driver_features(f->probe.virtio), 0);
    put(f, 0x0ac, 0); // no shared memory: all ones
    for (uint32_t offset = 0x0b0; offset <= 0x0bc; offset += 4)
        assert_int_equal(get(f, offset), UINT32_MAX);
    // Registers that are only written, and holes.
    static const uint16_t nothing[] = {0x014, 0x018, 0x020, 0x024, 0x028, 0x030, 0x038, 0x03c,
                                       0x040, 0x048, 0x050, 0x064, 0x068, 0x074, 0x080, 0x084,
                                       0x090, 0x0a0, 0x0a4, 0x0ac, 0x0c0, 0x0c4, 0x0f8};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(nothing); i++)
        assert_int_equal(get(f, nothing[i]), 0);
    // Registers that are only read keep what they have.
    static const uint16_t fixed[] = {0x000, 0x004, 0x008, 0x00c, 0x010, 0x034, 0x060, 0x0fc};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(fixed); i++) {
        uint32_t before = get(f, fixed[i]);
        put(f, fixed[i], ~before);
        assert_int_equal(get(f, fixed[i]), before);
    }
    virtio_rig_end(&f->rig);
}

static void takes_words_only(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_machine *m = &f->rig.machine;
    static const unsigned wrong[] = {1, 2, 8};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(wrong); i++) {
        assert_false(mmio_reads(m, SLOT + 0x70 - 0x70 % wrong[i], wrong[i]));
        assert_false(mmio_writes(m, SLOT + 0x70 - 0x70 % wrong[i], wrong[i], 1));
    }
    assert_int_equal(get(f, 0x70), 0);
    for (unsigned size = 1; size <= 8; size *= 2) { // the configuration is bytes
        uint64_t expected = 0;
        memcpy(&expected, f->probe.config + 8, size);
        assert_int_equal(mmio_read(m, SLOT + 0x108, size), expected);
        mmio_write(m, SLOT + 0x108, size, ~expected);
        assert_int_equal(mmio_read(m, SLOT + 0x108, size), ~expected & vm_mask(8 * size));
    }
    assert_int_equal(mmio_read(m, SLOT + 0x114, 4), 0x2524); // its end is in the middle
    assert_int_equal(mmio_read(m, SLOT + 0xff8, 8), 0);
    mmio_write(m, SLOT + 0xff8, 8, UINT64_MAX);
    virtio_rig_end(&f->rig);
}

// The wire is high as long as something is not acknowledged.
static void drives_its_wire(void **state)
{
    (void)state;
    struct fixture *f = begin();
    virtio_start(&f->rig, VM_VIRTIO_F_VERSION_1);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_go(&f->rig);
    assert_false(f->rig.wire);
    uint8_t in[1];
    virtio_request(&f->ring, "x", 1, in, 1);
    assert_true(f->rig.wire);
    assert_int_equal(get(f, 0x60), 1);
    vm_virtio_config_changed(f->probe.virtio);
    assert_int_equal(get(f, 0x60), 3);
    put(f, 0x64, 1);
    assert_true(f->rig.wire);
    assert_int_equal(get(f, 0x60), 2);
    put(f, 0x64, 0xfffffffd);
    assert_true(f->rig.wire);
    put(f, 0x64, 2);
    assert_false(f->rig.wire);
    virtio_request(&f->ring, "x", 1, in, 1);
    assert_true(f->rig.wire);
    put(f, 0x70, 0); // a reset takes it down
    assert_false(f->rig.wire);
    assert_int_equal(get(f, 0x60), 0);
    virtio_start(&f->rig, VM_VIRTIO_F_VERSION_1);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_go(&f->rig);
    virtio_request(&f->ring, "x", 1, in, 1);
    put(f, 0x14, 1);
    put(f, 0x30, 77);
    unsigned resets = f->probe.resets;
    f->rig.slot.ops->reset(f->rig.slot.device); // and so does the board's
    assert_false(f->rig.wire);
    assert_int_equal(get(f, 0x70), 0);
    assert_int_equal(f->probe.resets, resets + 1);
    assert_int_equal(get(f, 0x10), (uint32_t)vm_virtio_device_features(f->probe.virtio));
    assert_int_equal(get(f, 0x34), PROBE_QUEUE_SIZE); // selectors are back at 0
    virtio_rig_end(&f->rig);
}

// A queue is also let go of when the driver takes its ready bit back (4.2.2.2).
static void disables_queues(void **state)
{
    (void)state;
    struct fixture *f = begin();
    virtio_start(&f->rig, VM_VIRTIO_F_VERSION_1);
    virtio_ring_init(&f->rig, &f->ring, 0, 0);
    virtio_go(&f->rig);
    f->probe.hold = true;
    const struct virtio_buffer b = {virtio_rig_alloc(&f->rig, 64, 8), 64};
    virtio_add(&f->ring, &b, 0, 1);
    virtio_kick(&f->ring);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.held_count, 1);
    put(f, 0x30, 0);
    put(f, 0x44, 0);
    assert_int_equal(get(f, 0x44), 0);
    assert_int_equal(f->probe.held_count, 0);
    assert_int_equal(f->probe.queue_resets, 1);
    put(f, 0x44, 0); // off it is
    assert_int_equal(f->probe.queue_resets, 1);
    virtio_ring_place(&f->rig, &f->ring, 0, 16);
    f->rig.bus->set_queue(&f->rig, 0, 0x10010, f->ring.descriptors, f->ring.driver,
                          f->ring.device); // a size that does not fit 16 bits is not 16
    put(f, 0x44, 1);
    assert_int_equal(get(f, 0x44), 0);
    assert_true(virtio_is_broken(&f->rig));
    virtio_rig_end(&f->rig);
}

static void has_empty_slots(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_machine *m = &f->rig.machine;
    struct vm_device slot;
    const struct vm_device_site site = {.base = {EMPTY}, .irq = virtio_rig_irq(&f->rig)};
    assert_int_equal(vm_virtio_mmio_create(m, NULL, &site, &slot, NULL), VM_OK);
    assert_int_equal(vm_device_attach(m, &slot, NULL), VM_OK);
    slot.ops->reset(slot.device);
    for (uint32_t offset = 0; offset < VM_VIRTIO_MMIO_SIZE; offset += 4)
        mmio_write(m, EMPTY + offset, 4, 1);
    for (uint32_t offset = 0; offset < VM_VIRTIO_MMIO_SIZE; offset += 4) {
        uint32_t expected = offset == 0 ? 0x74726976 : offset == 4 ? 2 : 0;
        if (offset == 12)
            expected = 0x4e495254;
        assert_int_equal(mmio_read(m, EMPTY + offset, 4), expected);
    }
    assert_false(mmio_reads(m, EMPTY, 8));
    assert_false(f->rig.wire);
    vm_device_destroy(&slot);
    virtio_rig_end(&f->rig);
}

static void fails_without_memory(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        struct fixture *f = begin();
        const struct vm_device_site site = {.base = {EMPTY}};
        struct vm_device slot;
        f->rig.host.base.fail_after = n;
        assert_int_equal(vm_virtio_mmio_create(&f->rig.machine, NULL, &site, &slot, NULL),
                         VM_ERR_HOST);
        f->rig.host.base.fail_after = UINT64_MAX;
        virtio_rig_end(&f->rig);
    }
}

static void describes_itself(void **state)
{
    (void)state;
    struct fixture *f = begin();
    const struct vm_device_site site = {.base = {EMPTY}, .interrupt = 5, .interrupt_parent = 3};
    struct vm_device slot;
    assert_int_equal(vm_virtio_mmio_create(&f->rig.machine, NULL, &site, &slot, NULL), VM_OK);
    static uint8_t tree[4096];
    struct vm_describe d;
    vm_describe_start(&d, tree, sizeof tree);
    vm_describe_begin(&d, "");
    int error = slot.ops->describe(slot.device, tree);
    vm_describe_end(&d);
    size_t size = vm_describe_finish(&d);
    vm_device_destroy(&slot);
    virtio_rig_end(&f->rig);
    if (error == VM_DESCRIBE_NO_LIBFDT)
        skip();
    assert_int_equal(error, 0);
    assert_true(size > 0);
#ifdef TRINE_HAVE_FDT
    int node = fdt_path_offset(tree, "/virtio_mmio@10002000");
    assert_true(node >= 0);
    assert_string_equal(fdt_getprop(tree, node, "compatible", NULL), "virtio,mmio");
    int length;
    static const uint8_t reg[] = {0, 0, 0, 0, 0x10, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0x10, 0};
    const void *p = fdt_getprop(tree, node, "reg", &length);
    assert_int_equal(length, sizeof reg);
    assert_memory_equal(p, reg, sizeof reg);
    p = fdt_getprop(tree, node, "interrupts", &length);
    assert_int_equal(fdt32_ld(p), 5);
    p = fdt_getprop(tree, node, "interrupt-parent", &length);
    assert_int_equal(fdt32_ld(p), 3);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_its_registers), cmocka_unit_test(takes_words_only),
        cmocka_unit_test(drives_its_wire),   cmocka_unit_test(disables_queues),
        cmocka_unit_test(has_empty_slots),   cmocka_unit_test(fails_without_memory),
        cmocka_unit_test(describes_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
