# SPDX-License-Identifier: MIT
"""Random A64 programs from the tables: user-level programs for Linux that need two system calls,
write and exit, so that they run the same under an oracle and under Trine.

A program works through batches. For each it loads registers, FPCR, FPSR, flags and a window of
memory with random values, runs a straight piece of random instructions, and writes all of them to
file descriptor 1. X28 is the base of accesses and belongs to the frame. No instruction traps.

    BASE   the loop, then its variable and the dump, whose window lies in two pages
    STARTS what each batch begins from, as a dump
    code   of the batches
"""

import random
import struct

import arm64_flow

BASE = 0x1000000
LEAVE = BASE + 0x800
NEXT = BASE + 0x1000
DUMP = BASE + 0x1900
STARTS = BASE + 0x3000
WINDOW = 2048
LANES = 1024  # values that a program draws from: to make each anew takes longer than all the rest
FRAME = 28  # the register that random instructions leave alone

# A dump: code, x0 to x30 (without FRAME), sp, nzcv, fpcr, fpsr, padding, v0 to v31, window.
CODE, X, SP, NZCV, FPCR, FPSR = 0, 8, 256, 264, 272, 280
V = 288
MEMORY = V + 512
SIZE = MEMORY + WINDOW
NAMES = ["code"] + [f"x{i}" for i in range(31)] + ["sp", "nzcv", "fpcr", "fpsr"]
assert V % 16 == 0 and (DUMP + MEMORY) % 64 == 32 and SIZE % 16 == 0
MIDDLE = DUMP + MEMORY + WINDOW // 2 + 32
BORDER = BASE + 0x2000  # of the window's two pages
assert MIDDLE - 512 < BORDER < MIDDLE


def movz(rd, value, shift=0):
    return 0xd2800000 | shift << 21 | (value & 0xffff) << 5 | rd


def address(rd, value):
    return [movz(rd, value), 0xf2a00000 | (value >> 16 & 0xffff) << 5 | rd]


def ldr(rt, rn, offset):
    return 0xf9400000 | offset // 8 << 10 | rn << 5 | rt


def str_(rt, rn, offset):
    return 0xf9000000 | offset // 8 << 10 | rn << 5 | rt


def add(rd, rn, n):
    return 0x91000000 | n << 10 | rn << 5 | rd


def b_ne(words):
    return 0x54000001 | (words & 0x7ffff) << 5


SVC, BR = 0xd4000001, 0xd61f0000


