// SPDX-License-Identifier: MIT
//
// What the files of the ARM64 `virt` board share. Its memory map and interrupts are those of QEMU's
// board of that name, so that software for one runs on the other. `arm64_`, `psci_` and `acpi_`
// names do not leave this folder.
#ifndef VIRT_ARM64_ARM64_H
#define VIRT_ARM64_ARM64_H

#include <vm/core/arch/arm64/state.h>

#include "../virt/virt.h"
#include "psci.h"

#define ARM64_FLASH_BASE      UINT64_C(0)
#define ARM64_GICD_BASE       UINT64_C(0x08000000)
#define ARM64_GICC_BASE       UINT64_C(0x08010000)
#define ARM64_GICV2M_BASE     UINT64_C(0x08020000)
#define ARM64_ITS_BASE        UINT64_C(0x08080000)
#define ARM64_GICR_BASE       UINT64_C(0x080a0000)
#define ARM64_UART_BASE       UINT64_C(0x09000000)
#define ARM64_RTC_BASE        UINT64_C(0x09010000)
#define ARM64_FW_CFG_BASE     UINT64_C(0x09020000)
#define ARM64_GPIO_BASE       UINT64_C(0x09030000)
#define ARM64_VIRTIO_BASE     UINT64_C(0x0a000000) // of slot 0
#define ARM64_ROM_BASE        UINT64_C(0x0b000000) // QEMU has nothing here
#define ARM64_PCI_MEMORY_BASE UINT64_C(0x10000000)
#define ARM64_PCI_IO_BASE     UINT64_C(0x3eff0000)
#define ARM64_PCI_ECAM_LOW    UINT64_C(0x3f000000) // where RAM reaches the other
#define ARM64_PCI_ECAM_BASE   UINT64_C(0x4010000000)
#define ARM64_RAM_BASE        UINT64_C(0x40000000)
#define ARM64_RAM_LIMIT       (UINT64_C(1) << 52) // of physical addresses
#define ARM64_TREE_LIMIT      (UINT64_C(4) << 30)

// Bytes. The 64-bit window is aligned to its size: where QEMU has it unless RAM reaches there.
#define ARM64_FLASH_BANK        UINT64_C(0x4000000) // there are two
#define ARM64_PCI_IO_SIZE       UINT64_C(0x10000)
#define ARM64_PCI_ECAM_LOW_SIZE UINT64_C(0x1000000) // 16 buses
#define ARM64_PCI_ECAM_SIZE     UINT64_C(0x10000000)
#define ARM64_PCI_MEMORY_SIZE   UINT64_C(0x2eff0000)
#define ARM64_PCI_MEMORY64_SIZE (UINT64_C(512) << 30)

// Shared peripheral interrupts (INTID - 32), and private ones (INTID - 16).
enum {
    ARM64_SPI_UART = 1,
    ARM64_SPI_RTC = 2,
    ARM64_SPI_PCI = 3,
    ARM64_SPI_GPIO = 7,
    ARM64_SPI_VIRTIO = 16,
    ARM64_SPI_MESSAGES = 48, // of GICv2m
    ARM64_MESSAGES = 64,
    ARM64_SPIS = 256,

    ARM64_PPI_PMU = 7,
    ARM64_PPI_TIMER_HYPERVISOR = 10,
    ARM64_PPI_TIMER_VIRTUAL = 11,
    ARM64_PPI_TIMER_SECURE = 13,
    ARM64_PPI_TIMER_PHYSICAL = 14,
};
enum { ARM64_FIRST_PPI = 16, ARM64_FIRST_SPI = 32 }; // INTIDs

enum {
    ARM64_VIRTIO_SLOTS = 32,
    ARM64_VIRTIO_SIZE = 0x200,
    ARM64_ROM_SIZE = VM_PAGE_SIZE,
    ARM64_POWER_PIN = 3, // of the GPIO
    ARM64_MAX_CONTROLLERS = 3,
};

// The nodes that others refer to; those of the CPUs follow.
enum {
    ARM64_PHANDLE_GIC = 1,
    ARM64_PHANDLE_MESSAGES,
    ARM64_PHANDLE_CLOCK,
    ARM64_PHANDLE_GPIO,
    ARM64_PHANDLE_CPUS,
};

struct virt_arm64 {
    struct virt virt;
    uint8_t *rom;  // with the built-in firmware's wait
    uint8_t *bios; // flash with a flat --bios, or NULL
    uint64_t bios_size;
    const struct vm_device *uart, *gpio; // in virt.device

    bool gicv2, its;                                    // of --machine
    struct vm_device controller[ARM64_MAX_CONTROLLERS]; // will be in virt.device, too
    uint32_t controller_count;
    const struct vm_device *gic, *messages; // in it; who takes messages, or NULL

    struct psci psci;
    struct acpi_files *acpi; // what fw_cfg gives to firmware, or NULL
};

static inline struct virt_arm64 *arm64_of(const struct virt *v)
{
    return VM_CONTAINER_OF(v, struct virt_arm64, virt);
}

// --- devices.c ---

vm_status arm64_add_devices(struct virt_arm64 *b, struct vm_error *e);

// --- irq.c ---

// Makes the interrupt controllers and connects the CPUs; adding them is left for after the devices.
vm_status arm64_create_controllers(struct virt_arm64 *b, struct vm_error *e);
vm_status arm64_add_controllers(struct virt_arm64 *b, struct vm_error *e);
// struct virt_map.
struct vm_irq arm64_wire(const struct virt *v, uint32_t number);

// --- tree.c ---

// struct virt_map.
void arm64_describe(const struct virt *v, struct vm_describe *d);

// --- acpi.c ---

// Makes the tables for firmware, and gives them to fw_cfg.
vm_status acpi_add_files(struct virt_arm64 *b, struct vm_error *e);
void acpi_release(struct virt_arm64 *b);

#endif
