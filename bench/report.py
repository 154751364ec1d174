# SPDX-License-Identifier: MIT
"""What a run of the bench leaves behind: a table, JSON, and a page of docs/benchmarks*.md."""

import json
import math

import figures as f

KEPT = "## What was tried"
MET = {True: "yes", False: "**no**", None: "unsure"}


class Context:
    """What a report says about its run besides the figures."""

    def __init__(self, isa, engines, subject, peers, facts):
        self.isa = isa          # the guest's instruction set
        self.engines = engines  # names, in the order of the columns
        self.subject = subject  # Trine's engine that is judged
        self.peers = peers      # names of QEMUs
        self.facts = facts      # text by text: host, date, commit and so on
        self.translation = {}   # engine: shares of translation in its run time, one for each boot


def time_text(nanoseconds):
    if nanoseconds is None:
        return "-"
    for unit, size in ("s", 1e9), ("ms", 1e6), ("µs", 1e3):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


def cell(figures, engine, row):
    if (engine, row) in figures.failures:
        return "failed"
    return time_text(figures.median(engine, row))


def columns(context):
    return ["workload", *context.engines, f"QEMU ÷ {context.subject}",
            f"native ÷ {context.subject}", "mark", "met"]


def row_cells(figures, context, row):
    marks = f.row_marks()
    peer = figures.peer(context.peers, row)
    ratio = figures.ratio(peer, context.subject, row) if peer else None
    native = figures.ratio(context.subject, "native", row)
    least = marks.get(row, f.NO_SLOWER)
    return [row, *(cell(figures, engine, row) for engine in context.engines),
            str(ratio) if ratio else "-", f"{1 / native.value:.2f}" if native else "-",
            f"{least:g}" if ratio else "-", MET[ratio.reaches(least)] if ratio else "-"]


def table(lines, markdown):
    """The first line is the head. In Markdown, or in columns for a terminal."""
    if markdown:
        head, *body = lines
        rule = ["---"] + ["---:"] * (len(head) - 1)
        return "\n".join("| " + " | ".join(line) + " |" for line in [head, rule, *body])
    lines = [[text.replace("*", "") for text in line] for line in lines]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(
        text.ljust(width) if i == 0 else text.rjust(width)
        for i, (text, width) in enumerate(zip(line, widths))) for line in lines)


def rows_table(figures, context, markdown):
    return table([columns(context), *(row_cells(figures, context, row) for row in figures.rows)],
                 markdown)


def marks_table(figures, context, markdown):
    lines = [["mark", "workload", "at least", "measured", "met"]]
    for v in f.verdicts(figures, context.peers, context.subject):
        if v.mark != "no slower" or v.met is not True:
            lines.append([v.mark, v.row, f"{v.least:g}", str(v.ratio), MET[v.met]])
    return table(lines, markdown) if len(lines) > 1 else ""


def summary(figures, context):
    found = f.verdicts(figures, context.peers, context.subject)
    if not found:
        return "There is no QEMU to compare with."
    counts = [sum(v.met is met for v in found) for met in (True, False, None)]
    return (f"Of {len(found)} marks {counts[0]} are met, {counts[1]} are missed, and {counts[2]} "
            "cannot be told for noise.")


def fact_lines(context):
    lines = list(context.facts.items())
    for engine, shares in context.translation.items():
        text = ", ".join(f"{share:.1%}" for share in shares)
        lines.append((f"time of {engine}'s translation ÷ its CPU time, by boot", text))
    return lines


def print_report(figures, context):
    for name, text in fact_lines(context):
        print(f"{name}: {text}")
    print()
    print(rows_table(figures, context, False))
    marks = marks_table(figures, context, False)
    print(f"\n{marks}\n" if marks else "")
    print(summary(figures, context))
    for (engine, row), cause in figures.failures.items():
        print(f"failed: {row} on {engine}: {cause}")


def clean(value):
    return None if isinstance(value, float) and math.isnan(value) else value


def write_json(figures, context, path):
    rows = {}
    for row, what in figures.rows.items():
        peer = figures.peer(context.peers, row)
        ratio = figures.ratio(peer, context.subject, row) if peer else None
        rows[row] = {
            "what": what, "peer": peer,
            "ratio": [clean(value) for value in ratio] if ratio else None,
            "engines": {engine: {"median": figures.median(engine, row),
                                 "rounds": figures.measured.get((engine, row), {}),
                                 "failure": figures.failures.get((engine, row))}
                        for engine in context.engines}}
    marks = [{"mark": v.mark, "row": v.row, "least": v.least, "met": v.met,
              "ratio": [clean(value) for value in v.ratio]}
             for v in f.verdicts(figures, context.peers, context.subject)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"facts": context.facts, "metric": figures.metric,
                                "unit": "ns for each unit of work", "subject": context.subject,
                                "translation": context.translation, "rows": rows, "marks": marks},
                               indent=1) + "\n", encoding="utf-8")


PAGE = """# Benchmarks: {isa}

`make bench` runs this and writes this page; only the last section is written by hand.
[testing.md](testing.md) says how it measures; the workloads are in `bench/guest`.

{facts}

{summary}

Times are medians over the rounds, for one unit of work (what that is stands in the last table).
QEMU is, workload by workload, the fastest of those that were measured. Ratios are geometric means
of the ratios within each round, with a 95 % interval by Student's t. A mark is met when the whole
interval is on its side, missed when the whole interval is on the other, and unsure otherwise; a
single round has no interval. A workload that has no mark of its own must be no slower: {no_slower}.

## Marks

What is no slower, without a mark of its own, is left out here.

{marks}

## Workloads

{rows}

{failures}| workload | a unit is |
| --- | --- |
{what}

{kept}"""

FIRST_KEPT = f"""{KEPT}

No figure has been followed up yet.
"""


def write_page(figures, context, path):
    """Writes the page anew, but for the part that is written by hand."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    kept = old[old.index(KEPT):] if KEPT in old else FIRST_KEPT
    failures = "".join(f"- failed: `{row}` on {engine}: {cause}\n"
                       for (engine, row), cause in figures.failures.items())
    path.write_text(PAGE.format(
        isa=context.isa,
        facts="\n".join(f"- {name}: {text}" for name, text in fact_lines(context)),
        summary=summary(figures, context), no_slower=f.NO_SLOWER,
        marks=marks_table(figures, context, True) or "There was no QEMU to compare with.",
        rows=rows_table(figures, context, True), failures=failures + "\n" if failures else "",
        what="\n".join(f"| {row} | {what} |" for row, what in figures.rows.items()),
        kept=kept), encoding="utf-8")
