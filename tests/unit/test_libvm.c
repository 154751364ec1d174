// SPDX-License-Identifier: MIT
//
// libvm: machines as an embedder sees them. Two at once, running, stepping, breakpoints, registers,
// memory, pauses, deadlines, resets, the console, statistics, crashes. The guests are a few RV64
// instructions in machine mode, at the start of RAM.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vm/libvm/libvm.h>

#include "rv_words.h"

#define RAM   UINT64_C(0x80000000)
#define MS(n) (vm_clock() + (uint64_t)(n)*1000000)

enum { EQ = 0, NE = 1, LB = 0, LW = 2, LD = 3, LBU = 4, SB = 0, SW = 2, SD = 3 };
enum { MTVEC = 0x305, MIE = 0x304, MHARTID = 0xf14 };

// Asks the test device at 0x100000 for a power-off with a code.
#define POWEROFF(code)                                                        \
    rv_lui(T0, 0x100), rv_lui(T1, (code) << 4 | 0x3), rv_addi(T1, T1, 0x333), \
        rv_store(SW, T1, 0, T0), rv_jal(ZERO, 0)

struct embedder {
    char output[100];
    size_t length;
    unsigned faults, exits, rooms;
    struct vm_result last;
    char fault[256];
};

static void console_output(void *context, const uint8_t *bytes, size_t size)
{
    struct embedder *m = context;
    for (size_t i = 0; i < size && m->length < sizeof m->output; i++)
        m->output[m->length++] = (char)bytes[i];
}

static void console_room(void *context)
{
    ((struct embedder *)context)->rooms++;
}

static void on_fault(void *context, const char *what)
{
    struct embedder *m = context;
    m->faults++;
    snprintf(m->fault, sizeof m->fault, "%s", what);
}

static void on_exit_of(void *context, const struct vm_result *result)
{
    struct embedder *m = context;
    m->exits++;
    m->last = *result;
}

static struct vm_options options_for(const uint32_t *code, size_t size, struct embedder *m)
{
    struct vm_options o = vm_default_options();
    o.guest = "riscv64";
    o.memory = 16 << 20;
    o.bios = (struct vm_blob){"firmware", code, size}; // a flat binary, for the start of RAM
    o.bios_mode = VM_OPTION_BIOS_FILE;
    o.context = m;
    if (m) {
        o.console_output = console_output;
        o.console_room = console_room;
        o.on_fault = on_fault;
        o.on_exit = on_exit_of;
    }
    return o;
}

static struct vm *create(const struct vm_options *o)
{
    struct vm *vm;
    struct vm_error e;
    if (vm_create(o, &vm, &e) != VM_OK)
        fail_msg("%s", e.text);
    return vm;
}

// A machine of one vCPU that runs the words.
static struct vm *machine_of(const uint32_t *code, size_t size, struct embedder *m)
{
    struct vm_options o = options_for(code, size, m);
    return create(&o);
}
#define MACHINE(m, ...) \
    machine_of((const uint32_t[]){__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}), m)

static struct vm_result run(struct vm *vm, uint64_t deadline)
{
    struct vm_result result;
    struct vm_error e;
    if (vm_run(vm, deadline, &result, &e) != VM_OK)
        fail_msg("%s", e.text);
    return result;
}

static struct vm_result step(struct vm *vm, unsigned vcpu, uint64_t count)
{
    struct vm_result result;
    struct vm_error e;
    if (vm_step(vm, vcpu, count, &result, &e) != VM_OK)
        fail_msg("%s", e.text);
    return result;
}

static uint64_t get(const struct vm *vm, unsigned vcpu, const char *name)
{
    uint64_t value;
    int index = vm_register_find(vm, name);
    assert_true(index >= 0);
    assert_int_equal(vm_read_register(vm, vcpu, (unsigned)index, &value, NULL), VM_OK);
    return value;
}

