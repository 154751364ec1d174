// SPDX-License-Identifier: MIT
//
// The RISC-V virt board: its device tree, where it puts the files, how harts start, and what it
// says about configurations that cannot be.
#include "board_tree.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/memory.h>

static struct image kernel, other;
static uint8_t initrd[300000];

static void make_files(void)
{
    make_riscv(&kernel, 0x200000, 3 * MIB, 100000);
    uint64_t seed = 7;
    for (size_t i = 0; i < sizeof initrd; i++)
        initrd[i] = (uint8_t)test_random(&seed);
}

static void init(struct board_machine *b, uint32_t vcpus, uint64_t ram_size)
{
    make_files();
    board_machine_init(b, vcpus, NULL, ram_size);
    board_set_kernel(b, &kernel);
}

static void add_initrd(struct board_machine *b)
{
    b->config.initrd = (struct vm_board_file){"i.cpio", initrd, sizeof initrd};
}

// --- the device tree ---

static void tree_is_clean_for_every_machine(void **state)
{
    (void)state;
    static const uint32_t harts[] = {1, 2, 11, 64};
    static const enum vm_board_bios modes[] = {VM_BIOS_BUILTIN, VM_BIOS_NONE};
    tree_need_dtc();
    for (size_t i = 0; i < VM_ARRAY_SIZE(harts); i++) {
        for (size_t j = 0; j < VM_ARRAY_SIZE(modes); j++) {
            struct board_machine b;
            init(&b, harts[i], 64 * MIB);
            b.config.bios_mode = modes[j];
            add_initrd(&b);
            b.config.append = "console=ttyS0";
            board_start(&b);
            tree_check_with_dtc(board_tree(&b));
            board_machine_end(&b);
        }
    }
}

static void check_wires(const void *tree, const char *path, const uint32_t *causes, int count)
{
    const uint8_t *cells = tree_property(tree, path, "interrupts-extended", 8 * count);
    for (int i = 0; i < count; i++) {
        int intc = fdt_node_offset_by_phandle(tree, fdt32_ld((const void *)(cells + 8 * i)));
        char at[60];
        assert_int_equal(fdt_get_path(tree, intc, at, sizeof at), 0);
        const char *want =
            i < count / 2 ? "/cpus/cpu@0/interrupt-controller" : "/cpus/cpu@1/interrupt-controller";
        assert_string_equal(at, want);
        assert_int_equal(fdt32_ld((const void *)(cells + 8 * i + 4)), causes[i % (count / 2)]);
    }
}

static void tree_describes_the_machine(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 2, 256 * MIB);
    b.config.append = "quiet root=/dev/vda";
    board_start(&b);
    const void *t = board_tree(&b);
    const uint8_t *reg = tree_property(t, "/memory@80000000", "reg", 16);
    assert_int_equal(fdt64_ld((const void *)reg), BOARD_RAM);
    assert_int_equal(fdt64_ld((const void *)(reg + 8)), 256 * MIB);
    assert_string_equal(tree_property(t, "/chosen", "bootargs", -1), "quiet root=/dev/vda");
    assert_string_equal(tree_property(t, "/chosen", "stdout-path", -1), "/soc/serial@10000000");
    assert_null(fdt_getprop(t, fdt_path_offset(t, "/chosen"), "linux,initrd-start", NULL));
    assert_int_equal(tree_property32(t, "/cpus", "timebase-frequency"), 10000000);
    assert_string_equal(tree_property(t, "/cpus/cpu@1", "riscv,isa-base", -1), "rv64i");
    assert_string_equal(tree_property(t, "/cpus/cpu@1", "mmu-type", -1), "riscv,sv57");
    assert_memory_equal(tree_property(t, "/cpus/cpu@1", "riscv,isa", -1), "rv64imafdc", 10);
    assert_memory_equal(tree_property(t, "/cpus/cpu@0", "riscv,isa-extensions", -1), "i\0m", 4);
    assert_int_equal(tree_property32(t, "/cpus/cpu@0", "riscv,cbom-block-size"), 64);
    assert_int_equal(tree_property32(t, "/cpus/cpu@0", "riscv,cboz-block-size"), 64);
    static const uint32_t plic_causes[] = {UINT32_MAX, 9};
    check_wires(t, "/soc/plic@c000000", plic_causes, 4);
    assert_int_equal(tree_property32(t, "/soc/plic@c000000", "riscv,ndev"), 95);
    assert_int_equal(fdt_path_offset(t, "/soc/clint@2000000"), -FDT_ERR_NOTFOUND);
    assert_int_equal(tree_property32(t, "/soc/serial@10000000", "interrupts"), 10);
    assert_int_equal(tree_property32(t, "/soc/rtc@101000", "interrupts"), 11);
    assert_int_equal(tree_property32(t, "/poweroff", "value"), 0x5555);
    assert_int_equal(tree_property32(t, "/reboot", "value"), 0x7777);
    assert_int_equal(fdt_node_offset_by_phandle(t, tree_property32(t, "/poweroff", "regmap")),
                     fdt_path_offset(t, "/soc/test@100000"));
    board_machine_end(&b);
}

