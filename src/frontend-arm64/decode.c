// SPDX-License-Identifier: MIT
//
// The way into the decoder that tools/isagen makes, and the table of instructions as others see it.
// The data is constant: any thread may call, but coverage is set before vCPUs run.
#include "isa.h"

const struct a64_row *a64_decode(const struct a64_config *c, uint32_t word, struct a64_args *a)
{
    return a64_decode_word(c->extensions, word, a);
}

size_t vm_arm64_row_count(void)
{
    return A64_ROW_COUNT;
}

const char *vm_arm64_row_name(size_t row)
{
    return row < A64_ROW_COUNT ? a64_rows[row].name : NULL;
}

void vm_arm64_set_coverage(void *config, uint64_t *counters)
{
    struct a64_config *c = config;
    c->coverage = counters;
}
