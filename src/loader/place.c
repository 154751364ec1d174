// SPDX-License-Identifier: MIT
//
// vm_loader_place: where the bytes of a kernel or firmware go. Each format first makes sure that
// all of it fits, and then places it.
#include <vm/base/memory.h>

#include "format.h"

typedef unsigned long long ull;

enum { RISCV_ALIGNMENT = 2 << 20, ARM64_ALIGNMENT = 2 << 20 };

static vm_status check_isa(const struct vm_loader_request *r, const struct vm_image_info *info,
                           struct vm_error *e)
{
    // Flat binaries and archives do not say what they are for; ELF files always do.
    if (info->isa == r->isa || (!info->machine && info->content != VM_IMAGE_ELF))
        return VM_OK;
    return vm_error_set(e, VM_ERR_FILE, "%.100s, but the machine is %s; give a file for %s%s%s",
                        info->description, vm_loader_isa_name(r->isa), vm_loader_isa_name(r->isa),
                        info->isa != VM_ISA_NONE ? ", or --guest " : "",
                        info->isa != VM_ISA_NONE ? vm_loader_isa_name(info->isa) : "");
}

// All of [address, address + size) must be RAM.
static vm_status check_fit(const struct vm_loader_request *r, const char *what, uint64_t address,
                           uint64_t size, struct vm_error *e)
{
    uint64_t offset = address - r->ram_base.v;
    if (address >= r->ram_base.v && offset <= r->ram_size && size <= r->ram_size - offset)
        return VM_OK;
    const char *fix =
        address >= r->ram_base.v ? "give more memory (--memory)" : "link it for this machine";
    return vm_error_set(e, VM_ERR_FILE,
                        "%s needs 0x%llx bytes at 0x%llx, but RAM is 0x%llx bytes at 0x%llx; %s",
                        what, (ull)size, (ull)address, (ull)r->ram_size, (ull)r->ram_base.v, fix);
}

static vm_status place_one(const struct vm_loader_request *r, const char *what, uint64_t address,
                           struct vm_loader_view v, uint64_t memsz, struct vm_loader_placement *out,
                           struct vm_error *e)
{
    vm_status s = check_fit(r, what, address, memsz, e);
    if (s != VM_OK)
        return s;
    out->entry = out->lowest = vm_gpa_of(address);
    out->end = vm_gpa_of(address + memsz);
    return r->place(r->context, out->lowest, v.data, v.size, memsz, e);
}

static vm_status place_riscv(const struct vm_loader_request *r, struct vm_loader_view v,
                             struct vm_loader_placement *out, struct vm_error *e)
{
    struct vm_loader_riscv_header h = vm_loader_riscv_header(v);
    if (h.big_endian)
        return vm_error_set(e, VM_ERR_FILE,
                            "Linux Image is for a big-endian RISC-V; give a little-endian one");
    // A kernel for machine mode has offset 0: it goes where RAM begins.
    uint64_t address = r->ram_base.v + h.text_offset;
    if (h.text_offset > r->ram_size || address % RISCV_ALIGNMENT != 0)
        return vm_error_set(e, VM_ERR_FILE,
                            "Linux Image asks for load offset 0x%llx, which is not in RAM or not a "
                            "multiple of 2 MiB; give more memory, or get the file again",
                            (ull)h.text_offset);
    uint64_t memsz = h.image_size > v.size ? h.image_size : v.size;
    return place_one(r, "Linux Image", address, v, memsz, out, e);
}

// As low as may be: RAM below the kernel is lost to some.
static vm_status place_arm64(const struct vm_loader_request *r, struct vm_loader_view v,
                             struct vm_loader_placement *out, struct vm_error *e)
{
    struct vm_loader_arm64_header h = vm_loader_arm64_header(v);
    if (h.big_endian)
        return vm_error_set(e, VM_ERR_FILE,
                            "Linux Image is for a big-endian ARM64; give a little-endian one");
    if (h.text_offset > r->ram_size)
        return vm_error_set(e, VM_ERR_FILE,
                            "Linux Image asks for load offset 0x%llx, which is not in RAM; give "
                            "more memory, or get the file again",
                            (ull)h.text_offset);
    uint64_t base = (r->ram_base.v + ARM64_ALIGNMENT - 1) & ~(uint64_t)(ARM64_ALIGNMENT - 1);
    uint64_t memsz = h.image_size > v.size ? h.image_size : v.size;
    return place_one(r, "Linux Image", base + h.text_offset, v, memsz, out, e);
}

