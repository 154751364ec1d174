// SPDX-License-Identifier: MIT
//
// Vector ops on bits: counts, reversal, carry-less products of bytes.
#include "vector.h"

// --- bits of bytes ---

// What the tables have for the two halves of each byte, combined.
static void by_halves(struct vec *k, enum x64_op combine, enum x64_xmm to, enum x64_xmm a,
                      enum float_mask low_table, enum float_mask high_table)
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
    vec_3(k, combine, to, to, table);
}

bool vec_count_ones(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    by_halves(k, x64_OP_paddb, to, a, MASK_ONES_IN_4, MASK_ONES_IN_4);
    return vec_done(k, to);
}

bool vec_reverse_bits(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    by_halves(k, x64_OP_paddb, to, a, MASK_REVERSED_4_HIGH, MASK_REVERSED_4);
    return vec_done(k, to);
}

// --- leading zeros ---

// Of bytes the lesser of what the upper half says, 8 if it is 0, and of what the lower one says if
// the upper one is 0. Of lanes of twice the width the upper lane's count, with the lower one's if
// the upper lane is 0.
static void count_zeros(struct vec *k, enum x64_xmm to, enum x64_xmm a)
{
    static const enum x64_op equal[] = {x64_OP_pcmpeqb, x64_OP_pcmpeqw, x64_OP_pcmpeqd};
    enum x64_xmm low = vec_temp(k), zero = vec_temp(k);
    by_halves(k, x64_OP_pminub, to, a, MASK_ZEROS_IN_LOW, MASK_ZEROS_IN_HIGH);
    for (unsigned log2 = 0; log2 < k->log2; log2++) {
        const unsigned bits = 8u << log2;
        emit_xmm_zero(k->e, zero);
        vec_3(k, equal[log2], low, a, zero);
        vec_shift(k, VEC_SRL, 2 * bits, low, low, bits);
        vec_3(k, x64_OP_pand, low, low, to);
        vec_shift(k, VEC_SRL, 2 * bits, to, to, bits);
        vec_3(k, vec_adding(log2 + 1), to, to, low);
    }
}

// Those of a sign are one less than the leading zeros once it is 0.
bool vec_count_leading(struct vec *k)
{
    if (!vec_has(k, VM_CPU_X86_64_SSSE3))
        return false;
    enum x64_xmm a = vec_arg(k, 0), to = vec_temp(k);
    if (k->o->code == VM_IR_vclz) {
        count_zeros(k, to, a);
        return vec_done(k, to);
    }
    enum x64_xmm x = vec_temp(k);
    vec_signs(k, k->bits, x, a);
    vec_3(k, x64_OP_pxor, x, x, a);
    count_zeros(k, to, x);
    vec_ones(k, x);
    vec_3(k, vec_adding(k->log2), to, to, x);
    return vec_done(k, to);
}

// --- carry-less products of bytes ---

// Lanes of 8 or 16 bits: from b's top bit on the sum is doubled, and a added where the bit is set.
// b is shifted out.
static void multiply(struct vec *k, bool words, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b)
{
    const enum x64_op add = words ? x64_OP_paddw : x64_OP_paddb;
    enum x64_xmm chosen = vec_temp(k);
    vec_signs(k, words ? 16 : 8, to, b);
    vec_3(k, x64_OP_pand, to, to, a);
    for (unsigned i = 1; i < 8; i++) {
        vec_3(k, add, to, to, to);
        vec_3(k, add, b, b, b);
        vec_signs(k, words ? 16 : 8, chosen, b);
        vec_3(k, x64_OP_pand, chosen, chosen, a);
        vec_3(k, x64_OP_pxor, to, to, chosen);
    }
}

bool vec_polynomial(struct vec *k)
{
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), y = vec_temp(k);
    emit_xmm_move(k->e, y, b);
    multiply(k, false, to, a, y);
    return vec_done(k, to);
}

static bool multiply_long_bytes(struct vec *k)
{
    const enum x64_op unpack = k->o->attr & VM_IR_VEC_HIGH ? x64_OP_punpckhbw : x64_OP_punpcklbw;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k), x = vec_temp(k);
    enum x64_xmm y = vec_temp(k), zero = vec_temp(k);
    emit_xmm_zero(k->e, zero);
    vec_3(k, unpack, x, a, zero);
    vec_3(k, unpack, y, zero, b);
    multiply(k, true, to, x, y);
    return vec_done_whole(k, to);
}

bool vec_polynomial_long(struct vec *k)
{
    if (k->bits == 8)
        return multiply_long_bytes(k);
    if (!vec_has(k, VM_CPU_X86_64_PCLMUL))
        return false;
    enum x64_xmm a = vec_arg(k, 0), b = vec_arg(k, 1), to = vec_temp(k);
    vec_3i(k, x64_OP_pclmulqdq, to, a, b, k->o->attr & VM_IR_VEC_HIGH ? 0x11 : 0);
    return vec_done_whole(k, to);
}
