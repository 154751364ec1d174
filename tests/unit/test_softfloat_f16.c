// SPDX-License-Identifier: MIT
//
// softfloat's binary16 against exact arithmetic: every finite binary16 number, sum, product and
// a*b+c is a multiple of 2^-60 below 2^34, so that a 128-bit integer holds it. All six roundings,
// both rules of tininess and all three rules of flushing. Unary functions run over all 65536
// operands, the others over all first operands with sampled others.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vm/base/softfloat.h>

#include "softfloat_operands.h"

typedef unsigned __int128 u128;

enum { INF = 0x7c00, NAN16 = 0x7e00, LARGEST = 0x7bff, SIGN = 0x8000, UNIT = 60 };

// (-1)^sign * (v + something below 1 if sticky) * 2^-UNIT.
struct exact {
    bool sign, sticky;
    u128 v;
};

struct answer {
    uint64_t value;
    unsigned flags;
};

static u128 power(int exp)
{
    return (u128)1 << (UNIT + exp);
}

// The value of a magnitude in units of 2^-UNIT; INF counts as 2^16.
static u128 value_of(unsigned m)
{
    unsigned exp = m >> 10, frac = m & 0x3ff;
    return (exp ? (u128)(frac | 0x400) << (exp - 1) : frac) << (UNIT - 24);
}

static struct exact exact_of(uint16_t a)
{
    return (struct exact){a & SIGN, false, value_of(a & ~SIGN & 0xffff)};
}

static bool is_nan(uint16_t a)
{
    return (a & 0x7fff) > INF;
}

static bool is_snan(uint16_t a)
{
    return is_nan(a) && !(a & 0x200);
}

static bool is_inf(uint16_t a)
{
    return (a & 0x7fff) == INF;
}

static bool is_zero(uint16_t a)
{
    return (a & 0x7fff) == 0;
}

// Whether x, strictly between two neighbours, goes to the one that is larger in magnitude.
static bool goes_up(struct exact x, u128 low, u128 high, bool low_is_odd, unsigned round)
{
    u128 below = x.v - low, above = high - x.v;
    switch (round) {
    case VM_FP_RTZ: return false;
    case VM_FP_RDN: return x.sign;
    case VM_FP_RUP: return !x.sign;
    case VM_FP_ODD: return !low_is_odd;
    default: break;
    }
    if (below != above || x.sticky)
        return below >= above;
    return round == VM_FP_RMM || low_is_odd;
}

static bool is_tiny(struct exact x, const struct vm_fp_env *env)
{
    // The last number below 2^-14 that a binary16 without exponent limit would have.
    u128 last = power(-14) - power(-25);
    if (x.v >= power(-14))
        return false;
    if (env->tininess_before || x.v < last || (x.v == last && !x.sticky))
        return true;
    return !goes_up(x, last, power(-14), true, env->round);
}

static struct answer overflowed(bool sign, unsigned round)
{
    bool to_inf = round == VM_FP_RNE || round == VM_FP_RMM || (round == VM_FP_RUP && !sign) ||
                  (round == VM_FP_RDN && sign);
    return (struct answer){(to_inf ? INF : LARGEST) | (sign ? SIGN : 0), VM_FP_OF | VM_FP_NX};
}

// x is not zero.
static struct answer rounded(struct exact x, const struct vm_fp_env *env)
{
    unsigned sign = x.sign ? SIGN : 0, low = 0, past = INF;
    if (env->flush_output_f16 == VM_FP_OUTPUT_FLUSH && x.v < power(-14))
        return (struct answer){sign, VM_FP_UF};
    if (env->flush_output_f16 == VM_FP_OUTPUT_X86 && is_tiny(x, env))
        return (struct answer){sign, VM_FP_UF | VM_FP_NX};
    if (x.v >= power(16))
        return overflowed(x.sign, env->round);
    while (past - low > 1) {
        unsigned middle = (low + past) / 2;
        if (value_of(middle) <= x.v)
            low = middle;
        else
            past = middle;
    }
    if (x.v == value_of(low) && !x.sticky)
        return (struct answer){sign | low, 0};
    unsigned m = low + goes_up(x, value_of(low), value_of(low + 1), low & 1, env->round);
    if (m == INF)
        return overflowed(x.sign, env->round);
    return (struct answer){sign | m, VM_FP_NX | (is_tiny(x, env) ? VM_FP_UF : 0u)};
}