// Runs until a0 is something else. On a busy host a vCPU may not come to run at all in 20 ms.
static void run_on(struct vm *vm, uint64_t before)
{
    for (unsigned turn = 0; get(vm, 0, "a0") == before; turn++) {
        assert_true(turn < 1000);
        assert_int_equal(run(vm, MS(20)).reason, VM_EXIT_TIMEOUT);
    }
}

static void set(struct vm *vm, unsigned vcpu, const char *name, uint64_t value)
{
    int index = vm_register_find(vm, name);
    assert_true(index >= 0);
    assert_int_equal(vm_write_register(vm, vcpu, (unsigned)index, value, NULL), VM_OK);
}

// Steps over the reset code until the kernel's first instruction is next.
static void step_to_kernel(struct vm *vm, unsigned vcpu)
{
    for (unsigned i = 0; i < 100 && get(vm, vcpu, "pc") != RAM; i++)
        step(vm, vcpu, 1);
    assert_int_equal(get(vm, vcpu, "pc"), RAM);
}

static void sleep_ms(unsigned ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

// --- running ---

static void powers_off_with_a_code(void **state)
{
    (void)state;
    static const uint32_t codes[] = {0, 1, 42, 255, 0xabcd};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct embedder m = {0};
        // The test device: 0x5555 passes, 0x3333 fails with the code in the upper half.
        uint32_t code[] = {POWEROFF(0)};
        if (codes[i] == 0) {
            code[1] = rv_lui(T1, 0x5);
            code[2] = rv_addi(T1, T1, 0x555);
        } else {
            code[1] = rv_lui(T1, codes[i] << 4 | 0x3);
        }
        struct vm *vm = machine_of(code, sizeof code, &m);
        struct vm_result r = run(vm, MS(20000));
        assert_int_equal(r.reason, VM_EXIT_POWEROFF);
        assert_int_equal(r.code, codes[i]);
        assert_int_equal(m.exits, 1);
        assert_int_equal(m.last.code, codes[i]);
        assert_int_equal(m.faults, 0);
        vm_destroy(vm);
    }
}

struct pair {
    struct vm *looping, *ending;
    struct vm_result first, second;
};

static void *run_first(void *argument)
{
    struct pair *p = argument;
    p->first = run(p->looping, VM_FOREVER);
    return NULL;
}

static void *run_second(void *argument)
{
    struct pair *p = argument;
    p->second = run(p->ending, VM_FOREVER);
    return NULL;
}

static void two_machines_run_at_once(void **state)
{
    (void)state;
    struct pair p;
    struct embedder a = {0}, b = {0};
    const uint32_t loop[] = {rv_addi(A0, A0, 1), rv_jal(ZERO, -4)};
    const uint32_t count[] = {rv_lui(A0, 0x100), rv_addi(A0, A0, -1), rv_branch(NE, A0, ZERO, -4),
                              POWEROFF(7)};
    struct vm_options o = options_for(loop, sizeof loop, &a);
    o.vcpus = 2;
    p.looping = create(&o);
    o = options_for(count, sizeof count, &b);
    o.memory = 32 << 20;
    p.ending = create(&o);
    pthread_t first, second;
    assert_int_equal(pthread_create(&first, NULL, run_first, &p), 0);
    assert_int_equal(pthread_create(&second, NULL, run_second, &p), 0);
    pthread_join(second, NULL);
    assert_int_equal(p.second.reason, VM_EXIT_POWEROFF);
    assert_int_equal(p.second.code, 7);
    vm_pause(p.looping);
    pthread_join(first, NULL);
    assert_int_equal(p.first.reason, VM_EXIT_PAUSED);
    assert_int_equal(a.exits, 0);
    assert_int_equal(b.exits, 1);
    // On a busy host the other may have ended before each of these vCPUs came to run.
    while (get(p.looping, 0, "a0") == 0 || get(p.looping, 1, "a0") == 0)
        assert_int_equal(run(p.looping, MS(20)).reason, VM_EXIT_TIMEOUT);
    struct vm_stats s;
    vm_get_stats(p.ending, &s);
    assert_true(s.instructions > 2 * 0x100000 && s.instructions < 2 * 0x100000 + 100);
    vm_destroy(p.looping);
    vm_destroy(p.ending);
}

