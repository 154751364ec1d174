// SPDX-License-Identifier: MIT
//
// Cases for the instructions that have no rows: x64_move.h and x64_jump.h.
#include "x64_cases.h"

#define ALL     WIDTHS(X64_8, X64_64)
#define FROM_16 WIDTHS(X64_16, X64_64)
#define FROM_32 WIDTHS(X64_32, X64_64)

static const char *const CONDITIONS[16] = {"o", "no", "b", "ae", "e", "ne", "be", "a",
                                           "s", "ns", "p", "np", "l", "ge", "le", "g"};

static void moves(struct cases *c)
{
    RR(ALL, "mov %w, %w", x64_mov_rr(CODE, w, a, b));
    RM(ALL, "mov %w, %m", x64_mov_rm(CODE, w, a, m));
    MR(ALL, "mov %m, %w", x64_mov_mr(CODE, w, m, a));
    RI(ALL, "mov %w, %i", x64_mov_ri(CODE, w, a, i));
    MI(ALL, "mov %Mw, %i", x64_mov_mi(CODE, w, m, i));
    RR(ALL, "test %w, %w", x64_test_rr(CODE, w, a, b));
    MR(ALL, "test %m, %w", x64_test_mr(CODE, w, m, a));
    RI(ALL, "test %w, %i", x64_test_ri(CODE, w, a, i));
    MI(ALL, "test %Mw, %i", x64_test_mi(CODE, w, m, i));
    RM(FROM_16, "lea %w, %m", x64_lea_rm(CODE, w, a, m));
    RRI(FROM_16, "imul %w, %w, %i", x64_imul_rri(CODE, w, a, b, i));
    RMI(FROM_16, "imul %w, %m, %i", x64_imul_rmi(CODE, w, a, m, i));
    RRC(FROM_32, "rorx %w, %w, %c", x64_rorx_rri(CODE, w, a, b, i));
    RMC(FROM_32, "rorx %w, %m, %c", x64_rorx_rmi(CODE, w, a, m, i));
    R(FROM_32, "bswap %w", x64_bswap_r(CODE, w, a));
    RM(FROM_16, "movbe %w, %m", x64_movbe_rm(CODE, w, a, m));
    MR(FROM_16, "movbe %m, %w", x64_movbe_mr(CODE, w, m, a));
    RR(WIDTHS(X64_8, X64_32), "crc32 %d, %w", x64_crc32_rr(CODE, w, a, b));
    RM(WIDTHS(X64_8, X64_32), "crc32 %d, %Mw", x64_crc32_rm(CODE, w, a, m));
    RR(WIDTHS(X64_64, X64_64), "crc32 %q, %w", x64_crc32_rr(CODE, w, a, b));
    RM(WIDTHS(X64_64, X64_64), "crc32 %q, %Mw", x64_crc32_rm(CODE, w, a, m));
}

static void constants(struct cases *c)
{
    static const uint64_t values[] = {
        1,
        0x7f,
        0x80,
        0xff,
        0x7fffffff,
        0x80000000,
        UINT32_MAX,
        1ull << 32,
        1ull << 63,
        UINT64_MAX,
        -(1ull << 31),
        -(1ull << 31) - 1,
        0x123456789abcdef0,
    };
    for (unsigned k = 0; k < sizeof values / sizeof *values; k++) {
        uint64_t v = values[k];
        struct case_operand o[2] = {{0}, {.imm = (int64_t)v}};
        WIDTHS(X64_64, X64_64) EACH_A
        {
            o[0].reg = a;
            ONE("movabs %q, %i", x64_movabs(CODE, a, v), o[0], o[1]);
            // The shortest: 32 bits clear the upper half, then 32 bits sign-extended.
            const char *spec =
                v > UINT32_MAX && v + (1ull << 31) >= 1ull << 31 ? "movabs %q, %i" : "mov %q, %i";
            if (v <= UINT32_MAX) {
                ONE("mov %d, %i", x64_imm_keep_flags(CODE, a, v), o[0], o[1]);
                ONE("mov %d, %i", x64_imm(CODE, a, v), o[0], o[1]);
            } else {
                ONE(spec, x64_imm_keep_flags(CODE, a, v), o[0], o[1]);
                ONE(spec, x64_imm(CODE, a, v), o[0], o[1]);
            }
        }
    }
    R(PLAIN, "mov %d, 0", x64_imm_keep_flags(CODE, a, 0));
    PLAIN EACH_A ONE("xor %d, %d", x64_imm(CODE, a, 0), A, A);
}

