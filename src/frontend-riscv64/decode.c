// SPDX-License-Identifier: MIT
//
// The way into the decoders that tools/isagen makes, and the table of instructions as others see
// it. The data is constant: any thread may call, but coverage is set before vCPUs run.
#include "isa.h"

// The two low bits tell the length (volume I, "Expanded Instruction-Length Encoding"). Encodings
// for more than 32 bits are in no table.
const struct rv_row *rv_decode(const struct rv_config *c, uint32_t word, struct rv_args *a)
{
    if ((word & 3) == 3)
        return rv_decode_word(c->extensions, word, a);
    return rv_decode_half(c->extensions, word & 0xffff, a);
}

size_t vm_riscv64_row_count(void)
{
    return RV_ROW_COUNT;
}

const char *vm_riscv64_row_name(size_t row)
{
    return row < RV_ROW_COUNT ? rv_rows[row].name : NULL;
}

void vm_riscv64_set_coverage(void *config, uint64_t *counters)
{
    struct rv_config *c = config;
    c->coverage = counters;
}
