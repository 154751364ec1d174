// SPDX-License-Identifier: MIT
// Processes: storms of forks and execs, and two that hand a byte or a turn to each other.
#define _GNU_SOURCE
#include "bench.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t wait_for(pid_t child)
{
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 0;
    return (uint64_t)WEXITSTATUS(status);
}

static uint64_t run_fork(void *state)
{
    (void)state;
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(10 + i);
        sum += wait_for(child);
    }
    return sum;
}

// The program ends at once when it is called with "nothing".
static uint64_t run_exec(void *state)
{
    (void)state;
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        pid_t child = fork();
        if (child == 0) {
            execl("/proc/self/exe", "bench", "nothing", (char *)NULL);
            _exit(1);
        }
        sum += wait_for(child);
    }
    return sum;
}

struct pipes {
    int there[2], back[2];
};

// The echoing child ends when the pipe is closed, with this process.
static void *setup_echo(void)
{
    struct pipes *p = bench_allocate(sizeof *p);
    if (pipe(p->there) || pipe(p->back))
        return NULL;
    pid_t child = fork();
    if (child < 0)
        return NULL;
    if (child == 0) {
        char byte;
        close(p->there[1]);
        close(p->back[0]);
        while (read(p->there[0], &byte, 1) == 1 && write(p->back[1], &byte, 1) == 1)
            ;
        _exit(0);
    }
    close(p->there[0]);
    close(p->back[1]);
    return p;
}

static uint64_t run_echo(void *state)
{
    struct pipes *p = state;
    uint64_t right = 0;
    for (unsigned i = 0; i < 50; i++) {
        char byte = (char)i, echo = 0;
        right +=
            write(p->there[1], &byte, 1) == 1 && read(p->back[0], &echo, 1) == 1 && echo == byte;
    }
    return right;
}

// A word in shared memory says whose turn it is.
struct turns {
    _Atomic uint32_t turn;
    _Atomic uint32_t taken;
};

static void wait_for_turn(struct turns *turns, uint32_t mine)
{
    while (atomic_load(&turns->turn) != mine)
        syscall(SYS_futex, &turns->turn, FUTEX_WAIT, 1 - mine, NULL, NULL, 0);
}

static void pass_turn(struct turns *turns, uint32_t other)
{
    atomic_store(&turns->turn, other);
    syscall(SYS_futex, &turns->turn, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void *setup_turns(void)
{
    struct turns *turns =
        mmap(NULL, sizeof *turns, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turns == MAP_FAILED)
        return NULL;
    pid_t parent = getpid(), child = fork();
    if (child < 0)
        return NULL;
    while (child == 0) {
        struct timespec_of_kernel {
            int64_t seconds, nanoseconds;
        } patience = {1, 0};
        // The other side is gone when nothing comes and the child has been given away.
        while (atomic_load(&turns->turn) != 1) {
            syscall(SYS_futex, &turns->turn, FUTEX_WAIT, 0, &patience, NULL, 0);
            if (getppid() != parent)
                _exit(0);
        }
        atomic_fetch_add(&turns->taken, 1);
        pass_turn(turns, 0);
    }
    return turns;
}

static uint64_t run_turns(void *state)
{
    struct turns *turns = state;
    uint32_t before = atomic_load(&turns->taken);
    for (unsigned i = 0; i < 50; i++) {
        pass_turn(turns, 1);
        wait_for_turn(turns, 0);
    }
    return atomic_load(&turns->taken) - before;
}

BENCH(fork, .what = "4 processes forked and waited for", .run = run_fork, .expected = 46);
BENCH(exec, .what = "2 programs forked, loaded, run and waited for", .run = run_exec,
      .expected = 2 * 17);
BENCH(pingpong, .what = "50 bytes by pipe to another process and back", .setup = setup_echo,
      .run = run_echo, .expected = 50);
BENCH(turns, .what = "50 turns passed to another process and back by futex", .setup = setup_turns,
      .run = run_turns, .expected = 50);
