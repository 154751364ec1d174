# SPDX-License-Identifier: MIT
"""Debian packages of any suite and architecture, fetched by name and checked.

The packages come from the mirror that this machine's own apt is set up with, through apt itself
but with a private state directory: nothing of the machine's own package lists changes, and no
privilege is needed. Apt checks the archive's signature against Debian's keyring, and every package
against the signed index. What has been fetched once is kept under the cache directory and used
again without any call of apt, hence without a network.

Cache layout:  <cache>/<suite>-<architecture>/           apt's private state for that index
               <cache>/<suite>-<architecture>/debs/      fetched packages
               <cache>/<suite>-<architecture>/packages.json   which file answers which name
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg",
            "/usr/share/keyrings/debian-archive-keyring.pgp")


class Error(Exception):
    """One line for the user: what went wrong and what to do about it."""


class Package(NamedTuple):
    name: str
    version: str
    path: Path


@contextlib.contextmanager
def locked(directory):
    """Holds the lock of a directory (made if need be), so that two runs do not mix their files."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="ascii") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"waiting for another run to release {directory}/lock", flush=True)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_programs(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Error(f"{program} is missing: this needs a Debian or Debian-like system with apt "
                        "and dpkg; elsewhere copy build/guests from one")


def unpack(package, directory):
    """Unpacks a package's files below directory."""
    result = subprocess.run(["dpkg-deb", "-x", str(package.path), str(directory)],
                            capture_output=True, text=True)
    if result.returncode != 0:
        raise Error(f"{package.path} cannot be unpacked ({first_line(result.stderr)}): delete the "
                    "file and run this again")


def host_architecture():
    require_programs("dpkg")
    return subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True,
                          text=True).stdout.strip()


def first_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no message"


