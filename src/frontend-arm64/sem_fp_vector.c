// SPDX-License-Identifier: MIT
//
// Advanced SIMD arithmetic and comparisons on floating-point numbers, vector and scalar: the
// manual, "Advanced SIMD three same", "... scalar pairwise", "... across lanes", "... x indexed
// element", and what of "... two-register miscellaneous" is no conversion.
#include "sem_fp.h"

struct a64_fp_insn a64_fp_operands(const struct a64_args *a)
{
    unsigned all = (a->q ? 128 : 64) / a64_fp_width(a->size);
    return (struct a64_fp_insn){
        .d = a->rd,
        .n = a->rn,
        .m = a->rm,
        .size = a->size,
        .count = (uint8_t)(a->op ? 1 : all),
    };
}

void a64_fp_call(struct a64_translate *t, enum a64_helper helper, struct a64_fp_insn lanes)
{
    vm_ir_value packed = a64_imm(t, a64_fp_pack(lanes));
    a64_call(t, helper, packed, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

static void call(struct a64_translate *t, const struct a64_args *a, enum a64_helper helper,
                 enum a64_fp_operation op, bool by_index)
{
    struct a64_fp_insn l = a64_fp_operands(a);
    l.op = (uint8_t)op;
    l.by_index = by_index;
    l.index = a->index;
    a64_fp_call(t, helper, l);
}

static vm_ir_value emit(struct a64_translate *t, enum vm_ir_code code, uint32_t lanes,
                        uint32_t attr, vm_ir_value x, vm_ir_value y, vm_ir_value z)
{
    return vm_ir_emit(t->b, code, VM_V128, lanes | VM_IR_VFP(attr), 0, x, y, z);
}

// The element of Vm that a->index names, in all lanes.
static vm_ir_value element(struct a64_translate *t, const struct a64_args *a)
{
    uint32_t lane = VM_IR_LANES(a64_fp_integer(a64_fp_format(a->size)), VM_IR_WHOLE);
    return vm_ir_vdup(t->b, VM_V128, lane | VM_IR_VIMM(a->index), a64_v(t, a->rm));
}

// --- three same, and by element ---

static void three(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                  uint32_t attr)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, emit(t, code, a64_fp_lanes(a), attr, n, m, VM_IR_NONE));
}

static void multiply_add(struct a64_translate *t, const struct a64_args *a, vm_ir_value m,
                         uint32_t signs)
{
    vm_ir_value n = a64_v(t, a->rn), d = a64_v(t, a->rd);
    a64_set_v(t, a->rd, emit(t, VM_IR_vfma, a64_fp_lanes(a), a64_fp_attr(t) | signs, n, m, d));
}

