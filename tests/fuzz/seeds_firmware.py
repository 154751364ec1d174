#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_fw_cfg.c and fuzz_cfi_flash.c, which say what the bytes mean.

    seeds_firmware.py CORPUS

The files of corpus/fw_cfg/ and corpus/cfi_flash/ are its output, and inputs that a fuzzer found
beside them.
"""
import pathlib
import sys

# fw_cfg: operations, and offsets of registers.
READ, WRITE, TRANSFER, FILL = range(4)
DATA, SELECTOR, DMA = 0, 8, 16
FAILED, DMA_READ, DMA_SKIP, DMA_SELECT, DMA_WRITE = 1, 2, 4, 8, 16
FILE_DIR, FIRST_FILE, KERNEL_SIZE, KERNEL_DATA = 0x19, 0x20, 0x08, 0x11


def register(operation, at, size):
    return bytes([operation | size << 2 | (at >> size) << 4])


def read(at, size):
    return register(READ, at, size)


def write(at, size, value):
    return register(WRITE, at, size) + value.to_bytes(1 << size, "big")


def item(key, reads=8, size=3):
    return write(SELECTOR, 1, key) + read(DATA, size) * reads


def transfer(control, key, size, to):
    return bytes([TRANSFER, control]) + key.to_bytes(2, "little") + size.to_bytes(2, "little") + \
        to.to_bytes(2, "little")


FW_CFG = {
    "empty": b"",
    "signature": read(DATA, 2) + read(DMA, 3) + read(DMA, 2) + read(DMA + 4, 2) + item(1),
    "directory": item(FILE_DIR, 20) + item(FIRST_FILE) + item(FIRST_FILE + 1, 30, 0),
    "kernel": item(KERNEL_SIZE, 2, 1) + item(KERNEL_DATA) + item(0x3fff) + item(0xffff),
    "transfers": b"".join(transfer(c, FIRST_FILE + 1, size, 64) for size in (0, 8, 21, 100, 0x4000)
                          for c in (DMA_SELECT | DMA_READ, DMA_READ, DMA_SELECT, DMA_SKIP,
                                    DMA_SELECT | DMA_WRITE)),
    "outside": transfer(DMA_SELECT | DMA_READ, FIRST_FILE + 1, 30, 50) +
               transfer(DMA_SELECT | DMA_READ, FIRST_FILE + 1, 0xffff, 64) +
               bytes([TRANSFER, 0x60 | DMA_SELECT | DMA_READ, 0x21, 0, 0, 0, 0, 0]) +
               b"\xff" * 4 + b"\xf0" + b"\xff" * 7 +
               bytes([TRANSFER, 0x80, 0, 0, 0, 0, 0, 0, 40, 0]),
    "own-structure": transfer(DMA_SELECT | DMA_READ, FIRST_FILE + 1, 40, 64 + 4096 - 8),
    "halves": write(DMA, 2, 0) + bytes([FILL, 0]) + write(DMA + 4, 2, 0x80001000),
}

# Flash: operations.
COMMAND, STORE, LOAD, OTHER = range(4)
CODE, VARS, VARS_SECOND = 0, 2, 3


def command(sector, value, at=0):
    return bytes([COMMAND | sector << 4, at, value])


def store(sector, value, at=0, size=2):
    return bytes([STORE | size << 2 | sector << 4, at]) + value.to_bytes(1 << size, "little")


def loads(sector):
    return b"".join(bytes([LOAD | size << 2 | sector << 4, at]) for size in range(4)
                    for at in (0, 4, 8, 0x40, 0xc4))


def saved(good=1):
    return bytes([OTHER, good])


def erase(sector):
    return command(sector, 0x20) + command(sector, 0xd0) + loads(sector) + saved()


CFI_FLASH = {
    "empty": b"",
    "query": b"".join(command(s, c) + loads(s) for s in range(4) for c in (0x98, 0x90, 0x70, 0xff)),
    "program": erase(VARS) + command(VARS, 0x40) + store(VARS, 0x12345678, 8) + loads(VARS) +
               saved() + command(VARS, 0x50) + command(VARS, 0x10) + store(VARS, 0x55, 9, 0) +
               saved(0) + loads(VARS),
    "read-only": erase(CODE) + command(CODE, 0x40) + store(CODE, 0) + loads(CODE),
    "buffer": erase(VARS_SECOND) + command(VARS_SECOND, 0xe8) + command(VARS_SECOND, 3) +
              b"".join(store(VARS_SECOND, 0x01020304 * n, 4 * n) for n in range(4)) +
              command(VARS_SECOND, 0xd0) + loads(VARS_SECOND) + saved(),
    "buffer-wrong": command(VARS, 0xe8) + store(VARS, 0x400) + command(VARS, 0xe8) +
                    command(VARS, 0) + store(VARS, 0) + command(VARS, 0xff) + command(VARS, 0xe8) +
                    command(VARS, 1) + store(VARS, 0) + store(VARS_SECOND, 0) + command(VARS, 0xd0),
    "locks": b"".join(command(VARS, 0x60) + command(VARS, lock) + erase(VARS) +
                      command(VARS, 0x90) + loads(VARS)
                      for lock in (0x01, 0xd0, 0x2f, 0xd0, 0x03, 0x77)),
    "reset": command(VARS, 0xe8) + bytes([OTHER | 4, 0]) + command(VARS, 0x20) +
             bytes([OTHER | 4, 0]) + command(VARS, 0xd0) + store(VARS, 0x40, 0, 3),
}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: seeds_firmware.py CORPUS")
    for subject, seeds in (("fw_cfg", FW_CFG), ("cfi_flash", CFI_FLASH)):
        directory = pathlib.Path(sys.argv[1]) / subject
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in seeds.items():
            (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
