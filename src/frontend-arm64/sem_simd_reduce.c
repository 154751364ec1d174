// SPDX-License-Identifier: MIT
//
// Advanced SIMD instructions on pairs of elements and across the lanes of a vector (the manual,
// C7.2).
#include "sem_simd.h"

// The elements of even number of Vm:Vn and those of odd number, combined.
static void pairwise(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    vm_ir_value even = vm_ir_vuzp1(t->b, VM_V128, attr, n, m);
    vm_ir_value odd = vm_ir_vuzp2(t->b, VM_V128, attr, n, m);
    a64_set_v(t, a->rd, a64_v2(t, code, attr, even, odd));
}

A64_SEMANTIC(addp_vector)
{
    pairwise(t, a, VM_IR_vadd);
}

A64_SEMANTIC(smaxp)
{
    pairwise(t, a, VM_IR_vsmax);
}

A64_SEMANTIC(umaxp)
{
    pairwise(t, a, VM_IR_vumax);
}

A64_SEMANTIC(sminp)
{
    pairwise(t, a, VM_IR_vsmin);
}

A64_SEMANTIC(uminp)
{
    pairwise(t, a, VM_IR_vumin);
}

A64_SEMANTIC(addp_scalar)
{
    uint32_t attr = VM_IR_LANES(VM_I64, VM_IR_LANE0);
    vm_ir_value n = a64_v(t, a->rn);
    vm_ir_value high = vm_ir_vdup(t->b, VM_V128, attr | VM_IR_VIMM(1), n);
    a64_set_v(t, a->rd, vm_ir_vadd(t->b, VM_V128, attr, n, high));
}

// Sums of pairs of elements, of twice their width.
static vm_ir_value pair_sums(struct a64_translate *t, const struct a64_args *a,
                             enum vm_ir_code shift)
{
    uint32_t wide = a64_lanes(a, a->size + 1u), by = wide | VM_IR_VIMM(8u << a->size);
    vm_ir_value n = a64_v(t, a->rn);
    vm_ir_value odd = a64_v1(t, shift, by, n);
    vm_ir_value even = a64_v1(t, shift, by, vm_ir_vshl(t->b, VM_V128, by, n));
    return vm_ir_vadd(t->b, VM_V128, wide, even, odd);
}

static void pair_accumulate(struct a64_translate *t, const struct a64_args *a,
                            enum vm_ir_code shift)
{
    vm_ir_value d = a64_v(t, a->rd), sums = pair_sums(t, a, shift);
    a64_set_v(t, a->rd, vm_ir_vadd(t->b, VM_V128, a64_lanes(a, a->size + 1u), d, sums));
}

A64_SEMANTIC(saddlp)
{
    a64_set_v(t, a->rd, pair_sums(t, a, VM_IR_vshrs));
}

A64_SEMANTIC(uaddlp)
{
    a64_set_v(t, a->rd, pair_sums(t, a, VM_IR_vshru));
}

A64_SEMANTIC(sadalp)
{
    pair_accumulate(t, a, VM_IR_vshrs);
}

A64_SEMANTIC(uadalp)
{
    pair_accumulate(t, a, VM_IR_vshru);
}

// Combines the lower half of the lanes with the upper one until one is left.
static void across(struct a64_translate *t, const struct a64_args *a, unsigned size, vm_ir_value n,
                   enum vm_ir_code code)
{
    uint32_t bytes = a64_lanes(a, 0), attr = a64_lanes(a, size);
    for (unsigned half = a->q ? 8 : 4; half >> size; half >>= 1) {
        vm_ir_value upper = vm_ir_vext(t->b, VM_V128, bytes | VM_IR_VIMM(half), n, n);
        if (half == 1u << size)
            attr = VM_IR_LANES(a64_lane(size), VM_IR_LANE0);
        n = a64_v2(t, code, attr, n, upper);
    }
    a64_set_v(t, a->rd, n);
}

A64_SEMANTIC(addv)
{
    across(t, a, a->size, a64_v(t, a->rn), VM_IR_vadd);
}

A64_SEMANTIC(smaxv)
{
    across(t, a, a->size, a64_v(t, a->rn), VM_IR_vsmax);
}

A64_SEMANTIC(umaxv)
{
    across(t, a, a->size, a64_v(t, a->rn), VM_IR_vumax);
}

A64_SEMANTIC(sminv)
{
    across(t, a, a->size, a64_v(t, a->rn), VM_IR_vsmin);
}

A64_SEMANTIC(uminv)
{
    across(t, a, a->size, a64_v(t, a->rn), VM_IR_vumin);
}

A64_SEMANTIC(saddlv)
{
    across(t, a, a->size + 1u, pair_sums(t, a, VM_IR_vshrs), VM_IR_vadd);
}

A64_SEMANTIC(uaddlv)
{
    across(t, a, a->size + 1u, pair_sums(t, a, VM_IR_vshru), VM_IR_vadd);
}
