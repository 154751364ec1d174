#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests tools/isagen with the tables of this directory.

refuse-*.isa must be refused, with one line that names the line with the comment "# refused: TEXT"
and contains TEXT. accept-*.isa must pass, and the decoder that is made of it must do for words of
its space s, under every set of extensions, what a plain search through the rows does.

Usage: isagen_test.py ISAGEN COMPILER...   (ISAGEN: the directory of the tool)
"""

import itertools
import os
import random
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = os.path.join(HERE, "common.isa")
EXTENSIONS = ("P", "Q", "R")
ALL_WORDS = 10    # words of a space with at most so many bits are all tried
SOME_WORDS = 2000


def run_isagen(isagen, arguments):
    return subprocess.run([sys.executable, isagen, *arguments], capture_output=True, text=True,
                          check=False)


def test_refuse(isagen, path, _compiler):
    marks = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            match = re.search(r"# refused: (.*)", line)
            if match:
                marks.append((number, match[1].strip()))
    if len(marks) != 1:
        return "needs one comment '# refused: TEXT'"
    number, text = marks[0]
    result = run_isagen(isagen, [COMMON, path])
    lines = result.stderr.splitlines()
    if result.returncode != 1:
        return f"status {result.returncode}, expected 1: {result.stderr}"
    if len(lines) != 1 or not lines[0].startswith(f"{path}:{number}: "):
        return f"expected one line '{path}:{number}: ...', not: {result.stderr}"
    if text not in lines[0]:
        return f"expected '{text}' in: {lines[0]}"
    return None


def test_accept(isagen, path, compiler):
    with tempfile.TemporaryDirectory() as directory:
        source, program = os.path.join(directory, "isa.c"), os.path.join(directory, "decode")
        result = run_isagen(isagen, ["--header", os.path.join(directory, "isa.h"),
                                     "--source", source,
                                     "--docs", os.path.join(directory, "list.md"), COMMON, path])
        if result.returncode or result.stderr:
            return f"status {result.returncode}: {result.stderr}"
        table = tables.read([COMMON, path])
        check.check(table)
        semantics = " ".join(f"SEMANTIC({n})" for n in sorted({r.semantic for r in table.rows}))
        built = subprocess.run(
            [*compiler, "-std=gnu17", "-Wall", "-Wextra", "-Werror", f"-I{directory}", f"-I{HERE}",
             "-DDECODE=tt_decode_s", f"-DSEMANTICS={semantics}", source,
             os.path.join(HERE, "harness.c"), "-o", program],
            capture_output=True, text=True, check=False)
        if built.returncode:
            return built.stderr
        return compare(program, table)


def compare(program, table):
    space = table.spaces["s"]
    sets = [on for n in range(4) for on in itertools.combinations(EXTENSIONS, n)]
    cases = [(on, word) for on in sets for word in words_of(space)]
    lines = "".join(f"{sum(1 << EXTENSIONS.index(e) for e in on):x} {word:x}\n"
                    for on, word in cases)
    result = subprocess.run([program], input=lines, capture_output=True, text=True, check=False)
    got = result.stdout.splitlines()
    if result.returncode or len(got) != len(cases):
        return f"status {result.returncode}, {len(got)} answers for {len(cases)} words"
    found = set()
    for (on, word), line in zip(cases, got):
        row = search(space, on, word)
        expected = describe(row, word) if row else "-"
        if line.strip() != expected:
            return f"word {word:#x} with {on}: expected '{expected}', not '{line}'"
        found.add(row)
    unseen = [r.name for r in space.rows if r not in found]
    return f"never decoded: {unseen}" if unseen else None


def words_of(space):
    """All words of a small space; else random ones, near to every row."""
    if space.width <= ALL_WORDS:
        return [w for w in range(1 << space.width) if w & space.mask == space.value]
    rng = random.Random(1)
    words = []
    for row in space.rows:
        for _ in range(SOME_WORDS):
            word = row.value | rng.getrandbits(space.width) & ~row.mask
            words.append(word ^ (1 << rng.randrange(space.width) if rng.random() < 0.5 else 0))
    return words


def search(space, on, word):
    """The row of a word: the one that matches and that no other matching row overrides."""
    rows = [r for r in space.rows if r.matches(word) and gates.value(r.gate.tree, on)]
    left = [r for r in rows if not any(r in o.overrides for o in rows)]
    assert len(left) <= 1, f"{[r.name for r in left]}: isagen lets an overlap of {word:#x} pass"
    return left[0] if left else None


def describe(row, word):
    args = {name: source if isinstance(source, int) else source.extract(word)
            for name, source in row.format.args.items()}

    def fill(template):
        return re.sub(r"\{(\w+)(?::num)?\}",
                      lambda m: row.name if m[1] == "name" else str(args[m[1]]), template)

    text = fill(row.mnemonic) + ("\t" + fill(row.asm) if row.asm else "")
    return f"{row.name} {args.get('a', 0)} {args.get('b', 0)} {args.get('n', 0)} {text}"


def main():
    isagen, compiler = os.path.abspath(sys.argv[1]), sys.argv[2:]
    global check, gates, tables
    sys.path.insert(0, isagen)
    import check
    import gates
    import tables
    names = sorted(n for n in os.listdir(HERE) if n.endswith(".isa") and n != "common.isa")
    failed = 0
    print(f"1..{len(names)}")
    for n, name in enumerate(names, 1):
        verdict = name.partition("-")[0]
        test = {"refuse": test_refuse, "accept": test_accept}.get(verdict)
        fault = test(isagen, os.path.join(HERE, name), compiler) if test else "name has no verdict"
        print(f"{'not ok' if fault else 'ok'} {n} {name}")
        if fault:
            failed += 1
            print("# " + fault.strip().replace("\n", "\n# "))
    return 1 if failed else 0


sys.exit(main())
