// SPDX-License-Identifier: MIT
//
// The RISC-V virt board with firmware in flash: where harts start, what is in the device tree, what
// fw_cfg has for the firmware, and how variables are kept.
#include "board_tree.h"

#include <string.h>
#include <sys/mman.h>

#include <vm/base/memory.h>
#include <vm/device/fw_cfg.h>

enum { FLASH = 0x20000000, BANK = 32 << 20, VARS = FLASH + BANK, FW_CFG = 0x10100000 };

static struct image kernel, packed;
static const uint8_t initrd[] = "what an initrd holds";

struct vars {
    struct board_machine *board;
    unsigned saves;
    uint64_t offset, size;
};

static void save(void *context, uint64_t offset, uint64_t size)
{
    struct vars *s = context;
    s->saves++;
    s->offset = offset;
    s->size = size;
}

static void init(struct board_machine *b, uint32_t vcpus)
{
    make_riscv(&kernel, 0x200000, 0x8000, 0x4000);
    make_gzip(&packed, &kernel);
    board_machine_init(b, vcpus, NULL, 64 * MIB);
    assert_int_equal(b->ops->flash_bank, BANK);
}

static void add_flash(struct board_machine *b, struct vars *s)
{
    void *banks = mmap(NULL, 2 * BANK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(banks, MAP_FAILED);
    memset(banks, 0x13, VM_PAGE_SIZE);
    memset((uint8_t *)banks + BANK, 0xff, VM_PAGE_SIZE);
    s->board = b;
    b->config.flash = (struct vm_board_flash){banks, (uint8_t *)banks + BANK, save, s};
}

static void end(struct board_machine *b)
{
    void *banks = b->config.flash.code;
    board_machine_end(b);
    if (banks)
        munmap(banks, 2 * BANK);
}

static uint64_t rom64(struct board_machine *b, uint64_t address)
{
    uint8_t bytes[8];
    assert_true(vm_space_read(&b->machine.space, vm_gpa_of(address), bytes, 8));
    return vm_load_le64(bytes);
}

static uint64_t item(struct board_machine *b, uint16_t key, unsigned size)
{
    mmio_write(&b->machine, FW_CFG + 8, 2, __builtin_bswap16(key));
    return mmio_read(&b->machine, FW_CFG, size);
}

static void check_item(struct board_machine *b, uint16_t key, const void *bytes, size_t size)
{
    const uint8_t *expected = bytes;
    assert_int_equal(item(b, key, 1), expected[0]);
    for (size_t i = 1; i < size; i++)
        assert_int_equal(mmio_read(&b->machine, FW_CFG, 1), expected[i]);
    assert_int_equal(mmio_read(&b->machine, FW_CFG, 8), 0);
}

// --- without flash ---

static void fw_cfg_is_on_every_board(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 3);
    board_set_kernel(&b, &kernel);
    board_start(&b);
    const void *tree = board_tree(&b);
    assert_string_equal(tree_property(tree, "/soc/fw-cfg@10100000", "compatible", -1),
                        "qemu,fw-cfg-mmio");
    const uint8_t *reg = tree_property(tree, "/soc/fw-cfg@10100000", "reg", 16);
    assert_int_equal(vm_load_be32(reg + 4), FW_CFG);
    assert_int_equal(vm_load_be32(reg + 12), VM_FW_CFG_SIZE);
    assert_int_equal(item(&b, VM_FW_CFG_NB_CPUS, 2), 3);
    assert_int_equal(item(&b, VM_FW_CFG_KERNEL_SIZE, 4), 0);
    assert_int_equal(item(&b, VM_FW_CFG_FILE_DIR, 4), __builtin_bswap32(1));
    assert_int_equal(item(&b, VM_FW_CFG_FILE_FIRST, 8), UINT32_MAX);
    // No flash that was not asked for.
    assert_true(fdt_path_offset(tree, "/soc/flash@20000000") < 0);
    assert_null(vm_space_find(&b.machine.space, vm_gpa_of(FLASH)));
    end(&b);
}

