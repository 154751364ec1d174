// SPDX-License-Identifier: MIT
//
// Integer arithmetic, logic, comparison and shifts on vectors.
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

// The greater less the lesser; of unsigned bytes and words one of two saturating differences.
static bool absolute_difference(struct vec *k)
{
    bool sign = k->o->code == VM_IR_vsabd;
    struct choice most = minimum_or_maximum(sign ? VM_IR_vsmax : VM_IR_vumax, k->log2);
    struct choice least = minimum_or_maximum(sign ? VM_IR_vsmin : VM_IR_vumin, k->log2);
    struct choice less = saturating(VM_IR_vuqsub, k->log2);
    if (!(!sign && is_there(k, less)) && !(is_there(k, most) && is_there(k, least)))
        return false;
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
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
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
    if (k->log2 == 3 || !vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    vec_2(k, ops[k->log2], to, a);
    return vec_done(k, to);
}

// --- comparison ---

static void invert(struct vec *k, enum x64_xmm x)
{
    enum x64_xmm ones = vec_temp(k);
    vec_ones(k, ones);
    vec_3(k, x64_OP_pxor, x, x, ones);
}

// a >= b where b is not greater; unsigned where the maximum of both is a; a > b where b is not.
bool vec_compare_unsigned(struct vec *k)
{
    const unsigned code = k->o->code;
    bool sign = code == VM_IR_vcges, swap = code == VM_IR_vcgtu;
    struct choice most = minimum_or_maximum(VM_IR_vumax, k->log2);
    struct choice greater = instruction(VM_IR_vcgts, k->log2);
    if (!is_there(k, sign ? greater : most))
        return false;
    enum x64_xmm a = vec_arg(k, swap), b = vec_arg(k, !swap), to = vec_temp(k);
    if (sign) {
        vec_3(k, greater.op, to, b, a);
    } else {
        vec_3(k, most.op, to, a, b);
        vec_3(k, instruction(VM_IR_vceq, k->log2).op, to, to, a);
    }
    if (sign || swap)
        invert(k, to);
    return vec_done(k, to);
}

// --- shifts ---

// The byte in each byte of a register.
static void splat_byte(struct vec *k, enum x64_xmm to, unsigned byte)
{
    enum x64_reg reg = emit_temp(k->e);
    x64_imm(&k->e->code, reg, byte * 0x01010101u);
    emit_xmm_from(k->e, X64_32, to, reg);
    vec_broadcast(k, 2, to, to);
}

// Of bytes by words, without what comes from the byte beside. A sign comes back by (x ^ m) - m,
// where m has the bit that it is in.
static bool shift_bytes(struct vec *k, enum vec_shift how, unsigned n)
{
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k), mask = vec_temp(k);
    vec_shift(k, how == VEC_SLL ? VEC_SLL : VEC_SRL, 16, to, a, n);
    splat_byte(k, mask, how == VEC_SLL ? 0xffu << n & 0xff : 0xffu >> n);
    vec_3(k, x64_OP_pand, to, to, mask);
    if (how == VEC_SRA) {
        splat_byte(k, mask, 0x80u >> n);
        vec_3(k, x64_OP_pxor, to, to, mask);
        vec_3(k, x64_OP_psubb, to, to, mask);
    }
    return vec_done(k, to);
}

// The last bit that is lost is added: by itself at the bottom of its lane.
static bool shift_rounded(struct vec *k, enum vec_shift how)
{
    const unsigned n = k->imm, bits = k->bits;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k), last = vec_temp(k);
    vec_shift(k, VEC_SLL, bits, last, a, bits - n);
    vec_shift(k, VEC_SRL, bits, last, last, bits - 1);
    vec_shift(k, how, bits, to, a, n);
    vec_3(k, instruction(VM_IR_vadd, k->log2).op, to, to, last);
    return vec_done(k, to);
}

static bool shift_to_zero(struct vec *k)
{
    enum x64_xmm to = vec_temp(k);
    emit_xmm_zero(k->e, to);
    return vec_done_whole(k, to);
}

bool vec_shift_op(struct vec *k)
{
    const unsigned code = k->o->code;
    bool sign = code == VM_IR_vshrs || code == VM_IR_vrshrs;
    enum vec_shift how = code == VM_IR_vshl ? VEC_SLL : sign ? VEC_SRA : VEC_SRL;
    unsigned n = k->imm;
    if (sign && k->bits == 64 && n)
        return false;
    if (code == VM_IR_vrshrs || code == VM_IR_vrshru)
        return k->bits > 8 && n < k->bits && shift_rounded(k, how);
    if (n == k->bits && !sign)
        return shift_to_zero(k);
    n = n == k->bits ? n - 1 : n;
    if (k->bits == 8 && n)
        return shift_bytes(k, how, n);
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    if (n)
        vec_shift(k, how, k->bits, to, a, n);
    else
        emit_xmm_move(k->e, to, a);
    return vec_done(k, to);
}
