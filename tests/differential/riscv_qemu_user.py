#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random RISC-V programs under the newest qemu-riscv64 and under Trine.

Usage: riscv_qemu_user.py [--group NAME] [--seed N] [--count N] ... CHECK QEMU

CHECK is the program riscv-qemu-check of the build, QEMU the oracle (tools/oracles puts it at
build/oracles/qemu-riscv64). For each group (an extension) programs with seeds from --seed on are
made, run under both, and their dumps compared, until --count random instructions have run. The
first difference of a group ends it and is printed with what replays it. Exit status: 0 when there
is none, 1 when there is one, 77 when the oracle is not there.

The defaults of --seed and --count are TRINE_SEED and TRINE_COUNT of the environment, else 1 and
20000."""

import argparse
import os
import subprocess
import sys
import tempfile
import time


def run_oracle(qemu, program, dumps):
    with open(dumps, "wb") as out:
        return subprocess.run([qemu, "-cpu", "max", program], stdout=out,
                              stderr=subprocess.PIPE, check=False)


def compare(options, group, seed, directory):
    """Runs one program. Returns the number of random instructions, or None after a difference."""
    program, dumps = os.path.join(directory, "program"), os.path.join(directory, "dumps")
    what = [group, str(seed), str(options.batches), str(options.length)]
    subprocess.run([options.check, "make"] + what + [program], stdout=subprocess.DEVNULL,
                   check=True)
    os.chmod(program, 0o755)
    oracle = run_oracle(options.qemu, program, dumps)
    mode = ["machine-mode"] if options.machine_mode else []
    check = subprocess.run([options.check, "compare"] + what + [dumps] + mode,
                           stdout=subprocess.PIPE, text=True, check=False)
    lines = check.stdout.splitlines()
    if check.returncode or oracle.returncode:
        print("\n".join(lines[:-1]))
        if oracle.returncode:
            print(f"{options.qemu}: status {oracle.returncode}, {' '.join(what)}: "
                  + oracle.stderr.decode(errors="replace").strip())
        return None
    return int(lines[-1])


def compare_group(options, group, directory):
    done, seed, start = 0, options.seed, time.monotonic()
    while done < options.count:
        count = compare(options, group, seed, directory)
        if count is None:
            return False
        done, seed = done + count, seed + 1
    print(f"{group}: {done} instructions, no difference ({time.monotonic() - start:.1f} s)",
          flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--group", help="only this extension (default: all)")
    parser.add_argument("--seed", type=int, default=os.environ.get("TRINE_SEED", "1"),
                        help="of the first program")
    parser.add_argument("--count", type=int, default=os.environ.get("TRINE_COUNT", "20000"),
                        help="random instructions per group")
    parser.add_argument("--batches", type=int, default=500, help="batches in a program")
    parser.add_argument("--length", type=int, default=20, help="random instructions in a batch")
    parser.add_argument("--machine-mode", action="store_true",
                        help="run the program in M-mode on Trine, not in U-mode")
    parser.add_argument("check", metavar="CHECK")
    parser.add_argument("qemu", metavar="QEMU")
    options = parser.parse_args()
    if not os.access(options.qemu, os.X_OK):
        print(f"skipped: {options.qemu} is not there; tools/oracles fetches it")
        return 77
    groups = subprocess.run([options.check, "groups"], stdout=subprocess.PIPE, text=True,
                            check=True).stdout.split()
    if options.group:
        groups = [options.group]
    with tempfile.TemporaryDirectory(prefix="trine-qemu-") as directory:
        same = [compare_group(options, group, directory) for group in groups]
    return 0 if all(same) else 1


sys.exit(main())