class Archive:
    """One suite of the Debian archive for one architecture."""

    def __init__(self, cache, suite, architecture, say=print):
        self.suite = suite
        self.architecture = architecture
        self.state = Path(cache).resolve() / f"{suite}-{architecture}"
        self.debs = self.state / "debs"
        self.say = say
        self.index_is_fresh = False

    def package(self, name, follow=None, refresh=False):
        """The package of that name; with follow, the one that it depends on whose name starts so.

        Taken from the cache when it is there, unless refresh asks for the archive's newest.
        """
        cached = self._recorded(name)
        if cached and not refresh:
            return cached
        self._update_index()
        fields = self._describe(name)
        if follow:
            fields = self._describe(self._followed(fields, follow))
        if cached and (cached.name, cached.version) == (fields["Package"], fields["Version"]):
            return cached
        package = self._download(fields)
        self._record(name, package)
        return package

    # The record of what is cached.

    def _records(self):
        try:
            return json.loads((self.state / "packages.json").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}

    def _recorded(self, name):
        entry = self._records().get(name)
        if not entry or not (self.debs / entry["file"]).is_file():
            return None
        return Package(entry["package"], entry["version"], self.debs / entry["file"])

    def _record(self, name, package):
        records = self._records()
        previous = records.get(name)
        records[name] = {"package": package.name, "version": package.version,
                         "file": package.path.name}
        temporary = self.state / "packages.json.new"
        temporary.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        temporary.replace(self.state / "packages.json")
        used = {entry["file"] for entry in records.values()}
        if previous and previous["file"] not in used:
            (self.debs / previous["file"]).unlink(missing_ok=True)

    # Apt with private directories.

    def _apt(self, command, *arguments, cwd=None):
        environment = dict(os.environ, LC_ALL="C")
        return subprocess.run([command, "-c", str(self.state / "apt.conf"), *arguments], cwd=cwd,
                              env=environment, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)

    def _write_configuration(self):
        for directory in ("lists/partial", "cache/archives/partial", "debs"):
            (self.state / directory).mkdir(parents=True, exist_ok=True)
        (self.state / "status").touch()
        # The machine's own configuration is read first, for its proxies and credentials; this file
        # comes after it. Hooks and pins of the machine do not belong here. The download user of
        # apt is given up because it may not be allowed to enter the directory that we build in.
        (self.state / "apt.conf").write_text(f"""\
#clear APT::Architectures;
#clear APT::Update;
#clear APT::Default-Release;
#clear DPkg;
Dir::State "{self.state}";
Dir::State::lists "{self.state}/lists";
Dir::State::status "{self.state}/status";
Dir::Cache "{self.state}/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Etc::sourcelist "{self.state}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{self.architecture}";
APT::Architectures {{ "{self.architecture}"; }};
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::PDiffs "false";
""", encoding="utf-8")

    def _update_index(self):
        if self.index_is_fresh:
            return
        require_programs("apt-get", "apt-cache", "dpkg-deb")
        keyring = next((path for path in KEYRINGS if os.access(path, os.R_OK)), None)
        if not keyring:
            raise Error(f"{KEYRINGS[0]} is missing, so signatures cannot be checked: install "
                        "debian-archive-keyring")
        self.say(f"reading the package index of Debian {self.suite} for {self.architecture}")
        self._write_configuration()
        problems = []
        for mirror in machine_mirrors():
            (self.state / "sources.list").write_text(
                f"deb [arch={self.architecture} target=Packages signed-by={keyring}] "
                f"{mirror} {self.suite} main\n", encoding="utf-8")
            result = self._apt("apt-get", "-q", "update")
            if result.returncode == 0:
                self.index_is_fresh = True
                return
            problems.append(index_problem(result.stderr, keyring, self.suite))
        raise Error(problems[0] if problems else
                    "apt has no Debian mirror among its sources: add one, or copy build/guests and "
                    "build/cache from a Debian system")

    def _describe(self, name):
        result = self._apt("apt-cache", "show", "--no-all-versions", name)
        fields = dict(re.findall(r"^([A-Za-z0-9-]+): (.*)$", result.stdout.split("\n\n")[0], re.M))
        if result.returncode != 0 or "Version" not in fields:
            raise Error(f"Debian {self.suite} on this machine's mirror has no package {name} for "
                        f"{self.architecture}: use a full mirror")
        return fields

    def _followed(self, fields, prefix):
        for dependency in re.split(r"[,|]", fields.get("Depends", "")):
            dependency = dependency.split("(")[0].strip()
            if dependency.startswith(prefix):
                return dependency
        raise Error(f"package {fields['Package']} {fields['Version']} depends on no {prefix}*: "
                    "this script does not know that layout of the archive")

    def _download(self, fields):
        name, version = fields["Package"], fields["Version"]
        self.say(f"fetching {name} {version} ({int(fields.get('Size', 0)) / 1e6:.1f} MB)")
        with tempfile.TemporaryDirectory(dir=self.state) as directory:
            result = self._apt("apt-get", "-q", "download", f"{name}={version}", cwd=directory)
            files = list(Path(directory).glob("*.deb"))
            if result.returncode != 0 or len(files) != 1:
                raise Error(f"package {name} {version} was not fetched "
                            f"({first_line(result.stderr)}): check the network and run this again")
            path = self.debs / files[0].name
            files[0].replace(path)
        return Package(name, version, path)


def machine_mirrors():
    """Addresses of the Debian archive in this machine's apt sources, the likeliest first."""
    environment = dict(os.environ, LC_ALL="C")
    known = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)",
                            "Created-By: Packages", "Origin: Debian", "Label: Debian"],
                           env=environment, capture_output=True, text=True).stdout.split()
    # Before the machine's first "apt-get update" nothing tells the origin of a source, so take
    # every address that has a main suite; a wrong one fails its signature check.
    with tempfile.TemporaryDirectory() as empty:
        planned = subprocess.run(["apt-get", "update", "--print-uris",
                                  "-o", f"Dir::State::lists={empty}"],
                                 env=environment, capture_output=True, text=True).stdout
    unknown = re.findall(r"^'(\S+/)dists/[a-z]+/InRelease'", planned, re.M)
    return list(dict.fromkeys(known)) or list(dict.fromkeys(unknown))


def index_problem(messages, keyring, suite):
    """Apt's complaint about an index as one line with its remedy."""
    if re.search(r"NO_PUBKEY|Missing key", messages):
        return (f"{keyring} lacks the key of Debian {suite}: upgrade debian-archive-keyring "
                "(apt-get install debian-archive-keyring)")
    errors = [line[2:].strip() for line in messages.splitlines() if line.startswith("E:")]
    problem = errors[0] if errors else "no message"
    return (f"the index of Debian {suite} was not fetched ({problem}): check the network and apt's "
            "sources, then run this again")