static void conditions(struct cases *c)
{
    for (unsigned cc = 0; cc < 16; cc++) {
        char set_r[32], set_m[32], move_r[32], move_m[32];
        snprintf(set_r, sizeof set_r, "set%s %%b", CONDITIONS[cc]);
        snprintf(set_m, sizeof set_m, "set%s %%m", CONDITIONS[cc]);
        snprintf(move_r, sizeof move_r, "cmov%s %%w, %%w", CONDITIONS[cc]);
        snprintf(move_m, sizeof move_m, "cmov%s %%w, %%m", CONDITIONS[cc]);
        R(PLAIN, set_r, x64_setcc_r(CODE, cc, a));
        MEM(PLAIN, set_m, x64_setcc_m(CODE, cc, m));
        RR(FROM_16, move_r, x64_cmov_rr(CODE, cc, w, a, b));
        RM(FROM_16, move_m, x64_cmov_rm(CODE, cc, w, a, m));
    }
}

static void stack(struct cases *c)
{
    R(PLAIN, "push %q", x64_push_r(CODE, a));
    R(PLAIN, "pop %q", x64_pop_r(CODE, a));
    MEM(PLAIN, "push %Mq", x64_push_m(CODE, m));
    MEM(PLAIN, "pop %Mq", x64_pop_m(CODE, m));
    for (unsigned k = 0; k < 16; k++) {
        int32_t i = cases_imm32(k);
        WIDTHS(X64_64, X64_64) ONE("push %i", x64_push_i(CODE, i), I);
    }
    static const char *const nops[9] = {
        "nop",
        "xchg ax, ax",
        "nop dword ptr [rax]",
        ".byte 0x0f, 0x1f, 0x40, 0",
        ".byte 0x0f, 0x1f, 0x44, 0, 0",
        ".byte 0x66, 0x0f, 0x1f, 0x44, 0, 0",
        ".byte 0x0f, 0x1f, 0x80, 0, 0, 0, 0",
        ".byte 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0",
        ".byte 0x66, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0",
    };
    for (unsigned k = 0; k < 9; k++)
        PLAIN ONE(nops[k], x64_nop(CODE, k + 1), {0});
}

static void indirect_jumps(struct cases *c)
{
    R(PLAIN, "jmp %q", x64_jmp_r(CODE, a));
    R(PLAIN, "call %q", x64_call_r(CODE, a));
    MEM(PLAIN, "jmp %Mq", x64_jmp_m(CODE, m));
    MEM(PLAIN, "call %Mq", x64_call_m(CODE, m));
    PLAIN ONE("ret 0x1234", x64_ret_i(CODE, 0x1234), {0});
    PLAIN ONE("ret 0xffff", x64_ret_i(CODE, 0xffff), {0});
}

// The target is `distance` bytes from the instruction's first byte; an assembler writes
// ".+distance".
static void direct_jumps(struct cases *c)
{
    static const int distances[] = {0,    2,    6,    100,    129,     130,       -126,
                                    -127, -128, 4096, -70000, 1 << 30, -(1 << 30)};
    for (unsigned k = 0; k < sizeof distances / sizeof *distances; k++) {
        // An address as a number: nothing lies there.
#define TARGET ((const uint8_t *)((uintptr_t)CODE->at + (uintptr_t)(intptr_t)distances[k]))
#define PATCH(call)                     \
    do {                                \
        const uint8_t *target = TARGET; \
        x64_patch32(call, target);      \
    } while (0)
        char jump[32], call[32];
        snprintf(jump, sizeof jump, "jmp .+(%d)", distances[k]);
        snprintf(call, sizeof call, "call .+(%d)", distances[k]);
        PLAIN ONE(jump, x64_jmp_to(CODE, TARGET), {0});
        PLAIN ONE(jump, PATCH(x64_jmp32(CODE)), {0});
        PLAIN ONE(call, x64_call_to(CODE, TARGET), {0});
        for (unsigned cc = 0; cc < 16; cc++) {
            snprintf(jump, sizeof jump, "j%s .+(%d)", CONDITIONS[cc], distances[k]);
            PLAIN ONE(jump, x64_jcc_to(CODE, cc, TARGET), {0});
            PLAIN ONE(jump, PATCH(x64_jcc32(CODE, cc)), {0});
        }
    }
}

void cases_move(struct cases *c)
{
    moves(c);
    constants(c);
    conditions(c);
    stack(c);
    indirect_jumps(c);
    direct_jumps(c);
}
