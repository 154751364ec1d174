// SPDX-License-Identifier: MIT
//
// A build without libfdt: the device tree is what --dtb gave, as it is, and nothing can be added.
#include <vm/base/memory.h>

#include "virt.h"

// Of the header (Devicetree Specification, section 5.2).
enum { FDT_MAGIC = 0xd00dfeed, HEADER_SIZE = 40, TOTALSIZE = 4 };

vm_status virt_check_tree(const void *tree, size_t size, struct vm_error *e)
{
    const uint8_t *header = tree;
    if (size < HEADER_SIZE || vm_load_be32(header) != (uint32_t)FDT_MAGIC ||
        vm_load_be32(header + TOTALSIZE) > size)
        return vm_error_set(e, VM_ERR_FILE, "not a device tree blob; make one with dtc");
    return VM_OK;
}

vm_status virt_finish_tree(struct virt *v, struct vm_error *e)
{
    const struct vm_board_config *c = &v->config;
    if (c->append || c->initrd.data)
        return vm_error_set(e, VM_ERR_USAGE,
                            "%s needs libfdt, which this build does not have; put "
                            "it into the tree of --dtb",
                            c->append ? "--append" : "--initrd");
    virt_release_blob(v, &v->tree);
    vm_status status = virt_reserve_blob(v, &v->tree, v->base_tree.size, e);
    if (status != VM_OK)
        return status;
    vm_copy(v->tree.data, v->base_tree.data, v->base_tree.size);
    v->tree.size = v->base_tree.size;
    return VM_OK;
}

void virt_set_initrd(struct virt *v, uint64_t start, uint64_t end)
{
    (void)v, (void)start, (void)end; // refused above
}

size_t virt_seed_offset(const struct virt *v, unsigned index, size_t *size)
{
    (void)v, (void)index, (void)size;
    return 0;
}
