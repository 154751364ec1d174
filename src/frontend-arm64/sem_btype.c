// SPDX-License-Identifier: MIT
//
// Branch target identification (the manual, D8 "Branch target identification", C6 "BTI").
#include "sem_branch.h"

void a64_set_btype(struct a64_translate *t, unsigned type)
{
    if (!a64_has(t->config, A64_EXT_BTI))
        return;
    vm_ir_value before = vm_ir_icount(t->b);
    vm_ir_value after = vm_ir_add(t->b, VM_I64, before, a64_imm(t, 1));
    vm_ir_value shifted = vm_ir_shl(t->b, VM_I64, after, a64_imm(t, A64_BTYPE_BITS));
    vm_ir_put(t->b, A64_REG_BTYPE, vm_ir_or(t->b, VM_I64, shifted, a64_imm(t, type)));
}

enum { ANY = 0xf };

// The set of BTYPEs, a bit each, with which an instruction may be branched to.
static unsigned allowed(const struct a64_translate *t)
{
    enum { BTI = 0xd503241f, C = 0x40, J = 0x80, PACIASP = 0xd503233f, PACIBSP = 0xd503237f };
    enum { BRK = 0xd4200000, HLT = 0xd4400000, IMM16 = 0x1fffe0 };
    switch (t->word) {
    case BTI: return 1 << 0;
    case BTI | C: return 1 << 0 | 1 << 1 | 1 << 2;
    case BTI | J: return 1 << 0 | 1 << 1 | 1 << 3;
    case BTI | C | J: return ANY;
    case PACIASP:
    case PACIBSP: return t->mode & A64_MODE_BTI ? 1 << 0 | 1 << 1 | 1 << 2 : ANY;
    default: break;
    }
    bool breaks = (t->word & ~(uint32_t)IMM16) == BRK || (t->word & ~(uint32_t)IMM16) == HLT;
    return breaks ? ANY : 1 << 0;
}

// The syndrome has BTYPE, which is not 0, so that each value is a raise of its own.
static void raise_target(struct a64_translate *t, vm_ir_value type)
{
    enum { LAST = 3 };
    for (unsigned i = 1; i < LAST; i++) {
        uint16_t this = vm_ir_new_block(t->b);
        uint16_t others = vm_ir_new_block(t->b);
        vm_ir_value is = vm_ir_eq(t->b, VM_I64, type, a64_imm(t, i));
        vm_ir_branch(t->b, is, this, NULL, 0, others, NULL, 0);
        vm_ir_start_block(t->b, this);
        vm_ir_raise(t->b, A64_ESR(A64_EC_BTI, i), a64_imm(t, 0));
        vm_ir_start_block(t->b, others);
    }
    vm_ir_raise(t->b, A64_ESR(A64_EC_BTI, LAST), a64_imm(t, 0));
}

void a64_check_target(struct a64_translate *t)
{
    unsigned types = allowed(t);
    if (types == ANY)
        return;
    vm_ir_value entry = vm_ir_get(t->b, A64_REG_BTYPE);
    vm_ir_value stamp = vm_ir_shr(t->b, VM_I64, entry, a64_imm(t, A64_BTYPE_BITS));
    vm_ir_value now = vm_ir_icount(t->b);
    vm_ir_value type = vm_ir_extract(t->b, VM_I64, entry, 0, A64_BTYPE_BITS, false);
    vm_ir_value is_now = vm_ir_eq(t->b, VM_I64, stamp, now);
    type = vm_ir_select(t->b, VM_I64, is_now, type, a64_imm(t, 0));
    vm_ir_value mask = vm_ir_shr(t->b, VM_I64, a64_imm(t, ~types & ANY), type);
    vm_ir_value bad = vm_ir_and(t->b, VM_I64, mask, a64_imm(t, 1));
    uint16_t raises = vm_ir_new_block(t->b);
    uint16_t goes_on = vm_ir_new_block(t->b);
    vm_ir_branch(t->b, bad, raises, NULL, 0, goes_on, NULL, 0);
    vm_ir_start_block(t->b, raises);
    raise_target(t, type);
    vm_ir_start_block(t->b, goes_on);
}
