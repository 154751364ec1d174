#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the A64 decoder by its disassembly, against GNU objdump.

    arm64_disassembler_test.py PROGRAM ISAGEN TABLE...

PROGRAM is arm64-disassemble. Random words of every row of the tables, and all words that differ
from one of them in a single bit: both must say undefined, or print the same. Without objdump for
aarch64 it is skipped.
"""

import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
SKIP = 77
SAMPLES = 20    # words of each row
NEIGHBOURS = 3  # of them with all words around
OBJDUMPS = ("aarch64-linux-gnu-objdump", "aarch64-none-elf-objdump")

# What objdump knows and the CPU does not claim: memory tagging, limited ordering regions, 64-byte
# accesses, transactions, and more; SVE and SME have the spaces of their own below.
UNCLAIMED = re.compile(
    r"(irg|gmi|subps?|addg|subg|ldgm?|stz?2?gm?|stzgm|stgp|setg\w+)\b|"
    r"(ldlar|stllr)[bh]?\b|(ld64b|st64b\w*|tstart|ttest|tcommit|tcancel|wfet|wfit|hint)\b|"
    r"(bfcvtn?|smstart|smstop|msr\tallint|ldiapp|stilp|rprfm|sysp|msrr|mrrs|rcw\w+|gcs\w+)\b")


def in_scalable_space(word):
    """SVE, SME and what is reserved beside UDF: the manual, C4.1."""
    return word >> 25 & 15 in (1, 2, 3) or (word >> 25 & 15 == 0 and word >> 31)


def samples(table, rng):
    for row in table.rows:
        for n in range(SAMPLES):
            word = next(w for w in iter(lambda r=row: r.value | rng.getrandbits(32) & ~r.mask, None)
                        if row.matches(w))
            yield word
            if n < NEIGHBOURS:
                yield from (word ^ 1 << bit for bit in range(32))


def ours(program, words):
    given = "".join(f"{4 * i:x} {word.to_bytes(4, 'little').hex()}\n"
                    for i, word in enumerate(words))
    result = subprocess.run([program], input=given, capture_output=True, text=True, check=True)
    return [line.split("\t", 1)[1] for line in result.stdout.splitlines()]


def theirs(objdump, words):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "words"
        path.write_bytes(b"".join(word.to_bytes(4, "little") for word in words))
        result = subprocess.run([objdump, "-D", "-z", "-b", "binary", "-m", "aarch64", "-M",
                                 "no-aliases", "--no-show-raw-insn", path],
                                check=True, capture_output=True, text=True)
    return re.findall(r"^\s*[0-9a-f]+:\t(.*)$", result.stdout, re.M)


def normal(text):
    text = re.sub(r"\s*//.*", "", text).strip()
    # Unallocated system instructions and PSTATE fields are an MSR of what is in their bits.
    if "undefined" in text or text.startswith(".inst") or re.match(r"(msr|mrs)\t.*\bs0_", text):
        return "undefined"
    return text


def is_unpredictable(word):
    """Loads and stores that write back a register which they transfer, load one twice, or have
    zeros where ones should be: CONSTRAINED UNPREDICTABLE, undefined for objdump."""
    rt, rn, rt2 = word & 31, word >> 5 & 31, word >> 10 & 31
    if word >> 27 & 7 == 5:  # pairs
        load, writes = word >> 22 & 1, word >> 23 & 1
        simd = word >> 26 & 1
        twice = load and rt == rt2
        return bool(twice or writes and not simd and rn != 31 and rn in (rt, rt2))
    if word >> 24 & 0x3f == 8 or word & 0x3fe0fc00 == 0x38a0c000:  # fields that should be ones
        return True
    return word >> 24 & 0x3f == 0x38 and word >> 10 & 1 and rn != 31 and rn == rt


def same(word, mine, other):
    a, b = normal(mine), normal(other)
    if a == b:
        return True
    if a == "undefined":
        # objdump does not look at sz, which is 1 for nothing, in FMLAL and FMLSL.
        return (in_scalable_space(word) or UNCLAIMED.match(b) is not None
                or bool(re.match("fml[as]l", b) and word >> 22 & 1))
    if b == "undefined":
        # objdump writes PSTATE fields by name only with 0 and 1.
        return is_unpredictable(word) or a.startswith("msr\t")
    # System registers that have a name in one of the two alone.
    number = re.compile(r"\bs[0-3]_[0-7]_c\d+_c\d+_[0-7]\b")
    return (a.split("\t")[0] in ("mrs", "msr") and a.split("\t")[0] == b.split("\t")[0]
            and bool(number.search(a) or number.search(b)))


def main():
    program, isagen, *paths = sys.argv[1:]
    sys.path.insert(0, isagen)
    import tables
    objdump = next(filter(None, map(shutil.which, OBJDUMPS)), None)
    if not objdump:
        print("skipped: no objdump for aarch64 (Debian: binutils-aarch64-linux-gnu)")
        return SKIP
    words = list(samples(tables.read(paths), random.Random(2)))
    mine, others = ours(program, words), theirs(objdump, words)
    assert len(mine) == len(others) == len(words)
    failed = 0
    for word, a, b in zip(words, mine, others):
        if not same(word, a, b):
            failed += 1
            print(f"{word:08x}: '{a}', objdump '{b}'")
    print(f"{len(words)} words, {failed} differ")
    return 1 if failed else 0


sys.exit(main())
