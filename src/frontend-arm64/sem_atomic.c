// SPDX-License-Identifier: MIT
//
// Exclusives, ordered accesses and atomic instructions (the manual, C4.1 "Loads and Stores").
//
// Order: an acquire (LDAR, LDAXR) is also ordered after every earlier release (STLR, STLXR), as
// RCsc asks. A fence of writes before reads ahead of the former does it, so that releases, which
// are the more frequent ones, and LDAPR need nothing on hosts that order all but that.
#include "sem.h"

enum { BYTE, HALFWORD, WORD, DOUBLEWORD, QUADWORD };

static void order_releases(struct a64_translate *t)
{
    enum { R = 2, W = 1 };
    vm_ir_fence(t->b, W << 4 | R);
}

// With FEAT_LSE2 an access may be misaligned within 16 aligned bytes unless SCTLR.A forbids it (the
// manual, AArch64.UnalignedAccessFaults).
static uint32_t attr_of(const struct a64_translate *t, unsigned size_log2, uint32_t flags,
                        enum vm_ir_order order)
{
    bool within = a64_has(t->config, A64_EXT_LSE2) && !(t->mode & A64_MODE_ALIGN);
    enum vm_ir_align align = within ? VM_IR_ALIGN_WITHIN_16 : VM_IR_ALIGN_NATURAL;
    if (size_log2 > BYTE)
        flags |= (uint32_t)align << VM_IR_MEM_ALIGN_SHIFT;
    return VM_IR_MEM(size_log2, flags, order);
}

// --- ordered loads and stores: SCTLR.nAA allows any address ---

static uint32_t ordered_attr(const struct a64_translate *t, unsigned size_log2, uint32_t flags,
                             enum vm_ir_order order)
{
    bool anywhere = t->mode & A64_MODE_NAA && !(t->mode & A64_MODE_ALIGN);
    return anywhere ? VM_IR_MEM(size_log2, flags, order) : attr_of(t, size_log2, flags, order);
}

A64_SEMANTIC(ldar)
{
    vm_ir_value base = a64_base(t, a->rn);
    order_releases(t);
    a64_set_x(t, a->rd,
              vm_ir_load(t->b, VM_I64, ordered_attr(t, a->size, 0, VM_IR_ACQUIRE), base, 0));
}

A64_SEMANTIC(ldapr)
{
    vm_ir_value base = a64_base(t, a->rn);
    a64_set_x(t, a->rd,
              vm_ir_load(t->b, VM_I64, ordered_attr(t, a->size, 0, VM_IR_ACQUIRE), base, 0));
}

A64_SEMANTIC(stlr)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_store(t->b, VM_I64, ordered_attr(t, a->size, 0, VM_IR_RELEASE), base, 0, a64_x(t, a->rd));
}

A64_SEMANTIC(stlur)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_store(t->b, VM_I64, ordered_attr(t, a->size, 0, VM_IR_RELEASE), base, a->imm,
                a64_x(t, a->rd));
}

// opc: 1 zero-extends, 2 extends the sign to 64 bits, 3 to 32.
A64_SEMANTIC(ldapur)
{
    enum { ZERO = 1, SIGNED_32 = 3 };
    enum vm_type type = a->opc == SIGNED_32 ? VM_I32 : VM_I64;
    uint32_t attr = ordered_attr(t, a->size, a->opc == ZERO ? 0 : VM_IR_MEM_SIGNED, VM_IR_ACQUIRE);
    vm_ir_value base = a64_base(t, a->rn);
    a64_set_r(t, type, a->rd, vm_ir_load(t->b, type, attr, base, a->imm));
}

// --- exclusives; release: acquire of loads, release of stores ---

static uint32_t exclusive_attr(const struct a64_translate *t, const struct a64_args *a,
                               unsigned size_log2, enum vm_ir_order with)
{
    return attr_of(t, size_log2, 0, a->release ? with : VM_IR_RELAXED);
}

A64_SEMANTIC(load_exclusive)
{
    vm_ir_value base = a64_base(t, a->rn);
    if (a->release)
        order_releases(t);
    uint32_t attr = exclusive_attr(t, a, a->size, VM_IR_ACQUIRE);
    a64_set_x(t, a->rd, vm_ir_lr(t->b, VM_I64, attr, base));
}

A64_SEMANTIC(store_exclusive)
{
    vm_ir_value base = a64_base(t, a->rn);
    uint32_t attr = exclusive_attr(t, a, a->size, VM_IR_RELEASE);
    a64_set_x(t, a->rs, vm_ir_sc(t->b, VM_I64, attr, base, a64_x(t, a->rd)));
}

