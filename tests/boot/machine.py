# SPDX-License-Identifier: MIT
"""What the drivers of booted guests share: the machine with its shell, and the bench of several."""

import hashlib
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

# A build with a sanitizer is slow: run-tests says how much more time there is.
PATIENCE = float(os.environ.get("TRINE_TIMEOUT_FACTOR", "1"))
BOOT_LIMIT = 240 * PATIENCE    # seconds from start to prompt; a busy machine needs a tenth
COMMAND_LIMIT = 60 * PATIENCE  # from a command to the next prompt
PROMPT = b"~ # "
MARK = "trine-mark"
# The serial port's name in the guest's kernel.
SERIAL = {"riscv64": "ttyS0", "arm64": "ttyAMA0", "x86_64": "ttyS0"}
UNAME = {"riscv64": "riscv64", "arm64": "aarch64", "x86_64": "x86_64"}
# What a healthy kernel never prints.
TROUBLE = re.compile(rb"Oops|BUG:|WARNING:|Call Trace|Kernel panic|detected stall|Unable to handle|"
                     rb"segfault|unhandled signal|soft lockup|Machine check")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Console:
    """A running virtual machine whose console are pipes, with a shell that prints `prompt`."""

    def __init__(self, command, prompt=PROMPT):
        self.prompt = prompt
        self.output = b""
        self.read_upto = 0
        self.log = tempfile.TemporaryFile()  # what the program says: more than a pipe may hold
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log)

    def wait_for(self, text, limit):
        """Everything from the last find up to `text`."""
        end = time.monotonic() + limit
        while (at := self.output.find(text, self.read_upto)) < 0:
            left = end - time.monotonic()
            assert left > 0, f"{text} did not come within {limit} s\n{self.tail()}"
            if select.select([self.process.stdout], [], [], min(left, 1))[0]:
                got = os.read(self.process.stdout.fileno(), 65536)
                assert got, f"the machine ended before {text}\n{self.tail()}\n{self.error}"
                self.output += got
        found = self.output[self.read_upto:at]
        self.read_upto = at + len(text)
        return found

    def type(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, command, limit=COMMAND_LIMIT):
        """What a shell command prints. The echo of the line that is typed does not hold the mark
        in one piece."""
        half = len(MARK) // 2
        self.type(f"{command}; echo {MARK[:half]}''{MARK[half:]} $?")
        self.wait_for(b"\n", limit)
        text = self.wait_for(MARK.encode(), limit)
        status = self.wait_for(b"\n", limit).strip()
        assert status == b"0", f"{command}: status {status}\n{self.tail()}"
        self.wait_for(self.prompt, limit)
        return text.replace(b"\r", b"").decode("utf-8", "replace")

    def end(self, limit=COMMAND_LIMIT):
        """Reads on to the end; returns the exit status."""
        try:
            out, _ = self.process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as expired:
            self.output += expired.stdout or b""
            raise AssertionError(f"no end within {limit} s\n{self.tail()}") from None
        self.output += out
        trouble = TROUBLE.search(self.output)
        assert not trouble, f"the kernel is not well:\n{self.after(trouble)}\n{self.tail(200)}"
        return self.process.returncode

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        return self.error

    @property
    def error(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")

    def after(self, trouble, lines=40):
        """What the guest has said from that line on, which may be long ago."""
        text = self.output[self.output.rfind(b"\n", 0, trouble.start()) + 1:]
        return "\n".join(text.decode("utf-8", "replace").splitlines()[:lines])

    def tail(self, lines=40):
        return "\n".join(self.output.decode("utf-8", "replace").splitlines()[-lines:])


class Machine(Console):
    """A running vm-cli with one of the guests that tools/guests makes."""

    def __init__(self, vm, guest, *options):
        super().__init__([vm, "run", "--kernel", guest / "kernel", "--initrd", guest / "initrd",
                          *options])


class Bench:
    """What several machines use one after the other, and the one that runs."""

    command_limit = COMMAND_LIMIT

    def __init__(self, name, vm):
        self.vm = vm
        self.directory = Path(tempfile.mkdtemp(prefix=f"trine-{name}-"))
        self.machine = None

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)

    def boot(self, guest, *options):
        """Starts one of the guests that tools/guests makes, up to its prompt."""
        self.machine = Machine(self.vm, guest, *options)
        begin = time.monotonic()
        self.machine.wait_for(PROMPT, BOOT_LIMIT)
        self.run("stty columns 500")  # no line that is typed is broken
        print(f"# {time.monotonic() - begin:.1f} s to the prompt", flush=True)

    def run(self, command, limit=None):
        return self.machine.run(command, limit or self.command_limit).strip()

    def ends_after(self, command):
        self.machine.type(command)
        assert self.machine.end(self.command_limit) == 0, self.machine.error

    def powers_off(self):
        self.ends_after("poweroff -f")
