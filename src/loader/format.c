// SPDX-License-Identifier: MIT
//
// Telling the formats apart by their magic numbers, and reading the small headers.
#include "format.h"

#include <vm/base/memory.h>

enum {
    MAGIC_CPIO_SIZE = 6,
    BZIMAGE_HEADER = 0x238, // up to xloadflags
};

static bool has(struct vm_loader_view v, size_t offset, const char *magic, size_t size)
{
    return v.size >= offset + size && vm_compare(v.data + offset, magic, size) == 0;
}

static bool is_riscv_linux(struct vm_loader_view v)
{
    // The second magic came with header version 0.2; the first is kept for older boot loaders.
    return v.size >= VM_LOADER_LINUX_HEADER &&
           (has(v, 56, "RSC\x05", 4) || has(v, 48, "RISCV\0\0\0", 8));
}

static bool is_arm64_linux(struct vm_loader_view v)
{
    return v.size >= VM_LOADER_LINUX_HEADER && has(v, 56, "ARM\x64", 4);
}

static bool is_bzimage(struct vm_loader_view v)
{
    return v.size >= BZIMAGE_HEADER && has(v, 0x1fe, "\x55\xaa", 2) && has(v, 0x202, "HdrS", 4);
}

static bool is_zboot(struct vm_loader_view v)
{
    return v.size >= VM_LOADER_LINUX_HEADER && has(v, 0, "MZ", 2) && has(v, 4, "zimg", 4);
}

enum vm_image_format vm_loader_classify(struct vm_loader_view v)
{
    struct vm_loader_pe_header pe;
    if (has(v, 0,
            "\x7f"
            "ELF",
            4))
        return VM_IMAGE_ELF;
    if (has(v, 0, "\x1f\x8b\x08", 3))
        return VM_IMAGE_GZIP;
    if (has(v, 0, "\x28\xb5\x2f\xfd", 4))
        return VM_IMAGE_ZSTD;
    if (has(v, 0, "\xd0\x0d\xfe\xed", 4))
        return VM_IMAGE_FDT;
    if (has(v, 0, "070701", MAGIC_CPIO_SIZE) || has(v, 0, "070702", MAGIC_CPIO_SIZE))
        return VM_IMAGE_CPIO;
    // The kernels may be PE files as well, so these come before.
    if (is_zboot(v))
        return VM_IMAGE_EFI_ZBOOT;
    if (is_riscv_linux(v))
        return VM_IMAGE_RISCV_LINUX;
    if (is_arm64_linux(v))
        return VM_IMAGE_ARM64_LINUX;
    if (is_bzimage(v))
        return VM_IMAGE_X86_BZIMAGE;
    if (vm_loader_pe_header(v, &pe))
        return VM_IMAGE_PE;
    return VM_IMAGE_RAW;
}

bool vm_loader_is_packed(enum vm_image_format format)
{
    return format == VM_IMAGE_GZIP || format == VM_IMAGE_ZSTD || format == VM_IMAGE_EFI_ZBOOT;
}

struct vm_loader_riscv_header vm_loader_riscv_header(struct vm_loader_view v)
{
    uint32_t version = vm_load_le32(v.data + 32);
    return (struct vm_loader_riscv_header){
        .text_offset = vm_load_le64(v.data + 8),
        .image_size = vm_load_le64(v.data + 16),
        .big_endian = v.data[24] & 1,
        .version_major = version >> 16,
        .version_minor = version & 0xffff,
    };
}

// Kernels before 3.17 leave the size 0, and their offset may be of the wrong byte order; it is
// always this one.
enum { OLD_ARM64_OFFSET = 0x80000 };

struct vm_loader_arm64_header vm_loader_arm64_header(struct vm_loader_view v)
{
    struct vm_loader_arm64_header h = {
        .text_offset = vm_load_le64(v.data + 8),
        .image_size = vm_load_le64(v.data + 16),
        .big_endian = v.data[24] & 1,
    };
    if (h.image_size == 0)
        h.text_offset = OLD_ARM64_OFFSET;
    return h;
}

struct vm_loader_zboot_header vm_loader_zboot_header(struct vm_loader_view v)
{
    struct vm_loader_zboot_header h = {vm_load_le32(v.data + 8), vm_load_le32(v.data + 12), ""};
    for (size_t i = 0; i + 1 < sizeof h.compression; i++) {
        char c = (char)v.data[24 + i];
        if (c < 0x21 || c > 0x7e)
            break;
        h.compression[i] = c;
    }
    return h;
}

bool vm_loader_pe_header(struct vm_loader_view v, struct vm_loader_pe_header *out)
{
    // The optional header begins 24 bytes behind the signature, and holds the subsystem at 68
    // (Microsoft PE format, "Optional Header").
    enum { POINTER = 0x3c, NEEDED = 24 + 70 };
    if (!has(v, 0, "MZ", 2) || v.size < POINTER + 4)
        return false;
    size_t at = vm_load_le32(v.data + POINTER);
    if (at > v.size || v.size - at < NEEDED || !has(v, at, "PE\0\0", 4))
        return false;
    *out = (struct vm_loader_pe_header){
        .machine = vm_load_le16(v.data + at + 4),
        .subsystem = vm_load_le16(v.data + at + 24 + 68),
        .entry = vm_load_le32(v.data + at + 24 + 16),
    };
    return true;
}
