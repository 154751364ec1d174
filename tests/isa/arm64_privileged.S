// SPDX-License-Identifier: MIT
//
// What is privileged in A64: every kind of synchronous exception, translation, address translation
// instructions, TLB maintenance, hardware updates of descriptors, traps from EL0, self-hosted debug,
// timers. arm64_privileged_run.S runs it, arm64_privileged_test.py compares.

// --- calls, and what is UNDEFINED ---

    CASE "svc at EL1", EL1H
    svc #0x1234
    END
    CASE "svc at EL1 with SP_EL0", EL1T
    svc #0xffff
    END
    CASE "svc at EL0 with flags", EL0 | FLAGS
    svc #1
    END
    CASE "svc at EL0 with nothing masked", 0
    svc #1
    END
    CASE "svc with PAN and UAO", EL1H | PAN | UAO
    svc #1
    END
    CASE_SETUP "svc with SPAN clear", EL0
    CLEAR sctlr_el1, 1 << 23
    BODY
    svc #1
    END
    CASE "hvc at EL0", EL0
    hvc #0
    END
    CASE "hvc of no function", EL1H
    mov w0, #0x12
    hvc #0
    END
    CASE "hvc with an immediate", EL1H
    mov w0, #0x12
    hvc #0x77
    END
    CASE "smc at EL0", EL0
    smc #0
    END
    CASE "smc at EL1", EL1H
    mov w0, #0x12
    smc #0
    END
    CASE "brk at EL0", EL0
    brk #0xbeef
    END
    CASE "brk at EL1", EL1H
    brk #1
    END
    CASE "hlt", EL1H
    hlt #1
    END
    CASE "udf", EL0
    udf #7
    END
    CASE "unallocated at EL1", EL1H
    .inst 0xffffffff
    END
    CASE "unallocated at EL0", EL0 | FLAGS
    .inst 0x0a000000 ^ 0x04000000 ^ 0x0a000000 ^ 0x04000001
    END
    CASE "eret at EL0", EL0
    eret
    END
    CASE "dcps1", EL1H
    dcps1 #0
    END
    CASE "drps", EL1H
    drps
    END

// --- exception returns ---

.macro RETURN spsr:req
    adr x9, 1f
    msr elr_el1, x9
    ldr x9, =\spsr
    msr spsr_el1, x9
    eret
    mov x0, #0xbad
1:  mov x1, #1
.endm

    CASE "eret to EL1", EL1H
    RETURN EL1H | FLAGS
    END
    CASE "eret to EL1 with SP_EL0", EL1H
    RETURN EL1T
    END
    CASE "eret to EL0", EL1H
    RETURN EL0 | FLAGS
    END
    CASE "eret to EL0 with PAN, UAO, SS", EL1H
    RETURN EL0 | PAN | UAO | SS
    END
    CASE "eret with bits that are nothing", EL1H
    RETURN EL1H | (1 << 5) | (0xf << 13) | (1 << 27) | (0xf << 32)
    END
    CASE "illegal eret to EL2", EL1H
    RETURN 0x3c9 | FLAGS
    END
    CASE "illegal eret to EL3", EL1H
    RETURN 0x0cd
    END
    CASE "illegal eret to EL0 with SP_EL1", EL1H
    RETURN 0x3c1
    END
    CASE "illegal eret to M 2", EL1H
    RETURN 0x3c2
    END
    CASE "illegal eret to EL1 of AArch32", EL1H
    RETURN 0x1d3
    END
    CASE "illegal eret with PAN and UAO", EL1H
    RETURN 0x3c9 | PAN | UAO
    END
    CASE "illegal eret from SP_EL0", EL1T
    RETURN 0x3c9
    END
    CASE "eret with IL", EL1H
    RETURN EL1H | IL
    END
    CASE "eret to EL0 with IL", EL1H
    RETURN EL0 | IL
    END
    CASE "branch in the illegal state", EL1H | IL
    b .
    END
    CASE "illegal state before undefined", EL0 | IL
    udf #0
    END

// --- PSTATE ---

    CASE "daifset and daifclr", EL1H & ~0x3c0
    msr daifset, #0xa
    mrs x0, daif
    msr daifclr, #2
    mrs x1, daif
    END
    CASE "msr daif", EL1H
    mov x9, #0xffffffffffffffff
    msr daif, x9
    mrs x0, daif
    mov x9, #0x240
    msr daif, x9
    mrs x1, daif
    END
    CASE "msr pan", EL1H
    msr S0_0_C4_C1_4, xzr
    mrs x0, S3_0_C4_C2_3
    END
    CASE "msr uao", EL1H
    msr S0_0_C4_C1_3, xzr
    mrs x0, S3_0_C4_C2_4
    END
    CASE "nzcv", EL0
    mov x9, #0xffffffffffffffff
    msr nzcv, x9
    mrs x0, nzcv
    END
    CASE "spsel", EL1H
    msr spsel, #0
    mrs x0, spsel
    mov x1, sp
    END
    CASE "msr spsel", EL1T
    mov x9, #1
    msr spsel, x9
    mrs x0, spsel
    mrs x1, sp_el0
    END
    CASE "sp_el0 while it is the stack pointer", EL1T
    mrs x0, sp_el0
    END
    CASE "msr sp_el0 while it is the stack pointer", EL1T
    msr sp_el0, x0
    END
    CASE "currentel", EL1H
    mrs x0, currentel
    END
    CASE "dit", EL0
    mov x9, #1 << 24
    msr S3_3_C4_C2_5, x9
    mrs x0, S3_3_C4_C2_5
    END

