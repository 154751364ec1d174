// SPDX-License-Identifier: MIT
//
// softfloat at the limits, by the rules of RISC-V, ARM64 and x86-64: integers out of range,
// infinities and zeros between formats, subnormal operands, tiny results, rounding to odd.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "softfloat_expect.h"

// An operand, the result by each rule, and the flags by all of them.
struct integer_row {
    uint32_t a;
    int64_t riscv, arm, x86;
    unsigned flags;
};

static void conversions_to_integers(void **state)
{
    (void)state;
    enum {
        HALF = 0x3f000000,
        P31 = 0x4f000000,
        P32 = 0x4f800000,
        P63 = 0x5f000000,
        P64 = 0x5f800000
    };
    const enum vm_fp_int_rule R = VM_FP_INT_RISCV, A = VM_FP_INT_ARM, X = VM_FP_INT_X86;
    const int64_t least32 = INT32_MIN, least64 = INT64_MIN, u32 = UINT32_MAX, all = -1;
    const struct integer_row i32[] = {
        {Q1, INT32_MAX, 0, least32, NV},
        {NEG(S1), INT32_MAX, 0, least32, NV},
        {INF, INT32_MAX, INT32_MAX, least32, NV},
        {NEG(INF), least32, least32, least32, NV},
        {P31, INT32_MAX, INT32_MAX, least32, NV},
        {NEG(P31), least32, least32, least32, 0},
        {NEG(HALF), 0, 0, 0, VM_FP_NX},
        {0x4effffff, 0x7fffff80, 0x7fffff80, 0x7fffff80, 0},
    };
    const struct integer_row u32s[] = {
        {NEG(Q1), u32, 0, u32, NV},
        {INF, u32, u32, u32, NV},
        {NEG(INF), 0, 0, u32, NV},
        {P32, u32, u32, u32, NV},
        {P31, 1ll << 31, 1ll << 31, 1ll << 31, 0},
        {NEG(ONE), 0, 0, u32, NV},
        {NEG(HALF), 0, 0, 0, VM_FP_NX},
        {NEG(ZERO), 0, 0, 0, 0},
    };
    const struct integer_row i64[] = {{Q1, INT64_MAX, 0, least64, NV},
                                      {INF, INT64_MAX, INT64_MAX, least64, NV},
                                      {P63, INT64_MAX, INT64_MAX, least64, NV},
                                      {NEG(P63), least64, least64, least64, 0},
                                      {NEG(P64), least64, least64, least64, NV}};
    const struct integer_row u64[] = {{S1, all, 0, all, NV},
                                      {P64, all, all, all, NV},
                                      {P63, least64, least64, least64, 0},
                                      {NEG(P63), 0, 0, all, NV},
                                      {NEG(INF), 0, 0, all, NV}};
    const struct vm_fp_env e = {.round = VM_FP_RTZ};
#define ROWS(TABLE, FUNCTION)                                                     \
    for (size_t i = 0; i < VM_ARRAY_SIZE(TABLE); i++) {                           \
        EXPECT(e, TABLE[i].flags, TABLE[i].riscv, FUNCTION(TABLE[i].a, &env, R)); \
        EXPECT(e, TABLE[i].flags, TABLE[i].arm, FUNCTION(TABLE[i].a, &env, A));   \
        EXPECT(e, TABLE[i].flags, TABLE[i].x86, FUNCTION(TABLE[i].a, &env, X));   \
    }
    ROWS(i32, vm_f32_to_i32)
    ROWS(u32s, vm_f32_to_u32)
    ROWS(i64, vm_f32_to_i64)
    ROWS(u64, vm_f32_to_u64)
#undef ROWS
    // What rounds out of range is out of range: -0.5 downwards, 2147483647.5 upwards.
    EXPECT(((struct vm_fp_env){.round = VM_FP_RDN}), NV, 0, vm_f32_to_u32(NEG(HALF), &env, R));
    EXPECT(((struct vm_fp_env){.round = VM_FP_RMM}), NV, 0, vm_f32_to_u32(NEG(HALF), &env, R));
    EXPECT(((struct vm_fp_env){.round = VM_FP_RUP}), NV, INT32_MAX,
           vm_f64_to_i32(0x41dfffffffe00000, &env, R));
    EXPECT(((struct vm_fp_env){.round = VM_FP_RDN}), VM_FP_NX, INT32_MAX,
           vm_f64_to_i32(0x41dfffffffe00000, &env, R));
}