// Two W registers are a doubleword, the first one its low half.
A64_SEMANTIC(load_exclusive_pair)
{
    vm_ir_value base = a64_base(t, a->rn);
    if (a->release)
        order_releases(t);
    if (a->size == WORD) {
        vm_ir_value v =
            vm_ir_lr(t->b, VM_I64, exclusive_attr(t, a, DOUBLEWORD, VM_IR_ACQUIRE), base);
        a64_set_x(t, a->rd, vm_ir_extract(t->b, VM_I64, v, 0, 32, false));
        a64_set_x(t, a->ra, vm_ir_extract(t->b, VM_I64, v, 32, 32, false));
    } else {
        vm_ir_value v =
            vm_ir_lr(t->b, VM_I128, exclusive_attr(t, a, QUADWORD, VM_IR_ACQUIRE), base);
        a64_set_x(t, a->rd, vm_ir_lo(t->b, VM_I64, v));
        a64_set_x(t, a->ra, vm_ir_hi(t->b, VM_I64, v));
    }
}

// The value of two registers of `size`.
static vm_ir_value pair_of(struct a64_translate *t, unsigned size, unsigned low, unsigned high)
{
    vm_ir_value x = a64_x(t, low);
    vm_ir_value y = a64_x(t, high);
    if (size == DOUBLEWORD)
        return vm_ir_pair(t->b, VM_I128, x, y);
    return vm_ir_deposit(t->b, VM_I64, x, y, 32, 32);
}

A64_SEMANTIC(store_exclusive_pair)
{
    enum vm_type type = a->size == WORD ? VM_I64 : VM_I128;
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value v = pair_of(t, a->size, a->rd, a->ra);
    uint32_t attr = exclusive_attr(t, a, a->size + 1u, VM_IR_RELEASE);
    a64_set_x(t, a->rs, vm_ir_sc(t->b, type, attr, base, v));
}

// --- compare and swap, fetch and operate ---

static enum vm_ir_order order_of(const struct a64_args *a)
{
    if (a->acquire)
        return a->release ? VM_IR_SEQ_CST : VM_IR_ACQUIRE;
    return a->release ? VM_IR_RELEASE : VM_IR_RELAXED;
}

A64_SEMANTIC(cas)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value expected = a64_x(t, a->rs);
    vm_ir_value desired = a64_x(t, a->rd);
    uint32_t attr = attr_of(t, a->size, 0, order_of(a));
    a64_set_x(t, a->rs, vm_ir_cas(t->b, VM_I64, attr, base, expected, desired));
}

// Registers are even, so that the pair of 30 has ZR as its second. sf: X registers.
A64_SEMANTIC(casp)
{
    unsigned size = a->sf ? DOUBLEWORD : WORD;
    enum vm_type type = a->sf ? VM_I128 : VM_I64;
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value expected = pair_of(t, size, a->rs, a->rs + 1u);
    vm_ir_value desired = pair_of(t, size, a->rd, a->rd + 1u);
    uint32_t attr = attr_of(t, size + 1u, 0, order_of(a));
    vm_ir_value old = vm_ir_cas(t->b, type, attr, base, expected, desired);
    if (a->sf) {
        a64_set_x(t, a->rs, vm_ir_lo(t->b, VM_I64, old));
        a64_set_x(t, a->rs + 1u, vm_ir_hi(t->b, VM_I64, old));
    } else {
        a64_set_x(t, a->rs, vm_ir_extract(t->b, VM_I64, old, 0, 32, false));
        a64_set_x(t, a->rs + 1u, vm_ir_extract(t->b, VM_I64, old, 32, 32, false));
    }
}

static void fetch(struct a64_translate *t, const struct a64_args *a, enum vm_ir_rmw op, bool invert)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value v = a64_x(t, a->rs);
    if (invert)
        v = vm_ir_xor(t->b, VM_I64, v, a64_imm(t, UINT64_MAX));
    uint32_t attr = attr_of(t, a->size, 0, order_of(a));
    a64_set_x(t, a->rd, vm_ir_rmw(t->b, VM_I64, attr, op, base, v));
}

#define FETCH(name, op, invert)  \
    A64_SEMANTIC(name)           \
    {                            \
        fetch(t, a, op, invert); \
    }

FETCH(swp, VM_IR_RMW_SWAP, false)
FETCH(ldadd, VM_IR_RMW_ADD, false)
FETCH(ldclr, VM_IR_RMW_AND, true)
FETCH(ldeor, VM_IR_RMW_XOR, false)
FETCH(ldset, VM_IR_RMW_OR, false)
FETCH(ldsmax, VM_IR_RMW_SMAX, false)
FETCH(ldsmin, VM_IR_RMW_SMIN, false)
FETCH(ldumax, VM_IR_RMW_UMAX, false)
FETCH(ldumin, VM_IR_RMW_UMIN, false)
