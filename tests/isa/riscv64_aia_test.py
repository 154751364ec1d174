#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The advanced interrupt architecture as a bare-metal program sees it, on vm-cli, on QEMU, and as
the manual says.

Usage: riscv64_aia_test.py EXPECTED VM-CLI [--engine NAME] [--qemu PROGRAM] [--print]

EXPECTED has a line for each step: its machine and name, the cause of the trap that ended it (b, 9
or 8: the ECALL after it, so it went well) and a0 then. The steps run as one program on vm-cli and,
where it is installed, on QEMU's system emulator; each line that differs is printed. Names that
begin with "new: " are of what QEMU 7.2 does otherwise or not at all. --print prints what vm-cli
gives, for EXPECTED. Exit status: 0 when nothing differs, 1 otherwise."""

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

TIMEOUT = 60  # seconds
RAM, HANDLER, STEPS, LOG = 0x80000000, 0x80, 0x1000, 0x100000
UART, FINISHER, POWEROFF = 0x10000000, 0x100000, 0x5555
APLIC_M, APLIC_S, IMSIC_M, IMSIC_S = 0xC000000, 0xD000000, 0x24000000, 0x28000000
UNTOUCHED = 0x111  # a0 before each step
# QEMU 7.2 never clears the state of its APLIC's sources. The GNU C library fills what it allocates
# with the complement of this byte; the test's runner may ask for another.
CLEARED = {**os.environ, "MALLOC_PERTURB_": "255"}

# --- encodings ---

T0, T1, T2, S0, A0, A2, A3, S2, T3 = 5, 6, 7, 8, 10, 12, 13, 18, 28
NOP, ECALL, MRET, WFI = 0x13, 0x73, 0x30200073, 0x10500073
CSRRW, CSRRS, CSRRC, CSRRWI, CSRRSI = 1, 2, 3, 5, 6


def op_i(opcode, funct3, rd, rs1, imm):
    return (imm & 0xFFF) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode


def addi(rd, rs1, imm):
    return op_i(0x13, 0, rd, rs1, imm)


def load(funct3, rd, rs1, imm):
    return op_i(0x03, funct3, rd, rs1, imm)


def store(funct3, rs2, rs1, imm):
    return (imm >> 5 & 127) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | 0x23


def csr_op(kind, rd, csr, rs1):
    return csr << 20 | rs1 << 15 | kind << 12 | rd << 7 | 0x73


def branch(funct3, rs1, rs2, d):
    return ((d >> 12 & 1) << 31 | (d >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
            (d >> 1 & 15) << 8 | (d >> 11 & 1) << 7 | 0x63)


def jalr(rd, rs1):
    return op_i(0x67, 0, rd, rs1, 0)


def lui(rd, value):
    return value & 0xFFFFF000 | rd << 7 | 0x37


def address(rd, value):
    """Zero-extended: lui, addiw, and a pair of shifts."""
    return [lui(rd, value + 0x800), op_i(0x1B, 0, rd, rd, value), op_i(0x13, 1, rd, rd, 32),
            op_i(0x13, 5, rd, rd, 32)]


# --- CSRs and steps ---

MSTATUS, MIDELEG, MIE, MTVEC, MEPC, MCAUSE, MIP = 0x300, 0x303, 0x304, 0x305, 0x341, 0x342, 0x344
SIE, SIP, SISELECT, SIREG, STOPEI, STOPI = 0x104, 0x144, 0x150, 0x151, 0x15C, 0xDB0
MVIEN, MVIP, MISELECT, MIREG, MTOPEI, MTOPI = 0x308, 0x309, 0x350, 0x351, 0x35C, 0xFB0
EIDELIVERY, EITHRESHOLD, EIP, EIE = 0x70, 0x72, 0x80, 0xC0
ALL = (1 << 64) - 1
U, S, M = 0, 1, 3
MODES = {U: "U", S: "S", M: "M"}


class Step:
    """One to five instructions in a mode, with a2 and a3 loaded before."""

    def __init__(self, name, words, a2=0, a3=0, mode=M, enabled=False):
        self.name = f"{name} in {MODES[mode]}" if mode != M else name
        self.words, self.a2, self.a3 = words, a2 & ALL, a3
        status = mode << 11
        if enabled:
            status |= 1 << 7 if mode == M else 1 << 1
        self.status = status


def write(csr, value, **more):
    name = f"csr {csr:x} = {value & ALL:x}"
    return Step(more.pop("name", name), [csr_op(CSRRW, 0, csr, A2)], value, **more)


def read(csr, **more):
    return Step(more.pop("name", f"csr {csr:x}"), [csr_op(CSRRS, A0, csr, 0)], **more)


def swap(csr, value, **more):
    return Step(f"swap csr {csr:x} {value & ALL:x}", [csr_op(CSRRW, A0, csr, A2)], value, **more)


def set_bits(csr, value, **more):
    return Step(f"set csr {csr:x} {value & ALL:x}", [csr_op(CSRRS, A0, csr, A2)], value, **more)


def clear_bits(csr, value, **more):
    return Step(f"clear csr {csr:x} {value & ALL:x}", [csr_op(CSRRC, A0, csr, A2)], value, **more)


def identity(csr, **more):
    """Of a top interrupt, without its priority."""
    return Step(f"identity of csr {csr:x}",
                [csr_op(CSRRS, A0, csr, 0), op_i(0x13, 5, A0, A0, 16)], **more)


def store_word(at, value, **more):
    return Step(f"[{at:x}] = {value:x}", [store(2, A2, A3, 0)], value, at, **more)


def load_word(at, **more):
    return Step(f"[{at:x}]", [load(6, A0, A3, 0)], 0, at, **more)


def idle(name, **more):
    return Step(name, [NOP], **more)


def new(steps):
    for step in steps:
        step.name = "new: " + step.name
    return steps


def window(select, reg, number, *values, mode=M):
    """Writes each value to an indirect register and reads it back."""
    steps = [write(select, number, mode=mode)]
    for value in values:
        steps += [write(reg, value, name=f"{number:x} by csr {reg:x} = {value & ALL:x}", mode=mode),
                  read(reg, name=f"{number:x} by csr {reg:x}", mode=mode)]
    return steps


# --- what is tested ---

def quiet():
    """The machine timer's interrupt pends from reset on in QEMU."""
    return [Step("mtimecmp", [store(3, A2, A3, 0)], ALL, 0x2004000), write(MIE, 0xAAA),
            write(MIDELEG, 0)]


