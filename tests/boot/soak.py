#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a stock guest again and again, to its shell and down: no hang, no crash.

Usage: soak.py VM-CLI GUESTS ISA ENGINE BOOTS

With 1, 2 and 4 vCPUs in turn, each with another size of the code cache now and then. Exit status:
0 when every boot powered off in time, 77 when there is no guest."""

import os
import subprocess
import sys
import time

from machine import PATIENCE

LIMIT = 120 * PATIENCE  # seconds of a boot
WORK = b"""cat /proc/cpuinfo >/tmp/c; for i in 1 2 3 4; do (gzip -c /bin/busybox >/tmp/z$i) & done
wait; cat /tmp/z1 /tmp/z2 | md5sum
poweroff -f
"""


def boot(vm, guest, engine, number):
    vcpus = (1, 2, 4)[number % 3]
    words = ["--engine", engine, "--smp", str(vcpus), "--memory", "256M"]
    if number % 4 == 3:
        words += ["--code-cache", f"{4 * vcpus}M"]
    begin = time.monotonic()
    done = subprocess.run([vm, "run", "--kernel", os.path.join(guest, "kernel"), "--initrd",
                           os.path.join(guest, "initrd"), "--timeout", str(LIMIT)] + words,
                          input=WORK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    print(f"boot {number}, {' '.join(words)}: {time.monotonic() - begin:.1f} s", flush=True)
    if done.returncode == 0 and b"Power down" in done.stdout:
        return True
    print(f"status {done.returncode}")
    print(done.stdout.decode(errors="replace")[-4000:])
    print(done.stderr.decode(errors="replace")[-8000:])
    return False


def main():
    vm, guests, isa, engine, boots = sys.argv[1:]
    guest = os.path.join(guests, isa)
    if not os.path.exists(os.path.join(guest, "kernel")):
        print(f"skipped: {guest}/kernel is not there; tools/guests makes it")
        return 77
    return 0 if all(boot(vm, guest, engine, n) for n in range(int(boots))) else 1


sys.exit(main())
