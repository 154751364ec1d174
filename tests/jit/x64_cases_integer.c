// SPDX-License-Identifier: MIT
//
// Cases for the rows of x64_integer.def.
#include "x64_cases.h"

#define ALL     WIDTHS(X64_8, X64_64)
#define FROM_16 WIDTHS(X64_16, X64_64)
#define FROM_32 WIDTHS(X64_32, X64_64)

static void two_operands(struct cases *c)
{
#define X64_ALU(name, digit)                                  \
    RR(ALL, #name " %w, %w", x64_##name##_rr(CODE, w, a, b)); \
    RM(ALL, #name " %w, %m", x64_##name##_rm(CODE, w, a, m)); \
    MR(ALL, #name " %m, %w", x64_##name##_mr(CODE, w, m, a)); \
    RI(ALL, #name " %w, %i", x64_##name##_ri(CODE, w, a, i)); \
    MI(ALL, #name " %Mw, %i", x64_##name##_mi(CODE, w, m, i));
#define X64_LOCK_ALU(name, digit)                                          \
    MR(ALL, "lock " #name " %m, %w", x64_lock_##name##_mr(CODE, w, m, a)); \
    MI(ALL, "lock " #name " %Mw, %i", x64_lock_##name##_mi(CODE, w, m, i));
#define X64_EXCHANGE(name, map, opcode)                       \
    RR(ALL, #name " %w, %w", x64_##name##_rr(CODE, w, a, b)); \
    MR(ALL, #name " %m, %w", x64_##name##_mr(CODE, w, m, a));
#define X64_LOCK_EXCHANGE(name, map, opcode) \
    MR(ALL, "lock " #name " %m, %w", x64_lock_##name##_mr(CODE, w, m, a));
#include "x64.def"
}

static void one_operand(struct cases *c)
{
#define X64_UNARY(name, opcode, digit)               \
    R(ALL, #name " %w", x64_##name##_r(CODE, w, a)); \
    MEM(ALL, #name " %Mw", x64_##name##_m(CODE, w, m));
#define X64_LOCK_UNARY(name, opcode, digit) \
    MEM(ALL, "lock " #name " %Mw", x64_lock_##name##_m(CODE, w, m));
#define X64_MEMORY(name, size, pp, map, opcode, wide, digit, need) \
    MEM(PLAIN, #name " %m", x64_##name##_m(CODE, m));
#define X64_LOCK_MEMORY(name, size, pp, map, opcode, wide, digit, need) \
    MEM(PLAIN, "lock " #name " %m", x64_lock_##name##_m(CODE, m));
#define X64_FIXED(name, text, length, bytes, need) PLAIN ONE(text, x64_##name(CODE), {0});
#include "x64.def"
}

static void shifts(struct cases *c)
{
#define X64_SHIFT(name, digit)                                 \
    RC(ALL, #name " %w, %c", x64_##name##_ri(CODE, w, a, i));  \
    MC(ALL, #name " %Mw, %c", x64_##name##_mi(CODE, w, m, i)); \
    R(ALL, #name " %w, cl", x64_##name##_r_cl(CODE, w, a));    \
    MEM(ALL, #name " %Mw, cl", x64_##name##_m_cl(CODE, w, m));
#define X64_SHIFT2(name, opcode)                                           \
    RRC(FROM_16, #name " %w, %w, %c", x64_##name##_rri(CODE, w, a, b, i)); \
    MRC(FROM_16, #name " %m, %w, %c", x64_##name##_mri(CODE, w, m, a, i)); \
    RR(FROM_16, #name " %w, %w, cl", x64_##name##_rr_cl(CODE, w, a, b));   \
    MR(FROM_16, #name " %m, %w, cl", x64_##name##_mr_cl(CODE, w, m, a));
#define X64_BIT(name, digit)                                      \
    RR(FROM_16, #name " %w, %w", x64_##name##_rr(CODE, w, a, b)); \
    MR(FROM_16, #name " %m, %w", x64_##name##_mr(CODE, w, m, a)); \
    RC(FROM_16, #name " %w, %c", x64_##name##_ri(CODE, w, a, i)); \
    MC(FROM_16, #name " %Mw, %c", x64_##name##_mi(CODE, w, m, i));
#define X64_LOCK_BIT(name, digit)                                              \
    MR(FROM_16, "lock " #name " %m, %w", x64_lock_##name##_mr(CODE, w, m, a)); \
    MC(FROM_16, "lock " #name " %Mw, %c", x64_lock_##name##_mi(CODE, w, m, i));
#include "x64.def"
}

static void loads(struct cases *c)
{
#define X64_LOAD(name, pp, map, opcode, need)                     \
    RR(FROM_16, #name " %w, %w", x64_##name##_rr(CODE, w, a, b)); \
    RM(FROM_16, #name " %w, %m", x64_##name##_rm(CODE, w, a, m));
// A register of the source's width or less is no extension.
#define REGISTER_8  "%b"
#define REGISTER_16 "%h"
#define REGISTER_32 "%d"
#define MEMORY_8    "%Mb"
#define MEMORY_16   "%Mh"
#define MEMORY_32   "%Md"
#define X64_EXTEND(name, mnemonic, map, opcode, source)                       \
    RR(WIDTHS(X64_##source + 1, X64_64), #mnemonic " %w, " REGISTER_##source, \
       x64_##name##_rr(CODE, w, a, b));                                       \
    RM(WIDTHS(X64_##source + 1, X64_64), #mnemonic " %w, " MEMORY_##source,   \
       x64_##name##_rm(CODE, w, a, m));
#define X64_BMI_RVM(name, pp, map, opcode, need)                           \
    RRR(FROM_32, #name " %w, %w, %w", x64_##name##_rrr(CODE, w, a, b, d)); \
    RRM(FROM_32, #name " %w, %w, %m", x64_##name##_rrm(CODE, w, a, b, m));
#define X64_BMI_RMV(name, pp, map, opcode, need)                           \
    RRR(FROM_32, #name " %w, %w, %w", x64_##name##_rrr(CODE, w, a, b, d)); \
    RMR(FROM_32, #name " %w, %m, %w", x64_##name##_rmr(CODE, w, a, m, b));
#define X64_BMI_VM(name, pp, map, opcode, digit, need)            \
    RR(FROM_32, #name " %w, %w", x64_##name##_rr(CODE, w, a, b)); \
    RM(FROM_32, #name " %w, %m", x64_##name##_rm(CODE, w, a, m));
#include "x64.def"
}

void cases_integer(struct cases *c)
{
    two_operands(c);
    one_operand(c);
    shifts(c);
    loads(c);
}
