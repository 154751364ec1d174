# SPDX-License-Identifier: MIT
"""vm-cli run --sandbox: every thread of a running machine is in it, with all kinds of devices."""

import os
import signal
from pathlib import Path

import programs
from harness import (Skip, case, eventually, finish, main, refused, scratch_directory, start, vm,
                     write_file)

FILTERED = "2"  # in the field Seccomp of /proc/PID/task/TID/status


def why_not():
    """Why there is no sandbox here; None if there is one."""
    for line in vm("info").out.decode().splitlines():
        if "sandbox" in line:
            return None if line.split() == ["sandbox", "yes"] else line.strip()
    return "vm-cli info does not name it"


def need_sandbox():
    why = why_not()
    if why:
        raise Skip(why)


def threads(pid):
    """{thread's name: its status' fields}"""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        if fields["Name"].strip().startswith("iou-"):
            continue  # the kernel's own, which never leaves it
        found[f"{fields['Name'].strip()} {task.name}"] = {k: v.strip() for k, v in fields.items()}
    return found


class Spinning:
    """A guest that runs until the end of the block."""

    def __init__(self, *options, **how):
        kernel = write_file("spin", programs.spin())
        self.process = start("run", "--kernel", kernel, *options, **how)

    def __enter__(self):
        assert self.process.stdout.readline() == b"spinning\n"
        return self.process

    def __exit__(self, *what):
        self.process.send_signal(signal.SIGTERM)
        self.result = finish(self.process)


@case
def every_thread_is_in_it():
    need_sandbox()
    disk = write_file("disk", bytes(1 << 20))
    image = str(scratch_directory() / "image")
    assert vm("disk", "create", image, "1M").status == 0
    options = ["--smp", "2", "--virtio-blk", disk, "--virtio-blk", image, "--virtio-rng",
               "--virtio-balloon", "--virtio-console", "pty", "--virtio-console",
               f"unix:{scratch_directory()}/socket"]
    if "user" in vm("help", "run").out.decode().split("--virtio-net ")[1][:20]:
        options += ["--virtio-net", "user"]
    guest = Spinning(*options)
    with guest as process:
        found = threads(process.pid)
        names = {name.rsplit(" ", 1)[0] for name in found}
        assert {"vcpu0", "vcpu1", "timers", "blk0", "blk1", "console"} <= names, names
        for name, fields in found.items():
            assert fields["Seccomp"] == FILTERED, (name, fields["Seccomp"])
            assert fields["NoNewPrivs"] == "1", name
    assert guest.result.status == 128 + signal.SIGTERM, guest.result
    assert not os.path.exists(f"{scratch_directory()}/socket")


@case
def off_is_off():
    with Spinning("--sandbox", "off") as process:
        for name, fields in threads(process.pid).items():
            assert fields["Seccomp"] == "0", name


@case
def what_the_starter_left_open_is_closed():
    need_sandbox()
    ends = os.pipe()
    for sandbox, stays in (("on", False), ("off", True)):
        with Spinning("--sandbox", sandbox, pass_fds=[ends[0]]) as process:
            eventually(lambda: os.path.exists(f"/proc/{process.pid}/fd/0"), "descriptors")
            link = os.readlink(f"/proc/{os.getpid()}/fd/{ends[0]}")
            there = [os.readlink(f"/proc/{process.pid}/fd/{fd}")
                     for fd in os.listdir(f"/proc/{process.pid}/fd")]
            assert (link in there) == stays, (sandbox, there)


@case
def without_one_it_is_an_error_only_if_asked_for():
    kernel = write_file("hello", programs.hello())
    why = why_not()
    result = vm("run", "--kernel", kernel)
    assert result.status == 0 and result.out == b"hello\n", result
    assert (b"no sandbox: " in result.err) == (why is not None), result
    assert b"no sandbox" not in vm("run", "--kernel", kernel, "--sandbox", "off").err
    if why:
        refused(vm("run", "--kernel", kernel, "--sandbox", "on"), 4, "--sandbox")


@case
def other_values_are_refused():
    refused(vm("run", "--kernel", "x", "--sandbox", "maybe"), 2, "--sandbox", "on\\|off")


main()
