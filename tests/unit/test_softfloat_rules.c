// SPDX-License-Identifier: MIT
//
// softfloat's rules for NaNs, minimum and maximum, comparison and classes, which differ between
// RISC-V, ARM64 and x86-64: tables from the manuals.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "softfloat_expect.h"

static void nan_of_two_operands(void **state)
{
    (void)state;
    const struct {
        enum vm_fp_nan rule;
        uint32_t a, b, want;
        unsigned flags;
    } rows[] = {
        {CANONICAL, Q1, Q2, DEFAULT, 0},
        {CANONICAL, NEG(Q1), ONE, DEFAULT, 0},
        {CANONICAL, ONE, S1, DEFAULT, NV},
        {DN, NEG(Q1), Q2, DEFAULT, 0},
        {DN, S1, ONE, DEFAULT, NV},
        {ARM, Q1, Q2, Q1, 0},
        {ARM, ONE, NEG(Q2), NEG(Q2), 0},
        {ARM, Q1, S2, S2Q, NV},
        {ARM, NEG(S1), S2, NEG(S1Q), NV},
        {ARM, S1, Q2, S1Q, NV},
        {X86, Q1, Q2, Q1, 0},
        {X86, ONE, Q2, Q2, 0},
        {X86, Q1, NEG(S2), Q1, NV},
        {X86, NEG(S1), Q2, NEG(S1Q), NV},
        {X86, S1, S2, S1Q, NV},
        {X86, INF, S2, S2Q, NV},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        const struct vm_fp_env e = env_of(rows[i].rule);
        EXPECT(e, rows[i].flags, rows[i].want, vm_f32_add(rows[i].a, rows[i].b, &env));
        EXPECT(e, rows[i].flags, rows[i].want, vm_f32_sub(rows[i].a, rows[i].b, &env));
        EXPECT(e, rows[i].flags, rows[i].want, vm_f32_mul(rows[i].a, rows[i].b, &env));
        EXPECT(e, rows[i].flags, rows[i].want, vm_f32_div(rows[i].a, rows[i].b, &env));
    }
}

static void nan_of_one_operand(void **state)
{
    (void)state;
    EXPECT(env_of(CANONICAL), NV, DEFAULT, vm_f32_sqrt(NEG(S1), &env));
    EXPECT(env_of(ARM), NV, NEG(S1Q), vm_f32_sqrt(NEG(S1), &env));
    EXPECT(env_of(X86), 0, NEG(Q1), vm_f32_sqrt(NEG(Q1), &env));
    EXPECT(env_of(CANONICAL), 0, DEFAULT, vm_f32_round_to_integral(NEG(Q1), &env, true));
    EXPECT(env_of(ARM), NV, S1Q, vm_f32_round_to_integral(S1, &env, true));
    EXPECT(env_of(DN), NV, DEFAULT, vm_f32_round_to_integral(S1, &env, false));
}

static void nan_made_by_invalid_operations(void **state)
{
    (void)state;
    const struct {
        enum vm_fp_nan rule;
        uint32_t want;
    } rows[] = {{CANONICAL, DEFAULT}, {DN, DEFAULT}, {ARM, DEFAULT}, {X86, NEG(DEFAULT)}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        const struct vm_fp_env e = env_of(rows[i].rule);
        const uint32_t want = rows[i].want;
        EXPECT(e, NV, want, vm_f32_add(INF, NEG(INF), &env));
        EXPECT(e, NV, want, vm_f32_sub(INF, INF, &env));
        EXPECT(e, NV, want, vm_f32_mul(INF, NEG(ZERO), &env));
        EXPECT(e, NV, want, vm_f32_div(ZERO, ZERO, &env));
        EXPECT(e, NV, want, vm_f32_div(INF, NEG(INF), &env));
        EXPECT(e, NV, want, vm_f32_sqrt(NEG(ONE), &env));
        EXPECT(e, NV, want, vm_f32_sqrt(NEG(INF), &env));
        EXPECT(e, NV, want, vm_f32_fma(ZERO, INF, ONE, &env));
        EXPECT(e, NV, want, vm_f32_fma(INF, ONE, NEG(INF), &env));
    }
    EXPECT(env_of(X86), NV, 0xfff8000000000000u, vm_f64_sqrt(0xbff0000000000000u, &env));
    EXPECT(env_of(ARM), NV, 0x7ff8000000000000u, vm_f64_sqrt(0xbff0000000000000u, &env));
    EXPECT(env_of(X86), NV, 0xfe00, vm_f16_sqrt(0xbc00, &env));
    EXPECT(env_of(CANONICAL), NV, 0x7e00, vm_f16_sqrt(0xbc00, &env));
}

