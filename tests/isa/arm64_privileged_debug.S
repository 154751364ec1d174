// SPDX-License-Identifier: MIT
//
// Cases of arm64_privileged.S: self-hosted debug, timers and interrupts.

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
