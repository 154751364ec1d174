// SPDX-License-Identifier: MIT
//
// The ARM64 virt board: its device tree, where it puts the files, how CPUs start, and what it says
// about configurations that cannot be.
#include "arm64_board.h"

#include <string.h>
#include <sys/mman.h>

#include <vm/base/memory.h>
#include <vm/device/fw_cfg.h>

enum { BANK = 64 << 20, FW_CFG = 0x9020000, IMAGE_SIZE = 0x200000 };

static struct image kernel, other;
static uint8_t initrd[300000];

static void init(struct board_machine *b, uint32_t vcpus, uint64_t ram_size, const char *options)
{
    uint64_t seed = 7;
    make_arm64(&kernel);
    for (size_t i = 0; i < sizeof initrd; i++)
        initrd[i] = (uint8_t)test_random(&seed);
    arm64_board_init(b, vcpus, ram_size, options);
    board_set_kernel(b, &kernel);
}

// --- the device tree ---

static void tree_is_clean_for_every_machine(void **state)
{
    (void)state;
    static const struct {
        uint32_t vcpus;
        const char *options;
    } machines[] = {{1, NULL}, {2, "its=off"}, {8, "gic-version=2"}, {17, ""}, {64, "its=on"}};
    tree_need_dtc();
    for (size_t i = 0; i < VM_ARRAY_SIZE(machines); i++) {
        struct board_machine b;
        init(&b, machines[i].vcpus, 64 * MIB, machines[i].options);
        b.config.initrd = (struct vm_board_file){"i.cpio", initrd, sizeof initrd};
        b.config.append = "console=ttyAMA0";
        board_start(&b);
        tree_check_with_dtc(board_tree(&b));
        board_machine_end(&b);
    }
}

static void check_cells(const void *tree, const char *path, const char *name, const uint32_t *cells,
                        int count)
{
    const uint8_t *p = tree_property(tree, path, name, 4 * count);
    for (int i = 0; i < count; i++)
        assert_int_equal(vm_load_be32(p + 4 * i), cells[i]);
}

static void tree_describes_the_machine(void **state)
{
    (void)state;
    static const uint32_t timers[] = {1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4}, pmu[] = {1, 7, 4},
                          uart[] = {0, 1, 4}, rtc[] = {0, 2, 4}, gpio[] = {0, 7, 4},
                          slot31[] = {0, 47, 4}, slot31_reg[] = {0, 0xa003e00, 0, 0x200},
                          ecam[] = {0x40, 0x10000000, 0, 0x10000000};
    struct board_machine b;
    init(&b, 18, 256 * MIB, NULL);
    board_start(&b);
    const void *t = board_tree(&b);
    assert_string_equal(tree_property(t, "/chosen", "stdout-path", -1), "/serial@9000000");
    assert_int_equal(fdt64_ld(tree_property(t, "/memory@40000000", "reg", 16)), ARM64_RAM);
    assert_memory_equal(tree_property(t, "/psci", "compatible", -1), "arm,psci-1.0\0arm,psci-0.2",
                        26);
    assert_string_equal(tree_property(t, "/psci", "method", -1), "hvc");
    assert_int_equal(tree_property32(t, "/cpus/cpu@101", "reg"), 0x101); // the 18th
    assert_string_equal(tree_property(t, "/cpus/cpu@f", "enable-method", -1), "psci");
    check_cells(t, "/timer", "interrupts", timers, 12);
    check_cells(t, "/pmu", "interrupts", pmu, 3);
    check_cells(t, "/serial@9000000", "interrupts", uart, 3);
    check_cells(t, "/rtc@9010000", "interrupts", rtc, 3);
    check_cells(t, "/gpio@9030000", "interrupts", gpio, 3);
    check_cells(t, "/virtio_mmio@a003e00", "interrupts", slot31, 3);
    check_cells(t, "/virtio_mmio@a003e00", "reg", slot31_reg, 4);
    check_cells(t, "/pci@4010000000", "reg", ecam, 4);
    uint32_t its =
        tree_property32(t, "/interrupt-controller@8000000/msi-controller@8080000", "phandle");
    const uint32_t msi_map[] = {0, its, 0, 0x10000};
    check_cells(t, "/pci@4010000000", "msi-map", msi_map, 4);
    int key = fdt_path_offset(t, "/gpio-keys/poweroff");
    assert_int_equal(fdt32_ld(fdt_getprop(t, key, "linux,code", NULL)), 116);
    board_machine_end(&b);
}

