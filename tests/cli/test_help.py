#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli: help pages, and what is refused before anything runs."""

import re

from harness import case, engines, main, refused, vm, write_file

TOPICS = ("run", "info", "debug", "disk", "bench", "devices", "config", "trace", "keys", "status",
          "help")
OPTIONS = ("kernel", "initrd", "append", "bios", "pflash", "dtb", "guest", "cpu", "smp", "memory",
           "machine", "engine", "virtio-blk", "virtio-net", "virtio-console", "config", "stats",
           "trace", "transport", "timeout", "sandbox", "simd", "code-cache")
FLAGS = ("virtio-rng", "virtio-balloon", "perfmap")
# Of the contract, but not built: absent from help, and refused.
NOT_BUILT = ("gdb",)


def page(*words):
    result = vm(*words)
    assert result.status == 0 and result.err == b"", result
    text = result.out.decode()
    for line in text.splitlines():
        assert len(line) <= 80 and line == line.rstrip(), repr(line)
    return text


@case
def help_lists_every_topic_and_each_has_a_page():
    overview = page("help")
    for topic in TOPICS:
        assert f"\n  {topic} " in overview, topic
        assert len(page("help", topic)) > 40, topic


@case
def help_of_run_has_every_option_and_no_other():
    text = page("help", "run")
    for option in OPTIONS:
        assert f"\n  --{option} " in text, option
    for flag in FLAGS:
        assert re.search(rf"\n  --{flag} +[a-z]", text), flag
    for option in NOT_BUILT:
        assert option not in text, option


@case
def help_of_config_has_the_same_keys():
    text = page("help", "config")
    for option in OPTIONS:
        assert (f"\n  {option} " in text) == (option != "config"), option
    for flag in FLAGS:
        assert f"\n  {flag} true|false" in text, flag


@case
def help_of_trace_has_the_topics():
    text = page("help", "trace")
    for topic in ("block", "exec", "mmu", "irq", "firmware"):
        assert f"\n  {topic} " in text, topic


@case
def help_of_status_has_the_statuses():
    text = page("help", "status")
    for status in ("  0 ", "  2 ", "  3 ", "  4 ", "  5 ", "  124 ", "  128+N "):
        assert "\n" + status in text, status


@case
def help_is_found_behind_each_command():
    assert page("--help") == page("-h") == page("help")
    assert page("run", "--help") == page("run", "--smp", "2", "-h") == page("help", "run")
    assert page("info", "--help") == page("help", "info")
    assert page("bench", "--help") == page("help", "bench")
    assert page("debug", "disassemble", "--help") == page("debug", "-h") == page("help", "debug")


@case
def no_command_is_wrong_usage():
    refused(vm(), 2, "no command", "vm-cli help")
    refused(vm("debug"), 2, "no debug command", "vm-cli help debug")


@case
def unknown_commands_get_the_nearest():
    refused(vm("rum"), 2, 'unknown command "rum"', "did you mean run")
    refused(vm("hlep"), 2, "did you mean help")
    refused(vm("debug", "dissasemble"), 2, "did you mean disassemble")
    refused(vm("debug", "dump_dtb"), 2, "did you mean dump-dtb")
    refused(vm("frobnicate"), 2, "vm-cli help lists them")
    refused(vm("help", "stauts"), 2, "did you mean status")


@case
def unknown_options_get_the_nearest():
    for typed, meant in (("--memroy", "--memory"), ("--kernal", "--kernel"),
                         ("--intird", "--initrd"), ("--mem", "--memory"),
                         ("--time", "--timeout"), ("-kernel", "--kernel"),
                         ("--engines=auto", "--engine"), ("--SMP", "--smp")):
        refused(vm("run", typed, "1"), 2, f"unknown option {typed}", f"did you mean {meant}\\?")
    refused(vm("run", "--xyzzyplugh"), 2, "unknown option --xyzzyplugh", "vm-cli help run lists")
    refused(vm("run", "--address", "1"), 2, "unknown option --address")


@case
def options_that_are_not_built_are_unknown():
    for option in NOT_BUILT:
        refused(vm("run", f"--{option}", "x"), 2, f"unknown option --{option}")


