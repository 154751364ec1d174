// SPDX-License-Identifier: MIT
//
// Advanced SIMD copies, immediates, extraction, table look-up and permutations (the manual, C7.2).
#include "sem_simd.h"

A64_SEMANTIC(dup_element)
{
    uint32_t attr = a64_lanes(a, a->size) | VM_IR_VIMM(a->index);
    a64_set_v(t, a->rd, vm_ir_vdup(t->b, VM_V128, attr, a64_v(t, a->rn)));
}

A64_SEMANTIC(dup_general)
{
    a64_set_v(t, a->rd, vm_ir_vsplat(t->b, VM_V128, a64_lanes(a, a->size), a64_x(t, a->rn)));
}

static uint32_t element(const struct a64_args *a, unsigned index)
{
    return VM_IR_LANES(a64_lane(a->size), VM_IR_WHOLE) | VM_IR_VIMM(index);
}

A64_SEMANTIC(smov)
{
    uint32_t attr = element(a, a->index) | VM_IR_VEC_SIGNED;
    vm_ir_value v = vm_ir_vget(t->b, VM_V128, attr, a64_v(t, a->rn));
    enum vm_type type = a64_word(a->q);
    a64_set_r(t, type, a->rd, a->q ? v : vm_ir_trunc(t->b, type, v));
}

A64_SEMANTIC(umov)
{
    a64_set_x(t, a->rd, vm_ir_vget(t->b, VM_V128, element(a, a->index), a64_v(t, a->rn)));
}

A64_SEMANTIC(ins_general)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_x(t, a->rn);
    a64_set_v(t, a->rd, vm_ir_vset(t->b, VM_V128, element(a, a->index), d, n));
}

// imm is the index in Vn.
A64_SEMANTIC(ins_element)
{
    vm_ir_value d = a64_v(t, a->rd);
    vm_ir_value n = vm_ir_vget(t->b, VM_V128, element(a, (unsigned)a->imm), a64_v(t, a->rn));
    a64_set_v(t, a->rd, vm_ir_vset(t->b, VM_V128, element(a, a->index), d, n));
}

// --- modified immediates: imm is cmode:imm8 (the manual, AdvSIMDExpandImm) ---

// The constant that cmode, but 14 with op 1 and 15, makes of imm8.
static uint64_t expand(const struct a64_args *a)
{
    unsigned cmode = (unsigned)a->imm >> 8;
    uint64_t n = (uint64_t)a->imm & 0xff;
    if (cmode < 8)
        return (n << (cmode >> 1) * 8) * UINT64_C(0x100000001);
    if (cmode < 12)
        return (n << (cmode >> 1 & 1) * 8) * UINT64_C(0x1000100010001);
    if (cmode == 12)
        return (n << 8 | 0xff) * UINT64_C(0x100000001);
    if (cmode == 13)
        return (n << 16 | 0xffff) * UINT64_C(0x100000001);
    return n * UINT64_C(0x101010101010101);
}

static vm_ir_value constant(struct a64_translate *t, const struct a64_args *a, uint64_t n)
{
    return a64_v_splat(t, a64_lanes(a, 3), n);
}

A64_SEMANTIC(movi)
{
    a64_set_v(t, a->rd, constant(t, a, expand(a)));
}

A64_SEMANTIC(mvni)
{
    a64_set_v(t, a->rd, constant(t, a, ~expand(a)));
}

A64_SEMANTIC(movi_bits)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < 8; i++)
        n |= a->imm >> i & 1 ? UINT64_C(0xff) << (i * 8) : 0;
    a64_set_v(t, a->rd, constant(t, a, n));
}

A64_SEMANTIC(orr_vector_immediate)
{
    vm_ir_value d = a64_v(t, a->rd), n = constant(t, a, expand(a));
    a64_set_v(t, a->rd, vm_ir_vor(t->b, VM_V128, a64_lanes(a, 3), d, n));
}

A64_SEMANTIC(bic_vector_immediate)
{
    vm_ir_value d = a64_v(t, a->rd), n = constant(t, a, ~expand(a));
    a64_set_v(t, a->rd, vm_ir_vand(t->b, VM_V128, a64_lanes(a, 3), d, n));
}

// --- permutations ---

A64_SEMANTIC(ext)
{
    uint32_t attr = a64_lanes(a, 0) | VM_IR_VIMM(a->imm);
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, vm_ir_vext(t->b, VM_V128, attr, n, m));
}

// Looks Vm's bytes up in a table of len + 1 registers from Vn on; 0 where there is none. An index
// that has become negative is beyond a table, too.
static vm_ir_value look_up(struct a64_translate *t, const struct a64_args *a)
{
    uint32_t attr = a64_lanes(a, 0);
    vm_ir_value result = VM_IR_NONE, index = a64_v(t, a->rm);
    for (unsigned i = 0; i <= a->len; i++) {
        vm_ir_value table = a64_v(t, (a->rn + i) & 31);
        vm_ir_value part = vm_ir_vtbl(t->b, VM_V128, attr, table, index);
        result = i ? vm_ir_vor(t->b, VM_V128, attr, result, part) : part;
        if (i < a->len)
            index = vm_ir_vsub(t->b, VM_V128, attr, index, a64_v_splat(t, attr, 16));
    }
    return result;
}

A64_SEMANTIC(tbl)
{
    a64_set_v(t, a->rd, look_up(t, a));
}

A64_SEMANTIC(tbx)
{
    uint32_t attr = a64_lanes(a, 0);
    vm_ir_value d = a64_v(t, a->rd), index = a64_v(t, a->rm);
    vm_ir_value size = a64_v_splat(t, attr, (a->len + 1u) * 16);
    vm_ir_value found = vm_ir_vcgtu(t->b, VM_V128, attr, size, index);
    a64_set_v(t, a->rd, vm_ir_vsel(t->b, VM_V128, attr, found, look_up(t, a), d));
}

static void permute(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, a64_v2(t, code, a64_lanes(a, a->size), n, m));
}

#define PERMUTE(name)                 \
    A64_SEMANTIC(name)                \
    {                                 \
        permute(t, a, VM_IR_v##name); \
    }
PERMUTE(zip1)
PERMUTE(zip2)
PERMUTE(uzp1)
PERMUTE(uzp2)
PERMUTE(trn1)
PERMUTE(trn2)
