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
