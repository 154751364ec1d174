// SPDX-License-Identifier: MIT
//
// Cases for the legacy forms of the rows of x64_sse.def.
#include "x64_cases.h"

#define FROM_32 WIDTHS(X64_32, X64_64)

// The shapes that rows share. VEX has the same with other operands in x64_cases_vex.c.
#define SSE_R(name)  RR(PLAIN, #name " %x, %x", x64_##name##_rr(CODE, a, b));
#define SSE_M(name)  RM(PLAIN, #name " %x, %m", x64_##name##_rm(CODE, a, m));
#define SSE_RI(name) RRC(PLAIN, #name " %x, %x, %c", x64_##name##_rri(CODE, a, b, i));
#define SSE_MI(name) RMC(PLAIN, #name " %x, %m, %c", x64_##name##_rmi(CODE, a, m, i));
#define SSE_ST(name) MR(PLAIN, #name " %m, %x", x64_##name##_mr(CODE, m, a));
#define SSE_0(name)                                                \
    RR(PLAIN, #name " %x, %x, xmm0", x64_##name##_rr(CODE, a, b)); \
    RM(PLAIN, #name " %x, %m, xmm0", x64_##name##_rm(CODE, a, m));

static void two_operands(struct cases *c)
{
#define X64_V3(name, pp, map, opcode, need, wide)  SSE_R(name) SSE_M(name)
#define X64_V3C(name, pp, map, opcode, need, wide) SSE_R(name) SSE_M(name)
#define X64_V2(name, pp, map, opcode, need, wide)  SSE_R(name) SSE_M(name)
#define X64_V2W(name, pp, map, opcode, need, wide) SSE_R(name) SSE_M(name)
#define X64_V2N(name, pp, map, opcode, need, wide) SSE_R(name) SSE_M(name)
#define X64_S3(name, pp, map, opcode, need)        SSE_R(name) SSE_M(name)
#define X64_S2(name, pp, map, opcode, need)        SSE_R(name) SSE_M(name)
#define X64_X2(name, pp, map, opcode, need)        SSE_R(name) SSE_M(name)
#define X64_X2Z(name, pp, map, opcode, need)       SSE_0(name)
#define X64_S3R(name, pp, map, opcode, need)       SSE_R(name)
#define X64_V2M(name, pp, map, opcode, need, wide) SSE_M(name)
#define X64_S3M(name, pp, map, opcode, need)       SSE_M(name)
#define X64_S2M(name, pp, map, opcode, need)       SSE_M(name)
#define X64_VST(name, pp, map, opcode, need, wide) SSE_ST(name)
#define X64_SST(name, pp, map, opcode, need)       SSE_ST(name)
#include "x64.def"
}

static void with_immediate(struct cases *c)
{
#define X64_V3I(name, pp, map, opcode, need, wide) SSE_RI(name) SSE_MI(name)
#define X64_V2I(name, pp, map, opcode, need, wide) SSE_RI(name) SSE_MI(name)
#define X64_S3I(name, pp, map, opcode, need)       SSE_RI(name) SSE_MI(name)
#define X64_S2I(name, pp, map, opcode, need)       SSE_RI(name) SSE_MI(name)
#define X64_X2I(name, pp, map, opcode, need)       SSE_RI(name) SSE_MI(name)
#define X64_SHIFT_I(name, opcode, digit, need, wide) \
    RC(PLAIN, #name " %x, %c", x64_##name##_ri(CODE, a, i));
#include "x64.def"
}

static void with_general_registers(struct cases *c)
{
#define X64_MASK(name, pp, map, opcode, wide) \
    RR(PLAIN, #name " %d, %x", x64_##name##_rr(CODE, a, b));
#define X64_CVT_X(name, pp, opcode)                               \
    RR(FROM_32, #name " %x, %w", x64_##name##_rr(CODE, w, a, b)); \
    RM(FROM_32, #name " %x, %Mw", x64_##name##_rm(CODE, w, a, m));
#define X64_CVT_G(name, pp, opcode)                               \
    RR(FROM_32, #name " %w, %x", x64_##name##_rr(CODE, w, a, b)); \
    RM(FROM_32, #name " %w, %m", x64_##name##_rm(CODE, w, a, m));
#define GENERAL_0 "%d"
#define GENERAL_1 "%q"
#define X64_INSERT(name, map, opcode, wide, need)                                     \
    RRC(PLAIN, #name " %x, " GENERAL_##wide ", %c", x64_##name##_rri(CODE, a, b, i)); \
    RMC(PLAIN, #name " %x, %m, %c", x64_##name##_rmi(CODE, a, m, i));
#define X64_EXTRACT_R(name, map, opcode, wide, need) \
    RRC(PLAIN, #name " " GENERAL_##wide ", %x, %c", x64_##name##_rri(CODE, a, b, i));
#define X64_EXTRACT_M(name, map, opcode, wide, need) \
    MRC(PLAIN, #name " %m, %x, %c", x64_##name##_mri(CODE, m, a, i));
#define X64_PICK(name, map, opcode, wide, need) \
    RRC(PLAIN, #name " %d, %x, %c", x64_##name##_rri(CODE, a, b, i));
#include "x64.def"
}

#define MOVE(name, width)                                                  \
    RR(WIDTHS(width, width), name " %x, %w", x64_movd_xr(CODE, w, a, b));  \
    RM(WIDTHS(width, width), name " %x, %Mw", x64_movd_xm(CODE, w, a, m)); \
    RR(WIDTHS(width, width), name " %w, %x", x64_movd_rx(CODE, w, a, b));  \
    MR(WIDTHS(width, width), name " %Mw, %x", x64_movd_mx(CODE, w, m, a));

void cases_sse(struct cases *c)
{
    two_operands(c);
    with_immediate(c);
    with_general_registers(c);
    MOVE("movd", X64_32)
    MOVE("movq", X64_64)
}
