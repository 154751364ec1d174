// SPDX-License-Identifier: MIT
//
// softfloat's binary32, binary64 and bfloat16 against MPFR: the exact result (or, for quotients and
// roots, 300 bits of it and a sticky one), rounded to an integer number of units in the last place.
// All six roundings, both rules of tininess, all rules of flushing results. Operands are finite;
// NaNs and infinities are test_softfloat_rules' and test_softfloat_host's.
#include <stdio.h>

#if defined(TRINE_HAVE_MPFR)

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <mpfr.h>

#include <vm/base/softfloat.h>

#include "softfloat_operands.h"

// Enough for every sum of a product of binary64 and a binary64.
enum { EXACT_BITS = 4400, QUOTIENT_BITS = 300 };

struct answer {
    uint64_t value;
    unsigned flags;
};

static int bias_of(struct layout f)
{
    return (1 << (f.exp_bits - 1)) - 1;
}

static uint64_t magnitude_of(struct layout f, uint64_t a)
{
    return a & ((1ull << (f.exp_bits + f.frac_bits)) - 1);
}

static uint64_t inf_of(struct layout f)
{
    return ((1ull << f.exp_bits) - 1) << f.frac_bits;
}

static bool is_finite(struct layout f, uint64_t a)
{
    return magnitude_of(f, a) < inf_of(f);
}

static uint64_t sign_of(struct layout f, bool negative)
{
    return (uint64_t)negative << (f.exp_bits + f.frac_bits);
}

static void set_operand(mpfr_t x, struct layout f, uint64_t a)
{
    int exp = (int)(magnitude_of(f, a) >> f.frac_bits);
    uint64_t one = 1ull << f.frac_bits, m = (a & (one - 1)) | (exp ? one : 0);
    mpfr_set_ui_2exp(x, m, (exp ? exp : 1) - bias_of(f) - (int)f.frac_bits, MPFR_RNDZ);
    if (a & sign_of(f, true))
        mpfr_neg(x, x, MPFR_RNDZ);
}

// x rounded to an integer; whether x was one.
static bool round_integer(mpfr_t r, const mpfr_t x, unsigned round)
{
    switch (round) {
    case VM_FP_RNE: mpfr_rint(r, x, MPFR_RNDN); break;
    case VM_FP_RDN: mpfr_floor(r, x); break;
    case VM_FP_RUP: mpfr_ceil(r, x); break;
    case VM_FP_RMM: mpfr_round(r, x); break;
    default: mpfr_trunc(r, x); break;
    }
    if (round == VM_FP_ODD && !mpfr_integer_p(x)) {
        mpfr_t half;
        mpfr_init2(half, mpfr_get_prec(r));
        mpfr_div_2ui(half, r, 1, MPFR_RNDZ);
        if (mpfr_integer_p(half))
            mpfr_rint(r, x, MPFR_RNDA);
        mpfr_clear(half);
    }
    return mpfr_integer_p(x);
}

// x in units of 2^unit, rounded.
static bool round_units(mpfr_t r, const mpfr_t x, long unit, unsigned round)
{
    mpfr_t scaled_x;
    mpfr_init2(scaled_x, mpfr_get_prec(x));
    mpfr_mul_2si(scaled_x, x, -unit, MPFR_RNDZ);
    bool exact = round_integer(r, scaled_x, round);
    mpfr_clear(scaled_x);
    return exact;
}

// Tininess of x, whose leading bit counts 2^lead, in a format whose normals start at 2^least.
static bool is_tiny(const mpfr_t x, long lead, long least, struct layout f,
                    const struct vm_fp_env *env)
{
    mpfr_t r;
    if (env->tininess_before || lead >= least)
        return lead < least;
    mpfr_init2(r, EXACT_BITS);
    round_units(r, x, lead - (long)f.frac_bits, env->round);
    bool tiny = mpfr_get_exp(r) + lead - (long)f.frac_bits - 1 < least;
    mpfr_clear(r);
    return tiny;
}

