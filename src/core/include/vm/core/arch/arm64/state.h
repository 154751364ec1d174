// SPDX-License-Identifier: MIT
//
// The architectural state of an ARM64 processing element, as frontend, engines and accelerators
// share it. Names are the Arm Architecture Reference Manual's (DDI 0487), "the manual" below; bits
// of system registers are in frontend-arm64.
//
// Registers that exist once per exception level are arrays by level, so that EL2 and EL3 are rows
// to add; only EL0 and EL1 exist now. Accesses to a register "of the current level" go by the
// index.
#ifndef VM_CORE_ARCH_ARM64_STATE_H
#define VM_CORE_ARCH_ARM64_STATE_H

#include <vm/base/softfloat.h>
#include <vm/base/types.h>
#include <vm/core/arch/arm64/gic.h>
#include <vm/core/device.h>
#include <vm/core/timer.h>
#include <vm/mem/tlb.h>

enum {
    VM_ARM64_LEVELS = 4,      // EL0 to EL3
    VM_ARM64_COUNTERS = 6,    // PMEVCNTR<n>_EL0
    VM_ARM64_BREAKPOINTS = 6, // DBGBVR<n>_EL1
    VM_ARM64_WATCHPOINTS = 4, // DBGWVR<n>_EL1
};

// Interrupt lines of vm_vcpu_set_irq: the outputs of the GIC's CPU interface.
enum vm_arm64_line {
    VM_ARM64_IRQ = 0,
    VM_ARM64_FIQ = 1,
};

// The generic timers of a processing element (the manual, chapter "The Generic Timer").
enum vm_arm64_timer {
    VM_ARM64_TIMER_PHYSICAL, // CNTP
    VM_ARM64_TIMER_VIRTUAL,  // CNTV
    VM_ARM64_TIMERS,
};

// What the board connects before the first reset: the CPU interface of its GIC, and the wires that
// the PE drives (private peripheral interrupts of the GIC).
struct vm_arm64_wiring {
    struct vm_register_device gic;
    struct vm_irq timer[VM_ARM64_TIMERS];
    struct vm_irq pmu;
};

// What translations by tables depend on beside the address space, the exception level and PAN.
struct vm_arm64_regime {
    uint64_t ttbr1, tcr, mair, sctlr; // their bits that matter
    uint32_t number;                  // never 0, never used again for another one
};
enum { VM_ARM64_REGIMES = 8 };

// TLB contexts that were selected for an exception level and PAN, and what they followed from.
struct vm_arm64_selection {
    uint64_t ttbr0, ttbr1, tcr;
    uint32_t regime;
    bool watched;
    struct vm_tlb_selection contexts;
};
enum { VM_ARM64_SELECTIONS = 4 }; // by bits 1 and 0 of vcpu->mmu_index

// Where a pointer of a range (0 lower, 1 upper), of code or data, holds an authentication code.
struct vm_arm64_code_place {
    uint64_t mask;   // the code's bits
    uint64_t bits;   // those and bit 55: the extension bits
    uint64_t change; // the bit that makes a code wrong
    uint64_t errors; // where a failed authentication leaves its number
};
struct vm_arm64_code_places {
    uint64_t not_tcr;                    // the complement of the TCR_EL1 that they follow from
    uint64_t factors[2];                 // of the hash
    uint8_t range_bit[2];                // that tells the range of a pointer of code, of data
    struct vm_arm64_code_place of[2][2]; // code or data; range
};

// What the frontend keeps beside the architectural state, all of it derived or the board's: nothing
// here is saved.
struct vm_arm64_derived {
    struct vm_arm64_wiring wiring;
    struct vm_timer timer[VM_ARM64_TIMERS];           // fires when the timer's condition is met
    struct vm_arm64_regime regimes[VM_ARM64_REGIMES]; // those seen last, a ring
    uint32_t regime, regimes_seen;                    // the current one; how many there were
    struct vm_arm64_selection selections[VM_ARM64_SELECTIONS];
    uint64_t synced_code; // the space's count of writes to code when all PEs last looked at it
    // Performance monitors: what the counters, the cycle counter last, had at the last look; the
    // timer that asks for one; and whether a counter that is enabled depends on the exception
    // level or counts exceptions.
    uint64_t pmu_seen[VM_ARM64_COUNTERS + 1];
    struct vm_timer pmu_timer;
    bool pmu_entries;
    uint64_t entries; // exceptions and interrupts taken
    // The instruction that waited last: for an event, not an interrupt; and how many events the
    // event stream had had when it was looked at last.
    bool waits_for_event;
    uint64_t stream_events;
    bool stepped;     // the instruction before was run by a software step,
    bool stepped_ldx; // and was a load-exclusive
    struct vm_arm64_code_places pauth;
};

