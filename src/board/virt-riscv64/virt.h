// SPDX-License-Identifier: MIT
//
// What the files of the RISC-V `virt` board share. Its memory map and interrupts are those of
// QEMU's board of that name, so that software for one runs on the other. `virt_` and `sbi_` names
// do not leave this folder.
#ifndef VIRT_RISCV64_VIRT_H
#define VIRT_RISCV64_VIRT_H

#include <vm/core/arch/riscv64/state.h>
#include <vm/core/device.h>
#include <vm/device/site.h>

#include "../board.h"
#include "sbi.h"

#define VIRT_ROM_BASE        UINT64_C(0x1000)
#define VIRT_TEST_BASE       UINT64_C(0x100000)
#define VIRT_RTC_BASE        UINT64_C(0x101000)
#define VIRT_CLINT_BASE      UINT64_C(0x2000000)
#define VIRT_PCI_IO_BASE     UINT64_C(0x3000000)
#define VIRT_PLIC_BASE       UINT64_C(0xc000000)
#define VIRT_APLIC_M_BASE    UINT64_C(0xc000000) // instead of the PLIC
#define VIRT_APLIC_S_BASE    UINT64_C(0xd000000)
#define VIRT_UART_BASE       UINT64_C(0x10000000)
#define VIRT_VIRTIO_BASE     UINT64_C(0x10001000) // of slot 0
#define VIRT_IMSIC_M_BASE    UINT64_C(0x24000000)
#define VIRT_IMSIC_S_BASE    UINT64_C(0x28000000)
#define VIRT_FW_CFG_BASE     UINT64_C(0x10100000)
#define VIRT_FLASH_BASE      UINT64_C(0x20000000)
#define VIRT_PCI_ECAM_BASE   UINT64_C(0x30000000)
#define VIRT_PCI_MEMORY_BASE UINT64_C(0x40000000)
#define VIRT_RAM_BASE        UINT64_C(0x80000000)
#define VIRT_RAM_LIMIT       (UINT64_C(1) << 56) // of physical addresses (Sv39 to Sv57)

#define VIRT_FLASH_BANK UINT64_C(0x2000000) // bytes; there are two

// Bytes. The 64-bit window lies above RAM, aligned to its size.
#define VIRT_PCI_IO_SIZE       UINT64_C(0x10000)
#define VIRT_PCI_ECAM_SIZE     UINT64_C(0x10000000) // 256 buses
#define VIRT_PCI_MEMORY_SIZE   UINT64_C(0x40000000)
#define VIRT_PCI_MEMORY64_SIZE (UINT64_C(16) << 30)

// Interrupt numbers at the PLIC or APLIC.
enum { VIRT_VIRTIO_IRQ = 1, VIRT_UART_IRQ = 10, VIRT_RTC_IRQ = 11, VIRT_PCI_IRQ = 32 };

enum { VIRT_VIRTIO_SLOTS = 8 };

enum { VIRT_UART_CLOCK = 3686400 }; // Hz

// In ROM: where harts start after reset; the built-in SBI's "wfi; ecall", where harts suspend at
// the first and start from the second.
enum {
    VIRT_ROM_SIZE = VM_PAGE_SIZE,
    VIRT_ROM_RESET = 0,
    VIRT_ROM_SUSPENDED = 0x100,
    VIRT_ROM_STOPPED = VIRT_ROM_SUSPENDED + 4,
};

// The nodes that others refer to; those of hart n follow. WIRES is where devices' wires go: the
// PLIC, or the APLIC's supervisor domain.
enum {
    VIRT_PHANDLE_WIRES = 1,
    VIRT_PHANDLE_TEST,
    VIRT_PHANDLE_APLIC_M,
    VIRT_PHANDLE_IMSIC_M,
    VIRT_PHANDLE_IMSIC_S,
    VIRT_PHANDLE_HARTS,
};

static inline uint32_t virt_cpu_phandle(uint32_t hart)
{
    return VIRT_PHANDLE_HARTS + 2 * hart;
}

static inline uint32_t virt_cpu_intc_phandle(uint32_t hart)
{
    return VIRT_PHANDLE_HARTS + 2 * hart + 1;
}

enum {
    VIRT_MAX_DEVICES = 24,
    VIRT_MAX_CONTROLLERS = 4,
    VIRT_SEED_SIZE = 32,
    VIRT_MAX_TREE = 2 << 20, // bytes of a device tree that Linux takes
};

// A device tree blob: `size` bytes used of `capacity` at `data`, which came from the allocator.
struct virt_blob {
    void *data;
    size_t size, capacity;
};

// The interrupt controllers: a PLIC, an APLIC alone, or with IMSICs.
enum virt_aia { VIRT_AIA_NONE, VIRT_AIA_APLIC, VIRT_AIA_APLIC_IMSIC };

struct virt {
    struct vm_board board;
    struct vm_machine *machine;
    struct vm_board_config config;
    uint8_t *rom;

