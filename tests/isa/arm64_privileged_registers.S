// SPDX-License-Identifier: MIT
//
// Cases of arm64_privileged.S: what traps from EL0, and what system registers keep.

// --- what EL0 may not do ---

.macro TRAPPED name:req, clear:req, insn:vararg
    CASE_SETUP "\name", EL0
    CLEAR sctlr_el1, \clear
    BODY
    \insn
    END
.endm

    TRAPPED "ctr_el0", 1 << 15, mrs x7, ctr_el0
    TRAPPED "dc zva without DZE", 1 << 14, dc zva, x3
    TRAPPED "dczid_el0 without DZE", 1 << 14, mrs x0, dczid_el0
    TRAPPED "dc cvau without UCI", 1 << 26, dc cvau, x3
    TRAPPED "dc cvac without UCI", 1 << 26, dc cvac, x3
    TRAPPED "dc civac without UCI", 1 << 26, dc civac, x2
    TRAPPED "dc cvap without UCI", 1 << 26, .inst 0xd50b7c23
    TRAPPED "ic ivau without UCI", 1 << 26, ic ivau, x3
    TRAPPED "wfi without nTWI", 1 << 16, wfi
    TRAPPED "wfe without nTWE", 1 << 18, wfe
    TRAPPED "daif", 1 << 9, mrs x0, daif
    TRAPPED "msr daif", 1 << 9, msr daif, x5
    TRAPPED "daifset", 1 << 9, msr daifset, #2
    TRAPPED "daifclr", 1 << 9, msr daifclr, #0xf

    CASE_SETUP "daif with UMA", EL0
    SET sctlr_el1, 1 << 9
    BODY
    mrs x0, daif
    msr daifclr, #0xf
    mrs x1, daif
    END

.macro AT_EL0 name:req, insn:req
    CASE "\name at EL0", EL0
    \insn
    END
.endm

    AT_EL0 "sctlr_el1", "mrs x1, sctlr_el1"
    AT_EL0 "msr sctlr_el1", "msr sctlr_el1, x1"
    AT_EL0 "esr_el1", "mrs x1, esr_el1"
    AT_EL0 "mdscr_el1", "mrs x1, mdscr_el1"
    AT_EL0 "spsel", "mrs x1, spsel"
    AT_EL0 "msr spsel", "msr spsel, #1"
    AT_EL0 "pan", "mrs x1, S3_0_C4_C2_3"
    AT_EL0 "msr pan", ".inst 0xd500419f"
    AT_EL0 "sp_el0", "mrs x1, sp_el0"
    AT_EL0 "currentel", "mrs x1, currentel"
    AT_EL0 "tpidr_el0", "msr tpidr_el0, x0; mrs x1, tpidr_el0"
    AT_EL0 "tpidrro_el0", "mrs x1, tpidrro_el0"
    AT_EL0 "msr tpidrro_el0", "msr tpidrro_el0, x1"
    AT_EL0 "tpidr_el1", "mrs x1, tpidr_el1"
    AT_EL0 "cntfrq_el0", "mrs x1, cntfrq_el0"
    AT_EL0 "cntvct_el0", "mrs x7, cntvct_el0"
    AT_EL0 "cntpct_el0", "mrs x7, cntpct_el0"
    AT_EL0 "cntv_ctl_el0", "mrs x1, cntv_ctl_el0"
    AT_EL0 "cntp_ctl_el0", "msr cntp_ctl_el0, x5"
    AT_EL0 "cntkctl_el1", "mrs x1, cntkctl_el1"
    AT_EL0 "pmccntr_el0", "mrs x1, pmccntr_el0"
    AT_EL0 "pmuserenr_el0", "mrs x1, pmuserenr_el0"
    AT_EL0 "msr pmuserenr_el0", "msr pmuserenr_el0, x1"
    AT_EL0 "pmintenset_el1", "mrs x1, pmintenset_el1"
    AT_EL0 "pmswinc_el0", "msr pmswinc_el0, x5"
    AT_EL0 "pmselr_el0", "mrs x1, pmselr_el0"
    AT_EL0 "icc_pmr_el1", "mrs x1, S3_0_C4_C6_0"
    AT_EL0 "midr_el1", "mrs x1, midr_el1"
    AT_EL0 "id_aa64isar0_el1", "mrs x1, id_aa64isar0_el1"
    AT_EL0 "mpidr_el1", "mrs x1, mpidr_el1"
    AT_EL0 "ccsidr_el1", "mrs x1, ccsidr_el1"
    AT_EL0 "oslar_el1", "msr oslar_el1, xzr"
    AT_EL0 "a register of EL2", "mrs x1, hcr_el2"
    AT_EL0 "a register of nobody", "mrs x1, S3_3_C13_C7_5"

.macro COUNTERS name:req, enable:req, insn:vararg
    CASE_SETUP "\name, CNTKCTL \enable", EL0
    WRITE cntkctl_el1, \enable
    BODY
    \insn
    END
.endm

    COUNTERS "cntvct_el0", 2, mrs x7, cntvct_el0
    COUNTERS "cntvct_el0", 1, mrs x7, cntvct_el0
    COUNTERS "cntpct_el0", 1, mrs x7, cntpct_el0
    COUNTERS "cntpct_el0", 2, mrs x7, cntpct_el0
    COUNTERS "cntfrq_el0", 1, mrs x0, cntfrq_el0
    COUNTERS "cntfrq_el0", 2, mrs x0, cntfrq_el0
    COUNTERS "msr cntfrq_el0", 3, msr cntfrq_el0, x0
    COUNTERS "cntv_ctl_el0", 0x100, mrs x0, cntv_ctl_el0
    COUNTERS "cntv_cval_el0", 0x200, msr cntv_cval_el0, x0
    COUNTERS "cntp_tval_el0", 0x200, msr cntp_tval_el0, x0
    COUNTERS "cntp_ctl_el0", 0x100, mrs x0, cntp_ctl_el0
    COUNTERS "msr cntvct_el0", 3, msr cntvct_el0, x0

