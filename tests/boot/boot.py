#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots the stock Debian guests to their shell and uses it.

    boot.py VM-CLI GUESTS ISA ENGINE FIRMWARE

GUESTS is what tools/guests fills; FIRMWARE is "builtin" or the path of a file below GUESTS/ISA. A
machine of 1, 2 and 4 vCPUs each boots, is used over its serial console, and powers off; prints TAP.
Ends with status 77 and the cause when the guest is not there."""

import os
import re
import select
import subprocess
import sys
import time
import traceback
from pathlib import Path

# A build with a sanitizer is slow: run-tests says how much more time there is.
PATIENCE = float(os.environ.get("TRINE_TIMEOUT_FACTOR", "1"))
BOOT_LIMIT = 240 * PATIENCE    # seconds from start to prompt; a busy machine needs a tenth
COMMAND_LIMIT = 60 * PATIENCE  # from a command to the next prompt
PROMPT = b"~ # "
MARK = "trine-mark"
UNAME = {"riscv64": "riscv64", "arm64": "aarch64", "x86_64": "x86_64"}
# What a healthy kernel never prints.
TROUBLE = re.compile(rb"Oops|BUG:|WARNING:|Call Trace|Kernel panic|detected stall|Unable to handle|"
                     rb"segfault|unhandled signal|soft lockup|Machine check")


class Machine:
    """A running vm-cli whose console are pipes."""

    def __init__(self, vm, guest, *options):
        self.output = b""
        self.read_upto = 0
        self.process = subprocess.Popen(
            [vm, "run", "--kernel", guest / "kernel", "--initrd", guest / "initrd", *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for(self, text, limit):
        """Everything from the last find up to `text`."""
        end = time.monotonic() + limit
        while (at := self.output.find(text, self.read_upto)) < 0:
            left = end - time.monotonic()
            assert left > 0, f"{text} did not come within {limit} s\n{self.tail()}"
            if select.select([self.process.stdout], [], [], min(left, 1))[0]:
                got = os.read(self.process.stdout.fileno(), 65536)
                assert got, f"the machine ended before {text}\n{self.tail()}"
                self.output += got
        found = self.output[self.read_upto:at]
        self.read_upto = at + len(text)
        return found

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, command):
        """What a shell command prints. The echo of the line that is typed does not hold the mark
        in one piece."""
        half = len(MARK) // 2
        self.type(f"{command}; echo {MARK[:half]}''{MARK[half:]} $?")
        self.wait_for(b"\n", COMMAND_LIMIT)
        text = self.wait_for(MARK.encode(), COMMAND_LIMIT)
        status = self.wait_for(b"\n", COMMAND_LIMIT).strip()
        assert status == b"0", f"{command}: status {status}\n{self.tail()}"
        self.wait_for(PROMPT, COMMAND_LIMIT)
        return text.replace(b"\r", b"").decode("utf-8", "replace")

    def end(self):
        """Reads on to the end; returns the exit status."""
        try:
            out, err = self.process.communicate(timeout=COMMAND_LIMIT)
        except subprocess.TimeoutExpired as expired:
            self.output += expired.stdout or b""
            raise AssertionError(f"no end within {COMMAND_LIMIT} s\n{self.tail()}") from None
        self.output += out
        self.error = err.decode("utf-8", "replace")
        trouble = TROUBLE.search(self.output)
        assert not trouble, f"the kernel is not well: {trouble.group()}\n{self.tail(200)}"
        return self.process.returncode

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            _, err = self.process.communicate()
            return err.decode("utf-8", "replace")
        return getattr(self, "error", "")

    def tail(self, lines=40):
        return "\n".join(self.output.decode("utf-8", "replace").splitlines()[-lines:])


class Driver:
    def __init__(self, vm, guests, isa, engine, firmware):
        self.vm, self.isa = vm, isa
        self.guest = Path(guests) / isa
        self.firmware = firmware
        self.options = ["--engine", engine, "--memory", "512M"]
        if firmware != "builtin":
            self.options += ["--bios", str(self.guest / firmware)]

    def start(self, vcpus, *options):
        return Machine(self.vm, self.guest, *self.options, "--smp", str(vcpus), *options)

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

    def check_buses(self, machine):
        """The kernel has found the PCI host bridge, in its slot."""
        if self.isa == "riscv64":
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
        machine = self.start(1, "--append", "console=ttyS0 trine.run=echo%20" + MARK)
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


def run_case(steps):
    """A case gives its machine first, so that it is ended whatever happens; returns the fault."""
    machine = next(steps)
    try:
        for _ in steps:
            pass
    except Exception:  # whatever it is, the case has failed
        return traceback.format_exc() + machine.kill()
    machine.kill()
    return ""


def main():
    vm, guests, isa, engine, firmware = sys.argv[1:]
    driver = Driver(vm, guests, isa, engine, firmware)
    needed = [driver.guest / name for name in ("kernel", "initrd")]
    needed += [driver.guest / firmware] if firmware != "builtin" else []
    missing = [str(path) for path in needed if not path.is_file()]
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)} is missing: run make guests")
        return 77
    failed = number = 0
    for number, (name, steps) in enumerate(driver.cases(), 1):
        begin = time.monotonic()
        fault = run_case(steps)
        print(f"{'not ok' if fault else 'ok'} {number} {name} # {time.monotonic() - begin:.1f} s")
        if fault:
            failed += 1
            print("# " + fault.strip().replace("\n", "\n# "))
        sys.stdout.flush()
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
