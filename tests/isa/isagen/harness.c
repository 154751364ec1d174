// SPDX-License-Identifier: MIT
//
// Runs a decoder that isagen made, for isagen_test.py: DECODE is its name, SEMANTICS a list of
// SEMANTIC(name). Standard input has lines "extensions word", hexadecimal; each gives a line
// "name a b n text", or "-".
#include "isa.h"

#include <stdio.h>
#include <string.h>

struct tt_printer {
    char text[256];
};

void tt_write_text(struct tt_printer *p, const char *text)
{
    strncat(p->text, text, sizeof p->text - strlen(p->text) - 1);
}

void tt_print_num(struct tt_printer *p, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    tt_write_text(p, text);
}

#define SEMANTIC(name)                                                  \
    void tt_sem_##name(struct tt_translate *t, const struct tt_args *a) \
    {                                                                   \
        (void)t;                                                        \
        (void)a;                                                        \
    }
SEMANTICS

int main(void)
{
    unsigned long long extensions, word;
    while (scanf("%llx %llx", &extensions, &word) == 2) {
        struct tt_args a;
        const struct tt_row *row = DECODE(extensions, word, &a);
        struct tt_printer p = {""};
        if (row)
            tt_write_insn(&p, row, &a);
        if (row)
            printf("%s %d %d %lld %s\n", row->name, a.a, a.b, (long long)a.n, p.text);
        else
            printf("-\n");
    }
    return 0;
}
