#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli run: how runs end, what they print where, statistics, traces and configuration files. The
guests are tiny programs."""

import json
import os
import re
import resource
import signal
import subprocess
import time

import programs
from harness import (Skip, case, engines, eventually, finish, main, program, refused,
                     scratch_directory, start, vm, write_file)

ENGINE_LINE = re.compile(r"^vm-cli: riscv64 guest, engine \w+ \(.+\)$")


def guest(name, contents):
    return ("run", "--kernel", write_file(name, contents), "--memory", "16M")


HELLO = guest("hello", programs.hello())
SPIN = guest("spin", programs.spin())
SLEEP = guest("sleep", programs.sleep())
FLOOD = guest("flood", programs.flood())
CRASH = guest("crash", programs.crash())


def without_engine_line(result):
    """What else was said. That there is no sandbox is tests/cli/test_sandbox.py's."""
    lines = result.error_lines
    assert lines and ENGINE_LINE.match(lines[0]), result
    return [line for line in lines[1:] if not line.startswith("vm-cli: no sandbox: ")]


# --- ends and exit statuses ---

@case
def a_plain_power_off_is_status_0_and_output_is_the_guests_alone():
    result = vm(*HELLO)
    assert result.status == 0 and result.out == b"hello\n", result
    assert without_engine_line(result) == [], result


@case
def a_code_of_the_guest_is_the_status():
    for code, status in ((1, 1), (3, 3), (42, 42), (124, 124), (255, 255), (256, 255),
                         (0xffff, 255), (0, 1)):
        result = vm(*guest("code", programs.hello(b"", code)))
        assert result.status == status, (code, result)
        lines = without_engine_line(result)
        assert len(lines) == 1 and f"code {code or 1} " in lines[0], result


@case
def a_timeout_is_status_124_and_takes_its_time():
    for kernel in (SPIN, SLEEP):
        begin = time.monotonic()
        result = vm(*kernel, "--timeout", "0.4")
        elapsed = time.monotonic() - begin
        assert result.status == 124 and 0.4 <= elapsed < 10, (elapsed, result)
        assert any("--timeout" in line for line in without_engine_line(result)), result


@case
def a_timeout_that_is_not_reached_changes_nothing():
    assert vm(*HELLO, "--timeout", "50").status == 0


@case
def a_guest_that_waits_uses_no_host_time():
    result = vm(*SLEEP, "--timeout", "1", "--smp", "4", "--stats", "json")
    stats = json.loads(result.err[result.err.index(b"{"):])
    assert stats["time"]["host_cpu"] < 0.5 < stats["time"]["run"], stats


@case
def a_crash_is_status_5_with_registers_and_blocks():
    path = str(scratch_directory() / "crash.json")
    result = vm(*CRASH, "--stats", f"json:{path}")
    assert result.status == 5 and result.out == b"about to crash\n", result
    text = result.err.decode()
    assert re.search(r"^vm-cli: error: the guest crashed: .+", text, re.M), result
    for word in ("vCPU 0", "31 instructions", "pc", "last blocks:"):
        assert word in text, (word, result)
    with open(path, encoding="utf-8") as file:
        stats = json.load(file)
    assert (stats["reason"], stats["status"]) == ("crashed", 5), stats
    assert "last blocks:" in stats["state"] and stats["text"] in text, stats


@case
def a_reset_starts_the_guest_again():
    result = vm(*guest("reset", programs.reset_loop()), "--timeout", "1")
    assert result.status == 124 and result.out.count(b"r") > 2, result


def reset_with_another_kernel(change):
    """The result of a guest that resets after change(path of its kernel)."""
    command = guest("changing", programs.reset_on_key())
    process = start(*command)
    assert process.stdout.readline() == b"ready\n"
    change(scratch_directory() / "changing")
    return finish(process, b"x")


@case
def a_reset_loads_what_is_in_the_kernels_file_then():
    result = reset_with_another_kernel(lambda path: path.write_bytes(programs.hello()))
    assert (result.status, result.out) == (0, b"hello\n"), result
    result = reset_with_another_kernel(lambda path: path.write_bytes(b""))
    assert result.status == 3 and "--kernel" in result.error_lines[-1], result
    assert "empty" in result.error_lines[-1], result


