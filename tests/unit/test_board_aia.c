// SPDX-License-Identifier: MIT
//
// The RISC-V virt board with the advanced interrupt architecture: its options, its device tree, and
// the ways of interrupts from devices and harts.
#include "board_tree.h"

#include <stdio.h>
#include <string.h>

#include <vm/frontend-riscv64/frontend.h>

enum { HARTS = 3, APLIC_SIZE = 0x8000, UART_IRQ = 10 };

#define UART    UINT64_C(0x10000000)
#define APLIC_M UINT64_C(0xc000000)
#define APLIC_S UINT64_C(0xd000000)
#define IMSIC_M UINT64_C(0x24000000)
#define IMSIC_S UINT64_C(0x28000000)

static struct image kernel;

static void init(struct board_machine *b, uint32_t harts, const char *machine,
                 enum vm_board_bios mode)
{
    make_riscv(&kernel, 0x200000, 3 * MIB, 100000);
    board_machine_init(b, harts, NULL, 64 * MIB);
    board_set_kernel(b, &kernel);
    b->config.options = vm_board_options(machine);
    b->config.bios_mode = mode;
}

static bool line(struct board_machine *b, uint32_t hart, unsigned number)
{
    return atomic_load(&b->machine.vcpus[hart]->irq_lines) >> number & 1;
}

// --- options ---

static void names_and_options_are_told_apart(void **state)
{
    (void)state;
    const struct vm_board_ops *virt = vm_board_find(VM_ISA_RISCV64, "virt");
    assert_non_null(virt);
    assert_ptr_equal(vm_board_find(VM_ISA_RISCV64, NULL), virt);
    assert_ptr_equal(vm_board_find(VM_ISA_RISCV64, "virt,aia=aplic"), virt);
    assert_ptr_equal(vm_board_find(VM_ISA_RISCV64, "virt,"), virt);
    assert_null(vm_board_find(VM_ISA_RISCV64, "vir,aia=aplic"));
    assert_null(vm_board_find(VM_ISA_RISCV64, "virtual"));
    assert_null(vm_board_find(VM_ISA_RISCV64, ",virt"));
    assert_null(vm_board_options(NULL));
    assert_null(vm_board_options("virt"));
    assert_string_equal(vm_board_options("virt,"), "");
    assert_string_equal(vm_board_options("virt,a,b=c"), "a,b=c");
}

static void wrong_options_are_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"virt,aia=plic", "aia is none, aplic or aplic-imsic, not \"plic\""},
        {"virt,aia=aplic-imsics", "not \"aplic-imsics\""},
        {"virt,aia=", "not \"\""},
        {"virt,aia", "--machine virt has no option \"aia\""},
        {"virt,aia=none,gic=3", "no option \"gic=3\""},
        {"virt,,aia=none", "no option \"\""},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct board_machine b;
        init(&b, 1, cases[i][0], VM_BIOS_BUILTIN);
        assert_int_equal(board_create(&b), VM_ERR_USAGE);
        if (!strstr(b.error.text, cases[i][1]))
            fail_msg("\"%s\" gave: %s", cases[i][0], b.error.text);
        board_machine_end(&b);
    }
}

static void init_without_ssaia(struct board_machine *b, const char *options)
{
    make_riscv(&kernel, 0x200000, 3 * MIB, 100000);
    board_machine_init(b, 1, "max,-ssaia", 64 * MIB);
    board_set_kernel(b, &kernel);
    b->config.options = options;
}

static void the_cpu_may_refuse(void **state)
{
    (void)state;
    struct board_machine b;
    init_without_ssaia(&b, "aia=aplic-imsic");
    assert_int_equal(board_create(&b), VM_ERR_USAGE);
    assert_non_null(strstr(b.error.text, "--cpu turns off"));
    board_machine_end(&b);
    init_without_ssaia(&b, "aia=none,aia=aplic"); // the last one counts
    board_start(&b);
    assert_non_null(tree_property(board_tree(&b), "/soc/interrupt-controller@d000000", "reg", 16));
    board_machine_end(&b);
}

// --- the device tree ---

static const char *const machines[] = {"virt,aia=none", "virt,aia=aplic", "virt,aia=aplic-imsic"};

static void tree_is_clean(void **state)
{
    (void)state;
    static const uint32_t harts[] = {1, 5, 64};
    static const enum vm_board_bios modes[] = {VM_BIOS_BUILTIN, VM_BIOS_NONE};
    tree_need_dtc();
    for (size_t i = 0; i < VM_ARRAY_SIZE(machines) * VM_ARRAY_SIZE(harts) * 2; i++) {
        struct board_machine b;
        init(&b, harts[i / 2 % 3], machines[i / 6], modes[i % 2]);
        board_start(&b);
        tree_check_with_dtc(board_tree(&b));
        board_machine_end(&b);
    }
}

