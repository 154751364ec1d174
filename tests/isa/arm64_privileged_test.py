#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A64 programs that provoke exceptions, on vm-cli, on QEMU, and as the manual says.

Usage: arm64_privileged_test.py CASES EXPECTED VM-CLI [--engine NAME] [--print] [--keep DIRECTORY]

CASES is an assembly file of cases, which arm64_privileged_run.S runs. EXPECTED has a line for each:
the name, and what the exception at its end left. Where QEMU's system emulator rightly or wrongly
gives something else, lines "    qemu: ..." behind it have what some version gives (7.2 and 11.1
have been looked at), with the reason behind "#". Each line that differs is printed. --print prints
what both give, for EXPECTED. Exit status: 0 when nothing differs, 1 otherwise, 77 when there is no
assembler."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
GCC = "aarch64-linux-gnu-gcc"
QEMU = "qemu-system-aarch64"
TIMEOUT = 60  # seconds
SKIPPED = 77
MARK = "    qemu: "


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("cases", metavar="CASES", type=Path)
    parser.add_argument("expected", metavar="EXPECTED", type=Path)
    parser.add_argument("vm", metavar="VM-CLI")
    parser.add_argument("--engine", help="for vm-cli (default: its own choice)")
    parser.add_argument("--print", action="store_true", dest="show")
    parser.add_argument("--keep", type=Path, help="where the program is to be left")
    options = parser.parse_args()
    if not shutil.which(GCC):
        print(f"{GCC} is not installed: nothing to run")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="trine-privileged-") as directory:
        program = str((options.keep or Path(directory)) / "program")
        assemble(options.cases, program)
        on_trine = run(trine(options, program))
        on_qemu = run(qemu(program)) if shutil.which(QEMU) else None
    if options.show:
        show(on_trine, on_qemu)
        return 0
    ours, theirs = expectations(options.expected)
    good = compare("vm-cli", on_trine, [{line} for line in ours])
    if on_qemu is None:
        print(f"{QEMU} is not installed: compared with {options.expected.name} only")
    else:
        good &= compare(QEMU, on_qemu, theirs)
    print(f"{len(on_trine)} cases")
    return 0 if good else 1


def trine(options, program, cpu="max", machine="virt,gic-version=3"):
    """The command that runs the program."""
    engine = ["--engine", options.engine] if options.engine else []
    return [options.vm, "run", "--machine", machine, "--cpu", cpu, "--memory", "64M",
            "--kernel", program, "--timeout", str(TIMEOUT)] + engine


def qemu(program):
    return [QEMU, "-machine", "virt,gic-version=3", "-cpu", "max", "-m", "64M", "-nodefaults",
            "-display", "none", "-serial", "stdio", "-kernel", program]


def assemble(cases, program, options=()):
    command = [GCC, "-nostdlib", "-static", "-march=armv8.2-a", "-Wa,-mno-verbose-error",
               f'-DCASES="{cases.resolve()}"', f"-I{HERE}", "-Wl,-Ttext=0x40080000,--build-id=none",
               "-Wl,--section-start=.tables=0x40300000,-z,noexecstack,--no-warn-rwx-segments",
               *options, str(HERE / "arm64_privileged_run.S"), "-o", program]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)


def run(command):
    """What the program prints, line by line."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False, timeout=TIMEOUT + 15)
    except subprocess.TimeoutExpired as expired:
        sys.stdout.write((expired.stdout or b"").decode("utf-8", "replace"))
        sys.exit(f"{command[0]} does not come to an end")
    if done.returncode:
        sys.stdout.write(done.stdout.decode("utf-8", "replace"))
        sys.exit(f"{command[0]}: status {done.returncode}: "
                 + done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode("utf-8", "replace").splitlines()


def expectations(path):
    """The lines that vm-cli should give, and for each those that a QEMU may."""
    ours, theirs = [], []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(MARK):
            name = ours[-1].partition(": vector")[0]
            theirs[-1].add(f"{name}: {line[len(MARK):].partition('#')[0].strip()}")
        else:
            ours.append(line)
            theirs.append({line})
    return ours, theirs


def compare(who, got, expected):
    good = len(got) == len(expected)
    if not good:
        print(f"{who}: {len(got)} cases, {len(expected)} are expected")
    for mine, other in zip(got, expected):
        if mine not in other:
            print(f"{who}: {mine}\nexpected:", " or ".join(other))
            good = False
    return good


def show(ours, theirs):
    for i, line in enumerate(ours):
        print(line)
        if theirs and i < len(theirs) and theirs[i] != line:
            print(MARK + "vector" + theirs[i].partition(": vector")[2])


if __name__ == "__main__":
    sys.exit(main())
