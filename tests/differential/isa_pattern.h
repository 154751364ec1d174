// SPDX-License-Identifier: MIT
//
// The instructions of the .isa tables as patterns, in the order of the tables' rows
// (isa_patterns.py writes the array): tests make words from them.
#ifndef ISA_PATTERN_H
#define ISA_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The registers of RISC-V and of A64, by their names in the tables.
enum {
    PATTERN_RD,
    PATTERN_RS1,
    PATTERN_RS2,
    PATTERN_RS3,
    PATTERN_RN = PATTERN_RS1,
    PATTERN_RM,
    PATTERN_RA,
    PATTERN_RS,
    PATTERN_REGISTERS,
};

// A register operand: number = (word >> shift & (2^bits - 1)) + add.
struct pattern_register {
    char file; // 'x', 'f' (both 'x' of A64), or 0 where there is none
    uint8_t shift, bits, add;
};

struct pattern {
    const char *name;
    const char *group; // the extension, as in --cpu, or the table
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