// RISC-V "F": infinity times zero raises NV even if the addend is a quiet NaN. ARM FPMulAdd: the
// addend is the first operand. SDM: the factors come first, and a quiet NaN silences inf*0.
static void nan_of_fma(void **state)
{
    (void)state;
    const struct {
        enum vm_fp_nan rule;
        uint32_t a, b, c, want;
        unsigned flags;
    } rows[] = {
        {CANONICAL, Q1, ONE, ONE, DEFAULT, 0},
        {CANONICAL, INF, ZERO, Q3, DEFAULT, NV},
        {CANONICAL, ZERO, INF, S3, DEFAULT, NV},
        {CANONICAL, INF, ZERO, ONE, DEFAULT, NV},
        {CANONICAL, INF, Q2, ZERO, DEFAULT, 0},
        {DN, Q1, Q2, Q3, DEFAULT, 0},
        {DN, INF, ZERO, Q3, DEFAULT, NV},
        {DN, S1, ONE, ONE, DEFAULT, NV},
        {ARM, Q1, Q2, Q3, Q3, 0},
        {ARM, Q1, Q2, ONE, Q1, 0},
        {ARM, ONE, Q2, ONE, Q2, 0},
        {ARM, S1, S2, Q3, S1Q, NV},
        {ARM, Q1, S2, Q3, S2Q, NV},
        {ARM, S1, S2, S3, S3Q, NV},
        {ARM, INF, ZERO, Q3, DEFAULT, NV},
        {ARM, ZERO, INF, NEG(Q3), DEFAULT, NV},
        {ARM, INF, ZERO, S3, S3Q, NV},
        {X86, Q1, Q2, Q3, Q1, 0},
        {X86, ONE, Q2, S3, Q2, NV},
        {X86, ONE, ONE, S3, S3Q, NV},
        {X86, INF, ZERO, Q3, Q3, 0},
        {X86, INF, ZERO, NEG(S3), NEG(S3Q), NV},
        {X86, INF, ZERO, ONE, NEG(DEFAULT), NV},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++)
        EXPECT(env_of(rows[i].rule), rows[i].flags, rows[i].want,
               vm_f32_fma(rows[i].a, rows[i].b, rows[i].c, &env));
}