static void pauses_are_not_lost(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, rv_addi(A0, A0, 1), rv_jal(ZERO, -4));
    vm_pause(vm); // before it runs
    assert_int_equal(run(vm, VM_FOREVER).reason, VM_EXIT_PAUSED);
    uint64_t before = get(vm, 0, "a0");
    run_on(vm, before);
    assert_true(get(vm, 0, "a0") > before);
    // It comes while something else ends the run: the next one reports it.
    step_to_kernel(vm, 0);
    assert_int_equal(vm_add_breakpoint(vm, RAM + 4, NULL), VM_OK);
    vm_pause(vm);
    assert_int_equal(step(vm, 0, 5).reason, VM_EXIT_BREAKPOINT);
    assert_int_equal(run(vm, VM_FOREVER).reason, VM_EXIT_PAUSED);
    assert_int_equal(run(vm, VM_FOREVER).reason, VM_EXIT_BREAKPOINT);
    vm_destroy(vm);
}

enum { PAUSES = 50 };

struct pauser {
    struct vm *vm;
    _Atomic unsigned seen; // pauses that ended a run
};

// Each after the last was seen, at once or when the machine runs again.
static void *pause_often(void *argument)
{
    struct pauser *p = argument;
    for (unsigned i = 0; i < PAUSES; i++) {
        while (p->seen < i)
            sched_yield();
        sleep_ms(i % 3);
        vm_pause(p->vm);
    }
    return NULL;
}

static void pauses_and_runs_alternate(void **state)
{
    (void)state;
    const uint32_t code[] = {rv_addi(A0, A0, 1), rv_jal(ZERO, -4)};
    struct vm_options o = options_for(code, sizeof code, NULL);
    o.vcpus = 3;
    struct pauser p = {.vm = create(&o)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, pause_often, &p), 0);
    for (uint64_t last = 0; p.seen < PAUSES; p.seen++) {
        assert_int_equal(run(p.vm, VM_FOREVER).reason, VM_EXIT_PAUSED);
        assert_true(get(p.vm, 0, "a0") >= last);
        last = get(p.vm, 0, "a0");
    }
    pthread_join(thread, NULL);
    vm_destroy(p.vm);
}

static void deadlines_are_kept(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, RV_WFI, rv_jal(ZERO, -4));
    for (unsigned ms = 0; ms <= 40; ms += 20) {
        uint64_t start = vm_clock();
        assert_int_equal(run(vm, start + ms * 1000000ull).reason, VM_EXIT_TIMEOUT);
        uint64_t took = vm_clock() - start;
        assert_true(took >= ms * 1000000ull && took < 5000000000ull);
    }
    assert_int_equal(run(vm, 0).reason, VM_EXIT_TIMEOUT); // passed long ago
    vm_destroy(vm);
}

// A hart that waits is woken by its timer, and the time in between costs no instructions.
static void timers_wake(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, rv_lui(S0, 0x200c), rv_load(LD, A0, -8, S0), // mtime at 0x200bff8
                            rv_lui(A1, 0x31), rv_add(A0, A0, A1),              // 20 ms at 10 MHz
                            rv_lui(S1, 0x2004), rv_store(SD, A0, 0, S1),       // mtimecmp
                            rv_addi(T0, ZERO, 0x80), rv_csrw(MIE, T0),         // MTIE
                            RV_WFI, POWEROFF(9));
    uint64_t start = vm_clock();
    struct vm_result r = run(vm, MS(20000));
    assert_int_equal(r.reason, VM_EXIT_POWEROFF);
    assert_int_equal(r.code, 9);
    assert_true(vm_clock() - start >= 20000000);
    struct vm_stats s;
    vm_get_stats(vm, &s);
    assert_true(s.instructions < 100);
    assert_true(s.waits >= 1);
    assert_true(s.run_ns >= 20000000);
    vm_destroy(vm);
}

// --- stepping and breakpoints ---

