# SPDX-License-Identifier: MIT
"""Initial RAM file systems: a writer of cpio archives and a selection of kernel modules.

The archive is the same for the same input, byte by byte: every entry belongs to root and has the
time stamp 0. Modules are stored decompressed, because BusyBox may lack xz, together with the
modules.dep and modules.alias that modprobe reads: distribution packages do not hold these, their
installation would make them.
"""

import lzma
import re
import stat
import struct
from pathlib import Path


class CpioWriter:
    """An archive in the "newc" format, which the kernel unpacks (Documentation/driver-api/
    early-userspace/buffer-format.rst of the kernel)."""

    def __init__(self):
        self.parts = []
        self.inodes = 0
        self.directories = set()

    def directory(self, path, mode=0o755):
        path = path.strip("/")
        if not path or path in self.directories:
            return
        self._make_parents(path)
        self.directories.add(path)
        self._entry(path, stat.S_IFDIR | mode)

    def file(self, path, content, mode=0o644):
        self._make_parents(path)
        self._entry(path, stat.S_IFREG | mode, content)

    def symlink(self, path, target):
        self._make_parents(path)
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, path, major, minor, mode=0o600):
        self._make_parents(path)
        self._entry(path, stat.S_IFCHR | mode, device=(major, minor))

    def finish(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self.parts)

    def _make_parents(self, path):
        parent = path.strip("/").rpartition("/")[0]
        self.directory(parent)

    def _entry(self, path, mode, content=b"", device=(0, 0)):
        self.inodes += 1
        name = path.strip("/").encode() + b"\0"
        links = 2 if stat.S_ISDIR(mode) else 1
        fields = (self.inodes, mode, 0, 0, links, 0, len(content), 0, 0, *device, len(name), 0)
        header = b"070701" + b"".join(b"%08X" % field for field in fields)
        self.parts += [_padded(header + name), _padded(content)]


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


class ModuleSet:
    """Kernel modules by name, with what each needs, from a directory lib/modules/<version>."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.version = self.directory.name
        self.paths = {}
        for path in sorted(self.directory.rglob("*.ko*")):
            self.paths[module_name(path.name)] = path
        self.selected = {}

    def select(self, wanted):
        """Adds the wanted modules that exist (others are built in, or absent from this kernel) and
        all that they depend on."""
        for name in wanted:
            name = name.replace("-", "_")
            if name in self.selected or name not in self.paths:
                continue
            image = read_module(self.paths[name])
            info = module_info(image)
            needs = [need for need in ",".join(info.get("depends", [])).split(",") if need]
            self.selected[name] = (image, needs, info.get("alias", []))
            self.select(needs)
            self.select(re.findall(r"[\w-]+", " ".join(
                value.partition("pre:")[2].partition("post:")[0]
                for value in info.get("softdep", []))))

    def store(self, archive):
        root = f"lib/modules/{self.version}"
        dependencies, aliases = [], []
        for name in sorted(self.selected):
            image, _, patterns = self.selected[name]
            archive.file(f"{root}/{name}.ko", image)
            ordered = [f"{need}.ko" for need in self._all_needs(name)]
            dependencies.append(f"{name}.ko: {' '.join(ordered)}".rstrip() + "\n")
            aliases += [f"alias {pattern} {name}\n" for pattern in patterns]
        archive.file(f"{root}/modules.dep", "".join(dependencies).encode())
        archive.file(f"{root}/modules.alias", "".join(aliases).encode())

    def _all_needs(self, name):
        """Everything that a module needs, the nearest first, as modules.dep has it."""
        found = []
        for need in self.selected[name][1]:
            if need in self.selected:
                found += [need, *self._all_needs(need)]
        # A module that several others need must stand behind all of them.
        return list(reversed(list(dict.fromkeys(reversed(found)))))


def module_name(file_name):
    return file_name.partition(".ko")[0].replace("-", "_")


def read_module(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def module_info(image):
    """The key=value strings of a module's .modinfo section, a list for each key.

    The image is a little-endian 64-bit ELF file; offsets as in the ELF-64 object file format."""
    table, = struct.unpack_from("<Q", image, 0x28)
    entry_size, count, names_index = struct.unpack_from("<HHH", image, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", image, table + index * entry_size)
                for index in range(count)]
    names = sections[names_index][4]
    info = {}
    for name, _, _, _, offset, size in sections:
        if image[names + name:names + name + 9] == b".modinfo\0":
            for item in image[offset:offset + size].split(b"\0"):
                key, _, value = item.decode("utf-8", "replace").partition("=")
                if key:
                    info.setdefault(key, []).append(value)
    return info
