// SPDX-License-Identifier: MIT
//
// The rows of the A64 tables as arm64_row_patterns.py writes them, by index.
#ifndef ARM64_ROW_PATTERNS_H
#define ARM64_ROW_PATTERNS_H

#include "frontend.h" // private: src/frontend-arm64

struct a64_row_pattern {
    uint32_t mask, value;         // the fixed bits
    int general;                  // index of the row that this one is a special case of, or -1
    bool (*holds)(uint32_t word); // NULL: no constraint
    bool (*has)(uint64_t extensions);
    const char *class;
};

extern const struct a64_row_pattern a64_row_patterns[];

#endif
