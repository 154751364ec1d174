#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_ir_parse: the regions before the passes of the IR's unit tests.

    seeds_ir.py DIRECTORY CASES...

CASES are tests/unit/ir/*.txt. The files of corpus/ir_parse/ are its output, and inputs that a
fuzzer found beside them.
"""
import pathlib
import re
import sys


def main():
    directory = pathlib.Path(sys.argv[1])
    for path in map(pathlib.Path, sys.argv[2:]):
        text = path.read_text(encoding="utf-8")
        if text.count("region {"):
            (directory / path.stem).write_text(text, encoding="utf-8")
        for n, case in enumerate(re.findall(r"^=== .*\n(?s:(.*?))^---$", text, re.M)):
            (directory / f"{path.stem}-{n}").write_text("region {\n" + case + "}\n",
                                                         encoding="utf-8")


main()