static void modular_conversion(void **state)
{
    (void)state;
    const struct {
        uint64_t a;
        int32_t want;
        unsigned flags;
    } rows[] = {
        {0x7ff8000000000000, 0, NV},               // NaN
        {0xfff0000000000000, 0, NV},               // -infinity
        {0x8000000000000000, 0, 0},                // -0
        {0xc004000000000000, -2, VM_FP_NX},        // -2.5
        {0x3fefffffffffffff, 0, VM_FP_NX},         // just below 1
        {0xc1e0000000000000, INT32_MIN, 0},        // -2^31
        {0xc1e0000000100000, INT32_MIN, VM_FP_NX}, // -2^31 - 0.5
        {0xc1e0000000200000, INT32_MAX, NV},       // -2^31 - 1
        {0x41e0000000000000, INT32_MIN, NV},       // 2^31
        {0x41f0000000180000, 1, NV},               // 2^32 + 1.5
        {0x4340000000000001, 2, NV},               // 2^53 + 2
        {0x4520000000000001, INT32_MIN, NV},       // 2^83 + 2^31
        {0x4530000000000001, 0, NV},               // 2^84 + 2^32
        {0x44a0000000000003, 3 << 23, NV},         // 2^75 + 3 * 2^23
        {0xc4a0000000000003, -(3 << 23), NV},      // the same, negative
        {0x7fefffffffffffff, 0, NV},               // the largest
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        for (uint8_t round = VM_FP_RNE; round <= VM_FP_ODD; round++)
            EXPECT((struct vm_fp_env){.round = round}, rows[i].flags, (int64_t)rows[i].want,
                   vm_f64_to_i32_modular(rows[i].a, &env));
    }
}

static void infinity_and_zero_between_formats(void **state)
{
    (void)state;
    for (unsigned sign = 0; sign < 2; sign++) {
        const struct vm_fp_env e = {0};
        const uint16_t h = sign ? 0x8000 : 0;
        const uint32_t s = sign ? 0x80000000 : 0;
        const uint64_t d = sign ? 0x8000000000000000 : 0, dinf = d | 0x7ff0000000000000;
        EXPECT(e, 0, s | INF, vm_f16_to_f32(h | 0x7c00, &env));
        EXPECT(e, 0, s, vm_f16_to_f32(h, &env));
        EXPECT(e, 0, dinf, vm_f16_to_f64(h | 0x7c00, &env));
        EXPECT(e, 0, d, vm_f16_to_f64(h, &env));
        EXPECT(e, 0, h | 0x7c00, vm_f32_to_f16(s | INF, &env));
        EXPECT(e, 0, h, vm_f64_to_f16(d, &env));
        EXPECT(e, 0, dinf, vm_f32_to_f64(s | INF, &env));
        EXPECT(e, 0, s | INF, vm_f64_to_f32(dinf, &env));
        EXPECT(e, 0, h | 0x7f80, vm_f32_to_bf16(s | INF, &env));
        EXPECT(e, 0, s | INF, vm_bf16_to_f32(h | 0x7f80, &env));
    }
}