def selects():
    steps = []
    for select, reg in ((MISELECT, MIREG), (SISELECT, SIREG)):
        for value in (0, 0x30, 0x3F, 0x70, 0xFF):
            steps += [write(select, value), read(select)]
        for number in (0x2F, 0x31, 0x3F, 0x40, 0x6F, 0x81, 0xBF, 0xC1, 0xFF, 0x100):
            steps += [write(select, number), read(reg, name=f"{number:x} by csr {reg:x}"),
                      write(reg, 0, name=f"{number:x} by csr {reg:x} = 0")]
        steps += new(window(select, reg, 0x71, ALL)) + new(window(select, reg, 0x7F, ALL))
        steps += new(window(select, reg, 0x30, ALL))  # priorities can be set there
        for number in range(0x30, 0x40, 2):
            steps += window(select, reg, number, 0)
    return steps


def files():
    steps = []
    for select, reg in ((MISELECT, MIREG), (SISELECT, SIREG)):
        steps += window(select, reg, EIDELIVERY, 0, 1, 0)
        steps += window(select, reg, EITHRESHOLD, 0, 1, 255, 0)
        for number in (EIP, EIP + 2, EIP + 6, EIE, EIE + 2, EIE + 6):
            steps += window(select, reg, number, ALL, 0x5555, 0)
        for number in (EIP + 8, 0xBE, EIE + 8, 0xFE):  # without identities; illegal there
            steps += new(window(select, reg, number, ALL))
        steps += [write(select, EIE), set_bits(reg, 0xF0), set_bits(reg, 0xF),
                  clear_bits(reg, 0x18), swap(reg, 0x1234), swap(reg, 0), read(reg)]
    return steps


