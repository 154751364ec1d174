#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock kernel under vm-cli debug check-jit.

Usage: check_jit.py VM-CLI GUESTS ISA blocks|links SECONDS

Boots GUESTS/ISA/kernel for that long, on the JIT and on the interpreter beside it; if that is
enough it works in the shell and powers off. Exit status: 0 when nothing differs, 77 when there is
no guest."""

import os
import re
import subprocess
import sys

WORK = b"""sha256sum /bin/busybox; gzip -c /bin/busybox | gzip -dc | md5sum
i=0; while [ $i -lt 2000 ]; do echo $i $(($i*7919%1000)); i=$(($i+1)); done > /tmp/n
sort -n -k2 /tmp/n | md5sum; awk '{s+=$1*1.5/($2+1); t+=sqrt($2)} END {print s, t}' /tmp/n
awk 'BEGIN{for(i=0;i<20000;i++)s+=sin(i)*i; print s}'
poweroff -f
"""
LEAST = 1000000  # instructions; fewer, and the guest has not got anywhere


def main():
    vm, guests, isa, steps, seconds = sys.argv[1:]
    kernel, initrd = (os.path.join(guests, isa, name) for name in ("kernel", "initrd"))
    if not os.path.exists(kernel):
        print(f"skipped: {kernel} is not there; tools/guests makes it")
        return 77
    done = subprocess.run([vm, "debug", "check-jit", "--kernel", kernel, "--initrd", initrd,
                           "--memory", "256M", "--timeout", seconds, steps], input=WORK,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    errors = done.stderr.decode(errors="replace")
    print(errors)
    found = re.search(r"(\d+) instructions in \d+ steps, no difference", errors)
    return 0 if done.returncode == 0 and found and int(found[1]) > LEAST else 1


sys.exit(main())
