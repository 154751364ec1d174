# SPDX-License-Identifier: MIT
"""isagen: makes decoder, disassembler and instruction list from .isa tables.

Usage: isagen [--header FILE] [--source FILE] [--docs FILE] TABLE...

Without output files it only checks. The first table has the arch line. A fault ends it with status
1 and one line: file:line: what is wrong.
"""

import argparse
import os
import sys

sys.dont_write_bytecode = True  # the source tree stays as it is

import check
import docs
import emit
import tables
from model import TableError


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(prog="isagen", description=__doc__.split("\n")[0])
    parser.add_argument("--header", help="C header to write")
    parser.add_argument("--source", help="C source to write; needs --header")
    parser.add_argument("--docs", help="list of instructions to write, Markdown")
    parser.add_argument("tables", nargs="+", metavar="TABLE")
    options = parser.parse_args()
    if options.source and not options.header:
        parser.error("--source needs --header")
    try:
        table = tables.read(options.tables)
        check.check(table)
    except TableError as e:
        print(e, file=sys.stderr)
        return 1
    if options.header:
        write(options.header, emit.header(table))
    if options.source:
        write(options.source, emit.source(table, os.path.basename(options.header)))
    if options.docs:
        write(options.docs, docs.markdown(table))
    return 0


sys.exit(main())