#define THREE(name, code, attr)          \
    A64_SEMANTIC(name##_vector)          \
    {                                    \
        three(t, a, VM_IR_##code, attr); \
    }

THREE(fadd, vfadd, a64_fp_attr(t))
THREE(fsub, vfsub, a64_fp_attr(t))
THREE(fmul, vfmul, a64_fp_attr(t))
THREE(fdiv, vfdiv, a64_fp_attr(t))
THREE(fmax, vfmax, a64_fp_rule(a64_fp_attr(t), VM_FP_PROPAGATE_2019))
THREE(fmin, vfmin, a64_fp_rule(a64_fp_attr(t), VM_FP_PROPAGATE_2019))
THREE(fmaxnm, vfmax, a64_fp_rule(a64_fp_attr(t), VM_FP_NUMBER_2008))
THREE(fminnm, vfmin, a64_fp_rule(a64_fp_attr(t), VM_FP_NUMBER_2008))
THREE(fcmeq, vfceq, a64_fp_attr(t))
THREE(fcmge, vfcge, a64_fp_attr(t) | VM_IR_FP_SIGNALING)
THREE(fcmgt, vfcgt, a64_fp_attr(t) | VM_IR_FP_SIGNALING)

A64_SEMANTIC(fmla_vector)
{
    multiply_add(t, a, a64_v(t, a->rm), 0);
}

A64_SEMANTIC(fmls_vector)
{
    multiply_add(t, a, a64_v(t, a->rm), VM_IR_FP_NEG_PRODUCT);
}

A64_SEMANTIC(fmla_element)
{
    multiply_add(t, a, element(t, a), 0);
}

A64_SEMANTIC(fmls_element)
{
    multiply_add(t, a, element(t, a), VM_IR_FP_NEG_PRODUCT);
}

A64_SEMANTIC(fmul_element)
{
    vm_ir_value n = a64_v(t, a->rn), m = element(t, a);
    a64_set_v(t, a->rd, emit(t, VM_IR_vfmul, a64_fp_lanes(a), a64_fp_attr(t), n, m, VM_IR_NONE));
}

A64_SEMANTIC(fmulx_vector)
{
    call(t, a, A64_HELP_fp_three, A64_FP_FMULX, false);
}

A64_SEMANTIC(fmulx_element)
{
    call(t, a, A64_HELP_fp_three, A64_FP_FMULX, true);
}

A64_SEMANTIC(frecps_vector)
{
    call(t, a, A64_HELP_fp_three, A64_FP_FRECPS, false);
}

A64_SEMANTIC(frsqrts_vector)
{
    call(t, a, A64_HELP_fp_three, A64_FP_FRSQRTS, false);
}

// --- signs ---

// Of every lane in the extent, NaNs too.
static vm_ir_value magnitude(struct a64_translate *t, const struct a64_args *a, vm_ir_value v)
{
    uint64_t mask = a64_fp_sign_bit(a->size) - 1;
    vm_ir_value all = a64_fp_splat(t, a64_fp_format(a->size), mask);
    return vm_ir_vand(t->b, VM_V128, a64_fp_int_lanes(a), v, all);
}

A64_SEMANTIC(fabs_vector)
{
    a64_set_v(t, a->rd, magnitude(t, a, a64_v(t, a->rn)));
}

A64_SEMANTIC(fneg_vector)
{
    vm_ir_value n = a64_v(t, a->rn);
    vm_ir_value signs = a64_fp_splat(t, a64_fp_format(a->size), a64_fp_sign_bit(a->size));
    a64_set_v(t, a->rd, vm_ir_vxor(t->b, VM_V128, a64_fp_int_lanes(a), n, signs));
}

A64_SEMANTIC(fabd_vector)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    vm_ir_value d = emit(t, VM_IR_vfsub, a64_fp_lanes(a), a64_fp_attr(t), n, m, VM_IR_NONE);
    a64_set_v(t, a->rd, magnitude(t, a, d));
}

static void compare_magnitudes(struct a64_translate *t, const struct a64_args *a,
                               enum vm_ir_code code)
{
    vm_ir_value n = magnitude(t, a, a64_v(t, a->rn)), m = magnitude(t, a, a64_v(t, a->rm));
    uint32_t attr = a64_fp_attr(t) | VM_IR_FP_SIGNALING;
    a64_set_v(t, a->rd, emit(t, code, a64_fp_lanes(a), attr, n, m, VM_IR_NONE));
}

A64_SEMANTIC(facge_vector)
{
    compare_magnitudes(t, a, VM_IR_vfcge);
}

A64_SEMANTIC(facgt_vector)
{
    compare_magnitudes(t, a, VM_IR_vfcgt);
}

// --- comparisons with zero ---

static void compare_zero(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                         bool zero_first)
{
    uint32_t attr = a64_fp_attr(t) | (code == VM_IR_vfceq ? 0 : VM_IR_FP_SIGNALING);
    vm_ir_value n = a64_v(t, a->rn), zero = a64_fp_splat(t, VM_F64, 0);
    a64_set_v(t, a->rd,
              emit(t, code, a64_fp_lanes(a), attr, zero_first ? zero : n, zero_first ? n : zero,
                   VM_IR_NONE));
}

A64_SEMANTIC(fcmeq_zero)
{
    compare_zero(t, a, VM_IR_vfceq, false);
}

A64_SEMANTIC(fcmge_zero)
{
    compare_zero(t, a, VM_IR_vfcge, false);
}

A64_SEMANTIC(fcmgt_zero)
{
    compare_zero(t, a, VM_IR_vfcgt, false);
}

A64_SEMANTIC(fcmle_zero)
{
    compare_zero(t, a, VM_IR_vfcge, true);
}

A64_SEMANTIC(fcmlt_zero)
{
    compare_zero(t, a, VM_IR_vfcgt, true);
}

// --- pairs and across lanes ---

struct reduction {
    enum vm_ir_code code;
    uint32_t attr;
};

static struct reduction reduction(const struct a64_translate *t, enum vm_ir_code code)
{
    return (struct reduction){code, a64_fp_attr(t)};
}

static struct reduction choice(const struct a64_translate *t, enum vm_ir_code code,
                               enum vm_fp_minmax rule)
{
    return (struct reduction){code, a64_fp_rule(a64_fp_attr(t), rule)};
}

static void pairwise(struct a64_translate *t, const struct a64_args *a, struct reduction r)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    uint32_t lanes = a64_fp_int_lanes(a);
    vm_ir_value even = vm_ir_vuzp1(t->b, VM_V128, lanes, n, m);
    vm_ir_value odd = vm_ir_vuzp2(t->b, VM_V128, lanes, n, m);
    a64_set_v(t, a->rd, emit(t, r.code, a64_fp_lanes(a), r.attr, even, odd, VM_IR_NONE));
}

