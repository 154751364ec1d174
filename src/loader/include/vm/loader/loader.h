// SPDX-License-Identifier: MIT
//
// Kernel and firmware files: what a file is, what is packed in it, and where its bytes go in guest
// memory. Works on bytes that the caller has read; nothing here opens a file, keeps state, or
// trusts a field before it is checked. Safe from any thread.
//
// Error lines say what, which kind of file, and the fix; the caller puts the file's name before
// them (vm_error_prefix).
#ifndef VM_LOADER_LOADER_H
#define VM_LOADER_LOADER_H

#include <vm/base/arena.h>
#include <vm/base/error.h>

// The guest architectures that Trine is made for.
enum vm_guest_isa {
    VM_ISA_NONE, // the file does not say, or names one that is not in this list
    VM_ISA_RISCV64,
    VM_ISA_ARM64,
    VM_ISA_X86_64,
};

// The name as on the command line: "riscv64", "arm64", "x86_64"; "none".
const char *vm_loader_isa_name(enum vm_guest_isa isa);

enum vm_image_format {
    VM_IMAGE_RAW, // nothing known: a flat binary, text, or noise
    VM_IMAGE_ELF,
    VM_IMAGE_RISCV_LINUX, // RISC-V "Image" (Linux Documentation/arch/riscv/boot-image-header.rst)
    VM_IMAGE_ARM64_LINUX, // ARM64 "Image" (Linux Documentation/arch/arm64/booting.rst)
    VM_IMAGE_X86_BZIMAGE, // (Linux Documentation/arch/x86/boot.rst)
    VM_IMAGE_PE,          // PE/COFF, mostly EFI applications
    VM_IMAGE_EFI_ZBOOT,   // a compressed kernel in an EFI application that unpacks it
    VM_IMAGE_GZIP,
    VM_IMAGE_ZSTD,
    VM_IMAGE_FDT,  // flattened device tree
    VM_IMAGE_CPIO, // cpio archive in the "newc" format, as initrds are
};

enum { VM_IMAGE_TEXT_SIZE = 256 };

struct vm_image_info {
    enum vm_image_format format;  // of the file as it is
    enum vm_image_format content; // of what is left when every compression is taken off
    unsigned layers;              // compressions between the two, at most VM_LOADER_MAX_LAYERS
    enum vm_guest_isa isa;        // of the content (of the wrapper when the content does not say)
    const char *machine;          // for messages: "RISC-V 64-bit", "PowerPC"; NULL: not said
    bool has_entry;
    uint64_t entry; // ELF: virtual address; PE: offset from the image base
    // One line for people: "gzip, in it Linux Image for RISC-V 64-bit (...)".
    char description[VM_IMAGE_TEXT_SIZE];
};

enum { VM_LOADER_MAX_LAYERS = 3 };

// Says what the bytes are. Never fails: bytes that are nothing known are VM_IMAGE_RAW. Of
// compressed content it unpacks only the start, and nothing when this build lacks the decompressor
// (then `content` is the compression itself).
void vm_loader_identify(const void *data, size_t size, struct vm_image_info *out);

// True when this build can take off the compression `format` (VM_IMAGE_GZIP, VM_IMAGE_ZSTD).
bool vm_loader_unpacks(enum vm_image_format format);

// Bytes with every compression taken off.
struct vm_unpacked {
    const void *data;
    size_t size;
    void *owned; // what vm_loader_unpacked_release gives back; NULL: data is the caller's own
    size_t owned_size;
    const struct vm_allocator *allocator;
};

// Takes off gzip, zstd and EFI zboot, nested at most VM_LOADER_MAX_LAYERS deep; bytes that are not
// compressed are passed on as they are. No layer may unpack to more than `limit` bytes. *out refers
// to `data`, or to memory of `allocator` until vm_loader_unpacked_release. VM_ERR_FILE: damaged,
// truncated, too large, or packed in a way that this build does not know; VM_ERR_HOST: no memory.
vm_status vm_loader_unpack(const void *data, size_t size, uint64_t limit,
                           const struct vm_allocator *allocator, struct vm_unpacked *out,
                           struct vm_error *e);

void vm_loader_unpacked_release(struct vm_unpacked *unpacked);

// Writes to guest memory: `filesz` bytes of `data` at `address`, then zeros up to `memsz` (at least
// filesz). Ranges of one file never overlap. A failure ends the loading and is passed on.
typedef vm_status vm_loader_place_fn(void *context, vm_gpa address, const void *data,
                                     uint64_t filesz, uint64_t memsz, struct vm_error *e);

// A 64-bit little-endian ELF file whose header has been checked. Refers to the caller's bytes.
struct vm_elf {
    const uint8_t *data;
    size_t size;
    enum vm_guest_isa isa; // VM_ISA_NONE: e_machine is another
    uint64_t entry;        // virtual address
    uint64_t phoff, shoff;
    uint32_t phnum, shnum;
};

// One PT_LOAD segment, checked: [offset, offset+filesz) lies in the file, filesz <= memsz, and no
// address range wraps around.
struct vm_elf_segment {
    uint64_t vaddr, paddr, offset, filesz, memsz;
    bool executable;
};

enum { VM_ELF_MAX_SEGMENTS = 256 };

// Checks the header and all PT_LOAD segments: bounds, order of sizes, overlap in physical memory,
// and that there are between 1 and VM_ELF_MAX_SEGMENTS of them. VM_ERR_FILE otherwise.
vm_status vm_loader_elf_open(const void *data, size_t size, struct vm_elf *elf, struct vm_error *e);

// The next PT_LOAD segment that takes memory, at or after program header *index (start with 0;
// *index moves past it); false when there is none left.
bool vm_loader_elf_segment(const struct vm_elf *elf, uint32_t *index, struct vm_elf_segment *out);

// The physical address of the entry point: through the segment that holds it by virtual address, or
// as it is when none does.
vm_gpa vm_loader_elf_entry(const struct vm_elf *elf);

// The value of the defined symbol `name` in the symbol table; false when the file has no such
// symbol, or no symbol table that can be read.
bool vm_loader_elf_symbol(const struct vm_elf *elf, const char *name, uint64_t *value);

// What a file is to be loaded as.
enum vm_loader_role {
    VM_LOADER_KERNEL,   // a format that says where it goes; anything else is refused
    VM_LOADER_FIRMWARE, // ELF, or a flat binary for the start of RAM
};

struct vm_loader_request {
    const void *data; // the file, packed or not
    size_t size;
    enum vm_loader_role role;
    enum vm_guest_isa isa; // of the machine; a file for another one is refused
    vm_gpa ram_base;       // nothing is placed outside [ram_base, ram_base + ram_size)
    uint64_t ram_size;
    uint64_t unpack_limit; // bytes, for every layer of compression
    const struct vm_allocator *allocator;
    vm_loader_place_fn *place;
    void *context; // of place
};

struct vm_loader_placement {
    struct vm_image_info info;
    vm_gpa entry;
    vm_gpa lowest, end; // all memory that the image takes lies in [lowest, end), BSS included
};

// Unpacks, checks everything, and only then calls `place` for each range. VM_ERR_FILE: the file is
// damaged, is not of the role's formats, is for another guest, or does not fit into RAM.
vm_status vm_loader_place(const struct vm_loader_request *request, struct vm_loader_placement *out,
                          struct vm_error *e);

#endif