def messages():
    steps = [write(MIE, 0xAAA), write(MIDELEG, 0)]
    for level, page, select, reg, topei in (
            (M, IMSIC_M, MISELECT, MIREG, MTOPEI), (S, IMSIC_S, SISELECT, SIREG, STOPEI)):
        steps += window(select, reg, EIDELIVERY, 1)
        for number in (EIE, EIE + 2, EIE + 6):
            steps += window(select, reg, number, ALL)
        for value in (9, 7, 64, 255):
            steps.append(store_word(page, value))
        for value in (0, 256, 2047, 0xFFFFFFFF):
            steps.append(store_word(page, value))
        steps += [load_word(page), load_word(page + 8), store_word(page + 8, 5)]
        steps += [read(MIP), identity(MTOPI), read(topei), swap(topei, 0), read(topei)]
        steps += window(select, reg, EITHRESHOLD, 9) + [read(topei), read(MIP), swap(topei, 0)]
        steps += window(select, reg, EITHRESHOLD, 10) + [read(topei), set_bits(topei, 1)]
        steps += window(select, reg, EITHRESHOLD, 0) + [clear_bits(topei, 1), read(topei)]
        steps += window(select, reg, EIDELIVERY, 0) + [read(MIP), read(topei)]
        steps += window(select, reg, EIDELIVERY, 1) + [read(MIP), write(topei, 0), read(topei)]
        steps += [read(MIP), identity(MTOPI)]
        if level == S:
            steps += new([store_word(page + 4, 0x03000000), swap(topei, 0)])  # big-endian
    return steps


def traps():
    """Interrupts that are taken, in both modes; the cause tells which."""
    steps = [write(MIDELEG, 0), write(MIE, 0xAAA), store_word(IMSIC_M, 3), store_word(IMSIC_S, 4)]
    steps += [idle("interrupt", enabled=True), idle("masked"), identity(MTOPI), identity(STOPI)]
    steps += [swap(MTOPEI, 0), idle("the supervisor's", enabled=True)]
    steps += [write(MIDELEG, 0x222), identity(MTOPI), identity(STOPI), identity(STOPI, mode=S)]
    steps += [idle("delegated", enabled=True), read(SIP, mode=S), read(STOPEI, mode=S)]
    steps += [swap(STOPEI, 0, mode=S), read(SIP, mode=S), identity(STOPI, mode=S)]
    steps += [store_word(IMSIC_S, 6), Step("wfi", [WFI], mode=M), swap(STOPEI, 0)]
    return steps


def privileges():
    steps = []
    for csr in (MISELECT, MIREG, MTOPEI, MTOPI, MVIEN, MVIP, SISELECT, STOPEI, STOPI):
        steps += [read(csr, mode=S), read(csr, mode=U)]
    steps += [write(SISELECT, EIDELIVERY, mode=S), read(SIREG, mode=S), read(SIREG, mode=U)]
    steps += [write(MTOPI, 0), write(STOPI, 0), write(STOPI, 0, mode=S)]
    return steps


def filtering():
    steps = [write(MIDELEG, 0), write(MIE, 0), write(MVIEN, ALL), read(MVIEN), write(MVIP, ALL),
             read(MVIP)]
    steps += [read(SIP, mode=S), write(SIE, ALL, mode=S), read(SIE, mode=S), read(MIE)]
    steps += [identity(STOPI, mode=S), read(STOPEI, mode=S), read(STOPEI), write(MVIP, 2)]
    steps += [identity(STOPI, mode=S), clear_bits(SIP, 2, mode=S), read(MVIP), write(MVIEN, 0)]
    return new(steps)


def imsic_steps():
    return selects() + files() + messages() + traps() + privileges() + filtering()


def source(base, n, mode, target):
    """QEMU 7.2 has a target of inactive sources."""
    steps = [store_word(base + 4 * n, mode), load_word(base + 4 * n)]
    target = [store_word(base + 0x3000 + 4 * n, target), load_word(base + 0x3000 + 4 * n)]
    return steps + (target if mode else new(target))


def pending(base):
    """Pending bits, inputs and enable bits. In QEMU 7.2 the inactive source 1 pends, too."""
    masked = [load(6, A0, A3, 0), op_i(0x13, 7, A0, A0, -3)]
    setip = Step(f"[{base + 0x1C00:x}] but source 1", masked, 0, base + 0x1C00)
    return [setip, load_word(base + 0x1D00), load_word(base + 0x1E00)]


