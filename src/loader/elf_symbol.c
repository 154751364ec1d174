// SPDX-License-Identifier: MIT
//
// The symbol table of an ELF file (System V ABI, "Sections" and "Symbol Table"). A table that is
// cut or damaged is as good as none: symbols are an extra that a file may lack.
#include <vm/base/memory.h>
#include <vm/loader/loader.h>

enum {
    SHENTSIZE = 64,
    SYMENTSIZE = 24,
    SHT_SYMTAB = 2,
    SHT_STRTAB = 3,
    SHN_UNDEF = 0,
};

struct section {
    const uint8_t *data;
    uint64_t size;
    uint32_t type, link;
    uint64_t entry_size;
};

// False when there is no section `index`, or its header or contents lie outside the file.
static bool get_section(const struct vm_elf *elf, uint32_t index, struct section *out)
{
    if (index >= elf->shnum || elf->shoff > elf->size ||
        (elf->size - elf->shoff) / SHENTSIZE <= index)
        return false;
    const uint8_t *p = elf->data + elf->shoff + (uint64_t)index * SHENTSIZE;
    uint64_t offset = vm_load_le64(p + 24);
    *out = (struct section){
        .size = vm_load_le64(p + 32),
        .type = vm_load_le32(p + 4),
        .link = vm_load_le32(p + 40),
        .entry_size = vm_load_le64(p + 56),
    };
    if (offset > elf->size || out->size > elf->size - offset)
        return false;
    out->data = elf->data + offset;
    return true;
}

static bool name_is(const struct section *strings, uint32_t at, const char *name, size_t size)
{
    return at < strings->size && strings->size - at >= size &&
           vm_compare(strings->data + at, name, size) == 0;
}

static bool search(const struct section *symbols, const struct section *strings, const char *name,
                   uint64_t *value)
{
    size_t size = vm_text_length(name) + 1; // with the terminating zero
    for (uint64_t i = 0; i < symbols->size / SYMENTSIZE; i++) {
        const uint8_t *p = symbols->data + i * SYMENTSIZE;
        if (vm_load_le16(p + 6) == SHN_UNDEF || !name_is(strings, vm_load_le32(p), name, size))
            continue;
        *value = vm_load_le64(p + 8);
        return true;
    }
    return false;
}

bool vm_loader_elf_symbol(const struct vm_elf *elf, const char *name, uint64_t *value)
{
    for (uint32_t i = 0; i < elf->shnum; i++) {
        struct section symbols, strings;
        if (!get_section(elf, i, &symbols) || symbols.type != SHT_SYMTAB)
            continue;
        // A file has one such table; looking at more would let a hostile one take hours.
        return symbols.entry_size == SYMENTSIZE && get_section(elf, symbols.link, &strings) &&
               strings.type == SHT_STRTAB && search(&symbols, &strings, name, value);
    }
    return false;
}
