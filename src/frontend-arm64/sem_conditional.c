// SPDX-License-Identifier: MIT
//
// Conditional selection and comparison, and manipulation of the flags (the manual, C4.1 "Data
// Processing -- Register").
#include "sem.h"

// --- conditional select ---

static void select_or(struct a64_translate *t, const struct a64_args *a, enum vm_type type,
                      vm_ir_value otherwise)
{
    vm_ir_value n = a64_r(t, type, a->rn);
    vm_ir_value c = a64_condition(t, a->cond);
    a64_set_r(t, type, a->rd, vm_ir_select(t->b, type, c, n, otherwise));
}

A64_SEMANTIC(csel)
{
    enum vm_type type = a64_word(a->sf);
    select_or(t, a, type, a64_r(t, type, a->rm));
}

// 1 where the condition does not hold, else 0.
static vm_ir_value fails(struct a64_translate *t, const struct a64_args *a, enum vm_type type)
{
    enum { AL = 14 };
    vm_ir_value v = a->cond >= AL ? a64_imm(t, 0) : a64_condition(t, a->cond ^ 1u);
    return type == VM_I64 ? v : vm_ir_trunc(t->b, type, v);
}

// With equal operands (CSET, CINC) the condition is what is added.
A64_SEMANTIC(csinc)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value m = a64_r(t, type, a->rm);
    if (a->rn == a->rm)
        a64_set_r(t, type, a->rd, vm_ir_add(t->b, type, m, fails(t, a, type)));
    else
        select_or(t, a, type, vm_ir_add(t->b, type, m, vm_ir_const(t->b, type, 1)));
}

// With equal operands (CSETM, CINV) the condition makes the mask.
A64_SEMANTIC(csinv)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value m = a64_r(t, type, a->rm);
    if (a->rn == a->rm) {
        vm_ir_value zero = vm_ir_const(t->b, type, 0);
        vm_ir_value mask = vm_ir_sub(t->b, type, zero, fails(t, a, type));
        a64_set_r(t, type, a->rd, vm_ir_xor(t->b, type, m, mask));
    } else {
        select_or(t, a, type, vm_ir_xor(t->b, type, m, vm_ir_const(t->b, type, UINT64_MAX)));
    }
}

A64_SEMANTIC(csneg)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value zero = vm_ir_const(t->b, type, 0);
    select_or(t, a, type, vm_ir_sub(t->b, type, zero, a64_r(t, type, a->rm)));
}

// --- conditional compare ---

// The flags of an immediate nzcv.
static uint64_t flag_bits(unsigned nzcv)
{
    return (nzcv & 8 ? VM_IR_FLAG_S : 0u) | (nzcv & 4 ? VM_IR_FLAG_Z : 0u) |
           (nzcv & 2 ? VM_IR_FLAG_C : 0u) | (nzcv & 1 ? VM_IR_FLAG_V : 0u);
}

// s: a subtraction (CCMP).
static void compare(struct a64_translate *t, const struct a64_args *a, vm_ir_value y)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value c = a64_condition(t, a->cond);
    vm_ir_value flags = a64_sum_flags(t, type, a64_r(t, type, a->rn), y, a->s);
    if (!vm_ir_is_const(t->b->region, c) || !t->b->region->ops[c].imm) {
        vm_ir_value bits = vm_ir_flagbits(t->b, VM_FLAGS, flags);
        vm_ir_value other = a64_imm(t, flag_bits(a->nzcv));
        flags = vm_ir_bitflags(t->b, VM_FLAGS, vm_ir_select(t->b, VM_I64, c, bits, other));
    }
    a64_set_nzcv(t, flags);
}

A64_SEMANTIC(ccmp_register)
{
    compare(t, a, a64_r(t, a64_word(a->sf), a->rm));
}

A64_SEMANTIC(ccmp_immediate)
{
    compare(t, a, vm_ir_const(t->b, a64_word(a->sf), (uint64_t)a->imm));
}

// --- flag manipulation ---

// A truth value as flag number `bit`, or-ed into `bits`.
static vm_ir_value with_flag(struct a64_translate *t, vm_ir_value bits, vm_ir_value truth,
                             enum vm_ir_flag flag)
{
    vm_ir_value shift = a64_imm(t, vm_ctz64(flag));
    return vm_ir_or(t->b, VM_I64, bits, vm_ir_shl(t->b, VM_I64, truth, shift));
}

static vm_ir_value bit_of(struct a64_translate *t, vm_ir_value v, unsigned bit)
{
    return vm_ir_extract(t->b, VM_I64, v, bit, 1, false);
}

