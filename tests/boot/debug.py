#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A debugger in a guest: single steps, hardware breakpoints and watchpoints, as gdb uses them.

    debug.py VM-CLI GUESTS ISA ENGINE

The guest's kernel starts debug_guest.c as its init. Prints TAP; ends with status 77 and the cause
when there is no guest or no compiler."""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import initramfs  # noqa: E402  (found by the line above)

COMPILER = "aarch64-linux-gnu-gcc"
CASES = 10
TIMEOUT = 300
SKIPPED = 77


def main():
    vm, guests, isa, engine = sys.argv[1:]
    kernel = Path(guests) / isa / "kernel"
    for missing, is_there in ((COMPILER, shutil.which(COMPILER)), (kernel, kernel.is_file())):
        if not is_there:
            print(f"1..0 # SKIP {missing} is not there")
            return SKIPPED
    with tempfile.TemporaryDirectory(prefix="trine-debug-") as name:
        initrd = make_initrd(Path(name))
        done = subprocess.run(
            [vm, "run", "--engine", engine, "--memory", "512M", "--smp", "2", "--kernel", kernel,
             "--initrd", initrd, "--append", "quiet console=ttyAMA0", "--timeout", str(TIMEOUT)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    output = done.stdout.decode("utf-8", "replace")
    results = re.findall(r"^debug: (passed|failed) (.*?)\s*$", output, re.M)
    print(f"1..{CASES}")
    for number, (result, name) in enumerate(results, 1):
        print(f"{'ok' if result == 'passed' else 'not ok'} {number} - {name}")
    if "debug: end" not in output or any(result == "failed" for result, _ in results):
        print("# " + "\n# ".join(output.splitlines()[-40:]))
        return 1
    return 0


def make_initrd(directory):
    program, initrd = directory / "init", directory / "initrd"
    subprocess.run([COMPILER, "-static", "-O1", "-o", program,
                    Path(__file__).with_name("debug_guest.c")], check=True)
    archive = initramfs.CpioWriter()
    archive.file("init", program.read_bytes(), 0o755)
    initrd.write_bytes(archive.finish())
    return initrd


if __name__ == "__main__":
    sys.exit(main())