static void machine_mode_sees_the_clint(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 2, 64 * MIB);
    b.config.bios_mode = VM_BIOS_NONE;
    board_start(&b);
    static const uint32_t clint_causes[] = {3, 7}, plic_causes[] = {11, 9};
    check_wires(board_tree(&b), "/soc/clint@2000000", clint_causes, 4);
    check_wires(board_tree(&b), "/soc/plic@c000000", plic_causes, 4);
    // And the wires are there.
    mmio_write(&b.machine, 0x2000004, 4, 1);
    assert_int_equal(b.machine.vcpus[1]->irq_lines, 1 << VM_RISCV64_MSI);
    mmio_write(&b.machine, 0x2004000, 8, 0);
    assert_int_equal(b.machine.vcpus[0]->irq_lines, 1 << VM_RISCV64_MTI);
    board_machine_end(&b);
    init(&b, 1, 64 * MIB);
    board_start(&b);
    assert_false(mmio_reads(&b.machine, 0x2000000, 4));
    board_machine_end(&b);
}

static void small_cpus_are_described_as_they_are(void **state)
{
    (void)state;
    struct board_machine b;
    make_files();
    board_machine_init(&b, 1, "rv64imac,-sv48", 64 * MIB);
    board_set_kernel(&b, &kernel);
    board_start(&b);
    const void *t = board_tree(&b);
    assert_string_equal(tree_property(t, "/cpus/cpu@0", "mmu-type", -1), "riscv,sv39");
    int cpu = fdt_path_offset(t, "/cpus/cpu@0");
    assert_null(fdt_getprop(t, cpu, "riscv,cboz-block-size", NULL));
    board_machine_end(&b);
}

static void interrupts_reach_the_supervisor(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 2, 64 * MIB);
    board_start(&b);
    mmio_write(&b.machine, 0xc000000 + 4 * 10, 4, 1);
    mmio_write(&b.machine, 0xc002000 + 0x80 * 3, 4, 1 << 10); // context 3: S-mode of hart 1
    mmio_write(&b.machine, 0xc002000 + 0x80 * 2, 4, 1 << 10); // M-mode: nobody's
    mmio_write(&b.machine, 0x10000001, 1, 2);
    assert_int_equal(b.machine.vcpus[1]->irq_lines, 1 << VM_RISCV64_SEI);
    assert_int_equal(mmio_read(&b.machine, 0xc203004, 4), 10);
    board_machine_end(&b);
}

// --- where the files are ---

