// SPDX-License-Identifier: MIT
//
// Vector ops (v128): which become the host's instructions, and the instructions.
#include "vector.h"

// --- instructions ---

static bool has_avx(const struct vec *k)
{
    return has_feature(k->e, VM_CPU_X86_64_AVX);
}

void vec_3(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b)
{
    const struct operand second = in_xmm(b);
    emit_xmm_three(k->e, op, to, a, &second);
}

void vec_2(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a)
{
    const struct operand from = in_xmm(a);
    emit_xmm_two(k->e, op, to, &from);
}

void vec_3i(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, enum x64_xmm b,
            uint8_t imm)
{
    if (has_avx(k)) {
        x64_avx_rrri(&k->e->code, op, X64_128, to, a, b, imm);
        return;
    }
    emit_xmm_move(k->e, to, a);
    x64_sse_rri(&k->e->code, op, to, b, imm);
}

void vec_2i(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, uint8_t imm)
{
    if (has_avx(k))
        x64_avx_rri(&k->e->code, op, X64_128, to, a, imm);
    else
        x64_sse_rri(&k->e->code, op, to, a, imm);
}

void vec_mask(struct vec *k, enum x64_op op, enum x64_xmm to, enum x64_xmm a, enum float_mask mask)
{
    emit_xmm_mask(k->e, op, to, a, mask);
}

#define SHIFT(name)                                                                   \
    static void do_##name(struct vec *k, enum x64_xmm to, enum x64_xmm a, unsigned n) \
    {                                                                                 \
        if (has_avx(k)) {                                                             \
            x64_v##name##_rri(&k->e->code, X64_128, to, a, (uint8_t)n);               \
            return;                                                                   \
        }                                                                             \
        emit_xmm_move(k->e, to, a);                                                   \
        x64_##name##_ri(&k->e->code, to, (uint8_t)n);                                 \
    }
SHIFT(psllw)
SHIFT(pslld)
SHIFT(psllq)
SHIFT(psrlw)
SHIFT(psrld)
SHIFT(psrlq)
SHIFT(psraw)
SHIFT(psrad)
SHIFT(psrldq)
SHIFT(pslldq)

void vec_shift(struct vec *k, enum vec_shift how, unsigned bits, enum x64_xmm to, enum x64_xmm a,
               unsigned n)
{
    switch (how) {
    case VEC_SLL:
        bits == 16   ? do_psllw(k, to, a, n)
        : bits == 32 ? do_pslld(k, to, a, n)
                     : do_psllq(k, to, a, n);
        break;
    case VEC_SRL:
        bits == 16   ? do_psrlw(k, to, a, n)
        : bits == 32 ? do_psrld(k, to, a, n)
                     : do_psrlq(k, to, a, n);
        break;
    case VEC_SRA: bits == 16 ? do_psraw(k, to, a, n) : do_psrad(k, to, a, n); break;
    }
}

void vec_bytes_down(struct vec *k, enum x64_xmm to, enum x64_xmm a, unsigned n)
{
    do_psrldq(k, to, a, n);
}

void vec_bytes_up(struct vec *k, enum x64_xmm to, enum x64_xmm a, unsigned n)
{
    do_pslldq(k, to, a, n);
}

void vec_ones(struct vec *k, enum x64_xmm to)
{
    vec_3(k, x64_OP_pcmpeqd, to, to, to);
}

void vec_low_half(struct vec *k, enum x64_xmm to, enum x64_xmm a)
{
    vec_2(k, x64_OP_movq, to, a);
}

void vec_top(struct vec *k, unsigned bits, enum x64_xmm to)
{
    if (bits == 8) {
        emit_xmm_zero(k->e, to);
        vec_mask(k, x64_OP_por, to, to, MASK_SIGN_8);
        return;
    }
    vec_ones(k, to);
    vec_shift(k, VEC_SLL, bits, to, to, bits - 1);
}

