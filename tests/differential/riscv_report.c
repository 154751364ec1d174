// SPDX-License-Identifier: MIT
#include "riscv_report.h"

#include <stdio.h>
#include <string.h>

#include "riscv_trine.h"

struct report {
    const struct dump *start, *trine, *oracle;
    const char *oracle_name;
};

static void print_register(const struct report *r, char file, unsigned n, uint64_t start,
                           uint64_t trine, uint64_t oracle)
{
    if (trine != oracle)
        printf("  %c%-2u  trine %016lx  %s %016lx  (began as %016lx)\n", file, n, trine,
               r->oracle_name, oracle, start);
}

static void print_difference(const struct report *r)
{
    if (r->trine->code != r->oracle->code)
        printf("  a batch was left out or repeated: trine %#lx, %s %#lx\n", r->trine->code,
               r->oracle_name, r->oracle->code);
    for (unsigned i = 0; i < 30; i++)
        print_register(r, 'x', i + 1, r->start->x[i], r->trine->x[i], r->oracle->x[i]);
    for (unsigned i = 0; i < 32; i++)
        print_register(r, 'f', i, r->start->f[i], r->trine->f[i], r->oracle->f[i]);
    if (r->trine->fcsr != r->oracle->fcsr)
        printf("  fcsr trine %02lx  %s %02lx  (began as %02lx)\n", r->trine->fcsr, r->oracle_name,
               r->oracle->fcsr, r->start->fcsr);
    for (unsigned i = 0; i < PROGRAM_WINDOW; i++)
        if (r->trine->window[i] != r->oracle->window[i])
            printf("  x31%+d  trine %02x  %s %02x  (began as %02x)\n", (int)i - PROGRAM_WINDOW / 2,
                   r->trine->window[i], r->oracle_name, r->oracle->window[i], r->start->window[i]);
}

static void print_start(const struct dump *start)
{
    printf("  it began from fcsr %02lx and", start->fcsr);
    for (unsigned i = 0; i < 30; i++)
        printf("%s x%-2u %016lx", i % 4 ? "" : "\n   ", i + 1, start->x[i]);
    for (unsigned i = 0; i < 32; i++)
        printf("%s f%-2u %016lx", i % 4 ? "" : "\n   ", i, start->f[i]);
    printf("\n");
}

static void print_code(const struct program *p, const struct program_code *code)
{
    const uint8_t *bytes = p->image + (code->address - PROGRAM_BASE);
    for (uint32_t at = 0; at < code->bytes;) {
        char text[100];
        uint32_t word = 0;
        unsigned length = trine_disassemble(code->address + at, bytes + at, text, sizeof text);
        memcpy(&word, bytes + at, length == 2 ? 2 : 4);
        printf("  %lx  %0*x  %s\n", code->address + at, (int)length * 2, word, text);
        at += length;
    }
}

bool report_compare(const struct program_options *o, const struct program *p, unsigned batch,
                    const struct dump *trine, const char *oracle_name, const struct dump *oracle)
{
    struct report r = {&p->starts[batch], trine, oracle, oracle_name};
    if (memcmp(trine, oracle, sizeof *trine) == 0)
        return true;
    printf("difference in batch %u: --group %s --seed %lu --batches %u --length %u\n", batch,
           o->group, o->seed, o->batches, o->length);
    print_difference(&r);
    print_start(r.start);
    print_code(p, &p->codes[batch]);
    return false;
}