static void files_are_in_memory(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {8 * MIB, 64 * MIB, 1024 * MIB, 5000 * MIB};
    for (size_t i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        struct board_machine b;
        init(&b, 2, sizes[i]);
        add_initrd(&b);
        board_start(&b);
        const void *t = board_tree(&b);
        uint64_t start = tree_property64(t, "/chosen", "linux,initrd-start");
        uint64_t end = tree_property64(t, "/chosen", "linux,initrd-end");
        uint64_t tree = hart_state(&b, 0)->x[11];
        assert_memory_equal(board_ram(&b, BOARD_RAM + 0x200000), kernel.data, kernel.size);
        assert_int_equal(end - start, sizeof initrd);
        assert_int_equal(start % VM_PAGE_SIZE, 0);
        assert_true(start >= BOARD_RAM + 0x200000 + 3 * MIB);
        assert_memory_equal(board_ram(&b, start), initrd, sizeof initrd);
        assert_true(end <= tree);
        assert_int_equal(tree % (2 * MIB), 0);
        assert_true(tree + fdt_totalsize(t) <= BOARD_RAM + sizes[i]);
        assert_true(tree + fdt_totalsize(t) <= UINT64_C(0xc0000000));
        assert_int_equal(fdt_check_full(board_ram(&b, tree), fdt_totalsize(t)), 0);
        board_machine_end(&b);
    }
}

static void only_the_seed_is_secret(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1, 64 * MIB);
    board_start(&b);
    const char *t = board_tree(&b);
    const char *seed = tree_property(t, "/chosen", "rng-seed", 32);
    const uint8_t *guest = board_ram(&b, hart_state(&b, 0)->x[11]);
    static const uint8_t blank[32];
    size_t at = (size_t)(seed - t), end = fdt_totalsize(t);
    assert_memory_equal(seed, blank, 32);
    assert_memory_not_equal(guest + at, blank, 32);
    assert_memory_equal(guest, t, at);
    assert_memory_equal(guest + at + 32, t + at + 32, end - at - 32);
    uint8_t first[32];
    memcpy(first, guest + at, 32);
    assert_int_equal(board_reset(&b), VM_OK);
    assert_memory_not_equal(board_ram(&b, hart_state(&b, 0)->x[11]) + at, first, 32);
    board_machine_end(&b);
}

static vm_status try_memory(uint64_t size, bool with_initrd, char *text)
{
    struct board_machine b;
    init(&b, 1, size);
    if (with_initrd)
        add_initrd(&b);
    assert_int_equal(board_create(&b), VM_OK);
    vm_status status = board_reset(&b);
    strcpy(text, b.error.text);
    board_machine_end(&b);
    return status;
}

static void too_little_memory_is_told(void **state)
{
    (void)state;
    char text[VM_ERROR_TEXT_SIZE];
    for (uint64_t size = 1; size < 6; size++) {
        assert_int_equal(try_memory(size * MIB, true, text), VM_ERR_USAGE);
        char want[200];
        snprintf(want, sizeof want,
                 "--memory %uM is too small for kernel k.img (3M) and initrd i.cpio (1M): give at "
                 "least 6M",
                 (unsigned)size);
        assert_string_equal(text, want);
    }
    assert_int_equal(try_memory(6 * MIB, true, text), VM_OK);
    assert_int_equal(try_memory(VM_PAGE_SIZE, false, text), VM_ERR_USAGE);
    assert_string_equal(text, "--memory 0M is too small for kernel k.img (3M): give at least 6M");
}

// Below the device tree there is no room for the initrd, above it there is.
static void a_large_initrd_goes_above_3_gib(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1, 3000 * MIB);
    size_t size = 1200 * MIB;
    uint8_t *large = calloc(1, size);
    b.config.initrd = (struct vm_board_file){"large", large, size};
    board_start(&b);
    const void *t = board_tree(&b);
    assert_true(tree_property64(t, "/chosen", "linux,initrd-start") >= UINT64_C(0xc0000000));
    assert_true(tree_property64(t, "/chosen", "linux,initrd-end") <= BOARD_RAM + 3000 * MIB);
    board_machine_end(&b);
    init(&b, 1, 1536 * MIB);
    b.config.initrd = (struct vm_board_file){"large", large, size};
    assert_int_equal(board_create(&b), VM_OK);
    assert_int_equal(board_reset(&b), VM_ERR_USAGE);
    assert_non_null(strstr(b.error.text, "give at least 2224M"));
    board_machine_end(&b);
    free(large);
}

