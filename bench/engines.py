# SPDX-License-Identifier: MIT
"""What runs workloads: the host itself, Trine's engines and QEMU, each a process whose standard
input and output are a console on which bench/guest/bench.c is talked to.

CPU time is the process's own clock, read while the guest waits for a line, so that it is exact and
load from others does not count."""

import json
import os
import re
import select
import subprocess
import tempfile
import time
from pathlib import Path

PATIENCE = float(os.environ.get("TRINE_TIMEOUT_FACTOR", "1"))
BOOT_LIMIT = 600 * PATIENCE  # seconds
WORKLOAD_LIMIT = 300 * PATIENCE
SCHEDULER_CLOCK = 2  # the kernel's number for time that a process has spent on CPUs


class Failure(Exception):
    """A workload failed; the process can go on."""


class Ended(Exception):
    """The process ended or hangs."""


class Absent(Exception):
    """The workload is not there, such as CoreMark without its sources."""


class Engine:
    """A way to run the workloads. `start` gives a Session."""

    def __init__(self, name, version, command, boots):
        self.name, self.version, self.boots = name, version, boots
        self.command = command  # from a number of CPUs and a path for statistics

    def start(self, cpus):
        return Session(self, cpus)


class Session:
    """A process that has been started and takes orders. Times are in nanoseconds."""

    def __init__(self, engine, cpus):
        self.engine = engine
        self.buffer = b""
        self.log = tempfile.TemporaryFile()  # a diagnosis when something goes wrong
        self.statistics_file = tempfile.NamedTemporaryFile(prefix="trine-bench-")
        self.boot = {}
        begin = time.monotonic_ns()
        self.process = subprocess.Popen(engine.command(cpus, self.statistics_file.name),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        try:
            self.come_up(begin)
        except BaseException:
            self.close()
            raise

    def come_up(self, begin):
        if self.engine.boots:
            cpu = 0
            for step, line in ("boot_kernel", "@kernel"), ("boot_userland", "@ready"):
                if line == "@ready" and not self.engine.boots.userland:
                    break
                self.wait_for(line, BOOT_LIMIT)
                now = self.cpu_clock()
                self.boot[step] = {"wall": time.monotonic_ns() - begin, "cpu": now - cpu}
                begin, cpu = time.monotonic_ns(), now
                if line == "@kernel":
                    self.say("")
        if not self.engine.boots or not self.engine.boots.userland:
            self.wait_for("@ready", BOOT_LIMIT)

    def cpu_clock(self):
        """CPU time of the whole process so far, to the nanosecond where the host tells."""
        try:
            return time.clock_gettime_ns(~self.process.pid << 3 | SCHEDULER_CLOCK)
        except OSError:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks = int(fields[11]) + int(fields[12])
            return ticks * 1000000000 // os.sysconf("SC_CLK_TCK")

    def say(self, line):
        try:
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Ended(self.diagnosis("the process has ended")) from None

    def read_line(self, end):
        """The next line, without what a console puts around it."""
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise Ended(self.diagnosis("nothing came in time"))
            if select.select([self.process.stdout], [], [], left)[0]:
                got = os.read(self.process.stdout.fileno(), 65536)
                if not got:
                    raise Ended(self.diagnosis("the process has ended"))
                self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.decode("utf-8", "replace").strip()

    def wait_for(self, text, limit):
        """The line that has this text; a kernel's message may stand before it."""
        end = time.monotonic() + limit
        while True:
            line = self.read_line(end)
            for bad, error in ("@failed ", Failure), ("@absent ", Absent):
                if bad in line:
                    raise error(line.partition(bad)[2])
            if text in line:
                return line[line.index(text):]

    def workloads(self):
        """(name, CPUs, what it does) of each workload."""
        self.say("list")
        found = []
        end = time.monotonic() + WORKLOAD_LIMIT
        while "@listed" not in (line := self.read_line(end)):
            if match := re.search(r"@workload (\w+) (\d+) (.*)", line):
                found.append((match[1], int(match[2]), match[3]))
        return found

    def run(self, name, repetitions, microseconds):
        """Runs a workload; gives its times for each unit."""
        self.say(f"run {name} {repetitions} {microseconds}")
        self.wait_for(f"@begin {name}", WORKLOAD_LIMIT)
        before = self.cpu_clock()
        self.say("")
        self.wait_for(f"@end {name}", WORKLOAD_LIMIT)
        spent = self.cpu_clock() - before
        self.say("")
        line = self.wait_for(f"@result {name}", WORKLOAD_LIMIT)
        result = {key: float(value) for key, value in re.findall(r"(\w+)=([0-9.]+)", line)}
        if self.engine.boots:  # the host's own processes are not this one alone
            result["cpu"] = spent / result["units"] / result["repetitions"]
        return result

    def diagnosis(self, text):
        self.log.seek(0)
        said = self.log.read().decode("utf-8", "replace").strip().splitlines()
        last = self.buffer.decode("utf-8", "replace").strip().splitlines()
        return "; ".join([text, *said[-3:], *last[-3:]])

    def close(self):
        """Ends the process, in order where that can be; returns Trine's statistics."""
        try:
            self.say("quit")
            self.process.communicate(timeout=30 * PATIENCE)
        except (Ended, subprocess.TimeoutExpired, ValueError):
            self.process.kill()
            self.process.communicate()
        try:
            return json.loads(Path(self.statistics_file.name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}


class Boot:
    """A guest: its files, and whether its own user space comes up before the workloads."""

    def __init__(self, isa, kernel, initrd, userland, memory="512M"):
        self.isa, self.kernel, self.initrd = isa, kernel, initrd
        self.userland, self.memory = userland, memory
        console = {"riscv64": "ttyS0", "arm64": "ttyAMA0", "x86_64": "ttyS0"}[isa]
        self.append = f"console={console} quiet loglevel=1 rdinit=/bench/bench "
        # The kernel hands on to its first program what stands behind the dashes.
        self.append += "trine.run=/bench/bench%20serve -- first" if userland else "-- only"


def native(program):
    version = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout
    return Engine("native", version.strip(), lambda cpus, statistics: [program, "serve"], None)


def trine(vm, name, boot):
    def command(cpus, statistics):
        return [vm, "run", "--kernel", boot.kernel, "--initrd", boot.initrd, "--engine", name,
                "--memory", boot.memory, "--smp", str(cpus), "--append", boot.append,
                "--stats", f"json:{statistics}"]
    return Engine(name, "", command, boot)


def trine_engines(vm):
    """The engines that the program was built with."""
    info = subprocess.run([vm, "info"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\w+", re.search(r"^engines +(.*)$", info, re.M)[1])


QEMU_MACHINES = {"riscv64": ("riscv64", ["-machine", "virt"]),
                 "arm64": ("aarch64", ["-machine", "virt", "-cpu", "max"]),
                 "x86_64": ("x86_64", ["-machine", "q35", "-cpu", "max"])}


def qemu_program(isa):
    return f"qemu-system-{QEMU_MACHINES[isa][0]}"


def qemu(program, boot):
    """QEMU's translator with what it takes by default."""
    text = subprocess.run([program, "--version"], capture_output=True, text=True,
                          check=True).stdout
    version = re.search(r"version (\d+\.\d+\.\d+)", text)[1]

    def command(cpus, statistics):
        del statistics
        return [program, *QEMU_MACHINES[boot.isa][1], "-accel", "tcg", "-smp", str(cpus),
                "-m", boot.memory, "-kernel", boot.kernel, "-initrd", boot.initrd,
                "-append", boot.append, "-display", "none", "-monitor", "none", "-nic", "none",
                "-serial", "stdio", "-no-reboot"]
    return Engine(f"qemu-{version}", version, command, boot)
