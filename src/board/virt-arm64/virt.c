// SPDX-License-Identifier: MIT
//
// The ARM64 `virt` board: creation, reset, and the operations that boards have (vm/board/board.h).
//
// Firmware that is a flat binary (--bios) is in flash, as in QEMU; it loads the kernel, which it
// finds through fw_cfg. Firmware that is an ELF file is loaded into RAM, with the
// kernel beside it.
#include <vm/base/memory.h>
#include <vm/device/cfi_flash.h>
#include <vm/device/pl011.h>
#include <vm/device/pl061.h>
#include <vm/frontend-arm64/frontend.h>

#include "arm64.h"

enum { ERASED = 0xff };

static void destroy(struct vm_board *board)
{
    if (!board)
        return;
    struct virt *v = virt_of(board);
    struct virt_arm64 *b = arm64_of(v);
    psci_destroy(b);
    virt_destroy_devices(v);
    acpi_release(b);
    virt_release_rom(v, b->rom, ARM64_ROM_SIZE);
    virt_release_rom(v, b->bios, b->bios_size);
    virt_end(v, sizeof *b);
}

static void fill_map(struct virt_arm64 *b)
{
    struct virt *v = &b->virt;
    v->map = (struct virt_map){
        .isa = VM_ISA_ARM64,
        .ram_base = ARM64_RAM_BASE,
        .ram_limit = ARM64_RAM_LIMIT,
        .tree_limit = ARM64_TREE_LIMIT,
        .flash_base = ARM64_FLASH_BASE,
        .flash_bank = ARM64_FLASH_BANK,
        .flash_size = {ARM64_FLASH_BANK, ARM64_FLASH_BANK},
        .fw_cfg_base = ARM64_FW_CFG_BASE,
        .virtio_base = ARM64_VIRTIO_BASE,
        .virtio_size = ARM64_VIRTIO_SIZE,
        .virtio_slots = ARM64_VIRTIO_SLOTS,
        .virtio_interrupt = ARM64_SPI_VIRTIO,
        .ecam = {ARM64_PCI_ECAM_BASE, ARM64_PCI_ECAM_SIZE},
        .pci_io = {ARM64_PCI_IO_BASE, ARM64_PCI_IO_SIZE},
        .pci_memory = {ARM64_PCI_MEMORY_BASE, ARM64_PCI_MEMORY_SIZE},
        .pci_memory64_size = ARM64_PCI_MEMORY64_SIZE,
        .pci_interrupt = ARM64_SPI_PCI,
        .wires = ARM64_PHANDLE_GIC,
        .interrupt_cells = 3,
        .interrupt_address_cells = 2,
        .wire = arm64_wire,
        .msi_parent = ARM64_PHANDLE_MESSAGES,
        .msi_by_requester = !b->gicv2,
        .tree_first = true,
        .kaslr_seed = true,
        .describe = arm64_describe,
    };
    if (v->config.ram_size > ARM64_PCI_ECAM_BASE - ARM64_RAM_BASE)
        v->map.ecam = (struct vm_pci_window){ARM64_PCI_ECAM_LOW, ARM64_PCI_ECAM_LOW_SIZE};
}

static vm_status read_options(struct virt_arm64 *b, const char *text, struct vm_error *e)
{
    unsigned gic = 1, its = 0;
    const struct virt_option options[] = {{"gic-version", {"2", "3"}, &gic},
                                          {"its", {"on", "off"}, &its}};
    vm_status status = virt_parse_options(text, options, VM_ARRAY_SIZE(options), e);
    b->gicv2 = gic == 0;
    b->its = its == 0 && !b->gicv2;
    return status;
}

// The least power of two of at least `size` that a bank of flash can have.
static uint64_t bank_size(uint64_t size)
{
    uint64_t bank = 2 * (uint64_t)VM_CFI_FLASH_SECTOR;
    while (bank < size)
        bank *= 2;
    return bank;
}

static vm_status add_bios_flash(struct virt_arm64 *b, const struct vm_unpacked *u,
                                struct vm_error *e)
{
    struct virt *v = &b->virt;
    const struct vm_allocator *a = &v->machine->host->allocator;
    v->map.flash_size[0] = bank_size(u->size);
    v->map.flash_size[1] = bank_size(0);
    b->bios_size = v->map.flash_size[0] + v->map.flash_size[1];
    b->bios = a->alloc(a->context, b->bios_size, VM_PAGE_SIZE);
    if (!b->bios)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the flash");
    vm_fill(b->bios, ERASED, b->bios_size);
    vm_copy(b->bios, u->data, u->size);
    v->config.flash =
        (struct vm_board_flash){.code = b->bios, .vars = b->bios + v->map.flash_size[0]};
    return VM_OK;
}

