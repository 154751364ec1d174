# SPDX-License-Identifier: MIT
"""From measurements to figures: medians, ratios with intervals, and whether the marks are met."""

import math
import statistics
from typing import NamedTuple

# Student's t for a two-sided 95 % interval, by degrees of freedom.
STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14)
NO_SLOWER = 0.97  # of the peer's speed, with noise allowed for

# What each mark asks of the rows that it names: how many times as fast as QEMU. "Geometric" marks
# are for all their rows together.
HOT_INTEGER = ("alu alu32 muldiv chase_l1 chase_l2 copy copy_words string sort qsort hash sha256 "
               "crc crc_bits interp interp_labels lanes_sad lanes_blend lanes_dot").split()


class Mark(NamedTuple):
    name: str
    least: float
    rows: list
    geometric: bool = False


MARKS = (
    Mark("hot integer loops, geometric mean", 2, HOT_INTEGER, geometric=True),
    Mark("CoreMark", 2.5, ["coremark"]),
    Mark("recursion and indirect calls", 4,
         ["recursion", "recursion_tak", "indirect", "indirect_same"]),
    Mark("scalar floating point", 12,
         ["nbody", "mandelbrot", "matmul_f32", "matmul_f64", "fp_mix"]),
    Mark("SIMD and cryptography", 15,
         "neon_saxpy neon_bytes neon_mac neon_dot neon_shuffle neon_aes neon_sha256".split()),
    Mark("traps", 8, ["syscall", "trap", "fault", "bare_trap", "bare_svc"]),
    Mark("page-fault storm, fork and exec", 3, ["pagefault", "pagefault_copy", "fork", "exec"]),
    Mark("code written at run time", 8, ["code_new", "code_changed"]),
    Mark("cold code", 4, ["cold"]),
    Mark("boot to user space", 2, ["boot_kernel", "boot_userland"]),
)


class Ratio(NamedTuple):
    """A ratio with its 95 % interval; the interval of one round is unknown."""
    value: float
    low: float
    high: float

    def __str__(self):
        interval = "" if math.isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]"
        return f"{self.value:.2f}{interval}"

    def reaches(self, least):
        """True or False when the interval says so, else None. What one round says is taken."""
        low, high = (self.value,) * 2 if math.isnan(self.low) else (self.low, self.high)
        return True if low >= least else False if high < least else None


def ratio_of(values):
    """The geometric mean of ratios, each from within one round, and Student's interval of it."""
    logarithms = [math.log(value) for value in values]
    mean = statistics.fmean(logarithms)
    if len(logarithms) < 2:
        return Ratio(math.exp(mean), math.nan, math.nan)
    degrees = len(logarithms) - 1
    student = STUDENT[degrees - 1] if degrees <= len(STUDENT) else 2.0
    half = student * statistics.stdev(logarithms) / math.sqrt(len(logarithms))
    return Ratio(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


class Figures:
    """Measurements by engine, workload and round. The metric is "cpu" (time on the host's CPUs) or
    "minimum" or "median" (of the repetitions' times in the guest); of a boot, "cpu" or "wall"."""

    def __init__(self, metric):
        self.metric = metric
        self.rows = {}      # name of the workload: what it does, in the order of the report
        self.measured = {}  # (engine, workload): {round: {metric: ns}}
        self.failures = {}  # (engine, workload): cause

    def add(self, engine, row, number, result):
        self.measured.setdefault((engine, row), {})[number] = result

    def fail(self, engine, row, cause):
        self.failures.setdefault((engine, row), cause)

    def values(self, engine, row):
        """By round, in ns."""
        found = {}
        if (engine, row) in self.failures:
            return found
        for number, result in self.measured.get((engine, row), {}).items():
            value = result.get(self.metric, result.get("wall"))
            if value:
                found[number] = value
        return found

    def median(self, engine, row):
        values = self.values(engine, row)
        return statistics.median(values.values()) if values else None

    def peer(self, peers, row):
        """The fastest of the peers at this workload, or None."""
        timed = [(self.median(peer, row), peer) for peer in peers if self.median(peer, row)]
        return min(timed)[1] if timed else None

    def ratio(self, slower, faster, row):
        """How many times as fast the second is, or None."""
        ours, theirs = self.values(faster, row), self.values(slower, row)
        shared = [theirs[number] / ours[number] for number in ours if number in theirs]
        return ratio_of(shared) if shared else None

    def mean_ratio(self, peers, engine, rows):
        """The geometric mean over several rows, against the fastest peer of each."""
        rounds = {}
        for row in rows:
            theirs = self.values(self.peer(peers, row), row)
            for number, value in self.values(engine, row).items():
                if number in theirs:
                    rounds.setdefault(number, []).append(theirs[number] / value)
        complete = [ratio_of(values).value for values in rounds.values()
                    if len(values) == max(map(len, rounds.values()))]
        return ratio_of(complete) if complete else None


class Verdict(NamedTuple):
    mark: str
    row: str
    least: float
    ratio: Ratio
    met: object  # True, False, or None when noise hides it


def verdicts(figures, peers, engine):
    """What every mark says, and for rows without one whether they are no slower."""
    found, marked = [], set()
    for mark in MARKS:
        if mark.geometric:
            present = [row for row in mark.rows if figures.peer(peers, row)]
            mean = figures.mean_ratio(peers, engine, present)
            if mean:
                found.append(Verdict(mark.name, f"{len(present)} rows", mark.least, mean,
                                     mean.reaches(mark.least)))
            continue
        marked.update(mark.rows)
        found += [verdict for row in mark.rows
                  if (verdict := judge(figures, peers, engine, mark.name, mark.least, row))]
    found += [verdict for row in figures.rows if row not in marked
              if (verdict := judge(figures, peers, engine, "no slower", NO_SLOWER, row))]
    return found


def judge(figures, peers, engine, name, least, row):
    peer = figures.peer(peers, row)
    ratio = peer and figures.ratio(peer, engine, row)
    if not ratio:
        return None
    return Verdict(name, row, least, ratio, ratio.reaches(least))


def row_marks():
    """What each row has to reach by itself."""
    return {row: mark.least for mark in MARKS if not mark.geometric for row in mark.rows}
