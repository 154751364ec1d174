#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random A64 programs under the newest qemu-aarch64 or under libunicorn, and under Trine.

Usage: arm64_qemu_user.py [--group NAME] [--seed N] [--count N] ... RUN ORACLE ISAGEN TABLE...

RUN is the program arm64-run of the build, ORACLE qemu-aarch64 (tools/oracles puts it at
build/oracles/qemu-aarch64) or with --unicorn the build's arm64-unicorn, ISAGEN the directory of
tools/isagen, whose tables follow. For each group (a table's rows that one feature has; "flow" is
about branches) programs with seeds from --seed on are made, run under both, and their dumps
compared, until --count random instructions have run. The first difference of a group ends it and is
printed with what replays it. Exit status: 0 when there is none, 1 when there is one, 77 when the
oracle is not there.

The defaults of --seed and --count are TRINE_SEED and TRINE_COUNT of the environment, else 1 and
10000."""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
import arm64_programs as programs  # noqa: E402

# What differs by right between two implementations, or traps: codes of pointer authentication,
# random numbers, registers of the system, branches to registers.
LEFT_OUT = re.compile(r"pac|aut|xpac|ldra|br|bl|ret|b$|sys|mrs|msr\.|svc|brk|hvc|smc|hlt|dcps|udf|"
                      r"eret|drps|hint|yield|wf|sev|dsb|isb")


# What libunicorn 2.0 does otherwise than the manual, and the newest qemu as the manual says.
UNICORN_WRONG = re.compile(
    r"ld[su](max|min)|fjcvtzs|fcmla\.element\.half|fcvtz[su]\.fixed\.vector\.scalar\.half")
# Features that libunicorn 2.0 does not know.
UNICORN_LACKS = re.compile(r"CSSC|MOPS|HBC|BF16|I8MM|WFXT")


def groups_of(table, unicorn):
    """Rows by table file and feature; "flow" has all that are no branches."""
    chosen = [row for row in table.rows if not LEFT_OUT.match(row.name)]
    if unicorn:
        chosen = [row for row in chosen if not UNICORN_LACKS.search(row.gate.text)
                  and not UNICORN_WRONG.fullmatch(row.name)]
    groups = {"flow": [row for row in chosen if row.insn_class != "branch"]}
    for row in chosen:
        name = Path(row.where.rpartition(":")[0]).stem
        gate = re.findall(r"\w+", row.gate.text)[-1].lower()
        groups.setdefault(f"{name}-{gate}", []).append(row)
    return groups


def run(command, output):
    with open(output, "wb") as out:
        result = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, check=False)
    return result.returncode, result.stderr.decode(errors="replace").strip()


def report(options, what, dumps, oracle, pieces, name):
    """Compares; prints the first difference. True when there is none."""
    size = programs.SIZE
    for i, (begin, words) in enumerate(pieces):
        one, other = (d[i * size:(i + 1) * size] for d in (dumps, oracle))
        if len(one) != size or len(other) != size:
            print(f"{what}: batch {i}: trine wrote {len(dumps) // size} dumps, the oracle "
                  f"{len(oracle) // size}")
        elif one == other or not programs.differences(one, other):
            continue
        for entry in programs.differences(one, other):
            print(f"  {entry[0]}: {name} {entry[1]}, oracle {entry[2]}")
        print(f"{what}: batch {i} at {begin:#x}: " + " ".join(f"{w:08x}" for w in words))
        return False
    return True


def compare(options, group, rows, seed, directory):
    """Runs one program on every engine. Returns the number of instructions, None if one differs."""
    fp = any(row.insn_class == "fp" for row in rows)
    image, pieces = programs.make(rows, seed, options.batches, options.length, fp,
                                  {"hinted": not options.unicorn} if group == "flow" else None)
    paths = {n: os.path.join(directory, n) for n in ("image", "program", "oracle", "dumps")}
    Path(paths["image"]).write_bytes(image)
    Path(paths["program"]).write_bytes(programs.elf(image))
    os.chmod(paths["program"], 0o755)
    command = [options.oracle, "-cpu", "max", paths["program"]]
    if options.unicorn:
        command = [options.oracle, paths["image"], f"{programs.BASE:x}"]
    status, error = run(command, paths["oracle"])
    what = (f"--group {group} --seed {seed} --batches {options.batches} --length "
            f"{options.length}")
    if status:
        print(f"{options.oracle}: status {status}: {error} ({what})")
    oracle = Path(paths["oracle"]).read_bytes()
    for engine in options.engines:
        problem, text = run([options.run, engine, paths["image"], f"{programs.BASE:x}"],
                            paths["dumps"])
        if problem:
            print(f"{engine}: status {problem}: {text}")
        dumps = Path(paths["dumps"]).read_bytes()
        if not report(options, f"{engine}: {what}", dumps, oracle, pieces, engine) or problem:
            return None
    return None if status else options.batches * options.length


def compare_group(options, group, rows, directory):
    done, seed, start = 0, options.seed, time.monotonic()
    while done < options.count:
        count = compare(options, group, rows, seed, directory)
        if count is None:
            return False
        done, seed = done + count, seed + 1
    print(f"{group}: {done} instructions, no difference ({time.monotonic() - start:.1f} s)",
          flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--group", help="only this one (default: all)")
    parser.add_argument("--unicorn", action="store_true", help="ORACLE is arm64-unicorn")
    parser.add_argument("--row", help="only rows whose name this expression matches")
    parser.add_argument("--seed", type=int, default=os.environ.get("TRINE_SEED", "1"),
                        help="of the first program")
    parser.add_argument("--count", type=int, default=os.environ.get("TRINE_COUNT", "10000"),
                        help="random instructions per group")
    parser.add_argument("--batches", type=int, default=250, help="batches in a program")
    parser.add_argument("--length", type=int, default=20, help="random instructions in a batch")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("oracle", metavar="ORACLE")
    parser.add_argument("isagen", metavar="ISAGEN")
    parser.add_argument("tables", metavar="TABLE", nargs="+")
    options = parser.parse_args()
    if not os.access(options.oracle, os.X_OK):
        print(f"skipped: {options.oracle} is not there; tools/oracles fetches it")
        return 77
    sys.path.insert(0, options.isagen)
    import tables
    options.engines = subprocess.run([options.run, "engines"], stdout=subprocess.PIPE, text=True,
                                     check=True).stdout.split()
    groups = groups_of(tables.read(options.tables), options.unicorn)
    same = []
    with tempfile.TemporaryDirectory(prefix="trine-qemu-") as directory:
        for group, rows in groups.items():
            rows = [r for r in rows if not options.row or re.match(options.row, r.name)]
            if rows and options.group in (None, group):
                same.append(compare_group(options, group, rows, directory))
    return 0 if all(same) else 1


sys.exit(main())
