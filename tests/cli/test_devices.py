#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli with virtio devices: what their options take and refuse, configuration files, statistics.
The guest does not touch the devices; tests/boot has one that does."""

import json
import os
import socket

import programs
from harness import Skip, case, main, refused, scratch_directory, vm, write_file

KERNEL = write_file("hello", programs.hello())
RUN = ("run", "--kernel", KERNEL, "--memory", "16M")
IMAGE = write_file("disk.img", bytes(1 << 20))
COUNTERS = {"requests", "bytes_out", "bytes_in", "interrupts", "doorbells"}
DISK_COUNTERS = COUNTERS | {"reads", "writes", "flushes", "discards", "bytes_read", "bytes_written",
                            "errors", "batches"}


def has_user_network():
    for line in vm("info").out.decode().splitlines():
        if line.startswith("user network"):
            return line.split()[2] == "yes"
    raise AssertionError("info does not name user networks")


def need_user_network():
    if not has_user_network():
        raise Skip("this build has no libslirp")


def devices_of(*options):
    path = scratch_directory() / "stats.json"
    result = vm(*RUN, *options, "--stats", f"json:{path}")
    assert result.status == 0, result
    return json.loads(path.read_text())["devices"]


@case
def what_is_wrong_in_an_option_is_named_with_the_nearest_right_word():
    for option, value, *patterns in (
            ("virtio-blk", "a.img,fromat=raw", "fromat=raw", "did you mean format"),
            ("virtio-blk", "a.img,readonyl", "did you mean readonly"),
            ("virtio-blk", "a.img,snapsho", "did you mean snapshot"),
            ("virtio-blk", "a.img,format=qcow", "raw or qcow2", "did you mean qcow2"),
            ("virtio-blk", "a.img,format=", "raw or qcow2"),
            ("virtio-blk", "a.img,queues=0", "1 to 16"),
            ("virtio-blk", "a.img,queues=17", "1 to 16"),
            ("virtio-blk", "a.img,serial=", "1 to 20"),
            ("virtio-blk", "a.img,serial=" + 21 * "x", "1 to 20"),
            ("virtio-blk", "a.img,readonly,", "last comma"),
            ("virtio-blk", "", "no file"),
            ("virtio-blk", 5000 * "x", "no path"),
            ("virtio-net", "usr", "user or tap=NAME", "did you mean user"),
            ("virtio-net", "user,hostfw=tcp::1-:2", "did you mean hostfwd"),
            ("virtio-net", "user,hostfwd=tcp:22", "hostfwd=tcp::2222-:22"),
            ("virtio-console", "stdoi", "did you mean stdio"),
            ("virtio-console", "unix:", "no path"),
            ("virtio-console", "pty:x", "unix:PATH"),
            ("share", "/tmp", "DIR:TAG"),
            ("share", "/tmp:ro", "DIR:TAG"),
            ("share", ":tag", "DIR:TAG"),
            ("share", "/tmp:" + 65 * "x", "at most 64"),
            ("virtio-vsock", "2", "3 to 4294967294"),
            ("virtio-vsock", "5,pth=x", "did you mean path"),
            ("virtio-vsock", "5,path=", "no path"),
            ("transport", "mmoi", "did you mean mmio"),
            ("virtio-rng=1", "", "on or off")):
        words = (f"--{option}",) if "=" in option else (f"--{option}", value)
        refused(vm(*RUN, *words), 2, f"--{option.partition('=')[0]}", *patterns)


@case
def a_file_that_cannot_be_used_is_status_3():
    refused(vm(*RUN, "--virtio-blk", "/nonexistent"), 3, "--virtio-blk", "/nonexistent",
            "No such file")
    refused(vm(*RUN, "--virtio-blk", write_file("text", "x" * 512) + ",format=qcow2"), 3,
            "--virtio-blk", "qcow2")
    refused(vm(*RUN, "--virtio-console", "file:/nonexistent/out"), 3, "--virtio-console",
            "/nonexistent/out")


@case
def a_directory_that_cannot_be_shared_is_status_3():
    refused(vm(*RUN, "--share", "/nonexistent:tag"), 3, "--share", "/nonexistent", "No such file")
    refused(vm(*RUN, "--share", f"{IMAGE}:tag"), 3, "--share", "directory")
    refused(vm(*RUN, "--share", "/tmp:tag", "--share", "/:tag"), 2, "two shares", "tag")


@case
def a_vsock_is_made_and_unmade():
    path = scratch_directory() / "vsock"
    assert set(devices_of("--virtio-vsock", f"7,path={path}", "--share", "/tmp:a", "--share",
                          "/tmp:b:ro")) == {"share0", "share1", "vsock0"}
    assert not path.exists()
    refused(vm(*RUN, "--virtio-vsock", "7,path=/nonexistent/vsock"), 3, "--virtio-vsock",
            "/nonexistent/vsock")
    with socket.socket(socket.AF_UNIX) as taken:
        taken.bind(str(path))
        taken.listen()
        refused(vm(*RUN, "--virtio-vsock", f"7,path={path}"), 3, "--virtio-vsock", str(path))


@case
def one_image_is_no_two_disks():
    refused(vm(*RUN, "--virtio-blk", IMAGE, "--virtio-blk", IMAGE), 3, "disk.img")
    assert set(devices_of("--virtio-blk", f"{IMAGE},readonly", "--virtio-blk",
                          f"{IMAGE},readonly")) == {"blk0", "blk1"}


@case
def a_port_that_is_taken_is_status_4():
    need_user_network()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused(vm(*RUN, "--virtio-net", f"user,hostfwd=tcp:127.0.0.1:{port}-:80"), 4,
                "--virtio-net", str(port))


@case
def too_many_devices_are_refused():
    disk = ("--virtio-blk", f"{IMAGE},readonly,queues=1")
    refused(vm(*RUN, *9 * disk, "--transport", "mmio"), 2, "more than 8", "--transport pci")
    refused(vm(*RUN, *32 * disk), 2, "more than 31")
    refused(vm(*RUN, "--virtio-console", "stdio", "--virtio-console", "stdio"), 2, "only one")


@case
def statistics_have_every_device_over_both_transports():
    options = ["--virtio-blk", IMAGE, "--virtio-console", f"file:{scratch_directory()}/console",
               "--virtio-rng", "--virtio-balloon"]
    names = {"blk0", "console0", "rng0", "balloon0"}
    if has_user_network():
        options += ["--virtio-net", "user", "--virtio-net", "user"]
        names |= {"net0", "net1"}
    for transport in "pci", "mmio":
        devices = devices_of(*options, "--transport", transport)
        assert set(devices) == names, devices
        for name, counts in devices.items():
            expected = DISK_COUNTERS if name == "blk0" else COUNTERS
            assert set(counts) == expected and set(counts.values()) == {0}, (name, counts)
    result = vm(*RUN, *options, "--stats", "text")
    for name in names:
        assert f"  {name} ".encode() in result.err, (name, result)


@case
def a_comma_in_a_name_is_written_twice():
    image = write_file("a,b.img", bytes(1 << 20))
    assert set(devices_of("--virtio-blk", image.replace(",", ",,") + ",serial=x")) == {"blk0"}
    refused(vm(*RUN, "--virtio-blk", image), 2, "b.img", "twice")


@case
def configuration_files_have_arrays_and_flags():
    def config(**values):
        return ("--config", write_file("config.json", json.dumps(values)))

    disk = f"{IMAGE},readonly"
    assert set(devices_of(*config(**{"virtio-blk": [disk, disk], "virtio-rng": True}))) == {
        "blk0", "blk1", "rng0"}
    assert set(devices_of(*config(**{"virtio-blk": disk, "virtio-rng": False}))) == {"blk0"}
    # The command line takes the place of what the file says.
    assert set(devices_of(*config(**{"virtio-blk": [disk, disk], "virtio-rng": True}),
                          "--virtio-blk", disk, "--virtio-rng=off")) == {"blk0"}
    refused(vm(*RUN, *config(**{"virtio-rng": "yes"})), 2, "virtio-rng", "on or off")
    refused(vm(*RUN, *config(**{"virtio-rng": [True]})), 2, "neither true nor false")
    refused(vm(*RUN, *config(**{"virtio-blk": True})), 2, "neither a string nor a number")
    refused(vm(*RUN, *config(**{"kernel": ["a"]})), 2, "neither a string nor a number")
    refused(vm(*RUN, *config(**{"virtio-blk": [disk, {}]})), 2, "neither a string nor a number")
    refused(vm(*RUN, *config(**{"virtio-blk": [disk, "x,y"]})), 2, "virtio-blk", '"y"')


@case
def with_a_virtio_console_on_the_terminal_the_serial_port_goes_to_the_log():
    kernel = write_file("lines", programs.hello(b"one\ntwo"))
    result = vm("run", "--kernel", kernel, "--memory", "16M", "--virtio-console", "stdio")
    assert result.status == 0 and result.out == b"", result
    lines = result.error_lines
    assert "vm-cli: serial: one" in lines and "vm-cli: serial: two" in lines, result


@case
def a_socket_and_a_pseudoterminal_are_made_and_unmade():
    path = scratch_directory() / "socket"
    result = vm(*RUN, "--virtio-console", f"unix:{path}", "--virtio-console", "pty")
    assert result.status == 0 and not path.exists(), result
    assert b"a guest's console is at /dev/" in result.err, result
    refused(vm(*RUN, "--virtio-console", "unix:/nonexistent/socket"), 3, "/nonexistent/socket")


@case
def images_are_unlocked_when_a_machine_could_not_be_made():
    refused(vm(*RUN, "--virtio-blk", IMAGE, "--virtio-blk", "/nonexistent"), 3, "/nonexistent")
    assert set(devices_of("--virtio-blk", IMAGE)) == {"blk0"}
    assert os.path.getsize(IMAGE) == 1 << 20


if __name__ == "__main__":
    main()
