// SPDX-License-Identifier: MIT
//
// Conditions (the manual, C1.2.4 "Condition code"). PSTATE's N is the IR's S; C is Arm's carry
// whatever set it, since a subtraction is written as an addition of the complement.
#include "sem.h"

static vm_ir_value both(struct a64_translate *t, vm_ir_value x, vm_ir_value y)
{
    return vm_ir_and(t->b, VM_I64, x, y);
}

static vm_ir_value either(struct a64_translate *t, vm_ir_value x, vm_ir_value y)
{
    return vm_ir_or(t->b, VM_I64, x, y);
}

vm_ir_value a64_condition(struct a64_translate *t, unsigned cond)
{
    enum { HI = 8, LS = 9, AL = 14 };
    static const uint8_t conditions[AL] = {
        VM_IR_COND_Z,
        VM_IR_COND_Z | VM_IR_COND_NOT, // EQ NE
        VM_IR_COND_C,
        VM_IR_COND_C | VM_IR_COND_NOT, // CS CC
        VM_IR_COND_S,
        VM_IR_COND_S | VM_IR_COND_NOT, // MI PL
        VM_IR_COND_V,
        VM_IR_COND_V | VM_IR_COND_NOT, // VS VC
        VM_IR_COND_C,
        VM_IR_COND_C | VM_IR_COND_NOT, // HI LS: and Z
        VM_IR_COND_SV | VM_IR_COND_NOT,
        VM_IR_COND_SV, // GE LT
        VM_IR_COND_ZSV | VM_IR_COND_NOT,
        VM_IR_COND_ZSV, // GT LE
    };
    if (cond >= AL)
        return a64_imm(t, 1);
    vm_ir_value flags = vm_ir_get(t->b, A64_REG_NZCV);
    vm_ir_value c = vm_ir_cond(t->b, flags, conditions[cond]);
    if (cond == HI)
        return both(t, c, vm_ir_cond(t->b, flags, VM_IR_COND_Z | VM_IR_COND_NOT));
    if (cond == LS)
        return either(t, c, vm_ir_cond(t->b, flags, VM_IR_COND_Z));
    return c;
}

vm_ir_value a64_addf(struct a64_translate *t, enum vm_type type, vm_ir_value x, vm_ir_value y,
                     vm_ir_value carry)
{
    return vm_ir_some_flags(t->b, VM_IR_addf, type, VM_IR_FLAGS_NZCV, x, y, carry);
}

vm_ir_value a64_sum_flags(struct a64_translate *t, enum vm_type type, vm_ir_value x, vm_ir_value y,
                          bool subtract)
{
    if (!subtract)
        return a64_addf(t, type, x, y, a64_imm(t, 0));
    vm_ir_value not_y = vm_ir_xor(t->b, type, y, vm_ir_const(t->b, type, UINT64_MAX));
    return a64_addf(t, type, x, not_y, a64_imm(t, 1));
}

vm_ir_value a64_logicf(struct a64_translate *t, enum vm_type type, vm_ir_value x)
{
    return vm_ir_some_flags(t->b, VM_IR_logicf, type, VM_IR_FLAGS_NZCV, x, VM_IR_NONE, VM_IR_NONE);
}
