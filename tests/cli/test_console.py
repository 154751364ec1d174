#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm-cli run on a terminal: raw mode, escape keys, Ctrl-C for the guest, and the terminal's mode
back after every end, a violent one too."""

import os
import pty
import select
import signal
import subprocess
import termios
import time
import tty

import programs
from harness import LIMIT, case, eventually, main, program, write_file

# A sanitizer leaves these signals to the program.
QUIET = "handle_segv=0:handle_sigbus=0:handle_abort=0:handle_sigfpe=0"
LOCAL_MODES = 3  # tcgetattr's index


class Terminal:
    """vm-cli in a session of its own, whose terminal is a pseudo-terminal."""

    def __init__(self, contents, *options):
        self.ours, self.its = pty.openpty()
        self.before = termios.tcgetattr(self.its)
        kernel = write_file("kernel", contents)
        self.output = b""
        self.process = subprocess.Popen(
            [program(), "run", "--kernel", kernel, "--memory", "16M", *options],
            stdin=self.its, stdout=self.its, stderr=self.its, start_new_session=True,
            env={**os.environ, "ASAN_OPTIONS": QUIET, "TSAN_OPTIONS": QUIET},
            preexec_fn=self.take_terminal)

    def take_terminal(self):
        import fcntl  # in the child
        fcntl.ioctl(self.its, termios.TIOCSCTTY, 0)

    def read(self, text):
        """Reads on until `text` has come; returns everything up to there."""
        end = time.monotonic() + LIMIT
        while text not in self.output:
            assert time.monotonic() < end, f"{text} did not come: {self.output}"
            if select.select([self.ours], [], [], 0.1)[0]:
                self.output += os.read(self.ours, 4096)
        upto, _, self.output = self.output.partition(text)
        return upto + text

    def type(self, keys):
        os.write(self.ours, keys)

    @property
    def mode(self):
        return termios.tcgetattr(self.its)

    def end(self, status):
        self.process.wait(LIMIT)
        assert self.process.returncode == status, (self.process.returncode, self.output)
        assert self.mode == self.before, "the terminal's mode is not what it was"
        os.close(self.its)
        os.close(self.ours)


def started(contents=programs.echo(), first=b"ready\r\n", options=()):
    terminal = Terminal(contents, *options)
    terminal.read(first)
    eventually(lambda: not terminal.mode[LOCAL_MODES] & termios.ICANON, "raw mode")
    return terminal


@case
def a_terminal_is_raw_while_the_guest_runs_and_restored_after():
    terminal = started()
    assert not terminal.mode[LOCAL_MODES] & (termios.ECHO | termios.ISIG | termios.IEXTEN)
    terminal.type(b"abc")
    terminal.read(b"abc")
    terminal.type(b"q")
    terminal.end(7)


@case
def every_key_goes_to_the_guest():
    terminal = started()
    keys = bytes(k for k in range(2, 256) if k not in (ord("q"), ord("\n"), ord("\r")))
    for key in keys:  # a byte at a time, as from a keyboard
        terminal.type(bytes([key]))
    terminal.read(keys)
    terminal.type(b"q")
    terminal.end(7)


@case
def ctrl_c_goes_to_the_guest():
    terminal = started()
    terminal.type(b"\x03\x1a\x1c")
    terminal.read(b"\x03\x1a\x1c")
    assert terminal.process.poll() is None
    terminal.type(b"q")
    terminal.end(7)


@case
def ctrl_a_x_quits():
    for program_text, first in ((programs.spin(), b"spinning\r\n"), (programs.echo(), b"ready\r\n"),
                                (programs.sleep(), b"asleep\r\n")):
        terminal = started(program_text, first)
        terminal.type(b"\x01x")
        terminal.end(0)


@case
def ctrl_a_x_quits_though_the_guest_takes_no_input():
    terminal = started(programs.spin(), b"spinning\r\n")
    for _ in range(40):  # more than the program holds for the guest
        terminal.type(b"z" * 500)
    terminal.type(b"\x01x")
    terminal.end(0)


@case
def ctrl_a_h_helps():
    terminal = started()
    terminal.type(b"\x01h")
    terminal.read(b"Ctrl-A x")
    terminal.read(b"Ctrl-A Ctrl-A")
    terminal.type(b"q")
    terminal.end(7)


@case
def ctrl_a_twice_sends_one_and_other_keys_behind_it_nothing():
    terminal = started()
    terminal.type(b"1\x01\x012\x01z3")
    terminal.read(b"1\x0123")
    terminal.type(b"q")
    terminal.end(7)


@case
def signals_restore_the_terminal():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        terminal = started(programs.spin(), b"spinning\r\n")
        terminal.process.send_signal(number)
        terminal.end(128 + number)


@case
def fatal_signals_restore_the_terminal():
    for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGALRM):
        terminal = started(programs.spin(), b"spinning\r\n")
        terminal.process.send_signal(number)
        terminal.end(-number)


@case
def a_timeout_restores_the_terminal():
    started(programs.spin(), b"spinning\r\n", ("--timeout", "1")).end(124)


@case
def a_crash_restores_the_terminal():
    terminal = Terminal(programs.crash())
    terminal.read(b"last blocks:")
    terminal.end(5)


@case
def a_hang_up_ends_the_run():
    terminal = started(programs.spin(), b"spinning\r\n")
    os.close(terminal.its)
    os.close(terminal.ours)
    assert terminal.process.wait(LIMIT) in (129, -signal.SIGHUP)


@case
def a_terminal_that_was_raw_stays_so():
    terminal = started()
    terminal.type(b"\x01x")
    terminal.process.wait(LIMIT)
    tty.setraw(terminal.its)
    before = terminal.mode
    again = subprocess.run([program(), "help"], stdin=terminal.its, stdout=terminal.its, check=True)
    assert again.returncode == 0 and terminal.mode == before


main()