static struct answer overflowed(struct layout f, bool negative, unsigned round)
{
    bool to_inf = round == VM_FP_RNE || round == VM_FP_RMM || (round == VM_FP_RUP && !negative) ||
                  (round == VM_FP_RDN && negative);
    return (struct answer){sign_of(f, negative) | (to_inf ? inf_of(f) : inf_of(f) - 1),
                           VM_FP_OF | VM_FP_NX};
}

// An exact zero can only be a sum of opposite numbers here.
static struct answer rounded(const mpfr_t x, struct layout f, const struct vm_fp_env *env)
{
    if (mpfr_zero_p(x))
        return (struct answer){sign_of(f, env->round == VM_FP_RDN), 0};
    bool negative = mpfr_sgn(x) < 0;
    long lead = mpfr_get_exp(x) - 1, least = 1 - bias_of(f);
    bool tiny = is_tiny(x, lead, least, f, env);
    if (env->flush_output == VM_FP_OUTPUT_FLUSH && lead < least)
        return (struct answer){sign_of(f, negative), VM_FP_UF};
    if (env->flush_output == VM_FP_OUTPUT_X86 && tiny)
        return (struct answer){sign_of(f, negative), VM_FP_UF | VM_FP_NX};
    if (lead > bias_of(f))
        return overflowed(f, negative, env->round);

    long unit = (lead < least ? least : lead) - (long)f.frac_bits;
    mpfr_t r;
    mpfr_init2(r, EXACT_BITS);
    bool exact = round_units(r, x, unit, env->round);
    mpfr_abs(r, r, MPFR_RNDZ);
    // The units' exponent counts from the subnormals' 0; the integer bit of r adds the rest.
    uint64_t base = (uint64_t)(unit + (long)f.frac_bits - least) << f.frac_bits;
    uint64_t value = base + mpfr_get_ui(r, MPFR_RNDZ);
    mpfr_clear(r);
    if (value >= inf_of(f))
        return overflowed(f, negative, env->round);
    return (struct answer){sign_of(f, negative) | value,
                           exact ? 0 : VM_FP_NX | (tiny ? VM_FP_UF : 0u)};
}

// What MPFR cut off (`ternary` is not 0) becomes a bit that no rounding can mistake for a tie.
static void make_sticky(mpfr_t x, int ternary)
{
    if (ternary && mpfr_sgn(x) > 0)
        mpfr_nextabove(x);
    else if (ternary)
        mpfr_nextbelow(x);
}

enum function { ADD, SUB, MUL, DIV, SQRT, FMA };

static void compute(mpfr_t r, enum function function, const mpfr_t v[3])
{
    switch (function) {
    case ADD: mpfr_add(r, v[0], v[1], MPFR_RNDZ); break;
    case SUB: mpfr_sub(r, v[0], v[1], MPFR_RNDZ); break;
    case MUL: mpfr_mul(r, v[0], v[1], MPFR_RNDZ); break;
    case DIV: make_sticky(r, mpfr_div(r, v[0], v[1], MPFR_RNDZ)); break;
    case SQRT: make_sticky(r, mpfr_sqrt(r, v[0], MPFR_RNDZ)); break;
    case FMA: mpfr_fma(r, v[0], v[1], v[2], MPFR_RNDZ); break;
    }
}

static uint64_t call_f32(enum function function, const uint64_t v[3], struct vm_fp_env *env)
{
    const uint32_t a = (uint32_t)v[0], b = (uint32_t)v[1], c = (uint32_t)v[2];
    switch (function) {
    case ADD: return vm_f32_add(a, b, env);
    case SUB: return vm_f32_sub(a, b, env);
    case MUL: return vm_f32_mul(a, b, env);
    case DIV: return vm_f32_div(a, b, env);
    case SQRT: return vm_f32_sqrt(a, env);
    default: return vm_f32_fma(a, b, c, env);
    }
}

