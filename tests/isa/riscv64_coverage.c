// SPDX-License-Identifier: MIT
//
// Every row of the RISC-V tables is executed, on every engine, or on the one that the argument
// names.
//
// What user programs can do is executed by a program that goes through the rows (its results are
// compared with another implementation by isa-riscv64-rows). The frontend's coverage counters show
// that the row was translated, the count of retired instructions that none was jumped over. The
// other instructions are executed one by one, with what each must do; more of that is in
// isa-riscv64-privileged.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/frontend-riscv64/frontend.h>

#include "isa_pattern.h"
#include "riscv_trine.h"
#include "tested_engines.h"

enum { LENGTH = 8 }; // instructions of its row in a batch

enum {
    PC = PROGRAM_BASE,
    NEXT = PROGRAM_BASE + 4,
    U = 0,
    M = 3,
    BREAKPOINT = 3,
    STORE_ACCESS = 7,
    ECALL_M = 11
};

struct system_case {
    const char *name;
    uint32_t word;
    struct trine_outcome expected;
};

// The cache instructions are at address 0.
#define NOTHING_THERE                                            \
    {                                                            \
        .pc = TRINE_TRAP, .privilege = M, .mcause = STORE_ACCESS \
    }

static const struct system_case system_cases[] = {
    {"ecall", 0x00000073, {.pc = TRINE_TRAP, .privilege = M, .mcause = ECALL_M}},
    {"ebreak", 0x00100073, {.pc = TRINE_TRAP, .privilege = M, .mcause = BREAKPOINT, .mtval = PC}},
    {"c.ebreak", 0x9002, {.pc = TRINE_TRAP, .privilege = M, .mcause = BREAKPOINT, .mtval = PC}},
    {"mret", 0x30200073, {.pc = TRINE_RETURN, .privilege = U}},
    {"sret", 0x10200073, {.pc = TRINE_RETURN, .privilege = U}},
    {"cbo.inval", 0x0000200f, NOTHING_THERE},
    {"cbo.clean", 0x0010200f, NOTHING_THERE},
    {"cbo.flush", 0x0020200f, NOTHING_THERE},
    {"wfi", 0x10500073, {.pc = NEXT, .privilege = M, .waits = true}},
    {"sfence.vma", 0x12000073, {.pc = NEXT, .privilege = M}},
    {"sinval.vma", 0x16000073, {.pc = NEXT, .privilege = M}},
    {"sfence.w.inval", 0x18000073, {.pc = NEXT, .privilege = M}},
    {"sfence.inval.ir", 0x18100073, {.pc = NEXT, .privilege = M}},
};

static size_t row_named(const char *name)
{
    size_t row = 0;
    while (row < vm_riscv64_row_count() && strcmp(vm_riscv64_row_name(row), name) != 0)
        row++;
    return row;
}

static bool is_expected(const struct trine_outcome *got, const struct trine_outcome *want)
{
    return got->pc == want->pc && got->privilege == want->privilege &&
           got->mcause == want->mcause && got->mtval == want->mtval && got->waits == want->waits;
}

static bool run_system_case(const struct system_case *c, const struct trine_options *o)
{
    struct trine_outcome got;
    size_t row = row_named(c->name);
    uint64_t before = row < vm_riscv64_row_count() ? o->coverage[row] : UINT64_MAX;
    const char *problem = trine_execute(c->word, o, &got);
    if (problem || before == UINT64_MAX || o->coverage[row] == before) {
        printf("%s: %s\n", c->name, problem ? problem : "was not executed");
        return false;
    }
    if (is_expected(&got, &c->expected))
        return true;
    printf("%s: pc %#lx privilege %lu mcause %lu mtval %#lx waits %d\n", c->name, got.pc,
           got.privilege, got.mcause, got.mtval, got.waits);
    return false;
}

// --- the program that goes through the rows ---

struct rows_run {
    const struct program *program;
    const uint64_t *coverage;
    uint64_t *seen;           // coverage at the last dump
    uint64_t retired, before; // instructions, and at the last dump
    uint64_t frame;           // instructions of the program around a batch; 0: not known yet
    unsigned batch;
    bool good;
};

