// SPDX-License-Identifier: MIT
//
// Advanced SIMD instructions that saturate and set FPSR.QC, but for shifts and those that widen or
// narrow (the manual, C7.2).
#include "sem_simd.h"

// Vd = Vn op Vm; QC where that is not what the op without saturation gives.
static void saturating(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                       enum vm_ir_code wrapping)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    vm_ir_value result = a64_v2(t, code, attr, n, m);
    vm_ir_value wrapped = a64_v2(t, wrapping, attr, n, m);
    a64_saturated(t, vm_ir_vxor(t->b, VM_V128, attr, result, wrapped));
    a64_set_v(t, a->rd, result);
}

A64_SEMANTIC(sqadd)
{
    saturating(t, a, VM_IR_vsqadd, VM_IR_vadd);
}

A64_SEMANTIC(uqadd)
{
    saturating(t, a, VM_IR_vuqadd, VM_IR_vadd);
}

A64_SEMANTIC(sqsub)
{
    saturating(t, a, VM_IR_vsqsub, VM_IR_vsub);
}

// Where m is the greater one it saturates. Hosts subtract narrow lanes as quickly the other way
// round.
A64_SEMANTIC(uqsub)
{
    uint32_t attr = a64_lanes(a, a->size);
    if (a->size > 1) {
        saturating(t, a, VM_IR_vuqsub, VM_IR_vsub);
        return;
    }
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_saturated(t, a64_v2(t, VM_IR_vuqsub, attr, m, n));
    a64_set_v(t, a->rd, a64_v2(t, VM_IR_vuqsub, attr, n, m));
}

// The smallest signed number in every lane.
static vm_ir_value smallest(struct a64_translate *t, const struct a64_args *a)
{
    return a64_v_splat(t, a64_lanes(a, a->size), UINT64_C(1) << ((8u << a->size) - 1));
}

// Only the product of the smallest number with itself saturates.
static void doubling_high(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                          vm_ir_value m)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = a64_v(t, a->rn), least = smallest(t, a);
    vm_ir_value one = vm_ir_vceq(t->b, VM_V128, attr, n, least);
    vm_ir_value both = vm_ir_vceq(t->b, VM_V128, attr, m, least);
    both = vm_ir_vand(t->b, VM_V128, attr, one, both);
    vm_ir_value result = a64_v2(t, code, attr, n, m);
    a64_saturated(t, both);
    a64_set_v(t, a->rd, result);
}

A64_SEMANTIC(sqdmulh_vector)
{
    doubling_high(t, a, VM_IR_vsqdmulh, a64_v(t, a->rm));
}

A64_SEMANTIC(sqrdmulh_vector)
{
    doubling_high(t, a, VM_IR_vsqrdmulh, a64_v(t, a->rm));
}

A64_SEMANTIC(sqdmulh_element)
{
    doubling_high(t, a, VM_IR_vsqdmulh, a64_v_element(t, a));
}

A64_SEMANTIC(sqrdmulh_element)
{
    doubling_high(t, a, VM_IR_vsqrdmulh, a64_v_element(t, a));
}

// Half of the elements of SQRDMLAH or SQRDMLSH: d << width plus or minus twice the product, rounded
// and shifted right by the width. Half of all that fits into elements of twice the width. Adds to
// `lost` where the result is another after saturation.
static vm_ir_value rounding_half(struct a64_translate *t, const struct a64_args *a,
                                 enum vm_ir_code combine, const vm_ir_value v[3], uint32_t high,
                                 vm_ir_value *lost)
{
    unsigned shift = (8u << a->size) - 1;
    uint32_t narrow = VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE);
    uint32_t wide = VM_IR_LANES(a64_lane(a->size + 1u), VM_IR_WHOLE);
    vm_ir_value product = vm_ir_vmulls(t->b, VM_V128, narrow | high, v[1], v[2]);
    vm_ir_value d = vm_ir_vwidens(t->b, VM_V128, narrow | high, v[0]);
    d = vm_ir_vshl(t->b, VM_V128, wide | VM_IR_VIMM(shift), d);
    vm_ir_value sum = a64_v2(t, combine, wide, d, product);
    sum = vm_ir_vrshrs(t->b, VM_V128, wide | VM_IR_VIMM(shift), sum);
    vm_ir_value result = vm_ir_vsqnarrow(t->b, VM_V128, narrow, sum);
    vm_ir_value back = vm_ir_vwidens(t->b, VM_V128, narrow, result);
    back = vm_ir_vxor(t->b, VM_V128, wide, back, sum);
    *lost = *lost == VM_IR_NONE ? back : vm_ir_vor(t->b, VM_V128, wide, *lost, back);
    return result;
}

