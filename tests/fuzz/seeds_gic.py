#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_gic.c, which says what the bytes mean.

    seeds_gic.py DIRECTORY

The files of corpus/gic/ are its output, and inputs that a fuzzer found beside them.
"""
import seed_files

GICD, GICR, SGI_FRAME, ITS = range(4)
START, PREPARE, RESET, RESET_ITS, TABLE = range(5)
MOVI, INT, CLEAR, MAPD, MAPC, MAPTI, INV, INVALL, MOVALL, DISCARD = \
    1, 3, 4, 8, 9, 10, 12, 13, 14, 15
IAR0, EOIR0, IAR1, EOIR1, CTLR, SGI1R, RPR = 0x40, 0x41, 0x60, 0x61, 0x64, 0x5d, 0x5b
CONFIG, DEVICES = 0x30000, 0x10000


def read(where, offset, size=2):
    return bytes([size << 3 | where << 5]) + offset.to_bytes(2, "little")


def write(where, offset, value, size=2):
    return bytes([0x80 | size << 3 | where << 5]) + offset.to_bytes(2, "little") + \
        value.to_bytes(1 << size, "little")


def mrs(cpu, which):
    return bytes([2 | cpu << 5, which])


def msr(cpu, which, value):
    return bytes([0x82 | cpu << 5, which]) + value.to_bytes(8, "little")


def wire(cpu, intid, level):
    return bytes([4 | cpu << 5 | level << 7, intid - 16])


def message(device, event):
    return bytes([5, device << 5 | event])


def command(what, device=0, event=0, lpi=0, word2=0, valid=0, word3=0):
    word0 = what | device << 8
    word1 = event | lpi << 8
    return bytes([6]) + b"".join(w.to_bytes(5, "little")
                                 for w in (word0, word1, word2 | valid << 32, word3))


def other(what, *operands, flag=0):
    return bytes([7 | what << 3 | flag << 7, *operands])


def table(at, value):
    return other(TABLE) + at.to_bytes(3, "little") + value.to_bytes(8, "little")


def take(cpu):
    return mrs(cpu, IAR1) + mrs(cpu, RPR)


def its(flag=0):
    entries = b"".join(table(CONFIG + 8 * n, 0xa3a3a3a3a3a3a341) for n in range(4))
    return other(START) + entries + other(PREPARE, flag=flag) + \
        command(MAPC, word2=0, valid=1) + command(MAPC, word2=1 << 16 | 1, valid=1) + \
        command(MAPD, device=1, event=4, word2=0x40080000, valid=1) + \
        b"".join(command(MAPTI, device=1, event=n, lpi=n, word2=n & 1) for n in range(4))


SEEDS = {
    "empty": b"",
    "registers": b"".join(read(w, o) for w in range(4) for o in range(0, 0x100, 4)),
    "sizes": b"".join(write(w, o, 0xa5, s) + read(w, o, s) for s in range(4) for w in range(4)
                      for o in (0x8, 0x70, 0x108, 0x420, 0x6140)),
    "level": other(START) + write(GICD, 0x104, 0x100) + wire(0, 40, 1) + take(0) +
             wire(0, 40, 0) + msr(0, EOIR1, 40) + take(0),
    "edge": other(START) + write(GICD, 0xc08, 2 << 16) + write(GICD, 0x104, 0x100) +
            wire(0, 40, 1) + wire(0, 40, 0) + take(0) + msr(0, EOIR1, 40),
    "preempt": other(START) + write(GICD, 0x104, 0xf00) + write(GICD, 0x429, 0x40, 0) +
               wire(0, 40, 1) + take(0) + wire(0, 41, 1) + take(0) + msr(0, CTLR, 2) +
               msr(0, EOIR1, 41) + msr(0, EOIR1, 40),
    "groups": other(START) + write(GICD, 0x84, 0) + write(GICD, 0x104, 0xf00) + wire(0, 40, 1) +
              mrs(0, IAR0) + msr(0, EOIR0, 40),
    "sgi": other(START) + write(SGI_FRAME, 0x100, 0xffff) + msr(1, SGI1R, 0x05000003) + take(0) +
           msr(0, EOIR1, 5) + msr(1, SGI1R, 1 << 40 | 5 << 24) + take(0),
    "route": other(START) + write(GICD, 0x104, 0x100) + wire(0, 40, 1) +
             write(GICD, 0x6140, 1, 3) + take(1) + write(GICD, 0x6140, 0x77, 3),
    "messages": its() + message(1, 0) + message(1, 1) + take(0) + take(1) +
                msr(0, EOIR1, 8192) + message(1, 9),
    "move": its() + message(1, 0) + command(MOVI, device=1, event=0, word2=1) + take(1) +
            message(1, 2) + command(MOVALL, word2=0, word3=1 << 16) + take(1),
    "invalidate": its() + message(1, 1) + table(CONFIG, 0) + command(INV, device=1, event=1) +
                  command(INVALL, word2=1) + command(CLEAR, device=1, event=1) +
                  command(INT, device=1, event=0) + command(DISCARD, device=1, event=0),
    "two-levels": table(DEVICES, 1 << 63 | 0x40012000) + its(1) + message(1, 0) + take(0),
    "off": its() + message(1, 0) + write(GICR, 0, 0) + write(GICR, 0, 1) + take(0) +
           other(RESET) + other(RESET_ITS) + message(1, 0),
}


if __name__ == "__main__":
    seed_files.main(SEEDS)