// U-Boot adds to the tree in place; built-in firmware must leave it as much room as OpenSBI does.
static void trees_have_room_for_additions(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, 1);
    board_set_kernel(&b, &kernel);
    board_start(&b);
    void *tree = board_ram(&b, hart_state(&b, 0)->x[11]);
    static const uint8_t addition[2048];
    assert_int_equal(fdt_check_full(tree, 65536), 0);
    assert_int_equal(
        fdt_setprop(tree, fdt_path_offset(tree, "/chosen"), "addition", addition, sizeof addition),
        0);
    end(&b);
}

// --- where harts start ---

static void builtin_firmware_starts_flash_in_supervisor_mode(void **state)
{
    (void)state;
    struct board_machine b;
    struct vars s = {0};
    init(&b, 2);
    add_flash(&b, &s);
    board_start(&b);
    assert_int_equal(hart_state(&b, 0)->privilege, VM_RISCV64_S);
    assert_int_equal(hart_state(&b, 0)->pc, FLASH);
    assert_true(b.machine.vcpus[1]->parked);
    end(&b);
}

static void other_firmware_is_told_of_flash(void **state)
{
    (void)state;
    static const uint8_t firmware[5000] = {0x13};
    struct board_machine b;
    struct vars s = {0};
    init(&b, 1);
    add_flash(&b, &s);
    b.config.bios_mode = VM_BIOS_FILE;
    b.config.bios = (struct vm_board_file){"fw.bin", firmware, sizeof firmware};
    board_start(&b);
    assert_int_equal(hart_state(&b, 0)->privilege, VM_RISCV64_M);
    assert_int_equal(rom64(&b, 0x1020), BOARD_RAM);
    assert_int_equal(rom64(&b, 0x1040), FLASH);
    end(&b);
}

static void without_firmware_harts_start_in_flash(void **state)
{
    (void)state;
    struct board_machine b;
    struct vars s = {0};
    init(&b, 2);
    add_flash(&b, &s);
    b.config.bios_mode = VM_BIOS_NONE;
    board_start(&b);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(hart_state(&b, i)->privilege, VM_RISCV64_M);
        assert_int_equal(hart_state(&b, i)->pc, 0x1000);
    }
    assert_int_equal(rom64(&b, 0x1020), FLASH);
    end(&b);
}

// --- what firmware gets ---

static void flash_is_described(void **state)
{
    (void)state;
    struct board_machine b;
    struct vars s = {0};
    tree_need_dtc();
    init(&b, 1);
    add_flash(&b, &s);
    board_start(&b);
    static const char node[] = "/soc/flash@20000000";
    const void *tree = board_tree(&b);
    assert_string_equal(tree_property(tree, node, "compatible", -1), "cfi-flash");
    assert_int_equal(tree_property32(tree, node, "bank-width"), 4);
    const uint8_t *reg = tree_property(tree, node, "reg", 32);
    static const uint32_t expected[] = {0, FLASH, 0, BANK, 0, VARS, 0, BANK};
    for (size_t i = 0; i < VM_ARRAY_SIZE(expected); i++)
        assert_int_equal(vm_load_be32(reg + 4 * i), expected[i]);
    tree_check_with_dtc(tree);
    end(&b);
}

