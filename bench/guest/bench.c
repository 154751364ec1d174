// SPDX-License-Identifier: MIT
// The program in the guest, and on the host for comparison: takes orders by lines on standard
// input, runs workloads, each in a child, and reports by lines that begin with "@" on standard
// output. At its start it says @ready. The orders:
//
//   list      says @workload NAME CPUS REPETITIONS WHAT for each, then @listed. REPETITIONS, if not
//             0, are how often the one unit has to be measured, without a rehearsal.
//   run NAME  says @begin NAME and takes the two orders below; or says @failed NAME: CAUSE, or
//             @absent NAME. It sleeps in between, so that the other side can read its clock.
//   N         runs N units and says @result NAME time=NS cpu=NS, for all of them together.
//   end       ends the workload.
//   quit      ends the program; as process 1 powers the machine off.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 16

extern const struct bench_workload *const __start_bench_list[];
extern const struct bench_workload *const __stop_bench_list[];

_Noreturn void bench_fail(const char *cause)
{
    printf("@failed %s\n", cause);
    fflush(stdout);
    _exit(2);
}

void *bench_allocate(size_t size)
{
    void *memory = NULL;
    if (posix_memalign(&memory, 4096, size))
        bench_fail("no memory");
    memset(memory, 0, size);
    return memory;
}

// --- threads ---

struct thread {
    void (*body)(unsigned, void *);
    void *state;
    unsigned number;
    pthread_t id;
};

static void take_cpu(unsigned number)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) || CPU_COUNT(&allowed) == 0)
        return;
    unsigned skip = number % (unsigned)CPU_COUNT(&allowed);
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || skip--)
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one);
        return;
    }
}

static void *run_thread(void *opaque)
{
    struct thread *thread = opaque;
    take_cpu(thread->number);
    thread->body(thread->number, thread->state);
    return NULL;
}

void bench_threads(unsigned count, void (*body)(unsigned number, void *state), void *state)
{
    struct thread threads[MAX_THREADS];
    for (unsigned i = 0; i < count; i++) {
        threads[i] = (struct thread){.body = body, .state = state, .number = i};
        if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]))
            bench_fail("no thread");
    }
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i].id, NULL);
}

// --- measuring ---

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_of(int who)
{
    struct rusage usage;
    getrusage(who, &usage);
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000u +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000u;
}

static uint64_t cpu_now(void)
{
    return cpu_of(RUSAGE_SELF) + cpu_of(RUSAGE_CHILDREN);
}

static void read_line(char *line, size_t size)
{
    size_t length = 0;
    char byte;
    ssize_t got;
    while ((got = read(STDIN_FILENO, &byte, 1)) == 1 || (got < 0 && errno == EINTR)) {
        if (got != 1 || byte == '\r')
            continue;
        if (byte == '\n')
            break;
        if (length + 1 < size)
            line[length++] = byte;
    }
    line[length] = 0;
    if (got == 0)
        _exit(0);
}

static void run_unit(const struct bench_workload *workload, void *state)
{
    uint64_t found = workload->run(state);
    if (found == workload->expected)
        return;
    char cause[120];
    snprintf(cause, sizeof cause, "%s: wrong result %#llx instead of %#llx", workload->name,
             (unsigned long long)found, (unsigned long long)workload->expected);
    bench_fail(cause);
}

static void measure(const struct bench_workload *workload, void *state, unsigned long units)
{
    uint64_t cpu = cpu_now(), begin = now();
    for (unsigned long unit = 0; unit < units; unit++)
        run_unit(workload, state);
    uint64_t time = now() - begin;
    cpu = cpu_now() - cpu;
    printf("@result %s time=%llu cpu=%llu\n", workload->name, (unsigned long long)time,
           (unsigned long long)cpu);
    fflush(stdout);
}

static _Noreturn void run_workload(const struct bench_workload *workload)
{
    void *state = NULL;
    char line[64];
    if (workload->cpus < 2)
        take_cpu(0);
    if (workload->setup && !(state = workload->setup())) {
        printf("@absent %s\n", workload->name);
        fflush(stdout);
        _exit(0);
    }
    printf("@begin %s\n", workload->name);
    fflush(stdout);
    for (;;) {
        read_line(line, sizeof line);
        if (strcmp(line, "end") == 0)
            _exit(0);
        measure(workload, state, strtoul(line, NULL, 10));
    }
}

// --- orders ---

static const struct bench_workload *find(const char *name)
{
    for (const struct bench_workload *const *at = __start_bench_list; at < __stop_bench_list; at++)
        if (strcmp((*at)->name, name) == 0)
            return *at;
    return NULL;
}

static void order_run(const char *name)
{
    const struct bench_workload *workload = find(name);
    int status = 0;
    pid_t child;
    if (!workload) {
        printf("@failed %s: no such workload\n", name);
        return;
    }
    child = fork();
    if (child == 0)
        run_workload(workload);
    if (child < 0 || waitpid(child, &status, 0) != child)
        printf("@failed %s: no process\n", name);
    else if (WIFSIGNALED(status))
        printf("@failed %s: signal %d\n", name, WTERMSIG(status));
}

static void list(void)
{
    for (const struct bench_workload *const *at = __start_bench_list; at < __stop_bench_list; at++)
        printf("@workload %s %u %u %s\n", (*at)->name, (*at)->cpus ? (*at)->cpus : 1,
               (*at)->repetitions, (*at)->what);
    printf("@listed\n");
}

// A console hands lines on as they are, and says nothing by itself.
static void set_console(void)
{
    struct termios mode;
    if (tcgetattr(STDIN_FILENO, &mode))
        return;
    mode.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ISIG);
    mode.c_iflag &= ~(tcflag_t)(ICRNL | IXON);
    tcsetattr(STDIN_FILENO, TCSANOW, &mode);
}

// As the machine's first program there is nobody else to do this.
static void be_init(void)
{
    if (mount("proc", "/proc", "proc", 0, NULL) || mount("dev", "/dev", "devtmpfs", 0, NULL))
        printf("@failed mount: %s\n", strerror(errno));
    int console = open("/dev/console", O_RDWR | O_NOCTTY);
    if (console >= 0)
        for (int i = 0; i < 3; i++)
            dup2(console, i);
}

static void serve(void)
{
    char line[160];
    set_console();
    printf("@ready\n");
    for (;;) {
        fflush(stdout);
        read_line(line, sizeof line);
        if (strncmp(line, "run ", 4) == 0)
            order_run(line + 4);
        else if (strcmp(line, "list") == 0)
            list();
        else if (strcmp(line, "quit") == 0)
            return;
    }
}

// As process 1, "first" says that the kernel has come so far and makes way for the guest's own
// first program, which will call this one to serve; "only" serves itself.
int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "serve";
    char line[16];
    if (strcmp(what, "nothing") == 0)
        return 17;
    if (getpid() == 1) {
        if (strcmp(what, "only") == 0)
            be_init();
        printf("@kernel\n");
        fflush(stdout);
        read_line(line, sizeof line);
    }
    if (strcmp(what, "first") == 0) {
        execl("/init", "/init", (char *)NULL);
        return 1;
    }
    serve();
    fflush(stdout);
    if (getpid() == 1)
        reboot(RB_POWER_OFF);
    return 0;
}