def domain_steps(base):
    """Detached sources, set and cleared by word and by number."""
    steps = [load_word(base), store_word(base, 0x100), load_word(base), store_word(base, 0),
             load_word(base)]
    steps += source(base, 2, 1, 3) + source(base, 3, 1, 2) + source(base, 96, 1, 3)
    steps += source(base, 97, 1, 3)
    for at, value in ((0x1C00, 0xC), (0x1CDC, 96), (0x1CDC, 97), (0x1E00, 0xC), (0x1EDC, 96),
                      (0x1F00, 4), (0x1FDC, 96), (0x1D00, 8), (0x1DDC, 2), (0x2000, 3),
                      (0x1E00, 0xC)):
        steps += [store_word(base + at, value)] + pending(base) + [load_word(base + 0x1C0C),
                                                                  load_word(base + 0x1E0C)]
    for at in (0x1CDC, 0x1DDC, 0x1EDC, 0x1FDC, 0x1F00, 0x2000, 0x1BD0):
        steps.append(load_word(base + at))
    return steps


def inactive_steps(base):
    """What is reserved or inactive; QEMU 7.2 lets such sources pend."""
    steps = source(base, 4, 2, 1) + source(base, 5, 0, 1) + source(base, 6, 1, 1)
    steps += [store_word(base + 0x1C00, 0x70), store_word(base + 0x1E00, 0x70)] + pending(base)
    steps += source(base, 6, 0, 1) + pending(base)
    return new(steps)


def delegation():
    steps = []
    for n in (2, 3, 96):
        steps += [store_word(APLIC_M + 4 * n, 0x400), load_word(APLIC_M + 4 * n),
                  load_word(APLIC_S + 4 * n)] + new([load_word(APLIC_M + 0x3000 + 4 * n)])
    steps += pending(APLIC_M) + pending(APLIC_S)
    return steps + [store_word(APLIC_S + 8, 0x400), load_word(APLIC_S + 8)]


def aplic_steps():
    """Direct delivery to the one hart, at machine level and then below."""
    idc = 0x4000
    steps = quiet() + domain_steps(APLIC_M)
    for base, bit in ((APLIC_M, "m"), (APLIC_S, "s")):
        if bit == "s":
            steps += delegation() + domain_steps(APLIC_S)
        for at, value in ((idc, 1), (idc + 8, 0), (0, 0x100)):
            steps += [store_word(base + at, value), load_word(base + at), read(MIP)]
        steps += [store_word(base + 0x1C00, 0xC), load_word(base + idc + 0x18), read(MIP)]
        steps += [store_word(base + idc + 8, 3), load_word(base + idc + 0x18), read(MIP)]
        steps += [load_word(base + idc + 0x1C), read(MIP), store_word(base + idc + 8, 0)]
        steps += [read(MIP), load_word(base + idc + 0x1C), load_word(base + idc + 0x1C), read(MIP)]
        steps += [store_word(base + idc + 4, 1), read(MIP), load_word(base + idc + 0x1C)]
        # QEMU 7.2 leaves the wire as it was.
        steps += new([read(MIP)]) + [load_word(base + idc + 4)]
        steps += [store_word(base + 0x3000, 5), load_word(base + 0x3000)]
        steps += [load_word(base + 0x1BC0), load_word(base + idc + 0x20)]
        # The serial port's wire: its transmitter is empty.
        if bit == "s":
            steps += [store_word(APLIC_M + 40, 0x400)]
        steps += source(base, 10, 6, 1) + [store_word(base + 0x1EDC, 10)] + pending(base)
        steps += [Step("serial interrupt on", [store(0, A2, A3, 1)], 2, UART)] + pending(base)
        steps += [read(MIP), load_word(base + idc + 0x1C), read(MIP)]
        steps += [store_word(base + 0x1CDC, 10), store_word(base + 0x1DDC, 10)] + pending(base)
        # A level that is gone pends no more. In QEMU 7.2 it does.
        steps += [Step("serial interrupt off", [store(0, A2, A3, 1)], 0, UART)] + new(pending(base))
        steps += source(base, 10, 7, 1) + pending(base) + source(base, 10, 0, 1) + pending(base)
    return steps


