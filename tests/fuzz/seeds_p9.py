#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz-virtio-9p: each message of 9P2000.L once, over both kinds of ring.

    seeds_p9.py DIRECTORY

The files of corpus/virtio_p9/ are its output, and inputs that a fuzzer found beside them.
"""
import pathlib
import struct
import sys

from seeds_virtio import ANEW, NO_EVENT, NO_PACKED, op, request, run

READY = 1 << 4
NOFID = 0xffffffff


def text(s):
    return struct.pack("<H", len(s)) + s.encode()


def message(kind, form, *fields):
    """`form` as of struct, with s for a text."""
    body = b""
    for letter, value in zip(form, fields):
        body += text(value) if letter == "s" else struct.pack("<" + letter, value)
    frame = struct.pack("<IBH", 7 + len(body), kind, 1) + body
    return request(0, frame, 600) + run()


def walk(fid, to, *names):
    return message(110, "IIH" + "s" * len(names), fid, to, len(names), *names)


def session():
    return message(100, "Is", 8192, "9P2000.L") + message(104, "IIssI", 1, NOFID, "u", "", 0)


def bodies():
    yield session() + walk(1, 2, "file") + message(12, "II", 2, 2) + \
        message(118, "IQIBB", 2, 3, 2, 88, 89) + message(116, "IQI", 2, 0, 100) + \
        message(50, "II", 2, 0) + message(24, "IQ", 2, 0x7ff) + \
        message(26, "IIIIIQQQQQ", 2, 0x1f9, 0o640, 0, 0, 5, 1, 2, 3, 4) + \
        message(52, "IBIQQIs", 2, 1, 0, 0, 4, 7, "c") + \
        message(54, "IBQQIs", 2, 1, 0, 0, 7, "c") + message(120, "I", 2)
    yield session() + walk(1, 2) + message(12, "II", 2, 0) + message(40, "IQI", 2, 0, 300) + \
        message(40, "IQI", 2, 3, 300) + message(8, "I", 2) + walk(1, 3, "dir", "file") + \
        message(20, "IIs", 3, 1, "moved") + message(122, "I", 3)
    yield session() + message(72, "IsII", 1, "new", 0o755, 0) + walk(1, 2, "new") + \
        message(14, "IsIII", 2, "made", 0o102, 0o644, 0) + walk(1, 3, "dir") + \
        message(74, "IsIs", 1, "new", 3, "other") + message(76, "IsI", 3, "file", 0) + \
        message(76, "IsI", 1, "dir", 0x200)
    yield session() + message(16, "IssI", 1, "sym", "../outside", 0) + walk(1, 2, "sym") + \
        message(22, "I", 2) + walk(2, 3, "file") + \
        message(18, "IsIIII", 1, "n", 0o10644, 0, 0, 0) + \
        walk(1, 4, "file") + message(70, "IIs", 1, 4, "hard") + walk(1, 5, "..") + walk(1, 6, "a/b")
    yield session() + walk(1, 2, "file") + message(32, "IsQI", 2, "user.a", 3, 0) + \
        message(118, "IQIBBB", 2, 0, 3, 1, 2, 3) + message(120, "I", 2) + walk(1, 3, "file") + \
        message(30, "IIs", 3, 4, "user.a") + message(116, "IQI", 4, 0, 9) + \
        message(30, "IIs", 3, 5, "") + message(116, "IQI", 5, 0, 99) + message(108, "H", 1)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: seeds_p9.py DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for number, body in enumerate(bodies()):
        for name, without in {"split": NO_PACKED, "packed": NO_EVENT}.items():
            begin = bytes([READY, without | 6 << 4])
            (directory / f"{name}-{number}").write_bytes(begin + body + op(ANEW, without) + body)


if __name__ == "__main__":
    main()