static void reset_loads_again(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 2, 64 * MIB);
    add_initrd(&b);
    board_start(&b);
    uint64_t tree = hart_state(&b, 0)->x[11];
    mmio_write(&b.machine, 0x10000003, 1, 0x80);
    memset(board_ram(&b, BOARD_RAM + 0x200000), 0xee, 3 * MIB);
    memset(board_ram(&b, tree), 0xee, 100);
    hart_state(&b, 0)->pc = 0;
    b.machine.vcpus[1]->parked = false;
    assert_int_equal(board_reset(&b), VM_OK);
    assert_memory_equal(board_ram(&b, BOARD_RAM + 0x200000), kernel.data, kernel.size);
    assert_int_equal(*board_ram(&b, BOARD_RAM + 0x200000 + kernel.size), 0); // BSS
    assert_int_equal(fdt_check_full(board_ram(&b, tree), VM_PAGE_SIZE * 16), 0);
    assert_int_equal(mmio_read(&b.machine, 0x10000003, 1), 0);
    assert_int_equal(hart_state(&b, 0)->pc, BOARD_RAM + 0x200000);
    assert_true(b.machine.vcpus[1]->parked);
    board_machine_end(&b);
}

// --- how harts start ---

static void builtin_firmware_starts_hart_0_in_supervisor_mode(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 3, 64 * MIB);
    board_start(&b);
    assert_non_null(b.machine.firmware.call);
    const struct vm_riscv64_state *s = hart_state(&b, 0);
    assert_int_equal(s->privilege, VM_RISCV64_S);
    assert_int_equal(s->pc, BOARD_RAM + 0x200000);
    assert_int_equal(s->x[10], 0);
    assert_false(b.machine.vcpus[0]->parked);
    for (int i = 1; i < 3; i++) {
        assert_true(b.machine.vcpus[i]->parked);
        assert_int_equal(hart_state(&b, (uint32_t)i)->privilege, VM_RISCV64_S);
        assert_int_equal(hart_state(&b, (uint32_t)i)->pc, 0x1104);
    }
    board_machine_end(&b);
}

static uint64_t rom64(struct board_machine *b, uint64_t address)
{
    uint8_t bytes[8];
    assert_true(vm_space_read(&b->machine.space, vm_gpa_of(address), bytes, 8));
    return vm_load_le64(bytes);
}

static void firmware_gets_fw_dynamic_info(void **state)
{
    (void)state;
    static const uint8_t firmware[5000] = {0x13};
    struct board_machine b;
    init(&b, 2, 64 * MIB);
    b.config.bios_mode = VM_BIOS_FILE;
    b.config.bios = (struct vm_board_file){"fw.bin", firmware, sizeof firmware};
    board_start(&b);
    assert_null(b.machine.firmware.call);
    for (uint32_t i = 0; i < 2; i++) {
        assert_false(b.machine.vcpus[i]->parked);
        assert_int_equal(hart_state(&b, i)->privilege, VM_RISCV64_M);
        assert_int_equal(hart_state(&b, i)->pc, 0x1000);
        assert_int_equal(hart_state(&b, i)->mhartid, i);
    }
    assert_memory_equal(board_ram(&b, BOARD_RAM), firmware, sizeof firmware);
    assert_memory_equal(board_ram(&b, BOARD_RAM + 0x200000), kernel.data, kernel.size);
    assert_int_equal(rom64(&b, 0x1020), BOARD_RAM);
    const void *tree = board_ram(&b, rom64(&b, 0x1028));
    assert_int_equal(fdt_check_full(tree, 65536), 0);
    assert_int_equal(rom64(&b, 0x1030), 0x4942534f);
    assert_int_equal(rom64(&b, 0x1038), 2);
    assert_int_equal(rom64(&b, 0x1040), BOARD_RAM + 0x200000);
    assert_int_equal(rom64(&b, 0x1048), 1);
    board_machine_end(&b);

    init(&b, 1, 64 * MIB); // firmware alone
    b.config.kernel = (struct vm_board_file){0};
    b.config.bios_mode = VM_BIOS_FILE;
    b.config.bios = (struct vm_board_file){"fw.bin", firmware, sizeof firmware};
    board_start(&b);
    assert_int_equal(rom64(&b, 0x1040), 0);
    board_machine_end(&b);
}

