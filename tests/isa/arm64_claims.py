#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether vm-cli's ID registers of A64 claim what there is, and nothing else.

Usage: arm64_claims.py EXTENSIONS VM-CLI [--engine NAME]

EXTENSIONS is the frontend's extensions.def. On every CPU that vm-cli knows, and on "max" without
each of the extensions, a program reads the ID registers and executes an instruction of each claim
that they could make: those that are not claimed must be UNDEFINED, the others must not. The program
runs on QEMU too, where that is installed, to see that this table is right. Exit status: 0 when all
is as claimed, 1 otherwise, 77 when there is no assembler.

CLAIMS has a row for each: the feature, the ID register, the lowest bit of the field, the least
value that claims it, the instruction. The instruction, executed at EL1, is UNDEFINED without the
feature; with it, it may do or trap whatever else. Fields of 4 bits are unsigned; those in SIGNED
are signed: 0xf means that there is nothing. Features that change no instruction have no row: CNP,
HAFDBS, HPDS, E0PD, CSV2, CSV3, LPA, LVA, TTST, BTI's and those of EL2 and EL3."""

import argparse
import re
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import arm64_privileged_test as privileged  # noqa: E402  (found by the line above)

MODELS = ("max", "cortex-a53", "cortex-a55", "cortex-a57", "cortex-a72", "cortex-a76",
          "neoverse-n1")

# x1 holds an aligned address of memory, x5 is 0.
CLAIMS = (
    # ID_AA64ISAR0_EL1
    ("aes", "ISAR0", 4, 1, 0x4E284820),
    ("pmull", "ISAR0", 4, 2, 0x0EE2E020),
    ("sha1", "ISAR0", 8, 1, 0x5E280820),
    ("sha256", "ISAR0", 12, 1, 0x5E282820),
    ("sha512", "ISAR0", 12, 2, 0xCEC08020),
    ("crc32", "ISAR0", 16, 1, 0x1AC24020),
    ("lse", "ISAR0", 20, 2, 0xF8220023),
    ("lse128", "ISAR0", 20, 3, 0x19221024),
    ("tme", "ISAR0", 24, 1, 0xD5233060),
    ("rdm", "ISAR0", 28, 1, 0x2E828420),
    ("sha3", "ISAR0", 32, 1, 0xCE020C20),
    ("sm3", "ISAR0", 36, 1, 0xCE63C041),
    ("sm4", "ISAR0", 40, 1, 0xCEC08420),
    ("dotprod", "ISAR0", 44, 1, 0x0E829420),
    ("fhm", "ISAR0", 48, 1, 0x0E22EC20),
    ("flagm", "ISAR0", 52, 1, 0xD500401F),
    ("flagm2", "ISAR0", 52, 2, 0xD500405F),
    ("tlbios", "ISAR0", 56, 1, 0xD508811F),
    ("tlbirange", "ISAR0", 56, 2, 0xD508863F),
    ("rng", "ISAR0", 60, 1, 0xD53B2400),
    # ID_AA64ISAR1_EL1
    ("dpb", "ISAR1", 0, 1, 0xD50B7C21),
    ("dpb2", "ISAR1", 0, 2, 0xD50B7D21),
    ("jscvt", "ISAR1", 12, 1, 0x1E7E0020),
    ("fcma", "ISAR1", 16, 1, 0x2E82C420),
    ("lrcpc", "ISAR1", 20, 1, 0xF8BFC023),
    ("lrcpc2", "ISAR1", 20, 2, 0xD9400023),
    ("lrcpc3", "ISAR1", 20, 3, 0xD9441823),
    ("pauth", "ISAR1", (4, 8), 1, 0xDAC10043),
    ("pauth, generic", "ISAR1", (24, 28), 1, 0x9AC23043),
    ("frintts", "ISAR1", 32, 1, 0x1E684020),
    ("sb", "ISAR1", 36, 1, 0xD50330FF),
    ("specres", "ISAR1", 40, 1, 0xD50B7382),
    ("specres2", "ISAR1", 40, 2, 0xD50B73C2),
    ("bf16", "ISAR1", 44, 1, 0x1E634020),
    ("i8mm", "ISAR1", 52, 1, 0x4E82A420),
    ("xs", "ISAR1", 56, 1, 0xD503323F),
    ("ls64", "ISAR1", 60, 1, 0xF83FD028),
    # ID_AA64ISAR2_EL1
    ("wfxt", "ISAR2", 0, 2, 0xD503101F),
    ("mops", "ISAR2", 16, 1, 0x19C204A3),
    ("hbc", "ISAR2", 20, 1, 0x54000030),
    ("cssc", "ISAR2", 52, 1, 0xDAC02043),
    # ID_AA64PFR0_EL1
    ("fp", "PFR0", 16, 0, 0x1E622820),
    ("fp16", "PFR0", 16, 1, 0x1EE22820),
    ("asimd", "PFR0", 20, 0, 0x4E228420),
    ("asimd fp16", "PFR0", 20, 1, 0x4E421420),
    ("gic", "PFR0", 24, 1, 0xD5384603),
    ("ras", "PFR0", 28, 1, 0xD5385303),
    ("sve", "PFR0", 32, 1, 0x04BF5023),
    ("mpam", "PFR0", 40, 1, 0xD538A503),
    ("amu", "PFR0", 44, 1, 0xD53BD203),
    ("dit", "PFR0", 48, 1, 0xD53B42A3),
    ("csv2_2", "PFR0", 56, 2, 0xD538D0E3),
    # ID_AA64PFR1_EL1
    ("ssbs", "PFR1", 4, 2, 0xD53B42C3),
    ("mte", "PFR1", 8, 1, 0x9ADF1043),
    ("mte2", "PFR1", 8, 2, 0xD53810C3),
    ("sme", "PFR1", 24, 1, 0xD5381283),
    ("nmi", "PFR1", 36, 1, 0xD5384303),
    ("gcs", "PFR1", 44, 1, 0xD53B2523),
    ("the", "PFR1", 48, 1, 0xD538D063),
    # ID_AA64MMFR0_EL1
    ("ecv", "MMFR0", 60, 1, 0xD53BE0A3),
    # ID_AA64MMFR1_EL1
    ("vh", "MMFR1", 8, 99, 0xD53D1003),  # at EL2 only
    ("lor", "MMFR1", 16, 1, 0xD538A463),
    ("pan", "MMFR1", 20, 1, 0xD5384263),
    ("pan2", "MMFR1", 20, 2, 0xD5087902),
    # ID_AA64MMFR2_EL1
    ("uao", "MMFR2", 4, 1, 0xD5384283),
    # ID_AA64MMFR3_EL1
    ("tcrx", "MMFR3", 0, 1, 0xD5382063),
    ("sctlrx", "MMFR3", 4, 1, 0xD5381063),
    ("s1pie", "MMFR3", 8, 1, 0xD538A243),
    ("s1poe", "MMFR3", 16, 1, 0xD538A283),
    ("aie", "MMFR3", 24, 1, 0xD538A223),
    # ID_AA64DFR0_EL1
    ("trace", "DFR0", 4, 1, 0xD5310023),
    ("pmuv3", "DFR0", 8, 1, 0xD53B9C03),
    ("pmuv3p4", "DFR0", 8, 5, 0xD5389EC3),
    ("spe", "DFR0", 32, 1, 0xD5389903),
    ("trf", "DFR0", 40, 1, 0xD5381223),
    ("trbe", "DFR0", 44, 1, 0xD5389B03),
    ("brbe", "DFR0", 52, 1, 0xD5319003),
)
SIGNED = {("PFR0", 16), ("PFR0", 20), ("DFR0", 8)}