static uint64_t call_f64(enum function function, const uint64_t v[3], struct vm_fp_env *env)
{
    switch (function) {
    case ADD: return vm_f64_add(v[0], v[1], env);
    case SUB: return vm_f64_sub(v[0], v[1], env);
    case MUL: return vm_f64_mul(v[0], v[1], env);
    case DIV: return vm_f64_div(v[0], v[1], env);
    case SQRT: return vm_f64_sqrt(v[0], env);
    default: return vm_f64_fma(v[0], v[1], v[2], env);
    }
}

static struct vm_fp_env draw_env(uint64_t *seed)
{
    uint64_t r = random_below(seed, 6 * 2 * 4);
    // Half of the cases keep tiny results.
    const uint8_t flush[] = {VM_FP_OUTPUT_KEEP, VM_FP_OUTPUT_KEEP, VM_FP_OUTPUT_FLUSH,
                             VM_FP_OUTPUT_X86};
    return (struct vm_fp_env){.round = (uint8_t)(r % 6),
                              .tininess_before = (uint8_t)(r / 6 % 2),
                              .flush_output = flush[r / 12]};
}

static void check(const char *name, const uint64_t v[3], struct vm_fp_env start, struct answer want,
                  uint64_t got, unsigned flags)
{
    if (want.value == got && want.flags == flags)
        return;
    fail_msg("%s %#llx %#llx %#llx, round %u before %u flush %u: %#llx flags %#x, "
             "MPFR %#llx flags %#x",
             name, (unsigned long long)v[0], (unsigned long long)v[1], (unsigned long long)v[2],
             start.round, start.tininess_before, start.flush_output, (unsigned long long)got, flags,
             (unsigned long long)want.value, want.flags);
}

static const struct {
    const char *name;
    unsigned operands;
} functions[] = {[ADD] = {"add", 2}, [SUB] = {"sub", 2},   [MUL] = {"mul", 2},
                 [DIV] = {"div", 2}, [SQRT] = {"sqrt", 1}, [FMA] = {"fma", 3}};

// Draws finite, non-zero operands; false if these are not.
static bool draw_operands(uint64_t *seed, struct layout f, enum function function, uint64_t v[3])
{
    hard_triple(seed, f, v);
    if (function == SQRT)
        v[0] = magnitude_of(f, v[0]);
    for (unsigned i = 0; i < functions[function].operands; i++) {
        if (!is_finite(f, v[i]) || magnitude_of(f, v[i]) == 0)
            return false;
    }
    return true;
}

static void check_function(enum function function, struct layout f)
{
    uint64_t seed = 6, count = scaled(500000);
    mpfr_t x[3], r;
    mpfr_inits2(64, x[0], x[1], x[2], (mpfr_ptr)0);
    mpfr_init2(r, function == DIV || function == SQRT ? QUOTIENT_BITS : EXACT_BITS);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t v[3];
        if (!draw_operands(&seed, f, function, v))
            continue;
        struct vm_fp_env start = draw_env(&seed), env = start;
        for (unsigned k = 0; k < functions[function].operands; k++)
            set_operand(x[k], f, v[k]);
        compute(r, function, (const mpfr_t *)x);
        uint64_t got =
            f.frac_bits == 52 ? call_f64(function, v, &env) : call_f32(function, v, &env);
        check(functions[function].name, v, start, rounded(r, f, &start), got, env.flags);
    }
    mpfr_clears(x[0], x[1], x[2], r, (mpfr_ptr)0);
}

static void arithmetic_is_exact(void **state)
{
    (void)state;
    for (enum function function = ADD; function <= FMA; function++) {
        check_function(function, LAYOUT_F32);
        check_function(function, LAYOUT_F64);
    }
}

// Between formats, and from integers: `a` is a number in `from`, or an integer.
static void check_conversion(const char *name, uint64_t a, const mpfr_t x, struct layout to,
                             uint64_t *seed, uint64_t (*call)(uint64_t, struct vm_fp_env *))
{
    struct vm_fp_env start = draw_env(seed), env = start;
    const uint64_t v[3] = {a, 0, 0};
    struct answer want = mpfr_zero_p(x) ? (struct answer){0, 0} : rounded(x, to, &start);
    uint64_t got = call(a, &env);
    check(name, v, start, want, got, env.flags);
}