static struct answer invalid(void)
{
    return (struct answer){NAN16, VM_FP_NV};
}

static struct answer sum(struct exact x, struct exact y, const struct vm_fp_env *env)
{
    struct exact r = {x.sign, false, x.v + y.v};
    if (x.sign != y.sign)
        r = x.v > y.v ? (struct exact){x.sign, false, x.v - y.v}
                      : (struct exact){y.sign, false, y.v - x.v};
    if (r.v == 0)
        r.sign = x.sign == y.sign ? x.sign : env->round == VM_FP_RDN;
    return r.v ? rounded(r, env) : (struct answer){r.sign ? SIGN : 0, 0};
}

// c may be an infinity or zero of either sign; a and b are numbers.
static struct answer want_fma(uint16_t a, uint16_t b, uint16_t c, const struct vm_fp_env *env)
{
    bool sign = (a ^ b) & SIGN, product_inf = is_inf(a) || is_inf(b);
    if (product_inf && (is_zero(a) || is_zero(b)))
        return invalid();
    if (is_nan(a) || is_nan(b) || is_nan(c))
        return (struct answer){NAN16, is_snan(a) || is_snan(b) || is_snan(c) ? VM_FP_NV : 0};
    if (product_inf && is_inf(c) && (c & SIGN) != (sign ? SIGN : 0))
        return invalid();
    if (product_inf)
        return (struct answer){INF | (sign ? SIGN : 0), 0};
    if (is_inf(c))
        return (struct answer){c, 0};
    struct exact x = exact_of(a), y = exact_of(b);
    struct exact p = {sign, false, (x.v >> (UNIT - 24)) * (y.v >> (UNIT - 24)) << (UNIT - 48)};
    return sum(p, exact_of(c), env);
}

static struct answer want_add(uint16_t a, uint16_t b, const struct vm_fp_env *env)
{
    return want_fma(a, 0x3c00, b, env); // a * 1 + b
}

static struct answer want_mul(uint16_t a, uint16_t b, const struct vm_fp_env *env)
{
    return want_fma(a, b, (a ^ b) & SIGN, env); // a * b + a zero of its own sign
}

static struct answer want_div(uint16_t a, uint16_t b, const struct vm_fp_env *env)
{
    unsigned sign = (a ^ b) & SIGN;
    if (is_nan(a) || is_nan(b))
        return (struct answer){NAN16, is_snan(a) || is_snan(b) ? VM_FP_NV : 0};
    if ((is_inf(a) && is_inf(b)) || (is_zero(a) && is_zero(b)))
        return invalid();
    if (is_inf(a) || is_zero(b))
        return (struct answer){sign | INF, is_inf(a) ? 0 : VM_FP_DZ};
    if (is_zero(a) || is_inf(b))
        return (struct answer){sign, 0};
    u128 n = value_of(a & 0x7fff) >> (UNIT - 24) << UNIT, d = value_of(b & 0x7fff) >> (UNIT - 24);
    return rounded((struct exact){sign, n % d != 0, n / d}, env);
}

static struct answer want_sqrt(uint16_t a, const struct vm_fp_env *env)
{
    if (is_nan(a))
        return (struct answer){NAN16, is_snan(a) ? VM_FP_NV : 0};
    if (is_zero(a))
        return (struct answer){a, 0};
    if (a & SIGN)
        return invalid();
    if (is_inf(a))
        return (struct answer){a, 0};
    u128 n = value_of(a) << 12, root = 0; // the root in units of 2^-36
    for (u128 bit = (u128)1 << 50; bit; bit >>= 1)
        root |= (root | bit) * (root | bit) <= n ? bit : 0;
    return rounded((struct exact){false, root * root != n, root << (UNIT - 36)}, env);
}

// An integer in x's format, by goes_up.
static uint64_t integer_of(struct exact x, unsigned round, bool *inexact)
{
    uint64_t low = (uint64_t)(x.v >> UNIT);
    *inexact = x.v != (u128)low << UNIT;
    return low +
           (*inexact && goes_up(x, (u128)low << UNIT, (u128)(low + 1) << UNIT, low & 1, round));
}