static void gicv2_is_described(void **state)
{
    (void)state;
    // Private interrupts say for which CPUs they are.
    static const uint32_t pmu[] = {1, 7, 0x304};
    struct board_machine b;
    init(&b, 2, 64 * MIB, "gic-version=2");
    board_start(&b);
    const void *t = board_tree(&b);
    check_cells(t, "/pmu", "interrupts", pmu, 3);
    assert_string_equal(tree_property(t, "/interrupt-controller@8000000", "compatible", -1),
                        "arm,gic-400");
    assert_true(fdt_getprop(t, fdt_path_offset(t, "/pci@4010000000"), "msi-parent", NULL));
    board_machine_end(&b);
    init(&b, 2, 64 * MIB, "its=off");
    board_start(&b);
    t = board_tree(&b);
    assert_null(fdt_getprop(t, fdt_path_offset(t, "/pci@4010000000"), "msi-map", NULL));
    board_machine_end(&b);
}

static void large_memory_moves_the_windows(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1, UINT64_C(600) << 30, NULL);
    vm_status status = board_create(&b);
    assert_int_equal(status, VM_OK);
    const void *t = board_tree(&b);
    static const uint32_t low[] = {0, 0x3f000000, 0, 0x1000000};
    check_cells(t, "/pci@3f000000", "reg", low, 4);
    // The third range is that of 64-bit memory, aligned to its size above RAM.
    const uint8_t *ranges = tree_property(t, "/pci@3f000000", "ranges", 3 * 28);
    assert_int_equal(vm_load_be32(ranges + 56 + 4), 0x100);
    board_machine_end(&b);
}

// --- where the files are ---

static void files_are_in_memory(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {8 * MIB, 64 * MIB, 1024 * MIB, 5000 * MIB};
    for (size_t i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        struct board_machine b;
        init(&b, 2, sizes[i], NULL);
        b.config.initrd = (struct vm_board_file){"i.cpio", initrd, sizeof initrd};
        board_start(&b);
        const void *t = board_tree(&b);
        const struct vm_arm64_state *s = cpu_state(&b, 0);
        uint64_t start = tree_property64(t, "/chosen", "linux,initrd-start");
        uint64_t end = tree_property64(t, "/chosen", "linux,initrd-end");
        assert_int_equal(s->pc, ARM64_RAM);
        assert_int_equal(s->el, 1);
        assert_int_equal(s->daif, 0x3c0);
        assert_int_equal(s->sctlr[1] & 1, 0);
        assert_int_equal(s->x[1] | s->x[2] | s->x[3], 0);
        assert_memory_equal(board_ram(&b, ARM64_RAM), kernel.data, kernel.size);
        assert_int_equal(end - start, sizeof initrd);
        assert_true(start >= ARM64_RAM + IMAGE_SIZE && end <= s->x[0]);
        assert_memory_equal(board_ram(&b, start), initrd, sizeof initrd);
        assert_int_equal(s->x[0] % (2 * MIB), 0);
        assert_true(s->x[0] + fdt_totalsize(t) <= UINT64_C(1) << 32);
        assert_int_equal(fdt_check_full(board_ram(&b, s->x[0]), fdt_totalsize(t)), 0);
        assert_true(b.machine.vcpus[1]->parked && !b.machine.vcpus[0]->parked);
        board_machine_end(&b);
    }
}

