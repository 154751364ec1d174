#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much of the host's memory vm-cli takes beside the guest's RAM and the code cache.

    footprint.py VM-CLI GUESTS ISA ENGINE

Boots to the shell and works there, on 1 and 4 vCPUs; then everything that the process has, shared
pages by their share, less RAM is at most MARK more than --code-cache. Prints TAP. Ends with status
77 and the cause when the guest is not there."""

import re
import sys
from pathlib import Path

from cases import run_cases, skip_without
from machine import BOOT_LIMIT, PROMPT, SERIAL, Machine

MARK = 40 << 10  # KiB
CACHES = {1: 16, 4: 32}  # MiB of --code-cache by vCPUs
WORK = ("for i in 1 2 3 4; do gzip -c /bin/busybox >/tmp/z$i & done; wait; "
        "cat /tmp/z? | sha256sum; find / -xdev | sort | md5sum")


def memory_of(pid):
    """KiB by kind: the guest's RAM, the views of generated code, files, and the rest."""
    sums = {"ram": 0, "code": 0, "files": 0, "other": 0}
    kind = None
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        mapping = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \d+ *(.*)", line)
        if mapping:
            name = mapping[1]
            kind = ("ram" if "trine-ram" in name else "code" if "vm-code" in name
                    else "files" if name.startswith("/") else "other")
        elif line.startswith("Pss:"):
            sums[kind] += int(line.split()[1])
    return sums


def stays_small(vm, guest, engine, vcpus):
    cache = CACHES[vcpus]
    machine = Machine(vm, guest, "--engine", engine, "--memory", "512M", "--smp", str(vcpus),
                      "--code-cache", f"{cache}M", "--append",
                      f"console={SERIAL[guest.name]} quiet")
    yield machine
    machine.wait_for(PROMPT, BOOT_LIMIT)
    machine.run(WORK, BOOT_LIMIT)
    sums = memory_of(machine.process.pid)
    beside = sum(sums.values()) - sums["ram"] - (cache << 10)
    print(f"# {vcpus} vCPUs, --code-cache {cache}M:",
          ", ".join(f"{kind} {size / 1024:.1f} MiB" for kind, size in sums.items()))
    assert sums["ram"] > 50 << 10, "the guest's RAM was not found"
    assert beside <= MARK, f"{beside} KiB beside RAM and code cache: {sums}"


def main():
    vm, guests, isa, engine = sys.argv[1:]
    guest = Path(guests) / isa
    skip_without([guest / "kernel", guest / "initrd"])
    return run_cases((f"{vcpus}-vcpus", stays_small(vm, guest, engine, vcpus)) for vcpus in CACHES)


sys.exit(main())