static uint64_t count_instructions(const struct program *p, unsigned batch)
{
    const uint8_t *code = p->image + (p->codes[batch].address - PROGRAM_BASE);
    uint64_t n = 0;
    for (uint32_t at = 0; at < p->codes[batch].bytes; n++)
        at += (code[at] & 3) == 3 ? 4 : 2;
    return n;
}

// Branches jump over some fillers; nothing else may be left out.
static bool is_executed(struct rows_run *r, const struct pattern *row)
{
    enum { MOST_FILLERS = 2 * LENGTH };
    uint64_t written = count_instructions(r->program, r->batch);
    uint64_t frame = r->retired - r->before - written;
    bool jumps = strcmp(row->class, "branch") == 0;
    if (r->frame == 0 && r->batch > 0 && !jumps)
        r->frame = frame;
    bool whole = r->batch == 0 || frame == r->frame; // the first has less around it
    bool nearly_whole = jumps && r->frame - frame <= MOST_FILLERS;
    return r->coverage[row - patterns] > r->seen[row - patterns] && (whole || nearly_whole);
}

static bool check_row(void *context, const struct dump *d)
{
    struct rows_run *r = context;
    const struct pattern *row = program_row(r->batch);
    (void)d;
    if (!is_executed(r, row)) {
        printf("%s was not executed\n", row->name);
        r->good = false;
    }
    memcpy(r->seen, r->coverage, vm_riscv64_row_count() * sizeof *r->seen);
    r->before = r->retired;
    r->batch++;
    return true;
}

// One batch more than there are rows: the first one is not counted exactly.
static bool run_rows(const struct vm_engine_ops *engine, uint64_t *coverage)
{
    struct program_options po = {
        .group = "rows", .seed = 1, .batches = program_row_count() + 1, .length = LENGTH};
    struct program p;
    if (!program_make(&po, &p))
        return false;
    struct rows_run r = {.program = &p,
                         .coverage = coverage,
                         .seen = calloc(vm_riscv64_row_count(), sizeof *r.seen),
                         .good = true};
    struct trine_options o = {.engine = engine, .coverage = coverage, .retired = &r.retired};
    if (!r.seen)
        abort();
    const char *problem = trine_run(&p, &o, check_row, &r);
    if (problem)
        printf("%s: %s\n", program_row(r.batch)->name, problem);
    bool complete = !problem && r.batch == p.batches;
    free(r.seen);
    program_free(&p);
    return complete && r.good;
}

static bool run_engine(const struct vm_engine_ops *engine)
{
    size_t rows = vm_riscv64_row_count();
    uint64_t *coverage = calloc(rows, sizeof *coverage);
    struct trine_options o = {.engine = engine, .coverage = coverage};
    unsigned executed = 0;
    if (!coverage)
        abort();
    bool good = run_rows(engine, coverage);
    for (size_t i = 0; i < sizeof system_cases / sizeof *system_cases; i++)
        good &= run_system_case(&system_cases[i], &o);
    for (size_t i = 0; i < rows; i++) {
        executed += coverage[i] != 0;
        if (!coverage[i])
            printf("%s: %s was not executed\n", engine->name, vm_riscv64_row_name(i));
    }
    printf("%s: %u of %zu instructions executed\n", engine->name, executed, rows);
    free(coverage);
    return good && executed == rows;
}

int main(int argc, char **argv)
{
    bool good = true, any = false;
    if (vm_riscv64_row_count() != pattern_count) {
        printf("%u patterns, %zu rows\n", pattern_count, vm_riscv64_row_count());
        return 1;
    }
    for (size_t i = 0; tested_engines[i]; i++) {
        if (argc > 1 && strcmp(argv[1], tested_engines[i]->name) != 0)
            continue;
        good &= run_engine(tested_engines[i]);
        any = true;
    }
    return good && any ? 0 : 1;
}
