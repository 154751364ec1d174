// SPDX-License-Identifier: MIT
//
// The CPU interface of a GICv3 (Arm IHI 0069, chapter "AArch64 System register descriptions") as
// the vCPU's system registers reach it: a struct vm_register_device, which the frontend calls and
// the device implements. Interrupts may arrive at any time. A register that does not exist makes
// the instruction UNDEFINED; whether an exception level may access it, and what traps, is the
// frontend's. The device also drives the vCPU's lines VM_ARM64_IRQ and VM_ARM64_FIQ.
#ifndef VM_CORE_ARCH_ARM64_GIC_H
#define VM_CORE_ARCH_ARM64_GIC_H

#include <vm/base/types.h>

// A system register as MRS and MSR encode it, the upper bit of op0 included.
#define VM_ARM64_GIC_REGISTER(op0, op1, crn, crm, op2) \
    ((uint16_t)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))

#endif
