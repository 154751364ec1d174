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

// It is no longer needed within the op: few are free at a time.
static inline void vec_free(struct vec *k, enum x64_xmm x)
{
    k->e->xmm_locked &= (uint16_t) ~(1u << x);
}

// For the one instruction of an op: the result's home, unless it is the second operand's register
// and there is no form with three of them.
static inline enum x64_xmm vec_result(struct vec *k, enum x64_xmm second)
{
    uint32_t busy = has_feature(k->e, VM_CPU_X86_64_AVX) ? 0 : 1u << second;
    return emit_xmm_result(k->e, k->v, busy);
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
// Lanes of which the top bit is set alone; each lane's sign in all its bits (`to` is not a's); the
// same constant in all lanes of 8 or 16 bits.
void vec_top(struct vec *k, unsigned bits, enum x64_xmm to);
void vec_signs(struct vec *k, unsigned bits, enum x64_xmm to, enum x64_xmm a);
void vec_fill(struct vec *k, unsigned bits, enum x64_xmm to, uint32_t lane);
// Bits of `yes` where the mask's are set, else of `no`; `to` is not the mask's.
void vec_choose(struct vec *k, enum x64_xmm to, enum x64_xmm mask, enum x64_xmm yes,
                enum x64_xmm no);
// The low 64 bits, zeros above.
void vec_low_half(struct vec *k, enum x64_xmm to, enum x64_xmm a);
// to = all lanes of that many bytes' logarithm as lane 0 of `a`, whose rest is of no interest.
void vec_broadcast(struct vec *k, unsigned log2, enum x64_xmm to, enum x64_xmm a);

// The host's addition and subtraction of lanes.
static inline enum x64_op vec_adding(unsigned log2)
{
    static const enum x64_op ops[] = {x64_OP_paddb, x64_OP_paddw, x64_OP_paddd, x64_OP_paddq};
    return ops[log2];
}

static inline enum x64_op vec_subtracting(unsigned log2)
{
    static const enum x64_op ops[] = {x64_OP_psubb, x64_OP_psubw, x64_OP_psubd, x64_OP_psubq};
    return ops[log2];
}

// Clears what is outside of the extent in `to`, which has the op's result then. True.
bool vec_done(struct vec *k, enum x64_xmm to);
// The same where nothing is to be cleared.
bool vec_done_whole(struct vec *k, enum x64_xmm to);

// --- vector_more.c ---

// The bytes of even or odd number as words.
void vec_bytes_as_words(struct vec *k, bool odd, bool sign, enum x64_xmm to, enum x64_xmm a);

// --- vector_float.c ---

struct vec_shape {
    bool f32, one, half; // one: a lane alone
    uint32_t attr;       // the FP attributes
};

// The operands as C gets them, and as the host computes with them: of a half C looks at no more.
struct vec_operands {
    struct operand given[3];
    enum x64_xmm used[3];
};

// The rounding mode of FP attributes.
unsigned vec_rounding_of(uint32_t fp_attr);
struct vec_operands vec_bring(struct vec *k, struct vec_shape s);
// To C where a lane of `marks` that counts has its sign bit set; it computes the whole into `to`,
// behind vec_finish.
void vec_go_aside(struct vec *k, struct vec_shape s, enum x64_xmm to, enum x64_xmm marks,
                  const struct vec_operands *x);
bool vec_finish(struct vec *k, enum x64_xmm to);
// To integral values, by the attributes' mode; inexact is raised if asked for.
void vec_round(struct vec *k, struct vec_shape s, enum x64_xmm to, enum x64_xmm a, bool inexact);

// --- vector_convert.c ---

bool vec_to_integers(struct vec *k, struct vec_shape s);
bool vec_from_integers(struct vec *k, struct vec_shape s);

// --- vector_crypto.c ---

// A vxor whose operand i, a round of AES, is part of it. False: the round is done, for a host
// without the instructions.
bool vec_aes_with_key(struct vec *k, unsigned i);

// --- what each op becomes ---

vec_fn vec_arithmetic, vec_unary, vec_compare, vec_shift_op, vec_select, vec_not;
vec_fn vec_get, vec_set, vec_splat, vec_low, vec_pair, vec_dup;
vec_fn vec_zip, vec_unzip, vec_transpose, vec_extract, vec_look_up, vec_reverse;
vec_fn vec_aes, vec_aes_mix, vec_aes_unmix, vec_sha1, vec_sha1_schedule;
vec_fn vec_sha256, vec_sha256_schedule0, vec_sha256_schedule1;
vec_fn vec_dot, vec_doubling_high, vec_halving, vec_shift_by_lane;
vec_fn vec_count_ones, vec_count_leading, vec_reverse_bits, vec_polynomial, vec_polynomial_long;
vec_fn vec_widen, vec_multiply_long, vec_narrow;
vec_fn vec_float;

#endif
