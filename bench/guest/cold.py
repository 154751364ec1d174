#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a large C program that is run once: the workload of cold code.

    cold.py OUTPUT [FUNCTIONS]

Some parts of the program do the same amount of work by different code, so that each repetition
meets code that has never run. What each part has to return is computed here, by other means than
the compiler's."""

import random
import sys

MASK = (1 << 64) - 1
PARTS = 3
FUNCTIONS = 300  # for each part
STATEMENTS = 16

HEAD = """// SPDX-License-Identifier: MIT
// Cold code, made by cold.py.
#include "bench.h"

#define FUNCTION static __attribute__((noinline, noclone)) void
"""

TAIL = """
static void *setup(void)
{
    return bench_allocate(sizeof(unsigned));
}

// Each unit runs a part that has not run yet.
static uint64_t run(void *state)
{
    switch ((*(unsigned *)state)++) {
%s
    default: return 0;
    }
}

BENCH(cold, .what = "%d functions of about %d instructions, each run once", .setup = setup,
      .run = run, .expected = 1, .repetitions = %d);
"""


class Writer:
    """Statements over an array of four variables, and their effect."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.values = [self.random.getrandbits(64) for _ in range(4)]

    def operation(self):
        """A C expression over the variables, and its value now."""
        a, b = self.random.sample(range(4), 2)
        x, y = self.values[a], self.values[b]
        n = self.random.randrange(1, 63)
        constant = self.random.getrandbits(self.random.choice((8, 16, 31)))
        kind = self.random.randrange(8)
        return (
            (f"v[{a}] + v[{b}]", x + y),
            (f"v[{a}] - (v[{b}] ^ {constant}u)", x - (y ^ constant)),
            (f"(v[{a}] << {n}) + v[{b}]", (x << n) + y),
            (f"(v[{a}] >> {n}) ^ v[{b}]", (x >> n) ^ y),
            (f"(v[{a}] & v[{b}]) + {constant}u", (x & y) + constant),
            (f"(v[{a}] | {constant}u) - v[{b}]", (x | constant) - y),
            (f"v[{a}] * {constant | 1}u + v[{b}]", x * (constant | 1) + y),
            (f"(v[{a}] << {n} | v[{a}] >> {64 - n}) - v[{b}]",
             ((x << n & MASK) | x >> (64 - n)) - y),
        )[kind]

    def statement(self):
        target = self.random.randrange(4)
        text, value = self.operation()
        if self.random.random() < 0.25:
            a, b = self.random.sample(range(4), 2)
            other, other_value = self.operation()
            taken = self.values[a] < self.values[b]
            text = f"    if (v[{a}] < v[{b}])\n        v[{target}] = {text};\n" \
                   f"    else\n        v[{target}] = {other};\n"
            value = value if taken else other_value
        else:
            text = f"    v[{target}] = {text};\n"
        self.values[target] = value & MASK
        return text


def write_part(number, functions, out):
    writer = Writer(number)
    start = list(writer.values)
    for index in range(functions):
        out.write(f"FUNCTION part{number}_{index}(uint64_t v[4])\n{{\n")
        for _ in range(STATEMENTS):
            out.write(writer.statement())
        out.write("}\n\n")
    out.write(f"static uint64_t part{number}(void)\n{{\n    uint64_t v[4] = {{")
    out.write(", ".join(f"{value:#x}" for value in start) + "};\n")
    for index in range(functions):
        out.write(f"    part{number}_{index}(v);\n")
    checks = (f"v[{i}] == {value:#x}" for i, value in enumerate(writer.values))
    out.write(f"    return {' && '.join(checks)};\n}}\n\n")


def main():
    functions = int(sys.argv[2]) if len(sys.argv) > 2 else FUNCTIONS
    with open(sys.argv[1], "w", encoding="ascii") as out:
        out.write(HEAD + "\n")
        for number in range(PARTS):
            write_part(number, functions, out)
        cases = "\n".join(f"    case {number}: return part{number}();" for number in range(PARTS))
        out.write(TAIL % (cases, functions, 6 * STATEMENTS, PARTS))


if __name__ == "__main__":
    main()
