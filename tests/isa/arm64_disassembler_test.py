#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the A64 decoder by its disassembly, against GNU objdump.

    arm64_disassembler_test.py [--seed N] PROGRAM OBJDUMP ISAGEN TABLE...

PROGRAM is arm64-disassemble, OBJDUMP the newest one (tools/oracles); without it one that is
installed. Words from all over the space of every row of the tables (corners of each field, random
ones) and all words that differ from these in a single bit: both must print the same, or say
undefined. What objdump knows of features that the CPU does not claim is undefined here, counted and
listed by feature. TRINE_TEST_SCALE multiplies random words and those with neighbours; from 2 on
corners have theirs, too. Without any objdump for aarch64 the test is skipped.
"""

import argparse
import collections
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
SKIP = 77
SCALE = max(1, int(os.environ.get("TRINE_TEST_SCALE", "1")))
SAMPLES = 12 * SCALE   # random words of each row
NEIGHBOURS = 2 * SCALE  # of them with all words around
PIECE = 200000  # words at a time
INSTALLED = ("aarch64-linux-gnu-objdump", "aarch64-none-elf-objdump")

# What objdump knows and the CPU does not claim, by its text.
FLOAT_OPS = "(?:add|max|min|maxnm|minnm)"
UNCLAIMED = [(feature, re.compile(pattern)) for feature, pattern in (
    ("MTE", r"(irg|gmi|subps?|addg|subg|ldgm?|stz?2?gm?|stzgm|stgp|setg\w+)\t|msr\ttco,"),
    ("LOR", r"(ldlar|stllr)[bh]?\t"),
    ("LS64", r"(ld64b|st64b\w*)\t"),
    ("TME", r"(tstart|ttest|tcommit|tcancel)\b"),
    ("TEV", r"(tenter|texit|tchange[fb])\b"),
    ("NMI", r"msr\tallint"),
    ("LRCPC3", r"(ldiapp|stilp|ldap1|stl1)\t|(ldapr|stlr)\t.*(\], #|\]!)|(ldapur|stlur)\t[bhsdq]"),
    ("LSCP", r"(ldapp?|stlp)\t"),
    ("XS", r"dsb\t\w+nxs"),
    ("SME", r"smst(art|op)\b"),
    ("D128", r"(sysp|msrr|mrrs|tlbip)\t"),
    ("THE", r"rcws?(cas|swp|clr|set)p?(al?|l)?\t"),
    ("GCS", r"gcs\w+"),
    ("LSE128", r"(ldclrp|ldsetp|swpp)(al?|l)?\t"),
    ("LSFE", rf"(ld|st)(bf|f){FLOAT_OPS}(al?|l)?\t"),
    ("LSUI", r"(ld|st)tn?p\t|(ldt(add|set|clr)|swpt|ld(a)?txr|st(l)?txr|cas(p)?(a|l|al)?t)"
             r"(al?|l)?\t"),
    ("CPA", r"(add|sub|madd|msub)pt\t"),
    ("PAUTH_LR", r"\w*sppcr?\b|pacnbi\w*|aut\w*171615|pac\w*171615"),
    ("CMPBR", r"cb[bh]?(gt|ge|hi|hs|eq|ne|lt|lo)\t"),
    ("FAMINMAX", r"fa(max|min)\t"),
    ("FP8", r"(fscale|b?f[12]cvtl2?|fmlall?[bt]+)\t|fcvtn2?\tv\d+\.(8|16)b|"
            r"fdot\tv\d+\.\d[hs], v\d+\.(8|16)b"),
    ("F8F16MM, F8F32MM, F16F32MM, F16MM", r"fmmla\t"),
    ("F16F32DOT", r"fdot\tv\d+\.\ds, v\d+\.\dh"),
    ("LUT", r"luti[24]\t"),
    ("FPRCVT", r"fcvt[nmpza][su]\t[sdh]|[su]cvtf\t[sdh]\d+, [sdh]"),
)]


# Likewise, but in spaces of hints: NOP here, printed as what they are of.
HINTS = [(feature, re.compile(mine), re.compile(theirs)) for feature, mine, theirs in (
    ("RPRFM", r"prfm\t#0x1[89a-f], \[.*,", r"rprfm\t"),
    ("PCDPHINT", r"(prfu?m\t#0x18,|hint\t)", r"(prfu?m\tir,|stshh\t)"),
    ("CHK", r"hint\t#0x28", r"chkfeat\tx16"),
)]


def unclaimed_by_space(word):
    """SVE, SME and what is reserved beside UDF: the manual, C4.1."""
    op0 = word >> 25 & 15
    if op0 == 2:
        return "SVE"
    return "SME" if op0 == 0 and word >> 31 else "reserved" if op0 in (1, 3) else None


# --- Words ---

def spread(value, mask):
    """The bits of `value` at the places of `mask`, from the lowest up."""
    word = 0
    while mask:
        low = mask & -mask
        word |= low if value & 1 else 0
        value >>= 1
        mask ^= low
    return word


def field_masks(row):
    for source in row.format.args.values():
        if hasattr(source, "pieces"):
            mask = 0
            for piece in source.pieces:
                mask |= ((1 << piece.width) - 1) << piece.lo
            if mask & ~row.mask:
                yield mask & ~row.mask


def corners(row, rng):
    free = ~row.mask & 0xffffffff
    yield row.value
    yield row.value | free
    for bit in range(32):
        if free >> bit & 1:
            yield row.value | 1 << bit
            yield (row.value | free) & ~(1 << bit)
    for mask in field_masks(row):
        top = (1 << bin(mask).count("1")) - 1
        for value in {0, 1, top, top - 1, top >> 1, (top >> 1) + 1}:
            others = rng.getrandbits(32) & free & ~mask
            yield row.value | others | spread(value, mask)


def around(word):
    return (word ^ 1 << bit for bit in range(32))


def samples(table, rng):
    for row in table.rows:
        for word in corners(row, rng):
            if row.matches(word):
                yield word
                if SCALE > 1:
                    yield from around(word)
        for n in range(SAMPLES):
            word = next(w for w in iter(lambda r=row: r.value | rng.getrandbits(32) & ~r.mask, None)
                        if row.matches(w))
            yield word
            if n < NEIGHBOURS:
                yield from around(word)


def pieces_of(words):
    piece = []
    for word in words:
        piece.append(word)
        if len(piece) == PIECE:
            yield piece
            piece = []
    yield piece


# --- Texts ---

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


def listed(match):
    """{v30.4h-v1.4h} as a list of all registers."""
    first, last, kind = int(match[1]), int(match[3]), match[2]
    count = (last - first) % 32 + 1
    return "{" + ", ".join(f"v{(first + i) % 32}.{kind}" for i in range(count)) + "}"


PREFETCHES = [f"{kind}{level}{how}" for kind in ("pld", "pli", "pst")
              for level in ("l1", "l2", "l3", "slc") for how in ("keep", "strm")]


def prefetch(match):
    """The newest objdump has names for the system-level cache, older ones numbers."""
    if match[2] not in PREFETCHES or "slc" not in match[2]:
        return match[0]
    return f"{match[1]}#0x{PREFETCHES.index(match[2]):02x}"


def normal(text):
    text = re.sub(r"\s*//.*", "", text).strip()
    # Unallocated system instructions and PSTATE fields are an MSR of what is in their bits.
    if "undefined" in text or text.startswith(".inst") or re.match(r"(msr|mrs)\t.*\bs0_", text):
        return "undefined"
    text = re.sub(r"\{v(\d+)\.(\w+)-v(\d+)\.\w+\}", listed, text)
    return re.sub(r"^(prfu?m\t)(p\w+)", prefetch, text)


# --- What may differ ---

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


def same(word, mine, other, features):
    a, b = normal(mine), normal(other)
    if a == b:
        return True
    if a == "undefined":
        feature = unclaimed_by_space(word) or next(
            (name for name, pattern in UNCLAIMED if pattern.match(b)), None)
        if feature:
            features[feature] += 1
            return True
        # objdump does not look at sz, which is 1 for nothing, in FMLAL and FMLSL.
        return bool(re.match("fml[as]l", b) and word >> 22 & 1)
    for feature, a_form, b_form in HINTS:
        if a_form.match(a) and b_form.match(b):
            features[feature] += 1
            return True
    if b == "undefined":
        # objdump writes PSTATE fields by name only with 0 and 1.
        return is_unpredictable(word) or a.startswith("msr\t")
    # System registers that have a name in one of the two alone.
    number = re.compile(r"\bs[0-3]_[0-7]_c\d+_c\d+_[0-7]\b")
    return (a.split("\t")[0] in ("mrs", "msr") and a.split("\t")[0] == b.split("\t")[0]
            and bool(number.search(a) or number.search(b)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seed", type=int, default=os.environ.get("TRINE_SEED", "2"))
    parser.add_argument("program")
    parser.add_argument("objdump")
    parser.add_argument("isagen")
    parser.add_argument("tables", nargs="+")
    options = parser.parse_args()
    sys.path.insert(0, options.isagen)
    import tables
    objdump = next(filter(None, map(shutil.which, (options.objdump, *INSTALLED))), None)
    if not objdump:
        print("skipped: no objdump for aarch64 (tools/oracles fetches one)")
        return SKIP
    count = failed = 0
    features = collections.Counter()
    for words in pieces_of(samples(tables.read(options.tables), random.Random(options.seed))):
        mine, others = ours(options.program, words), theirs(objdump, words)
        assert len(mine) == len(others) == len(words)
        count += len(words)
        for word, a, b in zip(words, mine, others):
            if not same(word, a, b, features):
                failed += 1
                print(f"{word:08x}: '{a}', objdump '{b}'")
    for feature, n in sorted(features.items()):
        print(f"not claimed: {feature}: {n}")
    print(f"{count} words, {failed} differ ({objdump}, --seed {options.seed})")
    return 1 if failed else 0


sys.exit(main())
