#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli bench: a table of workloads by engine. bench_words_test.py has what is in them."""

import re

from harness import case, engines, main, refused, vm

WORKLOADS = ("alu", "memory", "sieve", "calls", "indirect", "floats", "trap", "written", "cold")


def table(*words):
    """The engines of the heading, and each row's speeds by its name."""
    result = vm("bench", *words)
    assert result.status == 0 and result.err == b"", result
    first, blank, heading, *rows = result.out.decode().splitlines()
    assert first == "riscv64 guest, millions of instructions per second" and not blank, result
    found = {}
    for row in rows:
        name, *numbers = re.match(r"(\w+) +([\d. ]+)  \w", row).groups()
        found[name] = [float(number) for number in numbers[0].split()]
    return heading.split(), found


@case
def each_workload_is_run_on_each_engine():
    heading, rows = table()
    assert tuple(rows) == WORKLOADS, rows
    assert heading == engines() + ["ratio"] * (len(engines()) == 2), heading
    for name, numbers in rows.items():
        # A build with sanitizers may be too slow for the digits that are printed.
        assert len(numbers) == len(heading) and max(numbers) > 0, (name, numbers)
        if len(engines()) == 2 and min(numbers) >= 20:  # fewer digits say less
            assert abs(numbers[0] / numbers[1] - numbers[2]) < 0.2 + numbers[2] / 10, numbers


@case
def engines_and_workloads_can_be_named():
    for engine in engines():
        heading, rows = table("--engine", engine, "trap", "alu")
        assert heading == [engine] and list(rows) == ["trap", "alu"], (heading, rows)
    _, rows = table("--engine", "auto", "--simd", "off", "--code-cache", "4M", "floats")
    assert list(rows) == ["floats"], rows


@case
def what_is_none_of_them_is_refused():
    refused(vm("bench", "aluu"), 2, 'unknown workload "aluu"', "did you mean alu")
    refused(vm("bench", "--engine", "kvm"), 2, "--engine")
    refused(vm("bench", "--kernel", "x"), 2, "unknown option --kernel")
    if "jit" in engines():
        refused(vm("bench", "--code-cache", "1K", "alu"), 2, "too small")


@case
def a_workload_that_fails_is_no_figure():
    result = vm("bench", "--cpu", "rv64imac_zicsr_zifencei", "floats")
    assert result.status == 4 and b"floats" not in result.out, result
    assert any("did not end" in line for line in result.error_lines), result


main()
