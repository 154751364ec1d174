// SPDX-License-Identifier: MIT
//
// Data processing with immediates (the manual, C4.1 "Data Processing -- Immediate").
#include "sem.h"

// Without flags Rd may be SP.
static void add_immediate(struct a64_translate *t, const struct a64_args *a, bool subtract,
                          bool flags)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_x_sp(t, a->rn);
    if (type == VM_I32)
        x = vm_ir_trunc(t->b, VM_I32, x);
    vm_ir_value y = vm_ir_const(t->b, type, (uint64_t)a->imm << (a->shift ? 12 : 0));
    vm_ir_value sum = subtract ? vm_ir_sub(t->b, type, x, y) : vm_ir_add(t->b, type, x, y);
    if (flags)
        a64_set_nzcv(t, a64_sum_flags(t, type, x, y, subtract));
    if (type == VM_I32)
        sum = vm_ir_zext(t->b, VM_I64, sum);
    if (flags)
        a64_set_x(t, a->rd, sum);
    else
        a64_set_x_sp(t, a->rd, sum);
}

A64_SEMANTIC(add_immediate)
{
    add_immediate(t, a, false, false);
}

A64_SEMANTIC(adds_immediate)
{
    add_immediate(t, a, false, true);
}

A64_SEMANTIC(sub_immediate)
{
    add_immediate(t, a, true, false);
}

A64_SEMANTIC(subs_immediate)
{
    add_immediate(t, a, true, true);
}

A64_SEMANTIC(adr)
{
    if (a->rd != 31)
        a64_set_x(t, a->rd, vm_ir_pcrel(t->b, t->offset + (uint64_t)a->imm));
}

A64_SEMANTIC(adrp)
{
    uint64_t page = t->offset & ~(uint64_t)VM_PAGE_MASK;
    if (a->rd != 31)
        a64_set_x(t, a->rd, vm_ir_pcrel(t->b, page + (uint64_t)a->imm));
}

// --- logical, moves ---

// opc: AND, ORR, EOR, ANDS. All but ANDS may write SP.
A64_SEMANTIC(logical_immediate)
{
    enum { ANDS = 3 };
    static const uint16_t codes[] = {VM_IR_and, VM_IR_or, VM_IR_xor, VM_IR_and};
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = vm_ir_const(t->b, type, (uint64_t)a->imm);
    vm_ir_value v = a64_op2(t, codes[a->opc], type, x, y);
    if (a->opc == ANDS)
        a64_set_nzcv(t, a64_logicf(t, type, v));
    if (type == VM_I32)
        v = vm_ir_zext(t->b, VM_I64, v);
    if (a->opc == ANDS)
        a64_set_x(t, a->rd, v);
    else
        a64_set_x_sp(t, a->rd, v);
}

static uint64_t moved(const struct a64_args *a)
{
    return (uint64_t)a->imm << (16 * a->shift);
}

A64_SEMANTIC(movz)
{
    a64_set_x(t, a->rd, a64_imm(t, moved(a)));
}

A64_SEMANTIC(movn)
{
    a64_set_x(t, a->rd, a64_imm(t, ~moved(a) & (a->sf ? UINT64_MAX : UINT32_MAX)));
}

A64_SEMANTIC(movk)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value old = a64_r(t, type, a->rd);
    vm_ir_value part = vm_ir_const(t->b, type, (uint64_t)a->imm);
    a64_set_r(t, type, a->rd, vm_ir_deposit(t->b, type, old, part, 16u * a->shift, 16));
}

// --- bit fields: imm is immr, imm2 is imms ---

struct bitfield {
    unsigned from, to, length; // bits of the source from `from` go to `to`
};

static struct bitfield bitfield_of(const struct a64_args *a)
{
    unsigned width = a->sf ? 64 : 32;
    unsigned r = (unsigned)a->imm, s = (unsigned)a->imm2;
    if (s >= r)
        return (struct bitfield){r, 0, s - r + 1};
    return (struct bitfield){0, width - r, s + 1};
}

static vm_ir_value shifted_left(struct a64_translate *t, enum vm_type type, vm_ir_value v,
                                unsigned by)
{
    return by ? vm_ir_shl(t->b, type, v, vm_ir_const(t->b, type, by)) : v;
}

// A field of a W register without sign, or that ends below bit 32, is one of the X register.
A64_SEMANTIC(ubfm)
{
    struct bitfield f = bitfield_of(a);
    unsigned width = a->sf ? 64 : 32;
    vm_ir_value x = a64_x(t, a->rn);
    if (f.to + f.length == width && a->sf) // LSL
        a64_set_x(t, a->rd, shifted_left(t, VM_I64, x, f.to));
    else if (f.to + f.length == width && f.to)
        a64_set_r(t, VM_I32, a->rd, shifted_left(t, VM_I32, vm_ir_trunc(t->b, VM_I32, x), f.to));
    else
        a64_set_x(
            t, a->rd,
            shifted_left(t, VM_I64, vm_ir_extract(t->b, VM_I64, x, f.from, f.length, false), f.to));
}

A64_SEMANTIC(sbfm)
{
    struct bitfield f = bitfield_of(a);
    enum vm_type type = a64_word(a->sf);
    vm_ir_value field = vm_ir_extract(t->b, type, a64_r(t, type, a->rn), f.from, f.length, true);
    a64_set_r(t, type, a->rd, shifted_left(t, type, field, f.to));
}

A64_SEMANTIC(bfm)
{
    struct bitfield f = bitfield_of(a);
    enum vm_type type = a64_word(a->sf);
    vm_ir_value old = a64_r(t, type, a->rd);
    vm_ir_value x = a64_r(t, type, a->rn);
    if (f.from)
        x = vm_ir_shr(t->b, type, x, vm_ir_const(t->b, type, f.from));
    a64_set_r(t, type, a->rd, vm_ir_deposit(t->b, type, old, x, f.to, f.length));
}

A64_SEMANTIC(extr)
{
    enum vm_type type = a64_word(a->sf);
    unsigned width = a->sf ? 64 : 32;
    vm_ir_value low = a64_r(t, type, a->rm);
    vm_ir_value amount = vm_ir_const(t->b, type, a->amount);
    if (a->rn == a->rm) {
        a64_set_r(t, type, a->rd, vm_ir_rotr(t->b, type, low, amount));
        return;
    }
    if (a->amount) {
        vm_ir_value high = shifted_left(t, type, a64_r(t, type, a->rn), width - a->amount);
        low = vm_ir_or(t->b, type, vm_ir_shr(t->b, type, low, amount), high);
    }
    a64_set_r(t, type, a->rd, low);
}

// --- CSSC ---

static void min_max(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value y = vm_ir_const(t->b, type, (uint64_t)a->imm);
    a64_set_r(t, type, a->rd, a64_op2(t, code, type, x, y));
}

A64_SEMANTIC(smax_immediate)
{
    min_max(t, a, VM_IR_smax);
}

A64_SEMANTIC(smin_immediate)
{
    min_max(t, a, VM_IR_smin);
}

A64_SEMANTIC(umax_immediate)
{
    min_max(t, a, VM_IR_umax);
}

A64_SEMANTIC(umin_immediate)
{
    min_max(t, a, VM_IR_umin);
}