static void pair(struct a64_translate *t, const struct a64_args *a, struct reduction r)
{
    vm_ir_value n = a64_v(t, a->rn);
    vm_ir_value second = vm_ir_vdup(t->b, VM_V128, a64_fp_int_lanes(a) | VM_IR_VIMM(1), n);
    a64_set_v(t, a->rd, emit(t, r.code, a64_fp_lanes(a), r.attr, n, second, VM_IR_NONE));
}

// Neighbours first, as the manual's Reduce does. Where two lanes are left in the low half they are
// there twice: what is computed twice raises the same exceptions.
static void across(struct a64_translate *t, const struct a64_args *a, struct reduction r)
{
    enum vm_type format = a64_fp_format(a->size), integer = a64_fp_integer(format);
    unsigned count = (a->q ? 128 : 64) / a64_fp_width(a->size);
    enum vm_ir_extent from = a->q ? VM_IR_WHOLE : VM_IR_HALF;
    vm_ir_value v = a64_v(t, a->rn);
    for (; count > 1; count /= 2, from = VM_IR_HALF) {
        uint32_t pairs = VM_IR_LANES(integer, from);
        uint32_t lanes = VM_IR_LANES(format, count == 2 ? VM_IR_LANE0 : VM_IR_HALF);
        vm_ir_value even = vm_ir_vuzp1(t->b, VM_V128, pairs, v, v);
        vm_ir_value odd = vm_ir_vuzp2(t->b, VM_V128, pairs, v, v);
        v = emit(t, r.code, lanes, r.attr, even, odd, VM_IR_NONE);
    }
    a64_set_v(t, a->rd, v);
}

#define PAIRS(name, r)          \
    A64_SEMANTIC(name##_vector) \
    {                           \
        pairwise(t, a, r);      \
    }                           \
    A64_SEMANTIC(name##_pair)   \
    {                           \
        pair(t, a, r);          \
    }
#define ACROSS(name, r)  \
    A64_SEMANTIC(name)   \
    {                    \
        across(t, a, r); \
    }

PAIRS(faddp, reduction(t, VM_IR_vfadd))
PAIRS(fmaxp, choice(t, VM_IR_vfmax, VM_FP_PROPAGATE_2019))
PAIRS(fminp, choice(t, VM_IR_vfmin, VM_FP_PROPAGATE_2019))
PAIRS(fmaxnmp, choice(t, VM_IR_vfmax, VM_FP_NUMBER_2008))
PAIRS(fminnmp, choice(t, VM_IR_vfmin, VM_FP_NUMBER_2008))
ACROSS(fmaxv, choice(t, VM_IR_vfmax, VM_FP_PROPAGATE_2019))
ACROSS(fminv, choice(t, VM_IR_vfmin, VM_FP_PROPAGATE_2019))
ACROSS(fmaxnmv, choice(t, VM_IR_vfmax, VM_FP_NUMBER_2008))
ACROSS(fminnmv, choice(t, VM_IR_vfmin, VM_FP_NUMBER_2008))

// --- two-register miscellaneous ---

static void two(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                uint32_t attr)
{
    vm_ir_value n = a64_v(t, a->rn);
    a64_set_v(t, a->rd, emit(t, code, a64_fp_lanes(a), attr, n, VM_IR_NONE, VM_IR_NONE));
}

#define TWO(name, code, attr)          \
    A64_SEMANTIC(name##_vector)        \
    {                                  \
        two(t, a, VM_IR_##code, attr); \
    }

TWO(fsqrt, vfsqrt, a64_fp_attr(t))
TWO(frintn, vfround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RNE))
TWO(frintp, vfround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RUP))
TWO(frintm, vfround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RDN))
TWO(frintz, vfround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RTZ))
TWO(frinta, vfround, a64_fp_rounded(a64_fp_attr(t), VM_FP_RMM))
TWO(frinti, vfround, a64_fp_attr(t))
TWO(frintx, vfround, a64_fp_attr(t) | VM_IR_FP_EXACT)

#define ESTIMATE(name, op)                      \
    A64_SEMANTIC(name)                          \
    {                                           \
        call(t, a, A64_HELP_fp_two, op, false); \
    }

ESTIMATE(frecpe_vector, A64_FP_FRECPE)
ESTIMATE(frsqrte_vector, A64_FP_FRSQRTE)
ESTIMATE(frecpx, A64_FP_FRECPX)
ESTIMATE(urecpe, A64_FP_URECPE)
ESTIMATE(ursqrte, A64_FP_URSQRTE)

A64_SEMANTIC(fmov_vector)
{
    vm_ir_value bits = a64_imm(t, a64_fp_constant(a->size, (unsigned)a->imm));
    a64_set_v(t, a->rd, vm_ir_vsplat(t->b, VM_V128, a64_fp_int_lanes(a), bits));
}
