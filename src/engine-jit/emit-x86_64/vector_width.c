// SPDX-License-Identifier: MIT
//
// Lanes of twice the width: widening, long products, narrowing.
#include "vector.h"

static bool is_high(const struct vec *k)
{
    return k->o->attr & VM_IR_VEC_HIGH;
}

static enum x64_op unpack(const struct vec *k)
{
    static const enum x64_op ops[2][3] = {
        {x64_OP_punpcklbw, x64_OP_punpcklwd, x64_OP_punpckldq},
        {x64_OP_punpckhbw, x64_OP_punpckhwd, x64_OP_punpckhdq},
    };
    return ops[is_high(k)][k->log2];
}

// The upper half of each wide lane: signs where `sign`, else zeros.
static void extensions(struct vec *k, enum x64_xmm to, enum x64_xmm a, bool sign)
{
    static const enum x64_op greater[] = {x64_OP_pcmpgtb, x64_OP_pcmpgtw, x64_OP_pcmpgtd};
    emit_xmm_zero(k->e, to);
    if (sign)
        vec_3(k, greater[k->log2], to, to, a);
}

// `a` stays.
static void widen(struct vec *k, enum x64_xmm to, enum x64_xmm a, bool sign)
{
    static const enum x64_op extend[2][3] = {
        {x64_OP_pmovzxbw, x64_OP_pmovzxwd, x64_OP_pmovzxdq},
        {x64_OP_pmovsxbw, x64_OP_pmovsxwd, x64_OP_pmovsxdq},
    };
    if (!is_high(k) && vec_has(k, VM_CPU_X86_64_SSE4_1)) {
        vec_2(k, extend[sign][k->log2], to, a);
        return;
    }
    enum x64_xmm upper = vec_temp(k);
    extensions(k, upper, a, sign);
    vec_3(k, unpack(k), to, a, upper);
}

bool vec_widen(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    widen(k, to, a, k->o->code == VM_IR_vwidens);
    return vec_done_whole(k, to);
}

// The op that multiplies the other halves of the same words, if it is to come in this block.
static vm_ir_value other_product(const struct vec *k)
{
    enum { NEAR = 16 };
    const struct vm_ir_region *r = k->e->r;
    const struct vm_ir_block *b = &r->blocks[k->e->ir_block];
    const uint16_t *root = k->e->plan->root;
    uint32_t end = b->first + (uint32_t)b->count;
    for (uint32_t i = k->v + 1u; i < end && i < (uint32_t)k->v + NEAR; i++) {
        const struct vm_ir_op *o = &r->ops[i];
        if (o->code == k->o->code && (o->attr ^ k->o->attr) == VM_IR_VEC_HIGH &&
            root[o->args[0]] == root[k->o->args[0]] && root[o->args[1]] == root[k->o->args[1]])
            return (vm_ir_value)i;
    }
    return VM_IR_NONE;
}

// Products of words come in two halves, of which both orders are interleaved; that of the upper
// words is made ahead.
static bool multiply_words(struct vec *k, bool sign)
{
    struct emit *e = k->e;
    if (e->ahead_xmm != NO_REG && e->ahead == k->v) {
        enum x64_xmm made = (enum x64_xmm)e->ahead_xmm;
        e->ahead_xmm = NO_REG;
        return vec_done_whole(k, made);
    }
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), low = vec_temp(k), high = vec_temp(k);
    vec_3(k, x64_OP_pmullw, low, a, b);
    vec_3(k, sign ? x64_OP_pmulhw : x64_OP_pmulhuw, high, a, b);
    vm_ir_value other = other_product(k);
    enum x64_xmm to = vec_temp(k);
    vec_3(k, unpack(k), to, low, high);
    if (other != VM_IR_NONE && has_feature(e, VM_CPU_X86_64_AVX)) {
        vec_3(k, is_high(k) ? x64_OP_punpcklwd : x64_OP_punpckhwd, high, low, high);
        e->ahead = other;
        e->ahead_xmm = (uint8_t)high;
    }
    return vec_done_whole(k, to);
}

