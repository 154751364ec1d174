#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds that all fuzz targets of virtio devices start from (virtio_frame.c says what the
bytes mean): requests over each transport and kind of ring, and each way to go wrong once.

    seeds_virtio.py DIRECTORY

The files of corpus/virtio/ are its output, and inputs that a fuzzer found beside them.
"""
import struct

import seed_files

(REQUEST, DOORBELL, RUN, MEMORY, DESCRIPTOR, ANNOUNCE, _, WRITE, READ, CONFIG, STATUS, FEATURES,
 QUEUE, RESET_QUEUE, ANEW, TIME) = range(16)
READY, PLAIN = 1 << 4, 1 << 5
NO_PACKED, NO_EVENT, NO_INDIRECT = 1, 2, 4
NEXT, WRITTEN, INDIRECT = 1, 2, 4


def op(kind, nibble, *operands):
    return bytes([kind | nibble << 4]) + b"".join(
        o if isinstance(o, bytes) else bytes([o]) for o in operands)


def setup(transport=0, ready=True, without=0, size=4, plain=False):
    return bytes([transport | (READY if ready else 0) | (PLAIN if plain else 0),
                  without | size << 4])


def request(queue, out=b"", room=0, place=0):
    return op(REQUEST, 3, queue, len(out), struct.pack("<H", room), place, out)


def descriptor(queue, index, size, flags, link, where=b"\0\0\x0f", packed=b""):
    return op(DESCRIPTOR, flags << 1, queue, index, link, struct.pack("<H", size), packed, where)


def run():
    return op(RUN, 0)


def requests(queue):
    return b"".join(request(queue, bytes(range(n)), 3 * n, n) for n in (0, 1, 16, 24, 40)) + \
        request(queue, b"", 64) + run() + request(queue, b"only out") + run()


def broken_split():
    """A chain that is a loop, then a new life."""
    return descriptor(0, 0, 64, NEXT, 1) + descriptor(0, 1, 64, NEXT, 0) + \
        op(ANNOUNCE, 1, 0, 0) + run() + op(ANEW, NO_PACKED) + requests(0)


def table():
    """An indirect table of two, at the start of the buffers."""
    entries = struct.pack("<QIHHQIHH", 0x80011000, 64, NEXT, 1, 0x80012000, 64, WRITTEN, 0)
    return op(MEMORY, 1, b"\0\0", len(entries) - 1, entries) + \
        descriptor(0, 0, len(entries), INDIRECT, 0) + op(ANNOUNCE, 1, 0, 0) + run()


SEEDS = {"empty": b"", "raw": setup(ready=False) + op(READ, 2, 0, b"\0\0") +
         op(WRITE, 2, 0, b"\x70\0", b"\x01\0\0\0")}
for transport in range(3):
    for name, without in {"split": NO_PACKED | NO_EVENT, "split-event": NO_PACKED,
                          "packed": NO_EVENT, "packed-event": 0}.items():
        SEEDS[f"{name}-{transport}"] = setup(transport, without=without) + \
            b"".join(requests(q) for q in range(3))
SEEDS["plain"] = setup(plain=True) + requests(0) + requests(1)
SEEDS["small"] = setup(size=1, without=NO_PACKED) + requests(0)
SEEDS["broken"] = setup(without=NO_PACKED) + broken_split()
SEEDS["table"] = setup(without=NO_PACKED) + table() + run()
SEEDS["config"] = setup() + b"".join(op(CONFIG, n, n, bytes(n % 8 + 1)) for n in range(16))
SEEDS["reset"] = setup() + requests(0) + op(RESET_QUEUE, 9, 0) + requests(0) + \
    op(STATUS, 0) + op(ANEW, 0) + requests(0) + op(TIME, 15) + run()
SEEDS["set-up"] = setup(ready=False) + op(STATUS, 1, 3) + \
    op(FEATURES, 0, struct.pack("<Q", 1 << 32)) + op(STATUS, 1, 11) + \
    op(QUEUE, 1, 0, b"\x10\0", b"\0\0\x0f", b"\0\1\x0f", b"\0\2\x0f") + op(STATUS, 1, 15) + \
    op(DOORBELL, 0) + run()


if __name__ == "__main__":
    seed_files.main(SEEDS)