#define CALL(NAME, EXPRESSION)                                     \
    static uint64_t call_##NAME(uint64_t a, struct vm_fp_env *env) \
    {                                                              \
        return (EXPRESSION);                                       \
    }

CALL(f64_to_f32, vm_f64_to_f32(a, env))
CALL(f32_to_f64, vm_f32_to_f64((uint32_t)a, env))
CALL(f32_to_bf16, vm_f32_to_bf16((uint32_t)a, env))
CALL(bf16_to_f32, vm_bf16_to_f32((uint16_t)a, env))
CALL(f32_from_i64, vm_f32_from_i64((int64_t)a, env))
CALL(f64_from_i64, vm_f64_from_i64((int64_t)a, env))
CALL(f32_from_u64, vm_f32_from_u64(a, env))
CALL(f64_from_u64, vm_f64_from_u64(a, env))
CALL(f32_from_i32, vm_f32_from_i32((int32_t)a, env))
CALL(f64_from_u32, vm_f64_from_u32((uint32_t)a, env))

static void check_format_conversion(const char *name, struct layout from, struct layout to,
                                    uint64_t (*call)(uint64_t, struct vm_fp_env *))
{
    uint64_t seed = 7, count = scaled(300000);
    mpfr_t x;
    mpfr_init2(x, 64);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t a = hard_operand(&seed, from, 0);
        if (!is_finite(from, a) || magnitude_of(from, a) == 0)
            continue;
        set_operand(x, from, a);
        check_conversion(name, a, x, to, &seed, call);
    }
    mpfr_clear(x);
}

static void format_conversions_are_exact(void **state)
{
    (void)state;
    check_format_conversion("f64_to_f32", LAYOUT_F64, LAYOUT_F32, call_f64_to_f32);
    check_format_conversion("f32_to_f64", LAYOUT_F32, LAYOUT_F64, call_f32_to_f64);
    check_format_conversion("f32_to_bf16", LAYOUT_F32, LAYOUT_BF16, call_f32_to_bf16);
    check_format_conversion("bf16_to_f32", LAYOUT_BF16, LAYOUT_F32, call_bf16_to_f32);
}

static void conversions_from_integers_are_exact(void **state)
{
    (void)state;
    uint64_t seed = 8, count = scaled(300000);
    mpfr_t x;
    mpfr_init2(x, 64);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t a = hard_integer(&seed);
        mpfr_set_si(x, (int64_t)a, MPFR_RNDZ);
        check_conversion("f32_from_i64", a, x, LAYOUT_F32, &seed, call_f32_from_i64);
        check_conversion("f64_from_i64", a, x, LAYOUT_F64, &seed, call_f64_from_i64);
        mpfr_set_ui(x, a, MPFR_RNDZ);
        check_conversion("f32_from_u64", a, x, LAYOUT_F32, &seed, call_f32_from_u64);
        check_conversion("f64_from_u64", a, x, LAYOUT_F64, &seed, call_f64_from_u64);
        mpfr_set_si(x, (int32_t)a, MPFR_RNDZ);
        check_conversion("f32_from_i32", a, x, LAYOUT_F32, &seed, call_f32_from_i32);
        mpfr_set_ui(x, (uint32_t)a, MPFR_RNDZ);
        check_conversion("f64_from_u32", a, x, LAYOUT_F64, &seed, call_f64_from_u32);
    }
    mpfr_clear(x);
}

