// SPDX-License-Identifier: MIT
//
// The RISC-V virt board's PCI bus and virtio-mmio slots: where they are, how the device tree tells,
// and the devices that go into them.
#include "board_tree.h"

#include <stdio.h>

#include <vm/device/describe.h>
#include <vm/device/pci.h>
#include <vm/device/virtio/rng.h>

static struct image kernel;

static void init(struct board_machine *b, uint64_t ram_size)
{
    make_riscv(&kernel, 0x200000, 3 * MIB, 100000);
    board_machine_init(b, 1, NULL, ram_size);
    board_set_kernel(b, &kernel);
}

static uint32_t ranges_cell(const void *tree, int index)
{
    const uint8_t *cells = tree_property(tree, "/soc/pci@30000000", "ranges", 84);
    return fdt32_ld((const void *)(cells + 4 * index));
}

// The 64-bit window begins at the first multiple of its size above RAM.
static void tree_describes_pci_as_qemu_does(void **state)
{
    (void)state;
    static const struct {
        uint64_t ram;
        uint32_t window; // upper half
    } machines[] = {{64 * MIB, 4}, {14336 * MIB, 4}, {14337 * MIB, 8}, {20480 * MIB, 8}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(machines); i++) {
        struct board_machine b;
        init(&b, machines[i].ram);
        board_start(&b);
        const void *t = board_tree(&b);
        static const uint32_t first[] = {0x01000000, 0, 0,          0, 0x3000000,  0, 0x10000,
                                         0x02000000, 0, 0x40000000, 0, 0x40000000, 0, 0x40000000};
        for (int c = 0; c < 14; c++)
            assert_int_equal(ranges_cell(t, c), first[c]);
        assert_int_equal(ranges_cell(t, 14), 0x03000000);
        assert_int_equal(ranges_cell(t, 15), machines[i].window);
        assert_int_equal(ranges_cell(t, 17), machines[i].window);
        assert_int_equal(ranges_cell(t, 19), 4);
        assert_int_equal(mmio_read(&b.machine, (uint64_t)machines[i].window << 32, 4), UINT32_MAX);
        const uint8_t *map = tree_property(t, "/soc/pci@30000000", "interrupt-map", 4 * 6 * 16);
        for (uint32_t n = 0; n < 16; n++) {
            assert_int_equal(fdt32_ld((const void *)(map + 24 * n)), (n / 4) << 11);
            assert_int_equal(fdt32_ld((const void *)(map + 24 * n + 12)), n % 4 + 1);
            assert_int_equal(fdt32_ld((const void *)(map + 24 * n + 20)), 32 + (n / 4 + n) % 4);
        }
        assert_null(fdt_getprop(t, fdt_path_offset(t, "/soc/pci@30000000"), "msi-parent", NULL));
        board_machine_end(&b);
    }
}

static void no_send(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    (void)target, (void)address, (void)data, (void)device;
}

// With an interrupt controller that takes trigger types, and one for messages.
static void tree_tells_of_message_interrupts(void **state)
{
    (void)state;
    static uint8_t tree[4096];
    struct board_machine b;
    init(&b, 64 * MIB);
    const struct vm_msi msi = {.send = no_send};
    const struct vm_pci_host_config config = {
        .ecam = {0x30000000, 1 << 20},
        .memory32 = {0x40000000, 1 << 20},
        .interrupt = {32, 33, 34, 35},
        .interrupt_parent = 7,
        .interrupt_cells = 2,
        .msi = &msi,
        .msi_parent = 9,
    };
    struct vm_device device;
    struct vm_pci_host *host;
    assert_int_equal(vm_pci_host_create(&b.machine, &config, &device, &host, NULL), VM_OK);
    struct vm_describe d;
    vm_describe_start(&d, tree, sizeof tree);
    vm_describe_begin(&d, "");
    assert_int_equal(device.ops->describe(device.device, d.fdt), 0);
    vm_describe_end(&d);
    assert_true(vm_describe_finish(&d) > 0);
    assert_int_equal(tree_property32(tree, "/pci@30000000", "msi-parent"), 9);
    const uint8_t *map = tree_property(tree, "/pci@30000000", "interrupt-map", 4 * 7 * 16);
    const uint32_t last[] = {3 << 11, 0, 0, 4, 7, 34, 4};
    for (int i = 0; i < 7; i++)
        assert_int_equal(fdt32_ld((const void *)(map + 15 * 28 + 4 * i)), last[i]);
    tree_property(tree, "/pci@30000000", "ranges", 28); // of the one window
    const uint8_t *buses = tree_property(tree, "/pci@30000000", "bus-range", 8);
    assert_int_equal(fdt32_ld((const void *)(buses + 4)), 0);
    vm_device_destroy(&device);
    board_machine_end(&b);
}

