#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots the stock guest with each of its board's interrupt controllers.

    interrupts.py VM-CLI GUESTS ISA ENGINE

For each machine: the kernel uses the controllers that it should, the serial port, a disk and the
vCPUs among each other interrupt through them, and a vCPU goes off and comes back. Prints TAP; ends
with status 77 and the cause when the guest is not there."""

import re
import sys
import tempfile
from pathlib import Path

from cases import run_cases, skip_without
from machine import BOOT_LIMIT, PROMPT, Machine

OPENSBI = "opensbi/fw_dynamic.bin"
# --machine virt, vCPUs, firmware. boot.py has RISC-V's default.
MACHINES = {
    "riscv64": (("aia=aplic", 1, "builtin"), ("aia=aplic", 4, OPENSBI),
                ("aia=aplic-imsic", 1, "builtin"), ("aia=aplic-imsic", 2, OPENSBI),
                ("aia=aplic-imsic", 4, "builtin")),
    "arm64": (("its=on", 4, "builtin"), ("its=off", 2, "builtin"),
              ("gic-version=2", 1, "builtin"), ("gic-version=2", 4, "builtin")),
}
# The kernel's names of what the serial port and a disk interrupt through.
CHIPS = {"aia=aplic": ("APLIC-DIRECT", "APLIC-DIRECT"),
         "aia=aplic-imsic": ("APLIC-MSI", "PCI-MSIX"),
         "its=on": ("GICv3", "ITS-PCI-MSIX"), "its=off": ("GICv3", "GICv3"),
         "gic-version=2": ("GIC-0", "PCI-MSIX")}
DISK_SIZE = 8 << 20


def counts(machine, chip, device):
    """How often the interrupts of a device came, which must all be of that chip."""
    lines = [line for line in machine.run("cat /proc/interrupts").splitlines()
             if re.search(device, line)]
    assert lines and all(chip in line for line in lines), (chip, device, lines)
    return sum(int(n) for line in lines for n in re.findall(r"(?<= )\d+(?= )", line.split(chip)[0]))


def check_disk(machine, chip):
    before = counts(machine, chip, "virtio0")
    machine.run("dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null")
    machine.run("dd if=/tmp/data of=/dev/vda bs=64k oflag=direct 2>/dev/null; sync")
    machine.run("echo 3 > /proc/sys/vm/drop_caches")
    sums = machine.run("sha256sum < /tmp/data; head -c 1048576 /dev/vda | sha256sum")
    found = re.findall(r"\b[0-9a-f]{64}\b", sums)
    assert len(found) == 2 and found[0] == found[1], sums
    assert counts(machine, chip, "virtio0") > before


def check_other_vcpus(machine, option, vcpus):
    """They interrupt each other, by messages where there are IMSICs; one goes off and on again."""
    work = f"for i in $(seq {2 * vcpus}); do (dd if=/dev/zero bs=64k count=64 2>/dev/null " \
           "| gzip -c | gunzip -c | wc -c) & done; wait"
    assert machine.run(work).count(str(4 << 20)) == 2 * vcpus
    if option.startswith("aia="):
        by_message = "riscv-imsic" in machine.run("dmesg | grep 'providing IPIs'")
        assert by_message == (option == "aia=aplic-imsic")
    if vcpus > 1:
        last = f"/sys/devices/system/cpu/cpu{vcpus - 1}/online"
        machine.run(f"echo 0 > {last}")
        assert machine.run("nproc").strip() == str(vcpus - 1)
        machine.run(f"echo 1 > {last}")
        assert machine.run("nproc").strip() == str(vcpus)
        assert machine.run(f"taskset {1 << vcpus - 1:x} echo there").strip() == "there"


def boots(vm, guest, options, option, vcpus, firmware, disk):
    serial_chip, disk_chip = CHIPS[option]
    disk.write_bytes(bytes(DISK_SIZE))
    bios = [] if firmware == "builtin" else ["--bios", guest / firmware]
    machine = Machine(vm, guest, *options, *bios, "--smp", str(vcpus), "--machine",
                      f"virt,{option}", "--virtio-blk", disk)
    yield machine
    machine.wait_for(PROMPT, BOOT_LIMIT)
    assert machine.run("nproc").strip() == str(vcpus)
    port = "uart-pl011" if guest.name == "arm64" else "ttyS0"
    before = counts(machine, serial_chip, port)
    assert counts(machine, serial_chip, port) > before
    check_disk(machine, disk_chip)
    check_other_vcpus(machine, option, vcpus)
    machine.type("poweroff -f")
    assert machine.end() == 0, machine.error


def main():
    vm, guests, isa, engine = sys.argv[1:]
    guest = Path(guests) / isa
    firmware_needed = [OPENSBI] if isa == "riscv64" else []
    skip_without([guest / name for name in ["kernel", "initrd", *firmware_needed]])
    options = ["--engine", engine, "--memory", "256M"]
    with tempfile.TemporaryDirectory(prefix="trine-interrupts-") as directory:
        return run_cases(
            (f"{option.replace('=', '-')}-with-{vcpus}-vcpus-and-{Path(firmware).stem}",
             boots(vm, guest, options, option, vcpus, firmware, Path(directory) / "disk"))
            for option, vcpus, firmware in MACHINES[isa])


if __name__ == "__main__":
    sys.exit(main())
