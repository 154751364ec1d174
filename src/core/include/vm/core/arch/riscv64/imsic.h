// SPDX-License-Identifier: MIT
//
// The incoming MSI controller of a hart (RISC-V Advanced Interrupt Architecture 1.0, chapter
// "IMSIC") as the hart's CSRs reach it: a struct vm_register_device for each privilege level's
// interrupt file, with `exchange` alone, which the frontend calls and the device implements. A file
// also drives that level's external interrupt line. Messages may arrive at any time.
#ifndef VM_CORE_ARCH_RISCV64_IMSIC_H
#define VM_CORE_ARCH_RISCV64_IMSIC_H

#include <vm/core/device.h>

// Registers of an interrupt file by their numbers in miselect and siselect, 0x70 to 0xff (RV64: of
// eip and eie only the even ones exist). Those that are not named here read as zero and ignore
// writes.
enum vm_riscv64_imsic_register {
    VM_RISCV64_EIDELIVERY = 0x70,
    VM_RISCV64_EITHRESHOLD = 0x72,
    VM_RISCV64_EIP0 = 0x80,
    VM_RISCV64_EIE0 = 0xc0,
    // No number of miselect's: mtopei and stopei. The identity of the most urgent interrupt that
    // pends and is enabled, 0 for none, whatever eidelivery says; with a mask, whatever the value,
    // it does not pend any more.
    VM_RISCV64_TOPEI = 0x100,
};

// The files of a hart's IMSIC; without one they have no operations.
struct vm_riscv64_imsic {
    struct vm_register_device machine, supervisor;
};

#endif
