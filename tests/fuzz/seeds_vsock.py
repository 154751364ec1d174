#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz-virtio-vsock: connections from both sides, data, credit and their ends,
over both kinds of ring.

    seeds_vsock.py DIRECTORY

The files of corpus/virtio_vsock/ are its output, and inputs that a fuzzer found beside them.
"""
import pathlib
import struct
import sys

from seeds_virtio import ANEW, NO_EVENT, NO_PACKED, op, request, run

READY = 1 << 4
REQUEST, RESPONSE, RST, SHUTDOWN, RW, UPDATE, ASK = range(1, 8)


def packet(port, to, what, flags=0, data=b"", credit=1000, taken=0, cid=3):
    return request(1, struct.pack("<QQIIIHHIII", cid, 2, port, to, len(data), 1, what, flags,
                                  credit, taken) + data) + run()


def buffers(count):
    return b"".join(request(0, b"", 200, 0x20 + n) for n in range(count)) + run()


def bodies():
    data = bytes(range(120))
    yield buffers(8) + packet(9, 80, REQUEST) + packet(9, 80, RW, data=data) + buffers(4) + \
        packet(9, 80, RW, data=data) + packet(9, 80, UPDATE, taken=100) + packet(9, 80, ASK) + \
        packet(9, 80, SHUTDOWN, 2) + packet(9, 80, SHUTDOWN, 3)
    yield packet(9, 80, REQUEST) + packet(9, 80, REQUEST) + packet(8, 83, REQUEST) + \
        packet(7, 82, REQUEST) + packet(7, 82, RW, data=data) * 3 + packet(6, 81, RW) + \
        buffers(8) + packet(7, 82, RST) + packet(5, 80, REQUEST, cid=7)
    yield buffers(6) + run() * 20 + b"".join(
        packet(port, (1 << 30) + n, RESPONSE) + packet(port, (1 << 30) + n, RW, data=data)
        for port in range(3) for n in range(1, 3)) + packet(0, (1 << 30) + 1, SHUTDOWN, 3)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: seeds_vsock.py DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies()):
        for name, without in {"split": NO_PACKED, "packed": NO_EVENT}.items():
            begin = bytes([READY, without | 6 << 4])
            (directory / f"{name}-{number}").write_bytes(begin + body + op(ANEW, without) + body)


if __name__ == "__main__":
    main()
