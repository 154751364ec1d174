// SPDX-License-Identifier: MIT
//
// Scalar conversions: between formats, to and from general registers, FRINT32 and FRINT64. The
// manual, "Conversion between floating-point and integer", "... and fixed-point", FCVT, BFCVT.
//
// Alternative half precision (FPCR.AHP) is known to helpers only: while FPCR may have it, which
// A64_MODE_FP_ENV says, conversions of half precision call one.
#include "sem_fp.h"

// --- between formats ---

A64_SEMANTIC(fcvt)
{
    enum vm_type to = a64_fp_format(a->opc), from = a64_fp_format(a->size);
    if (t->mode & A64_MODE_FP_ENV && (to == VM_F16 || from == VM_F16)) {
        a64_fp_call(t, A64_HELP_fp_format,
                    (struct a64_fp_insn){
                        .d = a->rd, .n = a->rn, .size = a->opc, .imm = a->size, .count = 1});
        return;
    }
    vm_ir_value x = a64_fp(t, from, a->rn);
    a64_set_fp(t, to, a->rd, vm_ir_fcvt(t->b, to, a64_fp_attr(t), x));
}

A64_SEMANTIC(bfcvt)
{
    a64_fp_call(
        t, A64_HELP_fp_format,
        (struct a64_fp_insn){
            .d = a->rd, .n = a->rn, .size = A64_FP_BFLOAT, .imm = A64_FP_SINGLE, .count = 1});
}

// --- to and from general registers ---

static void to_general(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                       enum vm_fp_round round)
{
    enum vm_type word = a64_word(a->sf);
    uint32_t attr = a64_fp_rule(a64_fp_rounded(a64_fp_attr(t), round), VM_FP_INT_ARM);
    vm_ir_value x = a64_fp(t, a64_fp_format(a->size), a->rn);
    a64_set_r(t, word, a->rd, vm_ir_emit(t->b, code, word, attr, 0, x, VM_IR_NONE, VM_IR_NONE));
}

#define TO_GENERAL(letter, round)            \
    A64_SEMANTIC(fcvt##letter##s_general)    \
    {                                        \
        to_general(t, a, VM_IR_ftos, round); \
    }                                        \
    A64_SEMANTIC(fcvt##letter##u_general)    \
    {                                        \
        to_general(t, a, VM_IR_ftou, round); \
    }

TO_GENERAL(n, VM_FP_RNE)
TO_GENERAL(p, VM_FP_RUP)
TO_GENERAL(m, VM_FP_RDN)
TO_GENERAL(z, VM_FP_RTZ)
TO_GENERAL(a, VM_FP_RMM)

static vm_ir_value of_general(struct a64_translate *t, const struct a64_args *a,
                              enum vm_ir_code code)
{
    vm_ir_value x = a64_r(t, a64_word(a->sf), a->rn);
    return vm_ir_emit(t->b, code, a64_fp_format(a->size), a64_fp_attr(t), 0, x, VM_IR_NONE,
                      VM_IR_NONE);
}

A64_SEMANTIC(scvtf_general)
{
    a64_set_fp(t, a64_fp_format(a->size), a->rd, of_general(t, a, VM_IR_stof));
}

A64_SEMANTIC(ucvtf_general)
{
    a64_set_fp(t, a64_fp_format(a->size), a->rd, of_general(t, a, VM_IR_utof));
}

// Z says that the conversion was exact, -0 and subnormals being inexact: that the integer converts
// back to the same bits.
A64_SEMANTIC(fjcvtzs)
{
    uint32_t attr = a64_fp_attr(t);
    vm_ir_value bits = a64_fp_bits(t, VM_F64, a->rn), x = a64_fp_of_bits(t, VM_F64, bits);
    vm_ir_value r = vm_ir_ftom(t->b, VM_I32, attr, x);
    vm_ir_value back = vm_ir_stof(t->b, VM_F64, attr | VM_IR_FP_NO_FLAGS, r);
    vm_ir_value same = vm_ir_eq(t->b, VM_I64, a64_bits_of_fp(t, VM_F64, back), bits);
    vm_ir_value z = vm_ir_shl(t->b, VM_I64, same, a64_imm(t, vm_ctz64(VM_IR_FLAG_Z)));
    a64_set_r(t, VM_I32, a->rd, r);
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, z));
}

