// SPDX-License-Identifier: MIT
//
// Cases for the VEX forms of the rows of x64_sse.def, and for those of x64_avx.def.
#include "x64_cases.h"

#define FROM_32      WIDTHS(X64_32, X64_64)
#define BOTH_LENGTHS LENGTHS(X64_128, X64_256)
#define LONG         LENGTHS(X64_256, X64_256)
#define IN_BOTH      BOTH_LENGTHS
#define IN_ONLY256   LONG

static void three_operands(struct cases *c)
{
#define X64_V3(name, pp, map, opcode, need, wide)                                    \
    RRR(BOTH_LENGTHS, "v" #name " %v, %v, %v", x64_v##name##_rrr(CODE, l, a, b, d)); \
    RRM(BOTH_LENGTHS, "v" #name " %v, %v, %m", x64_v##name##_rrm(CODE, l, a, b, m));
#define X64_V3C(name, pp, map, opcode, need, wide)                                   \
    RRR(BOTH_LENGTHS, "v" #name " %v, %v, %x", x64_v##name##_rrr(CODE, l, a, b, d)); \
    RRM(BOTH_LENGTHS, "v" #name " %v, %v, %m", x64_v##name##_rrm(CODE, l, a, b, m));
#define X64_V3I(name, pp, map, opcode, need, wide)                                            \
    RRRC(BOTH_LENGTHS, "v" #name " %v, %v, %v, %c", x64_v##name##_rrri(CODE, l, a, b, d, i)); \
    RRMC(BOTH_LENGTHS, "v" #name " %v, %v, %m, %c", x64_v##name##_rrmi(CODE, l, a, b, m, i));
#define X64_S3R(name, pp, map, opcode, need) \
    RRR(PLAIN, "v" #name " %x, %x, %x", x64_v##name##_rrr(CODE, a, b, d));
#define X64_S3M(name, pp, map, opcode, need) \
    RRM(PLAIN, "v" #name " %x, %x, %m", x64_v##name##_rrm(CODE, a, b, m));
#define X64_S3(name, pp, map, opcode, need)                                \
    RRR(PLAIN, "v" #name " %x, %x, %x", x64_v##name##_rrr(CODE, a, b, d)); \
    RRM(PLAIN, "v" #name " %x, %x, %m", x64_v##name##_rrm(CODE, a, b, m));
#define X64_S3I(name, pp, map, opcode, need)                                        \
    RRRC(PLAIN, "v" #name " %x, %x, %x, %c", x64_v##name##_rrri(CODE, a, b, d, i)); \
    RRMC(PLAIN, "v" #name " %x, %x, %m, %c", x64_v##name##_rrmi(CODE, a, b, m, i));
#include "x64.def"
}

static void two_operands(struct cases *c)
{
#define X64_V2(name, pp, map, opcode, need, wide)                           \
    RR(BOTH_LENGTHS, "v" #name " %v, %v", x64_v##name##_rr(CODE, l, a, b)); \
    RM(BOTH_LENGTHS, "v" #name " %v, %m", x64_v##name##_rm(CODE, l, a, m));
#define X64_V2M(name, pp, map, opcode, need, wide) \
    RM(BOTH_LENGTHS, "v" #name " %v, %m", x64_v##name##_rm(CODE, l, a, m));
#define X64_V2W(name, pp, map, opcode, need, wide)                          \
    RR(BOTH_LENGTHS, "v" #name " %v, %x", x64_v##name##_rr(CODE, l, a, b)); \
    RM(BOTH_LENGTHS, "v" #name " %v, %m", x64_v##name##_rm(CODE, l, a, m));
#define X64_V2N(name, pp, map, opcode, need, wide)                          \
    RR(BOTH_LENGTHS, "v" #name " %x, %v", x64_v##name##_rr(CODE, l, a, b)); \
    RM(BOTH_LENGTHS, "v" #name " %x, %Mv", x64_v##name##_rm(CODE, l, a, m));
#define X64_V2I(name, pp, map, opcode, need, wide)                                   \
    RRC(BOTH_LENGTHS, "v" #name " %v, %v, %c", x64_v##name##_rri(CODE, l, a, b, i)); \
    RMC(BOTH_LENGTHS, "v" #name " %v, %m, %c", x64_v##name##_rmi(CODE, l, a, m, i));
#define X64_VST(name, pp, map, opcode, need, wide) \
    MR(BOTH_LENGTHS, "v" #name " %m, %v", x64_v##name##_mr(CODE, l, m, a));
#define X64_SHIFT_I(name, opcode, digit, need, wide) \
    RRC(BOTH_LENGTHS, "v" #name " %v, %v, %c", x64_v##name##_rri(CODE, l, a, b, i));
#define X64_S2(name, pp, map, opcode, need)                       \
    RR(PLAIN, "v" #name " %x, %x", x64_v##name##_rr(CODE, a, b)); \
    RM(PLAIN, "v" #name " %x, %m", x64_v##name##_rm(CODE, a, m));
#define X64_S2M(name, pp, map, opcode, need) \
    RM(PLAIN, "v" #name " %x, %m", x64_v##name##_rm(CODE, a, m));
#define X64_S2I(name, pp, map, opcode, need)                               \
    RRC(PLAIN, "v" #name " %x, %x, %c", x64_v##name##_rri(CODE, a, b, i)); \
    RMC(PLAIN, "v" #name " %x, %m, %c", x64_v##name##_rmi(CODE, a, m, i));
#define X64_SST(name, pp, map, opcode, need) \
    MR(PLAIN, "v" #name " %m, %x", x64_v##name##_mr(CODE, m, a));
#include "x64.def"
}

static void with_general_registers(struct cases *c)
{
#define X64_MASK(name, pp, map, opcode, wide) \
    RR(BOTH_LENGTHS, "v" #name " %d, %v", x64_v##name##_rr(CODE, l, a, b));
#define X64_CVT_X(name, pp, opcode)                                             \
    RRR(FROM_32, "v" #name " %x, %x, %w", x64_v##name##_rrr(CODE, w, a, b, d)); \
    RRM(FROM_32, "v" #name " %x, %x, %Mw", x64_v##name##_rrm(CODE, w, a, b, m));
#define X64_CVT_G(name, pp, opcode)                                    \
    RR(FROM_32, "v" #name " %w, %x", x64_v##name##_rr(CODE, w, a, b)); \
    RM(FROM_32, "v" #name " %w, %m", x64_v##name##_rm(CODE, w, a, m));
#define GENERAL_0 "%d"
#define GENERAL_1 "%q"
#define X64_INSERT(name, map, opcode, wide, need)            \
    RRRC(PLAIN, "v" #name " %x, %x, " GENERAL_##wide ", %c", \
         x64_v##name##_rrri(CODE, a, b, d, i));              \
    RRMC(PLAIN, "v" #name " %x, %x, %m, %c", x64_v##name##_rrmi(CODE, a, b, m, i));
#define X64_EXTRACT_R(name, map, opcode, wide, need) \
    RRC(PLAIN, "v" #name " " GENERAL_##wide ", %x, %c", x64_v##name##_rri(CODE, a, b, i));
#define X64_EXTRACT_M(name, map, opcode, wide, need) \
    MRC(PLAIN, "v" #name " %m, %x, %c", x64_v##name##_mri(CODE, m, a, i));
#define X64_PICK(name, map, opcode, wide, need) \
    RRC(PLAIN, "v" #name " %d, %x, %c", x64_v##name##_rri(CODE, a, b, i));
#include "x64.def"
}

#define MOVE(name, width)                                                   \
    RR(WIDTHS(width, width), name " %x, %w", x64_vmovd_xr(CODE, w, a, b));  \
    RM(WIDTHS(width, width), name " %x, %Mw", x64_vmovd_xm(CODE, w, a, m)); \
    RR(WIDTHS(width, width), name " %w, %x", x64_vmovd_rx(CODE, w, a, b));  \
    MR(WIDTHS(width, width), name " %Mw, %x", x64_vmovd_mx(CODE, w, m, a));

static void only_vex(struct cases *c)
{
#define X64_A3(name, pp, map, opcode, wide, lengths, need, need256)             \
    RRR(IN_##lengths, #name " %v, %v, %v", x64_##name##_rrr(CODE, l, a, b, d)); \
    RRM(IN_##lengths, #name " %v, %v, %m", x64_##name##_rrm(CODE, l, a, b, m));
#define X64_A3S(name, pp, map, opcode, wide, need)                    \
    RRR(PLAIN, #name " %x, %x, %x", x64_##name##_rrr(CODE, a, b, d)); \
    RRM(PLAIN, #name " %x, %x, %m", x64_##name##_rrm(CODE, a, b, m));
#define X64_A3I(name, map, opcode, wide, lengths, need, need256)                         \
    RRRC(IN_##lengths, #name " %v, %v, %v, %c", x64_##name##_rrri(CODE, l, a, b, d, i)); \
    RRMC(IN_##lengths, #name " %v, %v, %m, %c", x64_##name##_rrmi(CODE, l, a, b, m, i));
#define X64_A2(name, opcode, lengths, need, need256)                   \
    RR(IN_##lengths, #name " %v, %v", x64_##name##_rr(CODE, l, a, b)); \
    RM(IN_##lengths, #name " %v, %m", x64_##name##_rm(CODE, l, a, m));
#define X64_A2M(name, opcode, lengths, need, need256) \
    RM(IN_##lengths, #name " %v, %m", x64_##name##_rm(CODE, l, a, m));
#define X64_A2W(name, opcode, lengths, need, need256)                  \
    RR(IN_##lengths, #name " %v, %x", x64_##name##_rr(CODE, l, a, b)); \
    RM(IN_##lengths, #name " %v, %m", x64_##name##_rm(CODE, l, a, m));
#define X64_A2I(name, opcode, wide, lengths, need, need256)                     \
    RRC(IN_##lengths, #name " %v, %v, %c", x64_##name##_rri(CODE, l, a, b, i)); \
    RMC(IN_##lengths, #name " %v, %m, %c", x64_##name##_rmi(CODE, l, a, m, i));
#include "x64.def"
}

static void only_vex_odd_shapes(struct cases *c)
{
#define E        \
    {            \
        .reg = e \
    }
#define X64_A4(name, opcode, need, need256)                                               \
    BOTH_LENGTHS EACH_ABD                                                                 \
    {                                                                                     \
        unsigned e = NEXT() & 15;                                                         \
        ONE(#name " %v, %v, %v, %v", x64_##name##_rrrr(CODE, l, a, b, d, e), A, B, D, E); \
    }                                                                                     \
    BOTH_LENGTHS EACH_M                                                                   \
    {                                                                                     \
        unsigned a = NEXT() & 15, b = a * 5 & 15, e = (NEXT() >> 1) * 7 & 15;             \
        ONE(#name " %v, %v, %m, %v", x64_##name##_rrmr(CODE, l, a, b, m, e), A, B, M, E); \
    }
#define X64_AIN(name, opcode, need)                                           \
    RRRC(LONG, #name " %y, %y, %x, %c", x64_##name##_rrri(CODE, a, b, d, i)); \
    RRMC(LONG, #name " %y, %y, %m, %c", x64_##name##_rrmi(CODE, a, b, m, i));
#define X64_AOUT(name, opcode, need)                                 \
    RRC(LONG, #name " %x, %y, %c", x64_##name##_rri(CODE, a, b, i)); \
    MRC(LONG, #name " %m, %y, %c", x64_##name##_mri(CODE, m, a, i));
#define X64_AST(name, opcode, need)                                             \
    RRC(BOTH_LENGTHS, #name " %x, %v, %c", x64_##name##_rri(CODE, l, a, b, i)); \
    MRC(BOTH_LENGTHS, #name " %m, %v, %c", x64_##name##_mri(CODE, l, m, a, i));
#define X64_AMASK(name, load, store, wide, need)                                \
    RRM(BOTH_LENGTHS, #name " %v, %v, %m", x64_##name##_rrm(CODE, l, a, b, m)); \
    MRR(BOTH_LENGTHS, #name " %m, %v, %v", x64_##name##_mrr(CODE, l, m, a, b));
#include "x64.def"
}

void cases_vex(struct cases *c)
{
    three_operands(c);
    two_operands(c);
    with_general_registers(c);
    MOVE("vmovd", X64_32)
    MOVE("vmovq", X64_64)
    only_vex(c);
    only_vex_odd_shapes(c);
}