// ARM A1.5.2 and FPUnpackBase: IDC whenever a subnormal is flushed. SDM 4.9.1.2: DE when one is
// used, unless a NaN, NV or DZ comes first.
static void subnormal_operands(void **state)
{
    (void)state;
    const struct vm_fp_env keep = {0}, flush = {.flush_input = VM_FP_INPUT_FLUSH};
    const struct vm_fp_env silent = {.flush_input = VM_FP_INPUT_SILENT};
    const struct vm_fp_env flag = {.flush_input = VM_FP_INPUT_FLAG, .nan = VM_FP_NAN_X86};
    const unsigned ID = VM_FP_ID;
    EXPECT(keep, 0, TINY, vm_f32_add(TINY, ZERO, &env));
    EXPECT(flush, ID, ZERO, vm_f32_add(TINY, NEG(ZERO), &env));
    EXPECT(silent, 0, NEG(ZERO), vm_f32_add(NEG(TINY), NEG(TINY), &env));
    EXPECT(flag, ID, TINY, vm_f32_add(TINY, ZERO, &env));
    EXPECT(flush, ID, DEFAULT, vm_f32_add(TINY, Q1, &env));
    EXPECT(flag, 0, Q1, vm_f32_add(TINY, Q1, &env));
    EXPECT(flush, ID | VM_FP_DZ, INF, vm_f32_div(ONE, TINY, &env));
    EXPECT(flag, VM_FP_DZ, INF, vm_f32_div(TINY, ZERO, &env));
    EXPECT(flush, ID, NEG(ZERO), vm_f32_sqrt(NEG(TINY), &env));
    EXPECT(flag, NV, NEG(DEFAULT), vm_f32_sqrt(NEG(TINY), &env));
    EXPECT(flush, ID, ONE, vm_f32_fma(TINY, HUGE, ONE, &env));
    EXPECT(flush, ID, true, vm_f32_eq(TINY, NEG(TINY), &env));
    EXPECT(flag, ID, true, vm_f32_lt(ZERO, TINY, &env));
    EXPECT(flush, ID, ZERO, vm_f32_min(TINY, ONE, &env, VM_FP_PROPAGATE_2019));
    EXPECT(flush, ID, NEG(ZERO), vm_f32_round_to_integral(NEG(TINY), &env, true));
    EXPECT(flush, ID, 0, vm_f32_to_i32(TINY, &env, VM_FP_INT_ARM));
    EXPECT(flag, VM_FP_NX, 0, vm_f32_to_i32(TINY, &env, VM_FP_INT_X86));
    EXPECT(flush, ID, 0, vm_f32_to_f64(TINY, &env));
    EXPECT(flush, ID, 0x8000, vm_f32_to_bf16(NEG(TINY), &env));
    EXPECT(flush, ID, 0, vm_f64_to_i32_modular(1, &env));
    // A binary16 source of a conversion is neither flushed nor flagged.
    EXPECT(flush, 0, 0x33800000, vm_f16_to_f32(1, &env));
    EXPECT(flush, 0, 0x3e70000000000000, vm_f16_to_f64(1, &env));
    EXPECT(flag, 0, 0x33800000, vm_f16_to_f32(1, &env));
    // Arithmetic on binary16 has rules of its own.
    const struct vm_fp_env f16 = {.flush_input_f16 = VM_FP_INPUT_SILENT};
    EXPECT(flush, 0, 1, vm_f16_add(1, 0, &env));
    EXPECT(f16, 0, 0x8000, vm_f16_add(0x8001, 0x8000, &env));
    EXPECT(f16, 0, true, vm_f16_eq(1, 0, &env));
    EXPECT(f16, 0, TINY, vm_f32_add(TINY, ZERO, &env));
}

