#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots the stock Debian kernel through Debian's firmware, to the shell.

    firmware.py VM-CLI GUESTS FIRMWARE ISA ENGINE

GUESTS is what tools/guests fills, FIRMWARE what tools/firmware does. U-Boot reads kernel and initrd
from a disk, on each transport, under the built-in firmware and under OpenSBI; EDK2 runs from flash,
gets them from fw_cfg, or GRUB loads them from a disk, and keeps its variables in a file. Prints
TAP. Ends with status 77 and the cause when something needed is not there."""

import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cases import run_cases, skip, skip_without
from machine import BOOT_LIMIT, PATIENCE, PROMPT, SERIAL, Console

SECTOR = 512
PARTITION = 2048  # where it begins, in sectors
# As tests/boot/boot.py: with patience, the kernel has some as well.
STALL = " rcupdate.rcu_cpu_stall_timeout=300" if PATIENCE > 1 else ""
LOADER = """\
default trine
timeout 1
label trine
  kernel /Image
  initrd /initrd
  append {parameters}
"""
GRUB = """\
set timeout=0
menuentry trine {{
  linux /Image {parameters}
  initrd /initrd
}}
"""
NEEDED = {"riscv64": ("u-boot.elf", "edk2-code.fd", "edk2-vars.fd"),
          "arm64": ("u-boot.bin", "edk2-code.fd", "edk2-vars.fd", "grub.efi")}


def parameters(isa, test):
    return f"console={SERIAL[isa]} trine.test={test}{STALL}"


def with_partition(partition, kind, disk):
    """A disk with one partition, which it takes the place of."""
    size = partition.stat().st_size
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", PARTITION,
                        size // SECTOR)
    with open(disk, "wb") as file, open(partition, "rb") as source:
        file.write(bytes(446) + entry + bytes(48) + b"\x55\xaa")
        file.seek(PARTITION * SECTOR)
        shutil.copyfileobj(source, file)
    partition.unlink()
    return disk


def empty(partition, files):
    """A file with room for a file system of these files."""
    used = sum(path.stat().st_size for path in files)
    with open(partition, "wb") as file:
        file.truncate((used + used // 8 + (8 << 20)) // SECTOR * SECTOR)


def make_disk(guest, scratch):
    """A disk that U-Boot finds a kernel on; mke2fs copies the files."""
    root, partition = scratch / "root", scratch / "partition"
    (root / "extlinux").mkdir(parents=True)
    (root / "extlinux/extlinux.conf").write_text(
        LOADER.format(parameters=parameters(guest.name, "from-disk")))
    shutil.copyfile(guest / "kernel", root / "Image")
    shutil.copyfile(guest / "initrd", root / "initrd")
    empty(partition, (root / "Image", root / "initrd"))
    subprocess.run(["mke2fs", "-q", "-t", "ext2", "-d", root, partition], check=True,
                   capture_output=True)
    shutil.rmtree(root)
    return with_partition(partition, 0x83, scratch / "disk.img")


def make_efi_disk(guest, grub, scratch):
    """A disk whose EFI system partition has GRUB where firmware looks for it, and a kernel."""
    partition, configuration = scratch / "partition", scratch / "grub.cfg"
    configuration.write_text(GRUB.format(parameters=parameters(guest.name, "from-grub")))
    files = {"Image": guest / "kernel", "initrd": guest / "initrd", "EFI/BOOT/BOOTAA64.EFI": grub,
             "EFI/debian/grub.cfg": configuration}
    empty(partition, files.values())
    subprocess.run(["mformat", "-i", partition, "-F", "::"], check=True)
    subprocess.run(["mmd", "-i", partition, "::EFI", "::EFI/BOOT", "::EFI/debian"], check=True)
    for name, path in files.items():
        subprocess.run(["mcopy", "-i", partition, path, f"::{name}"], check=True)
    return with_partition(partition, 0xef, scratch / "efi.img")


class Driver:
    def __init__(self, vm, guests, firmware, isa, engine, scratch):
        self.isa, self.guest, self.firmware = isa, Path(guests) / isa, Path(firmware) / isa
        self.scratch = scratch
        self.command = (vm, "run", "--engine", engine, "--memory", "512M", "--smp", "2")

    def skip_without_files(self):
        opensbi = ["opensbi/fw_dynamic.bin"] if self.isa == "riscv64" else []
        skip_without(self.guest / name for name in ["kernel", "initrd", *opensbi])
        for name in NEEDED[self.isa]:
            if not (self.firmware / name).is_file():
                skip(f"{self.firmware / name} is missing: run tools/firmware")
        for program, package in ("mke2fs", "e2fsprogs"), ("mformat", "mtools"):
            if not shutil.which(program):
                skip(f"{program} is missing: install {package}")

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
        """RISC-V's is a kernel to the firmware below it, ARM64's starts in place of flash."""
        program = (["--kernel", self.firmware / "u-boot.elf"] if self.isa == "riscv64" else
                   ["--guest", self.isa, "--bios", self.firmware / "u-boot.bin"])
        machine = Console([*self.command, *program, *bios, "--transport", transport,
                           "--virtio-blk", f"{disk},readonly"])
        yield machine
        banner = [b"OpenSBI"] if bios else []
        self.reach_shell(machine, *banner, b"U-Boot", b"/extlinux/extlinux.conf",
                         b"Starting kernel")
        assert "trine.test=from-disk" in machine.run("cat /proc/cmdline")
        assert machine.run("cat /sys/class/block/vda1/start").strip() == str(PARTITION)
        self.power_off(machine)

    def start_edk2(self, variables, *options):
        flash = f"code={self.firmware / 'edk2-code.fd'},vars={variables}"
        return Console([*self.command, "--guest", self.isa, "--pflash", flash, *options])

    def edk2(self, variables, *bios):
        """EDK2 finds the flash and fw_cfg by the device tree."""
        before = variables.read_bytes()
        machine = self.start_edk2(variables, *bios, "--kernel", self.guest / "kernel", "--initrd",
                                  self.guest / "initrd", "--append",
                                  parameters(self.isa, "from-fw-cfg"))
        yield machine
        self.reach_shell(machine, b"EDK2" if self.isa == "riscv64" else b"UEFI firmware",
                         b"EFI stub: Loaded initrd")
        assert "trine.test=from-fw-cfg" in machine.run("cat /proc/cmdline")
        assert "EDK II" in machine.run("dmesg | grep 'efi: EFI v'")
        self.check_acpi(machine)
        self.power_off(machine)
        # Boot options and the console are in its variables now.
        after = variables.read_bytes()
        assert len(after) == len(before) and after != before
        assert "Boot0000".encode("utf-16-le") in after

    def check_acpi(self, machine):
        """ARM64's board has ACPI tables for firmware, which the kernel takes without a word against
        them."""
        if self.isa == "arm64":
            log = machine.run("dmesg | grep -iE 'acpi|bios' | tr -d '\\r'")
            assert "ACPI: Interpreter enabled" in log and "Power Button" in log, log
            assert "Error" not in log and "Warning" not in log and "Bug" not in log, log

    def grub(self, disk, variables):
        """EDK2 finds GRUB on a disk, GRUB a kernel there; a variable survives."""
        for boot in range(2):
            machine = self.start_edk2(variables, "--virtio-blk", f"{disk},readonly")
            yield machine
            self.reach_shell(machine, b"EFI stub: Booting Linux Kernel")
            assert "trine.test=from-grub" in machine.run("cat /proc/cmdline")
            machine.run("modprobe efivarfs")
            machine.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
            variable = "/sys/firmware/efi/efivars/Trine-2b6d2a4e-25f4-4a07-9f3f-60f6a8a5a0b1"
            if boot == 0:
                machine.run(f"printf '\\007\\000\\000\\000kept' > {variable}")
            assert "kept" in machine.run(f"cat {variable}")
            self.power_off(machine)

    def cases(self):
        disk = make_disk(self.guest, self.scratch)
        opensbi = ("--bios", str(self.guest / "opensbi/fw_dynamic.bin"))
        for transport in ("pci", "mmio"):
            yield f"u-boot-from-a-disk-on-{transport}", self.u_boot(disk, transport)
            if self.isa == "riscv64":
                yield (f"opensbi-and-u-boot-from-a-disk-on-{transport}",
                       self.u_boot(disk, transport, *opensbi))
        disk.unlink()
        variables = self.scratch / "vars.fd"
        shutil.copyfile(self.firmware / "edk2-vars.fd", variables)
        yield "edk2-in-flash", self.edk2(variables)
        shutil.copyfile(self.firmware / "edk2-vars.fd", variables)
        if self.isa == "riscv64":
            yield "opensbi-and-edk2-in-flash", self.edk2(variables, *opensbi)
        else:
            disk = make_efi_disk(self.guest, self.firmware / "grub.efi", self.scratch)
            yield "edk2-and-grub-from-a-disk", self.grub(disk, variables)


def main():
    with tempfile.TemporaryDirectory(prefix="trine-test-") as scratch:
        driver = Driver(*sys.argv[1:], Path(scratch))
        driver.skip_without_files()
        return run_cases(driver.cases())


if __name__ == "__main__":
    sys.exit(main())
