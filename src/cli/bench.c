// SPDX-License-Identifier: MIT
//
// vm-cli bench: the engines side by side, on small programs that are built in (bench/). A program
// does as many units as it is told to, checks nothing itself, and powers off; the last unit's
// result is compared here, so that a fast wrong answer is a failure.
#include <string.h>
#include <vm/libvm/libvm.h>

#include "bench/workloads.h"
#include "commands.h"
#include "nearest.h"
#include "options.h"

enum {
    STATUS_WRONG = 1,
    RUNS = 3,            // of which the fastest counts
    SHORT_NS = 10000000, // too short to tell how many units a run has to do
    RUN_NS = 80000000,   // what a run should take
    LIMIT_SECONDS = 60,  // what takes longer hangs, whatever the machine
    MAX_ENGINES = 4,
    MEMORY = 16 << 20,
    DATA = 4 << 20, // where the workloads' own memory is, from the bottom of RAM
};

struct bench {
    struct cli_options options;
    const struct bench_guest *guest;
    const char *engines[MAX_ENGINES];
    unsigned engine_count;
    bool wrong;
};

// What a run did.
struct speed {
    uint64_t ns, instructions;
};

static const struct bench_guest *find_guest(const char *name)
{
    for (size_t i = 0; bench_guests[i]; i++) {
        if (!name || strcmp(bench_guests[i]->name, name) == 0)
            return bench_guests[i];
    }
    return NULL;
}

// --- one run ---

static vm_status set_register(struct vm *vm, const char *name, uint64_t value, struct vm_error *e)
{
    return vm_write_register(vm, 0, (unsigned)vm_register_find(vm, name), value, e);
}

static vm_status load(struct vm *vm, const struct bench_guest *g, const struct bench_workload *w,
                      uint64_t units, struct vm_error *e)
{
    vm_status status = vm_write_memory(vm, vm_gpa_of(g->base), g->code, g->code_size, e);
    if (status == VM_OK)
        status = set_register(vm, g->pc, g->base + w->offset, e);
    if (status == VM_OK)
        status = set_register(vm, g->units, units, e);
    return status == VM_OK ? set_register(vm, g->memory, g->base + DATA, e) : status;
}

// VM_ERR_HOST too when the guest did something else than to power off.
static vm_status finish(struct vm *vm, const struct bench_guest *g, uint64_t *value,
                        struct vm_error *e)
{
    struct vm_result result;
    vm_status status = vm_run(vm, vm_clock() + (uint64_t)LIMIT_SECONDS * 1000000000, &result, e);
    if (status == VM_OK && result.reason != VM_EXIT_POWEROFF)
        return vm_error_set(e, VM_ERR_HOST, "a workload did not end: %s %s",
                            vm_exit_reason_name(result.reason), result.text);
    return status == VM_OK
               ? vm_read_register(vm, 0, (unsigned)vm_register_find(vm, g->result), value, e)
               : status;
}

static vm_status run_units(const struct bench *b, const char *engine,
                           const struct bench_workload *w, uint64_t units, uint64_t *value,
                           struct speed *speed, struct vm_error *e)
{
    struct vm_options o = vm_default_options();
    struct vm_stats stats;
    struct vm *vm = NULL;
    o.guest = b->guest->name;
    o.engine = engine;
    o.simd = b->options.simd;
    o.code_cache = b->options.code_cache;
    o.cpu = b->options.cpu;
    o.memory = MEMORY;
    o.bios_mode = VM_OPTION_BIOS_NONE;
    vm_status status = vm_create(&o, &vm, e);
    if (status == VM_OK)
        status = load(vm, b->guest, w, units, e);
    if (status == VM_OK)
        status = finish(vm, b->guest, value, e);
    if (status == VM_OK) {
        vm_get_stats(vm, &stats);
        *speed = (struct speed){stats.run_ns ? stats.run_ns : 1, stats.instructions};
    }
    vm_destroy(vm);
    return status;
}

// --- the measurement ---

// The fastest of several runs that are long enough.
static vm_status measure(struct bench *b, const char *engine, const struct bench_workload *w,
                         struct speed *best, struct vm_error *e)
{
    uint64_t units = 1, value = 0;
    vm_status status = VM_OK;
    best->ns = 0;
    while (status == VM_OK && best->ns < SHORT_NS) {
        units *= best->ns ? 4 : 1;
        status = run_units(b, engine, w, units, &value, best, e);
    }
    if (status == VM_OK && best->ns < RUN_NS)
        units = units * RUN_NS / best->ns;
    for (unsigned i = 0; status == VM_OK && i < RUNS; i++) {
        struct speed s;
        status = run_units(b, engine, w, units, &value, &s, e);
        if (status == VM_OK && (i == 0 || s.ns < best->ns))
            *best = s;
    }
    if (status == VM_OK && value != w->expected) {
        b->wrong = true;
        cli_say("error: %s on the %s: wrong result %#llx, expected %#llx", w->name, engine,
                (unsigned long long)value, (unsigned long long)w->expected);
    }
    return status;
}

