// SPDX-License-Identifier: MIT
//
// softfloat against the host's own SSE, FMA, F16C and AVX-512 units, bit by bit: results and all
// six MXCSR flags, in the four rounding modes, with and without DAZ and FTZ. Instructions that the
// host lacks are skipped with the cause.
#include <stdio.h>

#if defined(__x86_64__)

#include <cpuid.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <vm/base/softfloat.h>

#include "softfloat_operands.h"

#define MXCSR_DEFAULT 0x1f80u
#define MXCSR_DAZ     0x0040u
#define MXCSR_FTZ     0x8000u
#define MXCSR_FLAGS   0x003fu

struct outcome {
    uint64_t value;
    uint32_t flags; // MXCSR's
};

typedef struct outcome host_fn(const uint64_t v[3], uint32_t mxcsr);
typedef uint64_t soft_fn(const uint64_t v[3], struct vm_fp_env *env);

// What an operand is: a format, or an integer.
enum operand { NONE, F16, F32, F64, INTEGER };

struct operation {
    const char *name;
    host_fn *host;
    soft_fn *soft;
    enum operand operand[3];
    bool dynamic; // reads MXCSR and reports flags
};

// Runs TEXT between loading MXCSR and storing it. R is the type of the result, of class C.
#define HOST(NAME, R, C, TEXT, ...)                                                         \
    static struct outcome host_##NAME(const uint64_t v[3], uint32_t mxcsr) {                \
        const uint32_t normal = MXCSR_DEFAULT;                                              \
        struct outcome o = {0, 0};                                                          \
        R r;                                                                                \
        memset(&r, 0, sizeof r);                                                            \
        __asm__ volatile("ldmxcsr %[in]\n\t" TEXT "\n\tstmxcsr %[out]\n\tldmxcsr %[normal]" \
                         : [r] "+" C(r), [out] "=m"(o.flags)                                \
                         : [in] "m"(mxcsr), [normal] "m"(normal), __VA_ARGS__               \
                         : "cc", "xmm14");                                                  \
        memcpy(&o.value, &r, sizeof r);                                                     \
        o.flags &= MXCSR_FLAGS;                                                             \
        return o;                                                                           \
    }

#define SOFT(NAME, EXPRESSION)                                              \
    static uint64_t soft_##NAME(const uint64_t v[3], struct vm_fp_env *env) \
    {                                                                       \
        return (EXPRESSION);                                                \
    }

static float f32_of(uint64_t v)
{
    float r;
    uint32_t bits = (uint32_t)v;
    memcpy(&r, &bits, sizeof r);
    return r;
}

static double f64_of(uint64_t v)
{
    double r;
    memcpy(&r, &v, sizeof r);
    return r;
}

