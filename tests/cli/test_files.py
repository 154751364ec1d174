#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli with bad files: noise, cut files, files of other kinds and for other machines, and memory
that does not suffice. One clear line each, the right status, and nothing crashes.

TRINE_TEST_SCALE multiplies the random ones; their seed is printed, TRINE_SEED sets it."""

import gzip
import os
import random
import struct

import programs
from harness import case, main, refused, scratch_directory, vm, write_file

SCALE = max(1, int(os.environ.get("TRINE_TEST_SCALE", "1")))
SEED = int(os.environ.get("TRINE_SEED", "0")) or random.randrange(1, 1 << 32)
HELLO = programs.hello()
KERNEL = write_file("hello", HELLO)
MEMORY = ("--memory", "16M")


def tree():
    return vm("debug", "dump-dtb", "--kernel", KERNEL, *MEMORY).out


def does_no_harm(result, statuses):
    """Whatever the file made of the run, it ended in order."""
    assert result.status in statuses, result
    for line in result.error_lines:
        assert line.isprintable(), result


@case
def missing_and_unreadable_files_are_status_3():
    for option in ("kernel", "initrd", "bios", "dtb"):
        base = ("run", *MEMORY) if option == "kernel" else ("run", "--kernel", KERNEL, *MEMORY)
        refused(vm(*base, f"--{option}", "/nonexistent"), 3, f"--{option}", "/nonexistent",
                "No such file")
        refused(vm(*base, f"--{option}", scratch_directory()), 3, f"--{option}", "directory")
        refused(vm(*base, f"--{option}", write_file("empty", b"")), 3, f"--{option}", "empty")
        refused(vm(*base, f"--{option}", "/dev/null"), 3, f"--{option}", "device")
    refused(vm("info", "/nonexistent"), 3, "No such file")
    refused(vm("debug", "disassemble", "/nonexistent"), 3, "No such file")


@case
def a_kernel_that_is_no_kernel_is_refused():
    for name, contents in (("text", b"#!/bin/sh\necho hello\n"), ("zeros", bytes(4096)),
                           ("one", b"\x7f"), ("magic", b"\x7fELF"),
                           ("gzip-of-text", gzip.compress(b"hello" * 1000))):
        refused(vm("run", *MEMORY, "--kernel", write_file(name, contents)), 3, name, "--guest|ELF")
        refused(vm("run", *MEMORY, "--guest", "riscv64", "--kernel", write_file(name, contents)), 3,
                name)


@case
def a_kernel_for_another_machine_names_both():
    arm64 = write_file("arm64", programs.elf(b"\0" * 64, machine=183))
    refused(vm("run", *MEMORY, "--kernel", arm64), 2, "arm64")
    refused(vm("run", *MEMORY, "--kernel", arm64, "--guest", "riscv64"), 2, "arm64.* is for arm64",
            "--guest says riscv64")
    ppc = write_file("ppc", programs.elf(b"\0" * 64, machine=21))
    refused(vm("run", *MEMORY, "--kernel", ppc), 3, "PowerPC")
    short = write_file("rv32", programs.elf(b"\0" * 64, bits=32))
    refused(vm("run", *MEMORY, "--kernel", short), 3, "32")


@case
def every_truncation_of_a_kernel_is_refused_or_runs():
    packed = gzip.compress(HELLO, mtime=0)
    for name, contents in (("elf", HELLO), ("gz", packed)):
        for size in range(1, len(contents), max(1, len(contents) // (40 * SCALE))):
            path = write_file("cut", contents[:size])
            result = vm("run", *MEMORY, "--guest", "riscv64", "--kernel", path, "--timeout", "5")
            assert result.status == 3, (name, size, result)
            refused(result, 3, "cut")


@case
def a_packed_kernel_runs():
    path = write_file("packed", gzip.compress(HELLO))
    assert vm("run", *MEMORY, "--kernel", path).out == b"hello\n"


@case
def noise_as_any_file_is_refused_or_does_no_harm():
    rng = random.Random(SEED)
    print(f"# TRINE_SEED={SEED}")
    for _ in range(6 * SCALE):
        noise = write_file("noise", rng.randbytes(rng.choice((1, 7, 64, 4096, 100000))))
        refused(vm("run", *MEMORY, "--guest", "riscv64", "--kernel", noise), 3, "noise")
        refused(vm("run", "--kernel", KERNEL, *MEMORY, "--dtb", noise), 3, "--dtb", "noise",
                "device tree")
        refused(vm("run", "--kernel", KERNEL, *MEMORY, "--config", noise), 3, "--config", "noise")
        # Firmware and initrds have no form to check: whatever firmware does, it ends in time.
        assert vm("run", "--kernel", KERNEL, *MEMORY, "--initrd", noise).status == 0
        does_no_harm(vm("run", *MEMORY, "--guest", "riscv64", "--bios", noise, "--timeout", "0.3"),
                     range(256))
        assert vm("info", noise).status == 0


@case
def changed_bytes_in_a_kernel_or_tree_do_no_harm():
    rng = random.Random(SEED + 1)
    print(f"# TRINE_SEED={SEED}")
    blob = tree()
    for _ in range(25 * SCALE):
        kernel = bytearray(HELLO)
        for _ in range(rng.randrange(1, 4)):
            kernel[rng.randrange(120)] = rng.randrange(256)  # the headers
        does_no_harm(vm("run", *MEMORY, "--guest", "riscv64", "--timeout", "0.2", "--kernel",
                        write_file("changed", bytes(kernel))), (0, 2, 3, 5, 124))
        changed = bytearray(blob)
        for _ in range(rng.randrange(1, 8)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        does_no_harm(vm("run", *MEMORY, "--kernel", KERNEL, "--dtb",
                        write_file("changed.dtb", bytes(changed))), (0, 3))


@case
def every_truncation_of_a_tree_is_refused():
    blob = tree()
    for size in range(1, len(blob), max(1, len(blob) // (30 * SCALE))):
        refused(vm("run", *MEMORY, "--kernel", KERNEL, "--dtb", write_file("cut.dtb", blob[:size])),
                3, "--dtb", "cut.dtb")


@case
def a_huge_tree_or_command_line_is_refused():
    fdt = bytearray(tree())
    struct.pack_into(">I", fdt, 4, 3 << 20)
    refused(vm("run", *MEMORY, "--kernel", KERNEL, "--dtb",
               write_file("huge.dtb", bytes(fdt) + bytes(3 << 20))), 3, "--dtb")
    path = write_file("long.json", '{"append": "%s"}' % ("x" * 900000))
    assert vm("run", "--kernel", KERNEL, "--memory", "64M", "--config", path).status == 0


@case
def too_little_memory_says_how_much_is_needed():
    kernel = write_file("large", programs.elf(bytes(3 << 20)))
    line = refused(vm("run", "--memory", "2M", "--kernel", kernel), 2, "--memory 2M", "large",
                   r"give at least \d+M")
    least = int(line.rpartition("at least ")[2].rstrip("M"))
    assert vm("run", "--memory", f"{least}M", "--kernel", kernel, "--timeout", "0.2").status != 2
    refused(vm("run", "--memory", f"{least - 1}M", "--kernel", kernel), 2, f"at least {least}M")
    initrd = write_file("initrd", bytes(20 << 20))
    line = refused(vm("run", "--memory", "16M", "--kernel", KERNEL, "--initrd", initrd), 2,
                   "--memory 16M", "initrd", "at least")
    least = int(line.rpartition("at least ")[2].rstrip("M"))
    assert vm("run", "--memory", f"{least}M", "--kernel", KERNEL, "--initrd", initrd).status == 0


@case
def more_memory_than_there_is_room_for_is_refused():
    for size in ("8388608T", "16777215T"):
        result = vm("run", "--memory", size, "--kernel", KERNEL)
        assert result.status in (2, 4), result
        assert "error: " in result.error_lines[-1], result
        assert all(line.startswith("vm-cli: ") for line in result.error_lines), result


@case
def memory_that_nobody_touches_costs_nothing():
    result = vm("run", "--memory", "256G", "--kernel", KERNEL)
    # Where the host limits address space it may refuse; it must say so.
    refusal = result.status == 4 and "error: " in result.error_lines[-1]
    assert result.status == 0 or refusal, result


@case
def a_wrong_cpu_is_refused():
    refused(vm("run", *MEMORY, "--kernel", KERNEL, "--cpu", "z80"), 2, "z80")
    refused(vm("run", *MEMORY, "--kernel", KERNEL, "--cpu", "max,+nonsense"), 2)
    refused(vm("run", *MEMORY, "--kernel", KERNEL, "--cpu", "," * 100), 2)


main()
