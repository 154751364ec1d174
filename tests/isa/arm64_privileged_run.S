// SPDX-License-Identifier: MIT
//
// The bare-metal program that runs the cases of another file, one after the other, and prints for
// each on the serial port its name and what its exception left: the vector's offset, ESR, FAR, ELR
// from the start of the body, SPSR, DAIF with SPSel, PAN and UAO at its entry, x0, x1. It starts at EL1 with translation off and ends by PSCI.
//
// The first 2 MiB of RAM hold it, for both exception levels to execute and EL1 to read; behind
// them lie EL1's memory, EL0's, and at VIRTUAL the pages for tests: 4 KiB granule, 39-bit
// addresses. With PLAIN it uses nothing but what every PE has, and no interrupts.
#include "arm64_privileged.h"

#define TCR 0x22b5193519 // T0SZ and T1SZ 25, 4 KiB, 40-bit physical addresses, TBI0, cacheable
#define STACK (RAM + 0x3f0000)
#define MAIR 0xff04      // 0: device, nGnRE; 1: normal

#define VALID   1
#define TABLE   3
#define PAGE_   3
#define NORMAL  (1 << 2)
#define AP_USER (1 << 6)
#define AP_RO   (1 << 7)
#define INNER   (3 << 8)
#define AF      (1 << 10)
#define NG      (1 << 11)
#define GP      (1 << 50)
#define DBM     (1 << 51)
#define PXN     (1 << 53)
#define UXN     (1 << 54)
#define RW      (AF | INNER | NORMAL | PXN | UXN)

    .section .text
    .globl _start
_start:
    ldr x0, =STACK
    mov sp, x0
    bl translate
    adr x0, vectors
    msr vbar_el1, x0
    isb
#ifndef PLAIN
    bl interrupts
#endif
    adr x28, first_record
    adr x27, last_record
