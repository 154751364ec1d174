// SPDX-License-Identifier: MIT
//
// The incoming MSI controller of a hart (RISC-V Advanced Interrupt Architecture 1.0, chapter
// "IMSIC") as the hart's CSRs reach it: the frontend calls, the device implements. There is an
// interrupt file for each privilege level, which also drives that level's external interrupt line.
#ifndef VM_CORE_ARCH_RISCV64_IMSIC_H
#define VM_CORE_ARCH_RISCV64_IMSIC_H

#include <vm/base/types.h>

// Registers of an interrupt file by their numbers in miselect and siselect (RV64: of eip and eie
// only the even ones exist). Those that are not named here read as zero and ignore writes.
enum vm_riscv64_imsic_register {
    VM_RISCV64_EIDELIVERY = 0x70,
    VM_RISCV64_EITHRESHOLD = 0x72,
    VM_RISCV64_EIP0 = 0x80,
    VM_RISCV64_EIE0 = 0xc0,
};

// Called on the hart's thread; messages may arrive at any time, so each function is one step.
struct vm_riscv64_imsic_ops {
    // Replaces the bits of `mask` of a register (0x70 to 0xff) and returns what it was.
    uint64_t (*access)(void *file, unsigned number, uint64_t value, uint64_t mask);
    // The identity of the most urgent interrupt that pends and is enabled, 0 for none, whatever
    // eidelivery says. `claim` has it not pend any more.
    uint32_t (*top)(void *file, bool claim);
};

struct vm_riscv64_interrupt_file {
    const struct vm_riscv64_imsic_ops *ops; // NULL: the hart has no IMSIC
    void *file;
};

// The files of a hart's IMSIC.
struct vm_riscv64_imsic {
    struct vm_riscv64_interrupt_file machine, supervisor;
};

#endif
