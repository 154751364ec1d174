#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli with firmware in flash: the option, the files, and programs that run from flash and
program words of it."""

import os
import struct
import subprocess
import time

import programs
from harness import case, main, program, refused, scratch_directory, vm, write_file
from programs import A0, T0, T1, T2, X0, addi, andi, beq, bne, lbu, load_constant, lui, sw, words

BANK = 32 << 20
VARS = 0x22000000
PROGRAM, ARRAY, READY = 0x400040, 0xff00ff, 0x80
MEMORY = ("--guest", "riscv64", "--memory", "16M")
FIRST = 0x12340000


def store_word(register):
    """Programs the word at T0, waits until that is done, and goes on to the next."""
    return [*load_constant(T1, PROGRAM), sw(T1, T0), sw(register, T0),
            lbu(T1, T0), andi(T1, T1, READY), beq(T1, X0, -8),
            *load_constant(T1, ARRAY), sw(T1, T0), addi(T0, T0, 4)]


def writer(count, first=FIRST):
    """Programs `count` words that count up from `first`, and powers off."""
    loop = [*store_word(A0), addi(A0, A0, 1)]
    return words(lui(T0, VARS), *load_constant(A0, first), *load_constant(T2, first + count),
                 *loop, bne(A0, T2, -4 * len(loop)), *programs.write_text(b"done\n"),
                 *programs.write_test(programs.POWER_OFF))


def resetter(mark=0x55):
    """Programs a word and resets the machine without waiting; powers off when the word is there."""
    off = [*programs.write_text(b"kept\n"), *programs.write_test(programs.POWER_OFF)]
    return words(lui(T0, VARS), lbu(T1, T0), addi(T2, X0, mark), bne(T1, T2, 4 * (len(off) + 1)),
                 *off, *load_constant(T1, PROGRAM), sw(T1, T0), sw(T2, T0),
                 *programs.write_test(programs.RESET))


def packed(values):
    return b"".join(struct.pack("<I", value) for value in values)


def written(path):
    """The bytes before the erased rest."""
    with open(path, "rb") as file:
        data = file.read()
    assert len(data) == BANK, len(data)
    return data.rstrip(b"\xff")


def flash(code, variables=None):
    return f"code={code}" + (f",vars={variables}" if variables else "")


@case
def what_is_wrong_in_the_option_is_named():
    for value, *patterns in (("", "code="), ("fw.fd", "code="), ("vars=x", "no firmware"),
                             ("code=", "no name"), ("code=a,code=b", "twice"),
                             ("code=a,var=b", "did you mean vars="), ("code=a,", "code="),
                             ("code=" + 5000 * "x", "no path")):
        refused(vm("run", *MEMORY, "--pflash", value), 2, "pflash", *patterns)


@case
def files_that_cannot_be_flash_are_named():
    code = write_file("code", writer(1))
    large = scratch_directory() / "large"
    with open(large, "wb") as file:
        file.truncate(BANK + 1)
    refused(vm("run", *MEMORY, "--pflash", flash("/nonexistent")), 3, "--pflash", "/nonexistent")
    refused(vm("run", *MEMORY, "--pflash", flash(write_file("nothing", b""))), 3, "nothing",
            "empty")
    refused(vm("run", *MEMORY, "--pflash", flash(large)), 3, "large", "32M")
    refused(vm("run", *MEMORY, "--pflash", flash(code, large)), 3, "large", "32M")
    refused(vm("run", *MEMORY, "--pflash", flash(code, "/nonexistent")), 3, "/nonexistent")
    refused(vm("run", *MEMORY, "--pflash", flash(code, scratch_directory())), 3, "--pflash")


@case
def programs_run_from_flash_in_both_modes():
    code = write_file("once", writer(3))
    for bios in ((), ("--bios", "none"), ("--bios", "builtin")):
        result = vm("run", *MEMORY, "--pflash", flash(code), *bios)
        assert result.status == 0 and result.out == b"done\n", result


@case
def variables_are_kept_and_bits_only_cleared():
    path = write_file("vars,1.fd", b"\xff" * 4096)
    option = path.replace(",", ",,")
    result = vm("run", *MEMORY, "--pflash", flash(write_file("w1", writer(100)), option))
    assert result.status == 0, result
    assert written(path) == packed(range(FIRST, FIRST + 100))
    result = vm("run", *MEMORY, "--pflash", flash(write_file("w2", writer(10, 0x0f)), option))
    assert result.status == 0, result
    assert written(path) == packed([*((FIRST + n) & (0x0f + n) for n in range(10)),
                                    *range(FIRST + 10, FIRST + 100)])


@case
def code_is_never_written():
    contents = words(lui(T0, 0x20000000), *load_constant(A0, 0), *store_word(A0),
                     *programs.write_test(programs.POWER_OFF))
    code = write_file("self", contents)
    os.chmod(code, 0o444)
    result = vm("run", *MEMORY, "--pflash", flash(code), "--timeout", "5")
    # In the middle of it the program is gone: the bank shows its status.
    assert result.status in (0, 5, 124), result
    with open(code, "rb") as file:
        assert file.read() == contents


@case
def a_reset_waits_for_what_is_being_kept():
    path = write_file("reset.fd", b"")
    result = vm("run", *MEMORY, "--pflash", flash(write_file("resetter", resetter()), path))
    assert result.status == 0 and result.out == b"kept\n", result
    assert written(path) == packed([0x55])


@case
def a_power_cut_leaves_what_was_finished_and_nothing_torn():
    """The process is killed at any time: of the words, which were programmed one after the other,
    the first are there and the others are erased."""
    code, longest = write_file("many", writer(1 << 20)), 0
    for delay in (0.3, 0.6, 0.9):
        path = write_file("cut.fd", b"\xff" * BANK)
        with subprocess.Popen([program(), "run", *MEMORY, "--pflash", flash(code, path)],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(delay)
            process.kill()
        kept = written(path)
        assert kept == packed(range(FIRST, FIRST + len(kept) // 4)), delay
        longest = max(longest, len(kept))
    assert longest > 0


@case
def a_file_of_variables_has_one_user():
    path = write_file("shared.fd", b"")
    spin = write_file("spin", words(*programs.write_text(b"s"), programs.jump(0)))
    with subprocess.Popen([program(), "run", *MEMORY, "--pflash", flash(spin, path)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdout.read(1)
        refused(vm("run", *MEMORY, "--pflash", flash(spin, path)), 3, "shared.fd")
        process.kill()


if __name__ == "__main__":
    main()