// 2^-127 is exact. (1 - 2^-26) * 2^-126 rounds up to a normal number even with 24 bits below it: it
// is tiny before rounding only; (1 - 2^-24) * 2^-126 is tiny after it as well.
static void tiny_results(void **state)
{
    (void)state;
    const uint32_t min_normal = 0x00800000, half = 0x3f000000, below_one = 0x3f7fffff;
    const uint32_t x = 0x00800400, y = 0x3f7ff800; // (1 + 2^-13) * 2^-126, 1 - 2^-13
    const unsigned UF = VM_FP_UF, NX = VM_FP_NX;
    const struct vm_fp_env riscv = {0}, arm = {.nan = VM_FP_NAN_ARM, .tininess_before = 1};
    struct vm_fp_env fz = arm, ftz = env_of(X86);
    fz.flush_output = fz.flush_output_f16 = VM_FP_OUTPUT_FLUSH;
    ftz.flush_output = VM_FP_OUTPUT_X86;
    EXPECT(riscv, 0, 0x00400000, vm_f32_mul(min_normal, half, &env));
    EXPECT(arm, 0, 0x00400000, vm_f32_mul(min_normal, half, &env));
    EXPECT(fz, UF, ZERO, vm_f32_mul(min_normal, half, &env));
    EXPECT(ftz, UF | NX, NEG(ZERO), vm_f32_mul(NEG(min_normal), half, &env));
    EXPECT(riscv, UF | NX, min_normal, vm_f32_mul(min_normal, below_one, &env));
    EXPECT(arm, UF | NX, min_normal, vm_f32_mul(min_normal, below_one, &env));
    EXPECT(ftz, UF | NX, ZERO, vm_f32_mul(min_normal, below_one, &env));
    EXPECT(riscv, NX, min_normal, vm_f32_mul(x, y, &env));
    EXPECT(arm, UF | NX, min_normal, vm_f32_mul(x, y, &env));
    EXPECT(fz, UF, NEG(ZERO), vm_f32_mul(x, NEG(y), &env));
    EXPECT(ftz, NX, min_normal, vm_f32_mul(x, y, &env));
    EXPECT(riscv, NX, min_normal, vm_f32_fma(x, y, ZERO, &env));
    EXPECT(arm, UF | NX, min_normal, vm_f32_fma(x, y, ZERO, &env));
    // A binary16 result of a conversion is not flushed; one of arithmetic is, and a bfloat16.
    EXPECT(fz, 0, 0x0200, vm_f32_to_f16(0x38000000, &env));
    EXPECT(ftz, 0, 0x0200, vm_f64_to_f16(0x3f00000000000000, &env));
    EXPECT(fz, UF, 0, vm_f16_mul(0x0400, 0x3800, &env));
    fz.flush_output_f16 = VM_FP_OUTPUT_KEEP;
    EXPECT(fz, 0, 0x0200, vm_f16_mul(0x0400, 0x3800, &env));
    EXPECT(fz, UF, ZERO, vm_f32_mul(min_normal, half, &env));
    EXPECT(ftz, UF | NX, 0, vm_f32_to_bf16(0x00400000, &env));
}

// ARM FPRounding_ODD: FCVTXN. Overflow stops at the largest number.
static void round_to_odd(void **state)
{
    (void)state;
    const struct vm_fp_env odd = {.round = VM_FP_ODD};
    EXPECT(odd, VM_FP_OF | VM_FP_NX, HUGE, vm_f64_to_f32(0x7fefffffffffffff, &env));
    EXPECT(odd, VM_FP_NX, 0x3f800001, vm_f64_to_f32(0x3ff0000000000001, &env));
    EXPECT(odd, VM_FP_NX, 0x3f800001, vm_f64_to_f32(0x3ff000003fffffff, &env));
    EXPECT(odd, VM_FP_NX | VM_FP_UF, NEG(TINY), vm_f64_to_f32(0x8000000000000001, &env));
    EXPECT(odd, 0, ONE, vm_f64_to_f32(0x3ff0000000000000, &env));
}

static void flags_accumulate(void **state)
{
    (void)state;
    struct vm_fp_env env = {.flags = VM_FP_OF};
    vm_f32_div(ONE, ZERO, &env);
    assert_int_equal(env.flags, VM_FP_OF | VM_FP_DZ);
    vm_f32_add(ONE, ONE, &env);
    assert_int_equal(env.flags, VM_FP_OF | VM_FP_DZ);
    vm_f32_add(ONE, TINY, &env);
    assert_int_equal(env.flags, VM_FP_OF | VM_FP_DZ | VM_FP_NX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conversions_to_integers),
        cmocka_unit_test(modular_conversion),
        cmocka_unit_test(infinity_and_zero_between_formats),
        cmocka_unit_test(subnormal_operands),
        cmocka_unit_test(tiny_results),
        cmocka_unit_test(round_to_odd),
        cmocka_unit_test(flags_accumulate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
