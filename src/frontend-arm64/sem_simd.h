// SPDX-License-Identifier: MIT
//
// Words of the semantic functions of Advanced SIMD instructions on integers. Arguments: size is the
// element's (1 << size bytes), q chooses 128 bits, op is 1 in scalar instructions.
#ifndef A64_SEM_SIMD_H
#define A64_SEM_SIMD_H

#include "sem.h"

static inline enum vm_type a64_lane(unsigned size)
{
    return (enum vm_type)(VM_I8 + size);
}

static inline enum vm_ir_extent a64_extent(const struct a64_args *a)
{
    return a->op ? VM_IR_LANE0 : a->q ? VM_IR_WHOLE : VM_IR_HALF;
}

// The attribute word of lanes of 1 << size bytes, in the instruction's extent.
static inline uint32_t a64_lanes(const struct a64_args *a, unsigned size)
{
    return VM_IR_LANES(a64_lane(size), a64_extent(a));
}

// Vector ops by attribute word.
static inline vm_ir_value a64_v1(struct a64_translate *t, enum vm_ir_code code, uint32_t attr,
                                 vm_ir_value x)
{
    return vm_ir_emit(t->b, code, VM_V128, attr, 0, x, VM_IR_NONE, VM_IR_NONE);
}

static inline vm_ir_value a64_v2(struct a64_translate *t, enum vm_ir_code code, uint32_t attr,
                                 vm_ir_value x, vm_ir_value y)
{
    return vm_ir_emit(t->b, code, VM_V128, attr, 0, x, y, VM_IR_NONE);
}

static inline vm_ir_value a64_v3(struct a64_translate *t, enum vm_ir_code code, uint32_t attr,
                                 vm_ir_value x, vm_ir_value y, vm_ir_value z)
{
    return vm_ir_emit(t->b, code, VM_V128, attr, 0, x, y, z);
}

static inline vm_ir_value a64_v_zero(struct a64_translate *t)
{
    return vm_ir_vlow(t->b, VM_V128, VM_IR_LANES(VM_I64, VM_IR_WHOLE), a64_imm(t, 0));
}

// Every lane of attr's extent is n.
static inline vm_ir_value a64_v_splat(struct a64_translate *t, uint32_t attr, uint64_t n)
{
    return vm_ir_vsplat(t->b, VM_V128, attr, a64_imm(t, n));
}

// Sets FPSR.QC if any bit of x is set.
static inline void a64_saturated(struct a64_translate *t, vm_ir_value x)
{
    vm_ir_value old = vm_ir_get(t->b, A64_REG_QC);
    uint32_t attr = VM_IR_LANES(VM_I64, VM_IR_WHOLE);
    vm_ir_put(t->b, A64_REG_QC, vm_ir_vor(t->b, VM_V128, attr, old, x));
}

// The result of a narrowing instruction: the low half of vector `low` (the upper is 0) goes to the
// half of Vd that Q chooses; the "2" forms keep the other one.
static inline void a64_set_v_narrow(struct a64_translate *t, const struct a64_args *a,
                                    vm_ir_value low)
{
    if (a->q && !a->op) {
        vm_ir_value old = a64_v(t, a->rd);
        low = vm_ir_vzip1(t->b, VM_V128, VM_IR_LANES(VM_I64, VM_IR_WHOLE), old, low);
    }
    a64_set_v(t, a->rd, low);
}

// The operand Vm.<Ts>[index] of instructions by element: in every lane. rm has 4 bits, index is
// H:L:M; M belongs to the register's number where elements are words.
vm_ir_value a64_v_element(struct a64_translate *t, const struct a64_args *a);

#endif
