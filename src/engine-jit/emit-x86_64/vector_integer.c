// SPDX-License-Identifier: MIT
//
// Integer arithmetic, logic and comparison on vectors.
#include "vector.h"

#include <vm/base/bits.h>

// --- one instruction ---

// An instruction and the feature that it needs; none: 0.
struct choice {
    enum x64_op op;
    uint32_t need;
    bool found;
};

#define BASE(name)  ((struct choice){x64_OP_##name, 0, true})
#define SSSE3(name) ((struct choice){x64_OP_##name, VM_CPU_X86_64_SSSE3, true})
#define SSE41(name) ((struct choice){x64_OP_##name, VM_CPU_X86_64_SSE4_1, true})
#define SSE42(name) ((struct choice){x64_OP_##name, VM_CPU_X86_64_SSE4_2, true})
#define NONE        ((struct choice){.found = false})
#define OF(b, w, d, q)                                \
    do {                                              \
        const struct choice by_log2[] = {b, w, d, q}; \
        return by_log2[log2];                         \
    } while (0)

static struct choice minimum_or_maximum(unsigned code, unsigned log2)
{
    switch (code) {
    case VM_IR_vsmin: OF(SSE41(pminsb), BASE(pminsw), SSE41(pminsd), NONE);
    case VM_IR_vsmax: OF(SSE41(pmaxsb), BASE(pmaxsw), SSE41(pmaxsd), NONE);
    case VM_IR_vumin: OF(BASE(pminub), SSE41(pminuw), SSE41(pminud), NONE);
    default: OF(BASE(pmaxub), SSE41(pmaxuw), SSE41(pmaxud), NONE);
    }
}

static struct choice saturating(unsigned code, unsigned log2)
{
    switch (code) {
    case VM_IR_vsqadd: OF(BASE(paddsb), BASE(paddsw), NONE, NONE);
    case VM_IR_vuqadd: OF(BASE(paddusb), BASE(paddusw), NONE, NONE);
    case VM_IR_vsqsub: OF(BASE(psubsb), BASE(psubsw), NONE, NONE);
    default: OF(BASE(psubusb), BASE(psubusw), NONE, NONE);
    }
}

static struct choice instruction(unsigned code, unsigned log2)
{
    switch (code) {
    case VM_IR_vand: return BASE(pand);
    case VM_IR_vor: return BASE(por);
    case VM_IR_vxor: return BASE(pxor);
    case VM_IR_vadd: OF(BASE(paddb), BASE(paddw), BASE(paddd), BASE(paddq));
    case VM_IR_vsub: OF(BASE(psubb), BASE(psubw), BASE(psubd), BASE(psubq));
    case VM_IR_vmul: OF(NONE, BASE(pmullw), SSE41(pmulld), NONE);
    case VM_IR_vsmin:
    case VM_IR_vsmax:
    case VM_IR_vumin:
    case VM_IR_vumax: return minimum_or_maximum(code, log2);
    case VM_IR_vceq: OF(BASE(pcmpeqb), BASE(pcmpeqw), BASE(pcmpeqd), SSE41(pcmpeqq));
    case VM_IR_vcgts: OF(BASE(pcmpgtb), BASE(pcmpgtw), BASE(pcmpgtd), SSE42(pcmpgtq));
    case VM_IR_vurhadd: OF(BASE(pavgb), BASE(pavgw), NONE, NONE);
    case VM_IR_vsqadd:
    case VM_IR_vuqadd:
    case VM_IR_vsqsub:
    case VM_IR_vuqsub: return saturating(code, log2);
    default: return NONE;
    }
}

static bool is_there(const struct vec *k, struct choice c)
{
    return c.found && vec_has(k, c.need);
}

// --- several ---

// Of bytes by products of words: those of the low halves, and of the high ones moved down.
static bool multiply_bytes(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), high = vec_temp(k),
                 other = vec_temp(k);
    vec_shift(k, VEC_SRL, 16, high, a, 8);
    vec_shift(k, VEC_SRL, 16, other, b, 8);
    vec_3(k, x64_OP_pmullw, high, high, other);
    vec_shift(k, VEC_SLL, 16, high, high, 8);
    vec_3(k, x64_OP_pmullw, to, a, b);
    vec_mask(k, x64_OP_pand, to, to, MASK_LOW_8_OF_16);
    vec_3(k, x64_OP_por, to, to, high);
    return vec_done(k, to);
}

