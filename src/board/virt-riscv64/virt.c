// SPDX-License-Identifier: MIT
//
// The RISC-V `virt` board: creation, and the operations that boards have (vm/board/board.h).
#include "virt.h"

#include <vm/base/memory.h>
#include <vm/device/ns16550a.h>

static void destroy(struct vm_board *board)
{
    if (!board)
        return;
    struct virt *v = virt_of(board);
    const struct vm_allocator *a = &v->machine->host->allocator;
    sbi_destroy(v);
    virt_destroy_devices(v);
    if (v->firmware_kernel.data)
        vm_loader_unpacked_release(&v->firmware_kernel);
    virt_release_blob(v, &v->base_tree);
    virt_release_blob(v, &v->tree);
    if (v->rom)
        a->release(a->context, v->rom, VIRT_ROM_SIZE);
    a->release(a->context, v, sizeof *v);
}

static vm_status populate(struct virt *v, struct vm_error *e)
{
    vm_status status = virt_add_memory(v, e);
    if (status == VM_OK)
        status = virt_add_devices(v, e);
    if (status == VM_OK)
        status = virt_make_base_tree(v, e);
    if (status == VM_OK && v->config.bios_mode == VM_BIOS_BUILTIN)
        status = sbi_create(v, e);
    return status;
}

static vm_status create(struct vm_machine *m, const struct vm_board_config *config,
                        struct vm_board **out, struct vm_error *e)
{
    const struct vm_allocator *a = &m->host->allocator;
    if (m->vcpu_count == 0)
        return vm_error_set(e, VM_ERR_USAGE, "the machine has no vCPU");
    if (config->bios_mode == VM_BIOS_FILE && !config->bios.data)
        return vm_error_set(e, VM_ERR_USAGE, "the machine has no firmware: give --bios FILE");
    struct virt *v = a->alloc(a->context, sizeof *v, _Alignof(struct virt));
    if (!v)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the board");
    vm_zero(v, sizeof *v);
    v->board.ops = &vm_board_virt_riscv64;
    v->machine = m;
    v->config = *config;
    vm_status status = virt_parse_options(v, config->options, e);
    if (status == VM_OK)
        status = populate(v, e);
    if (status != VM_OK) {
        destroy(&v->board);
        return status;
    }
    *out = &v->board;
    return VM_OK;
}

// The debug console of the built-in firmware gets what the serial port does not want at all.
static void set_images(struct vm_board *board, const struct vm_board_file *kernel,
                       const struct vm_board_file *initrd)
{
    struct virt *v = virt_of(board);
    v->config.kernel = *kernel;
    v->config.initrd = *initrd;
}

static size_t receive(struct vm_board *board, const uint8_t *bytes, size_t size)
{
    struct virt *v = virt_of(board);
    size_t taken = vm_ns16550a_receive(v->uart, bytes, size);
    if (taken == 0 && v->sbi.lock && !vm_ns16550a_is_receiving(v->uart))
        taken = sbi_receive(v, bytes, size);
    return taken;
}

static vm_status device_tree(const struct vm_board *board, const void **blob, size_t *size,
                             struct vm_error *e)
{
    const struct virt *v = VM_CONTAINER_OF(board, const struct virt, board);
    const struct virt_blob *tree = v->tree.size ? &v->tree : &v->base_tree;
    (void)e;
    *blob = tree->data;
    *size = tree->size;
    return VM_OK;
}

const struct vm_board_ops vm_board_virt_riscv64 = {
    .name = "virt",
    .isa = VM_ISA_RISCV64,
    .flash_bank = VIRT_FLASH_BANK,
    .create = create,
    .reset = virt_reset,
    .set_images = set_images,
    .destroy = destroy,
    .receive = receive,
    .flash_saved = virt_flash_saved,
    .device_tree = device_tree,
};