// The node at `path` names one hart after the other with that cause.
static void check_wires(const void *t, const char *path, uint32_t cause)
{
    const uint8_t *cells = tree_property(t, path, "interrupts-extended", 8 * HARTS);
    for (int i = 0; i < HARTS; i++) {
        char cpu[60], found[60];
        snprintf(cpu, sizeof cpu, "/cpus/cpu@%d/interrupt-controller", i);
        int node = fdt_node_offset_by_phandle(t, fdt32_ld((const void *)(cells + 8 * i)));
        assert_int_equal(fdt_get_path(t, node, found, sizeof found), 0);
        assert_string_equal(found, cpu);
        assert_int_equal(fdt32_ld((const void *)(cells + 8 * i + 4)), cause);
    }
}

static void check_place(const void *t, const char *path, uint64_t base, uint64_t size)
{
    const uint8_t *reg = tree_property(t, path, "reg", 16);
    assert_int_equal(fdt64_ld((const void *)reg), base);
    assert_int_equal(fdt64_ld((const void *)(reg + 8)), size);
}

// The node that a property's cell refers to.
static void check_reference(const void *t, const char *path, const char *name, const char *want)
{
    char found[60];
    int node = fdt_node_offset_by_phandle(t, tree_property32(t, path, name));
    assert_int_equal(fdt_get_path(t, node, found, sizeof found), 0);
    assert_string_equal(found, want);
}

static void check_aplic(const void *t, uint64_t base, uint32_t cause, const char *msi_parent)
{
    char path[60];
    snprintf(path, sizeof path, "/soc/interrupt-controller@%x", (unsigned)base);
    assert_string_equal(tree_property(t, path, "compatible", -1), "riscv,aplic");
    check_place(t, path, base, APLIC_SIZE);
    assert_int_equal(tree_property32(t, path, "#interrupt-cells"), 2);
    assert_int_equal(tree_property32(t, path, "riscv,num-sources"), 96);
    tree_property(t, path, "interrupt-controller", 0);
    if (msi_parent)
        check_reference(t, path, "msi-parent", msi_parent);
    else
        check_wires(t, path, cause);
}

static void check_imsic(const void *t, const char *path, uint64_t base, uint32_t cause)
{
    assert_string_equal(tree_property(t, path, "compatible", -1), "riscv,imsics");
    check_place(t, path, base, HARTS * 0x1000);
    assert_int_equal(tree_property32(t, path, "riscv,num-ids"), 255);
    tree_property(t, path, "msi-controller", 0);
    tree_property(t, path, "interrupt-controller", 0);
    check_wires(t, path, cause);
}

// Delegation of all sources, as firmware does it by this property.
static void check_delegation(const void *t)
{
    static const char root[] = "/soc/interrupt-controller@c000000";
    static const char child[] = "/soc/interrupt-controller@d000000";
    check_reference(t, root, "riscv,children", child);
    const uint8_t *cells = tree_property(t, root, "riscv,delegation", 12);
    assert_int_equal(fdt32_ld((const void *)cells), tree_property32(t, root, "riscv,children"));
    assert_int_equal(fdt32_ld((const void *)(cells + 4)), 1);
    assert_int_equal(fdt32_ld((const void *)(cells + 8)), 96);
}

static void check_devices(const void *t, bool messages)
{
    static const char serial[] = "/soc/serial@10000000", pci[] = "/soc/pci@30000000";
    const uint8_t *cells = tree_property(t, serial, "interrupts", 8);
    assert_int_equal(fdt32_ld((const void *)cells), UART_IRQ);
    assert_int_equal(fdt32_ld((const void *)(cells + 4)), 4); // level-high
    check_reference(t, serial, "interrupt-parent", "/soc/interrupt-controller@d000000");
    tree_property(t, "/soc/rtc@101000", "interrupts", 8);
    tree_property(t, "/soc/virtio_mmio@10001000", "interrupts", 8);
    tree_property(t, pci, "interrupt-map", 4 * 7 * 16);
    if (messages)
        check_reference(t, pci, "msi-parent", "/soc/interrupt-controller@28000000");
    else
        assert_null(fdt_getprop(t, fdt_path_offset(t, pci), "msi-parent", NULL));
}

static bool has_node(const void *t, const char *path)
{
    return fdt_path_offset(t, path) >= 0;
}

