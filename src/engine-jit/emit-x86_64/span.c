// SPDX-License-Identifier: MIT
//
// Accesses of a span (plan.h). The first of them looks the whole span up in the TLB:
//
//     lea rax, [base+low]; the check of memory.c with the span's size; ja cold
//     mov rdx, [r14+rcx+array+8]             the addend
//     mov [rdx+base+disp], value
//
// and the others find the addend in rdx, or in the span's slot where rdx was wanted meanwhile:
//
//     mov rdx, [slot]; test rdx, rdx; je cold
//     mov [rdx+base+disp], value
//
// Aside, an access is checked for itself and, if need be, goes through C; it leaves 0 as the
// addend, so that the rest of the span goes aside as well: until the end of the block the pages
// that it lies in may be two, or none.
#include "emit.h"

#include <stddef.h>

static const struct jit_span *span_of(const struct emit *e, vm_ir_value v)
{
    return &e->plan->spans[e->plan->span_of[v]];
}

bool emit_is_in_span(const struct emit *e, vm_ir_value v)
{
    return e->plan->span_of[v] != VM_IR_NONE && span_of(e, v)->members > 1;
}

void emit_spill_span(struct emit *e)
{
    const struct jit_span *s = e->span;
    e->span = NULL;
    uint16_t *slot = s ? &e->span_slot[s - e->plan->spans] : NULL;
    if (!s || s->last <= e->at || *slot)
        return;
    *slot = emit_new_slot_number(e, 8);
    x64_mov_mr(&e->code, X64_64, emit_slot_at(e, *slot), X64_RDX);
}

void emit_open_span(struct emit *e, vm_ir_value v)
{
    const struct jit_span *s = span_of(e, v);
    if (s->first == v)
        return;
    if (e->span != s) {
        emit_claim(e, X64_RDX);
        x64_mov_rm(&e->code, X64_64, X64_RDX, emit_slot_at(e, e->span_slot[s - e->plan->spans]));
        e->span = s;
    }
    e->span_locked = true;
    e->locked |= 1u << X64_RDX;
}

// The base plus `low`, which is 0 where the base is a register of the guest's, in a register.
static enum x64_reg base_register(struct emit *e, vm_ir_value base, int32_t low)
{
    struct operand a = emit_operand(e, base);
    if (a.kind == IN_REGISTER && emit_is_temporary(a.reg))
        emit_detach(e, a.reg);
    emit_claim_all(e);
    if (a.kind == IN_REGISTER && !emit_is_temporary(a.reg))
        return a.reg;
    if (a.kind == IN_MEMORY)
        x64_mov_rm(&e->code, X64_64, X64_RAX, a.mem);
    else if (a.reg != X64_RAX)
        x64_mov_rr(&e->code, X64_64, X64_RAX, a.reg);
    if (low)
        x64_add_ri(&e->code, X64_64, X64_RAX, low);
    return X64_RAX;
}

// The check of the whole span, whose base is in `base` or, plus `low`, in rax.
static uint8_t *check_span(struct emit *e, const struct jit_span *s, enum x64_reg base)
{
    enum x64_reg low = base;
    if (base != X64_RAX && s->low) {
        low = X64_RAX;
        x64_lea_rm(&e->code, X64_64, low, x64_at(base, s->low));
    }
    return emit_check(&e->code, e->jit, low, s->bytes,
                      s->writes ? offsetof(struct vm_tlb_context, write)
                                : offsetof(struct vm_tlb_context, read));
}

struct access emit_span_place(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct jit_span *s = span_of(e, v);
    bool first = s->first == v;
    struct access a = {.in_span = true, .disp = (int32_t)o->imm};
    a.base = base_register(e, o->args[0], first ? s->low : 0);
    if (first) {
        if (a.base == X64_RAX)
            a.disp -= s->low;
        a.miss = check_span(e, s, a.base);
        e->span = s;
    } else {
        x64_test_rr(&e->code, X64_64, X64_RDX, X64_RDX);
        a.miss = x64_jcc32(&e->code, X64_E);
    }
    a.place = x64_at_index(X64_RDX, a.base, 0, a.disp);
    return a;
}
