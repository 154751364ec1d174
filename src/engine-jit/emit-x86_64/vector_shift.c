// SPDX-License-Identifier: MIT
//
// Shifts of lanes, by constants and by other lanes.
#include "vector.h"

// --- by a constant ---

// Of bytes by words, without what comes from the byte beside. A sign comes back by (x ^ m) - m,
// where m has the bit that it is in.
static void shift_bytes(struct vec *k, enum vec_shift how, enum x64_xmm to, enum x64_xmm a,
                        unsigned n)
{
    enum x64_xmm mask = vec_temp(k);
    vec_shift(k, how == VEC_SLL ? VEC_SLL : VEC_SRL, 16, to, a, n);
    vec_fill(k, 8, mask, how == VEC_SLL ? 0xffu << n & 0xff : 0xffu >> n);
    vec_3(k, x64_OP_pand, to, to, mask);
    if (how == VEC_SRA) {
        vec_fill(k, 8, mask, 0x80u >> n);
        vec_3(k, x64_OP_pxor, to, to, mask);
        vec_3(k, x64_OP_psubb, to, to, mask);
    }
    vec_free(k, mask);
}

// Of all widths, by 0 to width - 1.
static void shift_lanes(struct vec *k, enum vec_shift how, enum x64_xmm to, enum x64_xmm a,
                        unsigned n)
{
    if (n == 0) {
        emit_xmm_move(k->e, to, a);
    } else if (k->bits == 8) {
        shift_bytes(k, how, to, a, n);
    } else if (k->bits == 64 && how == VEC_SRA) {
        enum x64_xmm signs = vec_temp(k);
        vec_signs(k, 64, signs, a);
        vec_shift(k, VEC_SLL, 64, signs, signs, 64 - n);
        vec_shift(k, VEC_SRL, 64, to, a, n);
        vec_3(k, x64_OP_por, to, to, signs);
        vec_free(k, signs);
    } else {
        vec_shift(k, how, k->bits, to, a, n);
    }
}

// The host has rounded averages of unsigned bytes: half of what is shifted by one bit less, which
// is 64 more where the sign is changed to make signed bytes unsigned.
static bool shift_bytes_rounded(struct vec *k, enum vec_shift how)
{
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k), other = vec_temp(k);
    shift_lanes(k, how, to, a, k->imm - 1);
    if (how == VEC_SRA)
        vec_mask(k, x64_OP_pxor, to, to, MASK_SIGN_8);
    emit_xmm_zero(k->e, other);
    vec_3(k, x64_OP_pavgb, to, to, other);
    if (how == VEC_SRA) {
        vec_fill(k, 8, other, 64);
        vec_3(k, x64_OP_psubb, to, to, other);
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
    shift_lanes(k, how, to, a, n);
    vec_3(k, vec_adding(k->log2), to, to, last);
    return vec_done(k, to);
}

static bool shift_to_zero(struct vec *k)
{
    enum x64_xmm to = vec_temp(k);
    emit_xmm_zero(k->e, to);
    return vec_done_whole(k, to);
}

// By the whole width the rounded sum's carry is left: the top bit of the unsigned.
bool vec_shift_op(struct vec *k)
{
    const unsigned code = k->o->code, bits = k->bits;
    bool sign = code == VM_IR_vshrs || code == VM_IR_vrshrs;
    bool rounded = code == VM_IR_vrshrs || code == VM_IR_vrshru;
    enum vec_shift how = code == VM_IR_vshl ? VEC_SLL : sign ? VEC_SRA : VEC_SRL;
    unsigned n = k->imm;
    if (n == bits && sign == rounded)
        return shift_to_zero(k);
    if (rounded && n < bits)
        return bits == 8 ? shift_bytes_rounded(k, how) : shift_rounded(k, how);
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    if (n == bits && sign)
        vec_signs(k, bits, to, a);
    else
        shift_lanes(k, how, to, a, n == bits ? n - 1 : n);
    return vec_done(k, to);
}

// --- by the signed low byte of each lane ---

static bool is_signed(const struct vec *k)
{
    return k->o->code == VM_IR_vsshl || k->o->code == VM_IR_vsrshl;
}

static bool is_rounded(const struct vec *k)
{
    return k->o->code == VM_IR_vsrshl || k->o->code == VM_IR_vurshl;
}

