// SPDX-License-Identifier: MIT
//
// Advanced SIMD instructions that work on each element by itself and do not saturate: arithmetic,
// logic, comparisons, bit counts (the manual, C7.2).
#include "sem_simd.h"

// Vd = Vn op Vm.
static void same(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, a64_v2(t, code, a64_lanes(a, a->size), n, m));
}

#define SAME(name, op)          \
    A64_SEMANTIC(name)          \
    {                           \
        same(t, a, VM_IR_##op); \
    }
SAME(add_vector, vadd)
SAME(sub_vector, vsub)
SAME(mul_vector, vmul)
SAME(pmul, vpmul)
SAME(shadd, vshadd)
SAME(uhadd, vuhadd)
SAME(srhadd, vsrhadd)
SAME(urhadd, vurhadd)
SAME(shsub, vshsub)
SAME(uhsub, vuhsub)
SAME(smax_vector, vsmax)
SAME(umax_vector, vumax)
SAME(smin_vector, vsmin)
SAME(umin_vector, vumin)
SAME(sabd, vsabd)
SAME(uabd, vuabd)
SAME(cmeq_register, vceq)
SAME(cmgt_register, vcgts)
SAME(cmge_register, vcges)
SAME(cmhi, vcgtu)
SAME(cmhs, vcgeu)
SAME(sshl, vsshl)
SAME(ushl, vushl)
SAME(srshl, vsrshl)
SAME(urshl, vurshl)
SAME(and_vector, vand)
SAME(bic_vector, vandn)
SAME(orr_vector, vor)
SAME(eor_vector, vxor)

A64_SEMANTIC(orn_vector)
{
    uint32_t attr = a64_lanes(a, 0);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    m = vm_ir_vnot(t->b, VM_V128, attr, m);
    a64_set_v(t, a->rd, vm_ir_vor(t->b, VM_V128, attr, n, m));
}

A64_SEMANTIC(cmtst)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    n = vm_ir_vand(t->b, VM_V128, attr, n, m);
    vm_ir_value none = vm_ir_vceq(t->b, VM_V128, attr, n, a64_v_zero(t));
    a64_set_v(t, a->rd, vm_ir_vnot(t->b, VM_V128, attr, none));
}

// Vd = Vd combine (Vn op m).
static void accumulate(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code combine,
                       enum vm_ir_code code, vm_ir_value m)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    n = a64_v2(t, code, attr, n, m);
    a64_set_v(t, a->rd, a64_v2(t, combine, attr, d, n));
}

A64_SEMANTIC(mla_vector)
{
    accumulate(t, a, VM_IR_vadd, VM_IR_vmul, a64_v(t, a->rm));
}

A64_SEMANTIC(mls_vector)
{
    accumulate(t, a, VM_IR_vsub, VM_IR_vmul, a64_v(t, a->rm));
}

A64_SEMANTIC(saba)
{
    accumulate(t, a, VM_IR_vadd, VM_IR_vsabd, a64_v(t, a->rm));
}

A64_SEMANTIC(uaba)
{
    accumulate(t, a, VM_IR_vadd, VM_IR_vuabd, a64_v(t, a->rm));
}

A64_SEMANTIC(mla_element)
{
    accumulate(t, a, VM_IR_vadd, VM_IR_vmul, a64_v_element(t, a));
}

A64_SEMANTIC(mls_element)
{
    accumulate(t, a, VM_IR_vsub, VM_IR_vmul, a64_v_element(t, a));
}

A64_SEMANTIC(mul_element)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v_element(t, a);
    a64_set_v(t, a->rd, vm_ir_vmul(t->b, VM_V128, a64_lanes(a, a->size), n, m));
}

vm_ir_value a64_v_element(struct a64_translate *t, const struct a64_args *a)
{
    bool words = a->size == 2;
    unsigned rm = words ? a->rm | (a->index & 1u) << 4 : a->rm;
    unsigned index = words ? a->index >> 1 : a->index;
    uint32_t attr = VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE) | VM_IR_VIMM(index);
    return vm_ir_vdup(t->b, VM_V128, attr, a64_v(t, rm));
}

// Vd = (x & Vy) | (z & ~Vy) where the three are of Vd, Vn and Vm.
static void choose(struct a64_translate *t, const struct a64_args *a, unsigned mask, unsigned yes,
                   unsigned no)
{
    vm_ir_value m = a64_v(t, mask), x = a64_v(t, yes), y = a64_v(t, no);
    a64_set_v(t, a->rd, vm_ir_vsel(t->b, VM_V128, a64_lanes(a, 0), m, x, y));
}

A64_SEMANTIC(bsl)
{
    choose(t, a, a->rd, a->rn, a->rm);
}

A64_SEMANTIC(bit)
{
    choose(t, a, a->rm, a->rn, a->rd);
}

A64_SEMANTIC(bif)
{
    choose(t, a, a->rm, a->rd, a->rn);
}

// Vd = op Vn.
static void each(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                 unsigned size, unsigned imm)
{
    uint32_t attr = a64_lanes(a, size) | VM_IR_VIMM(imm);
    a64_set_v(t, a->rd, a64_v1(t, code, attr, a64_v(t, a->rn)));
}

#define EACH(name, op)                      \
    A64_SEMANTIC(name)                      \
    {                                       \
        each(t, a, VM_IR_##op, a->size, 0); \
    }
EACH(abs_vector, vabs)
EACH(neg_vector, vneg)
EACH(cls_vector, vcls)
EACH(clz_vector, vclz)
EACH(cnt_vector, vcnt)
EACH(not, vnot)

// size is the row's, not the element's.
A64_SEMANTIC(rbit_vector)
{
    each(t, a, VM_IR_vrbit, 0, 0);
}

A64_SEMANTIC(rev16_vector)
{
    each(t, a, VM_IR_vrev, a->size, 1);
}

A64_SEMANTIC(rev32_vector)
{
    each(t, a, VM_IR_vrev, a->size, 2);
}

A64_SEMANTIC(rev64)
{
    each(t, a, VM_IR_vrev, a->size, 3);
}

// Vd = Vn compared with zero.
static void compare_zero(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                         bool swapped)
{
    vm_ir_value n = a64_v(t, a->rn), zero = a64_v_zero(t);
    uint32_t attr = a64_lanes(a, a->size);
    a64_set_v(t, a->rd, a64_v2(t, code, attr, swapped ? zero : n, swapped ? n : zero));
}

A64_SEMANTIC(cmeq_zero)
{
    compare_zero(t, a, VM_IR_vceq, false);
}

A64_SEMANTIC(cmgt_zero)
{
    compare_zero(t, a, VM_IR_vcgts, false);
}

A64_SEMANTIC(cmge_zero)
{
    compare_zero(t, a, VM_IR_vcges, false);
}

A64_SEMANTIC(cmlt)
{
    compare_zero(t, a, VM_IR_vcgts, true);
}

A64_SEMANTIC(cmle)
{
    compare_zero(t, a, VM_IR_vcges, true);
}
