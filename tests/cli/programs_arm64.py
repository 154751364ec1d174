# SPDX-License-Identifier: MIT
"""Tiny ARM64 programs as ELF files, made without a compiler. They run at EL1 on the virt board,
whose built-in PSCI HVC calls. `two` makes one for two vCPUs, `one` for one."""

import programs

ENTRY = 0x40200000
# In bytes from the entry: where the second vCPU starts, and the vectors.
SECOND, VECTORS, SAME_IRQ = 0x100, 0x1000, 0x280
FLAG, OTHER = ENTRY + 0x10000, ENTRY + 0x10100  # words in memory
HZ = 62500000  # of the counter

CPU_ON, SYSTEM_OFF = 0xc4000003, 0x84000008
HVC, DSB, ERET = 0xd4000002, 0xd5033f9f, 0xd69f03e0
WFE, SEV, LET_IRQ_IN = 0xd503205f, 0xd503209f, 0xd50342ff
EQ, NE, LO = 0, 1, 3


# Instructions, named by the manual.

def mov(rd, value):
    """Any 64-bit value; four instructions."""
    return [(0xd2800000 if n == 0 else 0xf2800000) | n << 21 | (value >> 16 * n & 0xffff) << 5 | rd
            for n in range(4)]


def sysreg(op1, crn, crm, op2):
    """The number of a register with op0 3, as mrs and msr take it."""
    return (3 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2) << 5


CNTVCT, CNTKCTL, VBAR = sysreg(3, 14, 0, 2), sysreg(0, 14, 1, 0), sysreg(0, 12, 0, 0)
PMCR, PMCNTENSET, PMOVSCLR = sysreg(3, 9, 12, 0), sysreg(3, 9, 12, 1), sysreg(3, 9, 12, 3)
PMINTENSET, PMEVCNTR0, PMEVTYPER0 = (sysreg(0, 9, 14, 1), sysreg(3, 14, 8, 0),
                                     sysreg(3, 14, 12, 0))


def mrs(rt, register):
    return 0xd5200000 | register | rt


def msr(register, rt):
    return 0xd5000000 | register | rt


def wfet(rd):
    return 0xd5031000 | rd


def wfit(rd):
    return 0xd5031020 | rd


def add(rd, rn, rm):
    return 0x8b000000 | rm << 16 | rn << 5 | rd


def add_one(rd):
    return 0x91000400 | rd << 5 | rd


def cmp(rn, rm):
    return 0xeb00001f | rm << 16 | rn << 5


def load(rt, rn):
    return 0xb9400000 | rn << 5 | rt


def load_exclusive(rt, rn):
    return 0x885f7c00 | rn << 5 | rt


def store(rt, rn):
    return 0xb9000000 | rn << 5 | rt


def branch(instructions):
    return 0x14000000 | instructions & 0x3ffffff


def branch_if(condition, instructions):
    return 0x54000000 | (instructions & 0x7ffff) << 5 | condition


def cbz(rt, instructions):
    return 0x34000000 | (instructions & 0x7ffff) << 5 | rt


# Pieces of programs.

def call(function, *arguments):
    """Firmware's function."""
    code = mov(0, function)
    for number, value in enumerate(arguments, 1):
        code += mov(number, value)
    return [*code, HVC]


def wait_seconds(seconds, instruction):
    """By WFET or WFIT, until it is so late."""
    return [*mov(1, int(seconds * HZ)), mrs(2, CNTVCT), add(1, 1, 2),
            instruction(1), mrs(2, CNTVCT), cmp(2, 1), branch_if(LO, -3)]


# Programs. Registers: x10 has FLAG, x11 OTHER, x12 1.

REGISTERS = [*mov(10, FLAG), *mov(11, OTHER), *mov(12, 1)]
OFF = call(SYSTEM_OFF)


def image(*pieces):
    """Pieces are (bytes from the entry, instructions)."""
    code = []
    for offset, instructions in pieces:
        assert 4 * len(code) <= offset, (len(code), offset)
        code += [0] * (offset // 4 - len(code)) + instructions
    data = bytes(OTHER + 4 - ENTRY - 4 * len(code))
    return programs.elf(programs.words(*code), 183, ENTRY, data)


def two(first, second):
    """What each vCPU does."""
    start = call(CPU_ON, 1, ENTRY + SECOND, 0)
    return image((0, [*start, *REGISTERS, *first]), (SECOND, [*REGISTERS, *second]))


def one(code, interrupt):
    """What the vCPU does, and what it does at an interrupt, which is not masked any more."""
    start = [*mov(1, ENTRY + VECTORS), msr(VBAR, 1), *REGISTERS]
    return image((0, [*start, *code]), (VECTORS + SAME_IRQ, interrupt))