static void tree_describes_the_controllers(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool messages = i & 1, firmware = i & 2;
        struct board_machine b;
        init(&b, HARTS, machines[1 + messages], firmware ? VM_BIOS_NONE : VM_BIOS_BUILTIN);
        board_start(&b);
        const void *t = board_tree(&b);
        const char *isa = tree_property(t, "/cpus/cpu@2", "riscv,isa", -1);
        assert_int_equal(strstr(isa, "_ssaia") && strstr(isa, "_smaia"), messages);
        assert_false(has_node(t, "/soc/plic@c000000"));
        assert_int_equal(has_node(t, "/soc/interrupt-controller@c000000"), firmware);
        assert_int_equal(has_node(t, "/soc/interrupt-controller@24000000"), firmware && messages);
        check_aplic(t, APLIC_S, 9, messages ? "/soc/interrupt-controller@28000000" : NULL);
        if (messages)
            check_imsic(t, "/soc/interrupt-controller@28000000", IMSIC_S, 9);
        if (firmware) {
            check_aplic(t, APLIC_M, 11, messages ? "/soc/interrupt-controller@24000000" : NULL);
            check_delegation(t);
        }
        if (firmware && messages)
            check_imsic(t, "/soc/interrupt-controller@24000000", IMSIC_M, 11);
        check_devices(t, messages);
        board_machine_end(&b);
    }
}

// --- interrupts ---

static void open_uart(struct board_machine *b)
{
    mmio_write(&b->machine, UART + 1, 1, 2); // the transmitter is empty: it interrupts at once
}

static void put(struct board_machine *b, uint64_t address, uint32_t value)
{
    mmio_write(&b->machine, address, 4, value);
}

static void wires_go_through_the_aplic(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, HARTS, "virt,aia=aplic", VM_BIOS_BUILTIN);
    board_start(&b);
    assert_false(mmio_reads(&b.machine, APLIC_M, 4)); // nobody's
    put(&b, APLIC_S + 4 * UART_IRQ, 6);
    put(&b, APLIC_S + 0x3000 + 4 * UART_IRQ, 2 << 18 | 1);
    put(&b, APLIC_S + 0x1edc, UART_IRQ);
    put(&b, APLIC_S + 0x4000 + 2 * 32, 1);
    put(&b, APLIC_S, 0x100);
    assert_false(line(&b, 2, VM_RISCV64_SEI));
    open_uart(&b);
    assert_true(line(&b, 2, VM_RISCV64_SEI));
    assert_false(line(&b, 0, VM_RISCV64_SEI));
    assert_int_equal(board_reset(&b), VM_OK);
    assert_false(line(&b, 2, VM_RISCV64_SEI));
    board_machine_end(&b);
}

static uint64_t exchange(struct board_machine *b, uint32_t hart, bool machine, uint16_t number,
                         uint64_t value)
{
    const struct vm_riscv64_imsic *imsic = &hart_state(b, hart)->derived.imsic;
    const struct vm_register_device *f = machine ? &imsic->machine : &imsic->supervisor;
    uint64_t old;
    assert_true(f->ops->exchange(f->device, hart, number, value, UINT64_MAX, &old));
    return old;
}

// Lets the supervisor's file of a hart deliver everything, as its CSRs would.
static void open_file(struct board_machine *b, uint32_t hart, bool machine)
{
    exchange(b, hart, machine, VM_RISCV64_EIDELIVERY, 1);
    exchange(b, hart, machine, VM_RISCV64_EIE0, UINT64_MAX);
}

static uint32_t claim(struct board_machine *b, uint32_t hart, bool machine)
{
    return (uint32_t)exchange(b, hart, machine, VM_RISCV64_TOPEI, 0);
}

