// SPDX-License-Identifier: MIT
//
// Conversions between lanes of floats and of integers of the same width. The host has those of
// signed words; of 64 bits it converts one lane at a time, unsigned ones as signed ones if they
// are.
#include "vector.h"

// One f32 alone, the other lanes 0, which convert to 0 and raise nothing; for one f64 the upper
// half likewise.
static enum x64_xmm alone(struct vec *k, struct vec_shape s, enum x64_xmm a)
{
    if (!s.one)
        return a;
    enum x64_xmm to = vec_temp(k);
    if (s.f32) {
        vec_bytes_up(k, to, a, 12);
        vec_bytes_down(k, to, to, 12);
    } else {
        vec_low_half(k, to, a);
    }
    return to;
}

static void splat(struct vec *k, unsigned log2, enum x64_xmm to, uint64_t lane)
{
    enum x64_reg reg = emit_temp(k->e);
    x64_imm(&k->e->code, reg, lane);
    emit_xmm_from(k->e, X64_64, to, reg);
    vec_broadcast(k, log2, to, to);
    k->e->locked &= (uint16_t) ~(1u << reg);
}

// --- to integers ---

static void double_to_integer(struct vec *k, enum x64_reg to, enum x64_xmm x, bool truncate)
{
    struct x64_code *c = &k->e->code;
    if (vec_has(k, VM_CPU_X86_64_AVX))
        truncate ? x64_vcvttsd2si_rr(c, X64_64, to, x) : x64_vcvtsd2si_rr(c, X64_64, to, x);
    else
        truncate ? x64_cvttsd2si_rr(c, X64_64, to, x) : x64_cvtsd2si_rr(c, X64_64, to, x);
}

// Registers are taken before the jump aside, which must not go round what empties them.
struct conversion {
    struct vec_shape shape;
    enum x64_xmm from, to, rounded, high;
    enum x64_reg reg;
};

static struct conversion begin(struct vec *k, struct vec_shape s, const struct vec_operands *x)
{
    struct conversion c = {.shape = s, .from = alone(k, s, x->used[0])};
    c.to = vec_temp(k);
    c.rounded = vec_temp(k);
    c.high = vec_temp(k);
    c.reg = emit_temp(k->e);
    return c;
}

static void doubles_to_integers(struct vec *k, const struct conversion *c, enum x64_xmm x,
                                bool truncate)
{
    double_to_integer(k, c->reg, x, truncate);
    emit_xmm_from(k->e, X64_64, c->to, c->reg);
    if (c->shape.one)
        return;
    vec_2i(k, x64_OP_pshufd, c->high, x, 0xee);
    double_to_integer(k, c->reg, c->high, truncate);
    emit_xmm_from(k->e, X64_64, c->high, c->reg);
    vec_3(k, x64_OP_punpcklqdq, c->to, c->to, c->high);
}

static void to_integers(struct vec *k, const struct conversion *c, enum x64_xmm x, bool truncate)
{
    if (c->shape.f32)
        vec_2(k, truncate ? x64_OP_cvttps2dq : x64_OP_cvtps2dq, c->to, x);
    else
        doubles_to_integers(k, c, x, truncate);
}

// By a static mode: rounded without a flag, so that a number which does not fit raises nothing but
// invalid; what truncation of the operand raises then is right.
static void convert(struct vec *k, const struct conversion *c)
{
    unsigned rounding = vec_rounding_of(c->shape.attr);
    if (rounding == VM_IR_FP_DYNAMIC || rounding == VM_FP_RTZ) {
        to_integers(k, c, c->from, rounding == VM_FP_RTZ);
        return;
    }
    vec_round(k, c->shape, c->rounded, c->from, false);
    to_integers(k, c, c->from, true);
    to_integers(k, c, c->rounded, true);
}

// What does not fit is the least integer; of 64 bits its upper half tells.
static bool to_signed(struct vec *k, struct vec_shape s)
{
    const struct vec_operands x = vec_bring(k, s);
    const struct conversion c = begin(k, s, &x);
    convert(k, &c);
    vec_mask(k, x64_OP_pcmpeqd, c.high, c.to, MASK_ALL_SIGN_32);
    vec_go_aside(k, s, c.to, c.high, &x);
    return vec_finish(k, c.to);
}

