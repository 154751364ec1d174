// SPDX-License-Identifier: MIT
//
// The life of a board, as far as all have it in common (vm/board/board.h).
#include <vm/base/memory.h>

#include "virt.h"

struct virt *virt_begin(struct vm_machine *m, const struct vm_board_config *config,
                        const struct vm_board_ops *ops, size_t size, struct vm_error *e)
{
    const struct vm_allocator *a = &m->host->allocator;
    if (m->vcpu_count == 0) {
        vm_error_set(e, VM_ERR_USAGE, "the machine has no vCPU");
        return NULL;
    }
    if (config->bios_mode == VM_BIOS_FILE && !config->bios.data) {
        vm_error_set(e, VM_ERR_USAGE, "the machine has no firmware: give --bios FILE");
        return NULL;
    }
    struct virt *v = a->alloc(a->context, size, _Alignof(max_align_t));
    if (!v) {
        vm_error_set(e, VM_ERR_HOST, "out of memory for the board");
        return NULL;
    }
    vm_zero(v, size);
    v->board.ops = ops;
    v->machine = m;
    v->config = *config;
    return v;
}

void virt_end(struct virt *v, size_t size)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    virt_destroy_devices(v);
    if (v->firmware_kernel.data)
        vm_loader_unpacked_release(&v->firmware_kernel);
    virt_release_blob(v, &v->base_tree);
    virt_release_blob(v, &v->tree);
    a->release(a->context, v, size);
}

void virt_reset_vcpu(struct vm_vcpu *vcpu, uint64_t entry)
{
    const struct vm_work code = {.kind = VM_WORK_SYNC_CODE};
    vcpu->guest->reset(vcpu, entry);
    vm_vcpu_do_work(vcpu, &code);
    atomic_store(&vcpu->parked, false);
}

bool virt_is_start_address(const struct virt *v, uint64_t address)
{
    const struct vm_region *r = vm_space_find(&v->machine->space, vm_gpa_of(address));
    return r && r->host && !r->read_only && address % v->machine->guest->insn_align == 0;
}

void virt_set_images(struct vm_board *board, const struct vm_board_file *kernel,
                     const struct vm_board_file *initrd)
{
    struct virt *v = virt_of(board);
    v->config.kernel = *kernel;
    v->config.initrd = *initrd;
}

vm_status virt_device_tree(const struct vm_board *board, const void **blob, size_t *size,
                           struct vm_error *e)
{
    const struct virt *v = VM_CONTAINER_OF(board, const struct virt, board);
    const struct virt_blob *tree = v->tree.size ? &v->tree : &v->base_tree;
    (void)e;
    *blob = tree->data;
    *size = tree->size;
    return VM_OK;
}
