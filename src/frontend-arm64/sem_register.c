// SPDX-License-Identifier: MIT
//
// Data processing on registers (the manual, C4.1 "Data Processing -- Register"), but for flags and
// conditions (sem_conditional.c), CRC (sem_crc.c) and pointer authentication (sem_pauth.c).
#include "sem.h"

static vm_ir_value complement(struct a64_translate *t, enum vm_type type, vm_ir_value v)
{
    return vm_ir_xor(t->b, type, v, vm_ir_const(t->b, type, UINT64_MAX));
}

// Rm shifted by a constant.
static vm_ir_value shifted(struct a64_translate *t, enum vm_type type, const struct a64_args *a)
{
    static const uint16_t codes[] = {VM_IR_shl, VM_IR_shr, VM_IR_sar, VM_IR_rotr};
    vm_ir_value v = a64_r(t, type, a->rm);
    if (!a->amount)
        return v;
    return a64_op2(t, codes[a->shift & 3], type, v, vm_ir_const(t->b, type, a->amount));
}

// --- add and subtract ---

enum { FLAGS = 1, SUBTRACT = 2 };

static vm_ir_value sum_of(struct a64_translate *t, enum vm_type type, vm_ir_value x, vm_ir_value y,
                          unsigned what)
{
    if (what & FLAGS)
        a64_set_nzcv(t, a64_sum_flags(t, type, x, y, what & SUBTRACT));
    return what & SUBTRACT ? vm_ir_sub(t->b, type, x, y) : vm_ir_add(t->b, type, x, y);
}

static void add_shifted(struct a64_translate *t, const struct a64_args *a, unsigned what)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = shifted(t, type, a);
    a64_set_r(t, type, a->rd, sum_of(t, type, x, y, what));
}

A64_SEMANTIC(add_shifted)
{
    add_shifted(t, a, 0);
}

A64_SEMANTIC(adds_shifted)
{
    add_shifted(t, a, FLAGS);
}

A64_SEMANTIC(sub_shifted)
{
    add_shifted(t, a, SUBTRACT);
}

A64_SEMANTIC(subs_shifted)
{
    add_shifted(t, a, FLAGS | SUBTRACT);
}

static void add_extended(struct a64_translate *t, const struct a64_args *a, unsigned what)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_x_sp(t, a->rn);
    if (type == VM_I32)
        x = vm_ir_trunc(t->b, VM_I32, x);
    vm_ir_value y = a64_extended(t, type, a->rm, a->option, a->amount);
    vm_ir_value sum = sum_of(t, type, x, y, what);
    if (type == VM_I32)
        sum = vm_ir_zext(t->b, VM_I64, sum);
    if (what & FLAGS)
        a64_set_x(t, a->rd, sum);
    else
        a64_set_x_sp(t, a->rd, sum);
}

A64_SEMANTIC(add_extended)
{
    add_extended(t, a, 0);
}

A64_SEMANTIC(adds_extended)
{
    add_extended(t, a, FLAGS);
}

A64_SEMANTIC(sub_extended)
{
    add_extended(t, a, SUBTRACT);
}

A64_SEMANTIC(subs_extended)
{
    add_extended(t, a, FLAGS | SUBTRACT);
}

static void add_carry(struct a64_translate *t, const struct a64_args *a, unsigned what)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = a64_r(t, type, a->rm);
    vm_ir_value carry = vm_ir_cond(t->b, vm_ir_get(t->b, A64_REG_NZCV), VM_IR_COND_C);
    if (what & SUBTRACT)
        y = complement(t, type, y);
    if (what & FLAGS)
        a64_set_nzcv(t, a64_addf(t, type, x, y, carry));
    vm_ir_value sum = vm_ir_add(t->b, type, x, y);
    if (type == VM_I32)
        carry = vm_ir_trunc(t->b, VM_I32, carry);
    a64_set_r(t, type, a->rd, vm_ir_add(t->b, type, sum, carry));
}

A64_SEMANTIC(adc)
{
    add_carry(t, a, 0);
}

A64_SEMANTIC(adcs)
{
    add_carry(t, a, FLAGS);
}

A64_SEMANTIC(sbc)
{
    add_carry(t, a, SUBTRACT);
}

A64_SEMANTIC(sbcs)
{
    add_carry(t, a, FLAGS | SUBTRACT);
}

// --- logical ---

enum { INVERT = 4 };

