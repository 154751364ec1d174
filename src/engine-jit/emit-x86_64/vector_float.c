// SPDX-License-Identifier: MIT
//
// Vectors of f32 and f64 on the host's FPU. Lanes that the extent leaves out must raise nothing:
// one lane is computed by the scalar instruction, of a half both halves are the low one. A result
// with a NaN, or with a lane where tininess may have been told of only before rounding, goes to C,
// which computes the whole anew; what the host has raised by then the guest raises as well.
#include "vector.h"

static struct vec_shape shape_of(const struct vm_ir_op *o)
{
    enum vm_ir_extent extent = vm_ir_vec_extent(o->attr);
    bool f32 = vm_ir_vec_lane(o->attr) == VM_F32;
    return (struct vec_shape){
        .f32 = f32,
        .one = extent == VM_IR_LANE0 || (extent == VM_IR_HALF && !f32),
        .half = extent == VM_IR_HALF && f32,
        .attr = vm_ir_fp_attr(o),
    };
}

unsigned vec_rounding_of(uint32_t fp_attr)
{
    return fp_attr >> VM_IR_FP_ROUND_SHIFT & 7;
}

// --- which ---

static bool has_compare(const struct emit *e, const struct vm_ir_op *o, uint32_t attr)
{
    bool signaling = attr & VM_IR_FP_SIGNALING;
    if (has_feature(e, VM_CPU_X86_64_AVX)) // has every predicate
        return true;
    return o->code == VM_IR_vfceq ? !signaling : signaling;
}

static bool has_instruction(const struct emit *e, const struct vm_ir_op *o, struct vec_shape s)
{
    bool dynamic = vec_rounding_of(s.attr) == VM_IR_FP_DYNAMIC;
    switch (o->code) {
    case VM_IR_vfadd:
    case VM_IR_vfsub:
    case VM_IR_vfmul:
    case VM_IR_vfdiv:
    case VM_IR_vfsqrt: return dynamic;
    case VM_IR_vfma:
        return dynamic && has_feature(e, VM_CPU_X86_64_FMA) && has_feature(e, VM_CPU_X86_64_AVX);
    case VM_IR_vfmin:
    case VM_IR_vfmax: return (s.attr >> VM_IR_FP_RULE_SHIFT & 3) != VM_FP_X86;
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return has_compare(e, o, s.attr);
    case VM_IR_vfround:
        return has_feature(e, VM_CPU_X86_64_SSE4_1) &&
               (dynamic || vec_rounding_of(s.attr) <= VM_FP_RUP);
    case VM_IR_vfwiden: return s.f32;
    case VM_IR_vfnarrow: return s.f32 && dynamic && !s.one;
    case VM_IR_vftos:
    case VM_IR_vftou:
        return dynamic || vec_rounding_of(s.attr) == VM_FP_RTZ ||
               (has_feature(e, VM_CPU_X86_64_SSE4_1) && vec_rounding_of(s.attr) <= VM_FP_RUP);
    case VM_IR_vstof:
    case VM_IR_vutof: return dynamic;
    default: return false;
    }
}

bool emit_is_host_vector_float(const struct emit *e, const struct vm_ir_op *o)
{
    const struct vec_shape s = shape_of(o);
    return !e->jit->soft_float && vm_ir_vec_lane(o->attr) != VM_F16 &&
           emit_has_host_rules(s.attr) && has_instruction(e, o, s);
}

// --- operands and results ---

static enum x64_op choose(struct vec_shape s, enum x64_op ps, enum x64_op pd, enum x64_op ss,
                          enum x64_op sd)
{
    return s.one ? (s.f32 ? ss : sd) : s.f32 ? ps : pd;
}

struct vec_operands vec_bring(struct vec *k, struct vec_shape s)
{
    struct vec_operands x = {
        .given = {{.kind = IMMEDIATE}, {.kind = IMMEDIATE}, {.kind = IMMEDIATE}}};
    unsigned args = vm_ir_op_args(k->e->r, k->o);
    emit_go_live(k->e);
    for (unsigned i = 0; i < args; i++) {
        x.given[i] = in_xmm(vec_arg(k, i));
        x.used[i] = x.given[i].xmm;
        if (s.half) {
            x.used[i] = vec_temp(k);
            vec_3(k, x64_OP_punpcklqdq, x.used[i], x.given[i].xmm, x.given[i].xmm);
            k->e->xmm_locked &= (uint16_t) ~(1u << x.given[i].xmm);
            x.given[i].xmm = x.used[i];
        }
    }
    return x;
}