static void steps_are_exact(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, rv_addi(A0, ZERO, 5), rv_addi(A1, A0, 7), rv_jal(RA, 8),
                            rv_addi(A1, ZERO, 0), rv_add(A2, A0, A1), RV_WFI, POWEROFF(3));
    step_to_kernel(vm, 0);
    assert_int_equal(step(vm, 0, 1).reason, VM_EXIT_STEPPED);
    assert_int_equal(get(vm, 0, "pc"), RAM + 4);
    assert_int_equal(get(vm, 0, "a0"), 5);
    assert_int_equal(step(vm, 0, 3).reason, VM_EXIT_STEPPED);
    assert_int_equal(get(vm, 0, "pc"), RAM + 20);
    assert_int_equal(get(vm, 0, "a2"), 17);
    assert_int_equal(get(vm, 0, "ra"), RAM + 12);
    assert_int_equal(step(vm, 0, 0).reason, VM_EXIT_STEPPED);
    assert_int_equal(get(vm, 0, "pc"), RAM + 20);
    assert_int_equal(step(vm, 0, 4).reason, VM_EXIT_WAITING);
    assert_int_equal(get(vm, 0, "pc"), RAM + 24);
    struct vm_result r = step(vm, 0, UINT64_MAX);
    assert_int_equal(r.reason, VM_EXIT_POWEROFF);
    assert_int_equal(r.code, 3);
    struct vm_error e;
    assert_int_equal(vm_step(vm, 1, 1, &r, &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "there is no vCPU 1");
    vm_destroy(vm);
}

static void a_step_moves_one_vcpu(void **state)
{
    (void)state;
    const uint32_t code[] = {rv_csrr(A0, MHARTID), rv_addi(A4, A4, 1), rv_jal(ZERO, -4)};
    struct vm_options o = options_for(code, sizeof code, NULL);
    o.vcpus = 2;
    struct vm *vm = create(&o);
    step_to_kernel(vm, 1);
    uint64_t pc = get(vm, 0, "pc");
    step(vm, 1, 101);
    assert_int_equal(get(vm, 1, "a0"), 1);
    assert_int_equal(get(vm, 1, "a4"), 50);
    assert_int_equal(get(vm, 0, "pc"), pc);
    vm_destroy(vm);
}

static void breakpoints_hit_and_go(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, rv_addi(A0, ZERO, 3), rv_addi(A4, A4, 2), rv_addi(A0, A0, -1),
                            rv_branch(NE, A0, ZERO, -8), POWEROFF(1));
    struct vm_error e;
    assert_int_equal(vm_add_breakpoint(vm, RAM + 8, &e), VM_OK);
    assert_int_equal(vm_add_breakpoint(vm, RAM + 8, &e), VM_ERR_USAGE);
    for (unsigned n = 1; n <= 2; n++) {
        struct vm_result r = run(vm, MS(20000));
        assert_int_equal(r.reason, VM_EXIT_BREAKPOINT);
        assert_int_equal(r.vcpu, 0);
        assert_int_equal(get(vm, 0, "pc"), RAM + 8);
        assert_int_equal(get(vm, 0, "a4"), 2 * n);
    }
    // A step from one goes on; a run of steps stops at the next.
    assert_int_equal(step(vm, 0, 1).reason, VM_EXIT_STEPPED);
    assert_int_equal(step(vm, 0, 10).reason, VM_EXIT_BREAKPOINT);
    assert_int_equal(get(vm, 0, "a4"), 6);
    assert_int_equal(vm_remove_breakpoint(vm, RAM + 8, &e), VM_OK);
    assert_int_equal(vm_remove_breakpoint(vm, RAM + 8, &e), VM_ERR_USAGE);
    assert_int_equal(run(vm, MS(20000)).reason, VM_EXIT_POWEROFF);
    vm_destroy(vm);
}