static void no_wake(void *context)
{
    (void)context;
}

static struct vm_virtio *make_rng(struct board_machine *b, struct vm_io *io)
{
    struct vm_virtio *v;
    *io = (struct vm_io){.wake = no_wake};
    assert_int_equal(vm_virtio_rng_create(&b->machine, io, "rng", &v, NULL), VM_OK);
    return v;
}

static void virtio_devices_go_into_their_slots(void **state)
{
    (void)state;
    struct board_machine b;
    struct vm_io io;
    init(&b, 64 * MIB);
    struct vm_board_virtio devices[] = {{make_rng(&b, &io), VM_BOARD_PCI, 31},
                                        {make_rng(&b, &io), VM_BOARD_MMIO, 7},
                                        {make_rng(&b, &io), VM_BOARD_MMIO, 0},
                                        {make_rng(&b, &io), VM_BOARD_PCI, 2}};
    b.config.virtio = devices;
    b.config.virtio_count = VM_ARRAY_SIZE(devices);
    board_start(&b);
    for (size_t i = 0; i < VM_ARRAY_SIZE(devices); i++)
        assert_null(devices[i].device);
    for (uint64_t slot = 0; slot < 32; slot++) {
        uint32_t id = (uint32_t)mmio_read(&b.machine, 0x30000000 + (slot << 15), 4);
        uint32_t expected = slot == 2 || slot == 31 ? 0x10441af4 : UINT32_MAX;
        assert_int_equal(id, slot ? expected : 0x00081b36);
    }
    for (uint64_t slot = 0; slot < 8; slot++) {
        char path[40];
        snprintf(path, sizeof path, "/soc/virtio_mmio@%x", 0x10001000 + (unsigned)slot * 0x1000);
        assert_int_equal(tree_property32(board_tree(&b), path, "interrupts"), slot + 1);
        assert_int_equal(mmio_read(&b.machine, 0x10001008 + (slot << 12), 4),
                         slot == 0 || slot == 7 ? 4 : 0);
    }
    assert_int_equal(board_reset(&b), VM_OK);
    board_machine_end(&b);
}

static void the_tree_of_a_board_with_devices_is_clean(void **state)
{
    (void)state;
    struct board_machine b;
    struct vm_io io;
    tree_need_dtc();
    init(&b, 64 * MIB);
    struct vm_board_virtio devices[] = {{make_rng(&b, &io), VM_BOARD_PCI, 31},
                                        {make_rng(&b, &io), VM_BOARD_MMIO, 7}};
    b.config.virtio = devices;
    b.config.virtio_count = VM_ARRAY_SIZE(devices);
    board_start(&b);
    tree_check_with_dtc(board_tree(&b));
    board_machine_end(&b);
}

static void check_slots(enum vm_board_transport transport, unsigned first, unsigned second,
                        const char *text)
{
    struct board_machine b;
    struct vm_io io;
    init(&b, 64 * MIB);
    struct vm_board_virtio devices[] = {{make_rng(&b, &io), transport, first},
                                        {make_rng(&b, &io), transport, second}};
    b.config.virtio = devices;
    b.config.virtio_count = VM_ARRAY_SIZE(devices);
    assert_int_equal(board_create(&b), VM_ERR_USAGE);
    assert_string_equal(b.error.text, text);
    for (size_t i = 0; i < VM_ARRAY_SIZE(devices); i++)
        vm_virtio_destroy(devices[i].device); // what is left is ours
    board_machine_end(&b);
}

static void impossible_slots_are_told(void **state)
{
    (void)state;
    check_slots(VM_BOARD_PCI, 1, 0, "PCI slot 0 is taken");
    check_slots(VM_BOARD_PCI, 3, 3, "PCI slot 3 is taken");
    check_slots(VM_BOARD_PCI, 32, 1, "PCI slot 32 does not exist: there are 1 to 31");
    check_slots(VM_BOARD_MMIO, 5, 5, "virtio-mmio slot 5 is taken");
    check_slots(VM_BOARD_MMIO, 7, 8, "virtio-mmio slot 8 does not exist");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_describes_pci_as_qemu_does),
        cmocka_unit_test(tree_tells_of_message_interrupts),
        cmocka_unit_test(virtio_devices_go_into_their_slots),
        cmocka_unit_test(the_tree_of_a_board_with_devices_is_clean),
        cmocka_unit_test(impossible_slots_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
