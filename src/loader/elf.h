// SPDX-License-Identifier: MIT
//
// The identification bytes of any ELF file, 32 or 64 bits wide, in either byte order.
#ifndef VM_LOADER_ELF_H
#define VM_LOADER_ELF_H

#include "format.h"

enum { ELF_EXEC = 2, ELF_DYN = 3 };

struct vm_loader_elf_ident {
    bool is_64_bit, big_endian;
    unsigned type;    // e_type
    unsigned machine; // e_machine
    uint64_t entry;   // e_entry
};

// False when the header is cut, or its class or byte order is neither of the two.
bool vm_loader_elf_ident(struct vm_loader_view v, struct vm_loader_elf_ident *out);

#endif
