// SPDX-License-Identifier: MIT
//
// Looking into files without a machine.
#include <vm/base/format.h>
#include <vm/libvm/libvm.h>
#include <vm/loader/loader.h>
#include <vm/osal/memory.h>

// More than a kernel unpacks to; a small file can claim any size.
#define UNPACK_LIMIT (UINT64_C(1) << 30)

const char *vm_file_guest(const void *data, size_t size)
{
    struct vm_image_info info;
    vm_loader_identify(data, size, &info);
    return info.isa == VM_ISA_NONE ? NULL : vm_loader_isa_name(info.isa);
}

static vm_status visit_segments(const struct vm_elf *elf, vm_code_visitor *visit, void *context,
                                struct vm_error *e)
{
    struct vm_elf_segment s;
    vm_status status = VM_OK;
    bool found = false;
    for (uint32_t i = 0; status == VM_OK && vm_loader_elf_segment(elf, &i, &s);) {
        if (!s.executable || s.filesz == 0)
            continue;
        found = true;
        status = visit(context, s.vaddr, elf->data + s.offset, s.filesz);
    }
    return found ? status : vm_error_set(e, VM_ERR_FILE, "no segment of the ELF file has code");
}

vm_status vm_visit_code(const void *data, size_t size, vm_code_visitor *visit, void *context,
                        struct vm_error *e)
{
    struct vm_image_info info;
    struct vm_unpacked u;
    struct vm_elf elf;
    vm_loader_identify(data, size, &info);
    vm_status status = vm_loader_unpack(data, size, UNPACK_LIMIT, vm_osal_allocator(), &u, e);
    if (status != VM_OK)
        return status;
    if (info.content != VM_IMAGE_ELF)
        status = visit(context, 0, u.data, u.size);
    else if ((status = vm_loader_elf_open(u.data, u.size, &elf, e)) == VM_OK)
        status = visit_segments(&elf, visit, context, e);
    vm_loader_unpacked_release(&u);
    return status;
}