@case
def options_without_value_are_refused():
    refused(vm("run", "--kernel"), 2, "--kernel needs a value: --kernel FILE")
    refused(vm("run", "--kernel", "--initrd", "x"), 2, "--kernel needs a value")
    refused(vm("run", "--kernel", "--initrd=x"), 2, "--kernel needs a value")
    refused(vm("run", "--kernel="), 2, "--kernel", "empty")
    refused(vm("run", "--engine"), 2, "--engine needs a value")


@case
def words_without_an_option_are_refused():
    kernel = write_file("kernel", b"x")
    refused(vm("run", kernel), 2, f'no place for "{kernel}"', "vm-cli help run")
    refused(vm("run", "--kernel", kernel, "--", "--smp"), 2, 'no place for "--smp"')
    refused(vm("info", kernel, "more"), 2, '"more" is too much')
    refused(vm("info", "--what"), 2, '"--what"')
    refused(vm("help", "run", "more"), 2, '"more" is too much')


@case
def wrong_values_are_refused_with_the_option_and_the_fix():
    for option, value, *patterns in (
            ("memory", "", "no size"), ("memory", "1Q", "no size", "512M"),
            ("memory", "-1G", "no size"), ("memory", "0x100M", "no size"),
            ("memory", "1.5G", "no size"), ("memory", "M", "no size"), ("memory", "1GG", "no size"),
            ("memory", "0", "too little", "at least 1M"), ("memory", "512", "too little"),
            ("memory", "1023K", "too little"), ("memory", "1048577", "multiple of 4K"),
            ("memory", "99999999999999999999", "no size"),
            ("memory", "18446744073709551615G", "64 bits"),
            ("smp", "0", "1 to 64"), ("smp", "65", "1 to 64"), ("smp", "two", "1 to 64"),
            ("smp", "", "1 to 64"), ("smp", "-1", "1 to 64"), ("smp", "2,", "pin=LIST"),
            ("smp", "2,cores=1", "pin=LIST"), ("smp", "2,pin=", "host CPUs"),
            ("smp", "2,pin=0", "names 1 host CPUs for 2 vCPUs"),
            ("smp", "1,pin=0-9999999", "host CPUs"),
            ("smp", "2,pin=1-0", "host CPUs"), ("smp", "2,pin=0,1,2", "names 3"),
            ("smp", "2,pin=0;1", "host CPUs"),
            ("timeout", "0", "seconds above 0"), ("timeout", "-1", "seconds above 0"),
            ("timeout", "soon", "seconds above 0"), ("timeout", "1e3", "seconds above 0"),
            ("timeout", "0.", "seconds above 0"), ("timeout", ".5", "seconds above 0"),
            ("timeout", "1.5s", "seconds above 0"), ("timeout", "0.0000000001", "seconds above 0"),
            ("timeout", "9999999999", "seconds above 0"),
            ("guest", "riscv", "did you mean riscv64"), ("guest", "mips", "auto\\|riscv64"),
            ("engine", engines()[0] + "x", "did you mean " + engines()[0]),
            ("engine", "hvf", "auto\\|" + "\\|".join(engines())),
            ("simd", "mmx", "auto\\|off"), ("code-cache", "0", "give more"),
            ("code-cache", "x", "no size"),
            ("machine", "virtt", "did you mean virt"), ("machine", "q35", "virt"),
            ("machine", "virtt,aia=none", "this build has virt"), ("machine", "", "virt"),
            ("stats", "yaml", "text\\|json"), ("stats", "json:", "no file after the colon"),
            ("trace", "blok", "did you mean block"), ("trace", "", "unknown topic"),
            ("trace", "exec,", "unknown topic"), ("trace", "exec:", "no file after the colon"),
            ("trace", "zzz", "vm-cli help trace")):
        refused(vm("run", f"--{option}", value), 2, f"--{option} ", *patterns)


@case
def long_and_wild_words_stay_one_printable_line():
    refused(vm("run", "--" + "x" * 5000), 2, "unknown option")
    refused(vm("run", "--memory", "9" * 5000), 2, "--memory")
    refused(vm("run", "--memory", "1\n2\x1b[31m"), 2, "--memory")
    refused(vm("y" * 5000), 2, "unknown command")
    refused(vm("run", "--kernel", "no\nsuch\x07file"), 3, "no\\?such\\?file")


@case
def nothing_to_run_is_wrong_usage():
    refused(vm("run"), 2, "--kernel FILE")
    refused(vm("run", "--smp", "2", "--memory", "64M"), 2, "--kernel FILE")


main()
