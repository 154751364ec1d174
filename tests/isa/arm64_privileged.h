// SPDX-License-Identifier: MIT
//
// What the assembly files of tests/isa share: macros that list cases, numbers of the program's
// layout.
//
// A case is CASE (or CASE_SETUP, instructions that run at EL1 beforehand, BODY), instructions, END.
// Its body runs as `spsr` says, and ends with the first exception, an SVC if nothing else.
#ifndef ARM64_PRIVILEGED_H
#define ARM64_PRIVILEGED_H

#define RAM     0x40000000
#define SERIAL  0x09000000
#define VIRTUAL 0x80000000 // where the pages for tests are
#define USER    (RAM + 0x400000)
#define KERNEL  (RAM + 0x200000)

// PSTATE.
#define EL0   0x3c0
#define EL1T  0x3c4
#define EL1H  0x3c5
#define D     (1 << 9)
#define I     (1 << 7)
#define IL    (1 << 20)
#define SS    (1 << 21)
#define PAN   (1 << 22)
#define UAO   (1 << 23)
#define FLAGS (0xf << 28)

// SCTLR_EL1 of every case: M, C, SA, SA0, I, DZE, UCT, nTWI, nTWE, SPAN, UCI, and what is RES1.
#define SCTLR 0x34d5d81d

#define PSCI_OFF 0x84000008

// clang-format off
.macro RECORD name:req, setup:req, spsr:req
    .pushsection .names, "a"
9:  .asciz "\name"
    .popsection
    .pushsection .records, "a"
    .quad 9b, \setup, 4f, \spsr
    .popsection
.endm

.macro CASE name:req, spsr:req
    RECORD "\name", 0, \spsr
4:
.endm

.macro CASE_SETUP name:req, spsr:req
    RECORD "\name", 3f, \spsr
3:
.endm

.macro BODY
    ret
4:
.endm

.macro END
    svc #0xf
    .inst 0
    .balign 16
.endm

// Sets bits of a system register, clears some.
.macro SET register:req, bits:req
    mrs x9, \register
    ldr x10, =\bits
    orr x9, x9, x10
    msr \register, x9
    isb
.endm

.macro CLEAR register:req, bits:req
    mrs x9, \register
    ldr x10, =\bits
    bic x9, x9, x10
    msr \register, x9
    isb
.endm

.macro WRITE register:req, value:req
    ldr x9, =\value
    msr \register, x9
    isb
.endm

// Rd = the address of the page for tests with that number.
.macro PAGE rd:req, number:req
    add \rd, x2, #(\number) << 12
.endm
// clang-format on

#endif