static struct answer want_integral(uint16_t a, const struct vm_fp_env *env)
{
    bool inexact;
    if (is_nan(a))
        return (struct answer){NAN16, is_snan(a) ? VM_FP_NV : 0};
    if (is_inf(a) || is_zero(a))
        return (struct answer){a, 0};
    struct exact x = exact_of(a);
    x.v = (u128)integer_of(x, env->round, &inexact) << UNIT;
    struct answer r = x.v ? rounded(x, env) : (struct answer){a & SIGN, 0};
    return (struct answer){r.value, inexact ? VM_FP_NX : 0};
}

// RISC-V's rule; the limits are the type's.
static struct answer want_integer(uint16_t a, unsigned round, uint64_t most, uint64_t least)
{
    bool inexact = false, sign = a & SIGN && !is_nan(a);
    uint64_t limit = sign ? least : most;
    uint64_t m = is_nan(a) || is_inf(a) ? 0 : integer_of(exact_of(a), round, &inexact);
    if (is_nan(a) || is_inf(a) || m > limit)
        return (struct answer){sign ? -limit : limit, VM_FP_NV};
    return (struct answer){sign ? -m : m, inexact ? VM_FP_NX : 0};
}

static void check(const char *name, uint64_t a, uint64_t b, uint64_t c, struct vm_fp_env start,
                  struct answer want, uint64_t got, const struct vm_fp_env *end)
{
    if (want.value == got && want.flags == end->flags)
        return;
    fail_msg("f16 %s %#llx %#llx %#llx, round %u before %u flush %u: %#llx flags %#x, "
             "exactly %#llx flags %#x",
             name, (unsigned long long)a, (unsigned long long)b, (unsigned long long)c, start.round,
             start.tininess_before, start.flush_output_f16, (unsigned long long)got, end->flags,
             (unsigned long long)want.value, want.flags);
}

#define CHECK(NAME, A, B, C, ENV, WANT, CALL)       \
    do {                                            \
        struct vm_fp_env env = (ENV);               \
        uint64_t got = (CALL);                      \
        check(NAME, A, B, C, ENV, WANT, got, &env); \
    } while (0)

// The 36 environments.
static struct vm_fp_env env_number(unsigned n)
{
    return (struct vm_fp_env){.round = (uint8_t)(n % 6),
                              .tininess_before = (uint8_t)(n / 6 % 2),
                              .flush_output_f16 = (uint8_t)(n / 12 % 3)};
}

enum { ENVIRONMENTS = 36 };

static void unary_functions_are_exact(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ENVIRONMENTS; n++) {
        const struct vm_fp_env e = env_number(n);
        for (uint32_t i = 0; i < 0x10000; i++) {
            uint16_t a = (uint16_t)i;
            struct answer integral = want_integral(a, &e), quiet = integral;
            quiet.flags &= VM_FP_NV;
            CHECK("sqrt", a, 0, 0, e, want_sqrt(a, &e), vm_f16_sqrt(a, &env));
            CHECK("rint", a, 0, 0, e, integral, vm_f16_round_to_integral(a, &env, true));
            CHECK("nearbyint", a, 0, 0, e, quiet, vm_f16_round_to_integral(a, &env, false));
        }
    }
}

static void integers_are_exact(void **state)
{
    (void)state;
    const enum vm_fp_int_rule rule = VM_FP_INT_RISCV;
    for (unsigned n = 0; n < 6; n++) {
        const struct vm_fp_env e = env_number(n);
        for (uint32_t i = 0; i < 0x10000; i++) {
            uint16_t a = (uint16_t)i;
            struct answer i32 = want_integer(a, n, INT32_MAX, (uint64_t)1 << 31);
            struct answer i64 = want_integer(a, n, INT64_MAX, (uint64_t)1 << 63);
            struct answer u32 = want_integer(a, n, UINT32_MAX, 0);
            struct answer u64 = want_integer(a, n, UINT64_MAX, 0);
            CHECK("to_i32", a, 0, 0, e, i32, (uint64_t)(int64_t)vm_f16_to_i32(a, &env, rule));
            CHECK("to_i64", a, 0, 0, e, i64, (uint64_t)vm_f16_to_i64(a, &env, rule));
            CHECK("to_u32", a, 0, 0, e, u32, vm_f16_to_u32(a, &env, rule));
            CHECK("to_u64", a, 0, 0, e, u64, vm_f16_to_u64(a, &env, rule));
        }
        for (int32_t i = -70000; i <= 70000; i++) {
            struct exact x = {i < 0, false, (u128)(i < 0 ? -i : i) << UNIT};
            struct answer want = i ? rounded(x, &e) : (struct answer){0, 0};
            CHECK("from_i32", (uint32_t)i, 0, 0, e, want, vm_f16_from_i32(i, &env));
            CHECK("from_i64", (uint32_t)i, 0, 0, e, want, vm_f16_from_i64(i, &env));
            if (i < 0)
                continue;
            CHECK("from_u32", (uint32_t)i, 0, 0, e, want, vm_f16_from_u32((uint32_t)i, &env));
            CHECK("from_u64", (uint32_t)i, 0, 0, e, want, vm_f16_from_u64((uint32_t)i, &env));
        }
    }
}

