// SPDX-License-Identifier: MIT
//
// What the files of vector ops share: an op that is being emitted, and the host's vector
// instructions in the form that it has.
//
// An op's emitter (vec_fn) answers false, before it has written anything, where the host has no
// instructions for it: then C computes it. Operands stay as they are: results are made in registers
// of their own.
#ifndef EMIT_X86_64_VECTOR_H
#define EMIT_X86_64_VECTOR_H

#include "emit.h"

#include <vm/osal/cpu.h>

struct vec {
    struct emit *e;
    vm_ir_value v;
    const struct vm_ir_op *o;
    unsigned bits, log2; // of a lane; log2 of its bytes
    enum vm_ir_extent extent;
    unsigned imm;
};

typedef bool vec_fn(struct vec *k);

static inline bool vec_has(const struct vec *k, uint32_t feature)
{
    return feature == 0 || has_feature(k->e, feature);
}

static inline enum x64_xmm vec_arg(struct vec *k, unsigned i)
{
    return emit_in_xmm(k->e, k->o->args[i]);
}

static inline enum x64_xmm vec_temp(struct vec *k)
{
    return emit_xmm_temp(k->e);
}

// --- vector.c ---

// Instructions: to = a OP b, to = OP a, with an immediate byte, and with a constant in memory.
void vec_3(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b);
void vec_2(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a);
void vec_3i(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b,
            uint8_t imm);
void vec_2i(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, uint8_t imm);
void vec_mask(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, enum float_mask mask);

// Shifts of lanes of 16 to 64 bits by fewer bits than they have; of all by bytes.
enum vec_shift { VEC_SLL, VEC_SRL, VEC_SRA };
void vec_shift(struct vec *k, enum vec_shift how, unsigned bits, enum x64_xmm to, enum x64_xmm a,
               unsigned n);
void vec_bytes_down(struct vec *k, enum x64_xmm to, enum x64_xmm a, unsigned n);
void vec_bytes_up(struct vec *k, enum x64_xmm to, enum x64_xmm a, unsigned n);
void vec_ones(struct vec *k, enum x64_xmm to);
// The low 64 bits, zeros above.
void vec_low_half(struct vec *k, enum x64_xmm to, enum x64_xmm a);
// to = all lanes of that many bytes' logarithm as lane 0 of `a`, whose rest is of no interest.
void vec_broadcast(struct vec *k, unsigned log2, enum x64_xmm to, enum x64_xmm a);

// Clears what is outside of the extent in `to`, which has the op's result then. True.
bool vec_done(struct vec *k, enum x64_xmm to);
// The same where nothing is to be cleared.
bool vec_done_whole(struct vec *k, enum x64_xmm to);

// --- vector_integer.c, vector_lanes.c, vector_width.c, vector_float.c, vector_crypto.c ---

vec_fn vec_arithmetic, vec_unary, vec_compare_unsigned, vec_shift_op, vec_select, vec_not;
vec_fn vec_get, vec_set, vec_splat, vec_low, vec_pair, vec_dup;
vec_fn vec_zip, vec_unzip, vec_transpose, vec_extract, vec_look_up, vec_reverse;
vec_fn vec_aes, vec_aes_mix, vec_aes_unmix, vec_sha1, vec_sha1_schedule;
vec_fn vec_sha256, vec_sha256_schedule0, vec_sha256_schedule1;
vec_fn vec_dot, vec_count_ones, vec_reverse_bits, vec_doubling_high, vec_halving, vec_shift_by_lane;
vec_fn vec_widen, vec_multiply_long, vec_polynomial_long, vec_narrow;
vec_fn vec_float;

#endif
