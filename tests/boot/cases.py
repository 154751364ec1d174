# SPDX-License-Identifier: MIT
"""Cases of booted guests, printed as TAP: each with a machine of its own, or many checks of one."""

import sys
import time
import traceback


class Skip(Exception):
    """A check cannot run here; the text says why."""


class Report:
    def __init__(self):
        self.number = self.failed = 0

    def add(self, name, check):
        """Runs one check; False if it failed."""
        self.number += 1
        begin, fault, cause = time.monotonic(), "", ""
        try:
            check()
        except Skip as why:
            cause = f" SKIP {why}"
        except Exception:  # whatever it is, the check has failed
            fault = traceback.format_exc().strip()
            self.failed += 1
        cause = cause or f" {time.monotonic() - begin:.1f} s"
        print(f"{'not ok' if fault else 'ok'} {self.number} {name} #{cause}")
        if fault:
            print("# " + fault.replace("\n", "\n# "))
        sys.stdout.flush()
        return not fault


def run_machine(report, bench, name, checks):
    """The machine boots when the first check is asked for. One that hangs is not asked again."""
    found = []
    try:
        if not report.add(f"{name}-boots", lambda: found.append(next(checks))):
            return
        for check in [*found, *checks]:
            word = check.__name__.replace("_", "-")
            if not report.add(f"{name}-{word}", check) and bench.machine.process.poll() is None:
                break
    finally:
        if bench.machine:
            log = bench.machine.kill()
            if report.failed:
                print("# " + log.strip()[-4000:].replace("\n", "\n# "))


def run_machines(bench, wanted=()):
    """Runs the machines of a bench, or those whose names begin with one of `wanted`; returns the
    exit status."""
    report = Report()
    try:
        for name, checks in bench.machines():
            if not wanted or name.startswith(tuple(wanted)):
                run_machine(report, bench, name, checks)
    finally:
        bench.close()
    print(f"1..{report.number}")
    return 1 if report.failed else 0


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


def skip(cause):
    """Ends the program as skipped."""
    print(f"1..0 # SKIP {cause}")
    sys.exit(77)


def skip_without(files):
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        skip(f"{', '.join(missing)} is missing: run make guests")
