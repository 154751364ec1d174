// SPDX-License-Identifier: MIT
//
// What one layer of a file is, in fields and in words.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "elf.h"

typedef unsigned long long ull;

static void set_machine(struct vm_image_info *out, const struct vm_loader_machine *m)
{
    if (!m)
        return;
    out->machine = m->name;
    out->isa = m->isa;
}

static void set_isa(struct vm_image_info *out, enum vm_guest_isa isa, const char *name)
{
    out->isa = isa;
    out->machine = name;
}

static void set_entry(struct vm_image_info *out, uint64_t entry)
{
    out->has_entry = true;
    out->entry = entry;
}

static void describe_elf(struct vm_loader_view v, struct vm_image_info *out, char *text, size_t n)
{
    static const char *const types[] = {"file without type", "object file", "executable",
                                        "shared object", "core dump"};
    struct vm_loader_elf_ident id;
    if (!vm_loader_elf_ident(v, &id)) {
        vm_format(text, n, "ELF file with a damaged header");
        return;
    }
    set_machine(out, vm_loader_elf_machine(id.machine, id.is_64_bit));
    if (id.big_endian && out->isa != VM_ISA_NONE)
        set_isa(out, VM_ISA_NONE, "a big-endian machine");
    set_entry(out, id.entry);
    char unknown[32];
    vm_format(unknown, sizeof unknown, "machine %u", id.machine);
    vm_format(text, n, "ELF %s-bit %s-endian %s for %s, entry 0x%llx", id.is_64_bit ? "64" : "32",
              id.big_endian ? "big" : "little",
              id.type < VM_ARRAY_SIZE(types) ? types[id.type] : "file of a special type",
              out->machine ? out->machine : unknown, (ull)id.entry);
}

static void describe_riscv(struct vm_loader_view v, struct vm_image_info *out, char *text, size_t n)
{
    struct vm_loader_riscv_header h = vm_loader_riscv_header(v);
    struct vm_loader_pe_header pe;
    // The header itself does not say how wide the registers are; its EFI part does.
    if (vm_loader_pe_header(v, &pe) && vm_loader_pe_machine(pe.machine))
        set_machine(out, vm_loader_pe_machine(pe.machine));
    else
        set_isa(out, VM_ISA_RISCV64, "RISC-V 64-bit");
    vm_format(text, n,
              "Linux Image for %s, load offset 0x%llx, %llu KiB in memory, header version %u.%u%s",
              out->machine, (ull)h.text_offset, (ull)(h.image_size >> 10), h.version_major,
              h.version_minor, h.big_endian ? ", big-endian" : "");
}

static void describe_arm64(struct vm_loader_view v, struct vm_image_info *out, char *text, size_t n)
{
    bool big = v.data[24] & 1; // flags, bit 0
    set_isa(out, VM_ISA_ARM64, "ARM 64-bit");
    vm_format(text, n, "Linux Image for ARM 64-bit, load offset 0x%llx, %llu KiB in memory%s",
              (ull)vm_load_le64(v.data + 8), (ull)(vm_load_le64(v.data + 16) >> 10),
              big ? ", big-endian" : "");
}

static void describe_bzimage(struct vm_loader_view v, struct vm_image_info *out, char *text,
                             size_t n)
{
    enum { HAS_XLOADFLAGS = 0x20c, XLF_KERNEL_64 = 1 };
    unsigned version = vm_load_le16(v.data + 0x206);
    if (version >= HAS_XLOADFLAGS && vm_load_le16(v.data + 0x236) & XLF_KERNEL_64)
        set_isa(out, VM_ISA_X86_64, "x86-64");
    else
        set_isa(out, VM_ISA_NONE, "x86 32-bit");
    vm_format(text, n, "Linux bzImage for %s, boot protocol %u.%02u", out->machine, version >> 8,
              version & 0xff);
}

static void describe_pe(struct vm_loader_view v, struct vm_image_info *out, char *text, size_t n)
{
    enum { EFI_FIRST = 10, EFI_LAST = 13 };
    struct vm_loader_pe_header h;
    if (!vm_loader_pe_header(v, &h)) {
        vm_format(text, n, "PE file with a damaged header");
        return;
    }
    set_machine(out, vm_loader_pe_machine(h.machine));
    set_entry(out, h.entry);
    char unknown[32];
    vm_format(unknown, sizeof unknown, "machine 0x%x", h.machine);
    vm_format(text, n, "%s for %s, entry at offset 0x%x",
              h.subsystem >= EFI_FIRST && h.subsystem <= EFI_LAST ? "EFI application (PE)"
                                                                  : "PE executable",
              out->machine ? out->machine : unknown, h.entry);
}

static void describe_zboot(struct vm_loader_view v, struct vm_image_info *out, char *text, size_t n)
{
    struct vm_loader_pe_header pe;
    if (vm_loader_pe_header(v, &pe))
        set_machine(out, vm_loader_pe_machine(pe.machine));
    vm_format(text, n, "EFI zboot kernel packed with %s",
              vm_loader_zboot_header(v).compression[0] ? vm_loader_zboot_header(v).compression
                                                       : "an unnamed compression");
}

static void describe_fdt(struct vm_loader_view v, char *text, size_t n)
{
    // totalsize and version (Devicetree Specification, section 5.2).
    if (v.size < 40)
        vm_format(text, n, "flattened device tree with a damaged header");
    else
        vm_format(text, n, "flattened device tree, %u bytes, version %u", vm_load_be32(v.data + 4),
                  vm_load_be32(v.data + 20));
}

void vm_loader_describe(struct vm_loader_view v, enum vm_image_format format,
                        struct vm_image_info *out, char *text, size_t text_size)
{
    switch (format) {
    case VM_IMAGE_ELF: describe_elf(v, out, text, text_size); break;
    case VM_IMAGE_RISCV_LINUX: describe_riscv(v, out, text, text_size); break;
    case VM_IMAGE_ARM64_LINUX: describe_arm64(v, out, text, text_size); break;
    case VM_IMAGE_X86_BZIMAGE: describe_bzimage(v, out, text, text_size); break;
    case VM_IMAGE_PE: describe_pe(v, out, text, text_size); break;
    case VM_IMAGE_EFI_ZBOOT: describe_zboot(v, out, text, text_size); break;
    case VM_IMAGE_FDT: describe_fdt(v, text, text_size); break;
    case VM_IMAGE_GZIP: vm_format(text, text_size, "gzip data"); break;
    case VM_IMAGE_ZSTD: vm_format(text, text_size, "zstd data"); break;
    case VM_IMAGE_CPIO: vm_format(text, text_size, "cpio archive, as initrds are"); break;
    case VM_IMAGE_RAW:
        vm_format(text, text_size, "%s",
                  v.size ? "unknown format: a flat binary, or arbitrary data"
                         : "nothing: it is empty");
        break;
    }
}
