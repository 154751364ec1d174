// SPDX-License-Identifier: MIT
// Entries into the kernel and back: system calls, traps, signals, protection faults, the clock.
#define _GNU_SOURCE
#include "bench.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096

static uint64_t run_syscall(void *state)
{
    (void)state;
    uint64_t right = 0;
    long parent = syscall(SYS_getppid);
    for (unsigned i = 0; i < 500; i++)
        right += syscall(SYS_getppid) == parent;
    return right;
}

// A read and a write that cross the kernel's file layer.
static uint64_t run_zero(void *state)
{
    int *files = state;
    char byte;
    uint64_t right = 0;
    for (unsigned i = 0; i < 200; i++)
        right += write(files[1], "x", 1) == 1 && read(files[0], &byte, 1) == 1 && byte == 'x';
    return right;
}

static void *setup_pipe(void)
{
    int *files = bench_allocate(2 * sizeof *files);
    return pipe(files) ? NULL : files;
}

// What the handlers have seen; a handler has nothing else to reach it by.
static volatile sig_atomic_t signals;
static char *volatile closed_page;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

// Goes on behind the instruction that trapped.
static void skip_trap(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)information;
    ucontext_t *user = context;
    signals++;
#if defined(__riscv)
    user->uc_mcontext.__gregs[REG_PC] += 4;
#elif defined(__aarch64__)
    user->uc_mcontext.pc += 4;
#else
    (void)user; // x86 reports the instruction behind INT3
#endif
}

static void open_page(int number, siginfo_t *information, void *context)
{
    (void)number;
    (void)context;
    if (information->si_addr == closed_page &&
        mprotect(closed_page, PAGE, PROT_READ | PROT_WRITE) == 0)
        signals++;
    else
        _exit(1);
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *))
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    if (sigaction(number, &action, NULL))
        bench_fail("sigaction");
}

static void *setup_signal(void)
{
    struct sigaction action = {.sa_handler = count_signal};
    return sigaction(SIGUSR1, &action, NULL) ? NULL : (void *)&signals;
}

static uint64_t run_signal(void *state)
{
    (void)state;
    signals = 0;
    for (unsigned i = 0; i < 100; i++)
        raise(SIGUSR1);
    return (uint64_t)signals;
}

static void *setup_trap(void)
{
    handle(SIGTRAP, skip_trap);
    return (void *)&signals;
}

static uint64_t run_trap(void *state)
{
    (void)state;
    signals = 0;
    for (unsigned i = 0; i < 100; i++) {
#if defined(__riscv)
        __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop");
#elif defined(__aarch64__)
        __asm__ volatile("brk #0");
#else
        __asm__ volatile("int3");
#endif
    }
    return (uint64_t)signals;
}

static void *setup_fault(void)
{
    handle(SIGSEGV, open_page);
    closed_page = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return closed_page == MAP_FAILED ? NULL : closed_page;
}

static uint64_t run_fault(void *state)
{
    volatile char *page = state;
    signals = 0;
    for (unsigned i = 0; i < 50; i++) {
        mprotect(state, PAGE, PROT_NONE);
        *page = (char)i;
    }
    return (uint64_t)signals + (*page == 49);
}

static uint64_t run_clock(void *state)
{
    (void)state;
    struct timespec last = {0}, now;
    uint64_t right = 0;
    for (unsigned i = 0; i < 1000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        right +=
            now.tv_sec > last.tv_sec || (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec);
        last = now;
    }
    return right;
}

BENCH(syscall, .what = "500 system calls that do nothing", .run = run_syscall, .expected = 500);
BENCH(pipe_self, .what = "200 bytes through a pipe within a process", .setup = setup_pipe,
      .run = run_zero, .expected = 200);
BENCH(signal, .what = "100 signals to itself, handled", .setup = setup_signal, .run = run_signal,
      .expected = 100);
BENCH(trap, .what = "100 breakpoint instructions, handled", .setup = setup_trap, .run = run_trap,
      .expected = 100);
BENCH(fault, .what = "50 accesses to a closed page, which the handler opens", .setup = setup_fault,
      .run = run_fault, .expected = 51);
BENCH(clock, .what = "1000 readings of the clock", .run = run_clock, .expected = 1000);
