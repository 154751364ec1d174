// SPDX-License-Identifier: MIT
//
// What the devices of an ARM board say about themselves in the device tree.
#include "gic_bed.h"

#include <stdlib.h>
#include <string.h>

#include <libfdt.h>

#include <vm/device/describe.h>
#include <vm/device/gicv2.h>
#include <vm/device/pci.h>
#include <vm/device/pl011.h>
#include <vm/device/pl031.h>
#include <vm/device/pl061.h>

enum { GIC_PHANDLE = 1, ITS_PHANDLE = 2, CLOCK = 9 };

static uint8_t tree[16384];

static void start(struct vm_describe *d)
{
    vm_describe_start(d, tree, sizeof tree);
    vm_describe_begin(d, "");
    vm_describe_cell(d, "#address-cells", 2);
    vm_describe_cell(d, "#size-cells", 2);
}

static void describe(struct vm_describe *d, const struct vm_device *device)
{
    assert_int_equal(device->ops->describe(device->device, d->fdt), 0);
}

static void finish(struct vm_describe *d)
{
    vm_describe_end(d);
    assert_int_not_equal(vm_describe_finish(d), 0);
}

static void expect_cells(const char *path, const char *name, const uint32_t *cells, size_t count)
{
    int size, node = fdt_path_offset(tree, path);
    assert_true(node >= 0);
    const fdt32_t *value = fdt_getprop(tree, node, name, &size);
    assert_non_null(value);
    assert_int_equal(size, 4 * count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fdt32_to_cpu(value[i]), cells[i]);
}
#define EXPECT(path, name, ...)                               \
    expect_cells(path, name, (const uint32_t[]){__VA_ARGS__}, \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void expect_compatible(const char *path, const char *with)
{
    int node = fdt_path_offset(tree, path);
    assert_true(node >= 0);
    assert_int_equal(fdt_node_check_compatible(tree, node, with), 0);
}

static void gicv3_with_its(void **state)
{
    (void)state;
    static const char gic[] = "/interrupt-controller@8000000";
    static const char its[] = "/interrupt-controller@8000000/msi-controller@8080000";
    struct gic_bed *b = gic_bed_begin();
    struct vm_describe d;
    start(&d);
    describe(&d, &b->distributor);
    describe(&d, &b->redistributors);
    describe(&d, &b->its);
    finish(&d);
    expect_compatible(gic, "arm,gic-v3");
    EXPECT(gic, "reg", 0, GICD, 0, 0x10000, 0, GICR, 0, 0x20000 * CPUS);
    EXPECT(gic, "#interrupt-cells", 3);
    EXPECT(gic, "phandle", GIC_PHANDLE);
    expect_compatible(its, "arm,gic-v3-its");
    EXPECT(its, "reg", 0, ITS, 0, 0x20000);
    EXPECT(its, "#msi-cells", 1);
    EXPECT(its, "phandle", ITS_PHANDLE);
    gic_bed_end(b);
}

static void gicv2_with_frame(void **state)
{
    (void)state;
    static const char gic[] = "/interrupt-controller@8000000";
    static const char frame[] = "/interrupt-controller@8000000/v2m@8020000";
    struct device_bed b;
    struct vm_device cpu, v2m;
    device_bed_init(&b);
    const struct vm_gicv2_config c = {
        .distributor = {GICD}, .cpu_interface = {0x8010000}, .phandle = 1, .cpus = 2, .spis = 64};
    const struct vm_gicv2m_config f = {.base = {0x8020000}, .phandle = 3, .count = 64};
    assert_int_equal(vm_gicv2_create(&b.machine, &c, &b.device, &cpu, NULL), VM_OK);
    assert_int_equal(vm_gicv2m_create(&b.machine, &b.device, &f, &v2m, NULL), VM_OK);
    struct vm_describe d;
    start(&d);
    describe(&d, &b.device);
    describe(&d, &cpu);
    describe(&d, &v2m);
    finish(&d);
    expect_compatible(gic, "arm,cortex-a15-gic");
    EXPECT(gic, "reg", 0, GICD, 0, 0x1000, 0, 0x8010000, 0, 0x2000);
    expect_compatible(frame, "arm,gic-v2m-frame");
    EXPECT(frame, "phandle", 3);
    vm_device_destroy(&v2m);
    vm_device_destroy(&b.device);
    vm_device_destroy(&cpu);
    b.device = (struct vm_device){0};
    device_bed_end(&b);
}

static void primecells(void **state)
{
    (void)state;
    struct device_bed b;
    struct vm_device rtc, gpio;
    device_bed_init(&b);
    struct vm_device_site site = {
        .base = {0x9000000}, .interrupt = 1, .interrupt_parent = GIC_PHANDLE, .interrupt_cells = 3};
    const struct vm_pl011_config c = {.site = site, .clock = CLOCK};
    assert_int_equal(vm_pl011_create(&b.machine, &c, &b.device, NULL), VM_OK);
    site.base.v += 0x10000;
    assert_int_equal(vm_pl031_create(&b.machine, &site, CLOCK, &rtc, NULL), VM_OK);
    site.base.v += 0x20000;
    assert_int_equal(vm_pl061_create(&b.machine, &site, 4, CLOCK, &gpio, NULL), VM_OK);
    struct vm_describe d;
    start(&d);
    describe(&d, &b.device);
    describe(&d, &rtc);
    describe(&d, &gpio);
    finish(&d);
    static const char *const paths[] = {"/serial@9000000", "/rtc@9010000", "/gpio@9030000"};
    static const char *const names[] = {"arm,pl011", "arm,pl031", "arm,pl061"};
    for (size_t i = 0; i < VM_ARRAY_SIZE(paths); i++) {
        expect_compatible(paths[i], names[i]);
        expect_compatible(paths[i], "arm,primecell");
        EXPECT(paths[i], "interrupts", 0, 1, 4);
    }
    EXPECT(paths[0], "clocks", CLOCK, CLOCK);
    EXPECT(paths[1], "clocks", CLOCK);
    EXPECT(paths[2], "phandle", 4);
    EXPECT(paths[2], "#gpio-cells", 2);
    vm_device_destroy(&rtc);
    vm_device_destroy(&gpio);
    device_bed_end(&b);
}

static void no_send(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    (void)target, (void)address, (void)data, (void)device;
}

// The interrupts of PCI slots at a GIC, and messages by requester ID.
static void pci_at_a_gic(void **state)
{
    (void)state;
    struct device_bed b;
    struct vm_pci_host *host;
    const struct vm_msi msi = {.send = no_send};
    device_bed_init(&b);
    struct vm_pci_host_config c = {
        .ecam = {0x10000000, 1 << 20},
        .interrupt = {3, 4, 5, 6},
        .interrupt_parent = GIC_PHANDLE,
        .interrupt_cells = 3,
        .interrupt_address_cells = 2,
        .msi = &msi,
        .msi_parent = ITS_PHANDLE,
        .msi_by_requester = true,
    };
    assert_int_equal(vm_pci_host_create(&b.machine, &c, &b.device, &host, NULL), VM_OK);
    struct vm_describe d;
    start(&d);
    describe(&d, &b.device);
    finish(&d);
    EXPECT("/pci@10000000", "msi-map", 0, ITS_PHANDLE, 0, 0x10000);
    int size, node = fdt_path_offset(tree, "/pci@10000000");
    const fdt32_t *map = fdt_getprop(tree, node, "interrupt-map", &size);
    assert_int_equal(size, 16 * 10 * 4);
    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t unit[] = {
            i / 4 << 11, 0, 0, i % 4 + 1, GIC_PHANDLE, 0, 0, 0, 3 + (i / 4 + i % 4) % 4, 4};
        for (size_t n = 0; n < VM_ARRAY_SIZE(unit); n++)
            assert_int_equal(fdt32_to_cpu(map[10 * i + n]), unit[n]);
    }
    assert_null(fdt_getprop(tree, node, "msi-parent", NULL));
    struct vm_device none;
    c.interrupt_address_cells = 3;
    assert_int_equal(vm_pci_host_create(&b.machine, &c, &none, &host, NULL), VM_ERR_USAGE);
    device_bed_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gicv3_with_its),
        cmocka_unit_test(gicv2_with_frame),
        cmocka_unit_test(primecells),
        cmocka_unit_test(pci_at_a_gic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