void vec_signs(struct vec *k, unsigned bits, enum x64_xmm to, enum x64_xmm a)
{
    if (bits == 8) {
        emit_xmm_zero(k->e, to);
        vec_3(k, x64_OP_pcmpgtb, to, to, a);
        return;
    }
    vec_shift(k, VEC_SRA, bits == 16 ? 16 : 32, to, a, bits == 16 ? 15 : 31);
    if (bits == 64)
        vec_2i(k, x64_OP_pshufd, to, to, 0xf5); // the upper halves
}

void vec_fill(struct vec *k, unsigned bits, enum x64_xmm to, uint32_t lane)
{
    enum x64_reg reg = emit_temp(k->e);
    x64_imm(&k->e->code, reg, bits == 8 ? lane * 0x01010101u : lane * 0x00010001u);
    emit_xmm_from(k->e, X64_32, to, reg);
    vec_broadcast(k, 2, to, to);
    k->e->locked &= (uint16_t) ~(1u << reg);
}

void vec_choose(struct vec *k, enum x64_xmm to, enum x64_xmm mask, enum x64_xmm yes,
                enum x64_xmm no)
{
    enum x64_xmm other = vec_temp(k);
    vec_3(k, x64_OP_pandn, other, mask, no);
    vec_3(k, x64_OP_pand, to, yes, mask);
    vec_3(k, x64_OP_por, to, to, other);
    vec_free(k, other);
}

void vec_broadcast(struct vec *k, unsigned log2, enum x64_xmm to, enum x64_xmm a)
{
    if (log2 == 3) {
        vec_2i(k, x64_OP_pshufd, to, a, 0x44);
    } else if (log2 == 2) {
        vec_2i(k, x64_OP_pshufd, to, a, 0);
    } else {
        if (log2 == 0) {
            vec_3(k, x64_OP_punpcklbw, to, a, a);
            a = to;
        }
        vec_2i(k, x64_OP_pshuflw, to, a, 0);
        vec_2i(k, x64_OP_pshufd, to, to, 0);
    }
}

// --- results ---

static void clear_above(struct vec *k, enum x64_xmm x)
{
    if (k->extent == VM_IR_HALF || k->bits == 64) {
        vec_low_half(k, x, x);
        return;
    }
    unsigned bytes = 16 - k->bits / 8;
    vec_bytes_up(k, x, x, bytes);
    vec_bytes_down(k, x, x, bytes);
}

bool vec_done(struct vec *k, enum x64_xmm to)
{
    if (k->extent != VM_IR_WHOLE)
        clear_above(k, to);
    return vec_done_whole(k, to);
}

bool vec_done_whole(struct vec *k, enum x64_xmm to)
{
    emit_define_xmm(k->e, k->v, to);
    return true;
}

// --- ops ---

static void emit_vector(struct emit *e, vm_ir_value v, const struct vm_ir_op *o, vec_fn *fn)
{
    struct vec k = {.e = e, .v = v, .o = o};
    k.bits = vm_ir_type_bits(vm_ir_vec_lane(o->attr));
    k.log2 = (unsigned)__builtin_ctz(k.bits / 8);
    k.extent = vm_ir_vec_extent(o->attr);
    k.imm = vm_ir_vec_imm(o->attr);
    if (!fn(&k))
        emit_evaluate_vector(e, v, o);
}

#define VECTOR(name, fn)                                                         \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        emit_vector(e, v, o, fn);                                                \
    }