// --- fixed point: `amount` is 64 minus the number of fraction bits ---

static unsigned fraction_bits(const struct a64_args *a)
{
    return 64u - a->amount;
}

// A single as a double takes any scale without loss: what it becomes is what the product does.
static void single_to_fixed(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    enum vm_type word = a64_word(a->sf);
    uint32_t attr = a64_fp_attr(t);
    vm_ir_value x = vm_ir_fcvt(t->b, VM_F64, attr, a64_fp(t, VM_F32, a->rn));
    uint64_t scale = a64_fp_power(A64_FP_DOUBLE, (int)fraction_bits(a));
    x = vm_ir_fmul(t->b, VM_F64, attr, x, vm_ir_const(t->b, VM_F64, scale));
    attr = a64_fp_rule(a64_fp_rounded(attr, VM_FP_RTZ), VM_FP_INT_ARM);
    a64_set_r(t, word, a->rd, vm_ir_emit(t->b, code, word, attr, 0, x, VM_IR_NONE, VM_IR_NONE));
}

static void to_fixed(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                     enum a64_helper helper)
{
    if (a64_fp_format(a->size) == VM_F32) {
        single_to_fixed(t, a, code);
        return;
    }
    vm_ir_value x = a64_fp_bits(t, a64_fp_format(a->size), a->rn);
    vm_ir_value how = a64_imm(t, a->size | (uint64_t)a->sf << 2 | fraction_bits(a) << 3);
    a64_set_x(t, a->rd, a64_call(t, helper, x, how, VM_IR_NONE, VM_IR_NONE));
}

A64_SEMANTIC(fcvtzs_fixed)
{
    to_fixed(t, a, VM_IR_ftos, A64_HELP_fp_to_fixed_s);
}

A64_SEMANTIC(fcvtzu_fixed)
{
    to_fixed(t, a, VM_IR_ftou, A64_HELP_fp_to_fixed_u);
}

// In single and double precision the quotient by a power of two is exact: what is converted is not
// that small. In half precision it may be subnormal, or the integer overflow.
static void of_fixed(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                     enum a64_helper helper)
{
    enum vm_type f = a64_fp_format(a->size);
    if (f == VM_F16) {
        vm_ir_value how = a64_imm(t, a->size | (uint64_t)a->sf << 2 | fraction_bits(a) << 3);
        vm_ir_value r = a64_call(t, helper, a64_x(t, a->rn), how, VM_IR_NONE, VM_IR_NONE);
        a64_set_fp_bits(t, f, a->rd, r);
        return;
    }
    vm_ir_value x = of_general(t, a, code);
    vm_ir_value scale = vm_ir_const(t->b, f, a64_fp_power(a->size, -(int)fraction_bits(a)));
    a64_set_fp(t, f, a->rd, vm_ir_fmul(t->b, f, a64_fp_attr(t), x, scale));
}

A64_SEMANTIC(scvtf_fixed)
{
    of_fixed(t, a, VM_IR_stof, A64_HELP_fp_of_fixed_s);
}

A64_SEMANTIC(ucvtf_fixed)
{
    of_fixed(t, a, VM_IR_utof, A64_HELP_fp_of_fixed_u);
}

// --- rounding to what an integer holds ---

static void round_to(struct a64_translate *t, const struct a64_args *a, enum a64_fp_operation op,
                     unsigned round)
{
    struct a64_fp_insn l = a64_fp_operands(a);
    l.op = (uint8_t)op;
    l.imm = (uint8_t)round;
    a64_fp_call(t, A64_HELP_fp_two, l);
}

#define ROUND_TO(name, operation, round)        \
    A64_SEMANTIC(name##_scalar)                 \
    {                                           \
        struct a64_args scalar = *a;            \
        scalar.op = 1;                          \
        round_to(t, &scalar, operation, round); \
    }                                           \
    A64_SEMANTIC(name##_vector)                 \
    {                                           \
        round_to(t, a, operation, round);       \
    }

ROUND_TO(frint32z, A64_FP_FRINT32, VM_FP_RTZ)
ROUND_TO(frint32x, A64_FP_FRINT32, VM_IR_FP_DYNAMIC)
ROUND_TO(frint64z, A64_FP_FRINT64, VM_FP_RTZ)
ROUND_TO(frint64x, A64_FP_FRINT64, VM_IR_FP_DYNAMIC)