// Saturated by RISC-V's rule. r is x rounded.
static struct answer want_integer(const mpfr_t r, bool exact, bool is_signed, unsigned bits)
{
    uint64_t ones = UINT64_MAX >> (64 - bits);
    uint64_t most = is_signed ? ones >> 1 : ones, least = is_signed ? ~(ones >> 1) : 0;
    if (mpfr_cmp_ui(r, most) > 0)
        return (struct answer){most, VM_FP_NV};
    if (mpfr_cmp_si(r, (int64_t)least) < 0)
        return (struct answer){least, VM_FP_NV};
    uint64_t value =
        mpfr_sgn(r) < 0 ? (uint64_t)mpfr_get_si(r, MPFR_RNDZ) : mpfr_get_ui(r, MPFR_RNDZ);
    return (struct answer){value, exact ? 0 : VM_FP_NX};
}

static void check_to_integers(uint64_t a, const mpfr_t r, bool exact, struct vm_fp_env start)
{
    const enum vm_fp_int_rule rule = VM_FP_INT_RISCV;
    const uint64_t v[3] = {a, 0, 0};
    struct vm_fp_env e[4] = {start, start, start, start};
    uint64_t i32 = (uint64_t)(int64_t)vm_f64_to_i32(a, &e[0], rule);
    uint64_t i64 = (uint64_t)vm_f64_to_i64(a, &e[1], rule);
    uint64_t u32 = vm_f64_to_u32(a, &e[2], rule), u64 = vm_f64_to_u64(a, &e[3], rule);
    check("to_i32", v, start, want_integer(r, exact, true, 32), i32, e[0].flags);
    check("to_i64", v, start, want_integer(r, exact, true, 64), i64, e[1].flags);
    check("to_u32", v, start, want_integer(r, exact, false, 32), u32, e[2].flags);
    check("to_u64", v, start, want_integer(r, exact, false, 64), u64, e[3].flags);
}

// The value mod 2^32, flags as for int32_t.
static struct answer want_modular(const mpfr_t truncated, bool exact)
{
    struct answer want = want_integer(truncated, exact, true, 32);
    mpz_t z;
    mpz_init(z);
    mpfr_get_z(z, truncated, MPFR_RNDZ);
    mpz_fdiv_r_2exp(z, z, 32);
    want.value = (uint64_t)(int32_t)(uint32_t)mpz_get_ui(z);
    mpz_clear(z);
    return want;
}

static void conversions_to_integers_are_exact(void **state)
{
    (void)state;
    uint64_t seed = 9, count = scaled(300000);
    mpfr_t x, r;
    mpfr_inits2(64, x, r, (mpfr_ptr)0);
    for (uint64_t i = 0; i < count; i++) {
        // Half of them from 2^-2 to 2^126, so that few are out of every range.
        uint64_t a = hard_operand(&seed, LAYOUT_F64, 1055ull << 52);
        a = i % 2 ? a : (a & ~(0x7ffull << 52)) | (1021 + (a >> 52) % 128) << 52;
        if (!is_finite(LAYOUT_F64, a))
            continue;
        struct vm_fp_env start = draw_env(&seed), env = start;
        const uint64_t v[3] = {a, 0, 0};
        set_operand(x, LAYOUT_F64, a);
        bool exact = round_integer(r, x, start.round);
        check_to_integers(a, r, exact, start);
        struct answer want = {sign_of(LAYOUT_F64, a >> 63), 0};
        if (!mpfr_zero_p(r))
            want = rounded(r, LAYOUT_F64, &start);
        want.flags = exact ? 0 : VM_FP_NX;
        uint64_t got = vm_f64_round_to_integral(a, &env, true);
        check("round_to_integral", v, start, want, got, env.flags);
        round_integer(r, x, VM_FP_RTZ);
        env = start;
        got = (uint64_t)vm_f64_to_i32_modular(a, &env);
        check("to_i32_modular", v, start, want_modular(r, exact), got, env.flags);
    }
    mpfr_clears(x, r, (mpfr_ptr)0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(format_conversions_are_exact),
        cmocka_unit_test(conversions_from_integers_are_exact),
        cmocka_unit_test(conversions_to_integers_are_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("SKIP: built without MPFR and GMP (Debian: libmpfr-dev)\n");
    return 77; // Meson's code for a skipped test
}

#endif
