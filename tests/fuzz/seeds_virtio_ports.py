#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz-virtio-console and fuzz-virtio-balloon: ports that are opened and echo,
pages, statistics and reports, over both kinds of ring.

    seeds_virtio_ports.py CONSOLE-DIRECTORY BALLOON-DIRECTORY

The files of corpus/virtio_console/ and corpus/virtio_balloon/ are its output, and inputs that a
fuzzer found beside them.
"""
import pathlib
import struct
import sys

from seeds_virtio import ANEW, DOORBELL, NO_EVENT, NO_PACKED, op, request, run

READY = 1 << 4


def message(port, event, value):
    return request(3, struct.pack("<IHH", port, event, value)) + run()


def console(multiport):
    control = b"".join(request(2, b"", 100, 0x20 + n) for n in range(8)) + message(0, 0, 1)
    for port in range(3):
        control += message(port, 3, 1) + message(port, 6, 1)
    data = b""
    for queue in (0, 4, 6) if multiport else (0,):
        data += request(queue, b"", 50, 0x40) + request(queue, b"", 200, 0x48) + \
            request(queue + 1, bytes(range(150))) + run() + request(queue, b"", 9, 0x50) + run()
    return (control if multiport else b"") + data + op(DOORBELL, 0) + run()


def balloon():
    pages = struct.pack("<8I", 0x80030, 0x80031, 0x80032, 0x8002f, 0, 1, 0xffffffff, 0x80040)
    stats = b"".join(struct.pack("<HQ", tag, 1000 + tag) for tag in range(12))
    return request(0, pages) + run() + request(1, pages) + run() + request(2, stats) + run() + \
        request(2, stats[:25]) + run() + request(4, b"", 9000, 0x60) + request(3, b"", 5000) + run()


def seeds(bodies):
    for number, body in enumerate(bodies):
        for name, without in {"split": NO_PACKED, "packed": NO_EVENT}.items():
            begin = bytes([READY | number << 6, without | 6 << 4])
            yield f"{name}-{number}", begin + body + op(ANEW, without) + body


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: seeds_virtio_ports.py CONSOLE-DIRECTORY BALLOON-DIRECTORY")
    bodies = [[console(True), console(False)], [balloon()]]
    for directory, body in zip(map(pathlib.Path, sys.argv[1:]), bodies):
        directory.mkdir(parents=True, exist_ok=True)
        for name, data in seeds(body):
            (directory / name).write_bytes(data)


if __name__ == "__main__":
    main()