// The same tables hold for minimum and maximum, except for the numbers.
static void minimum_and_maximum(void **state)
{
    (void)state;
    const struct {
        enum vm_fp_minmax kind;
        enum vm_fp_nan rule;
        uint32_t a, b, min, max;
        unsigned flags;
    } rows[] = {
        {VM_FP_NUMBER_2019, CANONICAL, ONE, TWO, ONE, TWO, 0},
        {VM_FP_NUMBER_2019, CANONICAL, NEG(TWO), NEG(ONE), NEG(TWO), NEG(ONE), 0},
        {VM_FP_NUMBER_2019, CANONICAL, ZERO, NEG(ZERO), NEG(ZERO), ZERO, 0},
        {VM_FP_NUMBER_2019, CANONICAL, NEG(ZERO), ZERO, NEG(ZERO), ZERO, 0},
        {VM_FP_NUMBER_2019, CANONICAL, Q1, ONE, ONE, ONE, 0},
        {VM_FP_NUMBER_2019, CANONICAL, ONE, S2, ONE, ONE, NV},
        {VM_FP_NUMBER_2019, CANONICAL, S1, NEG(INF), NEG(INF), NEG(INF), NV},
        {VM_FP_NUMBER_2019, CANONICAL, NEG(Q1), Q2, DEFAULT, DEFAULT, 0},
        {VM_FP_NUMBER_2019, CANONICAL, S1, Q2, DEFAULT, DEFAULT, NV},
        {VM_FP_PROPAGATE_2019, CANONICAL, NEG(ZERO), ZERO, NEG(ZERO), ZERO, 0},
        {VM_FP_PROPAGATE_2019, CANONICAL, Q1, ONE, DEFAULT, DEFAULT, 0},
        {VM_FP_PROPAGATE_2019, CANONICAL, ONE, S1, DEFAULT, DEFAULT, NV},
        {VM_FP_PROPAGATE_2019, ARM, ONE, Q2, Q2, Q2, 0},
        {VM_FP_PROPAGATE_2019, ARM, Q1, S2, S2Q, S2Q, NV},
        {VM_FP_PROPAGATE_2019, ARM, ZERO, NEG(ZERO), NEG(ZERO), ZERO, 0},
        {VM_FP_PROPAGATE_2019, DN, ONE, NEG(Q2), DEFAULT, DEFAULT, 0},
        {VM_FP_NUMBER_2008, ARM, ONE, Q2, ONE, ONE, 0},
        {VM_FP_NUMBER_2008, ARM, Q1, NEG(ONE), NEG(ONE), NEG(ONE), 0},
        {VM_FP_NUMBER_2008, ARM, S1, ONE, S1Q, S1Q, NV},
        {VM_FP_NUMBER_2008, ARM, Q1, S2, S2Q, S2Q, NV},
        {VM_FP_NUMBER_2008, ARM, Q1, Q2, Q1, Q1, 0},
        {VM_FP_NUMBER_2008, DN, NEG(Q1), Q2, DEFAULT, DEFAULT, 0},
        {VM_FP_NUMBER_2008, ARM, ZERO, NEG(ZERO), NEG(ZERO), ZERO, 0},
        {VM_FP_X86, X86, ONE, TWO, ONE, TWO, 0},
        {VM_FP_X86, X86, ZERO, NEG(ZERO), NEG(ZERO), NEG(ZERO), 0},
        {VM_FP_X86, X86, NEG(ZERO), ZERO, ZERO, ZERO, 0},
        {VM_FP_X86, X86, Q1, ONE, ONE, ONE, NV},
        {VM_FP_X86, X86, ONE, Q2, Q2, Q2, NV},
        {VM_FP_X86, X86, S1, S2, S2, S2, NV},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        const struct vm_fp_env e = env_of(rows[i].rule);
        const uint32_t a = rows[i].a, b = rows[i].b;
        EXPECT(e, rows[i].flags, rows[i].min, vm_f32_min(a, b, &env, rows[i].kind));
        EXPECT(e, rows[i].flags, rows[i].max, vm_f32_max(a, b, &env, rows[i].kind));
    }
}

static void comparison(void **state)
{
    (void)state;
    const struct {
        uint32_t a, b;
        enum vm_fp_relation relation;
        unsigned quiet, signaling; // flags
    } rows[] = {
        {ONE, TWO, VM_FP_LESS, 0, 0},
        {TWO, ONE, VM_FP_GREATER, 0, 0},
        {NEG(ONE), NEG(TWO), VM_FP_GREATER, 0, 0},
        {NEG(ONE), ONE, VM_FP_LESS, 0, 0},
        {ZERO, NEG(ZERO), VM_FP_EQUAL, 0, 0},
        {NEG(INF), INF, VM_FP_LESS, 0, 0},
        {INF, INF, VM_FP_EQUAL, 0, 0},
        {TINY, ZERO, VM_FP_GREATER, 0, 0},
        {Q1, ONE, VM_FP_UNORDERED, 0, NV},
        {Q1, Q1, VM_FP_UNORDERED, 0, NV},
        {ONE, S1, VM_FP_UNORDERED, NV, NV},
        {S1, ONE, VM_FP_UNORDERED, NV, NV},
        {Q1, S2, VM_FP_UNORDERED, NV, NV},
    };
    const struct vm_fp_env e = {0};
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        const uint32_t a = rows[i].a, b = rows[i].b;
        const unsigned quiet = rows[i].quiet, signaling = rows[i].signaling;
        const bool eq = rows[i].relation == VM_FP_EQUAL, lt = rows[i].relation == VM_FP_LESS;
        EXPECT(e, quiet, rows[i].relation, vm_f32_compare(a, b, &env, false));
        EXPECT(e, signaling, rows[i].relation, vm_f32_compare(a, b, &env, true));
        EXPECT(e, quiet, eq, vm_f32_eq(a, b, &env));
        EXPECT(e, signaling, eq, vm_f32_eq_signaling(a, b, &env));
        EXPECT(e, signaling, lt, vm_f32_lt(a, b, &env));
        EXPECT(e, quiet, lt, vm_f32_lt_quiet(a, b, &env));
        EXPECT(e, signaling, lt || eq, vm_f32_le(a, b, &env));
        EXPECT(e, quiet, lt || eq, vm_f32_le_quiet(a, b, &env));
    }
}

