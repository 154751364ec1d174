#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_qcow2: small images of each kind, by the specification (header, refcount
table and block, L1 and L2 table, some clusters), so that a mutation hits what matters.

    seeds_qcow2.py DIRECTORY

The files of corpus/qcow2/ are its output, and inputs that a fuzzer found beside them.
"""
import struct
import zlib

import seed_files

COPIED, COMPRESSED = 1 << 63, 1 << 62


def image(version=3, bits=9, clusters=6, l2=None, data=b"", incompatible=0, autoclear=0, order=4,
          backing=b"", compression=0, snapshots=0):
    """Cluster 0 is the header, 1 the refcount table, 2 its block, 3 the L1 and 4 the L2 table."""
    size = 1 << bits
    entries = size // 8
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", version, size - 64 if backing else 0,
                         len(backing), bits, entries * size * 2, 0, 2, 3 * size, size, 1,
                         snapshots, 5 * size if snapshots else 0)
    if version == 3:
        header += struct.pack(">QQQIIB7x", incompatible, 0, autoclear, order, 112, compression)
    if backing:
        header += struct.pack(">II8s", 0xe2792aca, 3, b"raw") + bytes(8)
        header = header.ljust(size - 64, b"\0") + backing
    l2 = l2 or [5 * size | COPIED]
    used = 5 + clusters
    counts = struct.pack(f">{used}H", *[1] * used) if order == 4 else b"\xff" * (used // 8 + 1)
    parts = [header, struct.pack(">Q", 2 * size), counts, struct.pack(">QQ", 4 * size | COPIED, 0),
             struct.pack(f">{len(l2)}Q", *l2), data or b"\x5a" * size * clusters]
    return b"".join(p.ljust(size, b"\0") for p in parts)


def packed(bits=9):
    size = 1 << bits
    deflate = zlib.compressobj(9, zlib.DEFLATED, -12)
    data = deflate.compress(bytes(range(256)) * (size // 256)) + deflate.flush()
    return [5 * size | COMPRESSED, 5 * size + 17 | COMPRESSED], data


SEEDS = {
    "plain": image(),
    "v2": image(version=2),
    "4k": image(bits=12, clusters=1),
    "zero": image(l2=[1, 5 << 9 | COPIED | 1, 6 << 9 | COPIED, 0, 7 << 9]),
    "shared": image(l2=[5 << 9, 6 << 9 | COPIED, 5 << 9]),
    "backing": image(backing=b"base.raw"),
    "dirty": image(incompatible=1),
    "corrupt": image(incompatible=2),
    "zstd": image(incompatible=8, compression=1, l2=[5 << 9 | COMPRESSED]),
    "bitmaps": image(autoclear=1),
    "one-bit": image(order=0),
    "packed": image(l2=packed()[0], data=packed()[1]),
    "snapshots": image(snapshots=1),
    "to-tables": image(l2=[3 << 9 | COPIED, 4 << 9 | COPIED, 2 << 9 | COPIED, 1 << 9 | COPIED]),
    "far": image(l2=[(1 << 55) | COPIED, (1 << 40) | COPIED, 513 | COPIED]),
    "cut": image()[:1700],
}


if __name__ == "__main__":
    seed_files.main(SEEDS)
