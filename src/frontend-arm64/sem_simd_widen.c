// SPDX-License-Identifier: MIT
//
// Advanced SIMD instructions with operands or results of twice the width, by vector and by element,
// dot products and matrix products (the manual, C7.2). Q chooses the half of Vn and Vm, or of the
// narrow Vd.
#include "sem_simd.h"

static uint32_t narrow_lanes(const struct a64_args *a)
{
    return VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE) | (a->q ? VM_IR_VEC_HIGH : 0u);
}

// Of results: one in scalar instructions.
static uint32_t wide_lanes(const struct a64_args *a)
{
    return VM_IR_LANES(a64_lane(a->size + 1u), a->op ? VM_IR_LANE0 : VM_IR_WHOLE);
}

// Vd = Vn op Vm, where Vm, and Vn unless it is wide already, are widened.
static void widened(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                    enum vm_ir_code widen, bool wide)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    if (!wide)
        n = a64_v1(t, widen, narrow_lanes(a), n);
    m = a64_v1(t, widen, narrow_lanes(a), m);
    a64_set_v(t, a->rd, a64_v2(t, code, wide_lanes(a), n, m));
}

#define WIDENED(name, code, widen, wide)                  \
    A64_SEMANTIC(name)                                    \
    {                                                     \
        widened(t, a, VM_IR_##code, VM_IR_##widen, wide); \
    }
WIDENED(saddl, vadd, vwidens, false)
WIDENED(uaddl, vadd, vwidenu, false)
WIDENED(ssubl, vsub, vwidens, false)
WIDENED(usubl, vsub, vwidenu, false)
WIDENED(saddw, vadd, vwidens, true)
WIDENED(uaddw, vadd, vwidenu, true)
WIDENED(ssubw, vsub, vwidens, true)
WIDENED(usubw, vsub, vwidenu, true)

// The high half of sums or differences.
static void high_half(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                      enum vm_ir_code shift)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    n = a64_v2(t, code, wide_lanes(a), n, m);
    n = a64_v1(t, shift, wide_lanes(a) | VM_IR_VIMM(8u << a->size), n);
    uint32_t attr = VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE);
    a64_set_v_narrow(t, a, vm_ir_vnarrow(t->b, VM_V128, attr, n));
}

A64_SEMANTIC(addhn)
{
    high_half(t, a, VM_IR_vadd, VM_IR_vshru);
}

A64_SEMANTIC(raddhn)
{
    high_half(t, a, VM_IR_vadd, VM_IR_vrshru);
}

A64_SEMANTIC(subhn)
{
    high_half(t, a, VM_IR_vsub, VM_IR_vshru);
}

A64_SEMANTIC(rsubhn)
{
    high_half(t, a, VM_IR_vsub, VM_IR_vrshru);
}

// A difference of numbers fits in their width as an unsigned one.
static void difference(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                       bool accumulate)
{
    uint32_t attr = VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    n = vm_ir_vwidenu(t->b, VM_V128, narrow_lanes(a), a64_v2(t, code, attr, n, m));
    if (accumulate)
        n = vm_ir_vadd(t->b, VM_V128, wide_lanes(a), a64_v(t, a->rd), n);
    a64_set_v(t, a->rd, n);
}

A64_SEMANTIC(sabdl)
{
    difference(t, a, VM_IR_vsabd, false);
}

A64_SEMANTIC(uabdl)
{
    difference(t, a, VM_IR_vuabd, false);
}

A64_SEMANTIC(sabal)
{
    difference(t, a, VM_IR_vsabd, true);
}

A64_SEMANTIC(uabal)
{
    difference(t, a, VM_IR_vuabd, true);
}

// Vd = Vd combine Vn * m, or the product alone (VM_IR_nop).
static void multiply(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                     enum vm_ir_code combine, vm_ir_value m)
{
    vm_ir_value n = a64_v2(t, code, narrow_lanes(a), a64_v(t, a->rn), m);
    if (combine != VM_IR_nop)
        n = a64_v2(t, combine, wide_lanes(a), a64_v(t, a->rd), n);
    a64_set_v(t, a->rd, n);
}