// --- HTIF ---

static void tohost_is_watched_in_bare_metal_programs(void **state)
{
    (void)state;
    enum { VALUE = 8, SYMBOL = 24 };
    struct board_machine b;
    make_elf(&kernel);
    // Both words into the data segment, at whatever index the symbols have.
    for (int i = 1; i < 4; i++)
        put64(&kernel, (size_t)(ELF_SYMBOLS + i * SYMBOL + VALUE), BOARD_RAM + 0x1000 + 8u * i);
    board_machine_init(&b, 1, NULL, 16 * MIB);
    board_set_kernel(&b, &kernel);
    b.config.bios_mode = VM_BIOS_NONE;
    board_start(&b);
    const struct vm_region *page = vm_space_find(&b.machine.space, vm_gpa_of(BOARD_RAM + 0x1008));
    assert_null(page->host);
    assert_string_equal(page->name, "htif");
    assert_int_equal(page->size, VM_PAGE_SIZE);
    const struct vm_region *low = vm_space_find(&b.machine.space, vm_gpa_of(BOARD_RAM));
    const struct vm_region *high = vm_space_find(&b.machine.space, vm_gpa_of(BOARD_RAM + 0x2000));
    assert_int_equal(low->size, 0x1000);
    assert_int_equal(high->size, 16 * MIB - 0x2000);
    assert_memory_equal(board_ram(&b, BOARD_RAM), kernel.data + ELF_TEXT, 64);
    assert_int_equal(mmio_read(&b.machine, BOARD_RAM + 0x1000, 1), kernel.data[ELF_DATA]);
    for (uint64_t at = 8; at < 32 && b.machine.stop == VM_STOP_NONE; at += 8)
        mmio_write(&b.machine, BOARD_RAM + 0x1000 + at, 8, 7);
    assert_int_equal(b.machine.stop, VM_STOP_POWEROFF);
    assert_int_equal(b.machine.stop_code, 3);
    board_machine_end(&b);

    board_machine_init(&b, 1, NULL, 16 * MIB); // with firmware it is plain RAM
    board_set_kernel(&b, &kernel);
    board_start(&b);
    assert_non_null(vm_space_find(&b.machine.space, vm_gpa_of(BOARD_RAM + 0x1008))->host);
    board_machine_end(&b);
}

// --- what cannot be ---

