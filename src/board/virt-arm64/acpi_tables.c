// SPDX-License-Identifier: MIT
//
// The tables of fixed form. Sections are the ACPI Specification's; MCFG is the PCI Firmware
// Specification's (4.1.2), SPCR Microsoft's, IORT Arm's (DEN 0049).
#include <vm/base/memory.h>
#include <vm/device/gicv2.h>
#include <vm/device/gicv3.h>
#include <vm/frontend-arm64/frontend.h>

#include "acpi.h"

// 5.2.9
uint32_t acpi_fadt(struct acpi_files *a, uint32_t dsdt)
{
    enum {
        FLAGS = 112,
        BOOT_ARCHITECTURE = 129,
        MINOR_VERSION = 131,
        X_DSDT = 140,
        SIZE = 276,
        POWER_BUTTON = 1 << 4, // is a device
        HARDWARE_REDUCED = 1 << 20,
        PSCI_BY_HVC = 3,
    };
    uint32_t table = acpi_begin(a, "FACP", 6);
    acpi_put_zeros(a, X_DSDT - ACPI_HEADER);
    acpi_put_pointer(a, dsdt);
    acpi_put_zeros(a, SIZE - X_DSDT - 8);
    acpi_set(a, table + FLAGS, HARDWARE_REDUCED | POWER_BUTTON, 4);
    acpi_set(a, table + BOOT_ARCHITECTURE, PSCI_BY_HVC, 2);
    acpi_set(a, table + MINOR_VERSION, 3, 1);
    acpi_end(a, table);
    return table;
}

// --- MADT (5.2.12) ---

enum { GICC = 11, GICD = 12, MSI_FRAME = 13, GICR = 14, ITS = 15 };

static void put_cpu(struct acpi_files *a, const struct virt_arm64 *b, uint32_t cpu)
{
    acpi_put(a, GICC, 1);
    acpi_put(a, 80, 1);
    acpi_put(a, 0, 2);
    acpi_put(a, cpu, 4); // CPU interface
    acpi_put(a, cpu, 4); // _UID of the processor
    acpi_put(a, 1, 4);   // enabled
    acpi_put(a, 0, 4);
    acpi_put(a, ARM64_FIRST_PPI + ARM64_PPI_PMU, 4);
    acpi_put(a, 0, 8);
    acpi_put(a, b->gicv2 ? ARM64_GICC_BASE : 0, 8);
    acpi_put_zeros(a, 8 + 8 + 4 + 8); // GICV, GICH, maintenance interrupt, GICR
    acpi_put(a, vm_arm64_affinity(b->virt.machine->vcpus[cpu]), 8);
    acpi_put_zeros(a, 4);
}

static void put_distributor(struct acpi_files *a, const struct virt_arm64 *b)
{
    acpi_put(a, GICD, 1);
    acpi_put(a, 24, 1);
    acpi_put_zeros(a, 2 + 4);
    acpi_put(a, ARM64_GICD_BASE, 8);
    acpi_put(a, 0, 4);
    acpi_put(a, b->gicv2 ? 2 : 3, 1);
    acpi_put_zeros(a, 3);
}

static void put_redistributors(struct acpi_files *a, uint32_t cpus)
{
    acpi_put(a, GICR, 1);
    acpi_put(a, 16, 1);
    acpi_put(a, 0, 2);
    acpi_put(a, ARM64_GICR_BASE, 8);
    acpi_put(a, (uint64_t)cpus * VM_GICV3_REDISTRIBUTOR_SIZE, 4);
}

static void put_its(struct acpi_files *a)
{
    acpi_put(a, ITS, 1);
    acpi_put(a, 20, 1);
    acpi_put_zeros(a, 2 + 4); // its number is 0
    acpi_put(a, ARM64_ITS_BASE, 8);
    acpi_put(a, 0, 4);
}

static void put_message_frame(struct acpi_files *a)
{
    acpi_put(a, MSI_FRAME, 1);
    acpi_put(a, 24, 1);
    acpi_put_zeros(a, 2 + 4);
    acpi_put(a, ARM64_GICV2M_BASE, 8);
    acpi_put(a, 1, 4); // the SPIs are those given here
    acpi_put(a, ARM64_MESSAGES, 2);
    acpi_put(a, ARM64_FIRST_SPI + ARM64_SPI_MESSAGES, 2);
}

uint32_t acpi_madt(struct acpi_files *a, const struct virt_arm64 *b)
{
    uint32_t cpus = b->virt.machine->vcpu_count, table = acpi_begin(a, "APIC", 4);
    acpi_put_zeros(a, 8);
    put_distributor(a, b);
    for (uint32_t i = 0; i < cpus; i++)
        put_cpu(a, b, i);
    if (b->gicv2)
        put_message_frame(a);
    else
        put_redistributors(a, cpus);
    if (b->its)
        put_its(a);
    acpi_end(a, table);
    return table;
}

