// SPDX-License-Identifier: MIT
//
// Advanced SIMD shifts: by immediates, where imm is immh:immb and the highest bit of immh tells the
// size of the elements, and the saturating ones by registers (the manual, C7.2).
#include "sem_simd.h"

static unsigned shift_size(const struct a64_args *a)
{
    unsigned immh = (unsigned)a->imm >> 3;
    return immh >> 3 ? 3 : immh >> 2 ? 2 : immh >> 1;
}

// Right shifts are by 1 to the width, left ones by 0 to the width less 1.
static unsigned right_by(const struct a64_args *a)
{
    return (16u << shift_size(a)) - (unsigned)a->imm;
}

static unsigned left_by(const struct a64_args *a)
{
    return (unsigned)a->imm - (8u << shift_size(a));
}

static void right(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                  bool accumulate)
{
    uint32_t attr = a64_lanes(a, shift_size(a));
    vm_ir_value n = a64_v1(t, code, attr | VM_IR_VIMM(right_by(a)), a64_v(t, a->rn));
    if (accumulate)
        n = vm_ir_vadd(t->b, VM_V128, attr, a64_v(t, a->rd), n);
    a64_set_v(t, a->rd, n);
}

#define RIGHT(name, op, accumulate)          \
    A64_SEMANTIC(name)                       \
    {                                        \
        right(t, a, VM_IR_##op, accumulate); \
    }
RIGHT(sshr, vshrs, false)
RIGHT(ushr, vshru, false)
RIGHT(ssra, vshrs, true)
RIGHT(usra, vshru, true)
RIGHT(srshr, vrshrs, false)
RIGHT(urshr, vrshru, false)
RIGHT(srsra, vrshrs, true)
RIGHT(ursra, vrshru, true)

A64_SEMANTIC(shl)
{
    uint32_t attr = a64_lanes(a, shift_size(a)) | VM_IR_VIMM(left_by(a));
    a64_set_v(t, a->rd, vm_ir_vshl(t->b, VM_V128, attr, a64_v(t, a->rn)));
}

// The bits that the shifted Vn has not keep those of Vd. `mask` has the others.
static void insert(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                   unsigned amount, uint64_t mask)
{
    uint32_t attr = a64_lanes(a, shift_size(a));
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    n = a64_v1(t, code, attr | VM_IR_VIMM(amount), n);
    vm_ir_value from_n = a64_v_splat(t, attr, mask);
    a64_set_v(t, a->rd, vm_ir_vsel(t->b, VM_V128, attr, from_n, n, d));
}

static uint64_t ones(unsigned bits)
{
    return bits ? ~UINT64_C(0) >> (64 - bits) : 0;
}

A64_SEMANTIC(sri)
{
    unsigned n = right_by(a);
    insert(t, a, VM_IR_vshru, n, ones((8u << shift_size(a)) - n));
}

A64_SEMANTIC(sli)
{
    unsigned n = left_by(a), width = 8u << shift_size(a);
    insert(t, a, VM_IR_vshl, n, ones(width) & ~ones(n));
}

// --- saturating left shifts ---

// The saturated number of n's sign: the largest, or the smallest where n is negative.
static vm_ir_value limit(struct a64_translate *t, uint32_t attr, unsigned size, vm_ir_value n)
{
    unsigned sign = (8u << size) - 1;
    vm_ir_value negative = vm_ir_vshrs(t->b, VM_V128, attr | VM_IR_VIMM(sign), n);
    vm_ir_value largest = a64_v_splat(t, attr, ones(sign));
    return vm_ir_vxor(t->b, VM_V128, attr, negative, largest);
}

// Vd = result, or the limit for n where the mask `lost` is set.
static void saturate(struct a64_translate *t, const struct a64_args *a, unsigned size,
                     bool is_signed, vm_ir_value n, vm_ir_value result, vm_ir_value lost)
{
    uint32_t attr = a64_lanes(a, size);
    if (is_signed)
        result = vm_ir_vsel(t->b, VM_V128, attr, lost, limit(t, attr, size, n), result);
    else
        result = vm_ir_vor(t->b, VM_V128, attr, result, lost);
    a64_saturated(t, lost);
    a64_set_v(t, a->rd, result);
}

// A left shift has lost bits where shifting back does not give n.
static void left(struct a64_translate *t, const struct a64_args *a, bool is_signed)
{
    unsigned size = shift_size(a);
    uint32_t attr = a64_lanes(a, size), by = attr | VM_IR_VIMM(left_by(a));
    vm_ir_value n = a64_v(t, a->rn);
    vm_ir_value result = vm_ir_vshl(t->b, VM_V128, by, n);
    vm_ir_value back = a64_v1(t, is_signed ? VM_IR_vshrs : VM_IR_vshru, by, result);
    vm_ir_value kept = vm_ir_vceq(t->b, VM_V128, attr, back, n);
    saturate(t, a, size, is_signed, n, result, vm_ir_vnot(t->b, VM_V128, attr, kept));
}

A64_SEMANTIC(sqshl_immediate)
{
    left(t, a, true);
}

A64_SEMANTIC(uqshl_immediate)
{
    left(t, a, false);
}

// Signed Vn to an unsigned result: 0 where Vn is negative.
A64_SEMANTIC(sqshlu)
{
    unsigned size = shift_size(a);
    uint32_t attr = a64_lanes(a, size), by = attr | VM_IR_VIMM(left_by(a));
    vm_ir_value n = a64_v(t, a->rn);
    uint32_t sign = attr | VM_IR_VIMM((8u << size) - 1);
    vm_ir_value negative = vm_ir_vshrs(t->b, VM_V128, sign, n);
    vm_ir_value result = vm_ir_vshl(t->b, VM_V128, by, n);
    vm_ir_value back = vm_ir_vshru(t->b, VM_V128, by, result);
    vm_ir_value kept = vm_ir_vceq(t->b, VM_V128, attr, back, n);
    vm_ir_value lost = vm_ir_vnot(t->b, VM_V128, attr, kept);
    result = vm_ir_vor(t->b, VM_V128, attr, result, lost);
    result = vm_ir_vandn(t->b, VM_V128, attr, result, negative);
    a64_saturated(t, vm_ir_vor(t->b, VM_V128, attr, lost, negative));
    a64_set_v(t, a->rd, result);
}

// By the signed low byte of Vm's elements: only left shifts saturate. Bits shifted out to the left
// are found as above; the way back is by the negative count.
static void by_register(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code,
                        bool is_signed)
{
    unsigned width = 8u << a->size;
    uint32_t attr = a64_lanes(a, a->size);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    vm_ir_value result = a64_v2(t, code, attr, n, m);
    vm_ir_value opposite = vm_ir_vneg(t->b, VM_V128, attr, m);
    vm_ir_value back = a64_v2(t, is_signed ? VM_IR_vsshl : VM_IR_vushl, attr, result, opposite);
    vm_ir_value kept = vm_ir_vceq(t->b, VM_V128, attr, back, n);
    vm_ir_value is_right = vm_ir_vshl(t->b, VM_V128, attr | VM_IR_VIMM(width - 8), m);
    is_right = vm_ir_vshrs(t->b, VM_V128, attr | VM_IR_VIMM(width - 1), is_right);
    kept = vm_ir_vor(t->b, VM_V128, attr, kept, is_right);
    saturate(t, a, a->size, is_signed, n, result, vm_ir_vnot(t->b, VM_V128, attr, kept));
}

A64_SEMANTIC(sqshl_register)
{
    by_register(t, a, VM_IR_vsshl, true);
}

A64_SEMANTIC(uqshl_register)
{
    by_register(t, a, VM_IR_vushl, false);
}

A64_SEMANTIC(sqrshl)
{
    by_register(t, a, VM_IR_vsrshl, true);
}

A64_SEMANTIC(uqrshl)
{
    by_register(t, a, VM_IR_vurshl, false);
}

// --- narrowing and widening ---

// Elements of twice the width shifted right and narrowed; `widen` undoes a saturating narrowing,
// to find what it has changed (VM_IR_nop: it does not saturate).
static void narrow(struct a64_translate *t, const struct a64_args *a, unsigned size, vm_ir_value n,
                   enum vm_ir_code code, enum vm_ir_code widen)
{
    enum vm_ir_extent extent = a->op ? VM_IR_LANE0 : VM_IR_WHOLE;
    uint32_t attr = VM_IR_LANES(a64_lane(size), extent);
    vm_ir_value result = a64_v1(t, code, attr, n);
    if (widen != VM_IR_nop) {
        uint32_t wide = VM_IR_LANES(a64_lane(size + 1), extent);
        uint32_t whole = VM_IR_LANES(a64_lane(size), VM_IR_WHOLE);
        vm_ir_value back = a64_v1(t, widen, whole, result);
        a64_saturated(t, vm_ir_vxor(t->b, VM_V128, wide, back, n));
    }
    a64_set_v_narrow(t, a, result);
}

static void right_narrow(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code shift,
                         enum vm_ir_code code, enum vm_ir_code widen)
{
    unsigned size = shift_size(a);
    uint32_t wide = VM_IR_LANES(a64_lane(size + 1), a->op ? VM_IR_LANE0 : VM_IR_WHOLE);
    wide |= VM_IR_VIMM(right_by(a));
    narrow(t, a, size, a64_v1(t, shift, wide, a64_v(t, a->rn)), code, widen);
}

#define NARROW(name, shift, code, widen)                                \
    A64_SEMANTIC(name)                                                  \
    {                                                                   \
        right_narrow(t, a, VM_IR_##shift, VM_IR_##code, VM_IR_##widen); \
    }
NARROW(shrn, vshru, vnarrow, nop)
NARROW(rshrn, vrshru, vnarrow, nop)
NARROW(sqshrn, vshrs, vsqnarrow, vwidens)
NARROW(sqrshrn, vrshrs, vsqnarrow, vwidens)
NARROW(uqshrn, vshru, vuqnarrow, vwidenu)
NARROW(uqrshrn, vrshru, vuqnarrow, vwidenu)
NARROW(sqshrun, vshrs, vsqnarrowu, vwidenu)
NARROW(sqrshrun, vrshrs, vsqnarrowu, vwidenu)

#define EXTRACT(name, code, widen)                                           \
    A64_SEMANTIC(name)                                                       \
    {                                                                        \
        narrow(t, a, a->size, a64_v(t, a->rn), VM_IR_##code, VM_IR_##widen); \
    }
EXTRACT(xtn, vnarrow, nop)
EXTRACT(sqxtn, vsqnarrow, vwidens)
EXTRACT(uqxtn, vuqnarrow, vwidenu)
EXTRACT(sqxtun, vsqnarrowu, vwidenu)

static void left_long(struct a64_translate *t, const struct a64_args *a, unsigned size,
                      unsigned amount, enum vm_ir_code widen)
{
    uint32_t attr = VM_IR_LANES(a64_lane(size), VM_IR_WHOLE) | (a->q ? VM_IR_VEC_HIGH : 0u);
    uint32_t wide = VM_IR_LANES(a64_lane(size + 1), VM_IR_WHOLE) | VM_IR_VIMM(amount);
    vm_ir_value n = a64_v1(t, widen, attr, a64_v(t, a->rn));
    if (amount)
        n = vm_ir_vshl(t->b, VM_V128, wide, n);
    a64_set_v(t, a->rd, n);
}

A64_SEMANTIC(sshll)
{
    left_long(t, a, shift_size(a), left_by(a), VM_IR_vwidens);
}

A64_SEMANTIC(ushll)
{
    left_long(t, a, shift_size(a), left_by(a), VM_IR_vwidenu);
}

A64_SEMANTIC(shll)
{
    left_long(t, a, a->size, 8u << a->size, VM_IR_vwidenu);
}
