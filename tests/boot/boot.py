#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots the stock Debian guests to their shell and uses it.

    boot.py VM-CLI GUESTS ISA ENGINE FIRMWARE

GUESTS is what tools/guests fills; FIRMWARE is "builtin" or the path of a file below GUESTS/ISA. A
machine of 1, 2 and 4 vCPUs each boots, is used over its serial console, and powers off; prints TAP.
Ends with status 77 and the cause when the guest is not there."""

import re
import sys
import time
from pathlib import Path

from cases import run_cases, skip_without
from machine import BOOT_LIMIT, COMMAND_LIMIT, MARK, PATIENCE, PROMPT, SERIAL, UNAME, Machine


class Driver:
    def __init__(self, vm, guests, isa, engine, firmware):
        self.vm, self.isa = vm, isa
        self.guest = Path(guests) / isa
        self.firmware = firmware
        self.options = ["--engine", engine, "--memory", "512M"]
        if firmware != "builtin":
            self.options += ["--bios", str(self.guest / firmware)]

    def start(self, vcpus, parameters=""):
        """With patience (sanitizers), the kernel has some as well before it calls a CPU stalled."""
        stall = "rcupdate.rcu_cpu_stall_timeout=300 " if PATIENCE > 1 else ""
        return Machine(self.vm, self.guest, *self.options, "--smp", str(vcpus),
                       "--append", f"console={SERIAL[self.isa]} {stall}{parameters}")

    def boots(self, vcpus):
        """To the shell, some work there, and a plain power-off."""
        machine = self.start(vcpus)
        yield machine
        begin = time.monotonic()
        machine.wait_for(PROMPT, BOOT_LIMIT)
        print(f"# {vcpus} vCPUs: {time.monotonic() - begin:.1f} s to the prompt", flush=True)
        assert machine.run("uname -m").strip() == UNAME[self.isa]
        assert machine.run("nproc").strip() == str(vcpus)
        assert machine.run("expr 6 '*' 7").strip() == "42"
        total = int(re.search(r"MemTotal: +(\d+) kB", machine.run("cat /proc/meminfo"))[1])
        assert 400000 < total < 512 << 10, total
        self.check_files(machine, vcpus)
        self.check_time(machine)
        self.check_firmware(machine)
        self.check_buses(machine)
        machine.type("poweroff -f")
        assert machine.end() == 0, machine.error

    def check_files(self, machine, jobs):
        """Compresses and checks megabytes on all vCPUs at once."""
        machine.run("dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null")
        sums = machine.run(
            f"for i in $(seq {jobs}); do (gzip -c /tmp/data >/tmp/z$i; "
            f"gunzip -c /tmp/z$i | sha256sum) & done; wait; sha256sum </tmp/data")
        found = set(re.findall(r"\b[0-9a-f]{64}\b", sums))
        assert len(found) == 1 and sums.count(found.pop()) == jobs + 1, sums

    def check_time(self, machine):
        """The clocks run at the host's rate, the wall clock is right, and waiting costs no time."""
        host, cpu = time.monotonic(), machine.cpu_seconds()
        machine.run("sleep 2")
        elapsed, used = time.monotonic() - host, machine.cpu_seconds() - cpu
        assert elapsed >= 2, elapsed
        assert used < PATIENCE, f"{used} s of processor time in {elapsed} s of sleep"
        guest, host = int(machine.run("date +%s")), time.time()
        assert abs(guest - host) < 30, (guest, host)

    def check_firmware(self, machine):
        if self.isa == "riscv64":
            log = machine.run("dmesg | grep -i sbi")
            expected = "OpenSBI" if self.firmware != "builtin" else "SBI specification"
            assert expected in log + machine.output.decode("utf-8", "replace"), log
        if self.isa == "arm64":
            assert "PSCIv1.1 detected in firmware" in machine.run("dmesg | grep -i psci")

    def check_buses(self, machine):
        """The kernel has found the PCI host bridge, in its slot."""
        if self.isa != "x86_64":
            for name, expected in {"vendor": "0x1b36", "device": "0x0008"}.items():
                found = machine.run(f"cat /sys/bus/pci/devices/*:00:00.0/{name}")
                assert found.strip() == expected, found

    def reboots(self):
        machine = self.start(2)
        yield machine
        machine.wait_for(PROMPT, BOOT_LIMIT)
        machine.type("reboot -f")
        machine.wait_for(b"Linux version", BOOT_LIMIT)
        machine.wait_for(PROMPT, BOOT_LIMIT)
        assert machine.run("nproc").strip() == "2"
        machine.type("exit")  # the shell's end powers off
        assert machine.end() == 0, machine.error

    def takes_input_from_the_start(self):
        """Typed before the guest runs, read when it asks; then the end of input."""
        machine = self.start(1)
        yield machine
        machine.type(f"echo {MARK[:4]}''{MARK[4:]}; poweroff -f")
        machine.process.stdin.close()
        machine.process.stdin = None
        machine.wait_for(MARK.encode(), BOOT_LIMIT)
        assert machine.end() == 0, machine.error

    def runs_a_command_from_the_kernels_command_line(self):
        machine = self.start(1, "trine.run=echo%20" + MARK)
        yield machine
        machine.wait_for(b"\n" + MARK.encode(), BOOT_LIMIT)
        machine.wait_for(b"command ended with status 0", COMMAND_LIMIT)
        assert machine.end() == 0, machine.error

    def cases(self):
        for vcpus in (1, 2, 4):
            yield f"boots-with-{vcpus}-vcpus", self.boots(vcpus)
        if self.firmware == "builtin":
            yield "takes-input-from-the-start", self.takes_input_from_the_start()
            yield ("runs-a-command-from-the-kernels-command-line",
                   self.runs_a_command_from_the_kernels_command_line())
        yield "reboots", self.reboots()


def main():
    vm, guests, isa, engine, firmware = sys.argv[1:]
    driver = Driver(vm, guests, isa, engine, firmware)
    needed = [driver.guest / name for name in ("kernel", "initrd")]
    skip_without(needed + ([driver.guest / firmware] if firmware != "builtin" else []))
    return run_cases(driver.cases())


if __name__ == "__main__":
    sys.exit(main())
