#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots a stock guest again and again, to its shell and down: no hang, no crash.

    soak.py VM-CLI GUESTS ISA ENGINE BOOTS [SEED]

With 1, 2 and 4 vCPUs in turn. Of everything else that makes an engine behave differently each boot
has a random choice: how large the code cache is, from the least to more than a boot fills; which
extensions of the host's instruction set are used; the guest's RAM and its interrupt controllers. A
seed is printed, which with BOOTS gives the same choices again. Exit status: 0 when every boot
powered off in time and the kernel found nothing wrong, 77 when there is no guest."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from machine import PATIENCE, TROUBLE

LIMIT = 600 * PATIENCE  # seconds of a boot; most take less than five
# Blocks compete for a small cache all the time, for a middle one now and then. In KiB, by vCPU.
CACHES = (1 << 10, 2 << 10, 4 << 10, 16 << 10, None)
LEAST = 300  # translates each block a thousand times: each RARE-th boot, with one vCPU
RARE = 99
LEVELS = ("auto", "off", "sse2", "avx2")
MACHINES = {"riscv64": ("virt,aia=none", "virt,aia=aplic", "virt,aia=aplic-imsic"),
            "arm64": ("virt", "virt,its=off", "virt,gic-version=2")}
WORK = b"""cat /proc/cpuinfo >/tmp/c; for i in 1 2 3 4; do (gzip -c /bin/busybox >/tmp/z$i) & done
wait; cat /tmp/z1 /tmp/z2 | md5sum
for i in 1 2 3 4; do cmp /tmp/z1 /tmp/z$i || echo "dif"ferent; done
awk 'BEGIN { for (i = 1; i < 3000; i++) s += i * 1.5 / (i + 1); printf "%.9f\\n", s }'
poweroff -f
"""
SUM = b"%.9f" % sum(i * 1.5 / (i + 1) for i in range(1, 3000))


def choose(rng, isa, number):
    """The options of a boot."""
    vcpus = (1, 2, 4)[number % 3]
    words = ["--smp", str(vcpus), "--memory", f"{rng.choice((192, 256, 384))}M",
             "--simd", rng.choice(LEVELS), "--machine", rng.choice(MACHINES[isa])]
    cache = LEAST if number and number % RARE == 0 else rng.choice(CACHES)
    if cache:
        words += ["--code-cache", f"{cache * vcpus}K"]
    return words


def fault_of(done):
    """What was wrong with a boot, or None."""
    trouble = TROUBLE.search(done.stdout)
    if trouble:
        return f"the kernel is not well: {trouble.group().decode()}"
    if done.returncode != 0 or b"Power down" not in done.stdout:
        return f"status {done.returncode}"
    if SUM not in done.stdout or b"different" in done.stdout:
        return "wrong results"
    return None


def boot(vm, guest, engine, words, number):
    begin = time.monotonic()
    done = subprocess.run([vm, "run", "--kernel", guest / "kernel", "--initrd", guest / "initrd",
                           "--timeout", str(LIMIT), "--engine", engine, *words],
                          input=WORK, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    print(f"boot {number}, {' '.join(words)}: {time.monotonic() - begin:.1f} s", flush=True)
    fault = fault_of(done)
    if fault:
        print(fault)
        print(done.stdout.decode(errors="replace")[-4000:])
        print(done.stderr.decode(errors="replace")[-8000:])
    return not fault


def main():
    vm, guests, isa, engine, boots = sys.argv[1:6]
    guest = Path(guests) / isa
    if not (guest / "kernel").exists():
        print(f"skipped: {guest}/kernel is not there; tools/guests makes it")
        return 77
    seed = sys.argv[6] if len(sys.argv) > 6 else os.environ.get("TRINE_SEED", str(time.time_ns()))
    print(f"seed {seed}", flush=True)
    rng = random.Random(seed)
    good = all(boot(vm, guest, engine, choose(rng, isa, n), n) for n in range(int(boots)))
    print(f"{boots} boots, {'all of them well' if good else 'the last one failed'}; seed {seed}")
    return 0 if good else 1


sys.exit(main())
