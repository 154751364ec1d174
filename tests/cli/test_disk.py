#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli disk: images made, described, checked, converted; what is refused."""

import os
import random
import shutil
import subprocess

from harness import Skip, case, main, refused, scratch_directory, vm, write_file

QEMU = shutil.which("qemu-img")


def path(name):
    return str(scratch_directory() / name)


def ok(*words):
    result = vm("disk", *words)
    assert result.status == 0 and result.err == b"", result
    return result.out.decode()


def sample():
    """A raw disk with data and holes."""
    rng = random.Random(5)
    data = b"".join(rng.randbytes(32768) if i % 3 else bytes(32768) for i in range(60))
    return data


@case
def creates_and_describes():
    ok("create", path("new.qcow2"), "20G")
    text = ok("info", path("new.qcow2"))
    for line in ("format          qcow2\n", "disk            20G\n", "version         3\n",
                 "cluster size    64K\n", "compression     zlib\n"):
        assert line in text, text
    assert os.path.getsize(path("new.qcow2")) < 1 << 20
    ok("create", "--to=raw", path("new.raw"), "1M")
    assert os.path.getsize(path("new.raw")) == 1 << 20
    assert "format          raw\ndisk            1M\n" in ok("info", path("new.raw"))
    ok("create", "--version", "2", "--cluster-size", "4K", path("two"), "1M")
    assert "version         2\ncluster size    4K\n" in ok("info", path("two"))


@case
def bases_one_on_another():
    data = sample()
    write_file("base.raw", data)
    ok("create", "--backing", "base.raw", "--backing-format", "raw", path("over.qcow2"))
    text = ok("info", path("over.qcow2"))
    assert "backing file    base.raw (raw)\n" in text, text
    ok("convert", "--to", "raw", path("over.qcow2"), path("flat.raw"))
    with open(path("flat.raw"), "rb") as f:
        assert f.read() == data
    refused(vm("disk", "create", "--backing", "/etc/passwd", path("evil.qcow2")), 3,
            "not in its directory")
    assert not os.path.exists(path("evil.qcow2"))


@case
def converts_there_and_back():
    data = sample()
    source = write_file("source.raw", data)
    for i, options in enumerate(([], ["--version=2"], ["--cluster-size=512"])):
        middle, back = path(f"middle{i}"), path(f"back{i}")
        ok("convert", "--format", "raw", *options, source, middle)
        assert "no corruption, no leaks\n" in ok("check", middle)
        ok("convert", "--to=raw", middle, back)
        with open(back, "rb") as f:
            assert f.read() == data
        assert os.stat(back).st_blocks * 512 < len(data)  # the holes are there again
        refused(vm("disk", "convert", source, middle), 3, "remove it")


@case
def checks_and_repairs():
    ok("create", path("check.qcow2"), "1M")
    with open(path("check.qcow2"), "r+b") as f:
        f.seek(2 * 65536 + 100 * 2)  # the refcount block: a cluster nobody refers to
        f.write(b"\0\1")
        f.truncate(101 * 65536)
    assert "1 leaked clusters" in ok("check", path("check.qcow2"))
    assert "1 refcounts were set right\nno corruption, no leaks\n" in \
        ok("check", "--repair", path("check.qcow2"))
    assert "no corruption, no leaks\n" in ok("check", path("check.qcow2"))
    with open(path("check.qcow2"), "r+b") as f:
        f.seek(3 * 65536)  # the L1 table: an L2 table that is the header
        f.write(b"\x80" + bytes(5) + b"\0\0")
        f.seek(3 * 65536)
        f.write((0x8000000000000000 | 65536 * 3).to_bytes(8, "big"))
    refused(vm("disk", "check", path("check.qcow2")), 3, "corruption")
    refused(vm("disk", "check", write_file("raw", bytes(1024))), 3, "nothing to check")


@case
def qemu_agrees():
    if not QEMU:
        raise Skip("qemu-img is missing (package qemu-utils)")
    source = write_file("q.raw", sample())
    ok("convert", "--format=raw", source, path("q.qcow2"))
    for words in (["check", "-q", path("q.qcow2")],
                  ["compare", "-q", "-f", "raw", "-F", "qcow2", source, path("q.qcow2")]):
        assert subprocess.run([QEMU, *words], check=False).returncode == 0, words


@case
def usage_is_refused():
    there = write_file("there", bytes(512))
    refused(vm("disk"), 2, "no disk command", "help disk")
    refused(vm("disk", "creat"), 2, "did you mean create")
    refused(vm("disk", "create"), 2, "missing", "usage: vm-cli disk create")
    refused(vm("disk", "create", path("x")), 2, "needs a size")
    refused(vm("disk", "create", path("x"), "12q"), 2, "size of the disk")
    refused(vm("disk", "create", path("x"), "1000"), 2, "multiple of 512")
    refused(vm("disk", "create", path("x"), "1M", "more"), 2, "too much")
    refused(vm("disk", "create", "--cluster-size=3000", path("x"), "1M"), 2, "power of two")
    refused(vm("disk", "create", "--cluster-size=4M", path("x"), "1M"), 2, "2 MiB")
    refused(vm("disk", "create", "--cluster-size=8G", path("x"), "1M"), 2, "2 MiB")
    refused(vm("disk", "create", "--version=4", path("x"), "1M"), 2, "--version", "2 and 3")
    refused(vm("disk", "create", "--to=vmdk", path("x"), "1M"), 2, "raw and qcow2")
    refused(vm("disk", "create", "--to=raw", "--version=2", path("x"), "1M"), 2, "use qcow2")
    refused(vm("disk", "create", "--repair", path("x"), "1M"), 2, "unknown option")
    refused(vm("disk", "create", "--bakcing=y", path("x"), "1M"), 2, "did you mean --backing")
    refused(vm("disk", "create", path("x"), "1M", "--to"), 2, "needs a value")
    refused(vm("disk", "check", "--repair=yes", there), 2, "takes no value")
    refused(vm("disk", "info", path("missing")), 3, "missing", "check the path")
    refused(vm("disk", "info", "--format=qcow2", there), 3, "no qcow2 image")
    refused(vm("disk", "create", there, "1M"), 3, "remove it")
    assert not os.path.exists(path("x"))


main()
