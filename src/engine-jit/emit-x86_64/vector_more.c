// SPDX-License-Identifier: MIT
//
// Vector ops that take the host several instructions: dot products of bytes, counts and reversals
// of bits, doubling multiplications, halving sums, shifts by lanes.
#include "vector.h"

// --- dot products ---

// The bytes of even or odd number as words.
static void bytes_as_words(struct vec *k, bool odd, bool sign, enum x64_xmm to, enum x64_xmm a)
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
    enum x64_xmm to = vec_temp(k), x = vec_temp(k), y = vec_temp(k);
    emit_xmm_move(k->e, to, c);
    for (unsigned odd = 0; odd < 2; odd++) {
        bytes_as_words(k, odd, sign_a, x, a);
        bytes_as_words(k, odd, sign_b, y, b);
        vec_3(k, x64_OP_pmaddwd, x, x, y);
        vec_3(k, x64_OP_paddd, to, to, x);
    }
    return vec_done(k, to);
}

// --- bits of bytes ---

// to = the sum of what the tables have for the two halves of each byte.
static void by_halves(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum float_mask low_table,
                      enum float_mask high_table)
{
    enum x64_xmm high = vec_temp(k), table = vec_temp(k), low = vec_temp(k);
    vec_shift(k, VEC_SRL, 16, high, a, 4);
    vec_mask(k, x64_OP_pand, high, high, MASK_LOW_4_OF_8);
    vec_mask(k, x64_OP_pand, low, a, MASK_LOW_4_OF_8);
    emit_xmm_zero(k->e, table);
    vec_mask(k, x64_OP_por, table, table, low_table);
    vec_3(k, x64_OP_pshufb, to, table, low);
    emit_xmm_zero(k->e, table);
    vec_mask(k, x64_OP_por, table, table, high_table);
    vec_3(k, x64_OP_pshufb, table, table, high);
    vec_3(k, x64_OP_paddb, to, to, table);
}

bool vec_count_ones(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    by_halves(k, to, a, MASK_ONES_IN_4, MASK_ONES_IN_4);
    return vec_done(k, to);
}

bool vec_reverse_bits(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    by_halves(k, to, a, MASK_REVERSED_4_HIGH, MASK_REVERSED_4);
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
static void doubled(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b)
{
    vec_3(k, x64_OP_pmuldq, to, a, b);
    vec_3(k, x64_OP_paddq, to, to, to);
    if (k->o->code == VM_IR_vsqrdmulh) {
        enum x64_xmm half = vec_temp(k);
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
    vec_shift(k, VEC_SRL, 64, x, a, 32);
    vec_shift(k, VEC_SRL, 64, y, b, 32);
    doubled(k, odd, x, y);
    doubled(k, to, a, b);
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

// The host has rounded averages of unsigned bytes: changing the top bit makes signed numbers
// unsigned in the same order, and all the bits of both operands and the result, another rounding.
static bool halve_bytes(struct vec *k)
{
    bool sign = k->o->code != VM_IR_vuhadd, rounded = k->o->code == VM_IR_vsrhadd;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), y = vec_temp(k);
    enum x64_xmm change = vec_temp(k);
    vec_ones(k, change);
    if (sign)
        vec_mask(k, x64_OP_pand, change, change, rounded ? MASK_SIGN_8 : MASK_REST_8);
    vec_3(k, x64_OP_pxor, to, a, change);
    vec_3(k, x64_OP_pxor, y, b, change);
    vec_3(k, x64_OP_pavgb, to, to, y);
    vec_3(k, x64_OP_pxor, to, to, change);
    return vec_done(k, to);
}

// What both have plus half of what one has, or what one has less half of that.
bool vec_halving(struct vec *k)
{
    bool sign = k->o->code != VM_IR_vuhadd, rounded = k->o->code == VM_IR_vsrhadd;
    if (k->bits == 8)
        return halve_bytes(k);
    if (k->bits == 64)
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), half = vec_temp(k);
    bool words = k->bits == 16;
    vec_3(k, x64_OP_pxor, half, a, b);
    vec_shift(k, sign ? VEC_SRA : VEC_SRL, k->bits, half, half, 1);
    vec_3(k, rounded ? x64_OP_por : x64_OP_pand, to, a, b);
    if (rounded)
        vec_3(k, words ? x64_OP_psubw : x64_OP_psubd, to, to, half);
    else
        vec_3(k, words ? x64_OP_paddw : x64_OP_paddd, to, to, half);
    return vec_done(k, to);
}

// --- shifts by the signed low byte of each lane ---

// The host shifts by unsigned lanes, and everything out where they are too large: so is one of the
// count's low byte and that of its negative, unless both are 0.
static void both_ways(struct vec *k, enum x64_xmm left, enum x64_xmm right, enum x64_xmm a,
                      enum x64_xmm b)
{
    bool wide = k->bits == 64;
    enum x64_xmm byte = vec_temp(k), n = vec_temp(k);
    vec_ones(k, byte);
    vec_shift(k, VEC_SRL, k->bits, byte, byte, k->bits - 8);
    vec_3(k, x64_OP_pand, n, b, byte);
    vec_3(k, wide ? x64_OP_vpsllvq : x64_OP_vpsllvd, left, a, n);
    emit_xmm_zero(k->e, n);
    vec_3(k, wide ? x64_OP_psubq : x64_OP_psubd, n, n, b);
    vec_3(k, x64_OP_pand, n, n, byte);
    if (k->o->code == VM_IR_vushl) {
        vec_3(k, wide ? x64_OP_vpsrlvq : x64_OP_vpsrlvd, right, a, n);
        return;
    }
    // Of negative numbers the complement, so that zeros that come in are signs.
    emit_xmm_zero(k->e, byte);
    vec_3(k, wide ? x64_OP_pcmpgtq : x64_OP_pcmpgtd, byte, byte, a);
    vec_3(k, x64_OP_pxor, right, a, byte);
    vec_3(k, wide ? x64_OP_vpsrlvq : x64_OP_vpsrlvd, right, right, n);
    vec_3(k, x64_OP_pxor, right, right, byte);
}

bool vec_shift_by_lane(struct vec *k)
{
    if (k->bits < 32 || !vec_has(k, VM_CPU_X86_64_AVX2) || !vec_has(k, VM_CPU_X86_64_SSE4_2))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), right = vec_temp(k);
    both_ways(k, to, right, a, b);
    if (k->o->code == VM_IR_vushl) {
        vec_3(k, x64_OP_por, to, to, right);
        return vec_done(k, to);
    }
    // The left shift where the count's sign is clear, else the right one.
    enum x64_xmm negative = vec_temp(k), zero = vec_temp(k);
    emit_xmm_zero(k->e, zero);
    vec_shift(k, VEC_SLL, k->bits, negative, b, k->bits - 8);
    vec_3(k, k->bits == 64 ? x64_OP_pcmpgtq : x64_OP_pcmpgtd, negative, zero, negative);
    vec_3(k, x64_OP_pand, right, right, negative);
    vec_3(k, x64_OP_pandn, to, negative, to);
    vec_3(k, x64_OP_por, to, to, right);
    return vec_done(k, to);
}
