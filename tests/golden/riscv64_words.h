// SPDX-License-Identifier: MIT
//
// The encodings whose host code is compared with golden files: one of each row of the tables, and
// uses that are made often and cost something else.
#ifndef RISCV64_WORDS_H
#define RISCV64_WORDS_H

#include "isa_pattern.h"

struct idiom {
    const char *name, *group;
    uint32_t word;
    unsigned privilege;
};

extern const struct idiom idioms[];
extern const unsigned idiom_count;

// A row's encoding: rd a0, rs1 a1, rs2 a2, rs3 a3, and fa0 to fa3 likewise; the dynamic rounding
// mode, or that towards zero where compilers want it; no ordering beyond what the row has.
uint32_t words_encode(const struct pattern *p);
// The privilege at which it is used: 0, 1 or 3.
unsigned words_privilege(const struct pattern *p);

#endif
