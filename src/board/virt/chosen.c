// SPDX-License-Identifier: MIT
//
// The chosen node: what the boot of one machine adds to the device tree of its board. Through
// libfdt's read-write functions, which take hostile trees once fdt_check_full has passed them.
#include <libfdt.h>
#include <vm/base/memory.h>

#include "virt.h"

// Free bytes in the tree. U-Boot adds to the tree that it was given where it keeps it, within the
// size that the tree says it has.
enum { SLACK = 4096 };

static const char initrd_start[] = "linux,initrd-start", initrd_end[] = "linux,initrd-end",
                  rng_seed[] = "rng-seed", kaslr_seed[] = "kaslr-seed";

vm_status virt_check_tree(const void *tree, size_t size, struct vm_error *e)
{
    int result = fdt_check_full(tree, size);
    if (result == 0)
        return VM_OK;
    return vm_error_set(e, VM_ERR_FILE,
                        "not a device tree blob that can be used: %s; make one "
                        "with dtc",
                        fdt_strerror(result));
}

static int chosen(const void *tree)
{
    return fdt_path_offset(tree, "/chosen");
}

static int add_chosen(void *tree)
{
    int node = chosen(tree);
    return node == -FDT_ERR_NOTFOUND ? fdt_add_subnode(tree, 0, "chosen") : node;
}

// The error of the first step that fails, or 0.
static int fill(struct virt *v, void *tree)
{
    static const uint8_t blank[VIRT_SEED_SIZE];
    const struct vm_board_config *c = &v->config;
    int node = add_chosen(tree);
    if (node < 0)
        return node;
    int result = c->append ? fdt_setprop_string(tree, node, "bootargs", c->append) : 0;
    if (!result && c->initrd.data)
        result = fdt_setprop_u64(tree, node, initrd_start, 0);
    if (!result && c->initrd.data)
        result = fdt_setprop_u64(tree, node, initrd_end, 0);
    if (!result && v->map.kaslr_seed)
        result = fdt_setprop_u64(tree, node, kaslr_seed, 0);
    return result ? result : fdt_setprop(tree, node, rng_seed, blank, sizeof blank);
}

vm_status virt_finish_tree(struct virt *v, struct vm_error *e)
{
    enum { ROOM = 1024 }; // for the new properties, their names, and the node
    size_t append = v->config.append ? vm_text_length(v->config.append) : 0;
    if (append > VIRT_MAX_TREE)
        return vm_error_set(e, VM_ERR_USAGE, "--append: %zu bytes are too many", append);
    size_t capacity = v->base_tree.size + append + ROOM + SLACK;
    virt_release_blob(v, &v->tree);
    vm_status status = virt_reserve_blob(v, &v->tree, capacity, e);
    if (status != VM_OK)
        return status;
    int result = fdt_open_into(v->base_tree.data, v->tree.data, (int)capacity);
    if (!result)
        result = fill(v, v->tree.data);
    if (!result)
        result = fdt_pack(v->tree.data);
    if (result)
        return vm_error_set(e, VM_ERR_FILE, "cannot add boot information to the device tree: %s",
                            fdt_strerror(result));
    v->tree.size = fdt_totalsize(v->tree.data) + SLACK;
    fdt_set_totalsize(v->tree.data, (uint32_t)v->tree.size);
    if (v->tree.size > VIRT_MAX_TREE)
        return vm_error_set(e, VM_ERR_USAGE,
                            "the device tree with --append is larger than the "
                            "2 MiB that kernels take");
    return VM_OK;
}

void virt_set_initrd(struct virt *v, uint64_t start, uint64_t end)
{
    int node = chosen(v->tree.data);
    fdt_setprop_inplace_u64(v->tree.data, node, initrd_start, start);
    fdt_setprop_inplace_u64(v->tree.data, node, initrd_end, end);
}

size_t virt_seed_offset(const struct virt *v, unsigned index, size_t *size)
{
    static const char *const seeds[] = {rng_seed, kaslr_seed};
    int length = 0;
    const char *at = index < VM_ARRAY_SIZE(seeds)
                         ? fdt_getprop(v->tree.data, chosen(v->tree.data), seeds[index], &length)
                         : NULL;
    bool ours = at && length > 0 && length <= VIRT_SEED_SIZE;
    *size = ours ? (size_t)length : 0;
    return ours ? (size_t)(at - (const char *)v->tree.data) : 0;
}
