// SPDX-License-Identifier: MIT
//
// Complex arithmetic, half-precision products added to single precision, and BFloat16: the manual,
// FCADD, FCMLA, FMLAL, FMLSL, BFDOT, BFMMLA, BFMLALB, BFMLALT.
#include "sem_fp.h"

// --- complex numbers: the real part in the even lane, the imaginary one in the odd lane ---

// The sign bits of the even lanes (first 0), or of the odd ones (first 1).
static vm_ir_value signs(struct a64_translate *t, unsigned size, unsigned first)
{
    unsigned width = a64_fp_width(size);
    uint64_t sign = a64_fp_sign_bit(size), lanes = 0;
    if (size == A64_FP_DOUBLE) {
        vm_ir_value zero = a64_imm(t, 0), high = a64_imm(t, sign);
        uint32_t pair = VM_IR_LANES(VM_I64, VM_IR_WHOLE);
        return vm_ir_vpair(t->b, VM_V128, pair, first ? zero : high, first ? high : zero);
    }
    for (unsigned at = first * width; at < 64; at += 2 * width)
        lanes |= sign << at;
    return a64_fp_splat(t, VM_F64, lanes);
}

static vm_ir_value negate(struct a64_translate *t, const struct a64_args *a, vm_ir_value v,
                          unsigned first)
{
    vm_ir_value s = signs(t, a->size, first);
    return vm_ir_vxor(t->b, VM_V128, a64_fp_int_lanes(a), v, s);
}

// Real and imaginary parts exchanged.
static vm_ir_value swap(struct a64_translate *t, const struct a64_args *a, vm_ir_value v)
{
    enum { WORDS = 2, DOUBLE_WORDS = 3 };
    if (a->size == A64_FP_DOUBLE)
        return vm_ir_vext(t->b, VM_V128, VM_IR_LANES(VM_I8, VM_IR_WHOLE) | VM_IR_VIMM(8), v, v);
    uint32_t container = VM_IR_VIMM(a->size == A64_FP_HALF ? WORDS : DOUBLE_WORDS);
    return vm_ir_vrev(t->b, VM_V128, a64_fp_int_lanes(a) | container, v);
}

// imm: the rotation of Vm in quarter turns, 1 or 3.
A64_SEMANTIC(fcadd)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    vm_ir_value turned = negate(t, a, swap(t, a, m), a->imm == 3);
    uint32_t lanes = a64_fp_lanes(a) | VM_IR_VFP(a64_fp_attr(t));
    a64_set_v(t, a->rd, vm_ir_vfadd(t->b, VM_V128, lanes, n, turned));
}

// Half of a complex product: one part of Vn times both of Vm turned by imm.
static void multiply_add(struct a64_translate *t, const struct a64_args *a, vm_ir_value m)
{
    vm_ir_value n = a64_v(t, a->rn), d = a64_v(t, a->rd);
    uint32_t integers = a64_fp_int_lanes(a);
    if (a->imm & 1) {
        n = vm_ir_vtrn2(t->b, VM_V128, integers, n, n);
        m = negate(t, a, swap(t, a, m), a->imm == 3);
    } else {
        n = vm_ir_vtrn1(t->b, VM_V128, integers, n, n);
        m = a->imm == 2 ? negate(t, a, negate(t, a, m, 0), 1) : m;
    }
    uint32_t lanes = a64_fp_lanes(a) | VM_IR_VFP(a64_fp_attr(t));
    a64_set_v(t, a->rd, vm_ir_vfma(t->b, VM_V128, lanes, n, m, d));
}

A64_SEMANTIC(fcmla)
{
    multiply_add(t, a, a64_v(t, a->rm));
}

// index counts complex numbers.
A64_SEMANTIC(fcmla_element)
{
    enum vm_type both = a->size == A64_FP_HALF ? VM_I32 : VM_I64;
    uint32_t lane = VM_IR_LANES(both, VM_IR_WHOLE) | VM_IR_VIMM(a->index);
    multiply_add(t, a, vm_ir_vdup(t->b, VM_V128, lane, a64_v(t, a->rm)));
}

// --- half precision to single ---

static void multiply_long(struct a64_translate *t, const struct a64_args *a, unsigned op,
                          bool by_index)
{
    struct a64_fp_insn l = a64_fp_operands(a);
    l.op = (uint8_t)op;
    l.by_index = by_index;
    l.index = a->index;
    a64_fp_call(t, A64_HELP_fp_multiply_long, l);
}

#define MULTIPLY_LONG(name, op)         \
    A64_SEMANTIC(name##_vector)         \
    {                                   \
        multiply_long(t, a, op, false); \
    }                                   \
    A64_SEMANTIC(name##_element)        \
    {                                   \
        multiply_long(t, a, op, true);  \
    }

MULTIPLY_LONG(fmlal, 0)
MULTIPLY_LONG(fmlal2, A64_FP_FROM_HIGH)
MULTIPLY_LONG(fmlsl, A64_FP_SUBTRACT)
MULTIPLY_LONG(fmlsl2, A64_FP_SUBTRACT | A64_FP_FROM_HIGH)

// --- BFloat16 ---

static void call(struct a64_translate *t, const struct a64_args *a, enum a64_helper helper,
                 bool by_index)
{
    struct a64_fp_insn l = a64_fp_operands(a);
    l.by_index = by_index;
    l.index = a->index;
    a64_fp_call(t, helper, l);
}

A64_SEMANTIC(bfdot_vector)
{
    call(t, a, A64_HELP_bf16_dot, false);
}

A64_SEMANTIC(bfdot_element)
{
    call(t, a, A64_HELP_bf16_dot, true);
}

A64_SEMANTIC(bfmmla)
{
    call(t, a, A64_HELP_bf16_matrix, false);
}

// The even (BFMLALB) or odd (BFMLALT, op 1) elements as single precision, which is exact.
static vm_ir_value widen(struct a64_translate *t, const struct a64_args *a, vm_ir_value v)
{
    uint32_t words = VM_IR_LANES(VM_I32, VM_IR_WHOLE);
    if (!a->op)
        return vm_ir_vshl(t->b, VM_V128, words | VM_IR_VIMM(16), v);
    return vm_ir_vand(t->b, VM_V128, words, v, a64_fp_splat(t, VM_F32, 0xffff0000));
}

static void multiply_bf16(struct a64_translate *t, const struct a64_args *a, vm_ir_value m)
{
    vm_ir_value n = widen(t, a, a64_v(t, a->rn)), d = a64_v(t, a->rd);
    uint32_t lanes = VM_IR_LANES(VM_F32, VM_IR_WHOLE) | VM_IR_VFP(a64_fp_attr(t));
    a64_set_v(t, a->rd, vm_ir_vfma(t->b, VM_V128, lanes, n, m, d));
}

A64_SEMANTIC(bfmlal_vector)
{
    multiply_bf16(t, a, widen(t, a, a64_v(t, a->rm)));
}

A64_SEMANTIC(bfmlal_element)
{
    uint32_t lane = VM_IR_LANES(VM_I16, VM_IR_WHOLE) | VM_IR_VIMM(a->index);
    multiply_bf16(t, a, widen(t, a, vm_ir_vdup(t->b, VM_V128, lane, a64_v(t, a->rm))));
}