static void arithmetic_is_exact(void **state)
{
    (void)state;
    uint64_t seed = 2, count = scaled(16);
    for (uint32_t i = 0; i < 0x10000 * count; i++) {
        uint16_t a = (uint16_t)i, b = (uint16_t)hard_operand(&seed, LAYOUT_F16, a);
        const struct vm_fp_env e = env_number((unsigned)random_below(&seed, ENVIRONMENTS));
        CHECK("add", a, b, 0, e, want_add(a, b, &e), vm_f16_add(a, b, &env));
        if (!is_nan(b))
            CHECK("sub", a, b, 0, e, want_add(a, b ^ SIGN, &e), vm_f16_sub(a, b, &env));
        CHECK("mul", a, b, 0, e, want_mul(a, b, &e), vm_f16_mul(a, b, &env));
        CHECK("div", a, b, 0, e, want_div(a, b, &e), vm_f16_div(a, b, &env));
    }
}

static void fma_is_exact(void **state)
{
    (void)state;
    uint64_t seed = 3, count = scaled(2000000);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t v[3];
        hard_triple(&seed, LAYOUT_F16, v);
        uint16_t a = (uint16_t)v[0], b = (uint16_t)v[1], c = (uint16_t)v[2];
        const struct vm_fp_env e = env_number((unsigned)random_below(&seed, ENVIRONMENTS));
        CHECK("fma", a, b, c, e, want_fma(a, b, c, &e), vm_f16_fma(a, b, c, &env));
    }
}

static void order_is_exact(void **state)
{
    (void)state;
    uint64_t seed = 4, count = scaled(16);
    for (uint32_t i = 0; i < 0x10000 * count; i++) {
        uint16_t a = (uint16_t)i, b = (uint16_t)hard_operand(&seed, LAYOUT_F16, a);
        if (is_nan(a) || is_nan(b))
            continue;
        const struct vm_fp_env e = {0};
        __int128 x = (__int128)value_of(a & 0x7fff), y = (__int128)value_of(b & 0x7fff);
        x = a & SIGN ? -x : x;
        y = b & SIGN ? -y : y;
        bool smaller = x < y || (x == y && a & SIGN);
        uint16_t low = smaller ? a : b, high = smaller ? b : a;
        CHECK("eq", a, b, 0, e, ((struct answer){x == y, 0}), vm_f16_eq(a, b, &env));
        CHECK("lt", a, b, 0, e, ((struct answer){x < y, 0}), vm_f16_lt(a, b, &env));
        CHECK("le", a, b, 0, e, ((struct answer){x <= y, 0}), vm_f16_le(a, b, &env));
        for (unsigned kind = VM_FP_NUMBER_2019; kind < VM_FP_X86; kind++) {
            CHECK("min", a, b, kind, e, ((struct answer){low, 0}), vm_f16_min(a, b, &env, kind));
            CHECK("max", a, b, kind, e, ((struct answer){high, 0}), vm_f16_max(a, b, &env, kind));
        }
    }
}

// A finite number of a wider format; what 2^-UNIT does not hold is sticky.
static struct exact exact_of_wide(struct layout f, uint64_t a)
{
    int bias = (1 << (f.exp_bits - 1)) - 1, exp = (int)(a >> f.frac_bits) & (2 * bias + 1);
    uint64_t one = 1ull << f.frac_bits, m = (a & (one - 1)) | (exp ? one : 0);
    int shift = (exp ? exp : 1) - bias - (int)f.frac_bits + UNIT;
    struct exact x = {a >> (f.exp_bits + f.frac_bits), m != 0, 0};
    if (shift > 60)
        return (struct exact){x.sign, false, power(20)};
    if (shift >= 0)
        return (struct exact){x.sign, false, (u128)m << shift};
    if (shift > -64)
        return (struct exact){x.sign, (m >> -shift) << -shift != m, m >> -shift};
    return x;
}