static void the_vcpu_at_a_breakpoint_is_named(void **state)
{
    (void)state;
    const uint32_t code[] = {rv_csrr(A0, MHARTID), rv_branch(NE, A0, ZERO, 8), rv_jal(ZERO, 0),
                             rv_addi(A4, A4, 1), rv_jal(ZERO, -4)};
    struct vm_options o = options_for(code, sizeof code, NULL);
    o.vcpus = 2;
    struct vm *vm = create(&o);
    vm_add_breakpoint(vm, RAM + 12, NULL);
    for (unsigned n = 0; n < 5; n++) {
        struct vm_result r = run(vm, MS(20000));
        assert_int_equal(r.reason, VM_EXIT_BREAKPOINT);
        assert_int_equal(r.vcpu, 1);
        assert_int_equal(get(vm, 1, "a4"), n);
    }
    vm_destroy(vm);
}

// --- registers and memory ---

static void registers_are_read_and_written(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, rv_add(A2, A0, A1), rv_jal(ZERO, 0));
    struct vm_error e;
    uint64_t value;
    unsigned n = vm_register_count(vm);
    assert_true(n > 64);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(vm_register_find(vm, vm_register_name(vm, i)), i);
        assert_true(vm_register_bits(vm, i) >= 8);
        assert_int_equal(vm_read_register(vm, 0, i, &value, &e), VM_OK);
    }
    assert_null(vm_register_name(vm, n));
    assert_int_equal(vm_register_bits(vm, n), 0);
    assert_int_equal(vm_register_find(vm, "rax"), -1);
    assert_int_equal(vm_read_register(vm, 0, n, &value, &e), VM_ERR_USAGE);
    assert_int_equal(vm_write_register(vm, 1, 0, 0, &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "there is no vCPU 1");
    set(vm, 0, "pc", RAM);
    set(vm, 0, "a0", 40);
    set(vm, 0, "a1", (uint64_t)-41);
    step(vm, 0, 1);
    assert_int_equal(get(vm, 0, "a2"), UINT64_MAX);
    vm_destroy(vm);
}

static void memory_is_read_and_written(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, rv_addi(A0, ZERO, 1), rv_jal(ZERO, -4));
    struct vm_error e;
    uint32_t word;
    uint8_t bytes[16];
    run_on(vm, 0);
    assert_int_equal(get(vm, 0, "a0"), 1);
    // Code that was translated is changed.
    word = rv_addi(A0, ZERO, 2);
    assert_int_equal(vm_write_memory(vm, vm_gpa_of(RAM), &word, 4, &e), VM_OK);
    run_on(vm, 1);
    assert_int_equal(get(vm, 0, "a0"), 2);
    assert_int_equal(vm_read_virtual(vm, 0, vm_gva_of(RAM), &word, 4, &e), VM_OK);
    assert_int_equal(word, rv_addi(A0, ZERO, 2));
    // Edges of RAM.
    vm_gpa end = vm_gpa_of(RAM + (16 << 20) - 8);
    assert_int_equal(vm_write_memory(vm, end, bytes, 8, &e), VM_OK);
    assert_int_equal(vm_read_memory(vm, end, bytes, 9, &e), VM_ERR_USAGE);
    assert_string_equal(e.text, "9 bytes at 0x80fffff8 are not all RAM");
    assert_int_equal(vm_write_memory(vm, end, bytes, 16, &e), VM_ERR_USAGE);
    assert_int_equal(vm_read_memory(vm, vm_gpa_of(0x10000000), bytes, 1, &e), VM_ERR_USAGE);
    assert_int_equal(vm_read_virtual(vm, 0, vm_gva_of(end.v), bytes, 16, &e), VM_ERR_USAGE);
    assert_int_equal(vm_read_virtual(vm, 2, vm_gva_of(RAM), bytes, 1, &e), VM_ERR_USAGE);
    vm_destroy(vm);
}

