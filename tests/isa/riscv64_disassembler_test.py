#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the RISC-V decoder by its disassembly.

    riscv64_disassembler_test.py PROGRAM golden FILE
        The lines of FILE are "bytes<TAB>text", "cpu NAME", and comments: what the manuals say.
    riscv64_disassembler_test.py PROGRAM objdump ISAGEN TABLE...
        Random words of every row of the tables against GNU objdump. Without objdump it is skipped.

PROGRAM is riscv64-disassemble.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
SKIP = 77
SAMPLES = 40  # words of each row
PREFIXES = ("riscv64-linux-gnu-", "riscv64-unknown-elf-")
ARCH = ("rv64gc_zicsr_zifencei_zba_zbb_zbc_zbs_zbkb_zfh_zawrs_zicbom_zicbop_zicboz_zihintpause_"
        "svinval")

# Newer than binutils 2.40: hints, Zacas, Zicond, Zimop; Zfa; Zcb.
NEWER = re.compile(
    r"(c\.)?ntl\.|amocas\.|czero\.|(c\.)?mop\.|"
    r"(fli|fminm|fmaxm|fround|froundnx|fcvtmod|fleq|fltq)\.|"
    r"c\.(lbu|lhu?|sb|sh|zext\.[bhw]|sext\.[bh]|not|mul)$")


def disassemble(program, lines, *arguments):
    """Gives (length, text) for each (address, bytes)."""
    given = "".join(f"{address:x} {data.hex()}\n" for address, data in lines)
    result = subprocess.run([program, *arguments], input=given, capture_output=True, text=True,
                            check=True)
    answers = [line.split("\t", 1) for line in result.stdout.splitlines()]
    assert len(answers) == len(lines)
    return [(int(length), text) for length, text in answers]


def golden(program, path):
    cases, cpu, total, failed = {}, None, 0, 0
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.rstrip("\n")
            if line.startswith("cpu "):
                cpu = line[4:]
            elif line and not line.startswith("#"):
                data, text = line.split("\t", 1)
                cases.setdefault(cpu, []).append((number, bytes.fromhex(data), text))
    for cpu, lines in cases.items():
        answers = disassemble(program, [(0x1000, data) for _, data, _ in lines], cpu)
        for (number, data, text), (_, answer) in zip(lines, answers):
            total += 1
            if answer != text:
                print(f"{path}:{number}: {data.hex()} on {cpu}: expected '{text}', not '{answer}'")
                failed += 1
    print(f"{total} lines, {failed} differ")
    return 1 if failed or not total else 0


def find_tool(name):
    return next(filter(None, (shutil.which(prefix + name) for prefix in PREFIXES)), None)


def sample(row, rng):
    """A word of the row that no special case of it claims. Bits to be ignored, and the rounding
    mode of an exact conversion, are 0, as assemblers write them."""
    free = row.free & ~(row.format.args["rm"].mask if "{rm:exact}" in row.asm else 0)
    while True:
        word = row.value | rng.getrandbits(row.space.width) & free
        special = any(other.matches(word) for other in row.space.rows if row in other.overrides)
        if row.meets(word) and not special:
            return word


def objdump(tools, data):
    """GNU objdump's text of the bytes, by offset."""
    with tempfile.TemporaryDirectory() as directory:
        source, binary, elf = (os.path.join(directory, n) for n in ("a.s", "a.bin", "a.o"))
        with open(source, "w", encoding="utf-8") as file:
            file.write(f'.attribute arch, "{ARCH}"\n.text\n')
        with open(binary, "wb") as file:
            file.write(data)
        for command in ([tools["as"], f"-march={ARCH}", source, "-o", elf],
                        [tools["objcopy"], f"--update-section=.text={binary}", elf]):
            subprocess.run(command, check=True, capture_output=True)
        result = subprocess.run([tools["objdump"], "-D", "-z", "-M", "no-aliases", "-j", ".text",
                                 elf], check=True, capture_output=True, text=True)
    lines = re.findall(r"^\s*([0-9a-f]+):\s+[0-9a-f]+\s+(.*)$", result.stdout, re.M)
    return {int(offset, 16): text for offset, text in lines}


def normal(text):
    """Leaves out what is a matter of taste: symbols, comments, objdump's names of some hints."""
    text = re.sub(r"\s*(#.*|<.*>)", "", text).strip()
    text = re.sub(r"^(c\.s[lr][la]i)64\t(\w+)$", r"\1\t\2,0x0", text)
    text = re.sub(r"^c\.addi\tzero,0$", "c.nop", text)
    text = re.sub(r"^c\.addi\tzero,", "c.nop\t", text)
    if text.startswith("fence\t"):
        text = text.replace("unknown", "0")
    # Negative targets wrap at 64 bits; objdump has no 0x before them.
    match = re.match(r"((?:c\.)?(?:jal?|b\w+)\t.*?)(?:0x)?([0-9a-f]+)$", text)
    if match:
        text = f"{match[1]}0x{int(match[2], 16):x}"
    return text


def csr_known_by_number(row, word, ours, theirs):
    """Whether ours has just the number of a CSR that objdump has a name for."""
    if "csr" not in row.format.args:
        return False
    number = f"{row.format.args['csr'].extract(word):#x}"
    return re.sub(r"\t(\w+),\w+,", rf"\t\1,{number},", theirs) == ours


def compare(program, tools, rows):
    rng = random.Random(2)
    words = [(row, sample(row, rng)) for row in rows for _ in range(SAMPLES)]
    offset, lines = 0, []
    for row, word in words:
        data = word.to_bytes(row.space.width // 8, "little")
        lines.append((offset, data))
        offset += len(data)
    theirs = objdump(tools, b"".join(data for _, data in lines))
    failed = 0
    for (row, word), (at, data), (length, ours) in zip(words, lines,
                                                      disassemble(program, lines)):
        a, b = normal(ours), normal(theirs.get(at, "nothing"))
        if length != len(data) or (a != b and not csr_known_by_number(row, word, a, b)):
            failed += 1
            print(f"{row.name}: {word:#x} at {at:#x}: '{ours}', objdump '{theirs.get(at)}'")
    print(f"{len(words)} words of {len(rows)} rows, {failed} differ")
    return 1 if failed or not words else 0


def against_objdump(program, isagen, paths):
    sys.path.insert(0, isagen)
    import check
    import tables
    tools = {name: find_tool(name) for name in ("as", "objcopy", "objdump")}
    missing = [name for name, path in tools.items() if not path]
    if missing:
        print(f"skipped: no {' '.join(missing)} for riscv64 (Debian: binutils-riscv64-linux-gnu)")
        return SKIP
    table = tables.read(paths)
    check.check(table)
    return compare(program, tools, [r for r in table.rows if not NEWER.match(r.name)])


def main():
    program, mode, *rest = sys.argv[1:]
    if mode == "golden":
        return golden(program, *rest)
    return against_objdump(program, rest[0], rest[1:])


sys.exit(main())