# The registers, by their numbers in the space of op0 3, op1 0, CRn 0: CRm and op2.
REGISTERS = {"PFR0": (4, 0), "PFR1": (4, 1), "DFR0": (5, 0), "ISAR0": (6, 0), "ISAR1": (6, 1),
             "ISAR2": (6, 2), "MMFR0": (7, 0), "MMFR1": (7, 1), "MMFR2": (7, 2), "MMFR3": (7, 3)}


def is_claimed(registers, claim):
    """Whether the values of the ID registers, by their names, claim the feature."""
    _, register, positions, least, _ = claim
    for position in positions if isinstance(positions, tuple) else (positions,):
        value = registers[register] >> position & 15
        if value == 15 and (register, position) in SIGNED:
            value = -1
        if value >= least:
            return True
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("extensions", metavar="EXTENSIONS", type=Path)
    parser.add_argument("vm", metavar="VM-CLI")
    parser.add_argument("--engine", help="for vm-cli (default: its own choice)")
    options = parser.parse_args()
    if not shutil.which(privileged.GCC):
        print(f"{privileged.GCC} is not installed: nothing to run")
        return privileged.SKIPPED
    names = re.findall(r'^A64_EXT\(\w+, "(\w+)"', options.extensions.read_text(encoding="utf-8"),
                       re.M)
    cpus = MODELS + tuple(f"max,-{name}" for name in names if name != "a64")
    with tempfile.TemporaryDirectory(prefix="trine-claims-") as directory:
        cases, program = Path(directory) / "cases.S", str(Path(directory) / "program")
        cases.write_text(source(), encoding="utf-8")
        privileged.assemble(cases, program, ["-DPLAIN"])
        good = True
        for cpu in cpus:
            good &= check(cpu, privileged.run(privileged.trine(options, program, cpu)))
        good &= check("max,-gic", privileged.run(
            privileged.trine(options, program, "max", "virt,gic-version=2")))
        if shutil.which(privileged.QEMU):
            good &= check("QEMU", privileged.run(privileged.qemu(program)))
    print(f"{len(cpus)} CPUs, {len(CLAIMS)} claims")
    return 0 if good else 1


def source():
    lines = ["// Generated."]
    for name, (crm, op2) in REGISTERS.items():
        lines += [f'CASE "{name}", EL1H', f"mrs x0, S3_0_C0_C{crm}_{op2}", "END"]
    for name, _, _, _, word in CLAIMS:
        lines += [f'CASE "{name}", EL1H', "mov x1, x3", "mov x5, #0", f".inst {word:#x}", "END"]
    return "\n".join(lines) + "\n"


def check(cpu, output):
    """Whether a CPU does what it claims."""
    found = {}
    for line in output:
        name, _, fields = line.rpartition(": vector ")
        words = ("vector " + fields).split()
        found[name] = dict(zip(words[::2], (int(word, 16) for word in words[1::2])))
    registers = {name: found[name]["x0"] for name in REGISTERS}
    good = True
    for claim in CLAIMS:
        undefined = found[claim[0]]["esr"] >> 26 == 0 and found[claim[0]]["elr"] == 8
        if undefined == is_claimed(registers, claim):
            what = "is claimed, but UNDEFINED" if undefined else "is there, but not claimed"
            print(f"{cpu}: {claim[0]} {what}")
            good = False
    return good


if __name__ == "__main__":
    sys.exit(main())