// With neither kernel nor firmware the embedder brings the code.
static void a_machine_without_files_runs_what_is_written(void **state)
{
    (void)state;
    static const enum vm_bios modes[] = {VM_OPTION_BIOS_BUILTIN, VM_OPTION_BIOS_NONE};
    const uint32_t code[] = {POWEROFF(5)};
    for (size_t i = 0; i < VM_ARRAY_SIZE(modes); i++) {
        struct vm_options o = vm_default_options();
        struct vm_error e;
        o.guest = "riscv64";
        o.memory = 1 << 20;
        o.bios_mode = modes[i];
        struct vm *vm = create(&o);
        assert_string_equal(vm_guest_name(vm), "riscv64");
        assert_int_equal(vm_write_memory(vm, vm_gpa_of(RAM), code, sizeof code, &e), VM_OK);
        struct vm_result result = run(vm, MS(20000));
        assert_int_equal(result.reason, VM_EXIT_POWEROFF);
        assert_int_equal(result.code, 5);
        vm_destroy(vm);
    }
}

// --- reset ---

// The program counts its starts in RAM beyond the kernel, which a reset leaves alone.
static void a_reset_starts_over(void **state)
{
    (void)state;
    struct embedder m = {0};
    const uint32_t code[] = {
        rv_auipc(S0, 0x100),     rv_load(LW, A0, 0, S0), rv_addi(A0, A0, 1),
        rv_store(SW, A0, 0, S0), rv_addi(A1, ZERO, 3),   rv_branch(EQ, A0, A1, 24),
        rv_lui(T0, 0x100),       rv_lui(T1, 0x7),        rv_addi(T1, T1, 0x777), // reset
        rv_store(SW, T1, 0, T0), rv_jal(ZERO, 0),        POWEROFF(5)};
    struct vm_options o = options_for(code, sizeof code, &m);
    struct vm *vm = create(&o);
    struct vm_result r = run(vm, MS(20000));
    assert_int_equal(r.reason, VM_EXIT_POWEROFF);
    assert_int_equal(r.code, 5);
    assert_int_equal(m.exits, 1);
    uint32_t starts;
    assert_int_equal(vm_read_memory(vm, vm_gpa_of(RAM + 0x100000), &starts, 4, NULL), VM_OK);
    assert_int_equal(starts, 3);
    vm_destroy(vm);
    // In steps: the step that resets is over there, and the hart is where it begins.
    vm = create(&o);
    uint64_t first = get(vm, 0, "pc");
    step_to_kernel(vm, 0);
    r = step(vm, 0, 100);
    assert_int_equal(r.reason, VM_EXIT_STEPPED);
    assert_int_equal(get(vm, 0, "pc"), first);
    step_to_kernel(vm, 0);
    vm_destroy(vm);
}

// --- console ---

static void the_console_goes_both_ways(void **state)
{
    (void)state;
    struct embedder m = {0};
    struct vm *vm =
        MACHINE(&m, rv_lui(S0, 0x10000),                              // the UART
                rv_addi(T0, ZERO, 'h'), rv_store(SB, T0, 0, S0),      //
                rv_load(LBU, T1, 5, S0), rv_i(0x13, 7, T1, T1, 1),    // line status: data ready?
                rv_branch(EQ, T1, ZERO, -8), rv_load(LBU, A0, 0, S0), //
                rv_addi(A0, A0, 1), rv_store(SB, A0, 0, S0),          // the next letter
                rv_addi(T0, ZERO, 'f'), rv_branch(NE, A0, T0, -28), POWEROFF(1));
    static const char input[] = "abcde";
    size_t sent = 0;
    for (unsigned i = 0; i < 1000 && sent < 5; i++) {
        assert_int_equal(run(vm, MS(10)).reason, VM_EXIT_TIMEOUT);
        sent += vm_console_input(vm, (const uint8_t *)input + sent, 5 - sent);
    }
    assert_int_equal(sent, 5);
    assert_int_equal(run(vm, MS(20000)).reason, VM_EXIT_POWEROFF);
    assert_int_equal(m.length, 6);
    assert_memory_equal(m.output, "hbcdef", 6);
    vm_destroy(vm);
}

// --- crashes ---