static void seeds_are_secret(void **state)
{
    (void)state;
    static const uint8_t blank[32];
    struct board_machine b;
    init(&b, 1, 64 * MIB, NULL);
    board_start(&b);
    const char *t = board_tree(&b);
    const uint8_t *guest = board_ram(&b, cpu_state(&b, 0)->x[0]);
    const char *rng = tree_property(t, "/chosen", "rng-seed", 32);
    const char *kaslr = tree_property(t, "/chosen", "kaslr-seed", 8);
    assert_memory_equal(rng, blank, 32);
    assert_memory_equal(kaslr, blank, 8);
    assert_memory_not_equal(guest + (rng - t), blank, 32);
    assert_memory_not_equal(guest + (kaslr - t), blank, 8);
    board_machine_end(&b);
}

// --- firmware ---

static uint32_t item32(struct board_machine *b, uint16_t key)
{
    mmio_write(&b->machine, FW_CFG + 8, 2, __builtin_bswap16(key));
    return (uint32_t)mmio_read(&b->machine, FW_CFG, 4);
}

static void firmware_is_in_flash(void **state)
{
    (void)state;
    struct board_machine b;
    uint8_t *banks = mmap(NULL, 2 * BANK, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(banks, MAP_FAILED);
    init(&b, 2, 64 * MIB, NULL);
    assert_int_equal(b.ops->flash_bank, BANK);
    b.config.flash = (struct vm_board_flash){.code = banks, .vars = banks + BANK};
    banks[0] = 0x5a;
    board_start(&b);
    assert_int_equal(cpu_state(&b, 0)->pc, 0);
    assert_int_equal(cpu_state(&b, 0)->x[0], ARM64_RAM); // where EDK2 looks for the tree
    assert_int_equal(fdt_check_header(board_ram(&b, ARM64_RAM)), 0);
    assert_int_equal(item32(&b, VM_FW_CFG_KERNEL_SIZE), kernel.size);
    uint8_t byte;
    assert_true(vm_space_read(&b.machine.space, vm_gpa_of(0), &byte, 1));
    assert_int_equal(byte, 0x5a);
    board_machine_end(&b);
    munmap(banks, 2 * BANK);
}

static void flat_firmware_gets_a_flash(void **state)
{
    (void)state;
    struct board_machine b;
    uint8_t bytes[8] = {0};
    init(&b, 1, 64 * MIB, NULL);
    other.size = 0;
    image_extend(&other, 3000);
    b.config.bios_mode = VM_BIOS_FILE;
    b.config.bios = (struct vm_board_file){"f.bin", other.data, other.size};
    board_start(&b);
    assert_int_equal(cpu_state(&b, 0)->pc, 0);
    assert_true(vm_space_read(&b.machine.space, vm_gpa_of(0), bytes, 8));
    assert_memory_equal(bytes, other.data, 8);
    assert_true(vm_space_read(&b.machine.space, vm_gpa_of(BANK), bytes, 8));
    assert_int_equal(vm_load_le64(bytes), UINT64_MAX); // erased
    assert_int_equal(item32(&b, VM_FW_CFG_KERNEL_SIZE), kernel.size);
    assert_int_equal(board_reset(&b), VM_OK);
    assert_int_equal(cpu_state(&b, 0)->pc, 0);
    board_machine_end(&b);
}

static void the_power_key_interrupts(void **state)
{
    (void)state;
    enum { GPIO = 0x9030000, GICD_ISPENDR1 = 0x8000204, SPI = 7 };
    struct board_machine b;
    init(&b, 1, 64 * MIB, NULL);
    board_start(&b);
    b.ops->press_power_key(b.board);
    device_host_advance(&b.host, &b.machine, 1000000000);
    assert_int_equal(mmio_read(&b.machine, GICD_ISPENDR1, 4) >> SPI & 1, 0); // nobody has asked
    mmio_write(&b.machine, GPIO + 0x40c, 4, 1 << 3);                         // rising edge
    mmio_write(&b.machine, GPIO + 0x410, 4, 1 << 3);                         // enable
    mmio_write(&b.machine, GPIO + 0x41c, 4, 0xff);
    b.ops->press_power_key(b.board);
    assert_int_equal(mmio_read(&b.machine, GICD_ISPENDR1, 4) >> SPI & 1, 1);
    board_machine_end(&b);
}

// --- what cannot be ---

static void check_refused(struct board_machine *b, const char *text)
{
    vm_status status = board_create(b);
    assert_int_not_equal(status, VM_OK);
    if (!strstr(b->error.text, text))
        fail_msg("%s", b->error.text);
    board_machine_end(b);
}

static void errors_say_what_to_do(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1, 64 * MIB, "aia=none");
    check_refused(&b, "no option \"aia=none\"; there is gic-version= and its=");
    init(&b, 1, 64 * MIB, "gic-version=4");
    check_refused(&b, "gic-version is 2 or 3, not \"4\"");
    init(&b, 1, 64 * MIB, "its=on,gic-version");
    check_refused(&b, "no option \"gic-version\"");
    init(&b, 9, 64 * MIB, "gic-version=2");
    check_refused(&b, "at most 8 CPUs, not 9; give fewer with --smp");
    init(&b, 1, 64 * MIB, NULL);
    b.config.bios_mode = VM_BIOS_FILE;
    check_refused(&b, "give --bios FILE");
    init(&b, 1, 64 * MIB, NULL);
    b.config.bios_mode = VM_BIOS_FILE;
    b.config.bios = (struct vm_board_file){"f.bin", initrd, 100};
    b.config.flash = (struct vm_board_flash){.code = initrd, .vars = initrd};
    check_refused(&b, "--bios f.bin and --pflash are for the same place");
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    static const char *const options[] = {NULL, "gic-version=2"};
    for (size_t i = 0; i < VM_ARRAY_SIZE(options); i++) {
        vm_status status = VM_ERR_HOST;
        for (uint64_t allowed = 0; status != VM_OK; allowed++) {
            struct board_machine b;
            init(&b, 2, 16 * MIB, options[i]);
            b.host.base.fail_after = allowed;
            status = board_create(&b);
            if (status == VM_OK)
                status = board_reset(&b);
            b.host.base.fail_after = UINT64_MAX;
            board_machine_end(&b); // nothing is left over
        }
    }
}

