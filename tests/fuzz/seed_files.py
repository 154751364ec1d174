# SPDX-License-Identifier: MIT
"""What the scripts share that write the seeds of a fuzz target."""

import pathlib
import sys


def main(seeds):
    """Writes the seeds, contents by name, into the directory that the command line names."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: {pathlib.Path(sys.argv[0]).name} DIRECTORY")
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    for name, data in seeds.items():
        (directory / name).write_bytes(data)