#define MULTIPLY(name, code, combine)                                       \
    A64_SEMANTIC(name##_vector)                                             \
    {                                                                       \
        multiply(t, a, VM_IR_##code, VM_IR_##combine, a64_v(t, a->rm));     \
    }                                                                       \
    A64_SEMANTIC(name##_element)                                            \
    {                                                                       \
        multiply(t, a, VM_IR_##code, VM_IR_##combine, a64_v_element(t, a)); \
    }
MULTIPLY(smull, vmulls, nop)
MULTIPLY(umull, vmullu, nop)
MULTIPLY(smlal, vmulls, vadd)
MULTIPLY(umlal, vmullu, vadd)
MULTIPLY(smlsl, vmulls, vsub)
MULTIPLY(umlsl, vmullu, vsub)

A64_SEMANTIC(pmull)
{
    multiply(t, a, VM_IR_vpmull, VM_IR_nop, a64_v(t, a->rm));
}

// a op b, saturated; adds to *lost where the op without saturation gives another result.
static vm_ir_value saturated(struct a64_translate *t, uint32_t attr, enum vm_ir_code code,
                             enum vm_ir_code wrapping, vm_ir_value x, vm_ir_value y,
                             vm_ir_value *lost)
{
    vm_ir_value result = a64_v2(t, code, attr, x, y);
    vm_ir_value wrapped = a64_v2(t, wrapping, attr, x, y);
    wrapped = vm_ir_vxor(t->b, VM_V128, attr, result, wrapped);
    *lost = *lost == VM_IR_NONE ? wrapped : vm_ir_vor(t->b, VM_V128, attr, *lost, wrapped);
    return result;
}

// Twice the product, saturated, alone or (VM_IR_nop: alone) accumulated with saturation.
static void doubling(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code combine,
                     enum vm_ir_code wrapping, vm_ir_value m)
{
    uint32_t wide = wide_lanes(a);
    vm_ir_value lost = VM_IR_NONE;
    vm_ir_value n = vm_ir_vmulls(t->b, VM_V128, narrow_lanes(a), a64_v(t, a->rn), m);
    n = saturated(t, wide, VM_IR_vsqadd, VM_IR_vadd, n, n, &lost);
    if (combine != VM_IR_nop)
        n = saturated(t, wide, combine, wrapping, a64_v(t, a->rd), n, &lost);
    a64_saturated(t, lost);
    a64_set_v(t, a->rd, n);
}

#define DOUBLING(name, combine, wrapping)                                       \
    A64_SEMANTIC(name##_vector)                                                 \
    {                                                                           \
        doubling(t, a, VM_IR_##combine, VM_IR_##wrapping, a64_v(t, a->rm));     \
    }                                                                           \
    A64_SEMANTIC(name##_element)                                                \
    {                                                                           \
        doubling(t, a, VM_IR_##combine, VM_IR_##wrapping, a64_v_element(t, a)); \
    }
DOUBLING(sqdmull, nop, nop)
DOUBLING(sqdmlal, vsqadd, vadd)
DOUBLING(sqdmlsl, vsqsub, vsub)

// --- dot products and matrix products of bytes ---

static vm_ir_value word_element(struct a64_translate *t, const struct a64_args *a)
{
    uint32_t attr = VM_IR_LANES(VM_I32, VM_IR_WHOLE) | VM_IR_VIMM(a->index);
    return vm_ir_vdup(t->b, VM_V128, attr, a64_v(t, a->rm));
}

static void dot(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                vm_ir_value n, vm_ir_value m)
{
    vm_ir_value d = a64_v(t, a->rd);
    a64_set_v(t, a->rd, a64_v3(t, code, a64_lanes(a, 2), n, m, d));
}

A64_SEMANTIC(sdot_vector)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    dot(t, a, VM_IR_vsdot, n, m);
}

A64_SEMANTIC(udot_vector)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    dot(t, a, VM_IR_vudot, n, m);
}

A64_SEMANTIC(usdot_vector)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    dot(t, a, VM_IR_vusdot, n, m);
}

A64_SEMANTIC(sdot_element)
{
    vm_ir_value n = a64_v(t, a->rn), m = word_element(t, a);
    dot(t, a, VM_IR_vsdot, n, m);
}

A64_SEMANTIC(udot_element)
{
    vm_ir_value n = a64_v(t, a->rn), m = word_element(t, a);
    dot(t, a, VM_IR_vudot, n, m);
}

A64_SEMANTIC(usdot_element)
{
    vm_ir_value n = a64_v(t, a->rn), m = word_element(t, a);
    dot(t, a, VM_IR_vusdot, n, m);
}

A64_SEMANTIC(sudot_element)
{
    vm_ir_value n = a64_v(t, a->rn), m = word_element(t, a);
    dot(t, a, VM_IR_vusdot, m, n);
}

// Rows of eight bytes: word 2i + j of Vd gets the product of row i of Vn and row j of Vm, which is
// two dot products of words.
static void matrix(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    uint32_t attr = VM_IR_LANES(VM_I32, VM_IR_WHOLE);
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    vm_ir_value n_low = vm_ir_vtrn1(t->b, VM_V128, attr, n, n);
    vm_ir_value m_low = vm_ir_vuzp1(t->b, VM_V128, attr, m, m);
    d = a64_v3(t, code, attr, n_low, m_low, d);
    vm_ir_value n_high = vm_ir_vtrn2(t->b, VM_V128, attr, n, n);
    vm_ir_value m_high = vm_ir_vuzp2(t->b, VM_V128, attr, m, m);
    a64_set_v(t, a->rd, a64_v3(t, code, attr, n_high, m_high, d));
}

A64_SEMANTIC(smmla)
{
    matrix(t, a, VM_IR_vsdot);
}

A64_SEMANTIC(ummla)
{
    matrix(t, a, VM_IR_vudot);
}

A64_SEMANTIC(usmmla)
{
    matrix(t, a, VM_IR_vusdot);
}