    struct vm_device device[VIRT_MAX_DEVICES]; // in the order in which they are reset
    uint32_t device_count;
    const struct vm_device *uart; // in it

    enum virt_aia aia;
    struct vm_device controller[VIRT_MAX_CONTROLLERS]; // will be in `device`, too
    uint32_t controller_count;
    const struct vm_device *wires; // in it: whose sources the wires of devices are
    const struct vm_device *machine_imsic, *supervisor_imsic; // in it, or NULL
    struct vm_msi msi;                                        // .send NULL: no messages

    uint64_t htif_page; // physical address of the page that HTIF owns; 0: none

    const struct vm_device *flash;      // in `device`; NULL: there is none
    struct vm_unpacked firmware_kernel; // what fw_cfg has of the kernel

    struct virt_blob base_tree; // from the file or generated; without what is known at reset only
    struct virt_blob tree;      // as the guest gets it, but for the seed

    struct sbi sbi;
};

static inline struct virt *virt_of(struct vm_board *board)
{
    return VM_CONTAINER_OF(board, struct virt, board);
}

static inline uint64_t virt_ram_end(const struct virt *v)
{
    return VIRT_RAM_BASE + v->config.ram_size;
}

// Console bytes from the guest, by whatever way they came.
void virt_output(void *context, const uint8_t *bytes, size_t size);

// --- memory.c ---

// Adds RAM and ROM to the address space, and HTIF where the kernel asks for it.
vm_status virt_add_memory(struct virt *v, struct vm_error *e);
// Writes to RAM while no vCPU runs, then zeros up to memsz; vm_loader_place_fn with the board as
// context. VM_ERR_FILE: outside RAM.
vm_status virt_place(void *context, vm_gpa address, const void *data, uint64_t filesz,
                     uint64_t memsz, struct vm_error *e);
// Bytes that a file may have when its compression is taken off.
uint64_t virt_unpack_limit(const struct virt *v);

// --- devices.c ---

vm_status virt_add_devices(struct virt *v, struct vm_error *e);
// Keeps a device that has been created, and puts it into the address space.
vm_status virt_add_device(struct virt *v, const struct vm_device *device, struct vm_error *e);
void virt_reset_devices(struct virt *v);
void virt_destroy_devices(struct virt *v);

// --- options.c ---

// Reads what follows the board's name in --machine; NULL: nothing.
vm_status virt_parse_options(struct virt *v, const char *text, struct vm_error *e);

// --- irq.c ---

// Makes the interrupt controllers; adding them is left for after the devices.
vm_status virt_create_controllers(struct virt *v, struct vm_error *e);
vm_status virt_add_controllers(struct virt *v, struct vm_error *e);
// A line into a hart (enum vm_riscv64_line); the wire from a device to an interrupt number.
struct vm_irq virt_vcpu_wire(const struct virt *v, uint32_t hart, uint32_t line);
struct vm_irq virt_wire(const struct virt *v, uint32_t number);
// Of interrupt specifiers in the device tree.
uint32_t virt_interrupt_cells(const struct virt *v);
// The place of a device at `base` with that interrupt number.
struct vm_device_site virt_site(const struct virt *v, uint64_t base, uint32_t interrupt);

// --- firmware.c ---

// The flash and fw_cfg. What fw_cfg gives to firmware in flash is taken out of v->config.
vm_status virt_add_firmware(struct virt *v, struct vm_error *e);
void virt_flash_saved(struct vm_board *board, bool saved);

// --- buses.c ---

// The PCI bus and the virtio-mmio slots, with the devices in them.
vm_status virt_add_buses(struct virt *v, struct vm_error *e);

// --- rom.c ---

// Fills the ROM. `start` is where harts go from reset in machine mode, `next` what firmware is to
// start in supervisor mode (0: nothing).
void virt_fill_rom(struct virt *v, uint64_t start, uint64_t tree, uint64_t next);

// --- tree.c ---

// Makes base_tree: from --dtb, else generated.
vm_status virt_make_base_tree(struct virt *v, struct vm_error *e);
void virt_release_blob(struct virt *v, struct virt_blob *blob);
// Makes room for `capacity` bytes in an empty blob.
vm_status virt_reserve_blob(struct virt *v, struct virt_blob *blob, size_t capacity,
                            struct vm_error *e);

// --- chosen.c, chosen_none.c ---

// Checks a device tree from outside.
vm_status virt_check_tree(const void *tree, size_t size, struct vm_error *e);
// Makes v->tree from base_tree and the configuration: command line, initrd (its address is still to
// come), an all-zero seed.
vm_status virt_finish_tree(struct virt *v, struct vm_error *e);
// Says where the initrd is.
void virt_set_initrd(struct virt *v, uint64_t start, uint64_t end);
// The offset of the seed in v->tree; 0: there is none.
size_t virt_seed_offset(const struct virt *v);

// --- boot.c ---

vm_status virt_reset(struct vm_board *board, struct vm_error *e);

#endif