static void kernel_is_in_fw_cfg_and_not_in_ram(void **state)
{
    (void)state;
    struct board_machine b;
    struct vars s = {0};
    init(&b, 1);
    add_flash(&b, &s);
    board_set_kernel(&b, &packed);
    b.config.initrd = (struct vm_board_file){"initrd", initrd, sizeof initrd};
    b.config.append = "console=ttyS0";
    board_start(&b);
    assert_int_equal(item(&b, VM_FW_CFG_KERNEL_SIZE, 4), kernel.size); // its compression is off
    check_item(&b, VM_FW_CFG_KERNEL_DATA, kernel.data, kernel.size);
    assert_int_equal(item(&b, VM_FW_CFG_INITRD_SIZE, 4), sizeof initrd);
    check_item(&b, VM_FW_CFG_INITRD_DATA, initrd, sizeof initrd);
    assert_int_equal(item(&b, VM_FW_CFG_CMDLINE_SIZE, 4), 14);
    check_item(&b, VM_FW_CFG_CMDLINE_DATA, "console=ttyS0", 14);
    assert_memory_not_equal(board_ram(&b, BOARD_RAM + 0x200000), kernel.data, kernel.size);
    const void *tree = board_tree(&b);
    int chosen = fdt_path_offset(tree, "/chosen");
    assert_null(fdt_getprop(tree, chosen, "linux,initrd-start", NULL));
    assert_string_equal(tree_property(tree, "/chosen", "bootargs", -1), "console=ttyS0");
    assert_int_equal(board_reset(&b), VM_OK); // again, of what create has put away
    assert_int_equal(hart_state(&b, 0)->pc, FLASH);
    assert_int_equal(item(&b, VM_FW_CFG_KERNEL_SIZE, 4), kernel.size);
    end(&b);
}

static void bad_kernels_are_named(void **state)
{
    (void)state;
    struct board_machine b;
    struct vars s = {0};
    init(&b, 1);
    add_flash(&b, &s);
    packed.size -= 100;
    board_set_kernel(&b, &packed);
    assert_int_equal(board_create(&b), VM_ERR_FILE);
    assert_int_equal(strncmp(b.error.text, "--kernel k.img", 14), 0);
    end(&b);
}

// --- variables ---

static void variables_are_saved(void **state)
{
    (void)state;
    struct board_machine b;
    struct vars s = {0};
    init(&b, 1);
    add_flash(&b, &s);
    board_start(&b);
    mmio_write(&b.machine, VARS + 16, 4, 0x400040);
    mmio_write(&b.machine, VARS + 16, 4, 0x12345678);
    assert_int_equal(s.saves, 1);
    assert_int_equal(s.offset, 16);
    assert_int_equal(s.size, 4);
    assert_int_equal(mmio_read(&b.machine, VARS, 4), 0);
    b.ops->flash_saved(b.board, true);
    assert_int_equal(mmio_read(&b.machine, VARS, 4), 0x800080);
    assert_int_equal(vm_load_le32((uint8_t *)b.config.flash.vars + 16), 0x12345678);
    // Code is not for programming.
    mmio_write(&b.machine, FLASH, 4, 0x400040);
    mmio_write(&b.machine, FLASH, 4, 0);
    assert_int_equal(mmio_read(&b.machine, FLASH, 4), 0x920092);
    assert_int_equal(s.saves, 1);
    // A reset shows what is there.
    assert_int_equal(board_reset(&b), VM_OK);
    assert_int_equal(rom64(&b, VARS + 16) & UINT32_MAX, 0x12345678);
    end(&b);
}

static void memory_runs_out_cleanly(void **state)
{
    (void)state;
    for (uint64_t allowed = 0;; allowed++) {
        struct board_machine b;
        struct vars s = {0};
        init(&b, 1);
        add_flash(&b, &s);
        board_set_kernel(&b, &packed);
        atomic_store(&b.host.base.fail_after, allowed);
        vm_status status = board_create(&b);
        atomic_store(&b.host.base.fail_after, UINT64_MAX);
        assert_true(status == VM_OK || status == VM_ERR_HOST);
        end(&b);
        if (status == VM_OK)
            break;
        assert_true(allowed < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fw_cfg_is_on_every_board),
        cmocka_unit_test(trees_have_room_for_additions),
        cmocka_unit_test(builtin_firmware_starts_flash_in_supervisor_mode),
        cmocka_unit_test(other_firmware_is_told_of_flash),
        cmocka_unit_test(without_firmware_harts_start_in_flash),
        cmocka_unit_test(flash_is_described),
        cmocka_unit_test(kernel_is_in_fw_cfg_and_not_in_ram),
        cmocka_unit_test(bad_kernels_are_named),
        cmocka_unit_test(variables_are_saved),
        cmocka_unit_test(memory_runs_out_cleanly),
    };
    return cmocka_run_group_tests_name("firmware in flash", tests, NULL, NULL);
}
