// SPDX-License-Identifier: MIT
//
// Headers of the file formats, parsed from a view of the file: all of it, or, inside a compression
// that only was unpacked at its start, the first bytes. No field is trusted before its bounds are
// checked.
#ifndef VM_LOADER_FORMAT_H
#define VM_LOADER_FORMAT_H

#include <vm/loader/loader.h>

struct vm_loader_view {
    const uint8_t *data;
    size_t size;
};

enum vm_image_format vm_loader_classify(struct vm_loader_view v);

// True for the formats that vm_loader_payload finds something packed in.
bool vm_loader_is_packed(enum vm_image_format format);

// An instruction set as a file format names it.
struct vm_loader_machine {
    uint32_t id;
    enum vm_guest_isa isa;
    const char *name;
};

// By e_machine and class of an ELF file, by Machine of a PE file; NULL: not in our lists.
const struct vm_loader_machine *vm_loader_elf_machine(unsigned e_machine, bool is_64_bit);
const struct vm_loader_machine *vm_loader_pe_machine(unsigned machine);

// RISC-V Image header (Linux Documentation/arch/riscv/boot-image-header.rst). `v` has at least
// VM_LOADER_LINUX_HEADER bytes, which vm_loader_classify has seen to.
enum { VM_LOADER_LINUX_HEADER = 64 };

struct vm_loader_riscv_header {
    uint64_t text_offset; // from the start of RAM
    uint64_t image_size;  // with BSS
    bool big_endian;
    unsigned version_major, version_minor;
};

struct vm_loader_riscv_header vm_loader_riscv_header(struct vm_loader_view v);

// ARM64 Image header (Linux Documentation/arch/arm64/booting.rst). `v` as above.
struct vm_loader_arm64_header {
    uint64_t text_offset; // from a multiple of 2 MiB
    uint64_t image_size;  // with BSS
    bool big_endian;
};

struct vm_loader_arm64_header vm_loader_arm64_header(struct vm_loader_view v);

// EFI zboot header: where the packed kernel lies, and the name of its compression as the file has
// it ("gzip", "zstd", "lzma" ...), made of printable characters only.
struct vm_loader_zboot_header {
    uint32_t offset, size;
    char compression[16];
};

struct vm_loader_zboot_header vm_loader_zboot_header(struct vm_loader_view v);

// The PE header that a file which begins with "MZ" points to.
struct vm_loader_pe_header {
    unsigned machine;
    unsigned subsystem; // 10 to 13: EFI
    uint32_t entry;     // offset from the image base
};

bool vm_loader_pe_header(struct vm_loader_view v, struct vm_loader_pe_header *out);

// Puts isa, machine, entry and a line of text about the one format, unpacked or not, into `out`.
void vm_loader_describe(struct vm_loader_view v, enum vm_image_format format,
                        struct vm_image_info *out, char *text, size_t text_size);

#endif
