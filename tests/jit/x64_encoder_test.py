#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the x86-64 encoder with GNU as, instruction for instruction.

    x64_encoder_test.py [CASES]

CASES is the program that writes every case as bytes and as text (x64_cases.c). The text is
assembled once, and each slot's bytes are compared. Where they differ, both encodings are
disassembled by objdump: they are the same instruction when the text is, and ours must not be the
longer one but for the reasons that LONGER names, and jumps, of which both forms are tried.

Ends with status 0 when all agree, 1 when they do not, 77 and the cause when there is no assembler,
or no CASES, which only x86-64 hosts have."""

import collections
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SLOT = 16
SHOWN = 20  # differences that are printed
SKIP = 77

# Where ours may be longer than the assembler's, by mnemonic: why.
LONGER = {
    "xchg": "it has no forms for the accumulator",
    # The store's opcode with its registers the other way round saves a byte of VEX.
    **dict.fromkeys(("vmovss", "vmovsd", "vmovups", "vmovupd", "vmovaps", "vmovapd", "vmovdqa",
                     "vmovdqu", "vmovq"), "it has the load's opcode only"),
}
JUMPS = re.compile(r"^(j\w+|call)$")


def tool(name):
    """A binutils program for x86-64, whatever host it is on."""
    return shutil.which(f"x86_64-linux-gnu-{name}") or shutil.which(name)


def missing():
    """Why there can be no comparison, or None."""
    for name in ("as", "objdump", "objcopy"):
        if not tool(name):
            return f"{name} is not there: install binutils"
    probe = subprocess.run([tool("as"), "--64", "-o", "/dev/null"], text=True, capture_output=True,
                           input=".intel_syntax noprefix\nvfmadd132ps ymm1, ymm2, [rax]\n"
                                 "sha256msg1 xmm1, xmm2\n", check=False)
    return None if probe.returncode == 0 else f"as knows no x86-64: {probe.stderr.strip()}"


def assemble(directory, text):
    """The bytes that as makes of the text."""
    object_file, flat = directory / "text.o", directory / "text.bin"
    done = subprocess.run([tool("as"), "--64", "-o", object_file, text], text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.splitlines()
        sys.exit("\n".join(["as refuses the text:"] + lines[:SHOWN]))
    subprocess.run([tool("objcopy"), "-O", "binary", "-j", ".text", object_file, flat], check=True)
    return flat.read_bytes()


def disassemble(directory, slots):
    """What objdump shows for each slot: a list of (text, length)."""
    flat = directory / "slots.bin"
    flat.write_bytes(b"".join(slots))
    shown = subprocess.run([tool("objdump"), "-D", "-b", "binary", "-m", "i386:x86-64",
                            "-M", "intel", "--no-show-raw-insn", "-w", "-z", flat],
                           text=True, capture_output=True, check=True).stdout
    rows = [[] for _ in slots]
    for address, text in re.findall(r"^\s*([0-9a-f]+):\t(.*)$", shown, re.M):
        slot, offset = divmod(int(address, 16), SLOT)
        rows[slot].append((offset, re.sub(r"\s+(#.*)?", " ", text).strip()))
    return [first_instruction(row) for row in rows]


def first_instruction(row):
    """(text, length) of a slot's first instruction; what follows has to be the filling."""
    text = row[0][1]
    length = row[1][0] if len(row) > 1 else SLOT
    if any(other != "int3" for _, other in row[1:]):
        text += " ; and " + row[1][1]
    return text, length


def same(ours, theirs):
    """Whether two texts are the same instruction; an xchg of two registers has no order."""
    if ours == theirs:
        return True
    if (ours, theirs) == ("xchg rax,rax", "nop"):
        return True
    a, b = (re.fullmatch(r"xchg (\w+),(\w+)", text) for text in (ours, theirs))
    return bool(a and b) and a[1] == b[2] and a[2] == b[1]


def verdict(ours, theirs):
    """Why the two encodings do not agree, or None."""
    if not same(ours[0], theirs[0]):
        return "another instruction"
    mnemonic = next((w for w in ours[0].split() if w not in ("lock", "rep")), "")
    if ours[1] > theirs[1] and mnemonic not in LONGER and not JUMPS.match(mnemonic):
        return "longer than need be"
    return None


def compare(directory, ours, theirs, lines):
    """Prints the differences; their number."""
    if len(ours) != len(theirs):
        sys.exit(f"{len(ours) // SLOT} cases, but as made {len(theirs) // SLOT} of their text")
    differing = [at for at in range(0, len(ours), SLOT)
                 if ours[at:at + SLOT] != theirs[at:at + SLOT]]
    mine = disassemble(directory, [ours[at:at + SLOT] for at in differing])
    other = disassemble(directory, [theirs[at:at + SLOT] for at in differing])
    faults, kinds = 0, collections.Counter()
    for at, a, b in zip(differing, mine, other):
        kinds[a[0].split()[0]] += 1
        why = verdict(a, b)
        if not why:
            continue
        faults += 1
        if faults <= SHOWN:
            print(f"{lines[at // SLOT].strip()}: {why}\n"
                  f"    ours {ours[at:at + a[1]].hex(' ')}: {a[0]}\n"
                  f"    as   {theirs[at:at + b[1]].hex(' ')}: {b[0]}")
    print(f"{len(ours) // SLOT} cases, {len(differing)} of them in another form than that of as, "
          f"{faults} wrong")
    if differing:
        print("other forms: " + ", ".join(f"{name} {n}" for name, n in kinds.most_common(40)))
    return faults


def main():
    if len(sys.argv) > 2:
        print(__doc__.split("\n\n")[1].strip(), file=sys.stderr)
        return 2
    cause = missing() if len(sys.argv) == 2 else "this host is no x86-64, the encoder is not built"
    if cause:
        print(f"skipped: {cause}")
        return SKIP
    with tempfile.TemporaryDirectory(prefix="x64-encoder-") as name:
        directory = Path(name)
        code, text = directory / "code.bin", directory / "text.s"
        if subprocess.run([sys.argv[1], code, text], check=False).returncode != 0:
            return 1
        lines = [line for line in text.read_text(encoding="ascii").splitlines()[2:]
                 if not line.startswith(".balign")]
        theirs = assemble(directory, text)
        return 1 if compare(directory, code.read_bytes(), theirs, lines) else 0


if __name__ == "__main__":
    sys.exit(main())