static void endless_faults_are_a_crash(void **state)
{
    (void)state;
    struct embedder m = {0};
    struct vm *vm = MACHINE(&m, rv_csrw(MTVEC, ZERO), rv_jalr(ZERO, ZERO, 0));
    struct vm_result r = run(vm, MS(60000));
    assert_int_equal(r.reason, VM_EXIT_CRASHED);
    assert_string_equal(r.text, "exceptions repeat without an instruction executed");
    assert_int_equal(m.faults, 1);
    assert_int_equal(m.exits, 1);
    assert_string_equal(m.fault, r.text);
    char text[4000], small[10];
    size_t length = vm_describe_state(vm, text, sizeof text);
    assert_true(length < sizeof text && length == strlen(text));
    assert_non_null(strstr(text, "last exception 0x1 value 0"));
    assert_non_null(strstr(text, "last blocks: "));
    assert_int_equal(vm_describe_state(vm, small, sizeof small), length);
    assert_memory_equal(small, text, 9);
    assert_int_equal(small[9], 0);
    vm_destroy(vm);
}

// Calls to the built-in firmware retire nothing, but they get the guest on.
static void endless_firmware_calls_are_none(void **state)
{
    (void)state;
    enum { CALLS = 1100000 };
    const uint32_t end[] = {POWEROFF(0)};
    struct vm_options o = vm_default_options();
    struct vm_error e;
    o.guest = "riscv64";
    o.memory = 16 << 20;
    struct vm *vm = create(&o);
    uint32_t *code = malloc(CALLS * sizeof *code);
    for (uint32_t i = 0; i < CALLS; i++)
        code[i] = RV_ECALL;
    assert_int_equal(vm_write_memory(vm, vm_gpa_of(RAM), code, CALLS * sizeof *code, &e), VM_OK);
    assert_int_equal(
        vm_write_memory(vm, vm_gpa_of(RAM + CALLS * sizeof *code), end, sizeof end, &e), VM_OK);
    assert_int_equal(run(vm, MS(240000)).reason, VM_EXIT_POWEROFF);
    free(code);
    vm_destroy(vm);
}

// --- what there is, and what there is not ---

static void says_what_it_is(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, RV_WFI);
    assert_string_equal(vm_guest_name(vm), "riscv64");
    assert_string_equal(vm_engine_name(vm), vm_built_engine(0));
    assert_non_null(vm_engine_reason(vm));
    assert_int_equal(vm_vcpu_count(vm), 1);
    struct vm_stats s;
    vm_get_stats(vm, &s);
    assert_int_equal(s.instructions, 0);
    vm_destroy(vm);
    assert_string_equal(vm_built_guest(0), "riscv64");
    size_t guests = 1;
    while (vm_built_guest(guests))
        assert_string_not_equal(vm_built_guest(guests++), "riscv64");
    assert_in_range(guests, 1, 3);
    assert_non_null(vm_built_engine(0));
    size_t engines = 0;
    while (vm_built_engine(engines))
        assert_true(*vm_built_engine(engines++) != 0);
    assert_in_range(engines, 1, 2);
    assert_string_equal(vm_built_machine("riscv64", 0), "virt");
    assert_null(vm_built_machine("riscv64", 1));
    assert_null(vm_built_machine("z80", 0));
    for (unsigned i = 0; vm_engine_exit_name(i); i++)
        assert_true(strlen(vm_engine_exit_name(i)) > 0);
    for (unsigned r = VM_EXIT_POWEROFF; r <= VM_EXIT_CRASHED; r++)
        assert_non_null(vm_exit_reason_name((enum vm_exit_reason)r));
    char line[100];
    const uint32_t word = rv_addi(A0, A1, -3);
    assert_int_equal(vm_disassemble("riscv64", RAM, (const uint8_t *)&word, 4, line, sizeof line),
                     4);
    assert_string_equal(line, "addi\ta0,a1,-3");
    assert_int_equal(vm_disassemble("z80", 0, (const uint8_t *)&word, 4, line, sizeof line), 0);
    vm_destroy(NULL);
}