static void classes(void **state)
{
    (void)state;
    // In the order of FCLASS's result bits.
    const uint16_t f16[] = {0xfc00, 0xfbff, 0x83ff, 0x8000, 0,
                            0x0001, 0x0400, 0x7c00, 0x7dff, 0x7e00};
    const uint32_t f32[] = {NEG(INF), NEG(HUGE), 0x807fffff, NEG(ZERO), ZERO,
                            TINY,     0x800000,  INF,        NEG(S1),   NEG(Q1)};
    const uint64_t f64[] = {
        0xfff0000000000000, 0xffefffffffffffff, 0x800fffffffffffff, 0x8000000000000000, 0, 1,
        0x0010000000000000, 0x7ff0000000000000, 0x7ff7ffffffffffff, 0x7ff8000000000000};
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(vm_f16_classify(f16[i]), 1 << i);
        assert_int_equal(vm_f32_classify(f32[i]), 1 << i);
        assert_int_equal(vm_f64_classify(f64[i]), 1 << i);
    }
}

static void nan_between_formats(void **state)
{
    (void)state;
    const struct vm_fp_env c = env_of(CANONICAL), dn = env_of(DN), arm = env_of(ARM);
    const struct vm_fp_env x86 = env_of(X86);
    EXPECT(c, NV, 0x7ff8000000000000, vm_f32_to_f64(NEG(S1), &env));
    EXPECT(c, 0, DEFAULT, vm_f64_to_f32(0xfff8000020000000, &env));
    EXPECT(c, 0, 0x7e00, vm_f32_to_f16(NEG(Q1), &env));
    EXPECT(c, NV, DEFAULT, vm_f16_to_f32(0xfc01, &env));
    EXPECT(c, 0, 0x7fc0, vm_f32_to_bf16(NEG(Q1), &env));
    EXPECT(c, NV, DEFAULT, vm_bf16_to_f32(0xff81, &env));
    EXPECT(dn, NV, 0x7ff8000000000000, vm_f16_to_f64(0xfc01, &env));
    EXPECT(arm, NV, 0xfff8000220000000, vm_f32_to_f64(NEG(S1), &env));
    EXPECT(arm, 0, 0xffc00001, vm_f64_to_f32(0xfff8000020000000, &env));
    EXPECT(arm, NV, S1Q, vm_f64_to_f32(0x7ff000023fffffff, &env));
    EXPECT(arm, NV, 0x7e01, vm_f32_to_f16(0x7f802000, &env));
    EXPECT(arm, 0, 0x7e00, vm_f64_to_f16(0x7ff8000000000001, &env));
    EXPECT(arm, NV, 0xffc02000, vm_f16_to_f32(0xfc01, &env));
    EXPECT(arm, NV, 0x7fc1, vm_f32_to_bf16(0x7f810001, &env));
    EXPECT(x86, NV, 0xfff8000220000000, vm_f32_to_f64(NEG(S1), &env));
    EXPECT(x86, NV, 0xfe00, vm_f32_to_f16(NEG(S1), &env));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_of_two_operands),
        cmocka_unit_test(nan_of_one_operand),
        cmocka_unit_test(nan_made_by_invalid_operations),
        cmocka_unit_test(nan_of_fma),
        cmocka_unit_test(minimum_and_maximum),
        cmocka_unit_test(comparison),
        cmocka_unit_test(classes),
        cmocka_unit_test(nan_between_formats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
