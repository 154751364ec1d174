// SPDX-License-Identifier: MIT
//
// Helpers of products of narrow numbers added to single precision: FMLAL, FMLSL (the manual,
// FPMulAddH), and BFDOT, BFMMLA without FEAT_EBF16 (BFDotAdd, BFMatMulAdd).
#include "help_fp.h"

// Half precision as single precision: exact, and a signalling NaN stays one.
static uint32_t widen(uint64_t half, struct vm_fp_env *env)
{
    struct vm_fp_env exact = {.nan = VM_FP_NAN_ARM};
    half = a64_fp_flush(A64_FP_HALF, half, env);
    if (!a64_fp_is_nan(A64_FP_HALF, half))
        return vm_f16_to_f32((uint16_t)half, &exact);
    return (uint32_t)((half & 0x8000) << 16 | 0x7f800000 | (half & 0x3ff) << 13);
}

uint64_t a64_help_fp_multiply_long(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_arm64_state *s = a64_state(vcpu);
    struct a64_fp_insn l = a64_fp_unpack(a);
    unsigned first = l.op & A64_FP_FROM_HIGH ? l.count : 0;
    uint32_t sign = l.op & A64_FP_SUBTRACT ? 1u << 31 : 0;
    vm_u128 n = s->v[l.n], m = s->v[l.m], r = {0, 0};
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < l.count; i++) {
        uint32_t x = widen(a64_fp_lane(n, 16, first + i), &s->fp) ^ sign;
        uint32_t y = widen(a64_fp_lane(m, 16, l.by_index ? l.index : first + i), &s->fp);
        uint32_t z = (uint32_t)a64_fp_lane(s->v[l.d], 32, i);
        a64_fp_set_lane(&r, 32, i, vm_f32_fma(x, y, z, &s->fp));
    }
    s->v[l.d] = r;
    return 0;
}

// --- BFloat16: rounded to odd, subnormals flushed, default NaNs, no exceptions ---

static const struct vm_fp_env bf16_env = {
    .round = VM_FP_ODD,
    .nan = VM_FP_NAN_DEFAULT,
    .tininess_before = 1,
    .flush_output = VM_FP_OUTPUT_FLUSH,
    .flush_input = VM_FP_INPUT_SILENT,
};

// BFRound: what overflows is infinity, other than under rounding to odd elsewhere.
static uint32_t overflowed(uint32_t r, const struct vm_fp_env *e)
{
    return e->flags & VM_FP_OF ? (r & 1u << 31) | 0x7f800000 : r;
}

static uint32_t add(uint32_t a, uint32_t b)
{
    struct vm_fp_env e = bf16_env;
    uint32_t r = vm_f32_add(a, b, &e);
    return overflowed(r, &e);
}

static uint32_t multiply(uint32_t a, uint32_t b)
{
    struct vm_fp_env e = bf16_env;
    uint32_t r = vm_f32_mul(a, b, &e);
    return overflowed(r, &e);
}

// x and y hold two BFloat16 numbers each.
static uint32_t dot_add(uint32_t sum, uint32_t x, uint32_t y)
{
    enum { HIGH = 0x10000 };
    uint32_t low = multiply(x * HIGH, y * HIGH);
    uint32_t high = multiply(x & -(uint32_t)HIGH, y & -(uint32_t)HIGH);
    return add(sum, add(low, high));
}

uint64_t a64_help_bf16_dot(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_arm64_state *s = a64_state(vcpu);
    struct a64_fp_insn l = a64_fp_unpack(a);
    vm_u128 n = s->v[l.n], m = s->v[l.m], r = {0, 0};
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < l.count; i++) {
        uint32_t x = (uint32_t)a64_fp_lane(n, 32, i);
        uint32_t y = (uint32_t)a64_fp_lane(m, 32, l.by_index ? l.index : i);
        a64_fp_set_lane(&r, 32, i, dot_add((uint32_t)a64_fp_lane(s->v[l.d], 32, i), x, y));
    }
    s->v[l.d] = r;
    return 0;
}

// Vd is 2 by 2, Vn 2 by 4, Vm 4 by 2 by columns.
uint64_t a64_help_bf16_matrix(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_arm64_state *s = a64_state(vcpu);
    struct a64_fp_insn l = a64_fp_unpack(a);
    vm_u128 n = s->v[l.n], m = s->v[l.m], r = {0, 0};
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < 4; i++) {
        uint32_t sum = (uint32_t)a64_fp_lane(s->v[l.d], 32, i);
        for (unsigned k = 0; k < 2; k++)
            sum = dot_add(sum, (uint32_t)a64_fp_lane(n, 32, 2 * (i / 2) + k),
                          (uint32_t)a64_fp_lane(m, 32, 2 * (i % 2) + k));
        a64_fp_set_lane(&r, 32, i, sum);
    }
    s->v[l.d] = r;
    return 0;
}
