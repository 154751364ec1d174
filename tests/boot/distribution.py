#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a whole Debian 13 from its disk.

    distribution.py VM-CLI GUESTS FIRMWARE ISA [MACHINE...]

MACHINE is the beginning of a case's name, such as jit-pci-raw; all run without any.
GUESTS/ISA/distribution comes from tools/distribution. On the interpreter, a raw disk over PCI
and a qcow2 disk over MMIO boot to a shell; on the JIT both boot to systemd's login on both buses.
There the network is used both ways, and a gigabyte is written that the next machine has to find
again: once after this one was killed, once after it powered off.

On arm64 the distribution then lies in a partition of a disk that starts by itself: EDK2 of
FIRMWARE/ISA (tools/firmware) in flash, GRUB, the kernel. There it installs its own GRUB, which the
firmware has to start from then on, as a variable says that it keeps in a file.

Prints TAP; ends with status 77 and the cause when the disk or both engines are not there, or the
room for its copies is missing."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import efi_disk
import machine
from cases import Skip, run_machines, skip
from machine import PATIENCE, SERIAL, UNAME, Console, sha256
from network import NAME, Server, addresses, free_port, has_user_network

BOOT_LIMIT = 600 * PATIENCE      # to the login; a quiet machine needs a twentieth
COMMAND_LIMIT = 300 * PATIENCE
WRITE_LIMIT = 900 * PATIENCE     # of what goes through a gigabyte
ROOM = 10 << 30                  # bytes of the file system that the images are on
MEGABYTE = 1 << 20
PROMPT = b"trine# "
# As tests/boot/boot.py: with patience, the kernel has some as well. While a module is loaded each
# function of it has a TLBI that waits for the other vCPUs, whom a busy host may not let run.
STALL = " rcupdate.rcu_cpu_stall_timeout=300 watchdog_thresh=60" if PATIENCE > 1 else ""
DATA = os.urandom(8 * MEGABYTE)  # what goes over the network