VECTOR(vget, vec_get)
VECTOR(vset, vec_set)
VECTOR(vsplat, vec_splat)
VECTOR(vlow, vec_low)
VECTOR(vpair, vec_pair)
VECTOR(vdup, vec_dup)
VECTOR(vand, vec_arithmetic)
VECTOR(vor, vec_arithmetic)
VECTOR(vxor, vec_arithmetic)
VECTOR(vandn, vec_arithmetic)
VECTOR(vnot, vec_not)
VECTOR(vsel, vec_select)
VECTOR(vadd, vec_arithmetic)
VECTOR(vsub, vec_arithmetic)
VECTOR(vmul, vec_arithmetic)
VECTOR(vsmin, vec_arithmetic)
VECTOR(vsmax, vec_arithmetic)
VECTOR(vumin, vec_arithmetic)
VECTOR(vumax, vec_arithmetic)
VECTOR(vsabd, vec_arithmetic)
VECTOR(vuabd, vec_arithmetic)
VECTOR(vneg, vec_unary)
VECTOR(vabs, vec_unary)
VECTOR(vceq, vec_arithmetic)
VECTOR(vcgts, vec_arithmetic)
VECTOR(vcges, vec_compare)
VECTOR(vcgtu, vec_compare)
VECTOR(vcgeu, vec_compare)
VECTOR(vshl, vec_shift_op)
VECTOR(vshrs, vec_shift_op)
VECTOR(vshru, vec_shift_op)
VECTOR(vrshrs, vec_shift_op)
VECTOR(vrshru, vec_shift_op)
VECTOR(vurhadd, vec_arithmetic)
VECTOR(vsqadd, vec_arithmetic)
VECTOR(vuqadd, vec_arithmetic)
VECTOR(vsqsub, vec_arithmetic)
VECTOR(vuqsub, vec_arithmetic)
VECTOR(vrev, vec_reverse)
VECTOR(vzip1, vec_zip)
VECTOR(vzip2, vec_zip)
VECTOR(vuzp1, vec_unzip)
VECTOR(vuzp2, vec_unzip)
VECTOR(vtrn1, vec_transpose)
VECTOR(vtrn2, vec_transpose)
VECTOR(vext, vec_extract)
VECTOR(vtbl, vec_look_up)
VECTOR(vwidens, vec_widen)
VECTOR(vwidenu, vec_widen)
VECTOR(vmulls, vec_multiply_long)
VECTOR(vmullu, vec_multiply_long)
VECTOR(vpmul, vec_polynomial)
VECTOR(vpmull, vec_polynomial_long)
VECTOR(vnarrow, vec_narrow)
VECTOR(vsqnarrow, vec_narrow)
VECTOR(vuqnarrow, vec_narrow)
VECTOR(vsqnarrowu, vec_narrow)
VECTOR(vsshl, vec_shift_by_lane)
VECTOR(vushl, vec_shift_by_lane)
VECTOR(vsrshl, vec_shift_by_lane)
VECTOR(vurshl, vec_shift_by_lane)
VECTOR(vshadd, vec_halving)
VECTOR(vuhadd, vec_halving)
VECTOR(vsrhadd, vec_halving)
VECTOR(vshsub, vec_halving)
VECTOR(vuhsub, vec_halving)
VECTOR(vsqdmulh, vec_doubling_high)
VECTOR(vsqrdmulh, vec_doubling_high)
VECTOR(vclz, vec_count_leading)
VECTOR(vcls, vec_count_leading)
VECTOR(vcnt, vec_count_ones)
VECTOR(vrbit, vec_reverse_bits)
VECTOR(vsdot, vec_dot)
VECTOR(vudot, vec_dot)
VECTOR(vusdot, vec_dot)
VECTOR(vaese, vec_aes)
VECTOR(vaesd, vec_aes)
VECTOR(vaesmc, vec_aes_mix)
VECTOR(vaesimc, vec_aes_unmix)
VECTOR(vsha1, vec_sha1)
VECTOR(vsha1su1, vec_sha1_schedule)
VECTOR(vsha256h, vec_sha256)
VECTOR(vsha256h2, vec_sha256)
VECTOR(vsha256su0, vec_sha256_schedule0)
VECTOR(vsha256su1, vec_sha256_schedule1)
VECTOR(vfadd, vec_float)
VECTOR(vfsub, vec_float)
VECTOR(vfmul, vec_float)
VECTOR(vfdiv, vec_float)
VECTOR(vfsqrt, vec_float)
VECTOR(vfma, vec_float)
VECTOR(vfmin, vec_float)
VECTOR(vfmax, vec_float)
VECTOR(vfceq, vec_float)
VECTOR(vfcgt, vec_float)
VECTOR(vfcge, vec_float)
VECTOR(vfround, vec_float)
VECTOR(vfwiden, vec_float)
VECTOR(vfnarrow, vec_float)
VECTOR(vftos, vec_float)
VECTOR(vftou, vec_float)
VECTOR(vstof, vec_float)
VECTOR(vutof, vec_float)