// Millions of instructions per second.
static uint64_t mips(const struct speed *s)
{
    return s->instructions * 1000 / s->ns;
}

static void add_heading(const struct bench *b, struct cli_text *t)
{
    cli_text_add(t, "%s guest, millions of instructions per second\n\n%-10s", b->guest->name, "");
    for (unsigned i = 0; i < b->engine_count; i++)
        cli_text_add(t, " %12s", b->engines[i]);
    cli_text_add(t, "%s\n", b->engine_count == 2 ? "     ratio" : "");
}

static vm_status measure_row(struct bench *b, const struct bench_workload *w, bool first,
                             struct vm_error *e)
{
    struct cli_text t = {0};
    struct speed speeds[MAX_ENGINES];
    vm_status status = VM_OK;
    if (first)
        add_heading(b, &t);
    cli_text_add(&t, "%-10s", w->name);
    for (unsigned i = 0; status == VM_OK && i < b->engine_count; i++) {
        status = measure(b, b->engines[i], w, &speeds[i], e);
        cli_text_add(&t, " %12llu", (unsigned long long)(status == VM_OK ? mips(&speeds[i]) : 0));
    }
    if (status == VM_OK && b->engine_count == 2) {
        uint64_t slow = mips(&speeds[1]) ? mips(&speeds[1]) : 1;
        uint64_t tenths = mips(&speeds[0]) * 10 / slow;
        cli_text_add(&t, " %7llu.%llu", (unsigned long long)(tenths / 10),
                     (unsigned long long)(tenths % 10));
    }
    cli_text_add(&t, "  %s\n", w->what);
    if (status == VM_OK)
        status = cli_text_write(&t, vm_osal_stdout(), "the table", e);
    cli_text_release(&t);
    return status;
}

// --- the command ---

static const struct bench_workload *find_workload(const struct bench_guest *g, const char *name)
{
    for (unsigned i = 0; i < g->workload_count; i++) {
        if (strcmp(g->workloads[i].name, name) == 0)
            return &g->workloads[i];
    }
    return NULL;
}

static void choose_engines(struct bench *b)
{
    const char *wanted = b->options.engine;
    for (size_t i = 0; vm_built_engine(i) && b->engine_count < MAX_ENGINES; i++) {
        if (!wanted || strcmp(wanted, "auto") == 0 || strcmp(wanted, vm_built_engine(i)) == 0)
            b->engines[b->engine_count++] = vm_built_engine(i);
    }
}

static vm_status measure_all(struct bench *b, struct vm_error *e)
{
    const struct bench_guest *g = b->guest;
    size_t given = b->options.argument_count;
    vm_status status = VM_OK;
    for (size_t i = 0; status == VM_OK && i < (given ? given : g->workload_count); i++) {
        const struct bench_workload *w =
            given ? find_workload(g, b->options.arguments[i]) : &g->workloads[i];
        status = measure_row(b, w, i == 0, e);
    }
    return status;
}

// The exit status of a word that names no workload; 0: all of them do.
static int check_names(const struct bench *b)
{
    const char *names[BENCH_MAX_WORKLOADS + 1] = {0};
    for (unsigned i = 0; i < b->guest->workload_count; i++)
        names[i] = b->guest->workloads[i].name;
    for (size_t i = 0; i < b->options.argument_count; i++) {
        if (!find_workload(b->guest, b->options.arguments[i]))
            return cli_refuse("workload", b->options.arguments[i], names,
                              "vm-cli help bench lists them");
    }
    return 0;
}

static int run_bench(struct bench *b, char **argv)
{
    struct vm_error e;
    vm_status status = cli_options_parse(&b->options, CLI_BENCH, argv, BENCH_MAX_WORKLOADS, &e);
    if (status != VM_OK)
        return cli_fail(&e);
    const char *guest = b->options.guest;
    b->guest = find_guest(guest && strcmp(guest, "auto") != 0 ? guest : NULL);
    if (!b->guest) {
        vm_error_set(&e, VM_ERR_USAGE, "there are no workloads for the guests of this build");
        return cli_fail(&e);
    }
    int refused = check_names(b);
    if (refused)
        return refused;
    choose_engines(b);
    status = measure_all(b, &e);
    if (status != VM_OK)
        return cli_fail(&e);
    return b->wrong ? STATUS_WRONG : 0;
}

int cli_bench(char **argv)
{
    struct bench b = {0};
    int code = run_bench(&b, argv);
    cli_options_release(&b.options);
    return code;
}

void cli_bench_describe(struct cli_text *t)
{
    enum { COLUMN = 14 };
    const struct bench_guest *g = bench_guests[0];
    for (unsigned i = 0; g && i < g->workload_count; i++) {
        cli_text_add(t, "  ");
        cli_text_add_row(t, g->workloads[i].name, COLUMN - 2, g->workloads[i].what);
    }
}