class Bench(machine.Bench):
    command_limit = COMMAND_LIMIT

    def __init__(self, vm, guests, firmware, isa):
        super().__init__("distribution", vm)
        self.isa, self.firmware = isa, Path(firmware) / isa
        self.distribution = Path(guests) / isa / "distribution"
        self.disks = {kind: self.directory / f"disk.{kind}" for kind in ("raw", "qcow2", "efi")}
        self.variables = self.directory / "vars.fd"
        self.shared = self.directory / "shared"
        self.shared.mkdir()
        (self.shared / "from-host").write_bytes(DATA)
        self.sum = {}  # of the gigabyte on each disk
        self.tcp = free_port(socket.SOCK_STREAM)
        self.server = Server(DATA)
        self.has_network = has_user_network(vm)

    def close(self):
        self.server.shutdown()
        super().close()

    def make_disk(self, kind):
        """The first machine with a disk makes it; the last disk makes room for it."""
        source, disk = self.distribution / "disk.raw", self.disks[kind]
        if disk.exists():
            return
        if kind == "raw":
            subprocess.run(["cp", "--sparse=always", source, disk], check=True)
        elif kind == "qcow2":
            subprocess.run([self.vm, "disk", "convert", "--to", "qcow2", source, disk], check=True)
        else:
            for other in self.disks.values():
                other.unlink(missing_ok=True)
            efi_disk.make(disk, source, self.firmware / "grub.efi", self.isa)

    def start(self, engine, transport, kind, parameters, *options):
        self.launch(["--kernel", self.distribution / "kernel",
                     "--initrd", self.distribution / "initrd", "--append",
                     f"root=/dev/vda rw console={SERIAL[self.isa]}{STALL} {parameters}"],
                    engine, transport, kind, *options)

    def launch(self, program, engine, transport, kind, *options):
        self.kind = kind
        self.make_disk(kind)
        form = "qcow2" if kind == "qcow2" else "raw"
        command = [self.vm, "run", *program, "--engine", engine,
                   "--memory", "1G", "--transport", transport, "--virtio-rng",
                   "--virtio-blk", f"{self.disks[kind]},format={form}",
                   "--share", f"{self.shared}:host", *options]
        if self.has_network:
            command += ["--virtio-net", f"user,hostfwd=tcp:127.0.0.1:{self.tcp}-:8000"]
        self.machine = Console(command, PROMPT)

    def digest(self, command, limit=None):
        """The one checksum that a command prints."""
        text = self.run(command, limit)
        found = re.findall(r"^([0-9a-f]{64})  -$", text, re.MULTILINE)
        assert len(found) == 1, text
        return found[0]

    # --- to a shell, or a login ---

    def reaches_a_shell(self):
        begin = time.monotonic()
        self.machine.wait_for(b":/# ", BOOT_LIMIT)
        self.sets_prompt()
        print(f"# {time.monotonic() - begin:.1f} s to the shell", flush=True)
        assert self.run("uname -m") == UNAME[self.isa]
        self.run("mount -t proc proc /proc 2>/dev/null; grep -q 'trixie' /etc/os-release")

    def logs_in(self):
        begin = time.monotonic()
        self.machine.wait_for(b"trine login: ", BOOT_LIMIT)
        print(f"# {time.monotonic() - begin:.1f} s to the login", flush=True)
        self.machine.type("root")
        self.machine.wait_for(b"root@trine:~# ", COMMAND_LIMIT)
        self.sets_prompt()
        print(f"# {time.monotonic() - begin:.1f} s to the prompt", flush=True)

    def sets_prompt(self):
        """One that nothing else prints, of a shell that does not edit lines."""
        self.machine.type("stty columns 500; exec env PS1=tri''ne'# ' TERM=dumb dash")
        self.machine.wait_for(PROMPT, COMMAND_LIMIT)
        self.run("dmesg -n 1")  # what the kernel says would stand in what commands say

    def services_are_well(self):
        state = self.run("systemctl is-system-running --wait || true")
        failed = self.run("systemctl list-units --failed --no-legend --plain")
        assert state == "running", (state, failed)

    def has_all_processors(self):
        assert self.run("nproc") == "2"
        sums = self.run("for i in 1 2 3 4; do (seq 300000 | sha256sum) & done; wait")
        assert len(set(re.findall(r"\b[0-9a-f]{64}\b", sums))) == 1, sums

    def python_and_apt_run(self):
        text = self.run("python3 -c 'import json, math; print(json.dumps(math.factorial(30)))'")
        assert text == "265252859812191058636308480000000", text
        assert "Remv wget" in self.run("apt-get -s remove wget")

    # --- network ---

    def need_network(self):
        if not self.has_network:
            raise Skip("vm-cli was built without libslirp")

    def guest_fetches_and_puts(self):
        self.need_network()
        self.run("until ip -4 route | grep -q default; do sleep 0.5; done")
        url = self.server.url
        assert self.digest(f"wget -q -O /tmp/data {url} && sha256sum </tmp/data") == sha256(DATA)
        self.run("python3 -c \"import urllib.request as u; u.urlopen(u.Request("
                 f"'{url}', data=open('/tmp/data', 'rb').read(), method='PUT'))\"")
        assert sha256(self.server.got) == sha256(DATA)

    def host_fetches_from_the_guest(self):
        self.need_network()
        self.run("(cd /tmp && exec python3 -m http.server 8000 >/dev/null 2>&1) & "
                 "until wget -q -O /dev/null http://127.0.0.1:8000/; do sleep 0.5; done")
        url = f"http://127.0.0.1:{self.tcp}/data"
        with urllib.request.urlopen(url, timeout=COMMAND_LIMIT) as response:
            assert sha256(response.read()) == sha256(DATA)
        self.run("kill %1; wait; rm /tmp/data")

    def names_are_resolved(self):
        self.need_network()
        expected = addresses()
        found = set(self.run(f"getent ahostsv4 {NAME} | cut -d ' ' -f 1").split())
        assert expected & found, (expected, found)

    # --- the shared directory ---

    def directory_is_shared(self):
        self.run("mkdir -p /host && mount -t 9p -o trans=virtio,version=9p2000.L host /host")
        assert self.digest("sha256sum </host/from-host") == sha256(DATA)
        self.run("head -c 3000000 /dev/urandom >/host/from-guest && sync")
        there = sha256((self.shared / "from-guest").read_bytes())
        assert self.digest("sha256sum </host/from-guest") == there
        self.run("rm /host/from-guest && umount /host")

    # --- a gigabyte ---

    def gigabyte_is_written(self):
        """Of 64 files; their checksum is that of what was written, not of what lies on the disk."""
        self.run("rm -rf /root/data && mkdir /root/data && sync")
        self.sum[self.kind] = self.digest(
            "for i in $(seq 64); do head -c 16M /dev/urandom | tee /root/data/$i | sha256sum; done "
            "| sha256sum && sync", WRITE_LIMIT)

    def gigabyte_is_there(self):
        self.run("echo 3 >/proc/sys/vm/drop_caches")
        found = self.digest("for i in $(seq 64); do sha256sum </root/data/$i; done | sha256sum",
                            WRITE_LIMIT)
        assert found == self.sum[self.kind], (found, self.sum[self.kind])

    def is_killed(self):
        self.machine.process.kill()
        self.machine.process.wait()

    def powers_off(self):
        self.ends_after("systemctl poweroff")

    def shell_powers_off(self):
        self.ends_after("sync; mount -o remount,ro /; echo o >/proc/sysrq-trigger")

    def image_is_consistent(self):
        if self.kind == "qcow2":
            subprocess.run([self.vm, "disk", "check", self.disks["qcow2"]], check=True,
                           stdout=subprocess.DEVNULL)

    def file_system_is_clean(self):
        """What the journal has still to do is done first, as at a mount; nothing else is wrong."""
        raw = self.disks[self.kind]
        if self.kind == "qcow2":
            raw = self.directory / "checked.raw"
            subprocess.run([self.vm, "disk", "convert", "--to", "raw", self.disks["qcow2"], raw],
                           check=True)
        e2fsck = shutil.which("e2fsck", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        place = f"{raw}?offset={efi_disk.ROOT_OFFSET}" if self.kind == "efi" else raw
        subprocess.run([e2fsck, "-E", "journal_only", "-p", place], check=False,
                       stdout=subprocess.DEVNULL)
        result = subprocess.run([e2fsck, "-f", "-n", place], capture_output=True, text=True)
        if self.kind == "qcow2":
            raw.unlink()
        assert result.returncode == 0, result.stdout

    # --- a disk that starts by itself ---

    def need_firmware(self):
        for name in "edk2-code.fd", "edk2-vars.fd", "grub.efi":
            if not (self.firmware / name).is_file():
                raise Skip(f"{self.firmware / name} is missing: run tools/firmware")
        if not shutil.which("mformat"):
            raise Skip("mformat is missing: install mtools")

    def start_firmware(self, transport):
        flash = f"code={self.firmware / 'edk2-code.fd'},vars={self.variables}"
        self.launch(["--guest", self.isa, "--pflash", flash], "jit", transport, "efi", "--smp", "2")

    def comes_by_firmware(self):
        assert self.run("findmnt -n -o SOURCE /") == "/dev/vda2"
        log = self.run("dmesg")
        assert "EDK II" in log and "ACPI: Interpreter enabled" in log, log

    def boot_option(self):
        """What the firmware started, by its number and name, and its place in the order."""
        text = self.run("efibootmgr")
        current = re.search(r"^BootCurrent: (\w{4})$", text, re.MULTILINE)[1]
        name = re.search(rf"^Boot{current}\* ([^\t\n]*)", text, re.MULTILINE)[1]
        order = re.search(r"^BootOrder: ([\w,]+)$", text, re.MULTILINE)[1].split(",")
        return name.strip(), order.index(current)

    def is_started_from_an_unknown_disk(self):
        assert self.boot_option()[0] != "debian", self.run("efibootmgr")

    def installs_its_own_loader(self):
        self.run("mkdir -p /boot/efi && mount /dev/vda1 /boot/efi")
        self.run("grub-install 2>&1 && update-grub 2>&1")
        self.run("grep -q root=UUID= /boot/grub/grub.cfg && umount /boot/efi")

    def reboots(self):
        self.machine.type("systemctl reboot")
        self.logs_in()

    def is_started_by_its_own_loader(self):
        assert self.boot_option() == ("debian", 0), self.run("efibootmgr")
        assert "root=UUID=" in self.run("cat /proc/cmdline")

    # --- the machines ---

    def shell(self, transport, kind):
        self.start("interpreter", transport, kind, "quiet init=/bin/bash")
        self.reaches_a_shell()
        yield self.shell_powers_off
        yield self.file_system_is_clean

    def writes(self, transport, kind):
        self.start("jit", transport, kind, "", "--smp", "2")
        self.logs_in()
        yield self.services_are_well
        yield self.has_all_processors
        yield self.python_and_apt_run
        yield self.guest_fetches_and_puts
        yield self.host_fetches_from_the_guest
        yield self.names_are_resolved
        yield self.directory_is_shared
        yield self.gigabyte_is_written
        yield self.is_killed
        yield self.image_is_consistent
        yield self.file_system_is_clean

    def reads(self, transport, kind):
        self.start("jit", transport, kind, "", "--smp", "2")
        self.logs_in()
        yield self.services_are_well
        yield self.gigabyte_is_there
        yield self.gigabyte_is_written
        yield self.powers_off
        yield self.image_is_consistent
        yield self.file_system_is_clean

    def reads_again(self, transport, kind):
        self.start("jit", transport, kind, "", "--smp", "4")
        self.logs_in()
        yield self.gigabyte_is_there
        yield self.powers_off
        yield self.file_system_is_clean

    def installs(self):
        self.need_firmware()
        shutil.copyfile(self.firmware / "edk2-vars.fd", self.variables)
        self.start_firmware("pci")
        self.logs_in()
        yield self.services_are_well
        yield self.comes_by_firmware
        yield self.is_started_from_an_unknown_disk
        yield self.installs_its_own_loader
        yield self.reboots
        yield self.services_are_well
        yield self.is_started_by_its_own_loader
        yield self.powers_off
        yield self.file_system_is_clean

    def is_installed(self, transport):
        self.need_firmware()
        self.start_firmware(transport)
        self.logs_in()
        yield self.services_are_well
        yield self.comes_by_firmware
        yield self.is_started_by_its_own_loader
        yield self.powers_off
        yield self.file_system_is_clean

    def machines(self):
        yield "interpreter-pci-raw", self.shell("pci", "raw")
        yield "interpreter-mmio-qcow2", self.shell("mmio", "qcow2")
        for kind, first, second in ("raw", "pci", "mmio"), ("qcow2", "mmio", "pci"):
            yield f"jit-{first}-{kind}", self.writes(first, kind)
            yield f"jit-{second}-{kind}-after-kill", self.reads(second, kind)
            yield f"jit-{first}-{kind}-after-power-off", self.reads_again(first, kind)
        if self.isa in efi_disk.LOADERS:
            yield "efi-installs", self.installs()
            yield "efi-is-installed", self.is_installed("mmio")


def main():
    vm, guests, firmware, isa, *wanted = sys.argv[1:]
    distribution = Path(guests) / isa / "distribution"
    missing = [name for name in ("disk.raw", "kernel", "initrd")
               if not (distribution / name).is_file()]
    if missing:
        skip(f"{distribution / missing[0]} is missing: run tools/distribution {isa}")
    info = subprocess.run([vm, "info"], check=True, stdout=subprocess.PIPE).stdout.decode()
    engines = re.search(r"^engines +(.*)$", info, re.MULTILINE)[1]
    if "jit" not in engines or "interpreter" not in engines:
        skip("vm-cli was built without the interpreter or without the JIT")
    if shutil.disk_usage(tempfile.gettempdir()).free < ROOM:
        skip(f"{tempfile.gettempdir()} has less than {ROOM >> 30} GB free")
    return run_machines(Bench(vm, guests, firmware, isa), wanted)


if __name__ == "__main__":
    sys.exit(main())
