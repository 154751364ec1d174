// SPDX-License-Identifier: MIT
#include "hostile_code.h"

#include "isa_pattern.h"

void emit_li(struct code *c, unsigned rd, uint64_t value)
{
    int64_t low = (int64_t)(value << 52) >> 52;
    if ((int64_t)value == low) {
        emit(c, rv_addi(rd, 0, (int)low));
        return;
    }
    if ((int64_t)value == (int32_t)value) {
        emit(c, rv_lui(rd, (uint32_t)value + 0x800));
        emit(c, rv_i(0x1b, 0, rd, rd, (int)low)); // addiw
        return;
    }
    uint64_t high = value - (uint64_t)low;
    unsigned shift = (unsigned)__builtin_ctzll(high);
    emit_li(c, rd, (uint64_t)((int64_t)high >> shift));
    emit(c, rv_i(RV_OP_IMM, 1, rd, rd, (int)shift));
    if (low)
        emit(c, rv_addi(rd, rd, (int)low));
}

size_t emit_forward(struct code *c, unsigned opcode, unsigned rs1, unsigned rs2)
{
    size_t at = c->used;
    emit(c, opcode ? opcode | rs1 << 15 | rs2 << 20 : 0x6f);
    return at;
}

void emit_target(struct code *c, size_t forward)
{
    uint32_t word, distance = (uint32_t)(c->used - forward);
    memcpy(&word, c->bytes + forward, 4);
    word |= (word & 0x7f) == 0x6f ? rv_j_imm(distance) : rv_b_imm(distance);
    memcpy(c->bytes + forward, &word, 4);
}

void emit_jump_to(struct code *c, uint64_t address)
{
    int64_t distance = (int64_t)(address - code_here(c));
    if (distance < -(1 << 20) || distance >= 1 << 20)
        abort(); // the layout of the test is wrong
    emit(c, 0x6f | rv_j_imm((uint32_t)distance));
}

void emit_pad_to(struct code *c, uint64_t address)
{
    if (code_here(c) > address)
        abort(); // the layout of the test is wrong
    while (code_here(c) < address)
        code_append(c, 0, 2);
}

unsigned random_csr(struct random *r)
{
    // First address and how many follow: everything that the privileged manual names.
    static const struct {
        uint16_t first, count;
    } banks[] = {{0x001, 3}, {0x015, 1},  {0x100, 1},  {0x104, 3},  {0x10a, 1}, {0x10c, 4},
                 {0x120, 1}, {0x140, 5},  {0x14d, 1},  {0x150, 8},  {0x180, 1}, {0x300, 7},
                 {0x30a, 6}, {0x320, 32}, {0x340, 5},  {0x34a, 2},  {0x3a0, 4}, {0x3b0, 16},
                 {0x308, 2}, {0x350, 2},  {0x35c, 1},  {0x15c, 1},  {0xdb0, 1}, {0xfb0, 1},
                 {0x747, 1}, {0x7a0, 16}, {0xb00, 32}, {0xc00, 32}, {0xda0, 1}, {0xf11, 5}};
    unsigned bank = random_below(r, sizeof banks / sizeof *banks + 1);
    if (bank == sizeof banks / sizeof *banks)
        return random_below(r, 4096);
    return banks[bank].first + random_below(r, banks[bank].count);
}

static bool is_wait(const struct pattern *p)
{
    return strcmp(p->name, "wfi") == 0 || strncmp(p->name, "wrs.", 4) == 0;
}

unsigned random_instruction(struct random *r, uint32_t *word)
{
    const struct pattern *p;
    do // a hart that waits does little harm
        p = &patterns[random_below(r, pattern_count)];
    while (is_wait(p) && random_below(r, 16));
    do
        *word = ((uint32_t)random_bits(r) & ~p->mask) | p->value;
    while (p->holds && !p->holds(p->bytes == 2 ? *word & 0xffff : *word));
    if (strcmp(p->class, "csr") == 0)
        *word = (*word & 0xfffff) | random_csr(r) << 20;
    return p->bytes;
}
