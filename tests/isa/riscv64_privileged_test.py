#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The privileged RISC-V instructions in every mode, on vm-cli, on QEMU, and as the manual says.

Usage: riscv64_privileged_test.py MAKER EXPECTED VM-CLI [--engine NAME] [--qemu PROGRAM] [--print]

MAKER is riscv64-privileged of the build; it writes the program. EXPECTED has a line for each of its
cases: the name, and what the trap at its end finds (riscv64_privileged.c). The program runs on
vm-cli and on QEMU's system emulator, where that is installed; each line that differs is printed.
--print prints what vm-cli gives, for EXPECTED. Exit status: 0 when nothing differs, 1 otherwise."""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FIELDS = ("cause", "tval", "epc", "status", "a0", "a1")
TIMEOUT = 60  # seconds
ILLEGAL, BREAKPOINT = 2, 3
QEMU_CPU = "rv64,priv_spec=v1.12.0,svinval=true"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("maker", metavar="MAKER")
    parser.add_argument("expected", metavar="EXPECTED", type=Path)
    parser.add_argument("vm", metavar="VM-CLI")
    parser.add_argument("--engine", help="for vm-cli (default: its own choice)")
    parser.add_argument("--qemu", default="qemu-system-riscv64", metavar="PROGRAM")
    parser.add_argument("--print", action="store_true", dest="show")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="trine-privileged-") as directory:
        program = str(Path(directory) / "program")
        names = run([options.maker, program]).splitlines()
        engine = ["--engine", options.engine] if options.engine else []
        trine = lines(names, run([options.vm, "run", "--guest", "riscv64", "--memory", "16M",
                                  "--bios", program, "--timeout", str(TIMEOUT)] + engine))
        if options.show:
            print("\n".join(trine))
            return 0
        expected = options.expected.read_text(encoding="utf-8").splitlines()
        good = compare("vm-cli", trine, expected)
        if not shutil.which(options.qemu):
            print(f"{options.qemu} is not installed: compared with {options.expected.name} only")
            return 0 if good else 1
        qemu = lines(names, run([options.qemu, "-machine", "virt", "-cpu", QEMU_CPU,
                                 "-display", "none", "-monitor", "none", "-serial",
                                 "stdio", "-bios", program]))
        good &= compare("qemu", without_new(qemu), without_new(expected))
    print(f"{len(names)} cases")
    return 0 if good else 1


def run(command):
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=True, timeout=TIMEOUT)
    except subprocess.CalledProcessError as error:
        sys.exit(f"{command[0]}: status {error.returncode}: {error.stderr.strip()}")
    except subprocess.TimeoutExpired:
        sys.exit(f"{command[0]} does not come to an end")
    return done.stdout


def lines(names, output):
    """A line for each case. mtval of a breakpoint is an address or 0, that of an illegal
    instruction its bits or 0, as the hart likes: a breakpoint's is left out, and a 0
    stands for the bits."""
    words = [int(word, 16) for word in output.split()]
    if len(words) != len(names) * len(FIELDS):
        sys.exit(f"{len(words)} words for {len(names)} cases")
    result = []
    for i, name in enumerate(names):
        values = dict(zip(FIELDS, words[i * len(FIELDS):]))
        if values["cause"] == BREAKPOINT:
            values["tval"] = 0
        result.append(f"{name}: " + " ".join(f"{k} {v:x}" for k, v in values.items()))
    return result


def same(mine, theirs):
    without_bits = re.sub(f"cause {ILLEGAL} tval [0-9a-f]+", f"cause {ILLEGAL} tval 0", theirs)
    return mine in (theirs, without_bits)


def without_new(text):
    return [line for line in text if not line.startswith("new: ")]


def compare(who, got, expected):
    good = len(got) == len(expected)
    if not good:
        print(f"{who}: {len(got)} cases, {len(expected)} are expected")
    for mine, theirs in zip(got, expected):
        if not same(mine, theirs):
            print(f"{who}: {mine}\nexpected: {theirs}")
            good = False
    return good


sys.exit(main())
