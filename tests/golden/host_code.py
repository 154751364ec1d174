#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the host code that the JIT makes of each guest instruction with golden files.

    host_code.py [--update] PROGRAM DIRECTORY

PROGRAM (host_code.c) writes what the JIT makes; DIRECTORY has a file for each extension or table,
which --update writes anew. docs/testing.md says how they are read:

    sw a2,16(a1)                    v3     ir 3  host 8  entry 0  exit 2  aside 5  bytes 43
        498b940e00200000                mov rdx,QWORD PTR [r14+rcx*1+0x2000]

The bytes are compared, with names in place of what depends on where things lie. The text beside
them is objdump's, for the reader, and is not compared.

Ends with 0 when all is as it was, 1 when not, 77 and the cause where that cannot be told."""

import argparse
import collections
import difflib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SKIP = 77
CPUS = ("v1", "v3")
ENTRY = 2       # instructions at the start of a block that uses the host's FPU
EXIT_ASIDE = 3  # and those aside that tell of an exit which is not linked
HEADER = """# Host code of guest instructions; docs/testing.md says how to read and update it.
# {registers}"""
HOST_REGISTERS = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()
HOST_REGISTERS += [f"xmm{number}" for number in range(16)]
FIGURES = ("ir", "host", "entry", "exit", "aside", "bytes")
# The file that an extension's instructions are in; else it is named as the extension.
FILES = {"zba": "b", "zbb": "b", "zbc": "b", "zbs": "b", "zbkb": "b", "zcb": "c", "zcmop": "c",
         "zacas": "a", "zawrs": "a", "zicsr": "i", "zifencei": "i", "zihintntl": "i",
         "zihintpause": "i", "zicond": "i", "zimop": "i", "zicbom": "zicbo", "zicbop": "zicbo",
         "zicboz": "zicbo", "svinval": "i"}

TITLE = re.compile(r"(.*?) +(v1|v3|v1\+v3) +(ir .*)")
Instruction = collections.namedtuple("Instruction", "code text size")


class Entry:
    """What one guest instruction becomes: figures, and lines of code with their text. "aside:" is
    a line of its own."""

    def __init__(self, name, figures, lines):
        self.name, self.figures, self.lines = name, figures, lines

    def compared(self):
        return self.figures, [code for code, _ in self.lines]

    def title(self, cpus):
        figures = "  ".join(f"{name} {self.figures[name]}" for name in FIGURES)
        return f"{self.name + ' ':<32}{cpus:<7}{figures}"

    def body(self):
        return [f"    {code:<32}{text}".rstrip() if text else f"    {code}"
                for code, text in self.lines]


def read_program(program):
    """What the program writes: rows by their first word."""
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=True)
    rows = collections.defaultdict(list)
    for line in done.stdout.splitlines():
        kind, *fields = line.split("\t")
        rows[kind].append(fields)
    return rows


def tool():
    return shutil.which("x86_64-linux-gnu-objdump") or shutil.which("objdump")


def objdump(codes):
    """For each piece of code its instructions: lists of (offset, bytes, text)."""
    with tempfile.NamedTemporaryFile() as flat:
        flat.write(b"".join(codes))
        flat.flush()
        shown = subprocess.run([tool(), "-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel",
                                "-w", "-z", flat.name], stdout=subprocess.PIPE, text=True,
                               check=True).stdout
    found = {int(at, 16): (bytes.fromhex(code), re.sub(r"\s+", " ", text.split("#")[0]).strip())
             for at, code, text in re.findall(r"^ *([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$", shown, re.M)}
    start = 0
    for code in codes:
        rows, at = [], 0
        while at < len(code):
            piece, text = found[start + at]
            rows.append((at, piece, text))
            at += len(piece)
        yield rows
        start += len(code)


class Names:
    """The names of what code refers to."""

    def __init__(self, rows):
        self.state = [(int(at), int(size), name) for name, at, size in rows["state"]]
        self.places = {int(at): name for name, at in rows["place"]}
        self.addresses = {int(at): name for name, at in rows["address"]}
        registers = [f"{name} {HOST_REGISTERS[int(number)]}" for name, number in rows["register"]]
        self.registers = ",\n# ".join(", ".join(registers[at:at + 10])
                                     for at in range(0, len(registers), 10))

    def of_state(self, displacement):
        for at, size, name in self.state:
            if at <= displacement < at + size:
                return name if at == displacement else f"{name}+{displacement - at}"
        return None


def replace(piece, at, size, name):
    return f"{piece[:at].hex()}<{name}>{piece[at + size:].hex()}"


