// SPDX-License-Identifier: MIT
//
// The two halves of a comparison with qemu-user, which riscv_qemu_user.py puts together:
//
//     riscv-qemu-check make GROUP SEED BATCHES LENGTH PROGRAM
//     riscv-qemu-check compare GROUP SEED BATCHES LENGTH DUMPS [machine-mode]
//     riscv-qemu-check groups
//
// GROUP "rows": every instruction that is in a group, in turn; BATCHES 0 stands for a batch of
// each. Then all that differ are named, otherwise the first difference ends the comparison.
//
// The first writes the random program (riscv_program.h) as an ELF file, the second runs the same
// program on each of Trine's engines and compares with what the program wrote under the oracle.
// Both print the number of random instructions.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isa_pattern.h"
#include "riscv_report.h"
#include "riscv_trine.h"
#include "tested_engines.h"

struct comparison {
    const struct program_options *options;
    const struct program *program;
    FILE *oracle;
    unsigned batch;
    bool same;
};

static bool is_rows(const struct program_options *o)
{
    return strcmp(o->group, "rows") == 0;
}

static bool compare_dump(void *context, const struct dump *trine)
{
    struct comparison *c = context;
    struct dump oracle;
    if (c->batch == c->program->batches || fread(&oracle, sizeof oracle, 1, c->oracle) != 1) {
        printf("the oracle wrote %u dumps, trine more\n", c->batch);
        c->same = false;
        return false;
    }
    bool same = report_compare(c->options, c->program, c->batch, trine, "qemu", &oracle);
    if (!same && is_rows(c->options))
        printf("the instruction %s differs\n", program_row(c->batch)->name);
    c->same &= same;
    c->batch++;
    return c->same || is_rows(c->options);
}

static int compare(const struct program_options *o, const struct program *p, const char *path,
                   const struct vm_engine_ops *engine, bool machine_mode)
{
    struct comparison c = {.options = o, .program = p, .oracle = fopen(path, "rb"), .same = true};
    struct trine_options t = {.engine = engine, .machine_mode = machine_mode};
    if (!c.oracle) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 2;
    }
    const char *problem = trine_run(p, &t, compare_dump, &c);
    if (problem)
        printf("trine, %s, batch %u: %s: --group %s --seed %lu --batches %u --length %u\n",
               engine->name, c.batch, problem, o->group, o->seed, o->batches, o->length);
    else if (c.same && c.batch != p->batches)
        printf("trine wrote %u dumps of %u\n", c.batch, p->batches);
    fclose(c.oracle);
    return !problem && c.same && c.batch == p->batches ? 0 : 1;
}

static int usage(void)
{
    fprintf(stderr, "usage: riscv-qemu-check make GROUP SEED BATCHES LENGTH PROGRAM\n"
                    "       riscv-qemu-check compare GROUP SEED BATCHES LENGTH DUMPS "
                    "[machine-mode]\n"
                    "       riscv-qemu-check groups\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "groups") == 0) {
        for (const char *const *g = program_groups(); *g; g++)
            puts(*g);
        return 0;
    }
    if (argc < 7)
        return usage();
    struct program_options o = {.group = argv[2],
                                .seed = strtoull(argv[3], NULL, 0),
                                .batches = (unsigned)strtoul(argv[4], NULL, 0),
                                .length = (unsigned)strtoul(argv[5], NULL, 0)};
    struct program p;
    if (strcmp(o.group, "rows") == 0 && o.batches == 0)
        o.batches = program_row_count();
    if (!o.batches || !o.length || !program_make(&o, &p))
        return usage();
    int status = 0;
    if (strcmp(argv[1], "make") == 0) {
        if (!program_write_elf(&p, argv[6])) {
            fprintf(stderr, "%s: %s\n", argv[6], strerror(errno));
            status = 2;
        }
    } else {
        bool machine_mode = argc > 7 && strcmp(argv[7], "machine-mode") == 0;
        for (size_t i = 0; status == 0 && tested_engines[i]; i++)
            status = compare(&o, &p, argv[6], tested_engines[i], machine_mode);
    }
    printf("%lu\n", p.instructions);
    program_free(&p);
    return status;
}
