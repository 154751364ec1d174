#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_decoder: for each .isa table, a few words of every row.

    seeds_decoder.py DIRECTORY ISAGEN TABLE...

ISAGEN is the directory of the tool; the first table is the one with the arch line. The files of
corpus/decoder/ and corpus/decoder_arm64/ are its output, and beside them what a fuzzer found.
"""
import pathlib
import random
import sys

sys.dont_write_bytecode = True
WORDS = 2
MODES = 6  # of fuzz_decoder.c


def main():
    directory, isagen, *paths = sys.argv[1:]
    sys.path.insert(0, isagen)
    import tables
    rng = random.Random(1)
    rows = tables.read(paths).rows
    for n, path in enumerate(paths):
        data = bytearray([n % MODES, 0])
        for row in rows:
            if row.where.rpartition(":")[0] == path:
                for _ in range(WORDS):
                    word = row.value | rng.getrandbits(row.space.width) & ~row.mask
                    data += word.to_bytes(row.space.width // 8, "little")
        if len(data) > 2:
            name = pathlib.Path(path).stem
            (pathlib.Path(directory) / name).write_bytes(data)


main()