// Puts --bios into flash, unless it is a file that says where in RAM it goes. The bank for
// variables is small, and nobody keeps it.
static vm_status add_bios(struct virt_arm64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    const struct vm_board_file *bios = &v->config.bios;
    const struct vm_allocator *a = &v->machine->host->allocator;
    struct vm_image_info info;
    struct vm_unpacked u;
    if (v->config.bios_mode != VM_BIOS_FILE)
        return VM_OK;
    vm_loader_identify(bios->data, bios->size, &info);
    if (info.content == VM_IMAGE_ELF)
        return VM_OK;
    if (v->config.flash.code)
        return vm_error_set(e, VM_ERR_USAGE,
                            "--bios %s and --pflash are for the same place; give one of them",
                            bios->name);
    vm_status status = vm_loader_unpack(bios->data, bios->size, ARM64_FLASH_BANK, a, &u, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--bios %s", bios->name);
    if (u.size == 0 || u.size > ARM64_FLASH_BANK)
        status = vm_error_set(e, VM_ERR_FILE, "--bios %s: firmware has 1 byte to %llu MiB",
                              bios->name, (unsigned long long)(ARM64_FLASH_BANK >> 20));
    if (status == VM_OK)
        status = add_bios_flash(b, &u, e);
    vm_loader_unpacked_release(&u);
    v->config.bios_mode = VM_BIOS_BUILTIN; // nothing to load at a reset
    return status;
}

static vm_status populate(struct virt_arm64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    fill_map(b);
    vm_status status = virt_check_ram(v, e);
    if (status == VM_OK)
        status = virt_add_ram(v, ARM64_RAM_BASE, virt_ram_end(v), e);
    if (status == VM_OK)
        status = virt_add_rom(v, ARM64_ROM_BASE, ARM64_ROM_SIZE, &b->rom, e);
    if (status == VM_OK)
        status = add_bios(b, e);
    if (status == VM_OK)
        status = arm64_add_devices(b, e);
    if (status == VM_OK)
        status = virt_make_base_tree(v, e);
    return status == VM_OK ? psci_create(b, e) : status;
}

static vm_status create(struct vm_machine *m, const struct vm_board_config *config,
                        struct vm_board **out, struct vm_error *e)
{
    struct virt *v = virt_begin(m, config, &vm_board_virt_arm64, sizeof(struct virt_arm64), e);
    if (!v)
        return e->status;
    vm_status status = read_options(arm64_of(v), config->options, e);
    if (status == VM_OK)
        status = populate(arm64_of(v), e);
    if (status == VM_OK)
        *out = &v->board;
    else
        destroy(&v->board);
    return status;
}

static uint64_t entry_of(const struct virt *v, const struct virt_layout *l)
{
    if (v->firmware_loads && !l->has_firmware)
        return ARM64_FLASH_BASE;
    if (l->has_firmware)
        return l->firmware.entry.v;
    // Without either the embedder fills RAM.
    return l->has_kernel ? l->kernel.entry.v : ARM64_RAM_BASE;
}

static vm_status reset(struct vm_board *board, struct vm_error *e)
{
    struct virt *v = virt_of(board);
    struct virt_layout l;
    virt_reset_devices(v);
    vm_status status = virt_load_files(v, &l, e);
    if (status != VM_OK)
        return status;
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++)
        virt_reset_vcpu(v->machine->vcpus[i], ARM64_ROM_BASE);
    psci_reset(arm64_of(v), entry_of(v, &l), l.tree);
    // A CPU's reset cannot fail but for memory; then it says so in the machine.
    if (atomic_load(&v->machine->stop) == VM_STOP_CRASH)
        return vm_error_set(e, VM_ERR_HOST, "%s", v->machine->stop_text);
    return VM_OK;
}

static size_t receive(struct vm_board *board, const uint8_t *bytes, size_t size)
{
    return vm_pl011_receive(arm64_of(virt_of(board))->uart, bytes, size);
}

static void press_power_key(struct vm_board *board)
{
    vm_pl061_push(arm64_of(virt_of(board))->gpio, ARM64_POWER_PIN);
}

const struct vm_board_ops vm_board_virt_arm64 = {
    .name = "virt",
    .isa = VM_ISA_ARM64,
    .flash_bank = ARM64_FLASH_BANK,
    .create = create,
    .reset = reset,
    .set_images = virt_set_images,
    .destroy = destroy,
    .receive = receive,
    .press_power_key = press_power_key,
    .flash_saved = virt_flash_saved,
    .device_tree = virt_device_tree,
};