// Aside where a lane of `marks`, or lane 0 where there is one only, has its sign bit set.
void vec_go_aside(struct vec *k, struct vec_shape s, enum x64_xmm to, enum x64_xmm marks,
                  const struct vec_operands *x)
{
    struct emit *e = k->e;
    struct x64_code *c = &e->code;
    enum x64_reg mask = emit_temp(e);
    bool avx = has_feature(e, VM_CPU_X86_64_AVX);
    if (s.f32)
        avx ? x64_vmovmskps_rr(c, X64_128, mask, marks) : x64_movmskps_rr(c, mask, marks);
    else
        avx ? x64_vmovmskpd_rr(c, X64_128, mask, marks) : x64_movmskpd_rr(c, mask, marks);
    if (s.one)
        x64_test_ri(c, X64_32, mask, 1);
    else
        x64_test_rr(c, X64_32, mask, mask);
    struct cold *cold = emit_cold(e, COLD_VECTOR, x64_jcc32(c, X64_NE));
    for (unsigned i = 0; i < VM_ARRAY_SIZE(cold->args); i++)
        cold->args[i] = x->given[i];
    cold->word = k->o->attr | (uint64_t)k->o->code << 32;
    cold->xmm = (uint8_t)to;
}

// What C computes has the extent's zeros already: clearing them again does no harm.
bool vec_finish(struct vec *k, enum x64_xmm to)
{
    k->e->cold[k->e->cold_count - 1].back = k->e->code.at;
    return vec_done(k, to);
}

// Only of the lanes that count: a signalling one raises invalid.
static void mark_nans(struct vec *k, struct vec_shape s, enum x64_xmm marks, enum x64_xmm a,
                      enum x64_xmm b)
{
    enum { UNORDERED = 3 };
    vec_3i(k, choose(s, x64_OP_cmpps, x64_OP_cmppd, x64_OP_cmpss, x64_OP_cmpsd), marks, a, b,
           UNORDERED);
}

// Integers compare the lanes' patterns: of 64 bits by their halves, of which the lower are 0.
static void mark_least(struct vec *k, struct vec_shape s, enum x64_xmm marks, enum x64_xmm to)
{
    vec_mask(k, x64_OP_andps, marks, to, s.f32 ? MASK_ALL_REST_32 : MASK_ALL_REST_64);
    if (s.f32 || vec_has(k, VM_CPU_X86_64_SSE4_1)) {
        vec_mask(k, s.f32 ? x64_OP_pcmpeqd : x64_OP_pcmpeqq, marks, marks,
                 s.f32 ? MASK_ALL_LEAST_32 : MASK_ALL_LEAST_64);
        return;
    }
    enum x64_xmm swapped = vec_temp(k);
    vec_mask(k, x64_OP_pcmpeqd, marks, marks, MASK_ALL_LEAST_64);
    vec_2i(k, x64_OP_pshufd, swapped, marks, 0xb1);
    vec_3(k, x64_OP_pand, marks, marks, swapped);
}

static bool check(struct vec *k, struct vec_shape s, enum x64_xmm to, bool tiny,
                  const struct vec_operands *x)
{
    enum x64_xmm marks = vec_temp(k);
    mark_nans(k, s, marks, to, to);
    if (tiny && emit_is_tiny_before(s.attr)) {
        enum x64_xmm least = vec_temp(k);
        mark_least(k, s, least, to);
        vec_3(k, x64_OP_por, marks, marks, least);
    }
    vec_go_aside(k, s, to, marks, x);
    return vec_finish(k, to);
}

// --- arithmetic ---

static bool two_operands(struct vec *k, struct vec_shape s, enum x64_op op, bool tiny)
{
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    vec_3(k, op, to, x.used[0], x.used[1]);
    return check(k, s, to, tiny, &x);
}

static bool root(struct vec *k, struct vec_shape s)
{
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    if (s.one)
        vec_3(k, s.f32 ? x64_OP_sqrtss : x64_OP_sqrtsd, to, x.used[0], x.used[0]);
    else
        vec_2(k, s.f32 ? x64_OP_sqrtps : x64_OP_sqrtpd, to, x.used[0]);
    return check(k, s, to, false, &x);
}

static bool fused(struct vec *k, struct vec_shape s)
{
    static const enum x64_op ops[4][4] = {
        {x64_OP_vfmadd231ps, x64_OP_vfnmadd231ps, x64_OP_vfmsub231ps, x64_OP_vfnmsub231ps},
        {x64_OP_vfmadd231pd, x64_OP_vfnmadd231pd, x64_OP_vfmsub231pd, x64_OP_vfnmsub231pd},
        {x64_OP_vfmadd231ss, x64_OP_vfnmadd231ss, x64_OP_vfmsub231ss, x64_OP_vfnmsub231ss},
        {x64_OP_vfmadd231sd, x64_OP_vfnmadd231sd, x64_OP_vfmsub231sd, x64_OP_vfnmsub231sd},
    };
    unsigned signs =
        (s.attr & VM_IR_FP_NEG_PRODUCT ? 1 : 0) + (s.attr & VM_IR_FP_NEG_ADDEND ? 2 : 0);
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    emit_xmm_move(k->e, to, x.used[2]);
    vec_3(k, ops[2 * s.one + !s.f32][signs], to, x.used[0], x.used[1]);
    return check(k, s, to, true, &x);
}

