#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_pci.c, which says what the bytes mean.

    seeds_pci.py DIRECTORY

The files of corpus/pci/ are its output, and inputs that a fuzzer found beside them.
"""
import struct

import seed_files

READ, WRITE, CONFIG, OTHER = range(4)
ECAM, IO, LOW, TABLE, HIGH, LOW_END, RAM, ANYWHERE = range(8)
SEND, INTX, RESET, PLACE = range(4)
COMMAND, BAR0, MSIX_CONTROL = 0x04, 0x10, 0x4a
ON = 7  # I/O, memory, bus master


def read(where, offset, size=2):
    return bytes([READ | size << 2 | where << 4]) + offset.to_bytes(3, "little")


def write(where, offset, value, size=2):
    return bytes([WRITE | size << 2 | where << 4]) + offset.to_bytes(3, "little") + \
        value.to_bytes(1 << size, "little")


def config(function, offset, value, size=2):
    return bytes([CONFIG | size << 2 | function << 4, offset]) + value.to_bytes(1 << size, "little")


def other(function, what, *operands):
    return bytes([OTHER | what << 2 | function << 4, *operands])


def place(function, low=0x40000000, high=0x400000000, io=0x1000):
    return config(function, COMMAND, ON, 1) + config(function, BAR0, io) + \
        config(function, BAR0 + 8, low) + config(function, BAR0 + 16, high, 3)


def accesses():
    return b"".join(read(w, o, s) + write(w, o, 0x55, s)
                    for w, o in ((IO, 0x1000), (LOW, 0), (HIGH, 0), (LOW, 0xffff))
                    for s in range(4))


def messages(function):
    return other(function, PLACE, 3) + config(function, MSIX_CONTROL, 0x8000, 1) + \
        write(TABLE, 48, 0x28000000, 3) + write(TABLE, 56, 3) + other(function, SEND, 3) + \
        other(function, SEND, 4) + read(TABLE, 0x800, 3) + config(function, COMMAND, 2, 1) + \
        other(function, SEND, 3) + config(function, COMMAND, ON, 1)


SEEDS = {
    "empty": b"",
    "headers": b"".join(read(ECAM, slot << 15 | 4 * n) for slot in (0, 1, 2, 3, 6)
                        for n in range(16)),
    "sizes": b"".join(config(f, BAR0 + 4 * n, 0xffffffff) for f in range(3) for n in range(6)),
    "place": place(0) + accesses() + config(0, BAR0 + 8, 0x40010000) + accesses(),
    "overlap": place(0) + place(1) + place(2) + accesses() + other(0, RESET) + accesses(),
    "over-others": place(0, 0x80000000, 0x80000000) + place(1, 0x30000000, 0x30000000) +
                   accesses() + read(RAM, 0) + read(ECAM, 1 << 15) + write(LOW_END, 0, 1),
    "messages": place(0) + messages(0),
    "wires": b"".join(other(f, INTX, level) for level in (1, 0, 1) for f in range(3)) +
             config(1, COMMAND, 0x400, 1) + other(0, RESET),
}


if __name__ == "__main__":
    seed_files.main(SEEDS)
