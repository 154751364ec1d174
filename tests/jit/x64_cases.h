// SPDX-License-Identifier: MIT
//
// Cases for the x86-64 encoder: an encoding beside the text of what it should be. Each is one slot
// of 16 bytes, filled up with CC, and one line for an assembler. The macros here run a call of the
// encoder over registers, memory operands and immediates; the files of cases name the calls.
#ifndef VM_TESTS_JIT_X64_CASES_H
#define VM_TESTS_JIT_X64_CASES_H

#include <stdio.h>

#include "x64.h"

enum { CASE_SLOT = 16, CASE_MEMORY_MAX = 1024 };

struct cases {
    FILE *bytes, *text;
    struct x64_code code;                           // what the call under test writes to
    uint8_t slot[CASE_SLOT + X64_SLACK], small[16]; // room for one; too little
    struct x64_mem memory[CASE_MEMORY_MAX];         // the operands to try
    unsigned memory_count, next;                    // `next` counts through what does not multiply
    unsigned long count, faults;
};

// An operand of the text.
struct case_operand {
    unsigned reg;
    struct x64_mem mem;
    int64_t imm;
};

// Begins a case in a slot, or in room that is a byte too small for any instruction.
void cases_start(struct cases *c, bool small);

// Ends a case: checks that the encoder kept within its slot, and writes bytes and text. In `spec`,
// % and a letter stand for the next operand: %b %h %d %q a general register of 8 to 64 bits, %w one
// of `width`, %x an xmm register, %y a ymm one, %v by `length`, %i an immediate of `width`, %c an
// immediate byte, %m memory. %M and one of these letters is memory with its size named.
void cases_end(struct cases *c, const char *spec, unsigned width, unsigned length,
               const struct case_operand *operands);

// Whether the call left an encoder without room as it was, but for `overflow`.
void cases_check_small(struct cases *c, const char *spec);

int32_t cases_imm32(unsigned i);
uint8_t cases_imm8(unsigned i);

void cases_integer(struct cases *c);
void cases_move(struct cases *c);
void cases_sse(struct cases *c);
void cases_vex(struct cases *c);

// --- one case: `call` uses CODE and the variables of the loop around it ---

#define CODE (&c->code)
#define ONE(spec, call, ...)                                                      \
    for (unsigned pass = 0; pass < 2; pass++) {                                   \
        cases_start(c, pass == 0);                                                \
        call;                                                                     \
        if (pass == 0)                                                            \
            cases_check_small(c, spec);                                           \
        else                                                                      \
            cases_end(c, spec, w, l, (const struct case_operand[]){__VA_ARGS__}); \
    }
#define A        \
    {            \
        .reg = a \
    }
#define B        \
    {            \
        .reg = b \
    }
#define D        \
    {            \
        .reg = d \
    }
#define M        \
    {            \
        .mem = m \
    }
#define I        \
    {            \
        .imm = i \
    }
#define NEXT() (c->next++)

// --- loops. w is the width from `lo` to `hi`, l the length likewise ---

#define WIDTHS(lo, hi)  for (unsigned w = (lo), l = 0; w <= (hi); w++)
#define LENGTHS(lo, hi) for (unsigned l = (lo), w = X64_32; l <= (hi); l++)
#define PLAIN           for (unsigned w = X64_32, l = 0; l < 1; l++)
#define EACH_A          for (unsigned a = 0; a < 16; a++)
#define EACH_AB         EACH_A for (unsigned b = 0; b < 16; b++)
#define EACH_ABD \
    EACH_AB for (unsigned k = 0, d = (a * 3 + b * 5) & 15; k < 2; k++, d = (d + 9) & 15)
#define EACH_M                                     \
    for (unsigned k = 0; k < c->memory_count; k++) \
        for (struct x64_mem m = c->memory[k], *once = &m; once; once = NULL)

