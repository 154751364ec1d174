#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The workloads of vm-cli bench: their words are those of their source, their results are right.

    bench_words_test.py [--update] DIRECTORY

DIRECTORY is src/cli/bench. The results are computed here a second time. With --update the headers
are written anew. Ends with 77 and the cause without an assembler for the guest."""

import re
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

COMPILER = "riscv64-linux-gnu-gcc"
BASE = 0x80000000
MASK = (1 << 64) - 1
SKIP = 77

HEADER = """// SPDX-License-Identifier: MIT
//
// The words of {source}, and where in them each workload begins. Written by
// tests/cli/bench_words_test.py --update.
#ifndef CLI_BENCH_{guard}_H
#define CLI_BENCH_{guard}_H

#include <stdint.h>

enum {{
{offsets}
}};

static const uint32_t {name}_words[] = {{
{words}
}};

#endif
"""


def assembled(source, directory):
    """The words, and where in them each global label is."""
    program, flat = Path(directory) / "program", Path(directory) / "flat"
    subprocess.run([COMPILER, "-nostdlib", "-static", f"-Wl,-Ttext={BASE:#x},--build-id=none,-e,0",
                    "-march=rv64gc", "-mabi=lp64d", source, "-o", program], check=True)
    tool = COMPILER.replace("gcc", "{}")
    subprocess.run([tool.format("objcopy"), "-O", "binary", "-j", ".text", program, flat],
                   check=True)
    symbols = subprocess.run([tool.format("nm"), program], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    labels = {name: int(at, 16) - BASE
              for at, name in re.findall(r"^([0-9a-f]+) T (\w+)$", symbols, re.M)}
    wanted = re.search(r"\.globl (.*)", source.read_text())[1].split(", ")
    return flat.read_bytes(), {name: labels[name] for name in wanted}


def header(source, directory):
    code, labels = assembled(source, directory)
    words = [f"0x{word:08x}," for word, in struct.iter_unpack("<I", code)]
    rows = [" ".join(words[i:i + 8]) for i in range(0, len(words), 8)]
    name = source.stem
    offsets = [f"    {name.upper()}_{label.upper()} = {at:#x}," for label, at in labels.items()]
    return HEADER.format(source=source.name, guard=name.upper(), name=name,
                         offsets="\n".join(offsets), words="\n".join("    " + r for r in rows))


# --- the results ---

def alu():
    a = 88172645
    for _ in range(1000):
        a ^= a << 13 & MASK
        a ^= a >> 7
        a ^= a << 17 & MASK
    return a


def sieve(n=8192):
    composite = [False] * n
    for i in range(2, n):
        if not composite[i]:
            composite[2 * i::i] = [True] * len(composite[2 * i::i])
    return composite[2:].count(False)


def calls(n=15):
    return n if n < 2 else calls(n - 1) + calls(n - 2)


def indirect():
    a = 0
    for n in range(1000, 0, -1):
        a = a ^ 1 if n % 4 == 3 else a + n % 4 + 1
    return a


def floats():
    x = 0.5
    for _ in range(1000):
        x = x * 3.75 * (1.0 - x)
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def cold():
    a, t = 0, 1
    for _ in range(500):
        a = a + t & MASK
        t ^= 5
        a = a * 3 & MASK
        a ^= a >> 3
        t += 3
    return a


RESULTS = {"alu": alu, "memory": lambda: sum(range(1, 4097)), "sieve": sieve, "calls": calls,
           "indirect": indirect, "floats": floats, "trap": lambda: 100,
           "written": lambda: sum(range(1, 51)), "cold": cold}


def check_results(table):
    given = dict(re.findall(r'^    \{"(\w+)", .* (0x[0-9a-f]+)\},$', table, re.M))
    assert given.keys() == RESULTS.keys(), given.keys() ^ RESULTS.keys()
    for name, compute in RESULTS.items():
        assert int(given[name], 16) == compute(), f"{name}: {given[name]} is not {compute():#x}"


def main():
    update = "--update" in sys.argv
    directory = Path(sys.argv[-1])
    check_results((directory / "workloads.c").read_text(encoding="utf-8"))
    if not shutil.which(COMPILER):
        print(f"skipped: {COMPILER} is not installed")
        return SKIP
    status = 0
    for source in sorted(directory.glob("*.S")):
        with tempfile.TemporaryDirectory() as scratch:
            text = header(source, scratch)
        path = source.with_suffix(".h")
        if update:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path} is not that of {source.name}: {sys.argv[0]} --update {directory}")
            status = 1
    return status


sys.exit(main())
