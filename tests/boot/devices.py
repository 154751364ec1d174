#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Uses every virtio device from a stock Debian guest.

    devices.py VM-CLI GUESTS ISA ENGINE

Three machines boot one after the other: over PCI with MSI-X, over MMIO on the disks that the first
has written, and over PCI with INTx and the terminal on a virtio console. Prints TAP; ends with
status 77 and the cause when the guest is not there."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import machine
from cases import Skip, run_machines, skip_without
from machine import COMMAND_LIMIT, sha256
from network import NAME, Server, addresses, free_port, has_user_network

MEGABYTE = 1 << 20
DISK_SIZE = 32 * MEGABYTE
GUEST_ADDRESS = "10.0.2.15"
DATA = os.urandom(MEGABYTE)  # what goes over the network
# With messages and without; what takes the devices' wires, as the kernel calls it.
MESSAGES = {"riscv64": "virt,aia=aplic-imsic", "arm64": "virt"}
NO_MESSAGES = {"riscv64": "virt", "arm64": "virt,its=off"}
WIRES = {"riscv64": "SiFive PLIC", "arm64": "GICv3"}


class Bench(machine.Bench):
    """The images, ports and sockets of all machines, and the checks that several of them make."""

    def __init__(self, vm, guests, isa, engine):
        super().__init__("devices", vm)
        self.isa, self.guest = isa, Path(guests) / isa
        self.options = ["--engine", engine, "--memory", "256M"]
        self.raw, self.qcow2 = self.path("raw.img"), self.path("disk.qcow2")
        self.fixed, self.kept = self.path("fixed.img"), self.path("kept.img")
        self.socket, self.console = self.path("socket"), self.path("console")
        self.stats = self.path("stats.json")
        for path in self.fixed, self.kept:
            path.write_bytes(os.urandom(MEGABYTE))
        self.before = {path: path.read_bytes() for path in (self.fixed, self.kept)}
        with self.raw.open("wb") as file:
            file.truncate(DISK_SIZE)
        subprocess.run([vm, "disk", "create", self.qcow2, str(DISK_SIZE)], check=True)
        self.sums = {}  # of the file on each disk
        self.tcp, self.udp = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self.server = Server(DATA)
        self.has_network = has_user_network(vm)

    def path(self, name):
        return self.directory / name

    def close(self):
        self.server.shutdown()
        super().close()

    def start(self, *options):
        if self.has_network:
            options += ("--virtio-net", f"user,hostfwd=tcp:127.0.0.1:{self.tcp}-:80,"
                                        f"hostfwd=udp:127.0.0.1:{self.udp}-:9")
        self.boot(self.guest, *self.options, *options)

    # --- disks ---

    def has_sum(self, disk, expected=None):
        """The checksum of the file on a disk, read by a kernel that does not know it."""
        self.run("echo 3 >/proc/sys/vm/drop_caches")
        self.run(f"mount -t ext4 /dev/{disk} /mnt")
        found = self.run("sha256sum </mnt/file").split()[0]
        self.run("umount /mnt")
        assert expected in (None, found), f"{disk} has {found} and not {expected}"
        return found

    def writes(self, disk):
        if disk not in self.sums:
            self.run(f"mke2fs /dev/{disk}")
        self.run(f"mount -t ext4 /dev/{disk} /mnt")
        self.run("dd if=/dev/urandom of=/mnt/file bs=64k count=32 conv=fsync 2>/dev/null")
        self.sums[disk] = self.run("sha256sum </mnt/file").split()[0]
        self.run("umount /mnt")
        self.has_sum(disk, self.sums[disk])

    def raw_disk_is_written_and_read(self):
        self.writes("vda")

    def qcow2_disk_is_written_and_read(self):
        self.writes("vdb")

    def disks_have_what_the_last_machine_wrote(self):
        for disk, expected in sorted(self.sums.items()):
            self.has_sum(disk, expected)
        assert len(self.sums) == 2, self.sums

    def images_are_consistent(self):
        subprocess.run([self.vm, "disk", "check", self.qcow2], check=True, stdout=subprocess.PIPE)
        with self.qcow2.open("rb") as file:
            assert file.read(4) == b"QFI\xfb"
        if shutil.which("qemu-img"):
            for path, kind in (self.raw, "raw"), (self.qcow2, "qcow2"):
                subprocess.run(["qemu-img", "info", "-f", kind, path], check=True,
                               stdout=subprocess.PIPE)
            subprocess.run(["qemu-img", "check", "-f", "qcow2", self.qcow2], check=True,
                           stdout=subprocess.PIPE)
        assert self.raw.stat().st_size == DISK_SIZE

    def serial_number_and_queues_are_as_asked(self):
        assert self.run("cat /sys/block/vda/serial; echo") == "TRINE-RAW"
        assert self.run("ls /sys/block/vda/mq").split() == ["0", "1"]

    def readonly_disk_is_not_written(self):
        assert self.run("blockdev --getro /dev/vdc") == "1"
        self.run("! dd if=/dev/zero of=/dev/vdc bs=64k count=1 conv=fsync 2>/dev/null")
        assert self.run("sha256sum </dev/vdc").split()[0] == sha256(self.before[self.fixed])

    def snapshot_is_written_and_read(self):
        assert self.run("sha256sum </dev/vdd").split()[0] == sha256(self.before[self.kept])
        self.run("dd if=/dev/zero of=/dev/vdd bs=64k count=16 conv=fsync 2>/dev/null")
        self.run("echo 3 >/proc/sys/vm/drop_caches")
        assert self.run("sha256sum </dev/vdd").split()[0] == sha256(bytes(MEGABYTE))

    def readonly_and_snapshot_files_are_as_before(self):
        for path, contents in self.before.items():
            assert path.read_bytes() == contents, path

    # --- the network ---

    def need_network(self):
        if not self.has_network:
            raise Skip("this build has no libslirp")
        self.run(f"until ip address show eth0 | grep -q {GUEST_ADDRESS}; do sleep 0.1; done")

    def guest_fetches_from_the_host(self):
        self.need_network()
        found = self.run(f"wget -q -O - {self.server.url} | sha256sum").split()[0]
        assert found == sha256(DATA)

    def host_fetches_from_the_guest(self):
        self.need_network()
        self.run("mkdir -p /tmp/www && dd if=/dev/urandom of=/tmp/www/data bs=64k count=16")
        self.run("httpd -p 80 -h /tmp/www")
        expected = self.run("sha256sum </tmp/www/data").split()[0]
        url = f"http://127.0.0.1:{self.tcp}/data"
        with urllib.request.urlopen(url, timeout=COMMAND_LIMIT) as response:
            assert sha256(response.read()) == expected

    def refused_datagrams(self):
        """How many have come for ports that nobody listens on."""
        names, values = self.run("grep ^Udp: /proc/net/snmp").splitlines()
        return int(dict(zip(names.split(), values.split()))["NoPorts"])

    def datagrams_reach_the_guest(self):
        self.need_network()
        before = self.refused_datagrams()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _ in range(3):
                s.sendto(b"hello", ("127.0.0.1", self.udp))
        end = time.monotonic() + COMMAND_LIMIT
        while (got := self.refused_datagrams() - before) < 3:
            assert time.monotonic() < end, f"{got} of 3 datagrams came"

    def names_are_resolved(self):
        self.need_network()
        assert "nameserver 10.0.2.3" in self.run("cat /etc/resolv.conf")
        expected = addresses()
        found = self.run(f"nslookup {NAME} 10.0.2.3")
        assert any(address in found for address in expected), (expected, found)

    # --- consoles and the rest ---

    def socket_console_goes_both_ways(self, device="hvc0"):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(COMMAND_LIMIT)
            client.connect(str(self.socket))
            stream = client.makefile("rwb")
            self.run(f"stty -echo </dev/{device}")
            self.run(f"echo from the guest >/dev/{device}")
            assert stream.readline().strip() == b"from the guest"
            stream.write(b"from the host\n")
            stream.flush()
            assert self.run(f"head -n 1 </dev/{device}") == "from the host"

    def file_console_has_what_the_guest_wrote(self):
        self.run("seq 1 2000 >/dev/hvc0")
        expected = "".join(f"{n}\r\n" for n in range(1, 2001)).encode()
        end = time.monotonic() + COMMAND_LIMIT
        while self.console.read_bytes() != expected:
            assert time.monotonic() < end, self.console.read_bytes()[-100:]
            time.sleep(0.05)

    def random_numbers_come_from_the_device(self):
        assert self.run("cat /sys/class/misc/hw_random/rng_current").startswith("virtio_rng")
        read = "head -c 4096 /dev/hwrng | sha256sum"
        assert len({self.run(read), self.run(read), sha256(bytes(4096)) + "  -"}) == 3

    def balloon_is_there(self):
        assert "virtio" in self.run("ls /sys/bus/virtio/drivers/virtio_balloon")

    def interrupts_are(self, pattern):
        found = self.run("cat /proc/interrupts")
        assert re.search(pattern, found), found

    # --- the machines ---

    def pci_with_msix(self):
        self.start("--smp", "2", "--machine", MESSAGES[self.isa],
                   "--virtio-blk", f"{self.raw},format=raw,serial=TRINE-RAW,queues=2",
                   "--virtio-blk", str(self.qcow2), "--virtio-blk", f"{self.fixed},readonly",
                   "--virtio-blk", f"{self.kept},snapshot", "--virtio-console",
                   f"unix:{self.socket}", "--virtio-rng", "--virtio-balloon", "--stats",
                   f"json:{self.stats}")
        yield self.msix_for_each_queue
        yield self.serial_number_and_queues_are_as_asked
        yield self.raw_disk_is_written_and_read
        yield self.qcow2_disk_is_written_and_read
        yield self.readonly_disk_is_not_written
        yield self.snapshot_is_written_and_read
        yield self.guest_fetches_from_the_host
        yield self.host_fetches_from_the_guest
        yield self.datagrams_reach_the_guest
        yield self.names_are_resolved
        yield self.socket_console_goes_both_ways
        yield self.random_numbers_come_from_the_device
        yield self.balloon_is_there
        yield self.powers_off
        yield self.images_are_consistent
        yield self.readonly_and_snapshot_files_are_as_before
        yield self.statistics_count_what_was_done

    def msix_for_each_queue(self):
        self.interrupts_are(r"PCI-MSIX-.* virtio0-req\.1")

    def statistics_count_what_was_done(self):
        devices = json.loads(self.stats.read_text())["devices"]
        assert not {"blk0", "blk1", "blk2", "blk3", "console0", "rng0", "balloon0"} - set(devices)
        for name, counts in devices.items():
            assert counts["requests"] > 0, (name, counts)
        for name in "blk0", "blk1":
            assert devices[name]["bytes_written"] >= 2 * MEGABYTE, devices[name]
            assert devices[name]["bytes_read"] >= 2 * MEGABYTE, devices[name]
            assert devices[name]["flushes"] > 0 and not devices[name]["errors"], devices[name]
        if self.has_network:
            assert devices["net0"]["bytes_in"] > MEGABYTE < devices["net0"]["bytes_out"], devices

    def mmio(self):
        self.start("--transport", "mmio", "--virtio-blk", str(self.raw), "--virtio-blk",
                   f"{self.qcow2},format=qcow2", "--virtio-console", f"file:{self.console}",
                   "--virtio-rng", "--virtio-balloon")
        yield self.devices_are_behind_mmio
        yield self.disks_have_what_the_last_machine_wrote
        yield self.raw_disk_is_written_and_read
        yield self.qcow2_disk_is_written_and_read
        yield self.guest_fetches_from_the_host
        yield self.host_fetches_from_the_guest
        yield self.file_console_has_what_the_guest_wrote
        yield self.random_numbers_come_from_the_device
        yield self.balloon_is_there
        yield self.powers_off
        yield self.images_are_consistent

    def devices_are_behind_mmio(self):
        found = self.run("ls -l /sys/bus/virtio/devices")
        assert ".virtio_mmio/virtio" in found and "pci" not in found, found
        self.interrupts_are(WIRES[self.isa] + ".* virtio0")

    def pci_with_intx_and_a_virtio_terminal(self):
        self.start("--machine", NO_MESSAGES[self.isa], "--virtio-console", "stdio",
                   "--virtio-console", f"unix:{self.socket}", "--virtio-blk",
                   f"{self.qcow2},readonly")
        yield self.shell_is_at_the_virtio_console
        yield self.second_console_goes_both_ways
        yield self.interrupts_are_wires
        yield self.guest_fetches_from_the_host
        yield self.powers_off
        yield self.serial_port_went_to_the_log

    def shell_is_at_the_virtio_console(self):
        assert self.run("tty") == "/dev/hvc0"

    def second_console_goes_both_ways(self):
        self.socket_console_goes_both_ways("hvc1")

    def interrupts_are_wires(self):
        self.interrupts_are(WIRES[self.isa] + ".* virtio0")

    def serial_port_went_to_the_log(self):
        assert "vm-cli: serial: [    0.000000] Linux version" in self.machine.error

    def machines(self):
        yield "pci-msix", self.pci_with_msix()
        yield "mmio", self.mmio()
        yield "pci-intx", self.pci_with_intx_and_a_virtio_terminal()


def main():
    vm, guests, isa, engine = sys.argv[1:]
    skip_without([Path(guests) / isa / name for name in ("kernel", "initrd")])
    return run_machines(Bench(vm, guests, isa, engine))


if __name__ == "__main__":
    sys.exit(main())
