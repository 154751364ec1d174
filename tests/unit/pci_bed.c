// SPDX-License-Identifier: MIT
#include "pci_bed.h"

#include <stdlib.h>
#include <string.h>

const unsigned bed_slots[FUNCTIONS] = {1, 2, 6};

// --- functions that tell what they were asked ---

static uint64_t toy_read(void *device, unsigned bar, uint64_t offset, unsigned size)
{
    struct toy *t = device;
    t->reads++;
    t->bar = bar;
    t->offset = offset;
    t->size = size;
    return (0x1122334400000000u | bar << 24 | offset) & vm_mask(8 * size);
}

static void toy_write(void *device, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    struct toy *t = device;
    t->writes++;
    t->bar = bar;
    t->offset = offset;
    t->size = size;
    t->value = value;
}

static void toy_master(void *device)
{
    ((struct toy *)device)->masters++;
}

static void toy_reset(void *device)
{
    ((struct toy *)device)->resets++;
}

static void toy_destroy(void *device)
{
    ((struct toy *)device)->destroyed++;
}

const struct vm_pci_ops toy_ops = {
    .type = "toy",
    .read = toy_read,
    .write = toy_write,
    .bus_master = toy_master,
    .reset = toy_reset,
    .destroy = toy_destroy,
};

vm_status bed_make_toy(struct bed *b, unsigned n, unsigned slot)
{
    struct toy *t = &b->toys[n];
    const struct vm_pci_function_config config = {
        .ops = &toy_ops,
        .device = t,
        .vendor_id = 0x1234,
        .device_id = (uint16_t)(0x100 + n),
        .subsystem_vendor_id = 0x5678,
        .subsystem_id = 0x9abc,
        .revision = 7,
        .class_code = 0x028001,
        .interrupts = true,
    };
    vm_status status = vm_pci_function_create(b->pci, &config, &t->function, NULL);
    if (status != VM_OK)
        return status;
    struct vm_pci_function *f = t->function;
    assert_int_equal(vm_pci_add_bar(f, 0, VM_PCI_BAR_IO, IO_SIZE, NULL), VM_OK);
    assert_int_equal(vm_pci_add_bar(f, 2, VM_PCI_BAR_MEMORY32, LOW_SIZE, NULL), VM_OK);
    assert_int_equal(vm_pci_add_bar(f, 4, VM_PCI_BAR_MEMORY64, HIGH_SIZE, NULL), VM_OK);
    assert_int_equal(vm_pci_add_capability(f, 9, "abcde", 5, &t->capability, NULL), VM_OK);
    vm_pci_set_writable(f, t->capability + 3, 2, 0xf00f);
    assert_int_equal(vm_pci_add_msix(f, MSIX_BAR, VECTORS, NULL), VM_OK);
    return vm_pci_add(b->pci, slot, f, NULL);
}

static void message(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    struct bed *b = target;
    b->messages[b->sent % MESSAGES].device = device;
    b->messages[b->sent % MESSAGES].address = address;
    b->messages[b->sent++ % MESSAGES].data = data;
}

vm_status bed_make_bridge(struct bed *b, bool msi)
{
    const struct vm_msi target = {message, b};
    struct vm_pci_host_config c = {
        .ecam = {ECAM, 256 << 20},
        .io = {IO, 0x10000},
        .memory32 = {LOW, WIDTH},
        .memory64 = {HIGH, WIDTH},
        .msi = msi ? &target : NULL,
    };
    for (unsigned i = 0; i < VM_PCI_WIRES; i++)
        c.intx[i] = wire_irq(&b->wires[i]);
    return vm_pci_host_create(&b->machine, &c, &b->bridge, &b->pci, NULL);
}

void bed_begin_with(struct bed *b, bool msi)
{
    memset(b, 0, sizeof *b);
    device_host_init(&b->host);
    device_machine_init(&b->host, &b->machine);
    b->ram = calloc(1, RAM_SIZE);
    assert_int_equal(
        vm_space_add_ram(&b->machine.space, vm_gpa_of(RAM), RAM_SIZE, b->ram, "ram", NULL), VM_OK);
    assert_int_equal(bed_make_bridge(b, msi), VM_OK);
    assert_int_equal(vm_device_attach(&b->machine, &b->bridge, NULL), VM_OK);
    assert_int_equal(vm_pci_attach_windows(b->pci, NULL), VM_OK);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        assert_int_equal(bed_make_toy(b, i, bed_slots[i]), VM_OK);
    b->bridge.ops->reset(b->bridge.device);
}

struct bed *bed_begin(void)
{
    static struct bed bed;
    bed_begin_with(&bed, true);
    return &bed;
}

void bed_end(struct bed *b)
{
    vm_device_destroy(&b->bridge);
    for (unsigned i = 0; i < FUNCTIONS; i++)
        assert_int_equal(b->toys[i].destroyed, 1);
    vm_machine_destroy(&b->machine);
    free(b->ram);
    test_host_check_released(&b->host.base);
}

uint32_t find_capability(struct bed *b, unsigned n, uint8_t id)
{
    uint32_t at = get(b, n, 0x34, 1);
    while (at && get(b, n, at, 1) != id)
        at = get(b, n, at + 1, 1);
    return at;
}
