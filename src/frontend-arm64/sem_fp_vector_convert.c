// SPDX-License-Identifier: MIT
//
// Advanced SIMD conversions of floating-point numbers, vector and scalar: to and from integers and
// fixed-point numbers (the manual, "Advanced SIMD two-register miscellaneous", "... shift by
// immediate"), FCVTN, FCVTL, FCVTXN, BFCVTN. Alternative half precision as in sem_fp_convert.c.
#include "sem_fp.h"

static void convert(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                    uint32_t attr)
{
    uint32_t lanes = a64_fp_lanes(a) | VM_IR_VFP(attr);
    vm_ir_value n = a64_v(t, a->rn);
    a64_set_v(t, a->rd, vm_ir_emit(t->b, code, VM_V128, lanes, 0, n, VM_IR_NONE, VM_IR_NONE));
}

static void to_integer(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                       enum vm_fp_round round)
{
    convert(t, a, code, a64_fp_rule(a64_fp_rounded(a64_fp_attr(t), round), VM_FP_INT_ARM));
}

#define TO_INTEGER(letter, round)             \
    A64_SEMANTIC(fcvt##letter##s_vector)      \
    {                                         \
        to_integer(t, a, VM_IR_vftos, round); \
    }                                         \
    A64_SEMANTIC(fcvt##letter##u_vector)      \
    {                                         \
        to_integer(t, a, VM_IR_vftou, round); \
    }

TO_INTEGER(n, VM_FP_RNE)
TO_INTEGER(p, VM_FP_RUP)
TO_INTEGER(m, VM_FP_RDN)
TO_INTEGER(z, VM_FP_RTZ)
TO_INTEGER(a, VM_FP_RMM)

A64_SEMANTIC(scvtf_vector)
{
    convert(t, a, VM_IR_vstof, a64_fp_attr(t));
}

A64_SEMANTIC(ucvtf_vector)
{
    convert(t, a, VM_IR_vutof, a64_fp_attr(t));
}

// --- fixed point: imm is twice the width of an element minus the number of fraction bits ---

static unsigned fraction_bits(const struct a64_args *a)
{
    return 2 * a64_fp_width(a->size) - (unsigned)a->imm;
}

static void call_fixed(struct a64_translate *t, const struct a64_args *a, enum a64_fp_operation op)
{
    struct a64_fp_insn l = a64_fp_operands(a);
    l.op = (uint8_t)op;
    l.imm = (uint8_t)fraction_bits(a);
    a64_fp_call(t, A64_HELP_fp_two, l);
}

A64_SEMANTIC(fcvtzs_fixed_vector)
{
    call_fixed(t, a, A64_FP_FCVTZS);
}

A64_SEMANTIC(fcvtzu_fixed_vector)
{
    call_fixed(t, a, A64_FP_FCVTZU);
}

// As in scalar conversions, the quotient is exact but in half precision.
static void of_fixed(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                     enum a64_fp_operation op)
{
    enum vm_type f = a64_fp_format(a->size);
    if (f == VM_F16) {
        call_fixed(t, a, op);
        return;
    }
    uint32_t lanes = a64_fp_lanes(a) | VM_IR_VFP(a64_fp_attr(t));
    vm_ir_value n = a64_v(t, a->rn);
    vm_ir_value scale = a64_fp_splat(t, f, a64_fp_power(a->size, -(int)fraction_bits(a)));
    vm_ir_value x = vm_ir_emit(t->b, code, VM_V128, lanes, 0, n, VM_IR_NONE, VM_IR_NONE);
    a64_set_v(t, a->rd, vm_ir_vfmul(t->b, VM_V128, lanes, x, scale));
}

A64_SEMANTIC(scvtf_fixed_vector)
{
    of_fixed(t, a, VM_IR_vstof, A64_FP_SCVTF);
}

A64_SEMANTIC(ucvtf_fixed_vector)
{
    of_fixed(t, a, VM_IR_vutof, A64_FP_UCVTF);
}

// --- between formats: size is 0 for half and single, 1 for single and double precision ---

static bool may_be_alternative(const struct a64_translate *t, const struct a64_args *a)
{
    return a->size == 0 && t->mode & A64_MODE_FP_ENV;
}

// Writes a narrow result, or puts it above the old low half (FCVTN2).
static void set_narrow(struct a64_translate *t, const struct a64_args *a, vm_ir_value r)
{
    uint32_t halves = VM_IR_LANES(VM_I64, VM_IR_WHOLE);
    a64_set_v(t, a->rd, a->q ? vm_ir_vzip1(t->b, VM_V128, halves, a64_v(t, a->rd), r) : r);
}

static void narrow(struct a64_translate *t, const struct a64_args *a, uint32_t attr)
{
    enum vm_type lane = a->size ? VM_F32 : VM_F16;
    uint32_t lanes = VM_IR_LANES(lane, a->op ? VM_IR_LANE0 : VM_IR_WHOLE) | VM_IR_VFP(attr);
    set_narrow(t, a, vm_ir_vfnarrow(t->b, VM_V128, lanes, a64_v(t, a->rn)));
}

// Of single precision to a format of 16 bits.
static void call_narrow(struct a64_translate *t, const struct a64_args *a, unsigned to)
{
    a64_fp_call(t, A64_HELP_fp_format,
                (struct a64_fp_insn){.d = a->rd,
                                     .n = a->rn,
                                     .size = (uint8_t)to,
                                     .imm = A64_FP_SINGLE,
                                     .count = 4,
                                     .op = a->q ? A64_FP_TO_HIGH : 0});
}

A64_SEMANTIC(fcvtn)
{
    if (may_be_alternative(t, a))
        call_narrow(t, a, A64_FP_HALF);
    else
        narrow(t, a, a64_fp_attr(t));
}

A64_SEMANTIC(fcvtxn_vector)
{
    narrow(t, a, a64_fp_rounded(a64_fp_attr(t), VM_FP_ODD));
}

A64_SEMANTIC(fcvtxn_scalar)
{
    narrow(t, a, a64_fp_rounded(a64_fp_attr(t), VM_FP_ODD));
}

A64_SEMANTIC(fcvtl)
{
    if (may_be_alternative(t, a)) {
        a64_fp_call(t, A64_HELP_fp_format,
                    (struct a64_fp_insn){.d = a->rd,
                                         .n = a->rn,
                                         .size = A64_FP_SINGLE,
                                         .imm = A64_FP_HALF,
                                         .count = 4,
                                         .op = a->q ? A64_FP_FROM_HIGH : 0});
        return;
    }
    uint32_t lanes = VM_IR_LANES(a->size ? VM_F32 : VM_F16, VM_IR_WHOLE) |
                     (a->q ? VM_IR_VEC_HIGH : 0u) | VM_IR_VFP(a64_fp_attr(t));
    a64_set_v(t, a->rd, vm_ir_vfwiden(t->b, VM_V128, lanes, a64_v(t, a->rn)));
}

A64_SEMANTIC(bfcvtn)
{
    call_narrow(t, a, A64_FP_BFLOAT);
}