// The host converts what fits signed integers. For what else unsigned ones have it would raise
// invalid: that goes aside before, as do all with a sign. Patterns are compared, of 64 bits by the
// upper half.
static bool to_unsigned(struct vec *k, struct vec_shape s)
{
    const uint32_t p31 = 0x4f000000, p63 = 0x43e00000; // 2^31, 2^63
    const struct vec_operands x = vec_bring(k, s);
    const struct conversion c = begin(k, s, &x);
    splat(k, 2, c.to, (s.f32 ? p31 : p63) - 1);
    vec_3(k, x64_OP_pcmpgtd, c.high, c.from, c.to);
    vec_3(k, x64_OP_por, c.high, c.high, c.from);
    vec_go_aside(k, s, c.to, c.high, &x);
    convert(k, &c);
    return vec_finish(k, c.to);
}

bool vec_to_integers(struct vec *k, struct vec_shape s)
{
    return k->o->code == VM_IR_vftos ? to_signed(k, s) : to_unsigned(k, s);
}

// --- from integers ---

static void integer_to_double(struct vec *k, enum x64_xmm to, enum x64_reg from)
{
    struct x64_code *c = &k->e->code;
    emit_xmm_zero(k->e, to);
    if (vec_has(k, VM_CPU_X86_64_AVX))
        x64_vcvtsi2sd_rrr(c, X64_64, to, to, from);
    else
        x64_cvtsi2sd_rr(c, X64_64, to, from);
}

static void doubles_from_signed(struct vec *k, struct vec_shape s, enum x64_xmm to, enum x64_xmm a)
{
    enum x64_reg reg = emit_temp(k->e);
    enum x64_xmm high = vec_temp(k);
    emit_xmm_to(k->e, X64_64, reg, a);
    integer_to_double(k, to, reg);
    if (s.one)
        return;
    vec_2i(k, x64_OP_pshufd, high, a, 0xee);
    emit_xmm_to(k->e, X64_64, reg, high);
    integer_to_double(k, high, reg);
    vec_3(k, x64_OP_punpcklqdq, to, to, high);
}

// The halves as what 2^84 and 2^52 have below their leading one. Less both powers they add up to
// the number, rounded once; 0 has the wrong sign if that is downwards.
static void doubles_from_unsigned(struct vec *k, enum x64_xmm to, enum x64_xmm a)
{
    const uint64_t p52 = 0x4330000000000000, p84 = 0x4530000000000000, both = 0x4530000000100000;
    enum x64_xmm low = vec_temp(k), power = vec_temp(k);
    vec_shift(k, VEC_SLL, 64, low, a, 32);
    vec_shift(k, VEC_SRL, 64, low, low, 32);
    splat(k, 3, power, p52);
    vec_3(k, x64_OP_por, low, low, power);
    vec_shift(k, VEC_SRL, 64, to, a, 32);
    splat(k, 3, power, p84);
    vec_3(k, x64_OP_por, to, to, power);
    splat(k, 3, power, both);
    vec_3(k, x64_OP_subpd, to, to, power);
    vec_3(k, x64_OP_addpd, to, to, low);
    vec_mask(k, x64_OP_andps, to, to, MASK_ALL_REST_64);
}

// The halves, each exactly; only their sum is rounded.
static void singles_from_unsigned(struct vec *k, enum x64_xmm to, enum x64_xmm a)
{
    const uint32_t p16 = 0x47800000; // 2^16
    enum x64_xmm low = vec_temp(k), power = vec_temp(k);
    vec_mask(k, x64_OP_pand, low, a, MASK_LOW_16_OF_32);
    vec_2(k, x64_OP_cvtdq2ps, low, low);
    vec_shift(k, VEC_SRL, 32, to, a, 16);
    vec_2(k, x64_OP_cvtdq2ps, to, to);
    splat(k, 2, power, p16);
    vec_3(k, x64_OP_mulps, to, to, power);
    vec_3(k, x64_OP_addps, to, to, low);
}

bool vec_from_integers(struct vec *k, struct vec_shape s)
{
    bool sign = k->o->code == VM_IR_vstof;
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm a = alone(k, s, x.used[0]), to = vec_temp(k);
    if (s.f32 && sign)
        vec_2(k, x64_OP_cvtdq2ps, to, a);
    else if (s.f32)
        singles_from_unsigned(k, to, a);
    else if (sign)
        doubles_from_signed(k, s, to, a);
    else
        doubles_from_unsigned(k, to, a);
    return vec_done(k, to);
}