def frame(end):
    """The loop's code, up to STARTS. The start's address is in X28 while registers are loaded."""
    head = address(27, NEXT) + [ldr(28, 27, 0)] + address(26, end)
    head += [0xeb1a039f, b_ne(4), movz(8, 93), movz(0, 0), SVC]  # CMP X28, X26
    head += address(25, DUMP + MEMORY) + [add(26, 28, MEMORY), movz(24, WINDOW // 8)]
    head += [0xf8408757, 0xf8008737, 0xf1000718, b_ne(-3)]  # LDR, STR post-index, SUBS
    head += [0x3dc00000 | (V + 16 * i) // 16 << 10 | 28 << 5 | i for i in range(32)]
    head += [ldr(0, 28, NZCV), 0xd51b4200, ldr(0, 28, FPCR), 0xd51b4400]
    head += [ldr(0, 28, FPSR), 0xd51b4420, ldr(0, 28, SP), add(31, 0, 0)]
    head += [ldr(i, 28, X + 8 * i) for i in range(31) if i != FRAME]
    head += [ldr(28, 28, CODE), BR | 28 << 5]
    leave = address(28, DUMP) + [str_(i, 28, X + 8 * i) for i in range(31) if i != FRAME]
    leave += [0x3d800000 | (V + 16 * i) // 16 << 10 | 28 << 5 | i for i in range(32)]
    leave += [add(0, 31, 0), str_(0, 28, SP), 0xd53b4200, str_(0, 28, NZCV)]
    leave += [0xd53b4400, str_(0, 28, FPCR), 0xd53b4420, str_(0, 28, FPSR), 0xd51b441f]
    leave += address(27, NEXT) + [ldr(26, 27, 0), ldr(25, 26, CODE), str_(25, 28, CODE)]
    leave += address(24, SIZE) + [0x8b18035a, str_(26, 27, 0)]  # ADD X26, X26, X24
    leave += [movz(0, 1), add(1, 28, 0), add(2, 24, 0), movz(8, 64), SVC]
    leave += address(28, BASE) + [BR | 28 << 5]
    image = bytearray(STARTS - BASE)
    for words, at in ((head, 0), (leave, LEAVE - BASE), ([STARTS], NEXT - BASE)):
        image[at:at + 4 * len(words)] = struct.pack(f"<{len(words)}I", *words)
    assert 4 * len(head) <= LEAVE - BASE and 4 * len(leave) <= NEXT - LEAVE
    return image


# --- Values ---

def some_integer(r):
    bit = 1 << r.randrange(64)
    return r.choice((0, 2**64 - 1, r.getrandbits(7), -r.getrandbits(5), r.getrandbits(32),
                     -r.getrandbits(32), bit, bit - 1, -bit, r.getrandbits(64),
                     r.getrandbits(64))) & 2**64 - 1


def some_float(r, bits, fraction):
    exponents = (1 << bits - 1 - fraction) - 1
    bias = exponents >> 1
    exponent = r.choice((0, 0, 1, exponents, exponents, exponents - 1, bias, bias + 1,
                         bias + r.randrange(-4, 70), bias - fraction, r.getrandbits(11)))
    digits = r.choice((0, 2**fraction - 1, 1 << r.randrange(fraction), r.getrandbits(fraction),
                       r.getrandbits(fraction)))
    return r.getrandbits(1) << bits - 1 | (exponent & exponents) << fraction | digits


def some_integer_lanes(r):
    """Lanes where sums, products and shifts saturate or do not quite."""
    bits = 8 << r.randrange(4)
    top = 1 << bits - 1
    edges = (0, 1, 2, top - 1, top, top + 1, -1, -2, bits, bits - 1, -bits, 1 - bits,
             r.getrandbits(bits), r.getrandbits(bits))
    return sum((r.choice(edges) & 2**bits - 1) << i for i in range(0, 64, bits))


def some_lanes(r):
    kind = r.randrange(7)
    if kind >= 5:
        return some_integer_lanes(r)
    if kind == 0:
        return r.getrandbits(64)
    if kind == 1:
        return some_integer(r)
    bits, fraction = ((16, 10), (32, 23), (64, 52))[kind - 2]
    return sum(some_float(r, bits, fraction) << i for i in range(0, 64, bits))


def some_start(r, code, fp, lanes):
    """A dump to begin from; vectors and memory have some of `lanes`."""
    x = [some_integer(r) for _ in range(31)]
    fpcr = r.choice((0, 0, r.getrandbits(32) & 0x7c80000)) if fp else 0  # AHP DN FZ RMode FZ16
    words = [code] + x + [some_integer(r) & ~15, r.getrandbits(4) << 28, fpcr, 0]
    words += r.choices(lanes, k=64 + WINDOW // 8)
    return struct.pack(f"<{len(words)}Q", *words)


# --- Instructions ---

def is_bitmask(word):
    """Whether N:immr:imms is an immediate (the manual, DecodeBitMasks)."""
    sizes = (word >> 22 & 1) << 6 | ~word >> 10 & 63
    size = 1 << sizes.bit_length() - 1 if sizes > 1 else 0
    return size and (word >> 31 or size < 64) and (word >> 10) % size != size - 1


class Chooser:
    """Makes random instructions of some rows, with what has to stand before them."""

    def __init__(self, rows, r, reserved=()):
        self.rows, self.r = rows, r
        self.reserved = {FRAME, *reserved}  # registers that are left alone

    def field(self, row, arg):
        source = row.format.args.get(arg)
        return source if hasattr(source, "pieces") else None

    def get(self, row, arg, word):
        source = row.format.args.get(arg)
        return source.extract(word) if hasattr(source, "pieces") else source

    def put(self, row, arg, word, value):
        field = self.field(row, arg)
        for p in field.pieces:
            part = value >> p.vlo & (1 << p.width) - 1
            word = word & ~(((1 << p.width) - 1) << p.lo) | part << p.lo
        return word & ~row.mask | row.value

    def word(self, row):
        """A word of the row that leaves some registers alone; bits to be ignored are ones."""
        for _ in range(1000):
            word = row.value | self.r.getrandbits(32) & row.free
            word |= 0xffffffff & ~(row.mask | row.free)
            if not row.matches(word) or row.insn_class == "bitmask" and not is_bitmask(word):
                continue
            general = [self.get(row, a, word) for a in ("rd", "rn", "rm", "ra", "rs")]
            if self.reserved & set(general):
                continue
            return word
        raise ValueError(row.name)

    def accesses(self, row):
        return "[{rn" in row.asm

    def instruction(self):
        """Words for one random instruction, and how many of them are of the chosen rows."""
        row = self.r.choice(self.rows)
        word = self.word(row)
        if row.insn_class == "mops":
            return self.mops(row, word)
        if self.accesses(row):
            return self.access(row, word)
        if row.insn_class == "branch":  # over one instruction
            return [self.put(row, "imm", word, 8), 0x91000400 | 1 << 5 | 1]
        if row.name.startswith("ldr") and "{imm:target}" in row.asm:  # reads code
            return [self.put(row, "imm", word, -4 * self.r.randrange(1, 64))]
        if row.insn_class == "fp" and self.r.randrange(4) == 0:
            # What it raised, alone: FPSR is sticky. MRS, MSR FPSR, XZR.
            free = [i for i in range(31) if i not in self.reserved]
            return [word, 0xd53b4420 | self.r.choice(free), 0xd51b443f]
        return [word]

    def access(self, row, word):
        r = self.r
        before = address(FRAME, r.choice((MIDDLE, MIDDLE, BORDER)))
        word = self.put(row, "rn", word, FRAME)
        imm = self.field(row, "imm")
        if imm:
            limit = 512 if not imm.signed else min(512, 1 << imm.top)
            limit = min(limit, r.choice((16, 512)))
            value = r.randrange(0 if not imm.signed else -limit, limit)
            scale = 3 if row.insn_class == "atomic" else imm.scale  # those must be aligned
            word = self.put(row, "imm", word, value >> scale << scale)
        data = [self.get(row, a, word) for a in ("rd", "ra")]
        index = self.get(row, "rm", word)
        if index not in (None, 31):
            before.append(movz(index, r.randrange(0, 24)))
            if index in data:
                return self.instruction()
        status = self.get(row, "rs", word)
        if data[0] == data[1] and "x" in row.asm:
            return self.instruction()  # pairs of one register are CONSTRAINED UNPREDICTABLE
        if "exclusive" in row.semantic and status is not None:
            if status in data or data[0] is None:
                return self.instruction()
            before.append(word | 1 << 22 | 0x1f << 16)  # the load that it belongs to
        if row.name in ("cas", "casp") and r.randrange(2):
            # A comparison that holds: the same access, from memory.
            first = word | 1 << 22 | 1 << 15
            before.append(first)
        return before + [word]

    def mops(self, row, word):
        r = self.r
        copy = row.name.startswith("cpy")
        d, s, n = r.sample([i for i in range(31) if i not in self.reserved], 3)
        to = MIDDLE + r.randrange(-700, 300)
        size = r.choice((0, 1, r.randrange(300)))
        before = address(d, to) + [movz(n, size)]
        if copy:
            overlaps = r.choice((0, 1)) and not row.name.startswith("cpyf")
            start = to + r.randrange(-60, 60) if overlaps else \
                MIDDLE + (to - MIDDLE + 900) % 1000 - 700
            if not overlaps and abs(start - to) < size:
                return self.instruction()
            before += address(s, start)
        word = word & ~(0x1f | 0x1f << 5 | 0x1f << 16) | d | n << 5 | s << 16
        if copy:
            word &= ~(3 << 22)
            return before + [word, word | 1 << 22, word | 2 << 22]
        word &= ~(3 << 14)
        return before + [word, word | 1 << 14, word | 2 << 14]


def make(rows, seed, batches, length, fp, flow=None):
    """The image of a program, and the code of each batch, with branches if `flow`: arm64_flow.py's
    parameters."""
    r = random.Random(seed)
    chooser = Chooser(rows, r, arm64_flow.RESERVED if flow is not None else ())
    integers = [row for row in rows if row.insn_class == "integer" and "target" not in row.asm
                and "page" not in row.asm]
    pieces_of = arm64_flow.Flow(chooser, Chooser(integers, r, arm64_flow.RESERVED),
                                **(flow or {"hinted": False}))
    lanes = [some_lanes(r) for _ in range(LANES)]
    starts, code, pieces = bytearray(), bytearray(), []
    at = STARTS + batches * SIZE
    for _ in range(batches):
        begin = at + len(code)
        starts += some_start(r, begin, fp, lanes)
        words = pieces_of.piece(length) if flow is not None else []
        for _ in range(length if flow is None else 0):
            words += chooser.instruction()
        pieces.append((begin, words))
        words = words + address(FRAME, LEAVE) + [BR | FRAME << 5]
        code += struct.pack(f"<{len(words)}I", *words)
    return bytes(frame(at) + starts + code), pieces


def elf(image):
    """A static ELF file of the image (System V ABI, object files)."""
    page = 4096
    header = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 183, 1, BASE, 64, 0, 0, 64, 56,
                         1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 7, page, BASE, BASE, len(image), len(image), page)
    return (header + segment).ljust(page, b"\0") + image


def differences(one, other):
    """The names of what differs between two dumps, with both values."""
    out = []
    if len(one) != SIZE or len(other) != SIZE:
        return [("size", str(len(one)), str(len(other)))]
    for i, name in enumerate(NAMES):
        a, b = (struct.unpack_from("<Q", d, 8 * i)[0] for d in (one, other))
        if a != b and name != f"x{FRAME}":
            out.append((name, f"{a:#x}", f"{b:#x}"))
    for i in range(32):
        a, b = (d[V + 16 * i:V + 16 * i + 16][::-1].hex() for d in (one, other))
        if a != b:
            out.append((f"v{i}", a, b))
    for i in range(0, WINDOW, 8):
        a, b = (d[MEMORY + i:MEMORY + i + 8][::-1].hex() for d in (one, other))
        if a != b:
            out.append((f"memory {DUMP + MEMORY + i:#x}", a, b))
    return out