def forwarding_steps():
    """The APLIC sends messages to the hart's files."""
    steps = quiet() + [load_word(APLIC_M)]
    for at, value in ((0x1BC0, IMSIC_M >> 12), (0x1BC4, 0x12), (0x1BC4, 0), (0x1BC8, IMSIC_S >> 12),
                      (0x1BCC, 0x700FFF), (0x1BCC, 0)):
        steps += [store_word(APLIC_M + at, value), load_word(APLIC_M + at), load_word(APLIC_S + at)]
    for level, base, select, reg, topei in ((M, APLIC_M, MISELECT, MIREG, MTOPEI),
                                            (S, APLIC_S, SISELECT, SIREG, STOPEI)):
        if level == S:
            steps += delegation() + [store_word(APLIC_M + 40, 0x400)]
        steps += window(select, reg, EIDELIVERY, 1) + window(select, reg, EIE, ALL)
        steps += source(base, 2, 1, 22) + source(base, 3, 4, 0x7FF) + source(base, 96, 1, 33)
        steps += source(base, 3, 4, 44) + [store_word(base + 0x1E00, 0xC)]
        steps += [store_word(base + 0x1CDC, 2)] + pending(base) + [read(topei)]
        steps += [store_word(base, 0x104), load_word(base)] + pending(base)
        steps += [swap(topei, 0), read(topei), store_word(base + 0x1C00, 0xC)] + pending(base)
        steps += [swap(topei, 0), swap(topei, 0), store_word(base + 0x1CDC, 96), read(topei)]
        steps += [store_word(base + 0x1EDC, 96), swap(topei, 0), load_word(base + 0x1C0C)]
        steps += [store_word(base + 0x3000, 55), load_word(base + 0x3000), swap(topei, 0)]
        steps += source(base, 10, 6, 11) + [store_word(base + 0x1EDC, 10)] + pending(base)
        steps += [Step("serial interrupt on", [store(0, A2, A3, 1)], 2, UART)] + pending(base)
        steps += [swap(topei, 0), store_word(base + 0x1CDC, 10), swap(topei, 0), swap(topei, 0)]
        steps += [Step("serial interrupt off", [store(0, A2, A3, 1)], 0, UART)] + pending(base)
        # The input is low: nothing pends. QEMU 7.2 sends a message.
        steps += [store_word(base + 0x1CDC, 10)] + new([swap(topei, 0)]) + [store_word(base, 0)]
        steps += source(base, 10, 0, 0)
    return steps


MACHINES = {"aplic": lambda: aplic_steps() + inactive_steps(APLIC_M),
            "aplic-imsic": lambda: forwarding_steps() + imsic_steps()}

# --- the program ---


def step_code(step):
    """96 bytes: what is before its instructions, these, an ECALL, and its three values."""
    words = [T0 << 7 | 0x17, load(3, A2, T0, 72), load(3, A3, T0, 80), load(3, T1, T0, 88),
             csr_op(CSRRW, 0, MSTATUS, T1), addi(T2, T0, 48), csr_op(CSRRW, 0, MEPC, T2),
             addi(S2, T0, 96), addi(A0, 0, UNTOUCHED), MRET, NOP, NOP]
    words += step.words + [ECALL]
    words += [NOP] * (18 - len(words))
    assert len(words) == 18
    return struct.pack("<18I3Q", *words, step.a2, step.a3, step.status)


def handler_code():
    return [csr_op(CSRRS, T3, MCAUSE, 0), store(3, T3, S0, 0), store(3, A0, S0, 8),
            addi(S0, S0, 16), jalr(0, S2)]


def print_code(count):
    """The log, as lines of 16 digits."""
    words = address(A2, RAM + LOG) + address(A3, UART) + address(S0, RAM + LOG + 16 * count)
    word = len(words)
    words += [load(3, T0, A2, 0), addi(A2, A2, 8), addi(T1, 0, 60)]
    digit = len(words)
    words += [T1 << 20 | T0 << 15 | 5 << 12 | T2 << 7 | 0x33, op_i(0x13, 7, T2, T2, 15),
              op_i(0x13, 3, T3, T2, 10), addi(T2, T2, ord("0")), branch(1, T3, 0, 8),
              addi(T2, T2, ord("a") - ord("0") - 10), store(0, T2, A3, 0), addi(T1, T1, -4)]
    words.append(branch(5, T1, 0, 4 * (digit - len(words))))
    words += [addi(T2, 0, ord("\n")), store(0, T2, A3, 0)]
    words.append(branch(1, A2, S0, 4 * (word - len(words))))
    return words + address(A2, FINISHER) + address(A3, POWEROFF) + [store(2, A3, A2, 0), 0x6F]


