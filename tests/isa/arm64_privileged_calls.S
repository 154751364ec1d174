// SPDX-License-Identifier: MIT
//
// Cases of arm64_privileged.S: calls, exception returns, PSTATE, alignment of PC and SP, disabled
// floating point.

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
