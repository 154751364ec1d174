// SPDX-License-Identifier: MIT
//
// The architectural state of a RISC-V hart, as frontend, engines and accelerators share it. Names
// are the privileged architecture's (volume II); CSR bits are in frontend-riscv64.
#ifndef VM_CORE_ARCH_RISCV64_STATE_H
#define VM_CORE_ARCH_RISCV64_STATE_H

#include <vm/base/softfloat.h>
#include <vm/base/types.h>
#include <vm/core/arch/riscv64/imsic.h>
#include <vm/core/timer.h>

enum { VM_RISCV64_PMP_ENTRIES = 16, VM_RISCV64_HPM_COUNTERS = 29 };

// Privilege modes as encoded in mstatus.MPP (volume II, 1.2).
enum vm_riscv64_privilege {
    VM_RISCV64_U = 0,
    VM_RISCV64_S = 1,
    VM_RISCV64_M = 3,
};

// Interrupt lines of vm_vcpu_set_irq: bit numbers of mip (volume II, 3.1.9).
enum vm_riscv64_line {
    VM_RISCV64_SSI = 1,
    VM_RISCV64_MSI = 3,
    VM_RISCV64_STI = 5,
    VM_RISCV64_MTI = 7,
    VM_RISCV64_SEI = 9,
    VM_RISCV64_MEI = 11,
};

// What the frontend keeps beside the architectural state, all of it derived or the board's: nothing
// here is saved.
struct vm_riscv64_derived {
    struct vm_riscv64_imsic imsic;
    struct vm_timer stimer; // fires when `time` reaches stimecmp
    // The physical range, first to last byte, of each PMP entry; an entry that matches nothing has
    // its first behind its last.
    uint64_t pmp_first[VM_RISCV64_PMP_ENTRIES], pmp_last[VM_RISCV64_PMP_ENTRIES];
    uint64_t pmp_count; // 1 + the highest entry that matches something
};

struct vm_riscv64_state {
    uint64_t x[32]; // x[0] stays 0
    uint64_t f[32];
    uint64_t pc;
    struct vm_fp_env fp; // frm in fp.round, fflags in fp.flags
    uint64_t fs_dirty;   // mstatus.FS all ones after FP writes; merged into it when that is read

    uint64_t privilege; // enum vm_riscv64_privilege
    uint64_t mstatus, misa, medeleg, mideleg, mie, mip, mtvec, mcounteren, mscratch, mepc, mcause,
        mtval, menvcfg, mseccfg, mcountinhibit, mstateen0;
    uint64_t stvec, scounteren, sscratch, sepc, scause, stval, senvcfg, satp, stimecmp;
    // Advanced Interrupt Architecture. Bit 9 of mvip is mip's: the bit that software writes. sie
    // has bits of its own for the interrupts that mvien gives to S-mode and mideleg does not.
    uint64_t miselect, siselect, mvien, mvip, sie;
    uint64_t pmpcfg[VM_RISCV64_PMP_ENTRIES / 8], pmpaddr[VM_RISCV64_PMP_ENTRIES];
    uint64_t mhartid;
    uint64_t frm; // the CSR's value, which may be a reserved mode that fp.round cannot hold
    // What the CSRs show minus what is counted; of an inhibited counter, what its CSR shows.
    uint64_t cycle_offset, instret_offset;
    uint64_t sie_wakes; // mstatus.SIE if an interrupt of S-mode may pend and is enabled, else 0

    struct vm_riscv64_derived derived;
};

#endif