// --- the others ---

// 5.2.25
uint32_t acpi_gtdt(struct acpi_files *a)
{
    enum { ALWAYS_ON = 1 << 2 }; // level-triggered, active high
    static const uint8_t timers[] = {ARM64_PPI_TIMER_SECURE, ARM64_PPI_TIMER_PHYSICAL,
                                     ARM64_PPI_TIMER_VIRTUAL, ARM64_PPI_TIMER_HYPERVISOR};
    uint32_t table = acpi_begin(a, "GTDT", 2);
    acpi_put(a, UINT64_MAX, 8); // no memory-mapped timer
    acpi_put(a, 0, 4);
    for (size_t i = 0; i < VM_ARRAY_SIZE(timers); i++) {
        acpi_put(a, ARM64_FIRST_PPI + timers[i], 4);
        acpi_put(a, ALWAYS_ON, 4);
    }
    acpi_put(a, UINT64_MAX, 8);
    acpi_put_zeros(a, 8);
    acpi_end(a, table);
    return table;
}

uint32_t acpi_mcfg(struct acpi_files *a, const struct virt_arm64 *b)
{
    const struct vm_pci_window *ecam = &b->virt.map.ecam;
    uint32_t table = acpi_begin(a, "MCFG", 1);
    acpi_put(a, 0, 8);
    acpi_put(a, ecam->base, 8);
    acpi_put(a, 0, 2);
    acpi_put(a, 0, 1);
    acpi_put(a, (ecam->size >> 20) - 1, 1);
    acpi_put(a, 0, 4);
    acpi_end(a, table);
    return table;
}

uint32_t acpi_spcr(struct acpi_files *a)
{
    enum { PL011 = 3, BY_GIC = 8, BAUD_115200 = 7, ACCESS_32 = 3, NO_PCI = 0xffff };
    uint32_t table = acpi_begin(a, "SPCR", 2);
    acpi_put(a, PL011, 4);
    acpi_put(a, 0, 1); // memory, 32 bits wide
    acpi_put(a, 32, 1);
    acpi_put(a, 0, 1);
    acpi_put(a, ACCESS_32, 1);
    acpi_put(a, ARM64_UART_BASE, 8);
    acpi_put(a, BY_GIC, 2);
    acpi_put(a, ARM64_FIRST_SPI + ARM64_SPI_UART, 4);
    acpi_put(a, BAUD_115200, 1);
    acpi_put(a, 0, 1); // no parity
    acpi_put(a, 1, 1); // one stop bit
    acpi_put_zeros(a, 3);
    acpi_put(a, NO_PCI, 2);
    acpi_put(a, NO_PCI, 2);
    acpi_put_zeros(a, 3 + 4 + 1 + 4);
    acpi_end(a, table);
    return table;
}

// Requester IDs are the ITS's device IDs.
uint32_t acpi_iort(struct acpi_files *a)
{
    enum { FIRST = 48, ITS_GROUP = 0, ROOT_COMPLEX = 2, COHERENT = 3, MAPPING = 36 };
    uint32_t table = acpi_begin(a, "IORT", 3);
    acpi_put(a, 2, 4); // nodes
    acpi_put(a, FIRST, 4);
    acpi_put(a, 0, 4);

    acpi_put(a, ITS_GROUP, 1);
    acpi_put(a, 24, 2);
    acpi_put(a, 1, 1); // revision
    acpi_put_zeros(a, 4 + 4 + 4);
    acpi_put(a, 1, 4); // one ITS,
    acpi_put(a, 0, 4); // number 0

    acpi_put(a, ROOT_COMPLEX, 1);
    acpi_put(a, MAPPING + 20, 2);
    acpi_put(a, 3, 1); // revision
    acpi_put(a, 1, 4); // identifier
    acpi_put(a, 1, 4); // mappings
    acpi_put(a, MAPPING, 4);
    acpi_put(a, 1, 4); // memory access: coherent
    acpi_put_zeros(a, 3);
    acpi_put(a, COHERENT, 1);
    acpi_put_zeros(a, 4 + 4); // no ATS; segment 0
    acpi_put(a, 64, 1);       // bits of addresses
    acpi_put_zeros(a, 3);

    acpi_put(a, 0, 4); // from requester ID 0 on
    acpi_put(a, 0xffff, 4);
    acpi_put(a, 0, 4);
    acpi_put(a, FIRST, 4);
    acpi_put(a, 0, 4);
    acpi_end(a, table);
    return table;
}
