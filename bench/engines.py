# SPDX-License-Identifier: MIT
"""What runs workloads: the host itself, Trine's engines and QEMU, each a process whose standard
input and output are a console on which bench/guest/bench.c is talked to.

CPU time is the process's own clock, read while the guest waits for a line, so that it is exact and
load from others does not count."""

import json
import os
import re
import select
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

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


class Workload(NamedTuple):
    name: str
    cpus: int
    repetitions: int  # of one unit, without a rehearsal; 0: as many as one likes
    what: str


class Boot(NamedTuple):
    """A guest: its files, and the rows of the report that its start gives, each with the line that
    ends it."""
    isa: str
    kernel: Path
    initrd: Path  # or None
    append: str
    steps: list
    disk: Path = None  # or none; read only
    memory: str = "512M"


def linux(isa, kernel, initrd, userland, disk):
    """A stock guest. With userland, its own first program comes between the kernel and the
    workloads."""
    console = {"riscv64": "ttyS0", "arm64": "ttyAMA0", "x86_64": "ttyS0"}[isa]
    # The kernel hands on to its first program what stands behind the dashes.
    last = "trine.run=/bench/bench%20serve -- first" if userland else "-- only"
    append = f"console={console} quiet loglevel=1 rdinit=/bench/bench {last}"
    return Boot(isa, kernel, initrd, append,
                [("boot_kernel", "@kernel"), ("boot_userland" if userland else "", "@ready")], disk)


def bare(isa, program):
    """A guest without a kernel."""
    return Boot(isa, program, None, "", [("boot_bare", "@ready")])


class Engine(NamedTuple):
    """A way to run the workloads."""
    name: str
    command: object                # from a boot, a number of CPUs and a path for statistics
    counts_children: bool = False  # the program's work is done by children that it counts itself


class Session:
    """A process that has been started and takes orders. Times are in nanoseconds."""

    def __init__(self, engine, boot, cpus):
        self.engine, self.guest, self.cpus = engine, boot, cpus
        self.buffer = b""
        self.log = tempfile.TemporaryFile()  # a diagnosis when something goes wrong
        self.statistics_file = tempfile.NamedTemporaryFile(prefix="trine-bench-")
        self.boot = {}
        begin = time.monotonic_ns()
        self.process = subprocess.Popen(engine.command(boot, cpus, self.statistics_file.name),
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)
        try:
            self.come_up(begin)
        except BaseException:
            self.close()
            raise

    def come_up(self, begin):
        cpu = 0
        for row, line in self.guest.steps if self.guest else [("", "@ready")]:
            self.wait_for(line, BOOT_LIMIT)
            now = self.cpu_clock()
            if row:
                self.boot[row] = {"wall": time.monotonic_ns() - begin, "cpu": now - cpu}
            begin, cpu = time.monotonic_ns(), now
            if line == "@kernel":
                self.say("")
        self.settle()

    def settle(self):
        """Waits until a kernel has done what it puts off until after its start."""
        for _ in range(50):
            before = self.cpu_clock()
            time.sleep(0.1)
            if self.cpu_clock() - before < 5e6:
                return

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
        """All that there are."""
        self.say("list")
        found = []
        end = time.monotonic() + WORKLOAD_LIMIT
        while "@listed" not in (line := self.read_line(end)):
            if match := re.search(r"@workload (\w+) (\d+) (\d+) (.*)", line):
                found.append(Workload(match[1], int(match[2]), int(match[3]), match[4]))
        return found

    def run(self, workload, repetitions, nanoseconds):
        """Runs a workload, each repetition for about so long; gives its times for each unit."""
        self.say(f"run {workload.name}")
        self.wait_for(f"@begin {workload.name}", WORKLOAD_LIMIT)
        if workload.repetitions:
            results = [self.order(workload, 1, 0) for _ in range(workload.repetitions)]
        else:
            units = self.rehearse(workload, nanoseconds)
            # What the talk itself costs.
            cost = min(self.order(workload, 0, 0)["spent"] for _ in range(3))
            results = [self.order(workload, units, cost) for _ in range(repetitions)]
        self.say("end")
        units = results[0]["units"]
        times = [result["time"] / units for result in results]
        return {"units": units, "repetitions": len(results), "minimum": min(times),
                "median": statistics.median(times),
                "cpu": min(result["spent"] for result in results) / units}

    def rehearse(self, workload, nanoseconds):
        """How many units take this long. On the way, code is translated and caches are filled."""
        units = 1
        for round_number in range(20):
            spent = self.order(workload, units, 0)["spent"]
            fitting = max(1, int(nanoseconds * units / spent))
            if round_number and spent * 2 >= nanoseconds:
                return fitting
            # The first round's time is mostly translation, or mostly talk.
            units = min(fitting, units * 8)
        return units

    def order(self, workload, units, cost):
        """Runs units once, and measures; "spent" is the CPU time for all of them, without the cost
        of the talk."""
        before = self.cpu_clock()
        self.say(f"{units}")
        line = self.wait_for(f"@result {workload.name}", WORKLOAD_LIMIT)
        spent = self.cpu_clock() - before
        spent = max(spent - min(cost, spent // 4), 1)
        result = {key: float(value) for key, value in re.findall(r"(\w+)=([0-9.]+)", line)}
        if self.engine.counts_children:
            spent = max(result["cpu"], 1)
        return {"units": units, "spent": spent, "time": result["time"]}

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


def guest_files(boot, dash):
    files = {"kernel": boot.kernel, "initrd": boot.initrd, "append": boot.append}
    return [word for name, value in files.items() if value for word in (dash + name, value)]


def doubled(path):
    """A file's name as both programs want it in a list: with its commas twice."""
    return str(path).replace(",", ",,")


def native(program):
    return Engine("native", lambda boot, cpus, log: [program, "serve"], True)


def trine(vm, name):
    def command(boot, cpus, log):
        disk = ["--virtio-blk", f"{doubled(boot.disk)},readonly"] if boot.disk else []
        return [vm, "run", *guest_files(boot, "--"), *disk, "--engine", name,
                "--memory", boot.memory,
                "--smp", str(cpus), "--stats", f"json:{log}"]
    return Engine(name, command)


def trine_engines(vm):
    """The engines that the program was built with."""
    info = subprocess.run([vm, "info"], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\w+", re.search(r"^engines +(.*)$", info, re.M)[1])


QEMU_MACHINES = {"riscv64": ("riscv64", ["-machine", "virt"]),
                 "arm64": ("aarch64", ["-machine", "virt", "-cpu", "max"]),
                 "x86_64": ("x86_64", ["-machine", "q35", "-cpu", "max"])}


def qemu_program(isa):
    return f"qemu-system-{QEMU_MACHINES[isa][0]}"


def qemu(program):
    """QEMU's translator with what it takes by default."""
    text = subprocess.run([program, "--version"], capture_output=True, text=True,
                          check=True).stdout
    version = re.search(r"version (\d+\.\d+\.\d+)", text)[1]

    def command(boot, cpus, log):
        del log
        drive = f"file={doubled(boot.disk)},format=raw,if=none,id=disk,readonly=on"
        disk = ["-drive", drive, "-device", "virtio-blk-pci,drive=disk"] if boot.disk else []
        return [program, *QEMU_MACHINES[boot.isa][1], "-accel", "tcg", "-smp", str(cpus),
                "-m", boot.memory, *guest_files(boot, "-"), *disk, "-display", "none",
                "-monitor", "none", "-nic", "none", "-serial", "stdio", "-no-reboot"]
    return Engine(f"qemu-{version}", command)