static struct answer want_narrow(struct layout f, uint64_t a, struct vm_fp_env e)
{
    struct exact x = exact_of_wide(f, a);
    e.flush_output_f16 = VM_FP_OUTPUT_KEEP; // a binary16 result of a conversion is never flushed
    return x.v || x.sticky ? rounded(x, &e) : (struct answer){x.sign ? SIGN : 0, 0};
}

static void check_narrowing(struct layout f, uint64_t a, struct vm_fp_env e)
{
    uint64_t inf = ((1ull << f.exp_bits) - 1) << f.frac_bits;
    struct answer want = want_narrow(f, a, e);
    if ((a & (inf | (inf - 1))) >= inf)
        return;
    if (f.frac_bits == 52)
        CHECK("from f64", a, 0, 0, e, want, vm_f64_to_f16(a, &env));
    else
        CHECK("from f32", a, 0, 0, e, want, vm_f32_to_f16((uint32_t)a, &env));
}

// k * 2^-25 in a wider format that holds it; k is not zero.
static uint64_t wide_of(struct layout f, uint64_t k)
{
    unsigned lead = 63 - (unsigned)__builtin_clzll(k);
    uint64_t bias = (1ull << (f.exp_bits - 1)) - 1;
    uint64_t significand =
        lead > f.frac_bits ? k >> (lead - f.frac_bits) : k << (f.frac_bits - lead);
    return operand_of(f, 0, bias + lead - 25, significand);
}

// Every binary16 number, every midpoint of two, and their neighbours in the wider format.
static void narrowing_is_exact(void **state)
{
    (void)state;
    const struct layout wide[] = {LAYOUT_F32, LAYOUT_F64};
    for (unsigned i = 0; i < 2; i++) {
        struct layout f = wide[i];
        for (uint32_t m = 1; m < 2 * INF; m++) {
            uint64_t k = (uint64_t)((value_of(m / 2) + value_of((m + 1) / 2)) >> (UNIT - 24));
            for (unsigned n = 0; n < 2 * ENVIRONMENTS; n++) {
                uint64_t sign = (uint64_t)(n & 1) << (f.exp_bits + f.frac_bits);
                for (int step = -1; step <= 1; step++)
                    check_narrowing(f, (wide_of(f, k) + (uint64_t)step) | sign, env_number(n / 2));
            }
        }
        uint64_t seed = 5, count = scaled(500000);
        for (uint64_t n = 0; n < count; n++)
            check_narrowing(f, hard_operand(&seed, f, wide_of(f, 1 + n % (1 << 20))),
                            env_number((unsigned)n % ENVIRONMENTS));
    }
}

static void widening_is_exact(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ENVIRONMENTS; n++) {
        const struct vm_fp_env e = env_number(n);
        for (uint32_t m = 1; m < INF; m++) {
            uint64_t k = (uint64_t)(value_of(m) >> (UNIT - 25));
            struct answer f32 = {wide_of(LAYOUT_F32, k), 0}, f64 = {wide_of(LAYOUT_F64, k), 0};
            CHECK("to f32", m, 0, 0, e, f32, vm_f16_to_f32((uint16_t)m, &env));
            CHECK("to f64", m, 0, 0, e, f64, vm_f16_to_f64((uint16_t)m, &env));
            f32.value |= 1ull << 31;
            f64.value |= 1ull << 63;
            CHECK("to f32", m, 1, 0, e, f32, vm_f16_to_f32((uint16_t)(m | SIGN), &env));
            CHECK("to f64", m, 1, 0, e, f64, vm_f16_to_f64((uint16_t)(m | SIGN), &env));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unary_functions_are_exact),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(arithmetic_is_exact),
        cmocka_unit_test(fma_is_exact),
        cmocka_unit_test(order_is_exact),
        cmocka_unit_test(narrowing_is_exact),
        cmocka_unit_test(widening_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