bool vec_multiply_long(struct vec *k)
{
    bool sign = k->o->code == VM_IR_vmulls;
    if (k->log2 == 2 && sign && !vec_has(k, VM_CPU_X86_64_SSE4_1))
        return false;
    if (k->log2 == 1)
        return multiply_words(k, sign);
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), other = vec_temp(k);
    if (k->log2 == 0) {
        widen(k, to, a, sign);
        widen(k, other, b, sign);
        vec_3(k, x64_OP_pmullw, to, to, other);
    } else {
        const uint8_t order = is_high(k) ? 0xfa : 0x50; // the two lanes, to the even ones
        vec_2i(k, x64_OP_pshufd, to, a, order);
        vec_2i(k, x64_OP_pshufd, other, b, order);
        vec_3(k, sign ? x64_OP_pmuldq : x64_OP_pmuludq, to, to, other);
    }
    return vec_done_whole(k, to);
}

// The instruction that packs with the saturation that the op asks for; *need is the feature.
static enum x64_op pack(const struct vec *k, uint32_t *need)
{
    bool sign = k->o->code == VM_IR_vsqnarrow;
    *need = k->log2 == 1 && !sign ? (uint32_t)VM_CPU_X86_64_SSE4_1 : 0;
    if (k->log2 == 0)
        return sign ? x64_OP_packsswb : x64_OP_packuswb;
    return sign ? x64_OP_packssdw : x64_OP_packusdw;
}

// Packing reads its operands as signed. So the unsigned are cut to what fits before it: by a
// minimum where they saturate, by a mask where they are truncated.
static void cut(struct vec *k, enum x64_xmm to, enum x64_xmm a)
{
    const enum float_mask mask = k->log2 == 0 ? MASK_LOW_8_OF_16 : MASK_LOW_16_OF_32;
    if (k->o->code == VM_IR_vnarrow)
        vec_mask(k, x64_OP_pand, to, a, mask);
    else if (k->o->code == VM_IR_vuqnarrow)
        vec_mask(k, k->log2 == 0 ? x64_OP_pminuw : x64_OP_pminud, to, a, mask);
    else
        emit_xmm_move(k->e, to, a);
}

// Of words by their halves, without the feature of any: a number fits if the upper half is the sign
// of the lower one, or 0 where the result is unsigned; else it becomes the largest, or where its
// sign is set the least.
static bool narrow_to_words(struct vec *k)
{
    enum { EVEN = 0x08, ODD = 0x0d }; // lanes 0 and 2, 1 and 3
    const unsigned code = k->o->code;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k), high = vec_temp(k), fits = vec_temp(k);
    enum x64_xmm limit = vec_temp(k);
    vec_2i(k, x64_OP_pshufd, to, a, EVEN);
    if (code != VM_IR_vnarrow) {
        vec_2i(k, x64_OP_pshufd, high, a, ODD);
        if (code == VM_IR_vsqnarrow)
            vec_signs(k, 32, fits, to);
        else
            emit_xmm_zero(k->e, fits);
        vec_3(k, x64_OP_pcmpeqd, fits, fits, high);
        vec_signs(k, 32, high, high);
        vec_ones(k, limit);
        if (code == VM_IR_vsqnarrow) {
            vec_shift(k, VEC_SRL, 32, limit, limit, 1);
            vec_3(k, x64_OP_pxor, limit, limit, high);
        } else if (code == VM_IR_vsqnarrowu) {
            vec_3(k, x64_OP_pxor, limit, limit, high);
        }
        vec_choose(k, to, fits, to, limit);
    }
    if (k->extent == VM_IR_LANE0)
        return vec_done(k, to);
    vec_low_half(k, to, to);
    return vec_done_whole(k, to);
}

bool vec_narrow(struct vec *k)
{
    uint32_t need;
    if (k->log2 == 2)
        return narrow_to_words(k);
    enum x64_op op = pack(k, &need);
    if (k->o->code == VM_IR_vuqnarrow)
        need = VM_CPU_X86_64_SSE4_1;
    if (!vec_has(k, need))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k), zero = vec_temp(k);
    cut(k, to, a);
    emit_xmm_zero(k->e, zero);
    vec_3(k, op, to, to, zero);
    return vec_done(k, to);
}
