#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz-virtio-net: frames with every offload over both kinds of ring, in front
of each kind of network (fuzz_virtio_net.c), and every control command.

    seeds_virtio_net.py DIRECTORY

The files of corpus/virtio_net/ are its output, and inputs that a fuzzer found beside them.
"""
import struct

import seed_files
from seeds_virtio import ANEW, DOORBELL, NO_EVENT, NO_PACKED, op, request, run

READY = 1 << 4
RECEIVE, TRANSMIT, CONTROL = 0, 1, 6
NEEDS_CSUM = 1
TCPV4, TCPV6, UDP_L4 = 1, 4, 5


def header(gso=0, size=0, start=0, offset=0, flags=NEEDS_CSUM):
    return struct.pack("<BBHHHHH", flags, gso, 0, size, start, offset, 0)


def ethernet(kind, tags=b""):
    return bytes(6) + b"\x52\x54\0\x12\x34\x56" + tags + struct.pack(">H", kind)


def ipv4(protocol, length):
    return struct.pack(">BBHHHBBHII", 0x45, 0, 20 + length, 1, 0x4000, 64, protocol, 0, 0x0a00020f,
                       0x0a000202)


def ipv6(protocol, length):
    return struct.pack(">IHBB", 6 << 28, length, protocol, 64) + bytes(range(32))


def tcp():
    return struct.pack(">HHIIBBHHH", 4000, 80, 0xfffffff0, 1, 5 << 4, 0x19, 1000, 0, 0)


def udp(length):
    return struct.pack(">HHHH", 4000, 53, length, 0)


def frames():
    data = bytes(range(100))
    yield header(flags=0) + ethernet(0x88b5) + data
    yield header(start=34, offset=6) + ethernet(0x0800) + ipv4(17, 108) + udp(108) + data
    yield header(TCPV4, 30, 34, 16) + ethernet(0x0800) + ipv4(6, 120) + tcp() + data
    yield header(TCPV6, 30, 54, 16) + ethernet(0x86dd) + ipv6(6, 120) + tcp() + data
    yield header(UDP_L4, 30, 34, 6) + ethernet(0x0800) + ipv4(17, 108) + udp(108) + data
    yield header(UDP_L4, 30, 54, 6) + ethernet(0x86dd) + ipv6(17, 108) + udp(108) + data
    tagged = ethernet(0x0800, b"\x81\0\0\x05")
    yield header(TCPV4, 30, 38, 16) + tagged + ipv4(6, 120) + tcp() + data


def traffic():
    return b"".join(
        b"".join(request(RECEIVE, b"", room, 0x40 + i) for i, room in enumerate((90, 300, 1600))) +
        request(TRANSMIT, frame, 0, 4 * n) + run() for n, frame in enumerate(frames()))


def command(kind, code, data):
    return request(CONTROL, bytes([kind, code]) + data, 1) + run()


def commands():
    macs = struct.pack("<I", 1) + bytes(6) + struct.pack("<I", 2) + b"\x01\0\x5e\0\0\x01" * 2
    return b"".join(command(0, n, b"\x01") for n in range(6)) + \
        command(1, 0, macs) + command(1, 1, b"\x02\0\0\0\0\x01") + command(2, 0, b"\x05\0") + \
        command(2, 1, b"\x05\0") + command(3, 0, b"") + command(4, 0, b"\x03\0") + \
        command(5, 0, struct.pack("<Q", 1 << 1))


SEEDS = {}
for network in range(3):
    for name, without in {"split": NO_PACKED, "packed": NO_EVENT}.items():
        begin = bytes([READY | network << 6, without | 6 << 4])
        SEEDS[f"{name}-{network}"] = begin + traffic() + commands() + traffic()
SEEDS["commands"] = bytes([READY, 5 << 4]) + commands() + op(DOORBELL, 3) + run() + \
    op(ANEW, NO_PACKED) + commands() + traffic()


if __name__ == "__main__":
    seed_files.main(SEEDS)
