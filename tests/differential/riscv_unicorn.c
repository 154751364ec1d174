// SPDX-License-Identifier: MIT
//
// Random RISC-V programs (riscv_program.h) under libunicorn and under Trine: both must leave the
// same registers, flags and memory behind every batch.
//
//     riscv-unicorn [--group NAME] [--seed N] [--count INSTRUCTIONS] [--batches N] [--length N]
//                   [--machine-mode]
//
// The defaults of seed and count are TRINE_SEED and TRINE_COUNT of the environment, else 1 and
// 20000.
//
// Unicorn 2.0 knows IMAFDC as QEMU 5 did. Where it differs from the manual it is not compared; the
// newest qemu-user (riscv_qemu_user.py) has none of these differences:
//
//   - operands are not checked for NaN-boxing: programs give each instruction one of its format
//   - results of single precision are not boxed: the upper half is not compared
//   - FMIN, FMAX follow IEEE 754-2008 for signalling NaNs: left out
//   - a fused infinity times zero plus a quiet NaN does not set NV: fused operations left out
//   - AMOMIN.W and its like compare the upper half of rs2 as well: left out
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#include "riscv_report.h"
#include "riscv_trine.h"
#include "tested_engines.h"

static const char *const groups[] = {"i", "m", "a", "f", "d", "c", "zicsr"};
static const char *const without[] = {"fmin.s",    "fmax.s",   "fmin.d",   "fmax.d",   "fmadd.s",
                                      "fmsub.s",   "fnmadd.s", "fnmsub.s", "fmadd.d",  "fmsub.d",
                                      "fnmadd.d",  "fnmsub.d", "amomin.w", "amomax.w", "amominu.w",
                                      "amomaxu.w", NULL};

struct options {
    const char *group; // NULL: all
    uint64_t seed, count;
    unsigned batches, length;
    bool machine_mode;
};

struct comparison {
    const struct program_options *program_options;
    const struct program *program;
    struct dump *trine; // one per batch
    unsigned trine_count, oracle_count;
    bool same;
    char failure[200];
};

static bool keep(void *context, const struct dump *d)
{
    struct comparison *c = context;
    if (c->trine_count < c->program->batches)
        c->trine[c->trine_count] = *d;
    c->trine_count++;
    return true;
}

static void box_results(struct dump *oracle, const struct dump *trine)
{
    const uint64_t box = UINT64_MAX << 32;
    for (unsigned i = 0; i < 32; i++)
        if ((trine->f[i] & box) == box && (oracle->f[i] | box) == trine->f[i])
            oracle->f[i] = trine->f[i];
}

// --- Unicorn ---

enum { WRITE = 64, CAUSE_ECALL_U = 8, CAUSE_ECALL_M = 11 };

static void take_trap(uc_engine *uc, uint32_t cause, void *context)
{
    struct comparison *c = context;
    uint64_t number = 0, from = 0, pc = 0;
    struct dump d;
    uc_reg_read(uc, UC_RISCV_REG_A7, &number);
    uc_reg_read(uc, UC_RISCV_REG_A1, &from);
    uc_reg_read(uc, UC_RISCV_REG_PC, &pc);
    if (cause != CAUSE_ECALL_U && cause != CAUSE_ECALL_M) {
        snprintf(c->failure, sizeof c->failure, "unicorn: trap %u at %#lx", cause, pc);
        uc_emu_stop(uc);
        return;
    }
    if (number != WRITE || c->oracle_count == c->trine_count) {
        uc_emu_stop(uc);
        return;
    }
    uc_mem_read(uc, from, &d, sizeof d);
    unsigned batch = c->oracle_count++;
    box_results(&d, &c->trine[batch]);
    c->same =
        report_compare(c->program_options, c->program, batch, &c->trine[batch], "unicorn", &d);
    if (!c->same)
        uc_emu_stop(uc);
}

