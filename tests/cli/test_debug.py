#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli info and vm-cli debug."""

import gzip
import re
import shutil
import subprocess

import programs
from harness import Skip, case, engines, main, refused, scratch_directory, vm, write_file

CODE = programs.words(programs.addi(10, 10, 1), programs.lui(5, 0x10000000), programs.WFI)
KERNEL = write_file("kernel", programs.elf(CODE))
GUEST = ("--guest", "riscv64")  # of what does not say it


def lines(*words):
    result = vm(*words)
    assert result.status == 0 and result.err == b"", result
    return result.out.decode().splitlines()


def listing(*words):
    """(address, code, assembly) of each line."""
    found = [re.fullmatch(r" *([0-9a-f]+):  ([0-9a-f]+) +(.*)", line)
             for line in lines("debug", "disassemble", *words)]
    assert found and all(found), found
    return [(int(m[1], 16), m[2], " ".join(m[3].split())) for m in found]


@case
def info_without_a_file_says_what_is_here():
    text = "\n".join(lines("info"))
    for pattern in (r"^guests +riscv64", r"^engines +.*(interpreter|jit)",
                    r"^machines +virt \(riscv64\)", r"^libraries +.*libfdt=", r"^host +\d+ CPUs"):
        assert re.search(pattern, text, re.M), pattern


@case
def info_says_what_a_file_is():
    for contents, *patterns in ((programs.elf(CODE), "ELF", "RISC-V", "80000000"),
                                (gzip.compress(programs.elf(CODE)), "gzip", "ELF", "RISC-V"),
                                (programs.elf(CODE, machine=183), "ELF", "ARM 64"),
                                (b"hello", "5|bytes|unknown|raw|no known")):
        path = write_file("what", contents)
        text = lines("info", path)
        assert len(text) == 1 and text[0].startswith(path + ": "), text
        for pattern in patterns:
            assert re.search(pattern, text[0]), (pattern, text)


@case
def code_of_an_elf_file_has_its_addresses():
    expected = [(0x80000000, "00150513", "addi a0,a0,1"),
                (0x80000004, "100002b7", "lui t0,0x10000"), (0x80000008, "10500073", "wfi")]
    assert listing(KERNEL) == expected, listing(KERNEL)
    assert listing(write_file("packed", gzip.compress(programs.elf(CODE)))) == expected
    shifted = [(address + 0x1000, *rest) for address, *rest in expected]
    assert listing("--address", "0x1000", KERNEL) == shifted


@case
def flat_files_start_at_the_given_address():
    path = write_file("flat", CODE)
    assert [row[0] for row in listing(*GUEST, path)] == [0, 4, 8]
    assert [row[0] for row in listing(*GUEST, "--address", "4096", path)] == [4096, 4100, 4104]


@case
def bytes_and_numbers_on_the_command_line_are_code():
    def code(*words):
        return listing(*GUEST, *words)
    assert code("13051500") == code("0x00150513") == code("13", "05", "15", "00")
    assert code("0x00150513")[0][2] == "addi a0,a0,1"
    rows = listing("--guest=riscv64", "--address=0x80000000", "0x00150513", "0145", "0x4501")
    assert [(row[0], row[1]) for row in rows] == [(0x80000000, "00150513"), (0x80000004, "4501"),
                                                 (0x80000006, "4501")], rows
    assert code("ffffffff")[0][2].startswith(".word")
    assert code("01")[0][2].startswith(".byte")


@case
def a_listing_of_megabytes_is_whole():
    path = write_file("big", CODE * 20000)
    text = lines("debug", "disassemble", *GUEST, path)
    assert len(text) == 60000 and text[-1].endswith("wfi"), text[-1]


@case
def what_cannot_be_disassembled_is_refused():
    refused(vm("debug", "disassemble"), 2, "nothing to disassemble")
    refused(vm("debug", "disassemble", *GUEST, "123"), 2, "123", "two digits make a byte")
    refused(vm("debug", "disassemble", *GUEST, "12", "xyz"), 2, '"xyz"', "hexadecimal")
    refused(vm("debug", "disassemble", "--address", "here", "13"), 2, "--address", "0x80000000")
    refused(vm("debug", "disassemble", "--memory", "1G", "13"), 2, "unknown option --memory")
    x86 = write_file("x86", programs.elf(CODE, machine=62))
    refused(vm("debug", "disassemble", x86), 2, "no guest x86")
    refused(vm("debug", "disassemble", *GUEST, x86), 2, "x86")
    refused(vm("debug", "disassemble", write_file("cut", programs.elf(CODE)[:70])), 3)


