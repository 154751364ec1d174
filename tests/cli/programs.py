# SPDX-License-Identifier: MIT
"""Tiny RISC-V programs as ELF files, made without a compiler. They run in supervisor mode on the
virt board: the UART's registers are bytes at 0x10000000, the test device is at 0x100000."""

import struct

RAM = 0x80000000
X0, T0, T1, T2, A0 = 0, 5, 6, 7, 10
UART, TEST = 0x10000000, 0x100000
POWER_OFF, FAIL, RESET = 0x5555, 0x3333, 0x7777
LSR, LSR_DATA = 5, 1


def elf(code, machine=243, base=RAM, data=b"", bits=64):
    """An ELF executable with one segment at `base`, entered at its start."""
    segment = code + data
    offset = 64 + 56
    header = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", bits // 32, 1, 1, 0, 2, machine, 1,
                         base, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    program_header = struct.pack("<IIQQQQQQ", 1, 7, offset, base, base, len(segment), len(segment),
                                 4096)
    return header + program_header + segment


def words(*instructions):
    return b"".join(struct.pack("<I", word) for word in instructions)


# Instructions, named by the manual.

def lui(rd, value):
    return (value & 0xfffff000) | rd << 7 | 0x37


def auipc(rd, value):
    return (value & 0xfffff000) | rd << 7 | 0x17


def addi(rd, rs1, value):
    return (value & 0xfff) << 20 | rs1 << 15 | rd << 7 | 0x13


def andi(rd, rs1, value):
    return (value & 0xfff) << 20 | rs1 << 15 | 7 << 12 | rd << 7 | 0x13


def lbu(rd, rs1, offset=0):
    return (offset & 0xfff) << 20 | rs1 << 15 | 4 << 12 | rd << 7 | 0x03


def store(width, rs2, rs1, offset=0):
    return ((offset >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | width << 12 |
            (offset & 0x1f) << 7 | 0x23)


def sb(rs2, rs1, offset=0):
    return store(0, rs2, rs1, offset)


def sw(rs2, rs1, offset=0):
    return store(2, rs2, rs1, offset)


def branch(kind, rs1, rs2, offset):
    return ((offset >> 12 & 1) << 31 | (offset >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 |
            kind << 12 | (offset >> 1 & 0xf) << 8 | (offset >> 11 & 1) << 7 | 0x63)


def beq(rs1, rs2, offset):
    return branch(0, rs1, rs2, offset)


def bne(rs1, rs2, offset):
    return branch(1, rs1, rs2, offset)


def jump(offset):
    return ((offset >> 20 & 1) << 31 | (offset >> 1 & 0x3ff) << 21 | (offset >> 11 & 1) << 20 |
            (offset >> 12 & 0xff) << 12 | 0x6f)


WFI = 0x10500073
EBREAK = 0x00100073


def load_constant(rd, value):
    """Any 32-bit value, sign-extended; two instructions."""
    upper = (value + 0x800) & 0xfffff000
    return [lui(rd, upper), addi(rd, rd, value - upper)]


def write_text(text):
    """Sends each byte by an instruction of its own."""
    code = [lui(T0, UART)]
    for byte in text:
        code += [addi(T1, X0, byte), sb(T1, T0)]
    return code


def write_test(value):
    """Writes to the test device and waits for what comes of it."""
    return [lui(T0, TEST), *load_constant(T1, value), sw(T1, T0), WFI, jump(-4)]


# Programs.

def hello(text=b"hello\n", code=None):
    """Writes text and powers off, plainly or with a code."""
    value = POWER_OFF if code is None else FAIL | code << 16
    return elf(words(*write_text(text), *write_test(value)))


def echo(end=b"q", code=7):
    """Sends back what it gets; the byte `end` powers off with a code."""
    loop = [
        lbu(T1, T0, LSR),
        andi(T1, T1, LSR_DATA),
        beq(T1, X0, -8),
        lbu(T1, T0),
        sb(T1, T0),
        addi(T2, X0, end[0]),
    ]
    return elf(words(*write_text(b"ready\n"), lui(T0, UART), *loop, bne(T1, T2, -4 * len(loop)),
                     *write_test(FAIL | code << 16)))


def spin(text=b"spinning\n"):
    return elf(words(*write_text(text), jump(0)))


def sleep(text=b"asleep\n"):
    """Waits for interrupts that never come."""
    return elf(words(*write_text(text), WFI, jump(-4)))


def flood():
    """Writes for ever."""
    return elf(words(lui(T0, UART), addi(T1, X0, ord("x")), sb(T1, T0), jump(-4)))


def crash():
    """Traps with a vector where nothing is."""
    return elf(words(*write_text(b"about to crash\n"), EBREAK))


def reset_on_key(text=b"ready\n"):
    """Resets the machine when it gets a byte."""
    loop = [lbu(T1, T0, LSR), andi(T1, T1, LSR_DATA), beq(T1, X0, -8), lbu(T1, T0)]
    return elf(words(*write_text(text), lui(T0, UART), *loop, *write_test(RESET)))


def reset_loop():
    """Resets the machine each time it starts."""
    return elf(words(*write_text(b"r"), *write_test(RESET)))
