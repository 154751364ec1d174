// SPDX-License-Identifier: MIT
//
// Cases of arm64_privileged.S: aborts, cache and TLB maintenance, address translation, what hardware
// updates of descriptors.

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
