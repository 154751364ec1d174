// SPDX-License-Identifier: MIT
//
// The names of instruction sets in ELF and PE files.
#include <vm/base/types.h>

#include "format.h"

const char *vm_loader_isa_name(enum vm_guest_isa isa)
{
    switch (isa) {
    case VM_ISA_NONE: break;
    case VM_ISA_RISCV64: return "riscv64";
    case VM_ISA_ARM64: return "arm64";
    case VM_ISA_X86_64: return "x86_64";
    }
    return "none";
}

enum { RISCV = 243, AARCH64 = 183, X86_64 = 62 };

// e_machine (System V ABI, and the registry of its numbers).
static const struct vm_loader_machine elf_64[] = {
    {RISCV, VM_ISA_RISCV64, "RISC-V 64-bit"},
    {AARCH64, VM_ISA_ARM64, "ARM 64-bit"},
    {X86_64, VM_ISA_X86_64, "x86-64"},
    {8, VM_ISA_NONE, "MIPS 64-bit"},
    {21, VM_ISA_NONE, "PowerPC 64-bit"},
    {22, VM_ISA_NONE, "IBM Z 64-bit"},
    {43, VM_ISA_NONE, "SPARC 64-bit"},
    {50, VM_ISA_NONE, "Itanium"},
    {247, VM_ISA_NONE, "BPF"},
    {258, VM_ISA_NONE, "LoongArch 64-bit"},
    {0x9026, VM_ISA_NONE, "Alpha"},
};

static const struct vm_loader_machine elf_32[] = {
    {RISCV, VM_ISA_NONE, "RISC-V 32-bit"},
    {AARCH64, VM_ISA_NONE, "ARM 64-bit with 32-bit pointers"},
    {X86_64, VM_ISA_NONE, "x86-64 with 32-bit pointers"},
    {2, VM_ISA_NONE, "SPARC 32-bit"},
    {3, VM_ISA_NONE, "x86 32-bit"},
    {4, VM_ISA_NONE, "Motorola 68000"},
    {8, VM_ISA_NONE, "MIPS 32-bit"},
    {15, VM_ISA_NONE, "PA-RISC"},
    {20, VM_ISA_NONE, "PowerPC 32-bit"},
    {22, VM_ISA_NONE, "IBM S/390 31-bit"},
    {40, VM_ISA_NONE, "ARM 32-bit"},
    {42, VM_ISA_NONE, "SuperH"},
    {92, VM_ISA_NONE, "OpenRISC"},
    {94, VM_ISA_NONE, "Xtensa"},
    {189, VM_ISA_NONE, "MicroBlaze"},
    {258, VM_ISA_NONE, "LoongArch 32-bit"},
};

// Machine (Microsoft PE format, "Machine Types").
static const struct vm_loader_machine pe[] = {
    {0x5064, VM_ISA_RISCV64, "RISC-V 64-bit"}, {0xaa64, VM_ISA_ARM64, "ARM 64-bit"},
    {0x8664, VM_ISA_X86_64, "x86-64"},         {0x5032, VM_ISA_NONE, "RISC-V 32-bit"},
    {0x5128, VM_ISA_NONE, "RISC-V 128-bit"},   {0x014c, VM_ISA_NONE, "x86 32-bit"},
    {0x01c0, VM_ISA_NONE, "ARM 32-bit"},       {0x01c2, VM_ISA_NONE, "ARM 32-bit"},
    {0x01c4, VM_ISA_NONE, "ARM 32-bit"},       {0x0200, VM_ISA_NONE, "Itanium"},
    {0x0ebc, VM_ISA_NONE, "EFI byte code"},    {0x6232, VM_ISA_NONE, "LoongArch 32-bit"},
    {0x6264, VM_ISA_NONE, "LoongArch 64-bit"},
};

static const struct vm_loader_machine *find(const struct vm_loader_machine *table, size_t count,
                                            unsigned id)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].id == id)
            return &table[i];
    }
    return NULL;
}

const struct vm_loader_machine *vm_loader_elf_machine(unsigned e_machine, bool is_64_bit)
{
    return is_64_bit ? find(elf_64, VM_ARRAY_SIZE(elf_64), e_machine)
                     : find(elf_32, VM_ARRAY_SIZE(elf_32), e_machine);
}

const struct vm_loader_machine *vm_loader_pe_machine(unsigned machine)
{
    return find(pe, VM_ARRAY_SIZE(pe), machine);
}
