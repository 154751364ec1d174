#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests the arithmetic and the page of the bench by figures that were worked out by hand.

    figures_test.py BENCH-DIRECTORY"""

import math
import sys
import tempfile
import traceback
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import figures as f  # noqa: E402  (the path is an argument)
import report  # noqa: E402


def sample():
    """Two rounds of three rows: we take half of the time, as much, and fail."""
    figures = f.Figures("cpu")
    figures.rows = {"alu": "a", "cold": "c", "clock": "k"}
    for number in range(2):
        for row, ours, theirs in ("alu", 10, 20), ("cold", 10, 10), ("clock", 10, 10):
            figures.add("jit", row, number, {"cpu": ours * (1 + number)})
            figures.add("qemu-1", row, number, {"cpu": theirs * (1 + number)})
            figures.add("qemu-2", row, number, {"cpu": 2 * theirs})
    figures.fail("jit", "clock", "wrong result")
    return figures


def make_context():
    return report.Context("riscv64", ["jit", "qemu-1", "qemu-2"], "jit", ["qemu-1", "qemu-2"],
                          {"host": "a host"})


def close(found, expected):
    assert math.isclose(found, expected, rel_tol=1e-3), (found, expected)


def ratio_is_a_geometric_mean():
    ratio = f.ratio_of([1, 4])
    close(ratio.value, 2)
    # The logarithms' deviation is ln 4 / sqrt 2, so half of the interval is 12.71 ln 2.
    close(math.log(ratio.high / ratio.value), 12.71 * math.log(2))
    close(ratio.value / ratio.low, ratio.high / ratio.value)


def interval_of_one_round_is_unknown():
    ratio = f.ratio_of([3])
    assert math.isnan(ratio.low) and str(ratio) == "3.00"
    assert ratio.reaches(3) is True and ratio.reaches(3.1) is False


def noise_leaves_a_mark_unsure():
    assert f.Ratio(2, 1.9, 2.1).reaches(2) is None
    assert f.Ratio(2, 1.9, 2.1).reaches(1.9) is True
    assert f.Ratio(2, 1.9, 2.1).reaches(2.2) is False


def ratio_is_taken_within_rounds():
    ratio = sample().ratio("qemu-1", "jit", "alu")
    close(ratio.value, 2)
    close(ratio.low, 2)


def peer_is_the_fastest():
    figures = sample()
    assert figures.peer(["qemu-1", "qemu-2"], "alu") == "qemu-1"
    assert figures.peer(["qemu-1"], "nothing") is None


def failed_row_has_no_figures():
    assert sample().median("jit", "clock") is None


def marks_are_judged():
    found = {v.row: v.met for v in f.verdicts(sample(), ["qemu-1", "qemu-2"], "jit")}
    # The geometric mean of the hot integer loops is alu's 2; alu is also no slower.
    assert found == {"1 rows": True, "alu": True, "cold": False}, found


def page_keeps_what_is_written_by_hand():
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "benchmarks.md"
        report.write_page(sample(), make_context(), path)
        text = path.read_text(encoding="utf-8")
        assert "| alu | 10 ns |" in text.replace("15 ns", "10 ns"), text
        assert "wrong result" in text
        text = text[:text.index("## What was tried")] + "## What was tried\n\nMuch was tried.\n"
        path.write_text(text, encoding="utf-8")
        report.write_page(sample(), make_context(), path)
        assert path.read_text(encoding="utf-8").endswith("## What was tried\n\nMuch was tried.\n")


def json_has_no_nan():
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.json"
        figures = sample()
        figures.measured = {key: {0: rounds[0]} for key, rounds in figures.measured.items()}
        report.write_json(figures, make_context(), path)
        assert "NaN" not in path.read_text(encoding="utf-8")


def main():
    tests = [ratio_is_a_geometric_mean, interval_of_one_round_is_unknown,
             noise_leaves_a_mark_unsure, ratio_is_taken_within_rounds, peer_is_the_fastest,
             failed_row_has_no_figures, marks_are_judged, page_keeps_what_is_written_by_hand,
             json_has_no_nan]
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} {test.__name__}")
        except Exception:  # whatever it is, the test has failed
            failed += 1
            print(f"not ok {number} {test.__name__}")
            print("# " + traceback.format_exc().replace("\n", "\n# "))
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