// --- hostile guests ---

static void random_accesses_everywhere(void **state)
{
    (void)state;
    static const uint64_t bases[] = {
        0x8000000,
        0x8080000,
        0x8090000,
        0x80a0000,
        0x80b0000,
        0x9000000,
        0x9010000,
        0x9020000,
        0x9030000,
        0xa000000,
        0xa003e00,
        0x10000000,
        0x3eff0000,
        UINT64_C(0x4010000000),
        UINT64_C(0x8000000000),
    };
    struct board_machine b;
    init(&b, 2, 16 * MIB, NULL);
    board_start(&b);
    uint64_t seed = test_seed("random_accesses_everywhere", 9);
    for (int i = 0; i < 300000; i++) {
        uint64_t r = test_random(&seed), value = test_random(&seed);
        unsigned size = 1u << (r & 3);
        uint64_t at = bases[(r >> 8) % VM_ARRAY_SIZE(bases)] + (r >> 32) % (r & 4 ? 0x40 : 0x1000);
        at &= ~(uint64_t)(size - 1);
        if (r & 8)
            value &= 0xff;
        if (r & 16)
            mmio_writes(&b.machine, at, size, value);
        else
            mmio_reads(&b.machine, at, size);
        if (i % 16 == 0)
            b.ops->receive(b.board, (const uint8_t *)&value, value % 9);
        if (i % 64 == 0)
            device_host_advance(&b.host, &b.machine, value >> 44);
        if (b.sink.size > 8000)
            b.sink.size = 0;
    }
    assert_int_equal(board_reset(&b), VM_OK);
    board_machine_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tree_is_clean_for_every_machine),
        cmocka_unit_test(tree_describes_the_machine),
        cmocka_unit_test(gicv2_is_described),
        cmocka_unit_test(large_memory_moves_the_windows),
        cmocka_unit_test(files_are_in_memory),
        cmocka_unit_test(seeds_are_secret),
        cmocka_unit_test(firmware_is_in_flash),
        cmocka_unit_test(flat_firmware_gets_a_flash),
        cmocka_unit_test(the_power_key_interrupts),
        cmocka_unit_test(errors_say_what_to_do),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(random_accesses_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