// --- alignment of PC and SP ---

    CASE "branch to 2", EL1H
    adr x9, 4b + 2
    br x9
    END
    CASE "branch to 1 at EL0", EL0
    adr x9, 4b + 1
    blr x9
    END
    CASE "branch to 3 of a page that is not there", EL0
    add x9, x2, #3
    br x9
    END
    CASE "sp at EL1", EL1H
    sub sp, sp, #8
    ldr x0, [sp, #8]
    END
    CASE "sp at EL0", EL0
    sub sp, sp, #1
    str x0, [sp]
    END
    CASE_SETUP "sp at EL0 without SA0", EL0
    CLEAR sctlr_el1, 1 << 4
    BODY
    sub sp, sp, #4
    str w0, [sp]
    END
    CASE_SETUP "sp at EL1 without SA", EL1H
    CLEAR sctlr_el1, 1 << 3
    BODY
    sub sp, sp, #4
    str w0, [sp]
    END
    CASE "sp with SP_EL0 at EL1", EL1T
    sub sp, sp, #8
    str w0, [sp]
    END
    CASE "sp, pair", EL0
    sub sp, sp, #8
    stp x0, x1, [sp, #-16]!
    END
    CASE "sp, index", EL0
    sub sp, sp, #8
    ldr x0, [sp, x5]
    END
    CASE "sp, exclusive", EL0
    sub sp, sp, #8
    ldxr x0, [sp]
    END
    CASE "sp, atomic", EL0
    sub sp, sp, #8
    .inst 0xf82003e0 // ldadd x0, x0, [sp]
    END
    CASE "sp, vector", EL0
    sub sp, sp, #8
    ld1 {v0.16b}, [sp]
    END
    CASE "sp, prefetch", EL0
    sub sp, sp, #8
    prfm pldl1keep, [sp]
    END
    CASE "sp before undefined system register", EL0
    sub sp, sp, #8
    mov x1, sp
    mrs x0, sctlr_el1
    END

// --- floating point ---

    CASE_SETUP "fp at EL1", EL1H
    msr cpacr_el1, xzr
    BODY
    fadd d0, d1, d2
    END
    CASE_SETUP "fp at EL0", EL0
    msr cpacr_el1, xzr
    BODY
    fmov x0, d0
    END
    CASE_SETUP "fp at EL0, FPEN 1", EL0
    WRITE cpacr_el1, 1 << 20
    BODY
    ldr q0, [x2]
    END
    CASE_SETUP "fp at EL1, FPEN 1", EL1H
    WRITE cpacr_el1, 1 << 20
    BODY
    movi v0.16b, #1
    fmov x0, d0
    END
    CASE_SETUP "fp at EL1, FPEN 2", EL1H
    WRITE cpacr_el1, 2 << 20
    BODY
    ld1 {v0.16b}, [x2]
    END
    CASE_SETUP "fpcr at EL0", EL0
    msr cpacr_el1, xzr
    BODY
    mrs x0, fpcr
    END
    CASE_SETUP "fpsr at EL1", EL1H
    msr cpacr_el1, xzr
    BODY
    msr fpsr, x0
    END
    CASE_SETUP "fp unallocated", EL1H
    msr cpacr_el1, xzr
    BODY
    .inst 0x1ee0f400 ^ 0x00400000 ^ 0x00008c00 // no such type
    END
    CASE_SETUP "sp before fp", EL0
    msr cpacr_el1, xzr
    BODY
    sub sp, sp, #8
    ldr q0, [sp]
    END
    CASE "fpcr keeps what there is", EL0
    mov x9, #0xffffffffffffffff
    msr fpcr, x9
    mrs x0, fpcr
    and x0, x0, #0x07c00000
    msr fpcr, xzr
    END

// --- data aborts ---

.irp page, 0, 1, 2, 3, 4, 5, 6, 13, 14
    CASE "load from page \page at EL1", EL1H
    PAGE x9, \page
    ldr x0, [x9]
    END
    CASE "load from page \page at EL0", EL0
    PAGE x9, \page
    ldr x0, [x9]
    END
    CASE "store to page \page at EL1", EL1H
    PAGE x9, \page
    str x0, [x9, #8]
    END
    CASE "store to page \page at EL0", EL0
    PAGE x9, \page
    str x0, [x9, #8]
    END
.endr

.macro AT_ADDRESS name:req, address:req
    CASE "load, \name", EL1H
    ldr x9, =\address
    ldr x0, [x9]
    END
    CASE "store at EL0, \name", EL0
    ldr x9, =\address
    str w0, [x9]
    END
    CASE "fetch, \name", EL1H
    ldr x9, =\address
    br x9
    END
.endm

    AT_ADDRESS "level 1", 0xc0000000
    AT_ADDRESS "level 2", 0x80200000
    AT_ADDRESS "level 2 access flag", 0x80400010
    AT_ADDRESS "level 2 permission", 0x80600000
    AT_ADDRESS "level 1 permission", 0x180200000
    AT_ADDRESS "level 1 access flag", 0x1c0000000
    AT_ADDRESS "table beyond the physical addresses", 0x100000000
    AT_ADDRESS "table where nothing is", 0x140000000
    AT_ADDRESS "table of level 3 where nothing is", 0x81200000
    AT_ADDRESS "table of level 3 beyond the physical addresses", 0x81400000
    AT_ADDRESS "block beyond the physical addresses", 0x81000000
    AT_ADDRESS "address too large", 0x8000000000
    AT_ADDRESS "address of neither half", 0x0001000000000000
    AT_ADDRESS "upper half, page 0", 0xffffff8080000000
    AT_ADDRESS "upper half, page 2", 0xffffff8080002000
    AT_ADDRESS "upper half, too low", 0xffff800000000000
    AT_ADDRESS "tag, page 2", 0xaa00000080002000
    AT_ADDRESS "tag, page 0", 0xaa00000080000000
    AT_ADDRESS "tag, page 18", 0x5500000080012800
    AT_ADDRESS "tag in the upper half", 0xaaffff8080002000
    AT_ADDRESS "no EL0 by APTable", 0x80802000
    AT_ADDRESS "no writes by APTable", 0x80a02000
    AT_ADDRESS "no writes by APTable, executable", 0x80a0a800
    AT_ADDRESS "PXNTable", 0x80c12800
    AT_ADDRESS "UXNTable", 0x80e12800

.macro TCR_CASES name:req, set:req, address:req
    CASE_SETUP "load, \name", EL1H
    SET tcr_el1, \set
    tlbi vmalle1
    dsb sy
    isb
    BODY
    ldr x9, =\address
    ldr x0, [x9]
    END
    CASE_SETUP "load at EL0, \name", EL0
    SET tcr_el1, \set
    tlbi vmalle1
    dsb sy
    isb
    BODY
    ldr x9, =\address
    ldr x0, [x9]
    END
    CASE_SETUP "store at EL0, \name", EL0
    SET tcr_el1, \set
    tlbi vmalle1
    dsb sy
    isb
    BODY
    ldr x9, =\address
    str w0, [x9, #16]
    END
.endm

    TCR_CASES "EPD1", 1 << 23, 0xffffff8080002000
    TCR_CASES "E0PD1", 1 << 56, 0xffffff8080002000
    TCR_CASES "E0PD1, page 0", 1 << 56, 0xffffff8080000000
    TCR_CASES "TBI1", 1 << 38, 0xaaffff8080002000
    TCR_CASES "HPD0 and APTable, no EL0", 1 << 41, 0x80802000
    TCR_CASES "HPD0 and APTable, no writes", 1 << 41, 0x80a02000
    TCR_CASES "HPD1 does not count below", 1 << 42, 0x80802000
    TCR_CASES "HA, page 5", 1 << 39, 0x80005000
    TCR_CASES "HA, page 12", 1 << 39, 0x8000c000
    TCR_CASES "HA and HD, page 12", 3 << 39, 0x8000c000
    TCR_CASES "HA and HD, page 4", 3 << 39, 0x80004000
    TCR_CASES "HA and HD, page 19", 3 << 39, 0x80013000
    TCR_CASES "HD alone, page 12", 1 << 40, 0x8000c000
    TCR_CASES "HA, level 2", 1 << 39, 0x80400000
    TCR_CASES "T1SZ 28", 3 << 16 | 1 << 18, 0xffffff8080002000

    CASE "atomic on page 0", EL0
    .inst 0xf8200040 // ldadd x0, x0, [x2]
    END
    CASE "atomic on page 3", EL1H
    PAGE x9, 3
    .inst 0xf8200120 // ldadd x0, x0, [x9]
    END
    CASE "atomic on page 3 at EL0", EL0
    PAGE x9, 3
    .inst 0xf8200120 // ldadd x0, x0, [x9]
    END
    CASE "compare and swap on page 4", EL0
    PAGE x9, 4
    .inst 0xc8a07d21 // cas x0, x1, [x9]
    END
    CASE "swap on page 0", EL1H
    .inst 0xf8208041 // swp x0, x1, [x2]
    END
    CASE "load exclusive on page 0", EL0
    ldxr x0, [x2]
    END
    CASE "store exclusive on page 4", EL0
    PAGE x9, 4
    ldxr x0, [x9]
    stxr w0, x1, [x9]
    END
    CASE "pair into page 0", EL1H
    sub x0, x2, #8
    ldp x1, x9, [x0], #16
    END
    CASE "pair across to page 3", EL1H
    PAGE x9, 3
    sub x0, x9, #8
    stp x5, x6, [x0, #0]!
    END
    CASE "load across to page 5", EL0
    PAGE x9, 5
    sub x9, x9, #4
    ldr x0, [x9]
    END
    CASE "store across to page 3 at EL0", EL0
    PAGE x9, 3
    sub x9, x9, #3
    str x0, [x9]
    END
    CASE "no write-back on an abort", EL0
    mov x0, x2
    ldr x1, [x0, #8]!
    END
    CASE "no write-back on an abort after", EL0
    mov x0, x2
    str x1, [x0], #8
    END
    CASE "vector load", EL0
    ld1 {v0.16b, v1.16b}, [x2]
    END
    CASE "vector store of 4", EL0
    PAGE x9, 3
    sub x9, x9, #16
    st4 {v0.16b, v1.16b, v2.16b, v3.16b}, [x9]
    END
    CASE "load to xzr", EL0
    ldr xzr, [x2]
    END
    CASE "prefetch of page 0", EL0
    prfm pldl1keep, [x2]
    END

// --- cache maintenance by address ---

.irp op, zva, cvac, cvau, civac
    CASE "dc \op on page 0 at EL1", EL1H
    dc \op, x2
    END
    CASE "dc \op on page 0 at EL0", EL0
    add x9, x2, #0x24
    dc \op, x9
    END
    CASE "dc \op on page 1 at EL0", EL0
    PAGE x9, 1
    dc \op, x9
    END
    CASE "dc \op on page 4 at EL0", EL0
    PAGE x9, 4
    dc \op, x9
    END
    CASE "dc \op on page 2 at EL0", EL0
    PAGE x9, 2
    add x9, x9, #0x104
    dc \op, x9
    ldr x0, [x3]
    END
    CASE "dc \op on page 7 at EL1", EL1H
    PAGE x9, 7
    dc \op, x9
    END
.endr
    CASE "dc ivac on page 0", EL1H
    dc ivac, x2
    END
    CASE "dc ivac on page 3", EL1H
    PAGE x9, 3
    dc ivac, x9
    END
    CASE "dc ivac at EL0", EL0
    dc ivac, x3
    END
    CASE "ic ivau on page 0 at EL1", EL1H
    ic ivau, x2
    END
    CASE "ic ivau on page 0 at EL0", EL0
    ic ivau, x2
    END
    CASE "ic ivau on page 1 at EL0", EL0
    PAGE x9, 1
    ic ivau, x9
    END
    CASE "ic iallu at EL0", EL0
    ic iallu
    END
    CASE "dc isw at EL0", EL0
    dc isw, x0
    END

// --- unprivileged access, PAN, UAO ---

.irp page, 1, 2, 3, 4
    CASE "ldtr on page \page", EL1H
    PAGE x9, \page
    ldtr x0, [x9]
    END
    CASE "sttr on page \page", EL1H
    PAGE x9, \page
    sttr x0, [x9, #8]
    END
    CASE "ldtr on page \page with UAO", EL1H | UAO
    PAGE x9, \page
    ldtr x0, [x9]
    END
    CASE "ldtr on page \page with PAN", EL1H | PAN
    PAGE x9, \page
    ldtr x0, [x9]
    END
    CASE "ldr on page \page with PAN", EL1H | PAN
    PAGE x9, \page
    ldr x0, [x9]
    END
    CASE "str on page \page with PAN", EL1H | PAN
    PAGE x9, \page
    str x0, [x9, #8]
    END
    CASE "ldtr on page \page with PAN and UAO", EL1H | PAN | UAO
    PAGE x9, \page
    ldtr x0, [x9]
    END
.endr
    CASE "ldtr at EL0 on page 1", EL0
    PAGE x9, 1
    ldtr x0, [x9]
    END
    CASE "sttrb at EL1 on page 0", EL1H
    sttrb w0, [x2]
    END
    CASE "dc civac with PAN", EL1H | PAN
    PAGE x9, 2
    dc civac, x9
    END
    CASE "dc zva with PAN", EL1H | PAN
    PAGE x9, 2
    dc zva, x9
    END
    CASE "fetch with PAN", EL1H | PAN
    PAGE x9, 18
    add x9, x9, #0x800
    br x9
    END

// --- alignment ---

    CASE_SETUP "load with A", EL1H
    SET sctlr_el1, 2
    BODY
    ldr x0, [x3, #4]
    END
    CASE_SETUP "store with A at EL0", EL0
    SET sctlr_el1, 2
    BODY
    add x9, x3, #1
    strh w0, [x9]
    END
    CASE_SETUP "pair with A", EL0
    SET sctlr_el1, 2
    BODY
    ldp x0, x1, [x3, #8]
    END
    CASE_SETUP "vector pair with A", EL0
    SET sctlr_el1, 2
    BODY
    ldp q0, q1, [x3, #16]
    add x9, x3, #8
    ldr q0, [x9]
    END
    CASE_SETUP "vector elements with A", EL0
    SET sctlr_el1, 2
    BODY
    add x9, x3, #4
    ld1 {v0.4s}, [x9]
    ld1 {v0.2d}, [x9]
    END
    CASE_SETUP "alignment before translation", EL0
    SET sctlr_el1, 2
    BODY
    add x9, x2, #1
    ldr x0, [x9]
    END
    CASE "device at EL1", EL1H
    PAGE x9, 7
    add x9, x9, #1
    ldr x0, [x9]
    END
    CASE "device, store at EL0", EL0
    PAGE x9, 7
    add x9, x9, #2
    str w0, [x9]
    END
    CASE "device, aligned", EL0
    PAGE x9, 7
    ldr x0, [x9, #8]
    END
    CASE "exclusive", EL0
    add x9, x3, #4
    ldxr x0, [x9]
    END
    CASE "store exclusive", EL0
    add x9, x3, #4
    stxr w0, x1, [x9]
    END
    CASE "exclusive pair", EL0
    add x9, x3, #8
    ldxp x0, x1, [x9]
    END
    CASE "acquire across 16 bytes", EL0
    add x9, x3, #12
    ldar x0, [x9]
    END
    CASE "release across 16 bytes", EL1H
    add x9, x3, #12
    stlr x0, [x9]
    END
    CASE "atomic across 16 bytes", EL0
    add x9, x3, #12
    .inst 0xf8200120 // ldadd x0, x0, [x9]
    END
    CASE "compare and swap pair", EL0
    add x9, x3, #8
    .inst 0x48207d20 // casp x0, x1, x0, x1, [x9]
    END

// --- instruction aborts ---

.irp page, 0, 1, 2, 4, 5, 6, 8, 9, 10, 11, 13, 14, 18
    CASE "fetch from page \page at EL1", EL1H
    PAGE x9, \page
    add x9, x9, #0x800
    br x9
    END
    CASE "fetch from page \page at EL0", EL0
    PAGE x9, \page
    add x9, x9, #0x800
    br x9
    END
    CASE_SETUP "fetch from page \page at EL0 with WXN", EL0
    SET sctlr_el1, 1 << 19
    tlbi vmalle1
    dsb sy
    isb
    BODY
    PAGE x9, \page
    add x9, x9, #0x800
    br x9
    END
    CASE_SETUP "fetch from page \page at EL1 with WXN", EL1H
    SET sctlr_el1, 1 << 19
    tlbi vmalle1
    dsb sy
    isb
    BODY
    PAGE x9, \page
    add x9, x9, #0x800
    br x9
    END
.endr
    CASE_SETUP "fetch sets the access flag", EL0
    SET tcr_el1, 1 << 39
    ldr x9, =pages + 8 * 18
    ldr x10, [x9]
    and x10, x10, #~(1 << 10)
    str x10, [x9]
    dsb sy
    tlbi vmalle1
    dsb sy
    isb
    BODY
    PAGE x9, 18
    add x9, x9, #0x800
    br x9
    END

// --- branch targets ---

    CASE_SETUP "br to a page that is guarded", EL0
    SET sctlr_el1, 3 << 35
    BODY
    PAGE x9, 20
    add x9, x9, #0x800
    br x9
    END
    CASE_SETUP "blr to a page that is guarded", EL1H
    SET sctlr_el1, 3 << 35
    BODY
    PAGE x9, 20
    add x9, x9, #0x800
    blr x9
    END
    CASE_SETUP "br by x16 to a page that is guarded", EL1H
    SET sctlr_el1, 3 << 35
    BODY
    PAGE x16, 20
    add x16, x16, #0x800
    br x16
    END
    CASE_SETUP "ret to a page that is guarded", EL1H
    SET sctlr_el1, 3 << 35
    BODY
    PAGE x30, 20
    add x30, x30, #0x800
    ret
    END
    CASE "branch type", EL0
    adr x9, 1f
    br x9
1:  svc #0
    END
    CASE "branch type of a call", EL1H
    adr x9, 1f
    blr x9
1:  brk #0
    END

// --- address translation ---

.macro TRANSLATE op:req, page:req
    CASE "at \op, page \page", EL1H
    PAGE x9, \page
    add x9, x9, #0x123
    at \op, x9
    isb
    mrs x0, par_el1
    END
.endm

.irp page, 0, 1, 2, 3, 4, 5, 6, 7, 12, 14, 15
    TRANSLATE s1e1r, \page
    TRANSLATE s1e1w, \page
    TRANSLATE s1e0r, \page
    TRANSLATE s1e0w, \page
.endr

.macro TRANSLATE_ADDRESS name:req, address:req
    CASE "at s1e1r, \name", EL1H
    ldr x9, =\address
    at s1e1r, x9
    isb
    mrs x0, par_el1
    END
.endm

    TRANSLATE_ADDRESS "level 1", 0xc0000000
    TRANSLATE_ADDRESS "level 2", 0x80200000
    TRANSLATE_ADDRESS "level 2 access flag", 0x80400010
    TRANSLATE_ADDRESS "level 2 block", 0x80612345
    TRANSLATE_ADDRESS "level 1 block", 0x1abcdef12
    TRANSLATE_ADDRESS "table beyond the physical addresses", 0x100000000
    TRANSLATE_ADDRESS "address too large", 0x8000000000
    TRANSLATE_ADDRESS "upper half", 0xffffff8080002000
    TRANSLATE_ADDRESS "tag", 0xaa00000080002000

    CASE "at s1e1rp, page 2", EL1H
    PAGE x9, 2
    at s1e1rp, x9
    isb
    mrs x0, par_el1
    END
    CASE "at s1e1rp with PAN, page 2", EL1H | PAN
    PAGE x9, 2
    at s1e1rp, x9
    isb
    mrs x0, par_el1
    END
    CASE "at s1e1wp with PAN, page 1", EL1H | PAN
    PAGE x9, 1
    at s1e1wp, x9
    isb
    mrs x0, par_el1
    END
    CASE "at s1e1r with PAN, page 2", EL1H | PAN
    PAGE x9, 2
    at s1e1r, x9
    isb
    mrs x0, par_el1
    END
    CASE "at at EL0", EL0
    at s1e0r, x3
    END
    CASE "at of EL2", EL1H
    at s12e1r, x3
    END

// --- TLB maintenance ---

// Page 16 becomes KERNEL's, for everybody; x0 is what was there, x1 what is.
.macro REMAP name:req, index, flags=0x443, level=EL1H
    CASE "\name", \level
    mov x7, #\index
    PAGE x8, 16
    add x8, x8, #(\index - 16) << 12
    ldr x0, [x8]
    ldr x9, =pages
    ldr x10, =KERNEL + 0x60000000000704 + \flags - 0x400
    str x10, [x9, x7, lsl #3]
    dsb sy
    lsr x9, x8, #12
.endm
.macro SEEN
    dsb sy
    isb
    ldr x1, [x8]
    END
.endm

    REMAP "tlbi vmalle1", 16
    tlbi vmalle1
    SEEN
    REMAP "tlbi vmalle1is", 16
    tlbi vmalle1is
    SEEN
    REMAP "tlbi vae1", 16
    tlbi vae1, x9
    SEEN
    REMAP "tlbi vae1is", 16
    tlbi vae1is, x9
    SEEN
    REMAP "tlbi vaae1", 16
    tlbi vaae1, x9
    SEEN
    REMAP "tlbi vaae1is", 16
    tlbi vaae1is, x9
    SEEN
    REMAP "tlbi vale1", 16
    tlbi vale1, x9
    SEEN
    REMAP "tlbi vaale1is", 16
    tlbi vaale1is, x9
    SEEN
    REMAP "tlbi aside1 of a page of one address space", 15, 0xc43
    tlbi aside1, xzr
    SEEN
    REMAP "tlbi vae1 of a page of one address space", 15, 0xc43
    tlbi vae1, x9
    SEEN
    REMAP "tlbi vae1 of another address space, global", 16
    orr x9, x9, #1 << 48
    tlbi vae1, x9
    SEEN
    REMAP "tlbi vaae1 with bits that are nothing", 16
    orr x9, x9, #0xff000000000000
    tlbi vaae1, x9
    SEEN
    REMAP "tlbi vae1os", 16
    .inst 0xd5088129 // sys #0, c8, c1, #1, x9
    SEEN
    REMAP "tlbi rvae1", 16
    mov x10, #1 << 46 // granule 4 KiB
    lsr x9, x8, #12
    orr x9, x9, x10
    .inst 0xd5088629 // sys #0, c8, c6, #1, x9
    SEEN
    REMAP "tlbi rvaae1is of 4 pages", 16
    mov x10, #1 << 46
    orr x10, x10, #1 << 39 // NUM 1: 4 pages
    lsr x9, x8, #12
    sub x9, x9, #2
    orr x9, x9, x10
    .inst 0xd5088269 // sys #0, c8, c2, #3, x9
    SEEN
    CASE "tlbi at EL0", EL0
    tlbi vmalle1
    END
    CASE "tlbi of EL2", EL1H
    tlbi alle1
    END

// Page 15 is one address space's: with another ASID it is walked for again.
    CASE "another address space", EL1H
    PAGE x8, 15
    ldr x0, [x8]
    ldr x9, =pages
    ldr x10, =KERNEL + 0x60000000000f43
    str x10, [x9, #8 * 15]
    dsb sy
    ldr x9, =level1
    orr x9, x9, #1 << 48
    msr ttbr0_el1, x9
    isb
    ldr x1, [x8]
    ldr x9, =level1
    msr ttbr0_el1, x9
    isb
    END

// --- descriptors that hardware updates ---

// x0 is what a load found, x1 the descriptor's AF, AP and DBM after it.
.macro UPDATE name:req, bits:req, page:req, spsr:req, insn:vararg
    CASE_SETUP "\name", EL1H
    SET tcr_el1, \bits
    tlbi vmalle1
    dsb sy
    isb
    BODY
    PAGE x9, \page
    \insn
    dsb sy
    ldr x9, =pages + 8 * \page
    ldr x1, [x9]
    ldr x9, =0x00080000000004c0
    and x1, x1, x9
    END
.endm

    UPDATE "load sets the access flag", 1 << 39, 5, EL1H, ldr x0, [x9]
    UPDATE "store sets the access flag", 1 << 39, 5, EL1H, str x0, [x9, #8]
    UPDATE "load with access flag and dirty state", 3 << 39, 19, EL1H, ldr x0, [x9]
    UPDATE "store makes dirty", 3 << 39, 12, EL1H, str x0, [x9, #8]
    UPDATE "store sets the access flag and makes dirty", 3 << 39, 19, EL1H, str x0, [x9, #8]
    UPDATE "load does not make dirty", 3 << 39, 12, EL1H, ldr x0, [x9]
    UPDATE "atomic makes dirty", 3 << 39, 12, EL1H, .inst 0xf8200120
    UPDATE "unprivileged store makes dirty", 3 << 39, 12, EL1H, sttr x0, [x9]
    UPDATE "dc zva makes dirty", 3 << 39, 12, EL1H, dc zva, x9
    UPDATE "dc civac does not make dirty", 3 << 39, 12, EL1H, dc civac, x9
    UPDATE "prefetch of a page not accessed", 1 << 38, 5, EL1H, prfm pldl1keep, [x9]

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

// --- software step ---

.macro STEP name:req, spsr:req
    CASE_SETUP "step, \name", \spsr
    WRITE mdscr_el1, (1 << 13) + 1
    BODY
.endm

    STEP "EL0", EL0 | SS
    mov x0, #1
    mov x1, #1
    END
    STEP "EL0, pending", EL0
    mov x0, #1
    END
    STEP "EL0 with D clear", SS
    mov x0, #1
    mov x1, #1
    END
    STEP "EL1", (EL1H & ~D) | SS
    mov x0, #1
    mov x1, #1
    END
    STEP "EL1 with D", EL1H | SS
    mov x0, #1
    mov x1, #1
    END
    STEP "EL1, pending", EL1H & ~D
    mov x0, #1
    END
    CASE_SETUP "step, EL1 without KDE", (EL1H & ~D) | SS
    WRITE mdscr_el1, 1
    BODY
    mov x0, #1
    mov x1, #1
    END
    STEP "branch", EL0 | SS
    b 1f
    mov x0, #1
1:  mov x1, #1
    END
    STEP "load exclusive", EL0 | SS
    ldxr x0, [x3]
    mov x1, #1
    END
    STEP "load exclusive pair", EL0 | SS
    ldaxp x0, x1, [x3]
    mov x1, #1
    END
    STEP "store exclusive", EL0 | SS
    stxr w0, x0, [x3]
    mov x1, #1
    END
    STEP "svc", EL0 | SS
    svc #1
    END
    STEP "brk", EL0 | SS
    brk #1
    END
    STEP "undefined", EL0 | SS
    udf #1
    END
    STEP "abort", EL0 | SS
    ldr x0, [x2]
    END
    STEP "fetch that aborts", EL0 | SS
    br x2
    END
    STEP "trap", EL0 | SS
    mrs x0, cntvct_el0
    END
    STEP "wfi", EL0 | SS
    .inst 0xd503201f
    mov x1, #1
    END
    STEP "illegal state", EL0 | SS | IL
    mov x0, #1
    END
    STEP "illegal state, pending", EL0 | IL
    mov x0, #1
    END
    STEP "daifclr at EL1", EL1H | SS
    msr daifclr, #8
    mov x0, #1
    mov x1, #1
    END
    STEP "daifset at EL1", (EL1H & ~D) | SS
    msr daifset, #8
    mov x1, #1
    END
    STEP "svc at EL1", (EL1H & ~D) | SS
    svc #1
    END
    STEP "eret to EL0", EL1H
    adr x9, 1f
    msr elr_el1, x9
    ldr x9, =EL0 | SS
    msr spsr_el1, x9
    eret
1:  mov x0, #1
    mov x1, #1
    END
    STEP "stepped eret", (EL1H & ~D) | SS
    eret
    END
    CASE_SETUP "step, OS lock", EL0 | SS
    WRITE mdscr_el1, (1 << 13) + 1
    mov x9, #1
    msr oslar_el1, x9
    isb
    BODY
    mov x0, #1
    END

// --- breakpoints ---

#define MONITOR (1 << 15) + (1 << 13)
#define BCR_EL0 0x1e5
#define BCR_EL1 0x1e3
#define BCR_ANY 0x1e7

.macro BREAK name:req, spsr:req, control:req, offset=4, mdscr=MONITOR
    CASE_SETUP "breakpoint, \name", \spsr
    adr x9, 4f + \offset
    msr dbgbvr0_el1, x9
    WRITE dbgbcr0_el1, \control
    WRITE mdscr_el1, \mdscr
    BODY
    mov x0, #1
    mov x1, #1
    nop
    END
.endm

    BREAK "EL0", EL0, BCR_EL0
    BREAK "EL0, first instruction", EL0, BCR_EL0, 0
    BREAK "EL0, for EL1", EL0, BCR_EL1
    BREAK "EL0, for any", EL0, BCR_ANY
    BREAK "EL1", EL1H & ~D, BCR_EL1
    BREAK "EL1 with D", EL1H, BCR_EL1
    BREAK "EL1 for EL0", EL1H & ~D, BCR_EL0
    BREAK "EL1 without KDE", EL1H & ~D, BCR_EL1, 4, 1 << 15
    BREAK "without MDE", EL0, BCR_EL0, 4, 1 << 13
    BREAK "not enabled", EL0, BCR_EL0 - 1
    BREAK "and step", EL0 | SS, BCR_EL0, 0, MONITOR + 1
    BREAK "and step after", EL0 | SS, BCR_EL0, 4, MONITOR + 1
    BREAK "illegal state", EL0 | IL, BCR_EL0, 0
    BREAK "EL2 alone", EL0, 0x21e1

.macro LINK name:req, context:req, linked:req
    CASE_SETUP "breakpoint linked to a context, \name", EL0
    mrs x9, id_aa64dfr0_el1
    WRITE contextidr_el1, \context
    adr x9, 4f + 4
    msr dbgbvr0_el1, x9
    // The last breakpoint compares contexts wherever one does: both machines have 6 or fewer.
    WRITE dbgbcr0_el1, BCR_EL0 + (1 << 20) + (\linked << 16)
    WRITE dbgbvr5_el1, 77
    WRITE dbgbcr5_el1, BCR_EL0 + (3 << 20)
    WRITE mdscr_el1, MONITOR
    BODY
    mov x0, #1
    mov x1, #1
    END
.endm
    LINK "that is current", 77, 5
    LINK "that is another", 78, 5

    CASE_SETUP "breakpoint on a context", EL0
    WRITE contextidr_el1, 77
    WRITE dbgbcr5_el1, BCR_EL0 + (2 << 20)
    WRITE dbgbvr5_el1, 77
    WRITE mdscr_el1, MONITOR
    BODY
    mov x0, #1
    END

// --- watchpoints ---

#define WCR(bas, lsc, pac) (1 + ((pac) << 1) + ((lsc) << 3) + ((bas) << 5))

.macro WATCH name:req, spsr:req, control:req, offset:req, insn:req
    CASE_SETUP "watchpoint, \name", \spsr
    add x9, x3, #\offset
    msr dbgwvr0_el1, x9
    WRITE dbgwcr0_el1, \control
    WRITE mdscr_el1, MONITOR
    BODY
    mov x9, x3
    \insn
    mov x1, #1
    END
.endm

    WATCH "load", EL0, WCR(0xff, 1, 2), 8, "ldr x0, [x3, #8]"
    WATCH "load, for stores", EL0, WCR(0xff, 2, 2), 8, "ldr x0, [x3, #8]"
    WATCH "store", EL0, WCR(0xff, 2, 2), 8, "str x0, [x3, #8]"
    WATCH "store, for loads", EL0, WCR(0xff, 1, 2), 8, "str x0, [x3, #8]"
    WATCH "store for both", EL0, WCR(0xff, 3, 2), 8, "strb w0, [x3, #15]"
    WATCH "byte before", EL0, WCR(0xff, 3, 2), 8, "ldrb w0, [x3, #7]"
    WATCH "byte behind", EL0, WCR(0xff, 3, 2), 8, "ldrb w0, [x3, #16]"
    WATCH "across the start", EL0, WCR(0xff, 3, 2), 8, "ldur x0, [x3, #4]"
    WATCH "bytes 2 and 3", EL0, WCR(0x0c, 3, 2), 8, "ldrh w0, [x3, #10]"
    WATCH "bytes 2 and 3, of a word", EL0, WCR(0x0c, 3, 2), 8, "ldr w0, [x3, #8]"
    WATCH "bytes 2 and 3, others", EL0, WCR(0x0c, 3, 2), 8, "ldrh w0, [x3, #8]"
    WATCH "word", EL0, WCR(0x0f, 3, 2), 12, "ldr w0, [x3, #12]"
    WATCH "word, the other", EL0, WCR(0x0f, 3, 2), 12, "ldr w0, [x3, #8]"
    WATCH "EL1 for EL0", EL1H & ~D, WCR(0xff, 3, 2), 8, "ldr x0, [x3, #8]"
    WATCH "EL1", EL1H & ~D, WCR(0xff, 3, 1), 8, "ldr x0, [x3, #8]"
    WATCH "EL1 with D", EL1H, WCR(0xff, 3, 1), 8, "ldr x0, [x3, #8]"
    WATCH "EL1, store", EL1H & ~D, WCR(0xff, 3, 1), 8, "str x0, [x3, #8]"
    WATCH "unprivileged, for EL0", EL1H & ~D, WCR(0xff, 3, 2), 8, "ldtr x0, [x3, #8]"
    WATCH "unprivileged, for EL1", EL1H & ~D, WCR(0xff, 3, 1), 8, "ldtr x0, [x3, #8]"
    WATCH "pair", EL0, WCR(0xff, 3, 2), 16, "ldp x0, x1, [x3, #8]"
    WATCH "pair, store", EL0, WCR(0xff, 3, 2), 16, "stp x0, x1, [x3, #8]"
    WATCH "vector", EL0, WCR(0xff, 3, 2), 24, "ldr q0, [x3, #16]"
    WATCH "4 vectors", EL0, WCR(0xff, 3, 2), 40, "st1 {v0.16b, v1.16b, v2.16b, v3.16b}, [x9]"
    WATCH "atomic", EL0, WCR(0xff, 2, 2), 8, "add x9, x9, #8; .inst 0xf8200120"
    WATCH "atomic, for loads", EL0, WCR(0xff, 1, 2), 8, "add x9, x9, #8; .inst 0xf8200120"
    WATCH "atomic, for both", EL0, WCR(0xff, 3, 2), 8, "add x9, x9, #8; .inst 0xf8200120"
    WATCH "compare and swap", EL0, WCR(0xff, 3, 2), 0, ".inst 0xc8a07d21"
    WATCH "load exclusive", EL0, WCR(0xff, 1, 2), 8, "add x9, x9, #8; ldxr x0, [x9]"
    WATCH "dc zva", EL0, WCR(0xff, 2, 2), 40, "dc zva, x3"
    WATCH "dc civac", EL0, WCR(0xff, 3, 2), 0, "dc civac, x3"
    WATCH "prefetch", EL0, WCR(0xff, 3, 2), 0, "prfm pldl1keep, [x3]"
    WATCH "64 bytes", EL0, WCR(0xff, 3, 2) + (6 << 24), 64, "ldr x0, [x3, #120]"
    WATCH "64 bytes, before", EL0, WCR(0xff, 3, 2) + (6 << 24), 64, "ldr x0, [x3, #56]"
    WATCH "4096 bytes", EL0, WCR(0xff, 3, 2) + (12 << 24), 0, "ldr x0, [x3, #0x7f8]"
    WATCH "of a page that is not there", EL0, WCR(0xff, 3, 2), 0, "ldr x0, [x2]"
    WATCH "write-back", EL0, WCR(0xff, 3, 2), 8, "ldr x0, [x9, #8]!"
    WATCH "tagged", EL0, WCR(0xff, 3, 2), 8, "orr x9, x9, #0xf00000000000000; ldr x0, [x9, #8]"

    CASE_SETUP "watchpoint not enabled at EL0", EL0
    msr dbgwvr0_el1, x3
    WRITE dbgwcr0_el1, WCR(0xff, 3, 2) - 1
    WRITE mdscr_el1, MONITOR
    BODY
    ldr x0, [x3]
    END

// What EL1 reads for EL0 with debug masked must not hide the watchpoint.
    CASE_SETUP "watchpoint after EL1's access", EL0
    msr dbgwvr0_el1, x3
    WRITE dbgwcr0_el1, WCR(0xff, 3, 2)
    WRITE mdscr_el1, MONITOR
    ldtr x10, [x3]
    sttr x10, [x3]
    ldr x10, [x3]
    BODY
    ldr x0, [x3]
    END
    CASE_SETUP "watchpoint and step", EL0 | SS
    msr dbgwvr0_el1, x3
    WRITE dbgwcr0_el1, WCR(0xff, 3, 2)
    WRITE mdscr_el1, MONITOR + 1
    BODY
    ldr x0, [x3]
    END

// --- timers and interrupts ---

.macro DUE timer:req
    msr \timer\()_cval_el0, xzr
    mov x9, #1
    msr \timer\()_ctl_el0, x9
    isb
    // Until it has come through the GIC.
1:  mrs x9, isr_el1
    cbz x9, 1b
.endm

    CASE_SETUP "timer at EL0", EL0 & ~I
    DUE cntv
    BODY
    mov x0, #1
    END
    CASE_SETUP "timer at EL1", EL1H & ~I
    DUE cntv
    BODY
    mov x0, #1
    END
    CASE_SETUP "timer at EL1 with SP_EL0", EL1T & ~I
    DUE cntp
    BODY
    mov x0, #1
    END
    CASE_SETUP "timer masked", EL1H
    DUE cntv
    BODY
    mrs x0, cntv_ctl_el0
    mrs x1, isr_el1
    END
    CASE_SETUP "timer let in", EL1H
    DUE cntv
    BODY
    mov x0, #1
    msr daifclr, #2
    mov x1, #1
    END
    CASE_SETUP "timer masked, wfi", EL1H
    DUE cntv
    BODY
    wfi
    mrs x0, cntv_ctl_el0
    END
    CASE_SETUP "timer while stepping", (EL0 & ~I) | SS
    DUE cntv
    WRITE mdscr_el1, 1
    BODY
    mov x0, #1
    END
    CASE_SETUP "timer, step pending", EL0 & ~I
    DUE cntv
    WRITE mdscr_el1, 1
    BODY
    mov x0, #1
    END
    CASE_SETUP "timer and illegal state", (EL0 & ~I) | IL
    DUE cntv
    BODY
    mov x0, #1
    END
    CASE_SETUP "timer lets eret go", EL1H
    DUE cntp
    BODY
    RETURN EL0 & ~I
    END
    CASE "timer not enabled", EL1H
    msr cntv_cval_el0, xzr
    mrs x0, cntv_ctl_el0
    END
    CASE "timer with its mask", EL1H
    msr cntv_cval_el0, xzr
    mov x9, #3
    msr cntv_ctl_el0, x9
    isb
    mrs x0, cntv_ctl_el0
    mrs x1, isr_el1
    END
    CASE "timer not due", EL1H
    mov x9, #0x7fffffff
    msr cntv_tval_el0, x9
    mov x9, #1
    msr cntv_ctl_el0, x9
    isb
    mrs x0, cntv_ctl_el0
    mrs x1, cntv_cval_el0
    mrs x9, cntvct_el0
    sub x1, x1, x9
    lsr x1, x1, #28
    END
    CASE "tval is 32 bits, signed", EL1H
    mrs x9, cntpct_el0
    sub x9, x9, #0x1000
    msr cntp_cval_el0, x9
    mrs x0, cntp_tval_el0
    lsr x0, x0, #31
    ldr x9, =0xffffffff80000000
    mrs x10, cntvct_el0
    msr cntv_tval_el0, x9
    mrs x1, cntv_cval_el0
    sub x1, x1, x10
    asr x1, x1, #31
    END
    CASE "wfi until the timer", EL1H
    mov x9, #20000
    msr cntv_tval_el0, x9
    mov x9, #1
    msr cntv_ctl_el0, x9
    wfi
    mrs x0, cntv_ctl_el0
    END