// The usual shapes; `around` is one of WIDTHS, LENGTHS and PLAIN.
#define R(around, spec, call)   around EACH_A ONE(spec, call, A)
#define RR(around, spec, call)  around EACH_AB ONE(spec, call, A, B)
#define MEM(around, spec, call) around EACH_M ONE(spec, call, M)
#define RM(around, spec, call)    \
    around EACH_M                 \
    {                             \
        unsigned a = NEXT() & 15; \
        ONE(spec, call, A, M);    \
    }
#define MR(around, spec, call)    \
    around EACH_M                 \
    {                             \
        unsigned a = NEXT() & 15; \
        ONE(spec, call, M, A);    \
    }
#define RI(around, spec, call)                      \
    around EACH_A for (unsigned k = 0; k < 16; k++) \
    {                                               \
        int32_t i = cases_imm32(k);                 \
        ONE(spec, call, A, I);                      \
    }
#define MI(around, spec, call)           \
    around EACH_M                        \
    {                                    \
        int32_t i = cases_imm32(NEXT()); \
        ONE(spec, call, M, I);           \
    }
#define RRI(around, spec, call)          \
    around EACH_AB                       \
    {                                    \
        int32_t i = cases_imm32(NEXT()); \
        ONE(spec, call, A, B, I);        \
    }
#define RMI(around, spec, call)               \
    around EACH_M                             \
    {                                         \
        unsigned a = NEXT() & 15;             \
        int32_t i = cases_imm32(NEXT() >> 1); \
        ONE(spec, call, A, M, I);             \
    }
// With an immediate byte.
#define RC(around, spec, call)                      \
    around EACH_A for (unsigned k = 0; k < 16; k++) \
    {                                               \
        uint8_t i = cases_imm8(k);                  \
        ONE(spec, call, A, I);                      \
    }
#define MC(around, spec, call)          \
    around EACH_M                       \
    {                                   \
        uint8_t i = cases_imm8(NEXT()); \
        ONE(spec, call, M, I);          \
    }
#define RRC(around, spec, call)         \
    around EACH_AB                      \
    {                                   \
        uint8_t i = cases_imm8(NEXT()); \
        ONE(spec, call, A, B, I);       \
    }
#define RMC(around, spec, call)              \
    around EACH_M                            \
    {                                        \
        unsigned a = NEXT() & 15;            \
        uint8_t i = cases_imm8(NEXT() >> 1); \
        ONE(spec, call, A, M, I);            \
    }
#define MRC(around, spec, call)              \
    around EACH_M                            \
    {                                        \
        unsigned a = NEXT() & 15;            \
        uint8_t i = cases_imm8(NEXT() >> 1); \
        ONE(spec, call, M, A, I);            \
    }
// Three registers, the third taking two values for each pair.
#define RRR(around, spec, call) around EACH_ABD ONE(spec, call, A, B, D)
#define RRRC(around, spec, call)        \
    around EACH_ABD                     \
    {                                   \
        uint8_t i = cases_imm8(NEXT()); \
        ONE(spec, call, A, B, D, I);    \
    }
// Two registers and memory, in the order of the letters.
#define RRM_ORDER(around, spec, call, ...)                    \
    around EACH_M                                             \
    {                                                         \
        unsigned a = NEXT() & 15, b = (NEXT() >> 1) * 7 & 15; \
        ONE(spec, call, __VA_ARGS__);                         \
    }
#define RRM(around, spec, call) RRM_ORDER(around, spec, call, A, B, M)
#define RMR(around, spec, call) RRM_ORDER(around, spec, call, A, M, B)
#define MRR(around, spec, call) RRM_ORDER(around, spec, call, M, A, B)
#define RRMC(around, spec, call)                              \
    around EACH_M                                             \
    {                                                         \
        unsigned a = NEXT() & 15, b = (NEXT() >> 1) * 7 & 15; \
        uint8_t i = cases_imm8(NEXT() >> 2);                  \
        ONE(spec, call, A, B, M, I);                          \
    }

#endif