struct vm_arm64_state {
    uint64_t x[31];
    uint64_t sp; // of the current level, as SPSel chooses; sp_el[] has the others
    uint64_t pc;
    uint64_t nzcv;    // enum vm_ir_flag: S is N; C is Arm's carry
    uint64_t btype;   // PSTATE.BTYPE, and of which instruction (frontend-arm64/frontend.h)
    uint64_t padding; // v is aligned to 16 bytes
    vm_u128 v[32];
    vm_u128 qc;          // FPSR.QC is set if any bit is
    struct vm_fp_env fp; // what FPCR says, and FPSR's cumulative flags

    // PSTATE
    uint64_t el;    // exception level, 0 to 3
    uint64_t spsel; // 0 or 1
    uint64_t daif;  // as in the DAIF register: bits 9 to 6
    uint64_t pan, uao, dit, ssbs, ss, il;

    uint64_t fpcr; // the register; fp follows from it
    // By exception level. Of the current one the stack pointer is in sp, not here.
    uint64_t sp_el[VM_ARM64_LEVELS];
    uint64_t elr[VM_ARM64_LEVELS], spsr[VM_ARM64_LEVELS], esr[VM_ARM64_LEVELS],
        far[VM_ARM64_LEVELS], vbar[VM_ARM64_LEVELS], sctlr[VM_ARM64_LEVELS], tcr[VM_ARM64_LEVELS],
        ttbr0[VM_ARM64_LEVELS], ttbr1[VM_ARM64_LEVELS], mair[VM_ARM64_LEVELS],
        tpidr[VM_ARM64_LEVELS];
    uint64_t tpidrro_el0, cpacr_el1, contextidr_el1, afsr0_el1, afsr1_el1, amair_el1, par_el1,
        csselr_el1, actlr_el1, rgsr_el1;
    uint64_t apia_lo, apia_hi, apib_lo, apib_hi, apda_lo, apda_hi, apdb_lo, apdb_hi, apga_lo,
        apga_hi;        // AP<key>Key{Lo,Hi}_EL1
    uint64_t mpidr_el1; // by the PE's number; the board may choose another

    // Generic timer.
    uint64_t cntkctl_el1;
    uint64_t cnt_ctl[VM_ARM64_TIMERS], cnt_cval[VM_ARM64_TIMERS];

    // Debug.
    uint64_t mdscr_el1, osdlr_el1, oslsr_el1, mdccint_el1;
    uint64_t dbgbvr[VM_ARM64_BREAKPOINTS], dbgbcr[VM_ARM64_BREAKPOINTS];
    uint64_t dbgwvr[VM_ARM64_WATCHPOINTS], dbgwcr[VM_ARM64_WATCHPOINTS];
    uint64_t dbgclaim;

    // Performance monitors. What the counters show minus what is counted.
    uint64_t pmcr_el0, pmcnten, pminten, pmovs, pmuserenr_el0, pmselr_el0, pmccfiltr_el0;
    uint64_t pmccntr_offset;
    uint64_t pmevcntr[VM_ARM64_COUNTERS], pmevtyper[VM_ARM64_COUNTERS];

    uint64_t event; // the event register of WFE and SEV; other PEs set it

    // Hints. `wakes`: the interrupt lines that were seen up, as the bits of DAIF that mask them.
    // `stale`: vcpu->mode and the TLB contexts are not those of the registers (bit 0), or code that
    // was looked up is not (bit 1), until the next context synchronization event.
    // `pmu_limit`: what vcpu->icount will be at the first overflow of a performance monitor's
    // counter of instructions that interrupts, or all ones.
    uint64_t wakes, stale, pmu_limit;

    struct vm_arm64_derived derived;
};

#endif