@case
def a_kernel_without_a_name_is_loaded_again():
    process = start(*guest("changing", programs.reset_on_key()))
    assert process.stdout.readline() == b"ready\n"
    os.unlink(scratch_directory() / "changing")
    for _ in range(3):
        process.stdin.write(b"x")
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
    process.kill()
    finish(process)


@case
def a_kernel_from_a_pipe_is_loaded_again():
    pipe = scratch_directory() / "pipe"
    os.mkfifo(pipe)
    process = start("run", "--kernel", pipe, "--memory", "16M", "--timeout", "1")
    pipe.write_bytes(programs.reset_loop())
    result = finish(process)
    assert result.status == 124 and result.out.count(b"r") > 2, result


@case
def several_vcpus_run():
    for n in (1, 2, 4, 64):
        assert vm(*HELLO, "--smp", n).status == 0, n


@case
def vcpus_are_pinned_to_cpus_that_exist():
    cpu = min(os.sched_getaffinity(0))
    assert vm(*HELLO, "--smp", f"2,pin={cpu},{cpu}").status == 0
    result = vm(*HELLO, "--smp", "1,pin=4000")
    assert result.status == 4 and "4000" in result.error_lines[-1], result


@case
def every_engine_of_the_build_can_be_named():
    for engine in ["auto", *engines()]:
        result = vm(*HELLO, "--engine", engine)
        assert result.status == 0 and ENGINE_LINE.match(result.error_lines[0]), result


@case
def without_executable_memory_the_interpreter_runs_the_guest():
    if engines() != ["jit", "interpreter"]:
        raise Skip("this build has no two engines")

    def little_room():
        resource.setrlimit(resource.RLIMIT_AS, (110 << 20, 110 << 20))

    if subprocess.run([program(), "info"], preexec_fn=little_room, stdout=subprocess.DEVNULL,
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise Skip("this build needs more address space than the test leaves it")
    for words, status, pattern in (((), 0, "engine interpreter (no jit: .+)"),
                                   (("--engine", "jit"), 4, "executable memory")):
        done = subprocess.run([program(), *HELLO, "--sandbox", "off", *words], check=False,
                              preexec_fn=little_room, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == status and len(done.stderr.splitlines()) == 1, done
        assert re.search(pattern.replace("(", "\\(").replace(")", "\\)"), done.stderr), done


# --- signals ---

@case
def signals_end_a_run_in_order():
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129),
                           (signal.SIGQUIT, 131)):
        process = start(*SPIN, "--stats", "json")
        assert process.stdout.readline() == b"spinning\n"
        process.send_signal(number)
        result = finish(process)
        assert result.status == status, result
        stats = json.loads(result.err[result.err.index(b"{"):])
        assert (stats["reason"], stats["status"]) == ("signal", status), stats


@case
def a_signal_at_any_moment_ends_the_program():
    for delay in range(12):
        process = start(*SPIN)
        time.sleep(delay * 0.004)
        process.send_signal(signal.SIGTERM)
        assert finish(process).status in (143, -signal.SIGTERM), delay


@case
def a_signal_ends_a_run_whose_output_nobody_reads():
    process = start(*FLOOD)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 143
    process.communicate()


@case
def a_timeout_ends_a_run_whose_output_nobody_reads():
    process = start(*FLOOD, "--timeout", "0.5")
    assert process.wait(20) == 124
    process.communicate()


# --- output that cannot be written ---

def full_device():
    if not os.path.exists("/dev/full"):
        raise Skip("the host has no /dev/full")
    return open("/dev/full", "wb")


@case
def a_full_disk_under_the_guests_output_is_status_4():
    with full_device() as full:
        result = vm(*FLOOD, stdout=full)
    assert result.status == 4, result
    lines = without_engine_line(result)
    assert len(lines) == 1 and re.search("error: .*output.*No space left", lines[0]), result


@case
def a_reader_that_goes_away_is_status_4():
    process = start(*FLOOD)
    process.stdout.read(10)
    process.stdout.close()
    process.stdout = None
    result = finish(process)
    assert result.status == 4 and "Broken pipe" in result.error_lines[-1], result


def shell(command):
    """With streams closed by the shell, which subprocess cannot do."""
    process = subprocess.run(["sh", "-c", command], input=b"", stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=60, check=False)
    return process


