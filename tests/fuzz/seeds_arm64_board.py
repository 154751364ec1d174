#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_arm64_board.c, which says what the bytes mean.

    seeds_arm64_board.py DIRECTORY

The files of corpus/arm64_board/ are its output, and inputs that a fuzzer found beside them.
"""
import seed_files

GICD, GICC, GICV2M, UART, RTC, GPIO = range(6)
CPU_SUSPEND, CPU_OFF, CPU_ON, AFFINITY_INFO, SYSTEM_OFF, SYSTEM_RESET, FEATURES = \
    1, 2, 3, 4, 8, 9, 10


def read(where, offset, size=2, cpu=0):
    return bytes([cpu << 3 | where << 4, size]) + offset.to_bytes(2, "little")


def write(where, offset, value, size=2, cpu=0):
    return bytes([0x80 | cpu << 3 | where << 4, size]) + offset.to_bytes(2, "little") + \
        value.to_bytes(1 << size, "little")


def argument(value):
    """A small number, an address in RAM, or anything."""
    if value < 64:
        return bytes([value << 2])
    if 0x40000000 <= value < 1 << 32:
        return bytes([1]) + (value - 0x40000000).to_bytes(4, "little")
    return bytes([2]) + value.to_bytes(8, "little")


def psci(function, *arguments, cpu=0, wide=True):
    given = [*arguments, 0, 0, 0][:3]
    return bytes([3 | cpu << 3, 0x40 * wide | function]) + b"".join(map(argument, given))


def typed(text):
    return bytes([4, len(text)]) + text


def wait(units, shift=20):
    return bytes([6 | shift << 3]) + units.to_bytes(2, "little")


POWER, RESET = bytes([5]), bytes([0x87])
GIC_ON = write(GICD, 0, 3) + b"".join(write(GICC, 4, 0xff, cpu=c) + write(GICC, 0, 3, cpu=c)
                                      for c in (0, 1))

SEEDS = {
    "empty": b"",
    "registers": b"\0" + b"".join(read(w, o) for w in range(6) for o in range(0, 0x140, 4)),
    "identification": b"\0" + b"".join(read(w, o) for w in range(6)
                                       for o in range(0xfd0, 0x1000, 4)),
    "sizes": b"\0" + b"".join(write(w, o, 0xa5, s) + read(w, o, s) for s in range(4)
                              for w in range(6) for o in (0x0, 0x8, 0x30, 0x38, 0x100, 0x420)),
    "serial": b"\0" + write(UART, 0x30, 0x301) + write(UART, 0x2c, 0x70) + write(UART, 0x38, 0x50) +
              typed(b"hello, world, and more than a FIFO has") +
              b"".join(read(UART, 0) for _ in range(20)) + write(UART, 0x44, 0x7ff) +
              write(UART, 0, 0x41) + read(UART, 0x18),
    "clock": b"\0" + read(RTC, 0) + write(RTC, 8, 1000) + write(RTC, 4, 1001) +
             write(RTC, 0x10, 1) + wait(2000) + read(RTC, 0x18) + write(RTC, 0x1c, 1),
    "key": b"\0" + write(GPIO, 0x410, 8) + write(GPIO, 0x40c, 8) + POWER + read(GPIO, 0x418) +
           read(GPIO, 0x20) + write(GPIO, 0x41c, 8) + wait(200),
    "interrupt": b"\0" + GIC_ON + write(GICD, 0x104, 1 << 1) + write(GICD, 0x821, 1, 0) +
                 write(UART, 0x30, 0x301) + write(UART, 0x38, 0x10) + typed(b"x") +
                 read(GICC, 0xc) + read(UART, 0) + write(GICC, 0x10, 33),
    "sgi": b"\0" + GIC_ON + write(GICD, 0x100, 0xffff) + write(GICD, 0xf00, 0x2000005) +
           read(GICC, 0xc, cpu=1) + write(GICC, 0x10, 5, cpu=1),
    "message": b"\0" + GIC_ON + write(GICD, 0x108, 0xffffffff) + write(GICV2M, 0x40, 80) +
               write(GICV2M, 0x40, 0xffff) + read(GICC, 0xc),
    "processors": b"\1" + psci(FEATURES, 0x84000003) + psci(CPU_ON, 1, 0x40200000, 7) +
                  psci(CPU_ON, 1, 0x40200000) + psci(AFFINITY_INFO, 1) +
                  psci(CPU_SUSPEND, 0x10000, 0x40200000, cpu=1) + psci(CPU_OFF, cpu=1) +
                  psci(CPU_ON, 99, 3) + psci(CPU_ON, 1, 1 << 40),
    "system": b"\1" + psci(SYSTEM_RESET, wide=False) + psci(0x12, 1 << 31) +
              psci(SYSTEM_OFF, wide=False) + RESET + psci(0, wide=False),
}


if __name__ == "__main__":
    seed_files.main(SEEDS)