static vm_status place_elf(const struct vm_loader_request *r, struct vm_loader_view v,
                           struct vm_loader_placement *out, struct vm_error *e)
{
    struct vm_elf elf;
    struct vm_elf_segment s;
    vm_status status = vm_loader_elf_open(v.data, v.size, &elf, e);
    out->lowest = vm_gpa_of(UINT64_MAX);
    out->end = vm_gpa_of(0);
    for (uint32_t i = 0; status == VM_OK && vm_loader_elf_segment(&elf, &i, &s);) {
        status = check_fit(r, "ELF segment", s.paddr, s.memsz, e);
        if (s.paddr < out->lowest.v)
            out->lowest = vm_gpa_of(s.paddr);
        if (s.paddr + s.memsz > out->end.v)
            out->end = vm_gpa_of(s.paddr + s.memsz);
    }
    if (status == VM_OK) {
        out->entry = vm_loader_elf_entry(&elf);
        status = check_fit(r, "ELF entry point", out->entry.v, 1, e);
    }
    for (uint32_t i = 0; status == VM_OK && vm_loader_elf_segment(&elf, &i, &s);)
        status =
            r->place(r->context, vm_gpa_of(s.paddr), elf.data + s.offset, s.filesz, s.memsz, e);
    return status;
}

static const char *kernel_hint(enum vm_image_format format)
{
    switch (format) {
    case VM_IMAGE_FDT: return "give it as --dtb, and a kernel here";
    case VM_IMAGE_CPIO: return "give it as --initrd, and a kernel here";
    case VM_IMAGE_PE: return "EFI applications need firmware; give a Linux Image or an ELF file";
    default: return "give a Linux Image or an ELF file";
    }
}

static vm_status place_unpacked(const struct vm_loader_request *r, struct vm_loader_view v,
                                struct vm_loader_placement *out, struct vm_error *e)
{
    bool kernel = r->role == VM_LOADER_KERNEL;
    enum vm_image_format format = vm_loader_classify(v);
    if (format == VM_IMAGE_ELF)
        return place_elf(r, v, out, e);
    if (kernel && format == VM_IMAGE_RISCV_LINUX && r->isa == VM_ISA_RISCV64)
        return place_riscv(r, v, out, e);
    if (kernel && format == VM_IMAGE_ARM64_LINUX && r->isa == VM_ISA_ARM64)
        return place_arm64(r, v, out, e);
    if (!kernel && format == VM_IMAGE_RAW && v.size > 0)
        return place_one(r, "flat binary", r->ram_base.v, v, v.size, out, e);
    return vm_error_set(e, VM_ERR_FILE, "not %s that can be loaded (%.100s); %s",
                        kernel ? "a kernel" : "firmware", out->info.description,
                        kernel ? kernel_hint(format) : "give an ELF file or a flat binary");
}

vm_status vm_loader_place(const struct vm_loader_request *request, struct vm_loader_placement *out,
                          struct vm_error *e)
{
    *out = (struct vm_loader_placement){0};
    vm_loader_identify(request->data, request->size, &out->info);
    vm_status s = check_isa(request, &out->info, e);
    if (s != VM_OK)
        return s;
    struct vm_unpacked u;
    s = vm_loader_unpack(request->data, request->size, request->unpack_limit, request->allocator,
                         &u, e);
    if (s != VM_OK)
        return s;
    s = place_unpacked(request, (struct vm_loader_view){u.data, u.size}, out, e);
    vm_loader_unpacked_release(&u);
    return s;
}