// Right by unsigned lanes, any number of bits. Of negative numbers the complement, so that zeros
// that come in are signs.
static void shift_right_by(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm n)
{
    const enum x64_op op = k->bits == 64 ? x64_OP_vpsrlvq : x64_OP_vpsrlvd;
    if (!is_signed(k)) {
        vec_3(k, op, to, a, n);
        return;
    }
    enum x64_xmm signs = vec_temp(k);
    vec_signs(k, k->bits, signs, a);
    vec_3(k, x64_OP_pxor, to, a, signs);
    vec_3(k, op, to, to, n);
    vec_3(k, x64_OP_pxor, to, to, signs);
    vec_free(k, signs);
}

// The same, rounded: by one bit less, then half of that, with the last bit added.
static void shift_right_rounded_by(struct vec *k, enum x64_xmm to, enum x64_xmm a, enum x64_xmm n)
{
    enum x64_xmm one = vec_temp(k), last = vec_temp(k);
    vec_ones(k, one);
    vec_shift(k, VEC_SRL, k->bits, one, one, k->bits - 1);
    vec_3(k, vec_subtracting(k->log2), n, n, one);
    shift_right_by(k, last, a, n);
    shift_lanes(k, is_signed(k) ? VEC_SRA : VEC_SRL, to, last, 1);
    vec_3(k, x64_OP_pand, last, last, one);
    vec_3(k, vec_adding(k->log2), to, to, last);
    vec_free(k, one);
    vec_free(k, last);
}

// The host shifts by unsigned lanes, and everything out where they are too large. So both ways, and
// the right one where the count is negative.
static bool shift_wide_lanes(struct vec *k)
{
    bool wide = k->bits == 64;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), right = vec_temp(k);
    enum x64_xmm byte = vec_temp(k), n = vec_temp(k);
    vec_ones(k, byte);
    vec_shift(k, VEC_SRL, k->bits, byte, byte, k->bits - 8);
    vec_3(k, x64_OP_pand, n, b, byte);
    vec_3(k, wide ? x64_OP_vpsllvq : x64_OP_vpsllvd, to, a, n);
    emit_xmm_zero(k->e, n);
    vec_3(k, vec_subtracting(k->log2), n, n, b);
    vec_3(k, x64_OP_pand, n, n, byte);
    vec_free(k, byte);
    if (is_rounded(k))
        shift_right_rounded_by(k, right, a, n);
    else
        shift_right_by(k, right, a, n);
    vec_shift(k, VEC_SLL, k->bits, n, b, k->bits - 8);
    enum x64_xmm negative = vec_temp(k);
    vec_signs(k, k->bits, negative, n);
    vec_choose(k, to, negative, right, to);
    return vec_done(k, to);
}

// The power of two, in words, whose exponent is each word's low byte plus `bias`; 0 where it is
// negative or above 15. Of the table's second half everything is 0.
static void word_powers(struct vec *k, enum x64_xmm to, enum x64_xmm b, unsigned bias)
{
    enum x64_xmm high = vec_temp(k), table = vec_temp(k);
    vec_shift(k, VEC_SLL, 16, high, b, 8);
    vec_shift(k, VEC_SRL, 16, to, high, 8);
    vec_3(k, x64_OP_por, to, to, high);
    vec_fill(k, 16, high, ((bias - 8) << 8 & 0xff00) | bias);
    vec_3(k, x64_OP_paddb, to, to, high);
    vec_mask(k, x64_OP_paddusb, to, to, MASK_BEYOND_15);
    emit_xmm_zero(k->e, table);
    vec_mask(k, x64_OP_por, table, table, MASK_POWERS_OF_2);
    vec_3(k, x64_OP_pshufb, table, table, to);
    emit_xmm_move(k->e, to, table);
    vec_free(k, high);
    vec_free(k, table);
}