// to = all ones where a > b.
static void greater(struct vec *k, bool sign, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b)
{
    const enum x64_op op = instruction(VM_IR_vcgts, k->log2).op;
    if (sign) {
        vec_3(k, op, to, a, b);
        return;
    }
    enum x64_xmm top = vec_temp(k), other = vec_temp(k);
    vec_top(k, k->bits, top);
    vec_3(k, x64_OP_pxor, to, a, top);
    vec_3(k, x64_OP_pxor, other, b, top);
    vec_3(k, op, to, to, other);
    vec_free(k, top);
    vec_free(k, other);
}

static bool can_compare(const struct vec *k)
{
    return is_there(k, instruction(VM_IR_vcgts, k->log2));
}

static bool choose_extremum(struct vec *k)
{
    const unsigned code = k->o->code;
    bool least = code == VM_IR_vsmin || code == VM_IR_vumin;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), mask = vec_temp(k);
    greater(k, code == VM_IR_vsmin || code == VM_IR_vsmax, mask, a, b);
    vec_choose(k, to, mask, least ? b : a, least ? a : b);
    return vec_done(k, to);
}

// The difference, turned round where it is to be negative.
static bool difference_turned(struct vec *k, bool sign)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), mask = vec_temp(k);
    greater(k, sign, mask, b, a);
    vec_3(k, vec_subtracting(k->log2), to, a, b);
    vec_3(k, x64_OP_pxor, to, to, mask);
    vec_3(k, vec_subtracting(k->log2), to, to, mask);
    return vec_done(k, to);
}

// The greater less the lesser; of unsigned bytes and words one of two saturating differences.
static bool absolute_difference(struct vec *k)
{
    bool sign = k->o->code == VM_IR_vsabd;
    struct choice most = minimum_or_maximum(sign ? VM_IR_vsmax : VM_IR_vumax, k->log2);
    struct choice least = minimum_or_maximum(sign ? VM_IR_vsmin : VM_IR_vumin, k->log2);
    struct choice less = saturating(VM_IR_vuqsub, k->log2);
    if (!(!sign && is_there(k, less)) && !(is_there(k, most) && is_there(k, least)))
        return can_compare(k) && difference_turned(k, sign);
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), other = vec_temp(k);
    if (!sign && is_there(k, less)) {
        vec_3(k, less.op, to, a, b);
        vec_3(k, less.op, other, b, a);
        vec_3(k, x64_OP_por, to, to, other);
    } else {
        vec_3(k, most.op, to, a, b);
        vec_3(k, least.op, other, a, b);
        vec_3(k, instruction(VM_IR_vsub, k->log2).op, to, to, other);
    }
    return vec_done(k, to);
}

// Signed: where the result's sign is none that it can be, the largest number, or the least if the
// first operand is negative.
static bool saturate_signed(struct vec *k, bool add)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), other = vec_temp(k);
    enum x64_xmm lost = vec_temp(k), limit = vec_temp(k);
    vec_3(k, add ? vec_adding(k->log2) : vec_subtracting(k->log2), to, a, b);
    vec_3(k, x64_OP_pxor, other, a, b);
    vec_3(k, x64_OP_pxor, lost, a, to);
    if (add) {
        vec_3(k, x64_OP_pandn, other, other, lost);
        vec_signs(k, k->bits, lost, other);
    } else {
        vec_3(k, x64_OP_pand, other, other, lost);
        vec_signs(k, k->bits, lost, other);
    }
    vec_signs(k, k->bits, other, a);
    vec_ones(k, limit);
    vec_shift(k, VEC_SRL, k->bits, limit, limit, 1);
    vec_3(k, x64_OP_pxor, limit, limit, other);
    vec_choose(k, to, lost, limit, to);
    return vec_done(k, to);
}

// Unsigned: a sum that is less than an operand is too large, a difference of the lesser one 0.
static bool saturate_unsigned(struct vec *k, bool add)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), lost = vec_temp(k);
    if (add) {
        vec_3(k, vec_adding(k->log2), to, a, b);
        greater(k, false, lost, a, to);
        vec_3(k, x64_OP_por, to, to, lost);
    } else {
        enum x64_xmm less = vec_temp(k);
        vec_3(k, vec_subtracting(k->log2), less, a, b);
        greater(k, false, lost, b, a);
        vec_3(k, x64_OP_pandn, to, lost, less);
    }
    return vec_done(k, to);
}

