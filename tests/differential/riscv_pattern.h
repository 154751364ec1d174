// SPDX-License-Identifier: MIT
//
// The instructions of the .isa tables as patterns, in the order of the tables' rows
// (riscv_patterns.py writes the array): tests make words from them.
#ifndef RISCV_PATTERN_H
#define RISCV_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A register operand: number = (word >> shift & (2^bits - 1)) + add.
struct pattern_register {
    char file; // 'x', 'f', or 0 where there is none
    uint8_t shift, bits, add;
};

enum { PATTERN_RD, PATTERN_RS1, PATTERN_RS2, PATTERN_RS3, PATTERN_REGISTERS };

struct pattern {
    const char *name;
    const char *group; // the extension, as in --cpu
    const char *class; // the row's class: "integer", "load" ...
    uint8_t bytes;
    uint32_t mask, value; // the fixed bits
    struct pattern_register registers[PATTERN_REGISTERS];
    int64_t (*imm)(uint32_t word); // NULL: no immediate
    bool (*holds)(uint32_t word);  // NULL: no constraint
};

extern const struct pattern patterns[];
extern const unsigned pattern_count;

static inline unsigned pattern_register_of(const struct pattern *p, unsigned which, uint32_t word)
{
    const struct pattern_register *r = &p->registers[which];
    return (word >> r->shift & ((1u << r->bits) - 1)) + r->add;
}

// The word with its register operand `which` set; the operand must not be a constant one.
static inline uint32_t pattern_with_register(const struct pattern *p, unsigned which, uint32_t word,
                                             unsigned number)
{
    const struct pattern_register *r = &p->registers[which];
    uint32_t field = ((1u << r->bits) - 1) << r->shift;
    return (word & ~field) | ((number - r->add) << r->shift & field);
}

#endif
