// SPDX-License-Identifier: MIT
//
// The CPU interface of a GICv3 (Arm IHI 0069, chapter "AArch64 System register descriptions") as
// the vCPU's system registers reach it: the frontend calls, the device implements. The device also
// drives the vCPU's lines VM_ARM64_IRQ and VM_ARM64_FIQ.
#ifndef VM_CORE_ARCH_ARM64_GIC_H
#define VM_CORE_ARCH_ARM64_GIC_H

#include <vm/base/types.h>

// A system register as MRS and MSR encode it, the upper bit of op0 included.
#define VM_ARM64_GIC_REGISTER(op0, op1, crn, crm, op2) \
    ((uint16_t)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))

// Called on the vCPU's thread; interrupts may arrive at any time, so each function is one step that
// has all its effects, those on the vCPU's lines included, before it returns. Both return false
// when there is no such register, or when it cannot be accessed in that direction: the instruction
// is UNDEFINED. Whether an exception level may access it, and what traps, is the frontend's.
struct vm_arm64_gic_ops {
    bool (*read)(void *gic, uint32_t cpu, uint16_t sysreg, uint64_t *value);
    bool (*write)(void *gic, uint32_t cpu, uint16_t sysreg, uint64_t value);
};

// What a board gives to its frontend.
struct vm_arm64_gic {
    const struct vm_arm64_gic_ops *ops; // NULL: no GIC with system registers
    void *gic;
};

#endif