static void rounding_accumulate(struct a64_translate *t, const struct a64_args *a,
                                enum vm_ir_code combine, vm_ir_value m)
{
    // What is outside of the extent must be 0 so that it does not saturate.
    uint32_t attr = a64_lanes(a, a->size) | VM_IR_VIMM(0);
    vm_ir_value none = a64_v_zero(t), lost = VM_IR_NONE;
    vm_ir_value v[3] = {a64_v(t, a->rd), a64_v(t, a->rn), m};
    for (unsigned i = 0; i < 3; i++)
        v[i] = vm_ir_vor(t->b, VM_V128, attr, v[i], none);
    vm_ir_value result = rounding_half(t, a, combine, v, 0, &lost);
    if (a->q && !a->op) {
        vm_ir_value high = rounding_half(t, a, combine, v, VM_IR_VEC_HIGH, &lost);
        uint32_t halves = VM_IR_LANES(VM_I64, VM_IR_WHOLE);
        result = vm_ir_vzip1(t->b, VM_V128, halves, result, high);
    }
    a64_saturated(t, lost);
    a64_set_v(t, a->rd, result);
}

A64_SEMANTIC(sqrdmlah_vector)
{
    rounding_accumulate(t, a, VM_IR_vadd, a64_v(t, a->rm));
}

A64_SEMANTIC(sqrdmlsh_vector)
{
    rounding_accumulate(t, a, VM_IR_vsub, a64_v(t, a->rm));
}

A64_SEMANTIC(sqrdmlah_element)
{
    rounding_accumulate(t, a, VM_IR_vadd, a64_v_element(t, a));
}

A64_SEMANTIC(sqrdmlsh_element)
{
    rounding_accumulate(t, a, VM_IR_vsub, a64_v_element(t, a));
}

// The smallest number alone saturates: its negative wraps to itself, and the signs of |n| tell.
A64_SEMANTIC(sqabs)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = vm_ir_vabs(t->b, VM_V128, attr, a64_v(t, a->rn));
    uint32_t sign = attr | VM_IR_VIMM((8u << a->size) - 1);
    vm_ir_value wrapped = vm_ir_vshrs(t->b, VM_V128, sign, n);
    vm_ir_value result = vm_ir_vxor(t->b, VM_V128, attr, n, wrapped);
    a64_saturated(t, wrapped);
    a64_set_v(t, a->rd, result);
}

A64_SEMANTIC(sqneg)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = a64_v(t, a->rn), zero = a64_v_zero(t);
    vm_ir_value result = vm_ir_vsqsub(t->b, VM_V128, attr, zero, n);
    vm_ir_value wrapped = vm_ir_vneg(t->b, VM_V128, attr, n);
    a64_saturated(t, vm_ir_vxor(t->b, VM_V128, attr, result, wrapped));
    a64_set_v(t, a->rd, result);
}

// Signed Vd plus unsigned Vn: an unsigned sum where numbers are counted from the smallest one.
A64_SEMANTIC(suqadd)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn), least = smallest(t, a);
    d = vm_ir_vxor(t->b, VM_V128, attr, d, least);
    vm_ir_value sum = vm_ir_vuqadd(t->b, VM_V128, attr, d, n);
    vm_ir_value wrapped = vm_ir_vadd(t->b, VM_V128, attr, d, n);
    vm_ir_value result = vm_ir_vxor(t->b, VM_V128, attr, sum, least);
    a64_saturated(t, vm_ir_vxor(t->b, VM_V128, attr, sum, wrapped));
    a64_set_v(t, a->rd, result);
}

// Unsigned Vd plus signed Vn: a sum or, where Vn is negative, a difference of unsigned numbers.
A64_SEMANTIC(usqadd)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    uint32_t sign = attr | VM_IR_VIMM((8u << a->size) - 1);
    vm_ir_value negative = vm_ir_vshrs(t->b, VM_V128, sign, n);
    vm_ir_value sum = vm_ir_vuqadd(t->b, VM_V128, attr, d, n);
    vm_ir_value less = vm_ir_vneg(t->b, VM_V128, attr, n);
    less = vm_ir_vuqsub(t->b, VM_V128, attr, d, less);
    vm_ir_value wrapped = vm_ir_vadd(t->b, VM_V128, attr, d, n);
    vm_ir_value result = vm_ir_vsel(t->b, VM_V128, attr, negative, less, sum);
    a64_saturated(t, vm_ir_vxor(t->b, VM_V128, attr, result, wrapped));
    a64_set_v(t, a->rd, result);
}
