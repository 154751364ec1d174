#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the seeds of fuzz_virtio_blk: every type of request over each transport and kind of ring,
well-formed, so that a mutation hits the fields (seeds_virtio.py has the operations).

    seeds_virtio_blk.py DIRECTORY
"""
import struct

import seed_files
from seeds_virtio import (NO_EVENT, NO_PACKED, op, request, run, setup, ANEW, RESET_QUEUE, STATUS)

IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES = 0, 1, 4, 8, 11, 13


def header(kind, sector=0):
    return struct.pack("<IIQ", kind, 0, sector)


def ranges(*items):
    return b"".join(struct.pack("<QII", *i) for i in items)


def requests(queue):
    return request(queue, header(IN), 513) + request(queue, header(IN, 127), 1025) + \
        request(queue, header(OUT, 3) + bytes(128), 1) + request(queue, header(FLUSH), 1) + \
        request(queue, header(GET_ID), 21) + \
        request(queue, header(DISCARD) + ranges((8, 8, 0), (64, 64, 0)), 1) + \
        request(queue, header(WRITE_ZEROES) + ranges((8, 8, 1), (120, 9, 0)), 1) + \
        request(queue, header(WRITE_ZEROES) + ranges((0, 128, 0)), 1) + run()


SEEDS = {}
for transport in range(3):
    for name, without in {"split": NO_PACKED | NO_EVENT, "split-event": NO_PACKED,
                          "packed": NO_EVENT, "packed-event": 0}.items():
        SEEDS[f"{name}-{transport}"] = setup(transport, without=without) + requests(0) + requests(1)
SEEDS["reset"] = setup() + requests(0)[:-1] + op(RESET_QUEUE, 9, 0) + requests(0)[:-1] + \
    op(STATUS, 0) + op(ANEW, 0) + requests(0)


if __name__ == "__main__":
    seed_files.main(SEEDS)
