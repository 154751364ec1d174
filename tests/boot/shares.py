#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Shares directories with a stock Debian guest, and connects its programs with the host's by vsock.

    shares.py VM-CLI GUESTS ISA ENGINE

Two machines boot one after the other, over PCI and over MMIO. What one side does the other has to
see. Prints TAP; ends with status 77 and the cause when the guest is not there."""

import fcntl
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import machine
from cases import Skip, run_machines, skip_without
from machine import COMMAND_LIMIT, sha256

MEGABYTE = 1 << 20
CID = 42
COMPILERS = {"riscv64": "riscv64-linux-gnu-gcc", "arm64": "aarch64-linux-gnu-gcc",
             "x86_64": "x86_64-linux-gnu-gcc"}
MOUNT = "mount -t 9p -o trans=virtio,version=9p2000.L"
NAMES = ("plain", "with space", "with'quote", "überraschung", "-dash", "x" * 255)


class Bench(machine.Bench):
    def __init__(self, vm, guests, isa, engine):
        super().__init__("shares", vm)
        self.isa, self.guest = isa, Path(guests) / isa
        self.options = ["--engine", engine, "--memory", "256M"]
        self.shared, self.fixed = self.directory / "shared", self.directory / "fixed"
        self.vsock = self.directory / "vsock"
        self.fill()

    def fill(self):
        for directory in self.shared / "many", self.shared / "deep/er/still", self.fixed:
            directory.mkdir(parents=True)
        for number in range(400):
            (self.shared / "many" / f"{number:04}").write_text(str(number) * (number % 50))
        for name in NAMES:
            (self.shared / "deep/er" / name).write_text(name)
        (self.shared / "big").write_bytes(os.urandom(3 * MEGABYTE + 12345))
        (self.shared / "link").symlink_to("deep/er/plain")
        (self.shared / "out").symlink_to("../secret")
        (self.shared / "dangling").symlink_to("/no/where")
        (self.fixed / "file").write_text("fixed")
        (self.directory / "secret").write_text("secret")

    def start(self, *options):
        self.boot(self.guest, *self.options, "--share", f"{self.shared}:host",
                  "--share", f"{self.fixed}:fixed:ro",
                  "--virtio-vsock", f"{CID},path={self.vsock}", *options)

    # --- shares ---

    def is_mounted(self):
        self.run(f"mkdir -p /host /fixed && {MOUNT} host /host && {MOUNT} fixed /fixed")
        assert "/host 9p" in self.run("cat /proc/mounts")

    def is_mounted_with_a_cache(self):
        self.run(f"mkdir -p /host /fixed && {MOUNT},cache=loose host /host")

    def guest_gets_a_program(self):
        self.need_program()
        source, program = Path(__file__).with_name("shares_guest.c"), self.shared / "shares-guest"
        subprocess.run([COMPILERS[self.isa], "-static", "-O1", "-o", program, source], check=True)
        self.run("cp /host/shares-guest /tmp && rm /host/shares-guest")

    def need_program(self):
        if not shutil.which(COMPILERS[self.isa]):
            raise Skip(f"{COMPILERS[self.isa]} is not installed")

    def guest_sees_every_file(self):
        """Names, kinds, sizes, modes and times of the whole tree."""
        listing = "find . | while read -r name; do stat -c '%n %f %s %h %Y' \"$name\"; done"
        found = self.run(f"cd /host && {listing}; cd").splitlines()
        expected = []
        for path in [self.shared, *self.shared.rglob("*")]:
            s, name = path.lstat(), path.relative_to(self.shared)
            name = "." if path == self.shared else f"./{name}"
            expected.append(f"{name} {s.st_mode:x} {s.st_size} {s.st_nlink} {int(s.st_mtime)}")
        assert sorted(found) == sorted(expected), set(found) ^ set(expected)
        lines = self.run("ls -lR /host").splitlines()
        assert len(lines) > 400, lines
        self.run("ls -la /host/many | tail -n 1 | grep -q 0399")

    def guest_reads_every_file(self):
        found = self.run("cd /host && find . -type f -exec sha256sum {} + ; cd").splitlines()
        expected = [f"{sha256(path.read_bytes())}  ./{path.relative_to(self.shared)}"
                    for path in self.shared.rglob("*") if path.is_file() and not path.is_symlink()]
        assert sorted(found) == sorted(expected), set(found) ^ set(expected)

    def links_are_the_guests(self):
        for name in "link", "out", "dangling":
            assert self.run(f"readlink /host/{name}") == os.readlink(self.shared / name)
        assert self.run("cat /host/link") == "plain"
        self.run("! cat /host/out 2>/dev/null")  # that is /secret in the guest
        self.run("echo mine >/secret && grep mine /host/out && rm /secret")
        self.run("ln -s /etc/passwd /host/made && ln -s made /host/made2")
        assert os.readlink(self.shared / "made") == "/etc/passwd"
        self.run("rm /host/made /host/made2")
        assert (self.directory / "secret").read_text() == "secret"

    def host_sees_what_the_guest_writes(self):
        self.run("dd if=/dev/urandom of=/host/new bs=64k count=40 conv=fsync 2>/dev/null")
        assert self.run("sha256sum </host/new").split()[0] == \
            sha256((self.shared / "new").read_bytes())
        self.run("echo -n one >/host/text && echo -n two >>/host/text && sync")
        assert (self.shared / "text").read_text() == "onetwo"
        self.run("truncate -s 4 /host/text && sync")
        assert (self.shared / "text").read_text() == "onet"
        self.run("printf XY | dd of=/host/text bs=1 seek=1 conv=notrunc 2>/dev/null && sync")
        assert (self.shared / "text").read_text() == "oXYt"
        self.run("rm /host/new /host/text")

    def host_sees_names_and_modes(self):
        self.run("mkdir -p /host/dir/sub && echo x >/host/dir/sub/file && mv /host/dir /host/moved")
        assert (self.shared / "moved/sub/file").read_text() == "x\n"
        self.run("cd /host/moved/sub && mv file ../file2 && ln ../file2 hard && cd")
        self.run("chmod 640 /host/moved/file2 && touch -d @1000000000 /host/moved/file2")
        s = (self.shared / "moved/file2").stat()
        assert (s.st_mode & 0o7777, s.st_nlink, int(s.st_mtime)) == (0o640, 2, 1000000000), s
        self.run("umask 0 && mkdir -m 1777 /host/moved/open && mkfifo /host/moved/fifo")
        assert (self.shared / "moved/open").stat().st_mode & 0o7777 == 0o1777
        assert (self.shared / "moved/fifo").is_fifo()
        self.run("(echo through >/host/moved/fifo &) ; grep through /host/moved/fifo")
        self.run("! mknod /host/moved/null c 1 3 2>/dev/null")
        self.run("! rmdir /host/moved 2>/dev/null && rm -r /host/moved")
        assert not (self.shared / "moved").exists()

    def guest_sees_what_the_host_does(self):
        (self.shared / "fromhost").write_text("first")
        assert self.run("cat /host/fromhost") == "first"
        (self.shared / "fromhost").write_text("second, longer")
        assert self.run("cat /host/fromhost") == "second, longer"
        (self.shared / "fromhost").rename(self.shared / "renamed")
        assert self.run("cat /host/renamed; ! cat /host/fromhost 2>/dev/null") == "second, longer"
        (self.shared / "renamed").unlink()
        self.run("! ls /host/renamed 2>/dev/null")

    def open_files_outlive_their_names(self):
        self.run("exec 5<>/host/gone; echo -n before >&5; rm /host/gone; echo -n after >&5; "
                 "exec 5>&-")
        assert not (self.shared / "gone").exists()

    def programs_run_from_the_share(self):
        """Their pages are mapped."""
        self.run("cp /bin/busybox /host/busybox && chmod 755 /host/busybox")
        assert self.run("/host/busybox expr 6 '*' 7") == "42"
        found = self.run("/host/busybox sha256sum /host/big").split()[0]
        assert found == sha256((self.shared / "big").read_bytes())
        self.run("rm /host/busybox")

    def locks_hold_between_the_two(self):
        self.need_program()
        self.run("/tmp/shares-guest lock /host/big")
        with (self.shared / "big").open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            self.run("! /tmp/shares-guest lock /host/big 2>/dev/null")
        self.run("/tmp/shares-guest lock /host/big")

    def readonly_share_is_not_written(self):
        assert self.run("cat /fixed/file") == "fixed"
        for command in ("echo x >/fixed/file", "echo x >/fixed/new", "rm /fixed/file",
                        "chmod 777 /fixed/file", "mkdir /fixed/dir", "mv /fixed/file /fixed/x"):
            self.run(f"! {command} 2>/dev/null")
        assert [path.name for path in self.fixed.iterdir()] == ["file"]
        assert (self.fixed / "file").read_text() == "fixed"

    def files_are_as_they_were(self):
        for number in range(400):
            found = (self.shared / "many" / f"{number:04}").read_text()
            assert found == str(number) * (number % 50), number
        names = {path.name for path in self.shared.iterdir()}
        assert names == {"many", "deep", "big", "link", "out", "dangling"}, names

    # --- vsock ---

    def guest_knows_its_cid(self):
        self.need_program()
        assert self.run("/tmp/shares-guest cid") == str(CID)

    def guest_is_refused_where_nobody_listens(self):
        self.need_program()
        self.run("! /tmp/shares-guest connect 9 </dev/null 2>/dev/null")

    def guest_connects_to_the_host(self):
        self.need_program()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{self.vsock}_1234")
            listener.listen()
            server = threading.Thread(target=self.echo, args=(listener,))
            server.start()
            found = self.run("/tmp/shares-guest connect 1234 </host/big | sha256sum").split()[0]
            server.join(COMMAND_LIMIT)
        os.unlink(f"{self.vsock}_1234")
        assert found == sha256((self.shared / "big").read_bytes())

    def echo(self, listener):
        listener.settimeout(COMMAND_LIMIT)
        client, _ = listener.accept()
        with client:
            client.settimeout(COMMAND_LIMIT)
            while data := client.recv(30000):
                client.sendall(data)

    def host_connects_to_the_guest(self):
        self.need_program()
        data = os.urandom(MEGABYTE)
        self.run("(/tmp/shares-guest listen 52 &) ; sleep 0.5")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(COMMAND_LIMIT)
            client.connect(str(self.vsock))
            client.sendall(b"CONNECT 52\n")
            line = b""
            while not line.endswith(b"\n"):
                line += client.recv(1)
            assert line.startswith(b"OK "), line
            sender = threading.Thread(target=self.send, args=(client, data))
            sender.start()
            found = b""
            while got := client.recv(65536):
                found += got
            sender.join()
        assert found == data, (len(found), len(data))

    def send(self, client, data):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    def host_is_refused_where_nobody_listens(self):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(COMMAND_LIMIT)
            client.connect(str(self.vsock))
            client.sendall(b"CONNECT 53\n")
            assert client.recv(100) == b""

    def socket_is_gone(self):
        assert not self.vsock.exists()

    # --- the machines ---

    def pci(self):
        self.start("--smp", "2")
        yield self.is_mounted
        yield self.guest_gets_a_program
        yield self.guest_sees_every_file
        yield self.guest_reads_every_file
        yield self.links_are_the_guests
        yield self.host_sees_what_the_guest_writes
        yield self.host_sees_names_and_modes
        yield self.guest_sees_what_the_host_does
        yield self.open_files_outlive_their_names
        yield self.programs_run_from_the_share
        yield self.locks_hold_between_the_two
        yield self.readonly_share_is_not_written
        yield self.files_are_as_they_were
        yield self.guest_knows_its_cid
        yield self.guest_is_refused_where_nobody_listens
        yield self.guest_connects_to_the_host
        yield self.host_connects_to_the_guest
        yield self.host_is_refused_where_nobody_listens
        yield self.powers_off
        yield self.socket_is_gone

    def mmio(self):
        self.start("--transport", "mmio")
        yield self.is_mounted_with_a_cache
        yield self.guest_gets_a_program
        yield self.guest_sees_every_file
        yield self.guest_reads_every_file
        yield self.host_sees_what_the_guest_writes
        yield self.host_sees_names_and_modes
        yield self.programs_run_from_the_share
        yield self.files_are_as_they_were
        yield self.guest_knows_its_cid
        yield self.guest_connects_to_the_host
        yield self.host_connects_to_the_guest
        yield self.powers_off

    def machines(self):
        yield "pci", self.pci()
        yield "mmio", self.mmio()


def main():
    vm, guests, isa, engine = sys.argv[1:]
    skip_without([Path(guests) / isa / name for name in ("kernel", "initrd")])
    return run_machines(Bench(vm, guests, isa, engine))


if __name__ == "__main__":
    sys.exit(main())