static void messages_reach_the_files(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, HARTS, "virt,aia=aplic-imsic", VM_BIOS_NONE);
    board_start(&b);
    for (uint32_t hart = 0; hart < HARTS; hart++) {
        open_file(&b, hart, true);
        open_file(&b, hart, false);
        put(&b, IMSIC_S + 0x1000 * hart, 5); // from a hart
        put(&b, IMSIC_M + 0x1000 * hart, 6);
        assert_true(line(&b, hart, VM_RISCV64_SEI) && line(&b, hart, VM_RISCV64_MEI));
        assert_int_equal(claim(&b, hart, false), 5);
        assert_int_equal(claim(&b, hart, true), 6);
        assert_false(line(&b, hart, VM_RISCV64_SEI) || line(&b, hart, VM_RISCV64_MEI));
        put(&b, APLIC_S + 0x3000, hart << 18 | 7); // from the APLIC
        put(&b, APLIC_M + 0x3000, hart << 18 | 8);
        assert_int_equal(claim(&b, hart, false), 7);
        assert_int_equal(claim(&b, hart, true), 8);
    }
    put(&b, APLIC_M + 4 * UART_IRQ, 0x400); // from a wire
    put(&b, APLIC_S + 4 * UART_IRQ, 6);
    put(&b, APLIC_S + 0x3000 + 4 * UART_IRQ, 1 << 18 | 9);
    put(&b, APLIC_S + 0x1edc, UART_IRQ);
    put(&b, APLIC_S, 0x100);
    open_uart(&b);
    assert_int_equal(claim(&b, 1, false), 9);
    assert_int_equal(board_reset(&b), VM_OK);
    put(&b, IMSIC_S, 5); // nothing is enabled
    assert_false(line(&b, 0, VM_RISCV64_SEI));
    board_machine_end(&b);
}

static void with_the_builtin_firmware_there_is_the_supervisors_part(void **state)
{
    (void)state;
    struct board_machine b;
    init(&b, HARTS, "virt,aia=aplic-imsic", VM_BIOS_BUILTIN);
    board_start(&b);
    assert_false(mmio_reads(&b.machine, APLIC_M, 4));
    assert_false(mmio_reads(&b.machine, IMSIC_M, 4));
    assert_null(hart_state(&b, 0)->derived.imsic.machine.ops);
    open_file(&b, 2, false);
    put(&b, APLIC_S + 0x3000, 2 << 18 | 7); // nobody had to say where the files are
    assert_int_equal(claim(&b, 2, false), 7);
    // The hart that starts may use all of it.
    assert_int_equal(hart_state(&b, 0)->mstateen0, 0x37ull << 58);
    board_machine_end(&b);
}

// Messages to anywhere but a file are nobody's: RAM and devices stay as they are.
static void messages_to_elsewhere_are_lost(void **state)
{
    (void)state;
    static const uint64_t elsewhere[] = {0x80000000, 0x83fff000, 0x0d002000, 0x0c001000,
                                         0x10000000, 0x100000,   0x1000,     0x24003000,
                                         0x28003000, 0x28004000, 0,          0xfffffffffff000};
    struct board_machine b;
    init(&b, HARTS, "virt,aia=aplic-imsic", VM_BIOS_NONE);
    board_start(&b);
    static uint8_t before[64 * 1024];
    memcpy(before, board_ram(&b, BOARD_RAM), sizeof before);
    for (uint32_t hart = 0; hart < HARTS; hart++)
        open_file(&b, hart, false);
    for (size_t i = 0; i < VM_ARRAY_SIZE(elsewhere); i++) {
        put(&b, APLIC_M + 0x1bc0, (uint32_t)(elsewhere[i] >> 12));
        put(&b, APLIC_M + 0x1bc4, (uint32_t)(elsewhere[i] >> 44));
        put(&b, APLIC_M + 0x3000, 0x3333);
        put(&b, APLIC_M + 0x3000, 5);
    }
    assert_memory_equal(before, board_ram(&b, BOARD_RAM), sizeof before);
    for (uint32_t hart = 0; hart < HARTS; hart++)
        assert_int_equal(claim(&b, hart, false), 0);
    assert_int_equal(atomic_load(&b.machine.stop), VM_STOP_NONE);
    board_machine_end(&b);
}

static void creation_survives_every_failure(void **state)
{
    (void)state;
    vm_status status = VM_ERR_HOST;
    for (unsigned n = 0; status != VM_OK; n++) {
        struct board_machine b;
        init(&b, HARTS, "virt,aia=aplic-imsic", VM_BIOS_NONE);
        b.host.base.fail_after = n;
        status = board_create(&b);
        b.host.base.fail_after = UINT64_MAX;
        assert_true(status == VM_OK || status == VM_ERR_HOST);
        board_machine_end(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_options_are_told_apart),
        cmocka_unit_test(wrong_options_are_told),
        cmocka_unit_test(the_cpu_may_refuse),
        cmocka_unit_test(tree_is_clean),
        cmocka_unit_test(tree_describes_the_controllers),
        cmocka_unit_test(wires_go_through_the_aplic),
        cmocka_unit_test(messages_reach_the_files),
        cmocka_unit_test(with_the_builtin_firmware_there_is_the_supervisors_part),
        cmocka_unit_test(messages_to_elsewhere_are_lost),
        cmocka_unit_test(creation_survives_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
