// SPDX-License-Identifier: MIT
//
// The RISC-V `virt` board: creation, reset, and the operations that boards have
// (vm/board/board.h).
#include <vm/device/ns16550a.h>

#include "riscv64.h"

static void destroy(struct vm_board *board)
{
    if (!board)
        return;
    struct virt *v = virt_of(board);
    struct virt_riscv64 *b = riscv64_of(v);
    sbi_destroy(b);
    virt_destroy_devices(v);
    virt_release_rom(v, b->rom, RISCV64_ROM_SIZE);
    virt_end(v, sizeof *b);
}

static void fill_map(struct virt_riscv64 *b)
{
    b->virt.map = (struct virt_map){
        .isa = VM_ISA_RISCV64,
        .ram_base = RISCV64_RAM_BASE,
        .ram_limit = RISCV64_RAM_LIMIT,
        .tree_limit = RISCV64_TREE_LIMIT,
        .flash_base = RISCV64_FLASH_BASE,
        .flash_bank = RISCV64_FLASH_BANK,
        .flash_size = {RISCV64_FLASH_BANK, RISCV64_FLASH_BANK},
        .fw_cfg_base = RISCV64_FW_CFG_BASE,
        .virtio_base = RISCV64_VIRTIO_BASE,
        .virtio_size = RISCV64_VIRTIO_SIZE,
        .virtio_slots = RISCV64_VIRTIO_SLOTS,
        .virtio_interrupt = RISCV64_VIRTIO_IRQ,
        .ecam = {RISCV64_PCI_ECAM_BASE, RISCV64_PCI_ECAM_SIZE},
        .pci_io = {RISCV64_PCI_IO_BASE, RISCV64_PCI_IO_SIZE},
        .pci_memory = {RISCV64_PCI_MEMORY_BASE, RISCV64_PCI_MEMORY_SIZE},
        .pci_memory64_size = RISCV64_PCI_MEMORY64_SIZE,
        .pci_interrupt = RISCV64_PCI_IRQ,
        .wires = RISCV64_PHANDLE_WIRES,
        .interrupt_cells = b->aia == RISCV64_AIA_NONE ? 1 : 2,
        .wire = riscv64_wire,
        .msi_parent = RISCV64_PHANDLE_IMSIC_S,
        .describe = riscv64_describe,
    };
}

static vm_status read_options(struct virt_riscv64 *b, const char *text, struct vm_error *e)
{
    unsigned aia = RISCV64_AIA_NONE;
    const struct virt_option options[] = {{"aia", {"none", "aplic", "aplic-imsic"}, &aia}};
    vm_status status = virt_parse_options(text, options, VM_ARRAY_SIZE(options), e);
    b->aia = aia;
    return status;
}

static vm_status populate(struct virt_riscv64 *b, struct vm_error *e)
{
    fill_map(b);
    vm_status status = riscv64_add_memory(b, e);
    if (status == VM_OK)
        status = riscv64_add_devices(b, e);
    if (status == VM_OK)
        status = virt_make_base_tree(&b->virt, e);
    if (status == VM_OK && b->virt.config.bios_mode == VM_BIOS_BUILTIN)
        status = sbi_create(b, e);
    return status;
}

static vm_status create(struct vm_machine *m, const struct vm_board_config *config,
                        struct vm_board **out, struct vm_error *e)
{
    struct virt *v = virt_begin(m, config, &vm_board_virt_riscv64, sizeof(struct virt_riscv64), e);
    if (!v)
        return e->status;
    vm_status status = read_options(riscv64_of(v), config->options, e);
    if (status == VM_OK)
        status = populate(riscv64_of(v), e);
    if (status == VM_OK)
        *out = &v->board;
    else
        destroy(&v->board);
    return status;
}

static vm_status reset(struct vm_board *board, struct vm_error *e)
{
    struct virt *v = virt_of(board);
    struct virt_riscv64 *b = riscv64_of(v);
    struct virt_layout l;
    virt_reset_devices(v);
    vm_status status = virt_load_files(v, &l, e);
    if (status != VM_OK)
        return status;
    uint64_t kernel = l.has_kernel ? l.kernel.entry.v : 0;
    // Without either the embedder fills RAM.
    uint64_t next = l.has_kernel || l.has_firmware ? kernel : RISCV64_RAM_BASE;
    if (v->flash)
        next = RISCV64_FLASH_BASE;
    riscv64_fill_rom(b, l.has_firmware ? l.firmware.entry.v : next, l.tree, next);
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++)
        virt_reset_vcpu(v->machine->vcpus[i], RISCV64_ROM_BASE + RISCV64_ROM_RESET);
    // A hart's reset cannot fail but for memory; then it says so in the machine.
    if (atomic_load(&v->machine->stop) == VM_STOP_CRASH)
        return vm_error_set(e, VM_ERR_HOST, "%s", v->machine->stop_text);
    if (v->config.bios_mode == VM_BIOS_BUILTIN)
        sbi_reset(b, next, l.tree);
    return VM_OK;
}

// The debug console of the built-in firmware gets what the serial port does not want at all.
static size_t receive(struct vm_board *board, const uint8_t *bytes, size_t size)
{
    struct virt_riscv64 *b = riscv64_of(virt_of(board));
    size_t taken = vm_ns16550a_receive(b->uart, bytes, size);
    if (taken == 0 && b->sbi.lock && !vm_ns16550a_is_receiving(b->uart))
        taken = sbi_receive(b, bytes, size);
    return taken;
}

const struct vm_board_ops vm_board_virt_riscv64 = {
    .name = "virt",
    .isa = VM_ISA_RISCV64,
    .flash_bank = RISCV64_FLASH_BANK,
    .create = create,
    .reset = reset,
    .set_images = virt_set_images,
    .destroy = destroy,
    .receive = receive,
    .flash_saved = virt_flash_saved,
    .device_tree = virt_device_tree,
};
