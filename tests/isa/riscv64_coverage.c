// SPDX-License-Identifier: MIT
//
// Every row of the RISC-V tables is executed, on every engine; the coverage counters of the
// frontend prove it. Random programs execute what user programs can do (their results are compared
// with other implementations in tests/differential); the system instructions are executed one by
// one in M-mode, with what each must do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/engine-interpreter/interpreter.h>
#include <vm/frontend-riscv64/frontend.h>

#include "riscv_pattern.h"
#include "riscv_trine.h"

static const struct vm_engine_ops *const engines[] = {&vm_interpreter_ops};

enum { PC = PROGRAM_BASE, NEXT = PROGRAM_BASE + 4, U = 0, M = 3, BREAKPOINT = 3, ECALL_M = 11 };

struct system_case {
    const char *name;
    uint32_t word;
    struct trine_outcome expected;
};

static const struct system_case system_cases[] = {
    {"ecall", 0x00000073, {.pc = TRINE_TRAP, .privilege = M, .mcause = ECALL_M}},
    {"ebreak", 0x00100073, {.pc = TRINE_TRAP, .privilege = M, .mcause = BREAKPOINT, .mtval = PC}},
    {"c.ebreak", 0x9002, {.pc = TRINE_TRAP, .privilege = M, .mcause = BREAKPOINT, .mtval = PC}},
    {"mret", 0x30200073, {.pc = TRINE_RETURN, .privilege = U}},
    {"sret", 0x10200073, {.pc = TRINE_RETURN, .privilege = U}},
    {"wfi", 0x10500073, {.pc = NEXT, .privilege = M, .waits = true}},
    {"sfence.vma", 0x12000073, {.pc = NEXT, .privilege = M}},
    {"sinval.vma", 0x16000073, {.pc = NEXT, .privilege = M}},
    {"sfence.w.inval", 0x18000073, {.pc = NEXT, .privilege = M}},
    {"sfence.inval.ir", 0x18100073, {.pc = NEXT, .privilege = M}},
};

static bool run_system_case(const struct system_case *c, const struct trine_options *o)
{
    struct trine_outcome got;
    const struct trine_outcome *want = &c->expected;
    const char *problem = trine_execute(c->word, o, &got);
    if (problem) {
        printf("%s: %s\n", c->name, problem);
        return false;
    }
    if (got.pc == want->pc && got.privilege == want->privilege && got.mcause == want->mcause &&
        got.mtval == want->mtval && got.waits == want->waits)
        return true;
    printf("%s: pc %#lx privilege %lu mcause %lu mtval %#lx waits %d\n", c->name, got.pc,
           got.privilege, got.mcause, got.mtval, got.waits);
    return false;
}

static bool count_batch(void *context, const struct dump *d)
{
    unsigned *batches = context;
    (void)d;
    ++*batches;
    return true;
}

static bool run_group(const char *group, const struct trine_options *o)
{
    struct program_options po = {.group = group, .seed = 1, .batches = 40, .length = 50};
    struct program p;
    unsigned batches = 0;
    if (!program_make(&po, &p))
        return true; // nothing but system instructions
    const char *problem = trine_run(&p, o, count_batch, &batches);
    if (problem)
        printf("%s: %s\n", group, problem);
    bool complete = !problem && batches == p.batches;
    program_free(&p);
    return complete;
}

static bool is_first_of_group(unsigned row)
{
    for (unsigned i = 0; i < row; i++)
        if (strcmp(patterns[i].group, patterns[row].group) == 0)
            return false;
    return true;
}

static bool run_engine(const struct vm_engine_ops *engine)
{
    size_t rows = vm_riscv64_row_count();
    uint64_t *coverage = calloc(rows, sizeof *coverage);
    struct trine_options o = {.engine = engine, .coverage = coverage};
    unsigned executed = 0;
    bool good = coverage && rows == pattern_count;
    if (!good) {
        printf("%u patterns, %zu rows\n", pattern_count, rows);
        return false;
    }
    for (unsigned i = 0; i < pattern_count; i++)
        if (is_first_of_group(i))
            good &= run_group(patterns[i].group, &o);
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

int main(void)
{
    bool good = true;
    for (size_t i = 0; i < sizeof engines / sizeof *engines; i++)
        good &= run_engine(engines[i]);
    return good ? 0 : 1;
}