static void logical(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                    unsigned what)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = shifted(t, type, a);
    if (what & INVERT)
        y = complement(t, type, y);
    vm_ir_value v = a64_op2(t, code, type, x, y);
    if (what & FLAGS)
        a64_set_nzcv(t, a64_logicf(t, type, v));
    a64_set_r(t, type, a->rd, v);
}

A64_SEMANTIC(and_shifted)
{
    logical(t, a, VM_IR_and, 0);
}

A64_SEMANTIC(bic_shifted)
{
    logical(t, a, VM_IR_and, INVERT);
}

A64_SEMANTIC(orr_shifted)
{
    logical(t, a, VM_IR_or, 0);
}

A64_SEMANTIC(orn_shifted)
{
    logical(t, a, VM_IR_or, INVERT);
}

A64_SEMANTIC(eor_shifted)
{
    logical(t, a, VM_IR_xor, 0);
}

A64_SEMANTIC(eon_shifted)
{
    logical(t, a, VM_IR_xor, INVERT);
}

A64_SEMANTIC(ands_shifted)
{
    logical(t, a, VM_IR_and, FLAGS);
}

A64_SEMANTIC(bics_shifted)
{
    logical(t, a, VM_IR_and, FLAGS | INVERT);
}

// --- shifts by registers, minimum, maximum ---

static void binary(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = a64_r(t, type, a->rm);
    a64_set_r(t, type, a->rd, a64_op2(t, code, type, x, y));
}

#define BINARY(name, code)  \
    A64_SEMANTIC(name)      \
    {                       \
        binary(t, a, code); \
    }

BINARY(lslv, VM_IR_shl)
BINARY(lsrv, VM_IR_shr)
BINARY(asrv, VM_IR_sar)
BINARY(rorv, VM_IR_rotr)
BINARY(smax_register, VM_IR_smax)
BINARY(smin_register, VM_IR_smin)
BINARY(umax_register, VM_IR_umax)
BINARY(umin_register, VM_IR_umin)

// --- multiplication and division ---

static void multiply(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value n = a64_r(t, type, a->rn);
    vm_ir_value m = a64_r(t, type, a->rm);
    vm_ir_value product = vm_ir_mul(t->b, type, n, m);
    a64_set_r(t, type, a->rd, a64_op2(t, code, type, a64_r(t, type, a->ra), product));
}

A64_SEMANTIC(madd)
{
    multiply(t, a, VM_IR_add);
}

A64_SEMANTIC(msub)
{
    multiply(t, a, VM_IR_sub);
}

static void multiply_long(struct a64_translate *t, const struct a64_args *a, bool sign,
                          enum vm_ir_code code)
{
    vm_ir_value n = vm_ir_extract(t->b, VM_I64, a64_x(t, a->rn), 0, 32, sign);
    vm_ir_value m = vm_ir_extract(t->b, VM_I64, a64_x(t, a->rm), 0, 32, sign);
    vm_ir_value product = vm_ir_mul(t->b, VM_I64, n, m);
    a64_set_x(t, a->rd, a64_op2(t, code, VM_I64, a64_x(t, a->ra), product));
}

A64_SEMANTIC(smaddl)
{
    multiply_long(t, a, true, VM_IR_add);
}

A64_SEMANTIC(smsubl)
{
    multiply_long(t, a, true, VM_IR_sub);
}

A64_SEMANTIC(umaddl)
{
    multiply_long(t, a, false, VM_IR_add);
}

A64_SEMANTIC(umsubl)
{
    multiply_long(t, a, false, VM_IR_sub);
}

static void multiply_high(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    vm_ir_value n = a64_x(t, a->rn);
    vm_ir_value m = a64_x(t, a->rm);
    a64_set_x(t, a->rd, a64_op2(t, code, VM_I64, n, m));
}

A64_SEMANTIC(smulh)
{
    multiply_high(t, a, VM_IR_mulhs);
}

A64_SEMANTIC(umulh)
{
    multiply_high(t, a, VM_IR_mulhu);
}

// Division by zero gives zero.
static void divide(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = a64_r(t, type, a->rm);
    vm_ir_value zero = vm_ir_const(t->b, type, 0);
    vm_ir_value quotient = a64_op2(t, code, type, x, y);
    vm_ir_value by_zero = vm_ir_eq(t->b, type, y, zero);
    a64_set_r(t, type, a->rd, vm_ir_select(t->b, type, by_zero, zero, quotient));
}

A64_SEMANTIC(udiv)
{
    divide(t, a, VM_IR_divu);
}

A64_SEMANTIC(sdiv)
{
    divide(t, a, VM_IR_divs);
}