static void check_create(struct board_machine *b, vm_status status, const char *text)
{
    assert_int_equal(board_create(b), status);
    if (!strstr(b->error.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, b->error.text);
    board_machine_end(b);
}

static void check_reset(struct board_machine *b, vm_status status, const char *text)
{
    assert_int_equal(board_create(b), VM_OK);
    assert_int_equal(board_reset(b), status);
    if (!strstr(b->error.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, b->error.text);
    board_machine_end(b);
}

static void impossible_configurations(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1, 0);
    check_create(&b, VM_ERR_USAGE, "--memory");
    init(&b, 1, 16 * MIB + 100);
    check_create(&b, VM_ERR_USAGE, "multiple of 4K");
    init(&b, 1, 16 * MIB);
    b.config.ram_size = UINT64_C(1) << 56;
    assert_int_equal(board_create(&b), VM_ERR_USAGE);
    b.config.ram_size = 16 * MIB;
    board_machine_end(&b);
    init(&b, 1, 16 * MIB);
    b.config.bios_mode = VM_BIOS_FILE;
    check_create(&b, VM_ERR_USAGE, "--bios");
    init(&b, 0, 16 * MIB);
    check_create(&b, VM_ERR_USAGE, "vCPU");
    init(&b, 1, VM_PAGE_SIZE);
    b.config.kernel = (struct vm_board_file){0};
    check_reset(&b, VM_ERR_USAGE, "too small for the device tree: give at least 1M");
}

static void bad_files(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1, 16 * MIB);
    make_arm64(&kernel);
    board_set_kernel(&b, &kernel);
    check_reset(&b, VM_ERR_FILE, "--kernel k.img: ");
    init(&b, 1, 16 * MIB);
    memset(kernel.data, 0x11, 1000);
    check_reset(&b, VM_ERR_FILE, "--kernel k.img: ");
    init(&b, 1, 16 * MIB);
    b.config.bios_mode = VM_BIOS_FILE;
    make_elf(&other);
    b.config.bios = (struct vm_board_file){"fw.elf", other.data, other.size};
    make_elf(&kernel);
    board_set_kernel(&b, &kernel);
    check_reset(&b, VM_ERR_FILE, "overlap");
    init(&b, 1, 16 * MIB);
    b.config.dtb = (struct vm_board_file){"t.dtb", initrd, sizeof initrd};
    check_create(&b, VM_ERR_FILE, "--dtb t.dtb: ");
    init(&b, 1, 16 * MIB);
    b.config.dtb = (struct vm_board_file){"t.dtb", initrd, 0};
    check_create(&b, VM_ERR_FILE, "--dtb t.dtb: ");
}

// Takes the generated tree out of one machine, and gives it to another.
static void a_given_tree_is_completed(void **state)
{
    (void)state;
    static uint8_t tree[65536];
    struct board_machine b;
    init(&b, 1, 16 * MIB);
    board_start(&b);
    size_t size = fdt_totalsize(board_tree(&b));
    memcpy(tree, board_tree(&b), size);
    board_machine_end(&b);
    fdt_open_into(tree, tree, sizeof tree);
    fdt_setprop_string(tree, 0, "model", "mine");
    fdt_setprop_string(tree, fdt_path_offset(tree, "/chosen"), "bootargs", "from the file");
    fdt_pack(tree);
    size = fdt_totalsize(tree);
    for (int append = 0; append < 2; append++) {
        init(&b, 1, 16 * MIB);
        add_initrd(&b);
        b.config.dtb = (struct vm_board_file){"t.dtb", tree, size};
        b.config.append = append ? "from the command line" : NULL;
        board_start(&b);
        const void *t = board_tree(&b);
        assert_string_equal(tree_property(t, "/", "model", -1), "mine");
        assert_string_equal(tree_property(t, "/chosen", "bootargs", -1),
                            append ? "from the command line" : "from the file");
        assert_true(tree_property64(t, "/chosen", "linux,initrd-start") > BOARD_RAM);
        tree_property(t, "/chosen", "rng-seed", 32);
        board_machine_end(&b);
    }
}

// Damaged trees are refused or taken, and nothing else happens.
static void damaged_trees(void **state)
{
    (void)state;
    static uint8_t tree[65536];
    struct board_machine b;
    init(&b, 1, 16 * MIB);
    board_start(&b);
    size_t size = fdt_totalsize(board_tree(&b));
    memcpy(tree, board_tree(&b), size);
    board_machine_end(&b);
    uint64_t seed = test_seed("damaged_trees", 42);
    for (int i = 0; i < 400; i++) {
        size_t at[8];
        uint8_t old[8];
        for (int n = 0; n < 8; n++) {
            at[n] = test_random(&seed) % (n < 4 ? 400 : size);
            old[n] = tree[at[n]];
            tree[at[n]] = (uint8_t)test_random(&seed);
        }
        init(&b, 1, 16 * MIB);
        add_initrd(&b);
        b.config.append = "x";
        b.config.dtb = (struct vm_board_file){"t.dtb", tree, i & 1 ? size : size - (size_t)i};
        if (board_create(&b) == VM_OK && board_reset(&b) == VM_OK)
            board_tree(&b);
        board_machine_end(&b);
        for (int n = 7; n >= 0; n--)
            tree[at[n]] = old[n];
    }
}

