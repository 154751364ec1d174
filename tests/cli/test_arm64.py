#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""ARM64 guests without a kernel: vCPUs that wait (WFE, WFET, WFIT) take no CPU time of the host,
and are woken; interrupts of counters in lock-step.

Of waits, there are two vCPUs: the first starts the second and both wait for each other. Times are
the whole process's, its start included, by the host's account of it."""

import os
import subprocess
import time

from harness import Skip, case, engines, main, program, vm, write_file
from programs_arm64 import (CNTKCTL, DSB, EQ, ERET, LET_IRQ_IN, NE, OFF, PMCNTENSET, PMCR,
                            PMEVCNTR0, PMEVTYPER0, PMINTENSET, PMOVSCLR, SEV, WFE, add_one,
                            branch, branch_if, cbz, cmp, load, load_exclusive, mov, msr, one, store,
                            two, wait_seconds, wfet, wfit)

WAIT = 1.5  # seconds
SWITCHES = 500  # of threads, at most, where nobody polls; on a busy host polling takes little time
SLEEP = [WFE, branch(-1)]  # for ever


def run(name, code, engine):
    """Seconds that it took, seconds of the host's CPUs, and how often its threads were switched."""
    path = write_file(name, code)
    command = [program(), "run", "--engine", engine, "--smp", "2", "--memory", "64M", "--kernel",
               path]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, process.returncode
    elapsed, used = time.monotonic() - begin, usage.ru_utime + usage.ru_stime
    switches = usage.ru_nvcsw + usage.ru_nivcsw
    print(f"# {name}, {engine}: {elapsed:.3f} s, of the host's CPUs {used:.3f} s, {switches} "
          "switches", flush=True)
    return elapsed, used, switches


def need_arm64():
    lines = vm("info").out.decode().splitlines()
    if not any(line.startswith("guests") and "arm64" in line for line in lines):
        raise Skip("vm-cli was built without ARM64 guests")


def each_engine():
    need_arm64()
    return engines()


@case
def waiting_for_an_event_takes_no_time_of_the_host_and_sev_ends_it():
    code = two([*wait_seconds(WAIT, wfet), store(12, 10), DSB, SEV, *SLEEP],
               [WFE, load(1, 10), cbz(1, -2), *OFF])
    for engine in each_engine():
        elapsed, used, switches = run("event", code, engine)
        assert elapsed >= WAIT and used < 0.25 * WAIT and switches < SWITCHES


@case
def so_does_waiting_for_an_interrupt_with_an_end():
    code = two([*wait_seconds(WAIT, wfit), *OFF], SLEEP)
    for engine in each_engine():
        elapsed, used, switches = run("interrupt", code, engine)
        assert elapsed >= WAIT and used < 0.25 * WAIT and switches < SWITCHES


@case
def a_store_to_what_was_loaded_exclusively_ends_a_wait():
    code = two([*wait_seconds(WAIT, wfit), store(12, 10), *SLEEP],
               [load_exclusive(1, 10), cbz(1, 2), branch(3), WFE, branch(-4), *OFF])
    for engine in each_engine():
        elapsed, used, _ = run("exclusive", code, engine)
        assert elapsed >= WAIT and used < 0.4 * WAIT, (elapsed, used)


@case
def the_event_stream_ends_waits():
    """A thousand waits, of which every second one finds the event that ended the one before; bit
    15 of the counter goes up every 1.05 ms."""
    enable, bit = 1 << 2, 15 << 4
    code = two([*mov(1, enable | bit), msr(CNTKCTL, 1), *mov(1, 1000), *mov(2, 0),
                WFE, add_one(2), cmp(2, 1), branch_if(NE, -3), *OFF], SLEEP)
    for engine in each_engine():
        elapsed, used, _ = run("stream", code, engine)
        assert elapsed >= 0.5 and used < 0.3 * elapsed + 0.2, (elapsed, used)


@case
def no_event_is_lost():
    """Two vCPUs take turns two thousand times, each sleeping until the other has said so."""
    turns = 2000

    def turn(told, tells):
        """Waits until the word at x`told` is x2, and says so at x`tells`."""
        return [load(3, told), cmp(3, 2), branch_if(EQ, 3), WFE, branch(-4),
                store(2, tells), DSB, SEV]
    first = [*mov(1, turns), *mov(2, 0), add_one(2), store(2, 10), DSB, SEV,
             load(3, 11), cmp(3, 2), branch_if(EQ, 3), WFE, branch(-4),
             cmp(2, 1), branch_if(NE, -10), *OFF]
    second = [*mov(2, 0), add_one(2), *turn(10, 11), branch(-9)]
    code = two(first, second)
    for engine in each_engine():
        run("turns", code, engine)


@case
def overflows_of_the_instruction_counter_are_the_same_in_lock_step():
    """An interrupt each 997 instructions, a hundred times, in a loop whose length has no divisor in
    common with that. A GICv2's registers are in memory, and few."""
    if not {"jit", "interpreter"} <= set(engines()):
        raise Skip("there are not two engines")
    need_arm64()
    distributor, interface, event, period = 0x8000000, 0x8010000, 8, 997
    code = [*mov(13, distributor), *mov(14, interface), store(12, 13),  # GICD_CTLR
            *mov(15, distributor + 0x100), *mov(1, 1 << 23), store(1, 15),  # ISENABLER: the PMU's
            store(12, 14), *mov(15, interface + 4), *mov(1, 0xff), store(1, 15),  # GICC: CTLR, PMR
            *mov(1, event), msr(PMEVTYPER0, 1), *mov(16, -period & 0xffffffff), msr(PMEVCNTR0, 16),
            msr(PMINTENSET, 12), msr(PMCNTENSET, 12), *mov(7, 100), LET_IRQ_IN, msr(PMCR, 12),
            *[add_one(2)] * 6, cmp(5, 7), branch_if(NE, -7), *OFF]
    interrupt = [*mov(15, interface + 12), load(1, 15), msr(PMOVSCLR, 12), msr(PMEVCNTR0, 16),
                 *mov(15, interface + 16), store(1, 15), add_one(5), ERET]
    path = write_file("counter", one(code, interrupt))
    for steps in ("blocks", "links"):
        result = vm("debug", "check-jit", "--machine", "virt,gic-version=2", "--memory", "64M",
                    "--kernel", path, steps)
        assert result.status == 0 and "the guest powered off" in result.err.decode(), result
        count = int(result.err.split()[1])
        assert 100 * period < count < 102 * period, result


main()
