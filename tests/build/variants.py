#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds Trine without each of its libraries, with each compiler and with one engine only, and runs
a tiny guest on it; with one engine, the tests as well.

    variants.py SOURCES

What a build lacks is refused in one clear line. Prints TAP."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(sys.argv[1]).resolve()
sys.path.insert(0, str(SOURCES / "tests/cli"))
import programs  # noqa: E402  (found by the line above)

LIBRARIES = ("fdt", "zlib", "zstd", "slirp", "cjson")
# name: (Meson options, environment)
VARIANTS = {
    "no-library-at-all": ([f"-D{name}=disabled" for name in LIBRARIES], {}),
    "no-fdt": (["-Dfdt=disabled"], {}),
    "no-cjson": (["-Dcjson=disabled"], {}),
    "gcc-unoptimised": (["-Dbuildtype=debug"], {"CC": "gcc"}),
    "gcc-release": (["-Dbuildtype=release"], {"CC": "gcc"}),
    "clang-release": (["-Dbuildtype=release"], {"CC": "clang"}),
    "interpreter-only": (["-Dengines=interpreter", "-Dtests=enabled"], {}),
    "jit-only": (["-Dengines=jit", "-Dtests=enabled"], {}),
}
# What is run of a build with tests: they know what engines there are.
SUITES = ("unit", "cli", "isa", "differential", "hostile", "golden")


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False, **options)


def check(condition, result):
    assert condition, f"{result.args}\nstatus {result.returncode}\n{result.stdout}{result.stderr}"


def build(directory, options, environment):
    # The source of the device tree is a whole build's, since some here can make none.
    if "-Dtests=enabled" not in options:
        options = ["-Dtests=disabled", *options]
    setup = run(["meson", "setup", directory, SOURCES, *options],
                env={**os.environ, **environment})
    check(setup.returncode == 0, setup)
    made = run(["ninja", "-C", directory, "vm-cli"])
    check(made.returncode == 0, made)
    return directory / "vm-cli"


def refuses(vm, status, pattern, *arguments):
    result = run([vm, *arguments])
    check(result.returncode == status and re.search(pattern, result.stderr)
          and result.stderr.count("\n") == 1, result)


def try_out(vm, options, scratch, tree):
    kernel = scratch / "kernel"
    kernel.write_bytes(programs.hello())
    lacks = {name for name in LIBRARIES if f"-D{name}=disabled" in options}
    base = ["--kernel", kernel, "--memory", "16M"]
    if "fdt" in lacks:
        refuses(vm, 2, "no libfdt; give one with --dtb", "run", *base)
        base += ["--dtb", tree]
    result = run([vm, "run", *base])
    check((result.returncode, result.stdout) == (0, "hello\n"), result)
    if "cjson" in lacks:
        refuses(vm, 2, "no JSON", "run", *base, "--config", "x")
        refuses(vm, 2, "no JSON", "run", *base, "--stats", "json")
        page = run([vm, "help", "run"])
        check("--config" not in page.stdout and "json" not in page.stdout, page)
    return run([vm, "debug", "dump-dtb", *base, tree]) if "fdt" not in lacks else None


def run_tests(directory):
    """With as many random cases as make test has: what one engine does alone it does beside the
    other, which is tested at length."""
    plain = {name: value for name, value in os.environ.items()
             if name not in ("TRINE_TEST_SCALE", "TRINE_COUNT")}
    made = run(["ninja", "-C", directory])
    check(made.returncode == 0, made)
    suites = [word for name in SUITES for word in ("--suite", name)]
    tests = run(["meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs",
                 "--timeout-multiplier", "4", *suites], env=plain)
    check(tests.returncode == 0, tests)


def cannot_be_built(vm, options, compiler):
    """Why this host cannot have the variant, or None."""
    if not shutil.which(compiler):
        return f"{compiler} is not installed"
    if "-Dengines=jit" in options and "jit" not in run([vm, "info"]).stdout:
        return "there is no jit for this host"
    return None


def main():
    scratch = Path(tempfile.mkdtemp(prefix="trine-variants-"))
    tree = scratch / "tree.dtb"
    failed = 0
    try:
        whole = build(scratch / "whole", [], {})
        try_out(whole, [], scratch, tree)
        print(f"1..{len(VARIANTS)}", flush=True)
        for number, (name, (options, environment)) in enumerate(VARIANTS.items(), 1):
            compiler = environment.get("CC", "cc")
            cause = cannot_be_built(whole, options, compiler)
            if cause:
                print(f"ok {number} {name} # SKIP {cause}", flush=True)
                continue
            try:
                vm = build(scratch / name, options, environment)
                try_out(vm, options, scratch, tree)
                if "-Dtests=enabled" in options:
                    run_tests(scratch / name)
            except AssertionError as fault:
                failed += 1
                print(f"not ok {number} {name}")
                print("# " + str(fault).strip().replace("\n", "\n# "), flush=True)
            else:
                print(f"ok {number} {name}", flush=True)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return 1 if failed else 0


sys.exit(main())