// Every operation that exists for both formats. X: f32 or f64; T: float or double; S: ss or sd.
#define BINARY(X, T, S, OP)                                                                     \
    HOST(X##_##OP, T, "x", "movaps %[a], %[r]\n\t" #OP #S " %[b], %[r]", [a] "x"(X##_of(v[0])), \
         [b] "x"(X##_of(v[1])))
#define TERNARY(X, T, S, FORM, A, B, C)                                             \
    HOST(X##_fma##FORM, T, "x",                                                     \
         "movaps %[" #A "], %[r]\n\tvfmadd" #FORM #S " %[" #C "], %[" #B "], %[r]", \
         [a] "x"(X##_of(v[0])), [b] "x"(X##_of(v[1])), [c] "x"(X##_of(v[2])))
#define TO_INTEGER(X, S, NAME, R, INSTRUCTION) \
    HOST(X##_##NAME, R, "r", INSTRUCTION " %[a], %[r]", [a] "x"(X##_of(v[0])))
#define FROM_INTEGER(X, T, NAME, I, INSTRUCTION) \
    HOST(X##_##NAME, T, "x", INSTRUCTION, [a] "r"((I)v[0]))
// ZF, PF, CF as the value: 0 greater, 1 less, 4 equal, 7 unordered.
#define RELATION(X, S, NAME)                                                      \
    HOST(X##_##NAME, uint32_t, "r",                                               \
         "xorl %[r], %[r]\n\t" #NAME #S " %[b], %[a]\n\tpushfq\n\tpopq %q[r]\n\t" \
         "andl $0x45, %[r]",                                                      \
         [a] "x"(X##_of(v[0])), [b] "x"(X##_of(v[1])))

#define BOTH_FORMATS(X, T, S)                                                         \
    BINARY(X, T, S, add)                                                              \
    BINARY(X, T, S, sub)                                                              \
    BINARY(X, T, S, mul)                                                              \
    BINARY(X, T, S, div)                                                              \
    BINARY(X, T, S, min)                                                              \
    BINARY(X, T, S, max)                                                              \
    HOST(X##_sqrt, T, "x", "sqrt" #S " %[a], %[r]", [a] "x"(X##_of(v[0])))            \
    TERNARY(X, T, S, 132, a, c, b)                                                    \
    TERNARY(X, T, S, 213, b, a, c)                                                    \
    TERNARY(X, T, S, 231, c, a, b)                                                    \
    HOST(X##_rint, T, "x", "round" #S " $4, %[a], %[r]", [a] "x"(X##_of(v[0])))       \
    HOST(X##_nearbyint, T, "x", "round" #S " $12, %[a], %[r]", [a] "x"(X##_of(v[0]))) \
    RELATION(X, S, ucomi)                                                             \
    RELATION(X, S, comi)                                                              \
    TO_INTEGER(X, S, to_i32, uint32_t, "cvt" #S "2si")                                \
    TO_INTEGER(X, S, to_i64, uint64_t, "cvt" #S "2si")                                \
    TO_INTEGER(X, S, to_u32, uint32_t, "vcvt" #S "2usi")                              \
    TO_INTEGER(X, S, to_u64, uint64_t, "vcvt" #S "2usi")                              \
    FROM_INTEGER(X, T, from_i32, uint32_t, "cvtsi2" #S "l %[a], %[r]")                \
    FROM_INTEGER(X, T, from_i64, uint64_t, "cvtsi2" #S "q %[a], %[r]")                \
    FROM_INTEGER(X, T, from_u32, uint32_t, "vcvtusi2" #S "l %[a], %[r], %[r]")        \
    FROM_INTEGER(X, T, from_u64, uint64_t, "vcvtusi2" #S "q %[a], %[r], %[r]")        \
    SOFT(X##_add, vm_##X##_add(v[0], v[1], env))                                      \
    SOFT(X##_sub, vm_##X##_sub(v[0], v[1], env))                                      \
    SOFT(X##_mul, vm_##X##_mul(v[0], v[1], env))                                      \
    SOFT(X##_div, vm_##X##_div(v[0], v[1], env))                                      \
    SOFT(X##_min, vm_##X##_min(v[0], v[1], env, VM_FP_X86))                           \
    SOFT(X##_max, vm_##X##_max(v[0], v[1], env, VM_FP_X86))                           \
    SOFT(X##_sqrt, vm_##X##_sqrt(v[0], env))                                          \
    SOFT(X##_fma, vm_##X##_fma(v[0], v[1], v[2], env))                                \
    SOFT(X##_rint, vm_##X##_round_to_integral(v[0], env, true))                       \
    SOFT(X##_nearbyint, vm_##X##_round_to_integral(v[0], env, false))                 \
    SOFT(X##_ucomi, x86_relation(vm_##X##_compare(v[0], v[1], env, false)))           \
    SOFT(X##_comi, x86_relation(vm_##X##_compare(v[0], v[1], env, true)))             \
    SOFT(X##_to_i32, (uint32_t)vm_##X##_to_i32(v[0], env, VM_FP_INT_X86))             \
    SOFT(X##_to_i64, (uint64_t)vm_##X##_to_i64(v[0], env, VM_FP_INT_X86))             \
    SOFT(X##_to_u32, vm_##X##_to_u32(v[0], env, VM_FP_INT_X86))                       \
    SOFT(X##_to_u64, vm_##X##_to_u64(v[0], env, VM_FP_INT_X86))                       \
    SOFT(X##_from_i32, vm_##X##_from_i32((int32_t)v[0], env))                         \
    SOFT(X##_from_i64, vm_##X##_from_i64((int64_t)v[0], env))                         \
    SOFT(X##_from_u32, vm_##X##_from_u32((uint32_t)v[0], env))                        \
    SOFT(X##_from_u64, vm_##X##_from_u64(v[0], env))

static uint64_t x86_relation(enum vm_fp_relation r)
{
    const uint8_t flags[] = {[VM_FP_LESS] = 0x01, [VM_FP_EQUAL] = 0x40, [VM_FP_UNORDERED] = 0x45};
    return r == VM_FP_GREATER ? 0 : flags[r];
}

BOTH_FORMATS(f32, float, ss)
BOTH_FORMATS(f64, double, sd)

HOST(f32_to_f64, double, "x", "cvtss2sd %[a], %[r]", [a] "x"(f32_of(v[0])))
HOST(f64_to_f32, float, "x", "cvtsd2ss %[a], %[r]", [a] "x"(f64_of(v[0])))
HOST(f16_to_f32, float, "x",
     "vmovd %[a], %%xmm14\n\tvcvtph2ps %%xmm14, %[r]", [a] "r"((uint32_t)v[0]))
HOST(f32_to_f16, uint32_t, "r",
     "vcvtps2ph $4, %[a], %%xmm14\n\tvmovd %%xmm14, %[r]", [a] "x"(f32_of(v[0])))
HOST(f32_to_bf16, uint32_t, "r",
     "vcvtneps2bf16 %[a], %%xmm14\n\tvmovd %%xmm14, %[r]", [a] "x"(f32_of(v[0])))
SOFT(f32_to_f64, vm_f32_to_f64((uint32_t)v[0], env))
SOFT(f64_to_f32, vm_f64_to_f32(v[0], env))
SOFT(f16_to_f32, vm_f16_to_f32((uint16_t)v[0], env))
SOFT(f32_to_f16, vm_f32_to_f16((uint32_t)v[0], env))
SOFT(f32_to_bf16, vm_f32_to_bf16((uint32_t)v[0], env))

static const struct layout layouts[] = {[F16] = {5, 10}, [F32] = {8, 23}, [F64] = {11, 52}};

static void draw_operands(uint64_t *seed, const struct operation *op, uint64_t v[3])
{
    if (op->operand[2] != NONE) {
        hard_triple(seed, layouts[op->operand[2]], v);
        return;
    }
    uint64_t near = 0;
    for (unsigned i = 0; i < 2 && op->operand[i] != NONE; i++) {
        v[i] = op->operand[i] == INTEGER ? hard_integer(seed)
                                         : hard_operand(seed, layouts[op->operand[i]], near);
        near = v[i];
    }
}

static uint32_t draw_mxcsr(uint64_t *seed)
{
    uint64_t r = random_bits(seed);
    uint32_t mxcsr = MXCSR_DEFAULT | (uint32_t)(r & 3) << 13;
    mxcsr |= (r >> 2 & 3) == 0 ? MXCSR_DAZ : 0;
    return mxcsr | ((r >> 4 & 3) == 0 ? MXCSR_FTZ : 0);
}

static struct vm_fp_env env_of(uint32_t mxcsr)
{
    const uint8_t rounds[] = {VM_FP_RNE, VM_FP_RDN, VM_FP_RUP, VM_FP_RTZ};
    return (struct vm_fp_env){
        .round = rounds[mxcsr >> 13 & 3],
        .nan = VM_FP_NAN_X86,
        .flush_output = mxcsr & MXCSR_FTZ ? VM_FP_OUTPUT_X86 : VM_FP_OUTPUT_KEEP,
        .flush_input = mxcsr & MXCSR_DAZ ? VM_FP_INPUT_SILENT : VM_FP_INPUT_FLAG,
    };
}

static uint32_t mxcsr_flags(uint8_t flags)
{
    return (flags & VM_FP_NV ? 1u : 0) | (flags & VM_FP_ID ? 2u : 0) | (flags & VM_FP_DZ ? 4u : 0) |
           (flags & VM_FP_OF ? 8u : 0) | (flags & VM_FP_UF ? 16u : 0) |
           (flags & VM_FP_NX ? 32u : 0);
}

static void run_operation(const struct operation *op, uint64_t count)
{
    uint64_t seed = 1;
    unsigned wrong = 0;
    for (uint64_t i = 0; i < count && wrong < 20; i++) {
        uint64_t v[3] = {0, 0, 0};
        draw_operands(&seed, op, v);
        uint32_t mxcsr = op->dynamic ? draw_mxcsr(&seed) : MXCSR_DEFAULT | MXCSR_DAZ | MXCSR_FTZ;
        struct vm_fp_env env = env_of(mxcsr);
        struct outcome want = op->host(v, mxcsr), got = {op->soft(v, &env), 0};
        got.flags = op->dynamic ? mxcsr_flags(env.flags) : want.flags;
        if (want.value == got.value && want.flags == got.flags)
            continue;
        wrong++;
        print_error("%s %#llx %#llx %#llx mxcsr %#x: %#llx flags %#x, host %#llx flags %#x\n",
                    op->name, (unsigned long long)v[0], (unsigned long long)v[1],
                    (unsigned long long)v[2], mxcsr, (unsigned long long)got.value, got.flags,
                    (unsigned long long)want.value, want.flags);
    }
    assert_int_equal(wrong, 0);
}

static void run_operations(const struct operation *ops, size_t n, uint64_t count)
{
    for (size_t i = 0; i < n; i++)
        run_operation(&ops[i], scaled(count));
}

#define OP(NAME, ...)                                         \
    {                                                         \
#NAME, host_##NAME, soft_##NAME, {__VA_ARGS__ }, true \
    }
#define RUN(ops) run_operations(ops, VM_ARRAY_SIZE(ops), 1000000)

static void need(bool present, const char *feature)
{
    if (!present) {
        print_message("SKIP: the host CPU has no %s\n", feature);
        skip();
    }
}

static void arithmetic(void **state)
{
    (void)state;
    static const struct operation ops[] = {
        OP(f32_add, F32, F32), OP(f32_sub, F32, F32), OP(f32_mul, F32, F32), OP(f32_div, F32, F32),
        OP(f64_add, F64, F64), OP(f64_sub, F64, F64), OP(f64_mul, F64, F64), OP(f64_div, F64, F64),
        OP(f32_sqrt, F32),     OP(f64_sqrt, F64),
    };
    RUN(ops);
}

static void comparisons(void **state)
{
    (void)state;
    static const struct operation ops[] = {
        OP(f32_min, F32, F32),  OP(f32_max, F32, F32),   OP(f64_min, F64, F64),
        OP(f64_max, F64, F64),  OP(f32_comi, F32, F32),  OP(f32_ucomi, F32, F32),
        OP(f64_comi, F64, F64), OP(f64_ucomi, F64, F64),
    };
    RUN(ops);
}

static void conversions(void **state)
{
    (void)state;
    static const struct operation ops[] = {
        OP(f32_to_i32, F32),       OP(f32_to_i64, F32),       OP(f64_to_i32, F64),
        OP(f64_to_i64, F64),       OP(f32_from_i32, INTEGER), OP(f32_from_i64, INTEGER),
        OP(f64_from_i32, INTEGER), OP(f64_from_i64, INTEGER), OP(f32_to_f64, F32),
        OP(f64_to_f32, F64),
    };
    RUN(ops);
}

static void fused(void **state)
{
    (void)state;
    need(__builtin_cpu_supports("fma"), "FMA");
    // The three forms name the same factors and addend in another order, which decides among NaNs.
    static const struct operation ops[] = {
        {"f32_fma132", host_f32_fma132, soft_f32_fma, {F32, F32, F32}, true},
        {"f32_fma213", host_f32_fma213, soft_f32_fma, {F32, F32, F32}, true},
        {"f32_fma231", host_f32_fma231, soft_f32_fma, {F32, F32, F32}, true},
        {"f64_fma132", host_f64_fma132, soft_f64_fma, {F64, F64, F64}, true},
        {"f64_fma213", host_f64_fma213, soft_f64_fma, {F64, F64, F64}, true},
        {"f64_fma231", host_f64_fma231, soft_f64_fma, {F64, F64, F64}, true},
    };
    RUN(ops);
}

static void round_to_integral(void **state)
{
    (void)state;
    need(__builtin_cpu_supports("sse4.1"), "SSE4.1");
    static const struct operation ops[] = {
        OP(f32_rint, F32),
        OP(f32_nearbyint, F32),
        OP(f64_rint, F64),
        OP(f64_nearbyint, F64),
    };
    RUN(ops);
}

static void unsigned_conversions(void **state)
{
    (void)state;
    need(__builtin_cpu_supports("avx512f"), "AVX512F");
    static const struct operation ops[] = {
        OP(f32_to_u32, F32),       OP(f32_to_u64, F32),       OP(f64_to_u32, F64),
        OP(f64_to_u64, F64),       OP(f32_from_u32, INTEGER), OP(f32_from_u64, INTEGER),
        OP(f64_from_u32, INTEGER), OP(f64_from_u64, INTEGER),
    };
    RUN(ops);
}

static void half_conversions(void **state)
{
    (void)state;
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    __get_cpuid(1, &eax, &ebx, &ecx, &edx);
    need(__builtin_cpu_supports("avx") && ecx & bit_F16C, "F16C");
    static const struct operation ops[] = {OP(f16_to_f32, F16), OP(f32_to_f16, F32)};
    RUN(ops);
}

static void bfloat_conversion(void **state)
{
    (void)state;
    need(__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl"),
         "AVX512_BF16 with AVX512VL");
    // VCVTNEPS2BF16 rounds to nearest with DAZ and FTZ whatever MXCSR says, and sets no flags.
    static const struct operation ops[] = {
        {"f32_to_bf16", host_f32_to_bf16, soft_f32_to_bf16, {F32}, false}};
    RUN(ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),        cmocka_unit_test(comparisons),
        cmocka_unit_test(conversions),       cmocka_unit_test(fused),
        cmocka_unit_test(round_to_integral), cmocka_unit_test(unsigned_conversions),
        cmocka_unit_test(half_conversions),  cmocka_unit_test(bfloat_conversion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
    printf("SKIP: the host is no x86-64 CPU\n");
    return 77; // Meson's code for a skipped test
}

#endif