@case
def a_device_tree_is_written_where_asked():
    out = scratch_directory() / "out.dtb"
    result = vm("debug", "dump-dtb", "--kernel", KERNEL, "--smp", "3", out)
    assert (result.status, result.out, result.err) == (0, b"", b""), result
    blob = vm("debug", "dump-dtb", "--kernel", KERNEL, "--smp", "3").out
    assert blob == out.read_bytes() and blob.startswith(bytes.fromhex("d00dfeed"))
    assert len(re.findall(rb"cpu@\d", blob)) == 3, blob


@case
def a_device_tree_passes_the_compiler():
    if not shutil.which("dtc"):
        raise Skip("dtc is not installed (package device-tree-compiler)")
    blob = vm("debug", "dump-dtb", "--kernel", KERNEL, "--smp", "2", "--memory", "3G",
              "--append", "mine=1").out
    source = subprocess.run(["dtc", "-I", "dtb", "-O", "dts"], input=blob, capture_output=True,
                            check=True).stdout.decode()
    for text in ('bootargs = "mine=1"', "memory@80000000",
                 "reg = <0x00 0x80000000 0x00 0xc0000000>", 'compatible = "ns16550a"'):
        assert text in source, (text, source)


@case
def a_device_tree_needs_no_kernel():
    for arguments in [], ["--bios", "none"]:
        command = ["debug", "dump-dtb", "--smp", "3", "--append", "mine=1", *GUEST, *arguments]
        blob = vm(*command).out
        assert blob and blob == vm(*command, "--kernel", KERNEL).out, arguments


@case
def the_machine_has_options():
    for aia, there, missing in (("none", b"riscv,plic0", b"riscv,aplic"),
                                ("aplic", b"riscv,aplic", b"riscv,imsics"),
                                ("aplic-imsic", b"riscv,imsics", b"riscv,plic0")):
        blob = vm("debug", "dump-dtb", *GUEST, "--machine", f"virt,aia={aia}").out
        assert there in blob and missing not in blob, (aia, blob)
    for text, what in ("aia=plic", "none, aplic or aplic-imsic"), ("aia", "no option"):
        refused(vm("debug", "dump-dtb", *GUEST, "--machine", f"virt,{text}"), 2, "--machine", what)


@case
def a_device_tree_needs_a_guest_and_a_place():
    refused(vm("debug", "dump-dtb", "--guest", "z80"), 2, "z80", "riscv64")
    initrd = write_file("initrd", bytes(1 << 20))
    refused(vm("debug", "dump-dtb", *GUEST, "--memory", "1M", "--initrd", initrd), 2,
            "--memory 1M is too small for initrd", "give at least 2M")
    refused(vm("debug", "dump-dtb", "--kernel", KERNEL, "/nonexistent/out"), 3, "/nonexistent/out")
    refused(vm("debug", "dump-dtb", "--kernel", KERNEL, "a", "b"), 2, '"b"')
    refused(vm("debug", "dump-dtb", "--kernel", KERNEL, "--stats", "json"), 2,
            "unknown option --stats")


@case
def check_jit_runs_a_guest_on_both_engines():
    hello = write_file("hello", programs.hello())
    if engines() == ["jit"]:
        refused(vm("debug", "check-jit", "--kernel", hello), 2, "nothing to compare with",
                "-Dengines=interpreter")
        return
    if "jit" not in engines():
        raise Skip("this build has no jit")
    for words in ((), ("blocks",), ("links",), ("blocks", "--simd", "off")):
        result = vm("debug", "check-jit", "--kernel", hello, "--memory", "16M", *words)
        assert result.status == 0, result
        assert re.search(r"\d+ instructions in \d+ steps, no difference; the guest powered off",
                         result.error_lines[-1]), result
    refused(vm("debug", "check-jit", "--kernel", hello, "--smp", "2"), 2, "one vCPU")
    refused(vm("debug", "check-jit", "--kernel", hello, "steps"), 2, "blocks or links")
    refused(vm("debug", "check-jit"), 2, "--kernel FILE")
    refused(vm("debug", "check-jit", "--kernel", hello, "--engine", "jit", "--virtio-rng"), 2,
            "unknown option --virtio-rng")


main()
