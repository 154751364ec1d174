// SPDX-License-Identifier: MIT
//
// The device tree that the board generates: everything but what only a reset knows (chosen.c). The
// bindings are those of the Linux kernel's Documentation/devicetree/bindings.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "virt.h"

enum { FIRST_CAPACITY = 16 << 10 };

// --- blobs ---

void virt_release_blob(struct virt *v, struct virt_blob *blob)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    if (blob->data)
        a->release(a->context, blob->data, blob->capacity);
    *blob = (struct virt_blob){0};
}

vm_status virt_reserve_blob(struct virt *v, struct virt_blob *blob, size_t capacity,
                            struct vm_error *e)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    blob->data = a->alloc(a->context, capacity, _Alignof(max_align_t));
    if (!blob->data)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the device tree");
    vm_zero(blob->data, capacity);
    blob->capacity = capacity;
    return VM_OK;
}

// --- parts ---

void virt_describe_memory(const struct virt *v, struct vm_describe *d)
{
    vm_describe_begin_at(d, "memory", v->map.ram_base);
    vm_describe_text(d, "device_type", "memory");
    vm_describe_reg(d, v->map.ram_base, v->config.ram_size);
    vm_describe_end(d);
}

void virt_describe_devices(const struct virt *v, struct vm_describe *d)
{
    for (uint32_t i = 0; i < v->device_count && !d->error; i++)
        d->error = v->device[i].ops->describe(v->device[i].device, d->fdt);
}

void virt_describe_cpu_map(const struct virt *v, struct vm_describe *d,
                           uint32_t (*phandle)(uint32_t vcpu))
{
    vm_describe_begin(d, "cpu-map");
    vm_describe_begin(d, "cluster0");
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++) {
        char name[16];
        vm_format(name, sizeof name, "core%u", i);
        vm_describe_begin(d, name);
        vm_describe_cell(d, "cpu", phandle(i));
        vm_describe_end(d);
    }
    vm_describe_end(d);
    vm_describe_end(d);
}

void virt_describe_console(struct vm_describe *d, const char *path)
{
    vm_describe_begin(d, "aliases");
    vm_describe_text(d, "serial0", path);
    vm_describe_end(d);
    vm_describe_begin(d, "chosen");
    vm_describe_text(d, "stdout-path", path);
    vm_describe_end(d);
}

// --- the whole ---

static vm_status generate(struct virt *v, struct vm_error *e)
{
    struct vm_describe d = {.error = VM_DESCRIBE_FULL};
    for (size_t capacity = FIRST_CAPACITY; d.error == VM_DESCRIBE_FULL && capacity <= VIRT_MAX_TREE;
         capacity *= 2) {
        virt_release_blob(v, &v->base_tree);
        vm_status status = virt_reserve_blob(v, &v->base_tree, capacity, e);
        if (status != VM_OK)
            return status;
        vm_describe_start(&d, v->base_tree.data, capacity);
        v->map.describe(v, &d);
        v->base_tree.size = vm_describe_finish(&d);
    }
    if (d.error)
        return vm_error_set(e, VM_ERR_USAGE, "cannot make a device tree: %s; give one with --dtb",
                            vm_describe_error_text(d.error));
    return VM_OK;
}

vm_status virt_make_base_tree(struct virt *v, struct vm_error *e)
{
    const struct vm_board_file *file = &v->config.dtb;
    if (!file->data)
        return generate(v, e);
    vm_status status = VM_ERR_FILE;
    if (file->size > VIRT_MAX_TREE)
        vm_error_set(e, status, "larger than the 2 MiB that kernels take");
    else
        status = virt_reserve_blob(v, &v->base_tree, file->size ? file->size : 1, e);
    if (status == VM_OK) {
        vm_copy(v->base_tree.data, file->data, file->size);
        v->base_tree.size = file->size;
        status = virt_check_tree(v->base_tree.data, file->size, e);
    }
    return status == VM_OK ? VM_OK : vm_error_prefix(e, status, "--dtb %s", file->name);
}
