// SPDX-License-Identifier: MIT
//
// Vector ops that take the host several instructions: dot products of bytes, doubling
// multiplications, halving sums and differences.
#include "vector.h"

// --- dot products ---

void vec_bytes_as_words(struct vec *k, bool odd, bool sign, enum x64_xmm to, enum x64_xmm a)
{
    if (!odd && !sign) {
        vec_mask(k, x64_OP_pand, to, a, MASK_LOW_8_OF_16);
        return;
    }
    if (!odd) {
        vec_shift(k, VEC_SLL, 16, to, a, 8);
        a = to;
    }
    vec_shift(k, sign ? VEC_SRA : VEC_SRL, 16, to, a, 8);
}

// Sums of two products of words each, first of the even bytes, then of the odd ones.
bool vec_dot(struct vec *k)
{
    bool sign_a = k->o->code == VM_IR_vsdot, sign_b = k->o->code != VM_IR_vudot;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), c = vec_arg(k, 2);
    enum x64_xmm even = vec_temp(k), x = vec_temp(k), y = vec_temp(k);
    for (unsigned odd = 0; odd < 2; odd++) {
        enum x64_xmm sum = odd ? x : even;
        vec_bytes_as_words(k, odd, sign_a, sum, a);
        vec_bytes_as_words(k, odd, sign_b, y, b);
        vec_3(k, x64_OP_pmaddwd, sum, sum, y);
    }
    vec_3(k, x64_OP_paddd, x, x, even);
    enum x64_xmm to = vec_result(k, x);
    vec_3(k, x64_OP_paddd, to, c, x);
    return vec_done(k, to);
}

// --- doubling multiplications: the high half of twice the product ---

// Twice the product of the smallest numbers wraps to the smallest, which no other does.
static void saturate(struct vec *k, enum x64_xmm to)
{
    enum x64_xmm least = vec_temp(k);
    vec_ones(k, least);
    vec_shift(k, VEC_SLL, k->bits, least, least, k->bits - 1);
    vec_3(k, k->bits == 16 ? x64_OP_pcmpeqw : x64_OP_pcmpeqd, least, least, to);
    vec_3(k, x64_OP_pxor, to, to, least);
}

static void doubling_words(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b)
{
    if (k->o->code == VM_IR_vsqrdmulh) {
        vec_3(k, x64_OP_pmulhrsw, to, a, b);
        return;
    }
    enum x64_xmm low = vec_temp(k);
    vec_3(k, x64_OP_pmullw, low, a, b);
    vec_shift(k, VEC_SRL, 16, low, low, 15);
    vec_3(k, x64_OP_pmulhw, to, a, b);
    vec_shift(k, VEC_SLL, 16, to, to, 1);
    vec_3(k, x64_OP_por, to, to, low);
}

// Twice a product of 64 bits, which is rounded by adding half of the low lane's range.
static void doubled(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b,
                    enum x64_xmm half)
{
    vec_3(k, x64_OP_pmuldq, to, a, b);
    vec_3(k, x64_OP_paddq, to, to, to);
    if (k->o->code == VM_IR_vsqrdmulh) {
        vec_ones(k, half);
        vec_shift(k, VEC_SLL, 64, half, half, 63);
        vec_shift(k, VEC_SRL, 64, half, half, 32);
        vec_3(k, x64_OP_paddq, to, to, half);
    }
}

static void doubling_doublewords(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b)
{
    enum { HIGHS = 0xdd, EVEN_ODD = 0xd8 }; // lanes 1, 3 of each; then 0, 2, 1, 3
    enum x64_xmm x = vec_temp(k), y = vec_temp(k), odd = vec_temp(k);
    enum x64_xmm half = vec_temp(k);
    vec_shift(k, VEC_SRL, 64, x, a, 32);
    vec_shift(k, VEC_SRL, 64, y, b, 32);
    doubled(k, odd, x, y, half);
    doubled(k, to, a, b, half);
    vec_3i(k, x64_OP_shufps, to, to, odd, HIGHS);
    vec_2i(k, x64_OP_pshufd, to, to, EVEN_ODD);
}

bool vec_doubling_high(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3) || !vec_has(k, VM_CPU_X86_64_SSE4_1))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    if (k->bits == 16)
        doubling_words(k, to, a, b);
    else
        doubling_doublewords(k, to, a, b);
    saturate(k, to);
    return vec_done(k, to);
}

// --- halving ---

// The host has rounded averages of unsigned bytes. Changing the top bit makes signed numbers
// unsigned in the same order; changing all the bits of both operands and the result is another
// rounding; of the subtrahend, a difference, 128 too large.
static bool halve_bytes(struct vec *k, bool sign, bool less, bool rounded)
{
    const bool other_rounding = !less && !rounded;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), y = vec_temp(k);
    enum x64_xmm change = vec_temp(k), ones = vec_temp(k);
    if (sign)
        vec_fill(k, 8, change, other_rounding ? 0x7f : 0x80);
    else if (other_rounding)
        vec_ones(k, change);
    else
        emit_xmm_zero(k->e, change);
    vec_3(k, x64_OP_pxor, to, a, change);
    vec_3(k, x64_OP_pxor, y, b, change);
    if (less) {
        vec_ones(k, ones);
        vec_3(k, x64_OP_pxor, y, y, ones);
        vec_3(k, x64_OP_pavgb, to, to, y);
        vec_mask(k, x64_OP_pxor, to, to, MASK_SIGN_8);
        return vec_done(k, to);
    }
    vec_3(k, x64_OP_pavgb, to, to, y);
    vec_3(k, x64_OP_pxor, to, to, change);
    return vec_done(k, to);
}

// By one bit to the right.
static void halve(struct vec *k, bool sign, enum x64_xmm to, enum x64_xmm a)
{
    enum x64_xmm signs = vec_temp(k);
    if (!sign || k->bits < 64) {
        vec_shift(k, sign ? VEC_SRA : VEC_SRL, k->bits, to, a, 1);
        return;
    }
    vec_signs(k, 64, signs, a);
    vec_shift(k, VEC_SLL, 64, signs, signs, 63);
    vec_shift(k, VEC_SRL, 64, to, a, 1);
    vec_3(k, x64_OP_por, to, to, signs);
}

// What both have plus half of what one has, or what one has less half of that; half of what one has
// less what only the second has.
bool vec_halving(struct vec *k)
{
    const unsigned code = k->o->code;
    const bool rounded = code == VM_IR_vsrhadd || code == VM_IR_vurhadd;
    const bool sign = code == VM_IR_vshadd || code == VM_IR_vsrhadd || code == VM_IR_vshsub;
    const bool less = code == VM_IR_vshsub || code == VM_IR_vuhsub;
    if (k->bits == 8)
        return halve_bytes(k, sign, less, rounded);
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), half = vec_temp(k);
    vec_3(k, x64_OP_pxor, half, a, b);
    halve(k, sign, half, half);
    if (less) {
        enum x64_xmm second = vec_temp(k);
        vec_3(k, x64_OP_pandn, second, a, b);
        vec_3(k, vec_subtracting(k->log2), to, half, second);
        return vec_done(k, to);
    }
    vec_3(k, rounded ? x64_OP_por : x64_OP_pand, to, a, b);
    vec_3(k, rounded ? vec_subtracting(k->log2) : vec_adding(k->log2), to, to, half);
    return vec_done(k, to);
}