// Where the host has no instruction of the lanes' width.
static bool without_instruction(struct vec *k)
{
    switch (k->o->code) {
    case VM_IR_vsmin:
    case VM_IR_vsmax:
    case VM_IR_vumin:
    case VM_IR_vumax: return can_compare(k) && choose_extremum(k);
    case VM_IR_vsqadd:
    case VM_IR_vsqsub: return saturate_signed(k, k->o->code == VM_IR_vsqadd);
    case VM_IR_vuqadd:
    case VM_IR_vuqsub: return can_compare(k) && saturate_unsigned(k, k->o->code == VM_IR_vuqadd);
    case VM_IR_vurhadd: return vec_halving(k);
    default: return false;
    }
}

static bool and_not(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    vec_3(k, x64_OP_pandn, to, b, a);
    return vec_done(k, to);
}

bool vec_arithmetic(struct vec *k)
{
    switch (k->o->code) {
    case VM_IR_vandn: return and_not(k);
    case VM_IR_vxor:
        for (unsigned i = 0; i < 2; i++)
            if (jit_is_taken_in(k->e->plan, k->o->args[i]) && vec_aes_with_key(k, i))
                return true;
        break;
    case VM_IR_vsabd:
    case VM_IR_vuabd: return absolute_difference(k);
    case VM_IR_vmul:
        if (k->log2 == 0)
            return multiply_bytes(k);
        break;
    default: break;
    }
    struct choice c = instruction(k->o->code, k->log2);
    if (!is_there(k, c))
        return without_instruction(k);
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_result(k, b);
    vec_3(k, c.op, to, a, b);
    return vec_done(k, to);
}

bool vec_not(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    vec_ones(k, to);
    vec_3(k, x64_OP_pxor, to, to, a);
    return vec_done(k, to);
}

bool vec_select(struct vec *k)
{
    enum x64_xmm mask = vec_arg(k, 0), b = vec_arg(k, 1), c = vec_arg(k, 2), to = vec_temp(k),
                 other = vec_temp(k);
    vec_3(k, x64_OP_pandn, other, mask, c);
    vec_3(k, x64_OP_pand, to, mask, b);
    vec_3(k, x64_OP_por, to, to, other);
    return vec_done(k, to);
}

static bool negate(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    emit_xmm_zero(k->e, to);
    vec_3(k, instruction(VM_IR_vsub, k->log2).op, to, to, a);
    return vec_done(k, to);
}

bool vec_unary(struct vec *k)
{
    static const enum x64_op ops[] = {x64_OP_pabsb, x64_OP_pabsw, x64_OP_pabsd};
    if (k->o->code == VM_IR_vneg)
        return negate(k);
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    if (k->log2 == 3 || !vec_has(k, VM_CPU_X86_64_SSSE3)) {
        enum x64_xmm signs = vec_temp(k);
        vec_signs(k, k->bits, signs, a);
        vec_3(k, x64_OP_pxor, to, a, signs);
        vec_3(k, vec_subtracting(k->log2), to, to, signs);
    } else {
        vec_2(k, ops[k->log2], to, a);
    }
    return vec_done(k, to);
}

// --- comparison ---

static void invert(struct vec *k, enum x64_xmm x)
{
    enum x64_xmm ones = vec_temp(k);
    vec_ones(k, ones);
    vec_3(k, x64_OP_pxor, x, x, ones);
}

// a >= b where b is not greater; unsigned where the maximum of both is a; a > b where b >= a is
// not.
bool vec_compare(struct vec *k)
{
    const unsigned code = k->o->code;
    bool sign = code == VM_IR_vcges, swap = code == VM_IR_vcgtu;
    struct choice most = minimum_or_maximum(VM_IR_vumax, k->log2);
    if (!is_there(k, most) && !can_compare(k))
        return false;
    enum x64_xmm a = vec_arg(k, swap), b = vec_arg(k, !swap), to = vec_temp(k);
    bool equal = !sign && is_there(k, most);
    if (equal) {
        vec_3(k, most.op, to, a, b);
        vec_3(k, instruction(VM_IR_vceq, k->log2).op, to, to, a);
    } else {
        greater(k, sign, to, b, a);
    }
    if (equal == swap)
        invert(k, to);
    return vec_done(k, to);
}