def name_state(piece, text, names):
    """An operand off rbp: the displacement lies behind the ModRM byte that says so."""
    match = re.search(r"\[rbp([+-])0x([0-9a-f]+)\]", text)
    if not match:
        return None
    displacement = int(match[1] + match[2], 16)
    name = names.of_state(displacement)
    for mod, form in ((0x45, "<b"), (0x85, "<i")):
        size = struct.calcsize(form)
        for at in range(2, len(piece) - size + 1):
            if name and piece[at - 1] & 0xc7 == mod and \
                    struct.unpack_from(form, piece, at)[0] == displacement:
                return replace(piece, at, size, name), text.replace(match[0], f"[{name}]")
    return None


class Block:
    """One block's instructions, with names in place of what depends on where things lie."""

    def __init__(self, row, rows, names):
        self.place, self.aside, self.block = map(int, row[6:8] + row[10:11])
        code, self.other = map(bytes.fromhex, row[8:10])
        self.names = names
        self.labels = {}
        starts = {at for at, _, _ in rows}
        for at, piece, _ in rows:
            target = self.target(at, piece)
            if target in starts and target != len(code):
                self.labels.setdefault(target, None)
        for number, target in enumerate(sorted(self.labels), 1):
            self.labels[target] = number
        self.instructions = [(at, self.named(at, piece, text)) for at, piece, text in rows]

    @staticmethod
    def target(at, piece):
        """Where a jump or call with a displacement leads, else None."""
        if piece[0] == 0xeb or piece[0] & 0xf0 == 0x70:
            return at + len(piece) + struct.unpack("<b", piece[-1:])[0]
        if piece[0] in (0xe8, 0xe9) or piece[:1] == b"\x0f" and piece[1] & 0xf0 == 0x80:
            return at + len(piece) + struct.unpack("<i", piece[-4:])[0]
        return None

    def named(self, at, piece, text):
        target = self.target(at, piece)
        if target is not None:
            name = self.labels.get(target) or self.names.places[self.place + target]
            size = 1 if piece[0] == 0xeb or piece[0] & 0xf0 == 0x70 else 4
            return Instruction(replace(piece, len(piece) - size, size, name),
                               f"{text.split(' ')[0]} {name}", len(piece))
        relative = re.search(r"\[rip[+-]0x[0-9a-f]+\]", text)
        if relative:
            return self.named_relative(at, piece, text, relative[0])
        found = name_state(piece, text, self.names)
        if not found and len(piece) == 10 and piece[1] & 0xf8 == 0xb8:
            found = self.named_address(at, piece, text)
        code, text = found or (piece.hex(), text)
        if not found and piece != self.other[at:at + len(piece)]:
            sys.exit(f"code depends on addresses: {piece.hex()} {text}")
        return Instruction(code, text, len(piece))

    def named_relative(self, at, piece, text, operand):
        """Off rip: the displacement, which may have an immediate behind it."""
        for size_behind in (0, 1, 4):
            where = len(piece) - size_behind - 4
            to = self.place + at + len(piece) + struct.unpack_from("<i", piece, where)[0]
            if where > 0 and to in self.names.places:
                name = self.names.places[to]
                return Instruction(replace(piece, where, 4, name),
                                   text.replace(operand, f"[{name}]"), len(piece))
        sys.exit(f"unknown place: {piece.hex()} {text}")

    def named_address(self, at, piece, text):
        """movabs of an address."""
        address = int.from_bytes(piece[2:], "little")
        name = self.names.addresses.get(address)
        if address == self.block:
            name = "block"
        if not name and piece != self.other[at:at + len(piece)]:
            name = "pointer"
        return (replace(piece, 2, 8, name), f"{text.split(',')[0]},{name}") if name else None


def usual_exit(rows, block):
    """The rows without the way out that nearly every block ends with, and how long that is: what a
    nop consists of."""
    usual = [i.code for i in block]
    if [re.sub(r"<\d+>", "<>", i.code) for i in rows[-len(usual):]] == usual:
        return rows[:-len(usual)], len(usual)
    return rows, 0


