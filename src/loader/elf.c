// SPDX-License-Identifier: MIT
//
// ELF files: header and program headers of 64-bit little-endian ones (System V ABI, "ELF Header"
// and "Program Header"). Everything is checked in vm_loader_elf_open; the other functions read what
// it has seen.
#include "elf.h"

#include <vm/base/memory.h>

enum {
    HEADER_64 = 64,
    HEADER_32 = 52,
    PHENTSIZE = 56,
    PT_LOAD = 1,
    PF_X = 1,
    PN_XNUM = 0xffff,
};

bool vm_loader_elf_ident(struct vm_loader_view v, struct vm_loader_elf_ident *out)
{
    if (v.size < HEADER_32)
        return false;
    const uint8_t *p = v.data;
    bool is_64_bit = p[4] == 2, big = p[5] == 2;
    if ((p[4] != 1 && p[4] != 2) || (p[5] != 1 && p[5] != 2) || (is_64_bit && v.size < HEADER_64))
        return false;
    out->is_64_bit = is_64_bit;
    out->big_endian = big;
    out->type = big ? vm_load_be32(p + 16) >> 16 : vm_load_le16(p + 16);
    out->machine = big ? vm_load_be32(p + 16) & 0xffff : vm_load_le16(p + 18);
    if (!is_64_bit)
        out->entry = big ? vm_load_be32(p + 24) : vm_load_le32(p + 24);
    else
        out->entry = big ? (uint64_t)vm_load_be32(p + 24) << 32 | vm_load_be32(p + 28)
                         : vm_load_le64(p + 24);
    return true;
}

static vm_status bad(struct vm_error *e, const char *what)
{
    return vm_error_set(e, VM_ERR_FILE, "ELF file %s; get or build it again", what);
}

static vm_status check_kind(struct vm_loader_view v, struct vm_loader_elf_ident *ident,
                            struct vm_error *e)
{
    if (vm_loader_classify(v) != VM_IMAGE_ELF)
        return vm_error_set(e, VM_ERR_FILE, "not an ELF file; give one");
    if (!vm_loader_elf_ident(v, ident))
        return bad(e, "has a damaged header");
    if (!ident->is_64_bit || ident->big_endian)
        return vm_error_set(e, VM_ERR_FILE,
                            "ELF file is %s-bit %s-endian; give a 64-bit little-endian one",
                            ident->is_64_bit ? "64" : "32", ident->big_endian ? "big" : "little");
    if (ident->type != ELF_EXEC && ident->type != ELF_DYN)
        return vm_error_set(e, VM_ERR_FILE,
                            "ELF file is of type %u; give an executable (link it first)",
                            ident->type);
    return VM_OK;
}

static const uint8_t *program_header(const struct vm_elf *elf, uint32_t index)
{
    return elf->data + elf->phoff + (uint64_t)index * PHENTSIZE;
}

bool vm_loader_elf_segment(const struct vm_elf *elf, uint32_t *index, struct vm_elf_segment *out)
{
    while (*index < elf->phnum) {
        const uint8_t *p = program_header(elf, (*index)++);
        if (vm_load_le32(p) != PT_LOAD || vm_load_le64(p + 40) == 0)
            continue;
        *out = (struct vm_elf_segment){
            .executable = vm_load_le32(p + 4) & PF_X,
            .offset = vm_load_le64(p + 8),
            .vaddr = vm_load_le64(p + 16),
            .paddr = vm_load_le64(p + 24),
            .filesz = vm_load_le64(p + 32),
            .memsz = vm_load_le64(p + 40),
        };
        return true;
    }
    return false;
}

static vm_status check_segment(const struct vm_elf *elf, const struct vm_elf_segment *s,
                               struct vm_error *e)
{
    if (s->filesz > s->memsz)
        return bad(e, "has a segment larger in the file than in memory");
    if (s->offset > elf->size || s->filesz > elf->size - s->offset)
        return bad(e, "has a segment beyond the end of the file: it is truncated");
    // The last byte must have an address.
    if (s->memsz - 1 > UINT64_MAX - s->paddr || s->memsz - 1 > UINT64_MAX - s->vaddr)
        return bad(e, "has a segment that wraps around the address space");
    return VM_OK;
}

static vm_status check_overlap(const struct vm_elf *elf, uint32_t index,
                               const struct vm_elf_segment *s, struct vm_error *e)
{
    struct vm_elf_segment other;
    while (vm_loader_elf_segment(elf, &index, &other)) {
        if (other.paddr - s->paddr < s->memsz || s->paddr - other.paddr < other.memsz)
            return vm_error_set(e, VM_ERR_FILE,
                                "ELF file has overlapping segments at physical 0x%llx and 0x%llx; "
                                "link it again",
                                (unsigned long long)s->paddr, (unsigned long long)other.paddr);
    }
    return VM_OK;
}

static vm_status check_segments(const struct vm_elf *elf, struct vm_error *e)
{
    uint32_t index = 0, count = 0;
    struct vm_elf_segment s;
    while (vm_loader_elf_segment(elf, &index, &s)) {
        if (++count > VM_ELF_MAX_SEGMENTS)
            return vm_error_set(e, VM_ERR_FILE,
                                "ELF file has more than %d segments to load; link it with fewer",
                                (int)VM_ELF_MAX_SEGMENTS);
        vm_status status = check_segment(elf, &s, e);
        if (status != VM_OK)
            return status;
    }
    if (count == 0)
        return vm_error_set(e, VM_ERR_FILE, "ELF file has no segment to load; link it again");
    for (index = 0; vm_loader_elf_segment(elf, &index, &s);) {
        vm_status status = check_overlap(elf, index, &s, e);
        if (status != VM_OK)
            return status;
    }
    return VM_OK;
}

vm_status vm_loader_elf_open(const void *data, size_t size, struct vm_elf *elf, struct vm_error *e)
{
    struct vm_loader_elf_ident ident;
    vm_status status = check_kind((struct vm_loader_view){data, size}, &ident, e);
    if (status != VM_OK)
        return status;
    const uint8_t *p = data;
    const struct vm_loader_machine *machine = vm_loader_elf_machine(ident.machine, true);
    *elf = (struct vm_elf){
        .data = data,
        .size = size,
        .isa = machine ? machine->isa : VM_ISA_NONE,
        .entry = ident.entry,
        .phoff = vm_load_le64(p + 32),
        .shoff = vm_load_le64(p + 40),
        .phnum = vm_load_le16(p + 56),
        .shnum = vm_load_le16(p + 60),
    };
    if (elf->phnum > 0 && vm_load_le16(p + 54) != PHENTSIZE)
        return bad(e, "has program headers of a wrong size");
    if (elf->phnum == PN_XNUM || elf->phoff > size ||
        (uint64_t)elf->phnum * PHENTSIZE > size - elf->phoff)
        return bad(e, "has program headers beyond the end of the file: it is truncated");
    return check_segments(elf, e);
}

vm_gpa vm_loader_elf_entry(const struct vm_elf *elf)
{
    struct vm_elf_segment s;
    uint64_t found = elf->entry;
    bool executable = false;
    for (uint32_t index = 0; vm_loader_elf_segment(elf, &index, &s);) {
        // Virtual ranges may overlap; what can be executed goes first.
        if (elf->entry - s.vaddr >= s.memsz || executable)
            continue;
        found = elf->entry - s.vaddr + s.paddr;
        executable = s.executable;
    }
    return vm_gpa_of(found);
}
