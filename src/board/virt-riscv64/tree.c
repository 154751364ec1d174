// SPDX-License-Identifier: MIT
//
// The device tree that the board generates: everything but what only a reset knows (chosen.c). The
// bindings are those of the Linux kernel's Documentation/devicetree/bindings.
#include <vm/base/memory.h>
#include <vm/device/describe.h>
#include <vm/device/syscon.h>
#include <vm/frontend-riscv64/frontend.h>

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

// --- processors ---

// Whether the list of names, one after the other, has `name`.
static bool has_extension(const char *list, size_t size, const char *name)
{
    for (size_t at = 0; at < size; at += vm_text_length(list + at) + 1) {
        if (vm_text_equal(list + at, name))
            return true;
    }
    return false;
}

static void describe_isa(const struct virt *v, struct vm_describe *d)
{
    static const struct {
        const char *extension, *property;
    } blocks[] = {{"zicbom", "riscv,cbom-block-size"},
                  {"zicbop", "riscv,cbop-block-size"},
                  {"zicboz", "riscv,cboz-block-size"}};
    size_t size;
    const char *extensions = vm_riscv64_isa_extensions(v->machine->config, &size);
    vm_describe_text(d, "riscv,isa", vm_riscv64_isa_string(v->machine->config));
    vm_describe_text(d, "riscv,isa-base", "rv64i");
    vm_describe_bytes(d, "riscv,isa-extensions", extensions, size);
    vm_describe_text(d, "mmu-type", vm_riscv64_mmu_type(v->machine->config));
    for (size_t i = 0; i < VM_ARRAY_SIZE(blocks); i++) {
        if (has_extension(extensions, size, blocks[i].extension))
            vm_describe_cell(d, blocks[i].property, VM_RISCV64_CACHE_BLOCK);
    }
}

static void describe_cpu(const struct virt *v, struct vm_describe *d, uint32_t hart)
{
    vm_describe_begin_at(d, "cpu", hart);
    vm_describe_text(d, "device_type", "cpu");
    vm_describe_text(d, "compatible", "riscv");
    vm_describe_cell(d, "reg", hart);
    vm_describe_text(d, "status", "okay");
    describe_isa(v, d);
    vm_describe_cell(d, "phandle", virt_cpu_phandle(hart));
    vm_describe_begin(d, "interrupt-controller");
    vm_describe_text(d, "compatible", "riscv,cpu-intc");
    vm_describe_cell(d, "#address-cells", 0);
    vm_describe_cell(d, "#interrupt-cells", 1);
    vm_describe_flag(d, "interrupt-controller");
    vm_describe_cell(d, "phandle", virt_cpu_intc_phandle(hart));
    vm_describe_end(d);
    vm_describe_end(d);
}

static void describe_cpu_map(struct vm_describe *d, uint32_t harts)
{
    vm_describe_begin(d, "cpu-map");
    vm_describe_begin(d, "cluster0");
    for (uint32_t i = 0; i < harts; i++) {
        char name[] = "core00";
        if (i >= 10) {
            name[4] = (char)('0' + i / 10);
            name[5] = (char)('0' + i % 10);
        } else {
            name[4] = (char)('0' + i);
            name[5] = 0;
        }
        vm_describe_begin(d, name);
        vm_describe_cell(d, "cpu", virt_cpu_phandle(i));
        vm_describe_end(d);
    }
    vm_describe_end(d);
    vm_describe_end(d);
}

static void describe_cpus(const struct virt *v, struct vm_describe *d)
{
    uint32_t harts = v->machine->vcpu_count;
    vm_describe_begin(d, "cpus");
    vm_describe_cell(d, "#address-cells", 1);
    vm_describe_cell(d, "#size-cells", 0);
    vm_describe_cell(d, "timebase-frequency", VM_RISCV64_TIMEBASE);
    for (uint32_t i = 0; i < harts; i++)
        describe_cpu(v, d, i);
    describe_cpu_map(d, harts);
    vm_describe_end(d);
}

// --- the rest ---

static void describe_memory(const struct virt *v, struct vm_describe *d)
{
    vm_describe_begin_at(d, "memory", VIRT_RAM_BASE);
    vm_describe_text(d, "device_type", "memory");
    vm_describe_reg(d, VIRT_RAM_BASE, v->config.ram_size);
    vm_describe_end(d);
}

// A value that the guest writes to the test device.
static void describe_syscon(struct vm_describe *d, const char *name, const char *compatible,
                            uint32_t value)
{
    vm_describe_begin(d, name);
    vm_describe_text(d, "compatible", compatible);
    vm_describe_cell(d, "regmap", VIRT_PHANDLE_TEST);
    vm_describe_cell(d, "offset", 0);
    vm_describe_cell(d, "value", value);
    vm_describe_end(d);
}

static void describe_soc(const struct virt *v, struct vm_describe *d)
{
    vm_describe_begin(d, "soc");
    vm_describe_cell(d, "#address-cells", 2);
    vm_describe_cell(d, "#size-cells", 2);
    vm_describe_text(d, "compatible", "simple-bus");
    vm_describe_flag(d, "ranges");
    for (uint32_t i = 0; i < v->device_count && !d->error; i++)
        d->error = v->device[i].ops->describe(v->device[i].device, d->fdt);
    vm_describe_end(d);
}

static void describe_board(const struct virt *v, struct vm_describe *d)
{
    static const char uart[] = "/soc/serial@10000000";
    vm_describe_begin(d, "");
    vm_describe_cell(d, "#address-cells", 2);
    vm_describe_cell(d, "#size-cells", 2);
    vm_describe_text(d, "compatible", "riscv-virtio");
    vm_describe_text(d, "model", "riscv-virtio,trine");
    vm_describe_begin(d, "aliases");
    vm_describe_text(d, "serial0", uart);
    vm_describe_end(d);
    vm_describe_begin(d, "chosen");
    vm_describe_text(d, "stdout-path", uart);
    vm_describe_end(d);
    describe_memory(v, d);
    describe_cpus(v, d);
    describe_soc(v, d);
    describe_syscon(d, "poweroff", "syscon-poweroff", VM_SYSCON_POWEROFF);
    describe_syscon(d, "reboot", "syscon-reboot", VM_SYSCON_RESET);
    vm_describe_end(d);
}

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
        describe_board(v, &d);
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
