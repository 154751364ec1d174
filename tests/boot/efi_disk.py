# SPDX-License-Identifier: MIT
"""Makes a disk that UEFI starts a whole distribution from.

It has a GUID partition table (UEFI specification, section 5.3) with two partitions: the EFI system
partition, a FAT file system, and the distribution's root file system. GRUB is where firmware looks
for it on a disk that it does not know, and reads the configuration in the root file system."""

import struct
import subprocess
import uuid
import zlib

SECTOR = 512
MEGABYTE = 1 << 20
ENTRIES, ENTRY_SIZE = 128, 128
TABLE = ENTRIES * ENTRY_SIZE // SECTOR  # sectors
FIRST = MEGABYTE // SECTOR              # of the first partition
SYSTEM_SIZE = 64 * MEGABYTE
ROOT_OFFSET = MEGABYTE + SYSTEM_SIZE    # bytes
SYSTEM, LINUX = (uuid.UUID(text) for text in ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
                                              "0fc63daf-8483-4772-8e79-3d69d8477de4"))
LOADERS = {"arm64": "BOOTAA64.EFI"}  # by section 3.5.1.1 of the specification
# What Debian's GRUB in one file reads beside itself.
GRUB = """\
search --no-floppy --label --set=root trine
set prefix=($root)/boot/grub
configfile $prefix/grub.cfg
"""


def entry(kind, name, first, sectors):
    return struct.pack("<16s16sQQQ72s", kind.bytes_le, uuid.uuid4().bytes_le, first,
                       first + sectors - 1, 0, name.encode("utf-16-le"))


def header(own, other, table, sectors, disk, entries):
    fields = [b"EFI PART", 0x10000, 92, 0, 0, own, other, TABLE + 2, sectors - TABLE - 2,
              disk.bytes_le, table, ENTRIES, ENTRY_SIZE, zlib.crc32(entries)]
    layout = "<8sIIIIQQQQ16sQIII"
    fields[3] = zlib.crc32(struct.pack(layout, *fields))
    return struct.pack(layout, *fields).ljust(SECTOR, b"\0")


def write_table(file, sectors, partitions):
    """The protective record for those that do not know the table, the table, and its copy at the
    end of the disk."""
    protective = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xee, b"\xff\xff\xff", 1,
                             min(sectors - 1, 0xffffffff))
    entries = b"".join(partitions).ljust(ENTRIES * ENTRY_SIZE, b"\0")
    disk = uuid.uuid4()
    file.seek(0)
    file.write(bytes(446) + protective + bytes(48) + b"\x55\xaa")
    file.write(header(1, sectors - 1, 2, sectors, disk, entries) + entries)
    file.seek((sectors - 1 - TABLE) * SECTOR)
    file.write(entries + header(sectors - 1, 1, sectors - 1 - TABLE, sectors, disk, entries))


def make_system_partition(image, grub, isa):
    with image.open("wb") as file:
        file.truncate(SYSTEM_SIZE)
    subprocess.run(["mformat", "-i", image, "-v", "EFI", "-F", "-c", "1", "::"], check=True)
    subprocess.run(["mmd", "-i", image, "::EFI", "::EFI/BOOT", "::EFI/debian"], check=True)
    subprocess.run(["mcopy", "-i", image, grub, f"::EFI/BOOT/{LOADERS[isa]}"], check=True)
    subprocess.run(["mcopy", "-i", image, "-", "::EFI/debian/grub.cfg"], input=GRUB.encode(),
                   check=True)


def make(disk, root, grub, isa):
    """`root` is the file system's image; `disk` is written, and a file beside it for a while."""
    system = disk.with_suffix(".esp")
    make_system_partition(system, grub, isa)
    sectors = (ROOT_OFFSET + root.stat().st_size + MEGABYTE) // SECTOR
    with disk.open("wb") as file:
        file.truncate(sectors * SECTOR)
        write_table(file, sectors, [
            entry(SYSTEM, "system", FIRST, SYSTEM_SIZE // SECTOR),
            entry(LINUX, "root", ROOT_OFFSET // SECTOR, root.stat().st_size // SECTOR)])
    for source, offset in (system, MEGABYTE), (root, ROOT_OFFSET):
        subprocess.run(["dd", f"if={source}", f"of={disk}", "bs=1M", "conv=sparse,notrunc",
                        f"seek={offset // MEGABYTE}", "status=none"], check=True)
    system.unlink()