def program(steps):
    start = address(T0, RAM + HANDLER) + [csr_op(CSRRW, 0, MTVEC, T0)]
    start += [addi(T0, 0, -1), csr_op(CSRRW, 0, 0x3B0, T0), addi(T0, 0, 0x1F),
              csr_op(CSRRW, 0, 0x3A0, T0)]  # all memory is everyone's
    start += address(S0, RAM + LOG) + address(T0, RAM + STEPS) + [jalr(0, T0)]
    image = struct.pack(f"<{len(start)}I", *start).ljust(HANDLER, b"\0")
    assert len(image) == HANDLER
    words = handler_code()
    image += struct.pack(f"<{len(words)}I", *words)
    image = image.ljust(STEPS, b"\0") + b"".join(step_code(step) for step in steps)
    words = print_code(len(steps))
    image += struct.pack(f"<{len(words)}I", *words)
    assert len(image) <= LOG
    return image


# --- running and comparing ---

def run(command, environment=None):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT,
                              env=environment)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{command[0]}: status {error.returncode}: {error.stderr.strip()}")
    except subprocess.TimeoutExpired:
        sys.exit(f"{command[0]} does not come to an end")
    return done.stdout


def lines(machine, steps, output):
    words = [int(word, 16) for word in output.split()]
    if len(words) != 2 * len(steps):
        sys.exit(f"{machine}: {len(words)} words for {len(steps)} steps")
    return [f"{machine}: {step.name}: cause {words[2 * i]:x} a0 {words[2 * i + 1]:x}"
            for i, step in enumerate(steps)]


def compare(who, got, expected, skip):
    good = len(got) == len(expected)
    if not good:
        print(f"{who}: {len(got)} steps, {len(expected)} are expected")
    for number, (mine, theirs) in enumerate(zip(got, expected), start=1):
        if mine != theirs and not (skip and ": new: " in theirs):
            print(f"{who}, line {number}: {mine}\nexpected: {theirs}")
            good = False
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("expected", metavar="EXPECTED", type=Path)
    parser.add_argument("vm", metavar="VM-CLI")
    parser.add_argument("--engine", help="for vm-cli (default: its own choice)")
    parser.add_argument("--qemu", default="qemu-system-riscv64", metavar="PROGRAM")
    parser.add_argument("--print", action="store_true", dest="show")
    options = parser.parse_args()
    engine = ["--engine", options.engine] if options.engine else []
    trine, qemu = [], []
    has_qemu = shutil.which(options.qemu)
    with tempfile.TemporaryDirectory(prefix="trine-aia-") as directory:
        for machine, make in MACHINES.items():
            steps, file = make(), Path(directory) / machine
            file.write_bytes(program(steps))
            trine += lines(machine, steps, run(
                [options.vm, "run", "--guest", "riscv64", "--memory", "16M", "--bios", str(file),
                 "--cpu", "max,-smstateen", "--machine", f"virt,aia={machine}", "--timeout",
                 str(TIMEOUT)] + engine))
            if has_qemu and not options.show:
                qemu += lines(machine, steps, run(
                    [options.qemu, "-machine", f"virt,aia={machine}", "-display", "none",
                     "-monitor", "none", "-serial", "stdio", "-bios", str(file)],
                    CLEARED))
    if options.show:
        print("\n".join(trine))
        return 0
    expected = options.expected.read_text(encoding="utf-8").splitlines()
    good = compare("vm-cli", trine, expected, False)
    if has_qemu:
        good &= compare("qemu", qemu, expected, True)
    else:
        print(f"{options.qemu} is not installed: compared with {options.expected.name} only")
    print(f"{len(trine)} steps")
    return 0 if good else 1


sys.exit(main())
