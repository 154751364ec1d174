// SPDX-License-Identifier: MIT
//
// What the files of the RISC-V `virt` board share. Its memory map and interrupts are those of
// QEMU's board of that name, so that software for one runs on the other. `riscv64_` and `sbi_`
// names do not leave this folder.
#ifndef VIRT_RISCV64_RISCV64_H
#define VIRT_RISCV64_RISCV64_H

#include <vm/core/arch/riscv64/state.h>

#include "../virt/virt.h"
#include "sbi.h"

#define RISCV64_ROM_BASE        UINT64_C(0x1000)
#define RISCV64_TEST_BASE       UINT64_C(0x100000)
#define RISCV64_RTC_BASE        UINT64_C(0x101000)
#define RISCV64_CLINT_BASE      UINT64_C(0x2000000)
#define RISCV64_PCI_IO_BASE     UINT64_C(0x3000000)
#define RISCV64_PLIC_BASE       UINT64_C(0xc000000)
#define RISCV64_APLIC_M_BASE    UINT64_C(0xc000000) // instead of the PLIC
#define RISCV64_APLIC_S_BASE    UINT64_C(0xd000000)
#define RISCV64_UART_BASE       UINT64_C(0x10000000)
#define RISCV64_VIRTIO_BASE     UINT64_C(0x10001000) // of slot 0
#define RISCV64_IMSIC_M_BASE    UINT64_C(0x24000000)
#define RISCV64_IMSIC_S_BASE    UINT64_C(0x28000000)
#define RISCV64_FW_CFG_BASE     UINT64_C(0x10100000)
#define RISCV64_FLASH_BASE      UINT64_C(0x20000000)
#define RISCV64_PCI_ECAM_BASE   UINT64_C(0x30000000)
#define RISCV64_PCI_MEMORY_BASE UINT64_C(0x40000000)
#define RISCV64_RAM_BASE        UINT64_C(0x80000000)
#define RISCV64_RAM_LIMIT       (UINT64_C(1) << 56) // of physical addresses (Sv39 to Sv57)

#define RISCV64_TREE_LIMIT (UINT64_C(3) << 30)
#define RISCV64_FLASH_BANK UINT64_C(0x2000000) // bytes; there are two

// Bytes. The 64-bit window lies above RAM, aligned to its size.
#define RISCV64_PCI_IO_SIZE       UINT64_C(0x10000)
#define RISCV64_PCI_ECAM_SIZE     UINT64_C(0x10000000) // 256 buses
#define RISCV64_PCI_MEMORY_SIZE   UINT64_C(0x40000000)
#define RISCV64_PCI_MEMORY64_SIZE (UINT64_C(16) << 30)

// Interrupt numbers at the PLIC or APLIC.
enum { RISCV64_VIRTIO_IRQ = 1, RISCV64_UART_IRQ = 10, RISCV64_RTC_IRQ = 11, RISCV64_PCI_IRQ = 32 };

enum { RISCV64_VIRTIO_SLOTS = 8, RISCV64_VIRTIO_SIZE = 0x1000 };

enum { RISCV64_UART_CLOCK = 3686400 }; // Hz

// In ROM: where harts start after reset; the built-in SBI's "wfi; ecall", where harts suspend at
// the first and start from the second.
enum {
    RISCV64_ROM_SIZE = VM_PAGE_SIZE,
    RISCV64_ROM_RESET = 0,
    RISCV64_ROM_SUSPENDED = 0x100,
    RISCV64_ROM_STOPPED = RISCV64_ROM_SUSPENDED + 4,
};

// The nodes that others refer to; those of hart n follow. WIRES is where devices' wires go: the
// PLIC, or the APLIC's supervisor domain.
enum {
    RISCV64_PHANDLE_WIRES = 1,
    RISCV64_PHANDLE_TEST,
    RISCV64_PHANDLE_APLIC_M,
    RISCV64_PHANDLE_IMSIC_M,
    RISCV64_PHANDLE_IMSIC_S,
    RISCV64_PHANDLE_HARTS,
};

static inline uint32_t riscv64_cpu_phandle(uint32_t hart)
{
    return RISCV64_PHANDLE_HARTS + 2 * hart;
}

static inline uint32_t riscv64_cpu_intc_phandle(uint32_t hart)
{
    return RISCV64_PHANDLE_HARTS + 2 * hart + 1;
}

enum { RISCV64_MAX_CONTROLLERS = 4 };

// The interrupt controllers: a PLIC, an APLIC alone, or with IMSICs.
enum riscv64_aia { RISCV64_AIA_NONE, RISCV64_AIA_APLIC, RISCV64_AIA_APLIC_IMSIC };

struct virt_riscv64 {
    struct virt virt;
    uint8_t *rom;
    const struct vm_device *uart; // in virt.device

    enum riscv64_aia aia;
    struct vm_device controller[RISCV64_MAX_CONTROLLERS]; // will be in virt.device, too
    uint32_t controller_count;
    const struct vm_device *wires; // in it: whose sources the wires of devices are
    const struct vm_device *machine_imsic, *supervisor_imsic; // in it, or NULL

    uint64_t htif_page; // physical address of the page that HTIF owns; 0: none

    struct sbi sbi;
};

static inline struct virt_riscv64 *riscv64_of(const struct virt *v)
{
    return VM_CONTAINER_OF(v, struct virt_riscv64, virt);
}

// --- memory.c ---

// Adds RAM and ROM to the address space, and HTIF where the kernel asks for it.
vm_status riscv64_add_memory(struct virt_riscv64 *b, struct vm_error *e);

// --- devices.c ---

vm_status riscv64_add_devices(struct virt_riscv64 *b, struct vm_error *e);

// --- irq.c ---

// Makes the interrupt controllers; adding them is left for after the devices.
vm_status riscv64_create_controllers(struct virt_riscv64 *b, struct vm_error *e);
vm_status riscv64_add_controllers(struct virt_riscv64 *b, struct vm_error *e);
// struct virt_map.
struct vm_irq riscv64_wire(const struct virt *v, uint32_t number);

// --- rom.c ---

// Fills the ROM. `start` is where harts go from reset in machine mode, `next` what firmware is to
// start in supervisor mode (0: nothing).
void riscv64_fill_rom(struct virt_riscv64 *b, uint64_t start, uint64_t tree, uint64_t next);

// --- tree.c ---

// struct virt_map.
void riscv64_describe(const struct virt *v, struct vm_describe *d);

#endif
