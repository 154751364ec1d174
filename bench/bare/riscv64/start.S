# SPDX-License-Identifier: MIT
# Entry of the bare guest in supervisor mode (the SBI hands a hart number in a0), and the trap
# handler that the workloads measure: it goes on behind the trapping instruction and counts in s11,
# which the compiler leaves alone (-ffixed-x27).

    .section .text.start, "ax"
    .globl _start
_start:
    la sp, bare_stack_end
    la t0, bare_vector
    csrw stvec, t0
    li s11, 0
    # Floating point off, no interrupt taken; WFI returns for those that are enabled in sie.
    csrci sstatus, 2
    la t0, bare_bss
    la t1, bare_bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  call bare_main
3:  wfi
    j 3b

    .text
    .balign 4
bare_vector:
    csrw sscratch, t0
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    addi s11, s11, 1
    csrr t0, sscratch
    sret
