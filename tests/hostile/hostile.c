// SPDX-License-Identifier: MIT
#include "hostile.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HANG_SECONDS = 120, // for one trial, on a busy host and under valgrind
    LATE_SECONDS = 20,  // that vm_run may come back after its deadline
};

#define SECOND UINT64_C(1000000000)

// --- the seed of the trial at hand, for whoever brings the process down ---

static char trial_text[80];

static void print_trial(void)
{
    if (write(STDOUT_FILENO, trial_text, strlen(trial_text)) < 0)
        _exit(2);
}

static void die(int signal_number)
{
    print_trial();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

// The address sanitizer calls this when it has found something.
void __asan_on_error(void);
void __asan_on_error(void)
{
    print_trial();
}

static void watch_signals(void)
{
    static const int signals[] = {SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        signal(signals[i], die);
}

// --- groups ---

static double scale(void)
{
    const char *text = getenv("TRINE_TEST_SCALE");
    double n = text ? strtod(text, NULL) : 1;
    return n > 0 ? n : 1;
}

void hostile_begin(struct hostile_group *g, const char *name, double seconds)
{
    const char *text = getenv("TRINE_SEED");
    *g = (struct hostile_group){.name = name, .seed = text ? strtoull(text, NULL, 0) : 1};
    printf("%s: TRINE_SEED=%#llx\n", name, (unsigned long long)g->seed);
    fflush(stdout);
    watch_signals();
    g->from = vm_clock();
    g->end = g->from + (uint64_t)(seconds * scale() * 1e9);
}

bool hostile_next(struct hostile_group *g, struct random *r)
{
    if (g->trials && vm_clock() >= g->end)
        return false;
    snprintf(trial_text, sizeof trial_text, "\n%s: this trial has TRINE_SEED=%#llx\n", g->name,
             (unsigned long long)g->seed);
    alarm(HANG_SECONDS);
    *r = (struct random){g->seed++};
    g->trials++;
    return true;
}

void hostile_end(const struct hostile_group *g)
{
    alarm(0);
    printf("%s: %llu trials, %llu instructions, %llu exceptions in %.1f s\n", g->name,
           (unsigned long long)g->trials, (unsigned long long)g->instructions,
           (unsigned long long)g->exceptions, (double)(vm_clock() - g->from) / 1e9);
    assert_true(g->instructions > 0);
}

// --- machines ---

// Lines and output are made and dropped: making them is what is tested. These run on the machine's
// threads, where cmocka cannot fail a test.
static void take_line(void *context, const char *topic, const char *line)
{
    (void)context;
    if (!topic[0] || strlen(line) > 64 << 10)
        abort();
}

static void take_output(void *context, const uint8_t *bytes, size_t size)
{
    (void)context;
    if (size == 0 || !memchr(bytes, bytes[size - 1], size)) // reads them all
        abort();
}

const char *hostile_random_machine(struct random *r)
{
    static const char *const machines[] = {"virt", "virt,aia=aplic", "virt,aia=aplic-imsic"};
    return machines[random_below(r, sizeof machines / sizeof *machines)];
}

struct vm *hostile_create(const struct hostile_machine *m)
{
    struct vm_options o = vm_default_options();
    struct vm_blob file = {"hostile", m->code, m->size};
    struct vm_error e = {0};
    struct vm *vm = NULL;
    o.guest = m->guest ? m->guest : "riscv64";
    o.cpu = m->cpu;
    o.machine = m->machine;
    o.engine = getenv("TRINE_ENGINE");
    o.vcpus = m->vcpus;
    o.memory = m->memory;
    o.trace = m->trace;
    o.trace_line = take_line;
    o.console_output = take_output;
    o.bios_mode = m->supervisor ? VM_OPTION_BIOS_BUILTIN : VM_OPTION_BIOS_FILE;
    *(m->supervisor ? &o.kernel : &o.bios) = file;
    if (vm_create(&o, &vm, &e) != VM_OK)
        fail_msg("%s", e.text);
    return vm;
}

void hostile_run(struct hostile_group *g, struct vm *vm, unsigned ms, struct vm_result *result)
{
    struct vm_error e = {0};
    struct vm_stats before, after;
    vm_get_stats(vm, &before);
    uint64_t deadline = vm_clock() + ms * (SECOND / 1000);
    if (vm_run(vm, deadline, result, &e) != VM_OK)
        fail_msg("%s", e.text);
    assert_true(vm_clock() < deadline + LATE_SECONDS * SECOND);
    vm_get_stats(vm, &after);
    g->instructions += after.instructions - before.instructions;
    g->exceptions += after.exceptions - before.exceptions;
}

// --- the thread that pesters ---

struct pest {
    struct vm *vm;
    uint64_t seed;
    _Atomic bool stop;
};

static void *pester(void *context)
{
    enum { MOST_MICROSECONDS = 2000 };
    struct pest *p = context;
    struct random r = {p->seed};
    uint8_t input[100] = {'x', 3, 0, 0xff};
    while (!p->stop) {
        vm_console_input(p->vm, input, random_below(&r, sizeof input));
        if (random_below(&r, 8) == 0)
            vm_pause(p->vm);
        usleep(random_below(&r, MOST_MICROSECONDS));
    }
    return NULL;
}

void hostile_run_pestered(struct hostile_group *g, struct vm *vm, unsigned ms,
                          struct vm_result *result)
{
    struct pest pest = {.vm = vm, .seed = g->seed};
    pthread_t thread;
    uint64_t deadline = vm_clock() + ms * (SECOND / 1000);
    assert_int_equal(pthread_create(&thread, NULL, pester, &pest), 0);
    do {
        uint64_t now = vm_clock();
        hostile_run(g, vm, now < deadline ? (unsigned)((deadline - now) * 1000 / SECOND) : 0,
                    result);
    } while (result->reason == VM_EXIT_PAUSED);
    pest.stop = true;
    pthread_join(thread, NULL);
}

void hostile_inspect(struct vm *vm, struct random *r)
{
    static const char *const guests[] = {"riscv64", "arm64"};
    static char text[32 << 10];
    uint8_t bytes[64];
    uint64_t value;
    struct vm_error e;
    unsigned vcpu = random_below(r, vm_vcpu_count(vm));
    assert_true(vm_describe_state(vm, text, sizeof text) > 0);
    vm_describe_state(vm, text, random_below(r, 100));
    for (unsigned i = 0; i < vm_register_count(vm); i++)
        assert_int_equal(vm_read_register(vm, vcpu, i, &value, &e), VM_OK);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t address = random_integer(r) + (i & 1 ? HOSTILE_RAM : 0);
        size_t size = 1 + random_below(r, sizeof bytes);
        vm_read_memory(vm, (vm_gpa){address}, bytes, size, &e);
        vm_read_virtual(vm, vcpu, (vm_gva){address}, bytes, size, &e);
        for (unsigned k = 0; k < sizeof guests / sizeof *guests; k++)
            vm_disassemble(guests[k], address, bytes, sizeof bytes, text, 80);
    }
}