.macro MONITORS name:req, enable:req, insn:vararg
    CASE_SETUP "\name, PMUSERENR \enable", EL0
    WRITE pmuserenr_el0, \enable
    BODY
    \insn
    END
.endm

    MONITORS "pmccntr_el0", 1, mrs x7, pmccntr_el0
    MONITORS "pmccntr_el0", 2, mrs x7, pmccntr_el0
    MONITORS "pmccntr_el0", 4, mrs x7, pmccntr_el0
    MONITORS "msr pmccntr_el0", 4, msr pmccntr_el0, x5
    MONITORS "pmswinc_el0", 2, msr pmswinc_el0, x5
    MONITORS "pmswinc_el0", 4, msr pmswinc_el0, x5
    MONITORS "pmselr_el0", 8, msr pmselr_el0, xzr
    MONITORS "pmselr_el0", 2, mrs x0, pmselr_el0
    MONITORS "pmuserenr_el0", 0xf, mrs x0, pmuserenr_el0
    MONITORS "pmcntenset_el0", 1, msr pmcntenset_el0, xzr
    MONITORS "pmcntenset_el0", 8, mrs x0, pmcntenset_el0
    MONITORS "pmintenset_el1", 0xf, mrs x0, pmintenset_el1

.macro AT_EL1 name:req, insn:req
    CASE "\name at EL1", EL1H
    \insn
    END
.endm

    AT_EL1 "msr midr_el1", "msr S3_0_C0_C0_0, x0"
    AT_EL1 "msr id_aa64pfr0_el1", "msr S3_0_C0_C4_0, x0"
    AT_EL1 "msr currentel", "msr S3_0_C4_C2_2, x0"
    AT_EL1 "msr ctr_el0", "msr S3_3_C0_C0_1, x0"
    AT_EL1 "msr isr_el1", "msr S3_0_C12_C1_0, x0"
    AT_EL1 "mrs oslar_el1", "mrs x0, S2_0_C1_C0_4"
    AT_EL1 "mrs pmswinc_el0", "mrs x0, S3_3_C9_C12_4"
    AT_EL1 "id register that is reserved", "mrs x0, S3_0_C0_C7_7"
    AT_EL1 "id register of AArch32 that is reserved", "mrs x0, S3_0_C0_C3_7"
    AT_EL1 "hcr_el2", "mrs x0, S3_4_C1_C1_0"
    AT_EL1 "vbar_el2", "msr S3_4_C12_C0_0, x0"
    AT_EL1 "scr_el3", "mrs x0, S3_6_C1_C1_0"
    AT_EL1 "sctlr_el12", "mrs x0, S3_5_C1_C0_0"
    AT_EL1 "sp_el1", "mrs x0, S3_4_C4_C1_0"
    AT_EL1 "cntvoff_el2", "mrs x0, S3_4_C14_C0_3"
    AT_EL1 "cnthctl_el2", "msr S3_4_C14_C1_0, x0"
    AT_EL1 "a register of nobody", "mrs x0, S3_0_C13_C7_5"
    AT_EL1 "sys of nobody", "sys #3, c7, c15, #7, x0"
    AT_EL1 "hint of nobody", "hint #0x7f"
    AT_EL1 "revidr_el1", "mrs x0, revidr_el1"
    AT_EL1 "aidr_el1", "mrs x0, aidr_el1"
    AT_EL1 "vbar_el1 keeps", "mov x9, #0xfff; msr vbar_el1, x9; mrs x0, vbar_el1; adr x9, vectors; msr vbar_el1, x9"
    AT_EL1 "elr_el1 keeps", "mov x9, #0xffffffffffffffff; msr elr_el1, x9; mrs x0, elr_el1"
    AT_EL1 "far_el1 keeps", "mov x9, #0xffffffffffffffff; msr far_el1, x9; mrs x0, far_el1"
    AT_EL1 "contextidr_el1 keeps", "mov x9, #0xffffffffffffffff; msr contextidr_el1, x9; mrs x0, contextidr_el1"
    AT_EL1 "csselr_el1 keeps", "mov x9, #0xf; msr csselr_el1, x9; mrs x0, csselr_el1"
    AT_EL1 "ttbr0_el1 keeps", "mrs x9, ttbr0_el1; orr x10, x9, #0xff000000000000; msr ttbr0_el1, x10; mrs x0, ttbr0_el1; and x0, x0, #0xffff000000000000; msr ttbr0_el1, x9"
    AT_EL1 "mair_el1 keeps", "mrs x9, mair_el1; mov x10, #0xffffffffffff0000; orr x10, x10, x9; msr mair_el1, x10; mrs x0, mair_el1; msr mair_el1, x9"
    AT_EL1 "oslock", "mov x9, #1; msr oslar_el1, x9; mrs x0, oslsr_el1; msr oslar_el1, xzr; mrs x1, oslsr_el1"
    AT_EL1 "cntkctl_el1 keeps", "mov x9, #0x3ff; msr cntkctl_el1, x9; mrs x0, cntkctl_el1"