@case
def a_closed_standard_output_is_status_4():
    kernel = HELLO[2]
    process = shell(f"exec {program()} run --kernel {kernel} --memory 16M >&-")
    assert process.returncode == 4, process
    assert b"output" in process.stderr, process
    process = shell(f"exec {program()} help >&-")
    assert process.returncode == 4 and process.stderr.count(b"\n") == 1, process


@case
def closed_streams_do_not_become_other_files():
    kernel = HELLO[2]
    process = shell(f"exec {program()} run --kernel {kernel} --memory 16M <&-")
    assert (process.returncode, process.stdout) == (0, b"hello\n"), process
    process = shell(f"exec {program()} run --kernel {kernel} --memory 16M <&- 2>&-")
    assert (process.returncode, process.stdout) == (0, b"hello\n"), process
    process = shell(f"exec {program()} run --kernel {kernel} --memory 16M <&- >&- 2>&-")
    assert (process.returncode, process.stdout, process.stderr) == (4, b"", b""), process


@case
def help_on_a_full_disk_is_status_4():
    with full_device() as full:
        for words in (("help",), ("help", "run"), ("info",), ("info", HELLO[2]),
                      ("debug", "disassemble", "--guest", "riscv64", "0145")):
            refused(vm(*words, stdout=full), 4, "No space left")


@case
def statistics_on_a_full_disk_are_status_4_unless_the_guest_says_more():
    full_device().close()
    result = vm(*HELLO, "--stats", "json:/dev/full")
    assert result.status == 4 and "No space left" in result.error_lines[-1], result
    result = vm(*guest("code9", programs.hello(b"", 9)), "--stats", "text:/dev/full")
    assert result.status == 9 and "No space left" in result.error_lines[-1], result
    result = vm(*HELLO, "--trace", "exec:/dev/full")
    assert result.status == 4 and "No space left" in result.error_lines[-1], result


@case
def files_that_cannot_be_made_are_status_3():
    missing = str(scratch_directory() / "missing" / "file")
    refused(vm(*HELLO, "--stats", f"json:{missing}"), 3, "--stats", "missing/file", "No such file")
    refused(vm(*HELLO, "--trace", f"exec:{missing}"), 3, "--trace", "missing/file", "No such file")
    refused(vm(*HELLO, "--trace", f"exec:{scratch_directory()}"), 3, "--trace", "directory")


# --- statistics ---

SHAPE = {
    "reason": str, "text": str, "code": int, "status": int,
    "machine": {"guest": str, "engine": str, "engine_reason": str, "vcpus": int, "memory": int},
    "time": {"setup": float, "first_output": float, "run": float, "host_cpu": float},
    "instructions": int,
    "translation": {"blocks": int, "instructions": int, "seconds": float},
    "code_cache": {"bytes": int, "flushes": int, "lookups": int},
    "tlb": {"l1_misses": int, "l2_hits": int, "page_walks": int, "flushes": int,
            "page_flushes": int},
    "mmio": {"reads": int, "writes": int},
    "exceptions": int, "page_faults": int, "interrupts": int, "waits": int, "cross_calls": int,
    "exits": None,  # names of the engine
    "devices": {},
    "console": {"output_bytes": int, "input_bytes": int},
}


def check_shape(value, shape, path="statistics"):
    if isinstance(shape, dict):
        assert set(value) == set(shape), (path, set(value) ^ set(shape))
        for key, kind in shape.items():
            check_shape(value[key], kind, f"{path}.{key}")
    elif shape is float:
        assert isinstance(value, (int, float)) and value >= 0, (path, value)
    elif shape is int:
        assert isinstance(value, int) and value >= 0, (path, value)
    elif shape is str:
        assert isinstance(value, str), (path, value)
    else:
        assert value and all(isinstance(count, int) for count in value.values()), (path, value)