static void run_unicorn(struct comparison *c)
{
    const struct program *p = c->program;
    enum { FS_DIRTY = 3 << 13 };
    uint64_t size = (p->size + 4095) & ~(uint64_t)4095, mstatus = FS_DIRTY;
    uc_engine *uc;
    uc_hook hook;
    uc_err err = uc_open(UC_ARCH_RISCV, UC_MODE_RISCV64, &uc);
    if (err != UC_ERR_OK) {
        snprintf(c->failure, sizeof c->failure, "uc_open: %s", uc_strerror(err));
        return;
    }
    uc_mem_map(uc, PROGRAM_BASE, size, UC_PROT_ALL);
    uc_mem_write(uc, PROGRAM_BASE, p->image, p->size);
    uc_reg_write(uc, UC_RISCV_REG_MSTATUS, &mstatus);
    uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)take_trap, c, 1, 0);
    err = uc_emu_start(uc, PROGRAM_BASE, 0, 0, 0);
    if (err != UC_ERR_OK && !c->failure[0])
        snprintf(c->failure, sizeof c->failure, "unicorn: %s", uc_strerror(err));
    uc_close(uc);
}

// --- One program, one group, all ---

static bool compare(const struct program_options *o, const struct program *p,
                    const struct vm_engine_ops *engine, bool machine_mode)
{
    struct comparison c = {.program_options = o, .program = p, .same = true};
    struct trine_options t = {.engine = engine, .machine_mode = machine_mode};
    c.trine = calloc(p->batches, sizeof *c.trine);
    if (!c.trine)
        abort();
    const char *problem = trine_run(p, &t, keep, &c);
    if (problem)
        snprintf(c.failure, sizeof c.failure, "trine, %s: %.150s", engine->name, problem);
    else
        run_unicorn(&c);
    free(c.trine);
    if (c.same && !c.failure[0] && (c.trine_count != p->batches || c.oracle_count != p->batches))
        snprintf(c.failure, sizeof c.failure, "%u batches, trine wrote %u, unicorn %u", p->batches,
                 c.trine_count, c.oracle_count);
    if (c.failure[0])
        printf("%s: --group %s --seed %lu --batches %u --length %u\n", c.failure, o->group, o->seed,
               o->batches, o->length);
    return c.same && !c.failure[0];
}

static bool compare_group(const struct options *o, const char *group)
{
    uint64_t done = 0;
    for (uint64_t n = 0; done < o->count; n++) {
        struct program_options po = {.group = group,
                                     .seed = o->seed + n,
                                     .batches = o->batches,
                                     .length = o->length,
                                     .boxed = true,
                                     .without = without};
        struct program p;
        if (!program_make(&po, &p)) {
            fprintf(stderr, "no group '%s'\n", group);
            return false;
        }
        bool same = true;
        for (size_t i = 0; same && tested_engines[i]; i++)
            same = compare(&po, &p, tested_engines[i], o->machine_mode);
        done += p.instructions;
        program_free(&p);
        if (!same)
            return false;
    }
    printf("%s: %lu instructions, no difference\n", group, done);
    return true;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(name, "--machine-mode") == 0) {
            o->machine_mode = true;
            continue;
        }
        if (!value)
            return false;
        i++;
        if (strcmp(name, "--group") == 0)
            o->group = value;
        else if (strcmp(name, "--seed") == 0)
            o->seed = strtoull(value, NULL, 0);
        else if (strcmp(name, "--count") == 0)
            o->count = strtoull(value, NULL, 0);
        else if (strcmp(name, "--batches") == 0)
            o->batches = (unsigned)strtoul(value, NULL, 0);
        else if (strcmp(name, "--length") == 0)
            o->length = (unsigned)strtoul(value, NULL, 0);
        else
            return false;
    }
    return o->batches && o->length;
}

int main(int argc, char **argv)
{
    struct options o = {.seed = from_environment("TRINE_SEED", 1),
                        .count = from_environment("TRINE_COUNT", 20000),
                        .batches = 500,
                        .length = 20};
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "usage: riscv-unicorn [--group NAME] [--seed N] [--count N] [--batches N] "
                        "[--length N] [--machine-mode]\n");
        return 2;
    }
    bool same = true;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (!o.group || strcmp(o.group, groups[i]) == 0)
            same &= compare_group(&o, groups[i]);
    return same ? 0 : 1;
}
