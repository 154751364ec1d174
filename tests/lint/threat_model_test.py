#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/threat-model.md names, as `file: case`, the test that shows each of its claims. Every such
test must be there.

    threat_model_test.py SOURCE-ROOT"""

import re
import sys
from pathlib import Path

FEWEST = 50  # references; fewer mean that this no longer finds them


def missing(root, file, case):
    path = root / file
    if not path.is_file():
        return "there is no such file"
    word = re.search(rf"\b{re.escape(case)}\(", path.read_text(encoding="utf-8"))
    return None if word else "it has no such case"


def main():
    root = Path(sys.argv[1])
    text = (root / "docs/threat-model.md").read_text(encoding="utf-8")
    references = re.findall(r"`(tests/[\w./-]+): (\w+)`", text)
    faults = [f"{file}: {case}: {why}" for file, case in references
              if (why := missing(root, file, case))]
    if len(references) < FEWEST:
        faults.append(f"only {len(references)} tests are named")
    for fault in faults:
        print(f"docs/threat-model.md: {fault}")
    sys.exit(1 if faults else 0)


main()
