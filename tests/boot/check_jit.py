#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stock kernel under vm-cli debug check-jit.

Usage: check_jit.py VM-CLI GUESTS ISA blocks|links SECONDS [WHAT OPTION]

WHAT is `compiler` with the directory of the sources, or `machine` with options of --machine virt.

Boots GUESTS/ISA/kernel for that long, on the JIT and on the interpreter beside it; if that is
enough it works in the shell and powers off. With `compiler` the work is done by GCC, of
tools/compiler: it compiles some of Trine's own sources, and has to be done in that time. Exit
status: 0 when nothing differs, 77 when there is no guest."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import initramfs  # noqa: E402  (found by the line above)

WORK = b"""sha256sum /bin/busybox; gzip -c /bin/busybox | gzip -dc | md5sum
i=0; while [ $i -lt 2000 ]; do echo $i $(($i*7919%1000)); i=$(($i+1)); done > /tmp/n
sort -n -k2 /tmp/n | md5sum; awk '{s+=$1*1.5/($2+1); t+=$2*$2/7} END {print s, t}' /tmp/n
awk 'BEGIN{for(i=1;i<20000;i++)s+=(i%17-8)/i*1e3; printf "%.12f %d\\n", s, s}'
poweroff -f
"""
# What needs no header but the compiler's own and ours, which lie in one directory here.
COMPILED = ("ir/fold.c", "ir/builder.c", "base/format.c", "base/softfloat_f64.c")
CPU = {"riscv64": "-march=rv64gc -mabi=lp64d", "arm64": "-march=armv8-a"}  # of cc1 and as
COMPILE = """cd /root/trine
cpu='{cpu}'; dirs='-I include -I src/ir -I src/base'
for file in {files}; do
    cc1 -quiet -O2 -ffreestanding $cpu $dirs src/$file -o /tmp/s &&
    as $cpu /tmp/s -o /tmp/o && ld -r /tmp/o -o /tmp/r && md5sum /tmp/r && echo "comp"iled $file
done
poweroff -f
"""
LEAST = 1000000  # instructions; fewer, and the guest has not got anywhere


def with_sources(initrd, sources, directory):
    """The initial RAM disk with the sources behind it."""
    archive = initramfs.CpioWriter()
    for module in ("base", "ir"):
        for path in sorted((sources / "src" / module).rglob("*")):
            name = path.relative_to(sources / "src" / module)
            if path.suffix not in (".c", ".h", ".def"):
                continue
            where = str(name) if name.parts[0] == "include" else f"src/{module}/{name}"
            archive.file(f"root/trine/{where}", path.read_bytes())
    made = directory / "initrd"
    made.write_bytes(initrd.read_bytes() + archive.finish())
    return made


def check(vm, kernel, initrd, seconds, steps, work, machine="virt"):
    """The exit status, the guest's output, and how many instructions agreed."""
    done = subprocess.run([vm, "debug", "check-jit", "--kernel", kernel, "--initrd", initrd,
                           "--machine", machine, "--memory", "512M", "--timeout", seconds, steps],
                          input=work,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    errors = done.stderr.decode(errors="replace")
    print(errors)
    found = re.search(r"(\d+) instructions in \d+ steps, no difference", errors)
    return done.returncode, done.stdout.decode(errors="replace"), int(found[1]) if found else 0


def check_compiler(vm, guest, seconds, steps, sources):
    work = COMPILE.format(cpu=CPU[guest.name], files=" ".join(COMPILED)).encode()
    with tempfile.TemporaryDirectory(prefix="trine-check-") as directory:
        initrd = with_sources(guest / "compiler/initrd", sources, Path(directory))
        status, output, count = check(vm, guest / "kernel", initrd, seconds, steps, work)
    missing = [name for name in COMPILED if f"compiled {name}" not in output]
    if missing:
        print(output[-4000:])
        print("not compiled:", *missing)
    return 0 if status == 0 and count > LEAST and not missing else 1


def main():
    vm, guests, isa, steps, seconds, *more = sys.argv[1:]
    guest = Path(guests) / isa
    compiler = more[1] if more[:1] == ["compiler"] else None
    machine = f"virt,{more[1]}" if more[:1] == ["machine"] else "virt"
    needed = [guest / "kernel", guest / ("compiler/initrd" if compiler else "initrd")]
    for path in needed:
        if not path.is_file():
            print(f"skipped: {path} is not there; tools/guests and tools/compiler make it")
            return 77
    if compiler:
        return check_compiler(vm, guest, seconds, steps, Path(compiler))
    status, _, count = check(vm, *needed, seconds, steps, WORK, machine)
    return 0 if status == 0 and count > LEAST else 1


sys.exit(main())