static void huge_command_lines(void **state)
{
    (void)state;
    size_t size = 3 * MIB;
    char *text = malloc(size + 1);
    memset(text, 'a', size);
    text[size] = 0;
    for (int i = 0; i < 2; i++) {
        struct board_machine b;
        init(&b, 1, 64 * MIB);
        b.config.append = text;
        check_reset(&b, VM_ERR_USAGE, "--append");
        text[2 * MIB - 1000] = 0;
    }
    free(text);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    vm_status status = VM_ERR_HOST;
    for (uint64_t n = 0; status != VM_OK; n++) {
        struct board_machine b;
        init(&b, 2, 16 * MIB);
        add_initrd(&b);
        b.host.base.fail_after = n;
        status = board_create(&b);
        if (status == VM_OK)
            status = board_reset(&b);
        b.host.base.fail_after = UINT64_MAX;
        assert_true(status == VM_OK || status == VM_ERR_HOST);
        board_machine_end(&b);
        assert_true(n < 1000);
    }
}

static void boards_are_found_by_name(void **state)
{
    (void)state;
    const struct vm_board_ops *virt = vm_board_at(0);
    assert_string_equal(virt->name, "virt");
    assert_ptr_equal(vm_board_find(VM_ISA_RISCV64, NULL), virt);
    assert_null(vm_board_find(VM_ISA_RISCV64, "sifive_u"));
    assert_null(vm_board_find(VM_ISA_X86_64, NULL));
    assert_null(vm_board_at(1000));
}

// --- hostile guests ---

static void random_accesses_everywhere(void **state)
{
    (void)state;
    static const uint64_t bases[] = {
        0x100000,   0x101000,   0x2000000,  0x2004000,  0x200bff0,
        0x3000000,  0xc000000,  0xc002000,  0xc200000,  0x10000000,
        0x10001000, 0x10008000, 0x30000000, 0x40000000, UINT64_C(0x400000000),
    };
    struct board_machine b;
    init(&b, 2, 16 * MIB);
    b.config.bios_mode = VM_BIOS_NONE;
    board_start(&b);
    uint64_t seed = test_seed("random_accesses_everywhere", 9);
    for (int i = 0; i < 1000000; i++) {
        uint64_t r = test_random(&seed), value = test_random(&seed);
        unsigned size = 1u << (r & 3);
        uint64_t at = bases[(r >> 8) % VM_ARRAY_SIZE(bases)] + (r >> 32) % (r & 4 ? 0x40 : 0x8000);
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
        cmocka_unit_test(machine_mode_sees_the_clint),
        cmocka_unit_test(small_cpus_are_described_as_they_are),
        cmocka_unit_test(interrupts_reach_the_supervisor),
        cmocka_unit_test(files_are_in_memory),
        cmocka_unit_test(only_the_seed_is_secret),
        cmocka_unit_test(too_little_memory_is_told),
        cmocka_unit_test(a_large_initrd_goes_above_3_gib),
        cmocka_unit_test(reset_loads_again),
        cmocka_unit_test(builtin_firmware_starts_hart_0_in_supervisor_mode),
        cmocka_unit_test(firmware_gets_fw_dynamic_info),
        cmocka_unit_test(tohost_is_watched_in_bare_metal_programs),
        cmocka_unit_test(impossible_configurations),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(a_given_tree_is_completed),
        cmocka_unit_test(damaged_trees),
        cmocka_unit_test(huge_command_lines),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(boards_are_found_by_name),
        cmocka_unit_test(random_accesses_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
