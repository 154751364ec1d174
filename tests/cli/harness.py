# SPDX-License-Identifier: MIT
"""What the drivers of vm-cli share: test cases whose verdicts are printed as TAP, and ways to run
the program.

A driver is called with the program's path and calls main(). A case is a function marked @case; it
fails by an exception (an assert), and is skipped by raising Skip with the cause."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

LIMIT = 60  # seconds that any run may take; none takes near as long
CASES = []


class Skip(Exception):
    """A case cannot run here; the text says why."""


def case(function):
    CASES.append(function)
    return function


def main():
    failed = 0
    print(f"1..{len(CASES)}", flush=True)
    for number, function in enumerate(CASES, 1):
        name = function.__name__.replace("_", "-")
        start = time.monotonic()
        try:
            function()
        except Skip as skip:
            print(f"ok {number} {name} # SKIP {skip}", flush=True)
        except Exception:  # whatever it is, the case has failed
            failed += 1
            print(f"not ok {number} {name}")
            print("# " + traceback.format_exc().strip().replace("\n", "\n# "), flush=True)
        else:
            print(f"ok {number} {name} # {time.monotonic() - start:.2f} s", flush=True)
    shutil.rmtree(scratch_directory(), ignore_errors=True)
    sys.exit(1 if failed else 0)


def program():
    return os.path.abspath(sys.argv[1])


def scratch_directory():
    if not hasattr(scratch_directory, "path"):
        scratch_directory.path = Path(tempfile.mkdtemp(prefix="trine-test-"))
    return scratch_directory.path


def write_file(name, contents):
    """A file in the scratch directory; returns its path as text."""
    path = scratch_directory() / name
    path.write_bytes(contents.encode() if isinstance(contents, str) else contents)
    return str(path)


class Result:
    def __init__(self, process, stdout, stderr):
        self.status, self.out, self.err = process.returncode, stdout, stderr

    def __repr__(self):
        return (f"status {self.status}\n--- stdout\n{self.out.decode('utf-8', 'replace')}"
                f"\n--- stderr\n{self.err.decode('utf-8', 'replace')}")

    @property
    def error_lines(self):
        return self.err.decode("utf-8", "replace").splitlines()


def vm(*arguments, stdin=b"", **options):
    """Runs vm-cli to its end. stdin: bytes, or a file."""
    if isinstance(stdin, bytes):
        options["input"] = stdin
    else:
        options["stdin"] = stdin
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    process = subprocess.run([program(), *map(str, arguments)], timeout=LIMIT, check=False,
                             **options)
    return Result(process, process.stdout or b"", process.stderr or b"")


def engines():
    """The engines of the build."""
    line = re.search(rb"^engines +(.*)$", vm("info").out, re.M)[1].decode()
    return re.findall(r"interpreter|jit", line)


def start(*arguments, **options):
    for stream in ("stdin", "stdout", "stderr"):
        options.setdefault(stream, subprocess.PIPE)
    return subprocess.Popen([program(), *map(str, arguments)], **options)


def finish(process, stdin=None):
    out, err = process.communicate(stdin, timeout=LIMIT)
    return Result(process, out or b"", err or b"")


def refused(result, status, *patterns):
    """The run ended with `status` and exactly one line on standard error, an error that matches
    every pattern. Nothing went to standard output."""
    assert result.status == status, result
    assert result.out == b"", result
    assert len(result.error_lines) == 1, result
    line = result.error_lines[0]
    assert line.startswith("vm-cli: error: "), result
    for pattern in patterns:
        assert re.search(pattern, line), f"/{pattern}/ is not in: {line}"
    assert len(line) < 600 and line.isprintable(), result
    return line


def eventually(condition, what, limit=LIMIT):
    """Waits until condition() is true; returns what it gave."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what}: not within {limit} s")