@case
def json_statistics_have_their_shape_and_right_numbers():
    path = str(scratch_directory() / "stats.json")
    result = vm(*guest("six", programs.hello(b"123456", 6)), "--smp", "2", "--stats",
                f"json:{path}")
    assert result.status == 6 and b"{" not in result.err, result
    with open(path, encoding="utf-8") as file:
        stats = json.load(file)
    check_shape(stats, SHAPE)
    assert (stats["reason"], stats["code"], stats["status"]) == ("poweroff", 6, 6), stats
    assert stats["machine"]["guest"] == "riscv64" and stats["machine"]["vcpus"] == 2, stats
    assert stats["machine"]["memory"] == 16 << 20, stats
    # One store for each byte and one to the test device; 13 instructions to there, then the stop.
    assert stats["mmio"]["writes"] == 7 and stats["console"]["output_bytes"] == 6, stats
    assert stats["instructions"] >= 1 + 12 + 4, stats
    assert 0 < stats["time"]["first_output"] <= stats["time"]["run"], stats


@case
def instructions_are_counted_exactly():
    counts = set()
    for _ in range(3):
        result = vm(*HELLO, "--stats", "json")
        stats = json.loads(result.err[result.err.index(b"{"):])
        counts.add(stats["instructions"])
    assert len(counts) == 1, counts


@case
def text_statistics_name_the_same_things():
    result = vm(*HELLO, "--stats", "text")
    text = result.err.decode()
    for word in ("ended by", "poweroff", "run", "instructions", "TLB", "code cache", "console"):
        assert word in text, (word, result)


@case
def a_run_that_fails_early_is_reported_too():
    path = str(scratch_directory() / "early.json")
    result = vm("run", "--kernel", "/nonexistent/kernel", "--stats", f"json:{path}")
    refused(result, 3, "--kernel", "/nonexistent/kernel", "No such file")
    with open(path, encoding="utf-8") as file:
        stats = json.load(file)
    assert (stats["reason"], stats["status"]) == ("error", 3), stats
    assert "/nonexistent/kernel" in stats["text"], stats


# --- traces ---

@case
def traces_go_to_standard_error_or_a_file_by_topic():
    result = vm(*HELLO, "--trace", "exec")
    lines = without_engine_line(result)
    assert lines and all(line.startswith("[exec] ") for line in lines), result
    path = scratch_directory() / "trace"
    result = vm(*HELLO, "--trace", f"mmio,block:{path}")
    assert result.status == 0 and without_engine_line(result) == [], result
    topics = {line.split()[0] for line in path.read_text(encoding="utf-8").splitlines()}
    assert topics == {"[mmio]", "[block]"}, topics


@case
def a_long_trace_is_whole():
    path = scratch_directory() / "long-trace"
    result = vm(*guest("long", programs.hello(b"abcdefgh" * 2000)), "--trace", f"mmio:{path}")
    assert result.status == 0, result
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n") and text.count("\n") >= 16001, text.count("\n")
    assert all(line.startswith("[mmio] ") for line in text.splitlines())


# --- configuration files ---

def config(contents):
    return write_file("config.json", contents if isinstance(contents, (str, bytes))
                      else json.dumps(contents))


@case
def a_configuration_file_says_what_options_say():
    path = config({"kernel": HELLO[2], "memory": "32M", "smp": 2, "timeout": 50.5,
                   "stats": "json"})
    result = vm("run", "--config", path)
    stats = json.loads(result.err[result.err.index(b"{"):])
    assert result.status == 0 and result.out == b"hello\n", result
    assert stats["machine"]["memory"] == 32 << 20 and stats["machine"]["vcpus"] == 2, stats


@case
def the_command_line_overrides_the_file_wherever_it_stands():
    path = config({"kernel": HELLO[2], "memory": 16777216, "smp": "2", "stats": "json"})
    for words in (("--smp", "3", "--config", path), ("--config", path, "--smp=3")):
        result = vm("run", *words)
        stats = json.loads(result.err[result.err.index(b"{"):])
        assert stats["machine"]["vcpus"] == 3 and stats["machine"]["memory"] == 16 << 20, stats


@case
def a_file_for_run_serves_dump_dtb():
    path = config({"kernel": HELLO[2], "memory": "32M", "stats": "json", "timeout": 1})
    result = vm("debug", "dump-dtb", "--config", path)
    assert result.status == 0 and result.out[:4] == bytes.fromhex("d00dfeed"), result


