// SPDX-License-Identifier: MIT
// Entry of the bare guest at EL1, and its vectors. The handler that the workloads measure goes on
// behind the trapping instruction and counts in x28, which the compiler leaves alone (-ffixed-x28).

    .section .text.start, "ax"
    .globl _start
_start:
    msr daifset, #15
    msr spsel, #1
    adrp x0, bare_stack_end
    add x0, x0, :lo12:bare_stack_end
    mov sp, x0
    adrp x0, bare_vectors
    add x0, x0, :lo12:bare_vectors
    msr vbar_el1, x0
    isb
    mov x28, #0
    adrp x0, bare_bss
    add x0, x0, :lo12:bare_bss
    adrp x1, bare_bss_end
    add x1, x1, :lo12:bare_bss_end
1:  cmp x0, x1
    b.hs 2f
    str xzr, [x0], #8
    b 1b
2:  bl bare_main
3:  wfi
    b 3b

    .text
    // A synchronous exception from EL1 with its own stack pointer; none of the others happens.
    .balign 2048
bare_vectors:
    .skip 0x200
    msr tpidr_el1, x9
    mrs x9, elr_el1
    add x9, x9, #4
    msr elr_el1, x9
    add x28, x28, #1
    mrs x9, tpidr_el1
    eret
    .balign 2048

    // System calls from EL0, number x0 of them, each of which the vectors below answer: svc's own
    // handler gives x1 back in x1, plus 1. BRK ends.
    .balign 4096
    .globl bare_user
bare_user:
1:  svc #0
    sub x0, x0, #1
    cbnz x0, 1b
    brk #0
    .balign 4096

    // Runs bare_user with x0 as its x0, at EL0 and the address in x1, and returns its x1.
    .globl bare_run_user
bare_run_user:
    adrp x2, user_vectors
    add x2, x2, :lo12:user_vectors
    mrs x3, vbar_el1
    stp x3, x30, [sp, #-16]!
    msr vbar_el1, x2
    msr elr_el1, x1
    mov x2, #0x3c0
    msr spsr_el1, x2
    isb
    mov x1, #0
    eret

    .balign 2048
user_vectors:
    .skip 0x400
    msr tpidr_el1, x9
    mrs x9, esr_el1
    lsr x9, x9, #26
    cmp x9, #0x15
    b.ne user_ends
    add x1, x1, #1
    mrs x9, tpidr_el1
    eret
user_ends:
    mov x0, x1
    ldp x3, x30, [sp], #16
    msr vbar_el1, x3
    isb
    ret
    .balign 2048
