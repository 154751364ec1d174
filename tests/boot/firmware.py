#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots the stock Debian kernel through Debian's firmware, to the shell.

    firmware.py VM-CLI GUESTS FIRMWARE ISA ENGINE

GUESTS is what tools/guests fills, FIRMWARE what tools/firmware does. U-Boot reads kernel and initrd
from a disk, on each transport, under the built-in firmware and under OpenSBI; EDK2 runs from flash,
gets them from fw_cfg, and keeps its variables in a file. Prints TAP. Ends with status 77 and the
cause when something needed is not there."""

import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import run_cases, skip, skip_without
from machine import BOOT_LIMIT, PATIENCE, PROMPT, Console

SECTOR = 512
PARTITION = 2048  # where it begins, in sectors
# As tests/boot/boot.py: with patience, the kernel has some as well.
STALL = " rcupdate.rcu_cpu_stall_timeout=300" if PATIENCE > 1 else ""
LOADER = f"""\
default trine
timeout 1
label trine
  kernel /Image
  initrd /initrd
  append console=ttyS0 trine.test=from-disk{STALL}
"""


def make_disk(guest, scratch):
    """A disk with one partition that U-Boot finds a kernel on; mke2fs copies the files."""
    root, partition, disk = scratch / "root", scratch / "partition", scratch / "disk.img"
    (root / "extlinux").mkdir(parents=True)
    (root / "extlinux/extlinux.conf").write_text(LOADER)
    shutil.copyfile(guest / "kernel", root / "Image")
    shutil.copyfile(guest / "initrd", root / "initrd")
    used = sum((root / name).stat().st_size for name in ("Image", "initrd"))
    size = (used + used // 8 + (8 << 20)) // SECTOR * SECTOR
    with open(partition, "wb") as file:
        file.truncate(size)
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", root, partition], check=True,
                   capture_output=True)
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION,
                        size // SECTOR)
    with open(disk, "wb") as file, open(partition, "rb") as source:
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        file.seek(PARTITION * SECTOR)
        shutil.copyfileobj(source, file)
    partition.unlink()
    shutil.rmtree(root)
    return disk


class Driver:
    def __init__(self, vm, guests, firmware, isa, engine, scratch):
        self.guest, self.firmware = Path(guests) / isa, Path(firmware) / isa
        self.scratch = scratch
        self.command = (vm, "run", "--engine", engine, "--memory", "512M", "--smp", "2")

    def skip_without_files(self):
        skip_without(self.guest / name for name in ("kernel", "initrd", "opensbi/fw_dynamic.bin"))
        for name in ("u-boot.elf", "edk2-code.fd", "edk2-vars.fd"):
            if not (self.firmware / name).is_file():
                skip(f"{self.firmware / name} is missing: run tools/firmware")
        if not shutil.which("mke2fs"):
            skip("mke2fs is missing: install e2fsprogs")

    def reach_shell(self, machine, *marks):
        begin = time.monotonic()
        for mark in marks:
            machine.wait_for(mark, BOOT_LIMIT)
        machine.wait_for(PROMPT, BOOT_LIMIT)
        print(f"# {time.monotonic() - begin:.1f} s to the prompt", flush=True)
        assert machine.run("nproc").strip() == "2"

    def power_off(self, machine):
        machine.type("poweroff -f")
        assert machine.end() == 0, machine.error

    def u_boot(self, disk, transport, *bios):
        machine = Console([*self.command, "--kernel", self.firmware / "u-boot.elf", *bios,
                           "--transport", transport, "--virtio-blk", f"{disk},readonly"])
        yield machine
        banner = [b"OpenSBI"] if bios else []
        self.reach_shell(machine, *banner, b"U-Boot", b"/extlinux/extlinux.conf",
                         b"Starting kernel")
        assert "trine.test=from-disk" in machine.run("cat /proc/cmdline")
        assert machine.run("cat /sys/class/block/vda1/start").strip() == str(PARTITION)
        self.power_off(machine)

    def edk2(self, variables, *bios):
        """EDK2 finds the flash and fw_cfg by the device tree."""
        before = variables.read_bytes()
        flash = f"code={self.firmware / 'edk2-code.fd'},vars={variables}"
        machine = Console([*self.command, "--pflash", flash, *bios, "--kernel",
                           self.guest / "kernel", "--initrd", self.guest / "initrd", "--append",
                           "console=ttyS0 trine.test=from-fw-cfg" + STALL])
        yield machine
        self.reach_shell(machine, b"EDK2", b"EFI stub: Loaded initrd")
        assert "trine.test=from-fw-cfg" in machine.run("cat /proc/cmdline")
        assert "EDK II" in machine.run("dmesg | grep 'efi: EFI v'")
        self.power_off(machine)
        # Boot options and the console are in its variables now.
        after = variables.read_bytes()
        assert len(after) == len(before) and after != before
        assert "Boot0000".encode("utf-16-le") in after

    def cases(self):
        disk = make_disk(self.guest, self.scratch)
        opensbi = ("--bios", str(self.guest / "opensbi/fw_dynamic.bin"))
        for transport in ("pci", "mmio"):
            yield f"u-boot-from-a-disk-on-{transport}", self.u_boot(disk, transport)
            yield (f"opensbi-and-u-boot-from-a-disk-on-{transport}",
                   self.u_boot(disk, transport, *opensbi))
        disk.unlink()
        variables = self.scratch / "vars.fd"
        shutil.copyfile(self.firmware / "edk2-vars.fd", variables)
        yield "edk2-in-flash", self.edk2(variables)
        shutil.copyfile(self.firmware / "edk2-vars.fd", variables)
        yield "opensbi-and-edk2-in-flash", self.edk2(variables, *opensbi)


def main():
    with tempfile.TemporaryDirectory(prefix="trine-test-") as scratch:
        driver = Driver(*sys.argv[1:], Path(scratch))
        driver.skip_without_files()
        return run_cases(driver.cases())


if __name__ == "__main__":
    sys.exit(main())
