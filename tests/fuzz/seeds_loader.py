#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_loader: one small file of each kind that the loader knows.

    seeds_loader.py DIRECTORY

The files of corpus/loader/ are its output, and inputs that a fuzzer found beside them.
"""
import gzip
import struct

import seed_files


def riscv_image(text_offset=0x200000, image_size=0x4000):
    return struct.pack("<IIQQQIIQ8sII", 0x0000006F, 0, text_offset, image_size, 0, 2, 0, 0,
                       b"RISCV", 0x05435352, 0) + bytes(range(64))


def arm64_image():
    return struct.pack("<IIQQQQQQII", 0x14000000, 0, 0, 0x10000, 10, 0, 0, 0, 0x644D5241, 0)


def bzimage():
    out = bytearray(0x280)
    out[0x1FE:0x200] = b"\x55\xaa"
    out[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", out, 0x206, 0x20F)
    struct.pack_into("<H", out, 0x236, 1)
    return bytes(out)


def pe(machine, head=b"MZ"):
    out = bytearray(0x40 + 24 + 112)
    out[:len(head)] = head
    struct.pack_into("<I", out, 0x3C, 0x40)
    struct.pack_into("<4sHH", out, 0x40, b"PE", machine, 1)
    struct.pack_into("<H", out, 0x58, 0x20B)
    struct.pack_into("<I", out, 0x58 + 16, 0x1000)
    struct.pack_into("<H", out, 0x58 + 68, 10)
    return bytes(out)


def zboot(payload, compression):
    size = len(pe(0))
    head = struct.pack("<4s4sII8x16s", b"MZ", b"zimg", size, len(payload), compression)
    return pe(0x5064, head) + payload


def elf64(machine=243):
    """Two segments to load, and a symbol table with tohost."""
    phoff, text = 64, 64 + 2 * 56
    symbols = text + 32
    strings = symbols + 2 * 24
    shoff = strings + 16
    head = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2, machine, 1, 0x80000000,
                       phoff, shoff, 0, 64, 56, 2, 64, 3, 0)
    load = "<IIQQQQQQ"
    head += struct.pack(load, 1, 5, text, 0x80000000, 0x80000000, 16, 16, 4096)
    head += struct.pack(load, 1, 6, text + 16, 0x80001000, 0x80001000, 16, 64, 4096)
    body = bytes(range(32)) + bytes(24) + struct.pack("<IBBHQQ", 1, 16, 0, 1, 0x80001000, 8)
    body += b"\0tohost\0".ljust(16, b"\0")
    section = "<IIQQQQIIQQ"
    tables = struct.pack(section, *[0] * 10)
    tables += struct.pack(section, 0, 2, 0, 0, symbols, 48, 2, 1, 8, 24)
    tables += struct.pack(section, 0, 3, 0, 0, strings, 8, 0, 0, 1, 0)
    return head + body + tables


def elf_header(bits, big):
    order = ">" if big else "<"
    word = "Q" if bits == 64 else "I"
    head = b"\x7fELF" + bytes([bits // 32, 2 if big else 1, 1, 0]) + bytes(8)
    return head + struct.pack(order + "HHI" + 3 * word + "IHHHHHH", 2, 243, 1, 0x1000, 0, 0, 0,
                              52 if bits == 32 else 64, 0, 0, 0, 0, 0)


def fdt():
    return struct.pack(">10I", 0xD00DFEED, 72, 56, 72, 40, 17, 16, 0, 0, 16) + bytes(16) + \
        struct.pack(">IIII", 1, 0, 2, 9)


def cpio():
    name = b"TRAILER!!!\0"
    fields = [0] * 11 + [len(name), 0]
    return b"070701" + b"".join(b"%08x" % f for f in fields) + name


def gz(data):
    return gzip.compress(data, 9, mtime=0)


def zstd_block(last, kind, size, data):
    return (last | kind << 1 | size << 3).to_bytes(3, "little") + data


def zstd(data):
    """One frame with a raw block: the standard library has no compressor."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + \
        zstd_block(1, 0, len(data), data)


def zstd_bomb():
    block = 128 << 10
    return b"\x28\xb5\x2f\xfd\x00\x38" + zstd_block(0, 1, block, b"\0") + \
        zstd_block(1, 1, block, b"\0")


SEEDS = {
    "riscv-image": riscv_image(),
    "riscv-image-machine-mode": riscv_image(text_offset=0),
    "arm64-image": arm64_image(),
    "bzimage": bzimage(),
    "pe-riscv64": pe(0x5064),
    "pe-x86-64": pe(0x8664),
    "elf-riscv64": elf64(),
    "elf-arm64": elf64(183),
    "elf-32": elf_header(32, False),
    "elf-32-big": elf_header(32, True),
    "elf-64-big": elf_header(64, True),
    "fdt": fdt(),
    "cpio": cpio(),
    "raw": b"\x13\0\0\0" * 16,
    "empty": b"",
    "gzip-riscv-image": gz(riscv_image()),
    "gzip-cpio": gz(cpio()),
    "gzip-two-members": gz(elf64()[:100]) + gz(elf64()[100:]),
    "gzip-bomb": gz(bytes(200 << 10)),
    "zstd-elf": zstd(elf64()),
    "zstd-bomb": zstd_bomb(),
    "zboot-gzip": zboot(gz(riscv_image()), b"gzip"),
    "zboot-zstd": zboot(zstd(riscv_image()), b"zstd"),
    "zboot-lzma": zboot(b"nothing", b"lzma"),
    "nested": gz(zstd(zboot(gz(riscv_image()), b"gzip"))),
    "nested-too-deep": gz(zstd(gz(zstd(gz(b"deep"))))),
}


if __name__ == "__main__":
    seed_files.main(SEEDS)
