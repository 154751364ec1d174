# SPDX-License-Identifier: MIT
"""Builds the bench's programs for a guest or for the host, and packs them for a guest to find."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "guest"
sys.path.insert(0, str(HERE.parent / "tools"))
import initramfs  # noqa: E402  (it lies beside the other build tools)

NATIVE = "native"
COMPILERS = {"riscv64": "riscv64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc",
             "x86_64": "x86_64-linux-gnu-gcc", NATIVE: os.environ.get("CC", "cc")}
# The same for all: no multiply-add that the source does not ask for, so that results are the same
# to the bit, and no vectors, which not every guest has.
FLAGS = ("-std=gnu17 -O2 -static -ffp-contract=off -fno-tree-vectorize -fno-tree-slp-vectorize "
         "-Wall -Wextra -Werror").split()
BARE_FLAGS = {"riscv64": "-ffreestanding -nostdlib -march=rv64imac_zicsr_zifencei -mabi=lp64 "
                         "-mcmodel=medany -fno-pic -no-pie -ffixed-x27 -Wl,--build-id=none".split(),
              "arm64": "-ffreestanding -nostdlib -march=armv8.1-a -mgeneral-regs-only "
                       "-mstrict-align -mno-outline-atomics -fno-pic -no-pie -ffixed-x28 "
                       "-Wl,--build-id=none".split()}
COREMARK_FILES = "core_list_join.c core_main.c core_matrix.c core_state.c core_util.c".split()


class Error(Exception):
    """One line for the user."""


def missing_compiler(target):
    """The compiler for a target that is not there, or None."""
    return None if shutil.which(COMPILERS[target]) else COMPILERS[target]


def build(target, directory, with_cold=True, coremark=None):
    """Makes the programs for a guest's instruction set, or for the host (NATIVE), in a directory;
    returns their paths by name. What has not changed is not made again."""
    directory.mkdir(parents=True, exist_ok=True)
    if missing_compiler(target):
        raise Error(f"{COMPILERS[target]} is not installed: the programs for {target} need it")
    sources = sorted(SOURCES.glob("*.c"))
    if with_cold:
        sources.append(generate_cold(directory))
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        objects = list(pool.map(lambda source: compile_object(target, source, directory), sources))
    made = {"bench": link(target, objects, directory / "bench")}
    if (SOURCES.parent / "bare" / target).is_dir():
        made["bare"] = build_bare(target, directory)
    if coremark:
        made["coremark"] = build_coremark(target, Path(coremark), directory)
    return made


def generate_cold(directory):
    source = directory / "cold.c"
    is_new(source, (SOURCES / "cold.py").read_bytes(), [
        sys.executable, str(SOURCES / "cold.py"), str(source)])
    return source


def compile_object(target, source, directory):
    made = directory / (source.stem + ".o")
    level = ["-O1"] if source.stem == "cold" else []  # its size is what counts
    command = [COMPILERS[target], *FLAGS, *level, f"-I{SOURCES}", "-c", str(source),
               "-o", str(made)]
    is_new(made, source.read_bytes() + (SOURCES / "bench.h").read_bytes(), command)
    return made


def link(target, objects, made):
    content = b"".join(path.read_bytes() for path in objects)
    is_new(made, content, [COMPILERS[target], "-static", *map(str, objects), "-o", str(made), "-lm",
                           "-lpthread"])
    return made


def build_bare(target, directory):
    """The guest without a kernel, where there is one for the instruction set."""
    shared = SOURCES.parent / "bare"
    files = [shared / "bare.h", shared / "bare.c", *sorted((shared / target).iterdir())]
    sources = [str(path) for path in files if path.suffix in (".S", ".c")]
    script = next(str(path) for path in files if path.suffix == ".ld")
    made = directory / "bare"
    is_new(made, b"".join(path.read_bytes() for path in files), [
        COMPILERS[target], *FLAGS, *BARE_FLAGS[target], "-T", script, *sources, "-o", str(made)])
    return made


def build_coremark(target, sources, directory):
    """CoreMark's own sources and its port to Linux, built as its documentation says."""
    port = sources / "posix"
    files = [sources / name for name in COREMARK_FILES] + [port / "core_portme.c"]
    absent = [str(path) for path in files if not path.is_file()]
    if absent:
        raise Error(f"COREMARK: {absent[0]} is missing: name the directory of CoreMark's sources")
    made = directory / "coremark"
    flags = ["-O2", "-static", "-DPERFORMANCE_RUN=1", '-DFLAGS_STR="-O2 -static"']
    includes = [f"-I{path}" for path in (sources, port, sources / "linux") if path.is_dir()]
    is_new(made, b"".join(path.read_bytes() for path in files), [
        COMPILERS[target], *flags, *includes, *map(str, files), "-o", str(made), "-lrt"])
    return made


def is_new(made, content, command):
    """Runs the command that makes a file when it, or what it is made from, is not as before."""
    stamp = made.with_name(made.name + ".stamp")
    now = hashlib.sha256(content + "\0".join(command).encode()).hexdigest()
    if made.exists() and stamp.exists() and stamp.read_text(encoding="ascii") == now:
        return
    stamp.unlink(missing_ok=True)
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Error(f"{shlex.join(command)}: {result.stderr.strip()}")
    stamp.write_text(now, encoding="ascii")


def pack(initrd, programs, made):
    """The guest's initial RAM disk with the programs in /bench behind it. The kernel unpacks one
    archive after the other, each from a multiple of four bytes on."""
    archive = initramfs.CpioWriter()
    for name, path in programs.items():
        archive.file(f"bench/{name}", path.read_bytes(), mode=0o755)
    base = initrd.read_bytes()
    made.write_bytes(base + b"\0" * (-len(base) % 4) + archive.finish())
    return made