@case
def wrong_configurations_are_refused_with_key_and_fix():
    for contents, status, *patterns in (
            ({"memroy": "1G"}, 2, 'unknown key memroy', "did you mean memory"),
            ({"gdb": 1234}, 2, "unknown key gdb", "vm-cli help"),
            ({"memory": "1Q"}, 2, 'memory "1Q"', "no size"),
            ({"memory": -1}, 2, 'memory "-1"', "no size"),
            ({"smp": 2.5}, 2, 'smp "2.5"', "1 to 64"),
            ({"smp": 1e300}, 2, "smp", "1 to 64"),
            ({"smp": True}, 2, "smp", "neither a string nor a number"),
            ({"smp": None}, 2, "smp", "neither a string nor a number"),
            ({"kernel": ["a"]}, 2, "kernel", "neither a string nor a number"),
            ({"config": "other.json"}, 2, "config", "cannot name another"),
            ('{"smp": 1, "smp": 2}', 2, "smp", "twice"),
            ("[]", 3, "no object"), ('"smp"', 3, "no object"), ("7", 3, "no object"),
            ('{"smp": 1', 3, "no JSON", "line 1"),
            ('{\n"smp": 1,\n}', 3, "no JSON", "line 3"),
            ('{"smp": 1} trailing', 3, "no JSON"), ("{", 3, "no JSON"), ("\0\0", 3, "no JSON"),
            (b"\xff\xfe{}", 3, "no JSON"), ("[" * 100000, 3, "no JSON"),
            ('{"a":' * 5000, 3, "no JSON"), ("{'smp': 1}", 3, "no JSON")):
        refused(vm("run", "--config", config(contents)), status, "--config", "config.json",
                *patterns)


@case
def configuration_files_that_cannot_be_read_are_status_3():
    refused(vm("run", "--config", "/nonexistent.json"), 3, "--config", "No such file")
    refused(vm("run", "--config", scratch_directory()), 3, "--config", "directory")
    refused(vm("run", "--config", config("")), 3, "--config", "empty")
    refused(vm("run", "--config", config(" " * (2 << 20))), 3, "--config", "more than")


# --- the command line that the kernel gets ---

def bootargs(*words):
    result = vm("debug", "dump-dtb", "--kernel", HELLO[2], "--memory", "16M", *words)
    assert result.status == 0, result
    found = re.search(rb"console=ttyS0|mine=1", result.out)
    return found.group().decode() if found else ""


@case
def a_kernel_gets_a_console_unless_told_otherwise():
    assert bootargs() == "console=ttyS0"
    assert bootargs("--append", "mine=1") == "mine=1"
    assert bootargs("--append", "") == ""
    tree = write_file("tree.dtb", vm("debug", "dump-dtb", "--kernel", HELLO[2], "--append", "",
                                     "--memory", "16M").out)
    assert bootargs("--dtb", tree) == ""


# --- input ---

@case
def input_reaches_the_guest_and_waits_for_it():
    echo = guest("echo", programs.echo())
    result = vm(*echo, stdin=b"hello, guest; q")
    assert result.status == 7 and result.out == b"ready\nhello, guest; q", result
    # Far more than any buffer on the way holds.
    text = bytes(range(ord("r"), ord("z"))) * 20000
    result = vm(*echo, "--stats", "json", stdin=text + b"q")
    assert result.status == 7 and result.out == b"ready\n" + text + b"q", len(result.out)
    stats = json.loads(result.err[result.err.index(b"{"):])
    assert stats["console"]["input_bytes"] == len(text) + 1, stats


@case
def bytes_of_a_pipe_are_no_escape_keys():
    result = vm(*guest("echo", programs.echo()), stdin=b"\x01x\x01h\x01\x01q")
    assert result.status == 7 and result.out == b"ready\n\x01x\x01h\x01\x01q", result


@case
def the_end_of_input_does_not_stop_the_machine():
    process = start(*SPIN, stdin=subprocess.DEVNULL)
    assert process.stdout.readline() == b"spinning\n"
    time.sleep(0.3)
    assert process.poll() is None
    process.terminate()
    assert finish(process).status == 143


@case
def a_late_writer_is_waited_for():
    process = start(*guest("echo", programs.echo()))
    assert process.stdout.readline() == b"ready\n"
    for text in (b"a", b"bc", b"q"):
        time.sleep(0.1)
        process.stdin.write(text)
        process.stdin.flush()
        eventually(lambda: process.stdout.read(len(text)) == text, "the echo")
    assert process.wait(20) == 7
    process.communicate()


main()