// As the scalar ones (float_compare.c): a NaN goes aside before anything is raised.
static bool extremum(struct vec *k, struct vec_shape s)
{
    bool least = k->o->code == VM_IR_vfmin;
    enum x64_op op = least ? choose(s, x64_OP_minps, x64_OP_minpd, x64_OP_minss, x64_OP_minsd)
                           : choose(s, x64_OP_maxps, x64_OP_maxpd, x64_OP_maxss, x64_OP_maxsd);
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k), other = vec_temp(k), marks = vec_temp(k);
    mark_nans(k, s, marks, x.used[0], x.used[1]);
    vec_go_aside(k, s, to, marks, &x);
    vec_3(k, op, to, x.used[0], x.used[1]);
    vec_3(k, op, other, x.used[1], x.used[0]);
    vec_3(k, least ? x64_OP_orps : x64_OP_andps, to, to, other);
    return vec_finish(k, to);
}

// --- comparison ---

// CMPPS's predicates (Intel SDM volume 2): 0 to 7 are the ones that SSE has.
static uint8_t predicate(unsigned code, bool signaling)
{
    enum { EQ_OQ = 0, LT_OS = 1, LE_OS = 2, EQ_OS = 0x10, LT_OQ = 0x11, LE_OQ = 0x12 };
    switch (code) {
    case VM_IR_vfceq: return signaling ? EQ_OS : EQ_OQ;
    case VM_IR_vfcgt: return signaling ? LT_OS : LT_OQ;
    default: return signaling ? LE_OS : LE_OQ;
    }
}

static bool compare(struct vec *k, struct vec_shape s)
{
    bool swap = k->o->code != VM_IR_vfceq;
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    vec_3i(k, choose(s, x64_OP_cmpps, x64_OP_cmppd, x64_OP_cmpss, x64_OP_cmpsd), to, x.used[swap],
           x.used[!swap], predicate(k->o->code, s.attr & VM_IR_FP_SIGNALING));
    return vec_done(k, to);
}

// --- conversion ---

void vec_round(struct vec *k, struct vec_shape s, enum x64_xmm to, enum x64_xmm a, bool inexact)
{
    static const uint8_t control[] = {
        [VM_FP_RNE] = 0, [VM_FP_RTZ] = 3, [VM_FP_RDN] = 1, [VM_FP_RUP] = 2};
    enum { BY_MXCSR = 4, QUIETLY = 8 };
    unsigned rounding = vec_rounding_of(s.attr);
    uint8_t imm = rounding == VM_IR_FP_DYNAMIC ? BY_MXCSR : control[rounding];
    imm |= inexact ? 0 : QUIETLY;
    if (s.one)
        vec_3i(k, s.f32 ? x64_OP_roundss : x64_OP_roundsd, to, a, a, imm);
    else
        vec_2i(k, s.f32 ? x64_OP_roundps : x64_OP_roundpd, to, a, imm);
}

static bool round_lanes(struct vec *k, struct vec_shape s)
{
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    vec_round(k, s, to, x.used[0], s.attr & VM_IR_FP_EXACT);
    return check(k, s, to, false, &x);
}

static bool widen(struct vec *k, struct vec_shape s)
{
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    if (k->o->attr & VM_IR_VEC_HIGH) {
        vec_2i(k, x64_OP_pshufd, to, x.used[0], 0xee);
        vec_2(k, x64_OP_cvtps2pd, to, to);
    } else {
        vec_2(k, x64_OP_cvtps2pd, to, x.used[0]);
    }
    s.f32 = false; // the result's format
    return check(k, s, to, false, &x);
}

static bool narrow(struct vec *k, struct vec_shape s)
{
    const struct vec_operands x = vec_bring(k, s);
    enum x64_xmm to = vec_temp(k);
    vec_2(k, x64_OP_cvtpd2ps, to, x.used[0]);
    return check(k, s, to, true, &x);
}

bool vec_float(struct vec *k)
{
    const struct vec_shape s = shape_of(k->o);
    if (!emit_is_host_vector_float(k->e, k->o))
        return false;
    switch (k->o->code) {
    case VM_IR_vfadd:
        return two_operands(k, s, choose(s, x64_OP_addps, x64_OP_addpd, x64_OP_addss, x64_OP_addsd),
                            false);
    case VM_IR_vfsub:
        return two_operands(k, s, choose(s, x64_OP_subps, x64_OP_subpd, x64_OP_subss, x64_OP_subsd),
                            false);
    case VM_IR_vfmul:
        return two_operands(k, s, choose(s, x64_OP_mulps, x64_OP_mulpd, x64_OP_mulss, x64_OP_mulsd),
                            true);
    case VM_IR_vfdiv:
        return two_operands(k, s, choose(s, x64_OP_divps, x64_OP_divpd, x64_OP_divss, x64_OP_divsd),
                            true);
    case VM_IR_vfsqrt: return root(k, s);
    case VM_IR_vfma: return fused(k, s);
    case VM_IR_vfmin:
    case VM_IR_vfmax: return extremum(k, s);
    case VM_IR_vfceq:
    case VM_IR_vfcgt:
    case VM_IR_vfcge: return compare(k, s);
    case VM_IR_vfround: return round_lanes(k, s);
    case VM_IR_vfwiden: return widen(k, s);
    case VM_IR_vfnarrow: return narrow(k, s);
    case VM_IR_vftos:
    case VM_IR_vftou: return vec_to_integers(k, s);
    default: return vec_from_integers(k, s);
    }
}
