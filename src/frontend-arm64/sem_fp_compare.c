// SPDX-License-Identifier: MIT
//
// Scalar floating-point comparisons and selection: the manual, "Floating-point compare",
// "Floating-point conditional compare", "Floating-point conditional select".
#include "sem_fp.h"

static vm_ir_value flag(struct a64_translate *t, vm_ir_value flags, vm_ir_value truth,
                        enum vm_ir_flag f)
{
    vm_ir_value place = a64_imm(t, vm_ctz64((uint64_t)f));
    return vm_ir_or(t->b, VM_I64, flags, vm_ir_shl(t->b, VM_I64, truth, place));
}

// NZCV as a mask of enum vm_ir_flag (FPCompare): less 1000, equal 0110, greater 0010, unordered
// 0011. The operands are i64 with the format's bits.
static vm_ir_value compare(struct a64_translate *t, enum vm_type f, vm_ir_value x, vm_ir_value y,
                           bool signaling)
{
    uint32_t attr = a64_fp_attr(t) | (signaling ? VM_IR_FP_SIGNALING : 0);
    vm_ir_value n = a64_fp_of_bits(t, f, x), m = a64_fp_of_bits(t, f, y), one = a64_imm(t, 1);
    vm_ir_value less = vm_ir_flt(t->b, f, attr, n, m);
    vm_ir_value equal = vm_ir_feq(t->b, f, attr, n, m);
    vm_ir_value not_less = vm_ir_fle(t->b, f, attr, m, n);
    vm_ir_value ordered = vm_ir_or(t->b, VM_I64, less, not_less);
    vm_ir_value carry = vm_ir_xor(t->b, VM_I64, less, one);
    vm_ir_value unordered = vm_ir_xor(t->b, VM_I64, ordered, one);
    vm_ir_value flags = flag(t, carry, less, VM_IR_FLAG_S);
    flags = flag(t, flags, equal, VM_IR_FLAG_Z);
    return flag(t, flags, unordered, VM_IR_FLAG_V);
}

static void compare_registers(struct a64_translate *t, const struct a64_args *a, bool signaling)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value x = a64_fp_bits(t, f, a->rn), y = a64_fp_bits(t, f, a->rm);
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, compare(t, f, x, y, signaling)));
}

static void compare_zero(struct a64_translate *t, const struct a64_args *a, bool signaling)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value x = a64_fp_bits(t, f, a->rn);
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, compare(t, f, x, a64_imm(t, 0), signaling)));
}

static uint64_t flags_of_nzcv(unsigned nzcv)
{
    return (nzcv & 8 ? VM_IR_FLAG_S : 0u) | (nzcv & 4 ? VM_IR_FLAG_Z : 0u) |
           (nzcv & 2 ? VM_IR_FLAG_C : 0u) | (nzcv & 1 ? VM_IR_FLAG_V : 0u);
}

// Where the condition does not hold zeros are compared, which raises no exception.
static void compare_if(struct a64_translate *t, const struct a64_args *a, bool signaling)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value holds = a64_condition(t, a->cond), zero = a64_imm(t, 0);
    vm_ir_value x = a64_fp_bits(t, f, a->rn), y = a64_fp_bits(t, f, a->rm);
    x = vm_ir_select(t->b, VM_I64, holds, x, zero);
    y = vm_ir_select(t->b, VM_I64, holds, y, zero);
    vm_ir_value flags = compare(t, f, x, y, signaling), other = a64_imm(t, flags_of_nzcv(a->nzcv));
    flags = vm_ir_select(t->b, VM_I64, holds, flags, other);
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, flags));
}

A64_SEMANTIC(fcmp_register)
{
    compare_registers(t, a, false);
}

A64_SEMANTIC(fcmpe_register)
{
    compare_registers(t, a, true);
}

A64_SEMANTIC(fcmp_zero)
{
    compare_zero(t, a, false);
}

A64_SEMANTIC(fcmpe_zero)
{
    compare_zero(t, a, true);
}

A64_SEMANTIC(fccmp)
{
    compare_if(t, a, false);
}

A64_SEMANTIC(fccmpe)
{
    compare_if(t, a, true);
}

A64_SEMANTIC(fcsel)
{
    enum vm_type f = a64_fp_format(a->size);
    vm_ir_value holds = a64_condition(t, a->cond);
    vm_ir_value x = a64_fp_bits(t, f, a->rn), y = a64_fp_bits(t, f, a->rm);
    a64_set_fp_bits(t, f, a->rd, vm_ir_select(t->b, VM_I64, holds, x, y));
}
