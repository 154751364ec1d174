# SPDX-License-Identifier: MIT
#
# The workloads of vm-cli bench for a RISC-V hart in machine mode, at the bottom of RAM. Each begins
# at its label with the number of units to do in s0 and memory of its own at s1, does them one like
# the other, and powers off with the last one's result in a0. riscv64.h has the words;
# tests/cli/bench_words_test.py writes it.

    .option norvc
    .option norelax
    .globl alu, memory, sieve, calls, indirect, floats, trap, written, cold
    .text

# A thousand steps of a xorshift generator.
alu:
    li a0, 88172645
    li t1, 1000
1:  slli t0, a0, 13
    xor a0, a0, t0
    srli t0, a0, 7
    xor a0, a0, t0
    slli t0, a0, 17
    xor a0, a0, t0
    addi t1, t1, -1
    bnez t1, 1b
    addi s0, s0, -1
    bnez s0, alu
    j end

# Writes 32 KiB and adds them up.
memory:
    li t1, 4096
    mv t0, s1
1:  sd t1, 0(t0)
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 1b
    li t1, 4096
    mv t0, s1
    li a0, 0
2:  ld t2, 0(t0)
    add a0, a0, t2
    addi t0, t0, 8
    addi t1, t1, -1
    bnez t1, 2b
    addi s0, s0, -1
    bnez s0, memory
    j end

# Primes below 8192.
sieve:
    li t6, 8192
    add t5, s1, t6
    mv t0, s1
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t5, 1b
    li a0, 0
    li t1, 2
2:  add t0, s1, t1
    lbu t2, 0(t0)
    bnez t2, 4f
    addi a0, a0, 1
    li t2, 1
    j 5f
3:  sb t2, 0(t0)
5:  add t0, t0, t1
    bltu t0, t5, 3b
4:  addi t1, t1, 1
    bltu t1, t6, 2b
    addi s0, s0, -1
    bnez s0, sieve
    j end

# Fibonacci number 15 by calls of itself.
calls:
    li sp, 65536
    add sp, sp, s1
1:  li a0, 15
    jal ra, fibonacci
    addi s0, s0, -1
    bnez s0, 1b
    j end
fibonacci:
    li t0, 2
    bltu a0, t0, 1f
    addi sp, sp, -32
    sd ra, 0(sp)
    sd a0, 8(sp)
    addi a0, a0, -1
    jal ra, fibonacci
    sd a0, 16(sp)
    ld a0, 8(sp)
    addi a0, a0, -2
    jal ra, fibonacci
    ld t0, 16(sp)
    add a0, a0, t0
    ld ra, 0(sp)
    addi sp, sp, 32
1:  ret

# A thousand calls of four functions in turn, by address.
indirect:
    li a0, 0
    li t1, 1000
1:  andi t0, t1, 3
    slli t0, t0, 3
    lla t2, 2f
    add t2, t2, t0
    jalr ra, 0(t2)
    addi t1, t1, -1
    bnez t1, 1b
    addi s0, s0, -1
    bnez s0, indirect
    j end
2:  addi a0, a0, 1
    ret
    addi a0, a0, 2
    ret
    addi a0, a0, 3
    ret
    xori a0, a0, 1
    ret

# A thousand steps of x = 3.75 x (1 - x), from 0.5.
floats:
    li t0, 3 << 13
    csrs mstatus, t0
    li t0, 0x3fe
    slli t0, t0, 52
    li t1, 0x3ff
    slli t1, t1, 52
    fmv.d.x ft1, t1
    li t2, 0x400e
    slli t2, t2, 48
    fmv.d.x ft2, t2
1:  fmv.d.x ft0, t0
    li t1, 1000
2:  fsub.d ft3, ft1, ft0
    fmul.d ft0, ft0, ft2
    fmul.d ft0, ft0, ft3
    addi t1, t1, -1
    bnez t1, 2b
    addi s0, s0, -1
    bnez s0, 1b
    fmv.x.d a0, ft0
    j end

# A hundred traps and returns from them.
trap:
    lla t0, handler
    csrw mtvec, t0
1:  li a0, 0
    li t1, 100
2:  ecall
    addi t1, t1, -1
    bnez t1, 2b
    addi s0, s0, -1
    bnez s0, 1b
    j end
handler:
    csrr t2, mepc
    addi t2, t2, 4
    csrw mepc, t2
    addi a0, a0, 1
    mret

# Fifty functions, written over one another and called once each.
written:
    li a0, 0
    li t1, 50
    li t3, 0x8067 # ret
    sw t3, 4(s1)
1:  slli t0, t1, 20
    li t2, 0x50513 # addi a0, a0, 0
    or t0, t0, t2
    sw t0, 0(s1)
    fence.i
    jalr ra, 0(s1)
    addi t1, t1, -1
    bnez t1, 1b
    addi s0, s0, -1
    bnez s0, written
    j end

# Four thousand instructions in blocks of eight, copied to a new place and run once.
cold:
    li t1, 500
    mv t0, s1
1:  lla t2, block
    ld t3, 0(t2)
    sd t3, 0(t0)
    ld t3, 8(t2)
    sd t3, 8(t0)
    ld t3, 16(t2)
    sd t3, 16(t0)
    ld t3, 24(t2)
    sd t3, 24(t0)
    addi t0, t0, 32
    addi t1, t1, -1
    bnez t1, 1b
    li t3, 0x8067 # ret
    sw t3, 0(t0)
    fence.i
    li a0, 0
    li t1, 1
    jalr ra, 0(s1)
    addi s0, s0, -1
    bnez s0, cold
    j end
block:
    add a0, a0, t1
    xori t1, t1, 5
    slli t2, a0, 1
    add a0, a0, t2
    srli t2, a0, 3
    xor a0, a0, t2
    addi t1, t1, 3
    bnez s1, 1f # always
1:

# Powers off by the board's test device.
end:
    lui t0, 0x100
    li t1, 0x5555
    sw t1, 0(t0)
1:  wfi
    j 1b
