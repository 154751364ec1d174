# SPDX-License-Identifier: MIT
"""What the drivers of booted guests share: the machine with its shell, and cases printed as TAP."""

import os
import re
import select
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

# A build with a sanitizer is slow: run-tests says how much more time there is.
PATIENCE = float(os.environ.get("TRINE_TIMEOUT_FACTOR", "1"))
BOOT_LIMIT = 240 * PATIENCE    # seconds from start to prompt; a busy machine needs a tenth
COMMAND_LIMIT = 60 * PATIENCE  # from a command to the next prompt
PROMPT = b"~ # "
MARK = "trine-mark"
# What a healthy kernel never prints.
TROUBLE = re.compile(rb"Oops|BUG:|WARNING:|Call Trace|Kernel panic|detected stall|Unable to handle|"
                     rb"segfault|unhandled signal|soft lockup|Machine check")


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
        assert not trouble, f"the kernel is not well: {trouble.group()}\n{self.tail(200)}"
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

    def tail(self, lines=40):
        return "\n".join(self.output.decode("utf-8", "replace").splitlines()[-lines:])


class Machine(Console):
    """A running vm-cli with one of the guests that tools/guests makes."""

    def __init__(self, vm, guest, *options):
        super().__init__([vm, "run", "--kernel", guest / "kernel", "--initrd", guest / "initrd",
                          *options])


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


def run_cases(cases):
    """Runs (name, steps) one after the other and prints their verdicts; returns the exit status."""
    failed = number = 0
    for number, (name, steps) in enumerate(cases, 1):
        begin = time.monotonic()
        fault = run_case(steps)
        print(f"{'not ok' if fault else 'ok'} {number} {name} # {time.monotonic() - begin:.1f} s")
        if fault:
            failed += 1
            print("# " + fault.strip().replace("\n", "\n# "))
        sys.stdout.flush()
    print(f"1..{number}")
    return 1 if failed else 0


def skip_without(files):
    """Ends the program as skipped when one of the files is not there."""
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        print(f"1..0 # SKIP {', '.join(missing)} is missing: run make guests")
        sys.exit(77)