static void refuses_bad_options(void **state)
{
    (void)state;
    static const uint32_t code[] = {RV_WFI};
    struct vm *vm;
    struct vm_error e;
    for (unsigned i = 0;; i++) {
        struct vm_options o = options_for(code, sizeof code, NULL);
        vm_status want = VM_ERR_USAGE;
        const char *says;
        switch (i) {
        case 0:
            o.vcpus = 0;
            says = "0 vCPUs: 1 to 64 are possible";
            break;
        case 1:
            o.vcpus = 65;
            says = "65 vCPUs: 1 to 64 are possible";
            break;
        case 2:
            o.memory = 4096;
            says = "the memory size is too small: give at least 1M";
            break;
        case 3:
            o.memory++;
            says = "the memory size is not a multiple of 4 KiB";
            break;
        case 4:
            o.guest = "z80";
            says = "this build has no guest z80";
            break;
        case 5:
            o.engine = "warp";
            says = "this build has no engine warp";
            break;
        case 6:
            o.machine = "pc";
            says = "there is no machine pc for riscv64 guests";
            break;
        case 7:
            o.bios_mode = (enum vm_bios)3;
            says = "there is no firmware mode 3";
            break;
        case 8:
            o.bios.data = NULL;
            says = "there is no firmware file: give --bios FILE";
            break;
        case 9:
            o.cpu = "rv64,+nonsense";
            says = NULL;
            break;
        case 10:
            o.guest = NULL;
            want = VM_ERR_FILE;
            says = NULL;
            break;
        default: return;
        }
        e.text[0] = 0;
        assert_int_equal(vm_create(&o, &vm, &e), want);
        assert_int_equal(e.status, want);
        assert_true(e.text[0] && !strchr(e.text, '\n'));
        if (says)
            assert_string_equal(e.text, says);
        assert_int_equal(vm_create(&o, &vm, NULL), want);
    }
}

// A host CPU that does not exist: the run fails, each time, and nothing is left behind.
static void threads_that_cannot_be_pinned_are_an_error(void **state)
{
    (void)state;
    static const unsigned pin[] = {0, 100000};
    const uint32_t code[] = {POWEROFF(1)};
    struct vm_options o = options_for(code, sizeof code, NULL);
    struct vm_result result;
    struct vm_error e;
    o.vcpus = 2;
    o.pin = pin;
    struct vm *vm = create(&o);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(vm_run(vm, MS(1000), &result, &e), VM_ERR_HOST);
    vm_destroy(vm);
}

static void the_device_tree_is_shown(void **state)
{
    (void)state;
    struct vm *vm = MACHINE(NULL, RV_WFI);
    const void *blob;
    size_t size;
    struct vm_error e;
    vm_status status = vm_device_tree(vm, &blob, &size, &e);
    if (status == VM_OK && size > 0) { // a build without libfdt has none
        static const uint8_t magic[] = {0xd0, 0x0d, 0xfe, 0xed};
        assert_memory_equal(blob, magic, 4);
    }
    vm_destroy(vm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_off_with_a_code),
        cmocka_unit_test(two_machines_run_at_once),
        cmocka_unit_test(pauses_are_not_lost),
        cmocka_unit_test(pauses_and_runs_alternate),
        cmocka_unit_test(deadlines_are_kept),
        cmocka_unit_test(timers_wake),
        cmocka_unit_test(steps_are_exact),
        cmocka_unit_test(a_step_moves_one_vcpu),
        cmocka_unit_test(breakpoints_hit_and_go),
        cmocka_unit_test(the_vcpu_at_a_breakpoint_is_named),
        cmocka_unit_test(registers_are_read_and_written),
        cmocka_unit_test(memory_is_read_and_written),
        cmocka_unit_test(a_machine_without_files_runs_what_is_written),
        cmocka_unit_test(a_reset_starts_over),
        cmocka_unit_test(the_console_goes_both_ways),
        cmocka_unit_test(endless_faults_are_a_crash),
        cmocka_unit_test(endless_firmware_calls_are_none),
        cmocka_unit_test(says_what_it_is),
        cmocka_unit_test(refuses_bad_options),
        cmocka_unit_test(threads_that_cannot_be_pinned_are_an_error),
        cmocka_unit_test(the_device_tree_is_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