// Products with powers of two: their low halves are shifted left, the high ones right. The rounded
// high half of the doubled product is a signed shift, rounded.
static bool shift_words(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), right = vec_temp(k);
    word_powers(k, to, b, 0);
    vec_3(k, x64_OP_pmullw, to, to, a);
    if (is_signed(k) && is_rounded(k)) {
        word_powers(k, right, b, 15);
        enum x64_xmm negative = vec_temp(k), n = vec_temp(k);
        vec_3(k, x64_OP_pmulhrsw, right, right, a);
        vec_shift(k, VEC_SLL, 16, n, b, 8);
        vec_signs(k, 16, negative, n);
        vec_3(k, x64_OP_pand, right, right, negative);
        vec_3(k, x64_OP_por, to, to, right);
        return vec_done(k, to);
    }
    enum x64_xmm powers = vec_temp(k), other = vec_temp(k);
    word_powers(k, powers, b, 16);
    if (is_signed(k)) { // of negative numbers the complement
        vec_signs(k, 16, other, a);
        vec_3(k, x64_OP_pxor, right, a, other);
        vec_3(k, x64_OP_pmulhuw, right, right, powers);
        vec_3(k, x64_OP_pxor, right, right, other);
        vec_shift(k, VEC_SLL, 16, powers, b, 8);
        vec_signs(k, 16, other, powers);
        vec_choose(k, to, other, right, to);
        return vec_done(k, to);
    }
    vec_3(k, x64_OP_pmulhuw, right, a, powers);
    vec_3(k, x64_OP_por, to, to, right);
    if (is_rounded(k)) {
        vec_3(k, x64_OP_pmullw, powers, powers, a);
        vec_shift(k, VEC_SRL, 16, powers, powers, 15);
        vec_3(k, x64_OP_paddw, to, to, powers);
    }
    return vec_done(k, to);
}

// What the table has for each byte below 16, else 0.
static void look_up_powers(struct vec *k, enum x64_xmm to, enum x64_xmm index,
                           enum float_mask table)
{
    enum x64_xmm at = vec_temp(k);
    vec_mask(k, x64_OP_paddusb, at, index, MASK_BEYOND_15);
    emit_xmm_zero(k->e, to);
    vec_mask(k, x64_OP_por, to, to, table);
    vec_3(k, x64_OP_pshufb, to, to, at);
    vec_free(k, at);
}

// The second byte of the products of the words that the even or odd bytes make, as that byte.
static void high_bytes(struct vec *k, bool odd, enum x64_xmm to, enum x64_xmm a,
                       enum x64_xmm powers)
{
    enum x64_xmm x = vec_temp(k);
    vec_bytes_as_words(k, odd, is_signed(k), to, a);
    vec_bytes_as_words(k, odd, false, x, powers);
    vec_3(k, x64_OP_pmullw, to, to, x);
    if (is_rounded(k)) {
        vec_fill(k, 16, x, 0x80);
        vec_3(k, x64_OP_paddw, to, to, x);
    }
    vec_shift(k, VEC_SRL, 16, to, to, 8);
    if (odd)
        vec_shift(k, VEC_SLL, 16, to, to, 8);
    vec_free(k, x);
}

// Bytes by products with powers of two, too: left the low bytes, right the high ones, where one of
// the powers is 0. Further than by 8 bits a number is its sign, or rounded 0.
static bool shift_narrow_lanes(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), other = vec_temp(k);
    enum x64_xmm powers = vec_temp(k), n = vec_temp(k);
    look_up_powers(k, powers, b, MASK_POWERS_OF_2);
    vec_bytes_as_words(k, true, false, other, powers);
    vec_bytes_as_words(k, true, false, to, a);
    vec_3(k, x64_OP_pmullw, to, to, other);
    vec_shift(k, VEC_SLL, 16, to, to, 8);
    vec_3(k, x64_OP_pmullw, other, a, powers);
    vec_mask(k, x64_OP_pand, other, other, MASK_LOW_8_OF_16);
    vec_3(k, x64_OP_por, to, to, other);
    emit_xmm_move(k->e, other, b);
    if (!is_rounded(k)) {
        vec_fill(k, 8, n, 0xf8);
        vec_3(k, x64_OP_pmaxsb, other, other, n);
    }
    emit_xmm_zero(k->e, n);
    vec_3(k, x64_OP_psubb, n, n, other);
    look_up_powers(k, powers, n, MASK_POWERS_DOWN);
    high_bytes(k, false, other, a, powers);
    vec_3(k, x64_OP_por, to, to, other);
    high_bytes(k, true, other, a, powers);
    vec_3(k, x64_OP_por, to, to, other);
    return vec_done(k, to);
}

bool vec_shift_by_lane(struct vec *k)
{
    if (k->bits >= 32)
        return vec_has(k, VM_CPU_X86_64_AVX2) && shift_wide_lanes(k);
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    return k->bits == 16 ? shift_words(k)
                         : vec_has(k, VM_CPU_X86_64_SSE4_1) && shift_narrow_lanes(k);
}