def entry_of(row, block, nop):
    """The Entry of a block. Every block that computes with floating point begins by looking whether
    the host's FPU has the guest's modes; one that goes on with the next instruction ends by
    counting and a jump, whose description lies aside."""
    labels = block.labels
    rows = [Instruction(i.code, f"{labels[at]}: {i.text}" if at in labels else i.text, i.size)
            for at, i in block.instructions]
    way = [row for row, (at, _) in zip(rows, block.instructions) if at < block.aside]
    aside = rows[len(way):]
    way, leaving = usual_exit(way, nop)
    if leaving:
        aside = aside[:-EXIT_ASIDE]
    entering = ENTRY if way and "<fp-live>" in way[0].code else 0
    figures = {"ir": int(row[5]), "host": len(way) - entering, "entry": entering, "exit": leaving,
               "aside": len(aside), "bytes": sum(i.size for i in way[entering:])}
    lines = [(i.code, i.text) for i in way]
    if aside:
        lines += [("aside:", "")] + [(i.code, i.text) for i in aside]
    return Entry(row[4], figures, lines)


def made_by(rows):
    """By file: {(name, cpu): Entry}; and the line that says where registers are."""
    names = Names(rows)
    blocks = rows["block"]
    made, nop = collections.defaultdict(dict), None
    for row, found in zip(blocks, objdump([bytes.fromhex(row[8]) for row in blocks])):
        block = Block(row, found, names)
        if row[1] == "frame":
            nop = [i._replace(code=re.sub(r"<\d+>", "<>", i.code))
                   for at, i in block.instructions if at < block.aside]
            continue
        made[FILES.get(row[1], row[1])][row[0], row[2]] = entry_of(row, block, nop)
    return made, names.registers


def write(path, entries, registers):
    """Text of instructions that are as they were stays: another objdump may write it otherwise."""
    old = read(path) if path.exists() else {}
    lines = [HEADER.format(registers=registers)]
    names = list(dict.fromkeys(name for name, _ in entries))
    for name in names:
        listings = {}
        for cpu in CPUS:
            entry = entries[name, cpu]
            before = old.get((entry.name, cpu))
            if before and before.compared() == entry.compared():
                entry = before
            key = "\n".join(entry.body()) + str(entry.figures)
            listings.setdefault(key, (entry, []))[1].append(cpu)
        for entry, cpus in listings.values():
            lines += ["", entry.title("+".join(cpus)), *entry.body()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path):
    """A golden file: {(text, cpu): Entry}."""
    entries, entry = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            code, _, text = line.strip().partition(" ")
            entry.lines.append((code, text.strip()))
        elif line and not line.startswith("#"):
            text, cpus, figures = TITLE.fullmatch(line).groups()
            figures = figures.split()
            entry = Entry(text, dict(zip(figures[::2], map(int, figures[1::2]))), [])
            entries.update({(text, cpu): entry for cpu in cpus.split("+")})
    return entries


def compare(path, entries):
    """Prints what is no longer as in the file; returns how many instructions that are."""
    old = read(path) if path.exists() else {}
    new = {(entry.name, cpu): entry for (_, cpu), entry in entries.items()}
    different = 0
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        if before and after and before.compared() == after.compared():
            continue
        different += 1
        print(f"{path.name}: {' '.join(key)}:", verdict(before, after))
        if before and after:
            shown = difflib.unified_diff([c for c, _ in before.lines], [c for c, _ in after.lines],
                                         "golden", "now", n=1, lineterm="")
            texts = dict(before.lines + after.lines)
            for line in list(shown)[2:]:
                print(f"    {line:<36}{texts.get(line[1:], '')}".rstrip())
    return different


def verdict(before, after):
    if not before or not after:
        return "is not made any more" if before else "is new"
    changes = [f"{name} {before.figures.get(name)} -> {after.figures[name]}" for name in FIGURES
               if before.figures.get(name) != after.figures[name]]
    return ", ".join(changes) or "other code, no longer than before"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--update", action="store_true")
    parser.add_argument("program")
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    if not tool():
        print("skipped: objdump is not there: install binutils")
        return SKIP
    rows = read_program(options.program)
    if not any(int(at) >> 32 for _, at in rows["address"]):
        print("skipped: this build's addresses have 32 bits, for which code is shorter")
        return SKIP
    made, registers = made_by(rows)
    if options.update:
        for name, entries in made.items():
            write(options.directory / f"{name}.txt", entries, registers)
        return 0
    stale = {path.stem for path in options.directory.glob("*.txt")} - set(made)
    different = len(stale)
    for name in stale:
        print(f"{name}.txt: none of its instructions is made")
    for name, entries in made.items():
        different += compare(options.directory / f"{name}.txt", entries)
    if different:
        print(f"{different} differ from the golden files; if that is meant: {sys.argv[0]} --update "
              f"{options.program} {options.directory}")
    return 1 if different else 0


sys.exit(main())
