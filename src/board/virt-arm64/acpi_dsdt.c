// SPDX-License-Identifier: MIT
//
// The differentiated system description table (5.2.11.1): the devices that no bus finds, with the
// hardware IDs that QEMU's board gives them.
#include <vm/base/format.h>
#include <vm/device/fw_cfg.h>
#include <vm/device/pl011.h>
#include <vm/device/pl061.h>

#include "acpi.h"

enum { PRESENT = 0x0b, STATUS_CHANGED = 0x80, PCI_PINS = 4, PCI_SLOTS = 32 };

// A device with that ID, in `name`; the caller ends it.
static uint32_t begin_device(struct acpi_files *a, const char *name, const char *id, unsigned uid)
{
    uint32_t at = aml_begin_device(a, name);
    aml_name_text(a, "_HID", id);
    aml_name_integer(a, "_UID", uid);
    return at;
}

// A name of a letter or two and a number in hexadecimal.
static const char *numbered(char name[5], const char *prefix, unsigned number, unsigned digits)
{
    vm_format(name, 5, digits == 3 ? "%s%03X" : "%s%02X", prefix, number);
    return name;
}

static void put_cpus(struct acpi_files *a, const struct virt_arm64 *b)
{
    for (uint32_t i = 0; i < b->virt.machine->vcpu_count; i++) {
        char name[5];
        aml_end(a, begin_device(a, numbered(name, "C", i, 3), "ACPI0007", i));
    }
}

// A device with one window and, unless it is 0, one interrupt.
static void put_simple(struct acpi_files *a, const char *name, const char *id, unsigned uid,
                       uint64_t base, uint64_t size, uint32_t spi)
{
    uint32_t device = begin_device(a, name, id, uid);
    aml_name_integer(a, "_STA", PRESENT);
    aml_name_integer(a, "_CCA", 1);
    uint32_t resources = aml_begin_resources(a, "_CRS");
    aml_memory32(a, base, size);
    if (spi)
        aml_interrupt(a, ARM64_FIRST_SPI + spi);
    aml_end_resources(a, resources);
    aml_end(a, device);
}

static void put_virtio(struct acpi_files *a)
{
    for (unsigned i = 0; i < ARM64_VIRTIO_SLOTS; i++) {
        char name[5];
        put_simple(a, numbered(name, "VR", i, 2), "LNRO0005", i,
                   ARM64_VIRTIO_BASE + (uint64_t)i * ARM64_VIRTIO_SIZE, ARM64_VIRTIO_SIZE,
                   ARM64_SPI_VIRTIO + i);
    }
}

// Which interrupt each pin of each slot is (6.2.13).
static void put_pci_routing(struct acpi_files *a)
{
    enum { ANY_FUNCTION = 0xffff };
    aml_name(a, "_PRT");
    uint32_t table = aml_begin_package(a, PCI_SLOTS * PCI_PINS);
    for (uint32_t slot = 0; slot < PCI_SLOTS; slot++) {
        for (uint32_t pin = 0; pin < PCI_PINS; pin++) {
            uint32_t row = aml_begin_package(a, 4);
            aml_integer(a, slot << 16 | ANY_FUNCTION);
            aml_integer(a, pin);
            aml_integer(a, 0); // no link device
            aml_integer(a, ARM64_FIRST_SPI + ARM64_SPI_PCI + (slot + pin) % PCI_PINS);
            aml_end(a, row);
        }
    }
    aml_end(a, table);
}

static void put_pci_windows(struct acpi_files *a, const struct virt *v)
{
    const struct virt_map *map = &v->map;
    const struct vm_pci_window memory64 = virt_pci_memory64(v);
    uint32_t resources = aml_begin_resources(a, "_CRS");
    aml_bus_numbers(a, 0, (uint32_t)(map->ecam.size >> 20) - 1);
    aml_range32(a, AML_MEMORY, map->pci_memory.base, map->pci_memory.size, 0);
    aml_range32(a, AML_IO, 0, map->pci_io.size, map->pci_io.base);
    if (memory64.size)
        aml_range64(a, memory64.base, memory64.size);
    aml_end_resources(a, resources);
}

static void put_pci(struct acpi_files *a, const struct virt *v)
{
    uint32_t bridge = begin_device(a, "PCI0", "PNP0A08", 0);
    aml_name_text(a, "_CID", "PNP0A03");
    aml_name_integer(a, "_SEG", 0);
    aml_name_integer(a, "_BBN", 0);
    aml_name_integer(a, "_CCA", 1);
    put_pci_routing(a);
    put_pci_windows(a, v);
    // The configuration space is nobody else's.
    uint32_t reserved = begin_device(a, "RES0", "PNP0C02", 0);
    uint32_t resources = aml_begin_resources(a, "_CRS");
    aml_range64(a, v->map.ecam.base, v->map.ecam.size);
    aml_end_resources(a, resources);
    aml_end(a, reserved);
    aml_end(a, bridge);
}

// The GPIO controller, whose pin is the power button (5.6.5.3: its events).
static void put_power_button(struct acpi_files *a)
{
    uint32_t gpio = begin_device(a, "GPO0", "ARMH0061", 0);
    uint32_t resources = aml_begin_resources(a, "_CRS");
    aml_memory32(a, ARM64_GPIO_BASE, VM_PL061_SIZE);
    aml_interrupt(a, ARM64_FIRST_SPI + ARM64_SPI_GPIO);
    aml_end_resources(a, resources);
    uint32_t events = aml_begin_resources(a, "_AEI");
    aml_gpio_interrupt(a, "GPO0", ARM64_POWER_PIN);
    aml_end_resources(a, events);
    uint32_t method = aml_begin_method(a, "_E03"); // of edges at pin 3
    aml_notify(a, "PWRB", STATUS_CHANGED);
    aml_end(a, method);
    aml_end(a, gpio);
    aml_end(a, begin_device(a, "PWRB", "PNP0C0C", 0));
}

_Static_assert(ARM64_POWER_PIN == 3, "the method's name has the pin");

uint32_t acpi_dsdt(struct acpi_files *a, const struct virt_arm64 *b)
{
    uint32_t table = acpi_begin(a, "DSDT", 2);
    uint32_t scope = aml_begin_scope(a, "_SB_");
    put_cpus(a, b);
    put_simple(a, "COM0", "ARMH0011", 0, ARM64_UART_BASE, VM_PL011_SIZE, ARM64_SPI_UART);
    put_simple(a, "FWCF", "QEMU0002", 0, ARM64_FW_CFG_BASE, VM_FW_CFG_SIZE, 0);
    put_virtio(a);
    put_pci(a, &b->virt);
    put_power_button(a);
    aml_end(a, scope);
    acpi_end(a, table);
    return table;
}
