// SPDX-License-Identifier: MIT
//
// The way into the decoder that tools/isagen makes, and the table of instructions as others see it.
// The data is constant: any thread may call, but coverage is set before vCPUs run.
#include "isa.h"

// The manual's DecodeBitMasks: N:immr:imms is an element of 2 to 64 bits with imms + 1 ones,
// rotated right by immr and repeated. N:NOT(imms) tells the size; false for what is reserved: all
// ones, and elements of 64 bits in W registers.
static bool decode_bitmask(struct a64_args *a)
{
    unsigned n = a->imm >> 12 & 1, r = a->imm >> 6 & 63, s = a->imm & 63;
    unsigned sizes = n << 6 | (~s & 63);
    if (sizes < 2 || (n && !a->sf))
        return false;
    unsigned size = 1u << (31 - vm_clz32(sizes));
    s &= size - 1;
    r &= size - 1;
    if (s == size - 1)
        return false;
    uint64_t element = vm_mask(s + 1);
    if (r)
        element = (element >> r | element << (size - r)) & vm_mask(size);
    for (; size < 64; size *= 2)
        element |= element << size;
    a->imm = (int64_t)element;
    return true;
}

// Of memory copies and sets: no register twice, and no 31 but for the value of a set.
static bool are_distinct(const struct a64_args *a, uint32_t word)
{
    enum { OP1 = 22, SET = 3 };
    bool copies = (word >> OP1 & 3) != SET;
    return a->rd != a->rs && a->rd != a->rn && a->rs != a->rn && a->rd != 31 && a->rn != 31 &&
           !(copies && a->rs == 31);
}

const struct a64_row *a64_decode(const struct a64_config *c, uint32_t word, struct a64_args *a)
{
    const struct a64_row *row = a64_decode_word(c->extensions, word, a);
    if (row && row->class == A64_CLASS_BITMASK && !decode_bitmask(a))
        return NULL;
    if (row && row->class == A64_CLASS_MOPS && !are_distinct(a, word))
        return NULL;
    return row;
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