A64_SEMANTIC(rmif)
{
    vm_ir_value v = a64_x(t, a->rn);
    v = vm_ir_rotr(t->b, VM_I64, v, a64_imm(t, a->amount));
    vm_ir_value bits = a64_imm(t, 0);
    bits = with_flag(t, bits, bit_of(t, v, 3), VM_IR_FLAG_S);
    bits = with_flag(t, bits, bit_of(t, v, 2), VM_IR_FLAG_Z);
    bits = with_flag(t, bits, bit_of(t, v, 1), VM_IR_FLAG_C);
    bits = with_flag(t, bits, bit_of(t, v, 0), VM_IR_FLAG_V);
    vm_ir_value old = vm_ir_get(t->b, A64_REG_NZCV);
    vm_ir_value new = vm_ir_bitflags(t->b, VM_FLAGS, bits);
    a64_set_nzcv(t, vm_ir_mergef(t->b, old, new, (uint32_t)flag_bits(a->nzcv)));
}

// N and Z of the low byte or halfword, V from the bit above its sign; C stays.
static void set_flags(struct a64_translate *t, const struct a64_args *a, enum vm_type type)
{
    unsigned width = vm_ir_type_bits(type);
    vm_ir_value x = a64_x(t, a->rn);
    vm_ir_value sign = bit_of(t, x, width - 1);
    vm_ir_value over = vm_ir_xor(t->b, VM_I64, bit_of(t, x, width), sign);
    vm_ir_value v = vm_ir_bitflags(t->b, VM_FLAGS, with_flag(t, a64_imm(t, 0), over, VM_IR_FLAG_V));
    vm_ir_value nz = vm_ir_logicf(t->b, type, vm_ir_trunc(t->b, type, x));
    vm_ir_value flags = vm_ir_get(t->b, A64_REG_NZCV);
    flags = vm_ir_mergef(t->b, flags, nz, VM_IR_FLAG_S | VM_IR_FLAG_Z);
    a64_set_nzcv(t, vm_ir_mergef(t->b, flags, v, VM_IR_FLAG_V));
}

A64_SEMANTIC(setf8)
{
    set_flags(t, a, VM_I8);
}

A64_SEMANTIC(setf16)
{
    set_flags(t, a, VM_I16);
}

A64_SEMANTIC(cfinv)
{
    (void)a;
    vm_ir_value bits = vm_ir_flagbits(t->b, VM_FLAGS, vm_ir_get(t->b, A64_REG_NZCV));
    bits = vm_ir_xor(t->b, VM_I64, bits, a64_imm(t, VM_IR_FLAG_C));
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, bits));
}

static vm_ir_value flag(struct a64_translate *t, uint32_t cond)
{
    return vm_ir_cond(t->b, vm_ir_get(t->b, A64_REG_NZCV), cond);
}

// From the flags of FCMP to those of another comparison, and back (the manual, C6 "AXFLAG",
// "XAFLAG").
A64_SEMANTIC(axflag)
{
    (void)a;
    vm_ir_value z = flag(t, VM_IR_COND_Z), c = flag(t, VM_IR_COND_C);
    vm_ir_value v = flag(t, VM_IR_COND_V), not_v = flag(t, VM_IR_COND_V | VM_IR_COND_NOT);
    vm_ir_value bits = a64_imm(t, 0);
    bits = with_flag(t, bits, vm_ir_or(t->b, VM_I64, z, v), VM_IR_FLAG_Z);
    bits = with_flag(t, bits, vm_ir_and(t->b, VM_I64, c, not_v), VM_IR_FLAG_C);
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, bits));
}

A64_SEMANTIC(xaflag)
{
    (void)a;
    vm_ir_value z = flag(t, VM_IR_COND_Z), not_z = flag(t, VM_IR_COND_Z | VM_IR_COND_NOT);
    vm_ir_value c = flag(t, VM_IR_COND_C), not_c = flag(t, VM_IR_COND_C | VM_IR_COND_NOT);
    vm_ir_value bits = a64_imm(t, 0);
    bits = with_flag(t, bits, vm_ir_and(t->b, VM_I64, not_c, not_z), VM_IR_FLAG_S);
    bits = with_flag(t, bits, vm_ir_and(t->b, VM_I64, z, c), VM_IR_FLAG_Z);
    bits = with_flag(t, bits, vm_ir_or(t->b, VM_I64, c, z), VM_IR_FLAG_C);
    bits = with_flag(t, bits, vm_ir_and(t->b, VM_I64, not_c, z), VM_IR_FLAG_V);
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, bits));
}