next:
    cmp x28, x27
    b.hs finish
    bl prepare
    ldp x8, x7, [x28, #8]
    cbz x8, 1f
    blr x8
1:  ldr x9, [x28, #16]
    msr elr_el1, x9
    ldr x9, [x28, #24]
    msr spsr_el1, x9
    // Sequences that differ by the setup's use of x9 and x10 must not.
    mov x9, #0
    mov x10, #0
    mov x30, #0
    mov x8, #0
    isb
    eret

finish:
    ldr x0, =PSCI_OFF
    hvc #0
    b .

// Registers and tables as at the start, but for what a case does in its setup.
prepare:
    msr daifset, #15
    ldr x9, =SCTLR
    msr sctlr_el1, x9
    ldr x9, =TCR
    msr tcr_el1, x9
    mov x9, #3 << 20
    msr cpacr_el1, x9
    msr mdscr_el1, xzr
    msr oslar_el1, xzr
    msr dbgbcr0_el1, xzr
    msr dbgbcr1_el1, xzr
    msr dbgwcr0_el1, xzr
    msr dbgwcr1_el1, xzr
    msr cntkctl_el1, xzr
    msr cntv_ctl_el0, xzr
    msr cntp_ctl_el0, xzr
    msr contextidr_el1, xzr
    msr par_el1, xzr
    msr tpidr_el0, xzr
    msr far_el1, xzr
    msr esr_el1, xzr
#ifndef PLAIN
    msr pmuserenr_el0, xzr
    msr fpcr, xzr
    msr S3_0_C4_C2_3, xzr // PAN
    msr S3_0_C4_C2_4, xzr // UAO
#endif
    ldr x9, =pages_master
    ldr x10, =pages
    mov x11, #64
1:  ldr x12, [x9], #8
    str x12, [x10], #8
    subs x11, x11, #1
    b.ne 1b
    dsb sy
    tlbi vmalle1
    dsb sy
    isb
    // Something to load, and to execute.
    ldr x9, =KERNEL
    ldr x10, =0xfedcba9876543210
    str x10, [x9]
    ldr x9, =USER
    ldr x10, =0x0123456789abcdef
    mov x11, #0x100
1:  sub x11, x11, #8
    str x10, [x9, x11]
    cbnz x11, 1b
    ldr x10, =0xd4000001d503201f // NOP, SVC #0
    str x10, [x9, #0x800]
    add x9, x9, #0x1000
    str x10, [x9, #0x800]
    dsb sy
    ic iallu
    dsb sy
    ldr x9, =USER + 0x10000
    msr sp_el0, x9
    ldr x9, =STACK
    mov sp, x9
    mov x0, #0x1111
    mov x1, #0x2222
    ldr x2, =VIRTUAL
    ldr x3, =USER
    ldr x4, =KERNEL
    mov x5, #5
    mov x6, #6
    isb
    ret

// --- what an exception leaves ---

// x18 holds nothing of a case's.
    .macro SLOT
    .balign 0x80
    mov x18, #. - vectors
    b exception
    .endm

    .balign 0x800
vectors:
    .rept 16
    SLOT
    .endr

exception:
    mrs x25, daif
    mrs x20, spsel
    orr x25, x25, x20
#ifndef PLAIN
    mrs x20, S3_0_C4_C2_3 // PAN: EL0 may read this program, too
    orr x25, x25, x20
    mrs x20, S3_0_C4_C2_4 // UAO
    orr x25, x25, x20
    msr S3_0_C4_C2_3, xzr
    msr S3_0_C4_C2_4, xzr
#endif
    ldr x19, =STACK
    mov sp, x19
    stp x0, x1, [sp, #-64]!
    mov x29, x18
    mrs x21, esr_el1
    mrs x22, far_el1
    mrs x23, elr_el1
    mrs x24, spsr_el1
    msr mdscr_el1, xzr
    ldr x9, =SCTLR
    msr sctlr_el1, x9
    ldr x9, =TCR
    msr tcr_el1, x9
    mov x9, #0x300000
    msr cpacr_el1, x9
    msr cntv_ctl_el0, xzr
    msr cntp_ctl_el0, xzr
    isb
    tlbi vmalle1
    dsb sy
    isb
    ldr x9, [x28, #16]
    sub x23, x23, x9
    ldr x0, [x28]
    bl text
    adr x0, word_vector
    mov x1, x29
    bl field
    adr x0, word_esr
    mov x1, x21
    bl field
    adr x0, word_far
    mov x1, x22
    bl field
    adr x0, word_elr
    mov x1, x23
    bl field
    adr x0, word_spsr
    mov x1, x24
    bl field
    adr x0, word_pstate
    mov x1, x25
    bl field
    adr x0, word_x0
    ldr x1, [sp]
    bl field
    adr x0, word_x1
    ldr x1, [sp, #8]
    bl field
    mov w0, #10
    bl letter
    add x28, x28, #32
#ifndef PLAIN
    // An interrupt is over when its source is.
    mrs x9, S3_0_C12_C12_0 // ICC_IAR1_EL1
    and x10, x9, #0xffffff
    mov x11, #1020
    cmp x10, x11
    b.hs next
    msr S3_0_C12_C12_1, x9 // ICC_EOIR1_EL1
#endif
    b next

word_vector: .asciz ": vector"
word_esr: .asciz " esr"
word_far: .asciz " far"
word_elr: .asciz " elr"
word_spsr: .asciz " spsr"
word_pstate: .asciz " pstate"
word_x0: .asciz " x0"
word_x1: .asciz " x1"
    .balign 4

// The text at x0, then x1 in hexadecimal digits, without leading zeros.
field:
    mov x13, x30
    mov x14, x1
    bl text
    mov w0, #' '
    bl letter
    mov x15, #60
1:  lsr x0, x14, x15
    and x0, x0, #15
    lsr x9, x14, x15
    cbnz x9, 2f
    cbnz x15, 3f
2:  cmp x0, #10
    add x9, x0, #'0'
    add x10, x0, #'a' - 10
    csel x0, x9, x10, lo
    bl letter
3:  subs x15, x15, #4
    b.pl 1b
    ret x13

text:
    mov x12, x0
    mov x11, x30
1:  ldrb w0, [x12], #1
    cbz w0, 2f
    bl letter
    b 1b
2:  ret x11

letter:
    ldr x9, =SERIAL
1:  ldr w10, [x9, #0x18]
    tbnz w10, #5, 1b
    strb w0, [x9]
    ret

// --- the machine ---

translate:
    ldr x9, =MAIR
    msr mair_el1, x9
    ldr x9, =TCR
    msr tcr_el1, x9
    ldr x9, =level1
    msr ttbr0_el1, x9
    msr ttbr1_el1, x9
    isb
    tlbi vmalle1
    dsb sy
    isb
    ldr x9, =SCTLR
    msr sctlr_el1, x9
    isb
    ret

// The timers' interrupts, of group 1, to this PE.
interrupts:
    ldr x9, =0x08000000 // the distributor
    mov w10, #0x12      // ARE, group 1
    str w10, [x9]
    ldr x9, =0x080a0000 // the redistributor
    ldr w10, [x9, #0x14]
    and w10, w10, #~2
    str w10, [x9, #0x14]
1:  ldr w10, [x9, #0x14]
    tbnz w10, #2, 1b
    add x9, x9, #0x10000
    mov w10, #-1
    str w10, [x9, #0x80]  // IGROUPR0
    mov w10, #(1 << 27) | (1 << 30)
    str w10, [x9, #0x100] // ISENABLER0
    mov x10, #1
    msr S3_0_C12_C12_5, x10 // ICC_SRE_EL1
    isb
    mov x10, #0xf8
    msr S3_0_C4_C6_0, x10   // ICC_PMR_EL1
    mov x10, #1
    msr S3_0_C12_C12_7, x10 // ICC_IGRPEN1_EL1
    isb
    ret

    .ltorg

// --- tables ---

    .section .tables, "aw"
    .balign 4096
level1:
    .quad 0 | AF | PXN | UXN | VALID                  // devices
    .quad level2_ram + TABLE
    .quad level2 + TABLE                              // VIRTUAL
    .quad 0                                           // 0xc0000000
    .quad (1 << 44) | TABLE                           // 0x100000000: beyond the physical addresses
    .quad 0x700000000 + TABLE                         // 0x140000000: where nothing is
    .quad RAM + RW + AP_RO + VALID                    // 0x180000000: a block that EL1 reads
    .quad RAM + RW + VALID - AF                       // 0x1c0000000: a block, not accessed
    .balign 4096
level2_ram:
    .quad RAM + AF + INNER + NORMAL + AP_RO + AP_USER + VALID
    .quad KERNEL + RW + VALID
    .quad USER + RW + AP_USER + VALID
    .balign 4096
level2:
    .quad pages + TABLE
    .quad 0                                           // 0x80200000
    .quad KERNEL + RW + VALID - AF                    // 0x80400000
    .quad KERNEL + RW + AP_RO + VALID                 // 0x80600000
    .quad pages + TABLE + (1 << 61)                   // 0x80800000: APTable, no EL0
    .quad pages + TABLE + (2 << 61)                   // 0x80a00000: APTable, no writes
    .quad pages + TABLE + (1 << 59)                   // 0x80c00000: PXNTable
    .quad pages + TABLE + (1 << 60)                   // 0x80e00000: UXNTable
    .quad (1 << 44) | RW | VALID                      // 0x81000000
    .quad 0x700000000 + TABLE                         // 0x81200000
    .quad (1 << 44) | TABLE                           // 0x81400000
    .balign 4096
pages:
    .space 4096
pages_master:
    .quad 0                                           // 0
    .quad KERNEL + RW + PAGE_                         // 1: EL1's
    .quad USER + RW + AP_USER + PAGE_                 // 2: everybody's
    .quad KERNEL + RW + AP_RO + PAGE_                 // 3: EL1 reads
    .quad USER + RW + AP_RO + AP_USER + PAGE_         // 4: everybody reads
    .quad USER + RW + AP_USER + PAGE_ - AF            // 5: not accessed
    .quad (1 << 44) + RW + PAGE_                      // 6: beyond the physical addresses
    .quad USER + RW + AP_USER + PAGE_ - NORMAL        // 7: device
    .quad USER + AF + INNER + NORMAL + AP_RO + AP_USER + UXN + PAGE_ // 8: EL1 executes
    .quad USER + AF + INNER + NORMAL + AP_RO + AP_USER + PXN + PAGE_ // 9: EL0 executes
    .quad USER + AF + INNER + NORMAL + AP_USER + PAGE_ // 10: writable, EL0 executes
    .quad USER + AF + INNER + NORMAL + PAGE_          // 11: EL1's, writable, both execute
    .quad USER + RW + AP_USER + AP_RO + DBM + PAGE_   // 12: clean
    .quad 0x700000000 + RW + AP_USER + PAGE_          // 13: nothing there
    .quad USER + RW + AP_USER + 1                     // 14: reserved
    .quad USER + RW + AP_USER + NG + PAGE_            // 15: of one address space
    .quad USER + RW + AP_USER + PAGE_                 // 16: everybody's again
    .quad 0                                           // 17
    .quad USER + 0x1000 + AF + INNER + NORMAL + AP_RO + AP_USER + PAGE_ // 18: all execute
    .quad USER + RW + AP_RO + DBM + PAGE_ - AF        // 19: EL1's, clean, not accessed
    .quad USER + 0x1000 + AF + INNER + NORMAL + AP_RO + AP_USER + GP + PAGE_ // 20: guarded
    .balign 512

    .section .records, "a"
    .balign 8
first_record:
    .section .text
    .balign 4096
#include CASES
    .section .records, "a"
last_record:
