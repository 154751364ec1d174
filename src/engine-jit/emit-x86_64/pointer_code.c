// SPDX-License-Identifier: MIT
//
// Authentication codes of pointers (struct vm_ir_pointer_code): a block passes pointer and modifier
// in rax and rcx to a thunk of the key, which returns the result in rax, and calls the helper for
// what is rare. A kernel that signs its return addresses does this twice in each function.
#include "emit.h"

#include <stddef.h>

enum { KEYS = 4, RANGE_BIT = 55 };

static struct x64_mem at(uint32_t offset)
{
    return x64_at(REG_STATE, (int32_t)offset - STATE_BIAS);
}

// A field of the place of the pointer's range; rdx: how far that is from the first.
static struct x64_mem at_place(const struct vm_ir_pointer_code *p, unsigned key, size_t field)
{
    return x64_at_index(REG_STATE, X64_RDX, 0, (int32_t)(p->places[key] + field) - STATE_BIAS);
}

// rsi: the pointer with its extension bits like bit 55, where that differs from the pointer. With
// rdx as above.
static void find_original(struct x64_code *c, const struct vm_ir_pointer_code *p, unsigned key)
{
    enum { PLACE_SHIFT = 5 };
    _Static_assert(sizeof(struct vm_ir_pointer_place) == 1 << PLACE_SHIFT, "the range times that");
    x64_mov_rr(c, X64_64, X64_RDX, X64_RAX);
    x64_shr_ri(c, X64_64, X64_RDX, RANGE_BIT - PLACE_SHIFT);
    x64_and_ri(c, X64_32, X64_RDX, 1 << PLACE_SHIFT);
    x64_mov_rr(c, X64_64, X64_RSI, X64_RAX);
    x64_shl_ri(c, X64_64, X64_RSI, 63 - RANGE_BIT);
    x64_sar_ri(c, X64_64, X64_RSI, 63);
    x64_xor_rr(c, X64_64, X64_RSI, X64_RAX);
    x64_and_rm(c, X64_64, X64_RSI, at_place(p, key, offsetof(struct vm_ir_pointer_place, bits)));
}

// rdi: the code of what is there.
static void hash(struct x64_code *c, const struct vm_ir_pointer_code *p, unsigned key)
{
    x64_xor_rm(c, X64_64, X64_RDI, at(p->keys[key]));
    x64_imul_rm(c, X64_64, X64_RDI, at(p->factors));
    x64_ror_ri(c, X64_64, X64_RDI, 32);
    x64_xor_rr(c, X64_64, X64_RDI, X64_RCX);
    x64_add_rm(c, X64_64, X64_RDI, at(p->keys[key] + 8));
    x64_imul_rm(c, X64_64, X64_RDI, at(p->factors + 8));
}

static void pop_both(struct x64_code *c)
{
    x64_pop_r(c, X64_RDI);
    x64_pop_r(c, X64_RSI);
}

static struct x64_mem at_argument(const struct jit *j, unsigned i)
{
    const char *base = (const char *)j->vcpu->state;
    return at((uint32_t)((const char *)&j->frame->args[i] - base));
}

static void call_helper(struct x64_code *c, const struct jit *j, const struct vm_ir_helper *h,
                        unsigned key)
{
    pop_both(c);
    x64_mov_mr(c, X64_64, at_argument(j, 0), X64_RAX);
    x64_mov_mr(c, X64_64, at_argument(j, 1), X64_RCX);
    x64_mov_mi(c, X64_64, at_argument(j, 2), (int32_t)key);
    x64_imm(c, X64_RAX, (uint64_t)(uintptr_t)h->fn);
    x64_jmp_to(c, j->thunks.call);
}

static uint8_t *emit_thunk(struct x64_code *c, const struct jit *j, const struct vm_ir_helper *h,
                           unsigned key)
{
    const struct vm_ir_pointer_code *p = h->pointer_code;
    const struct x64_mem mask = at_place(p, key, offsetof(struct vm_ir_pointer_place, mask));
    struct x64_label rare = {0};
    uint8_t *start = c->at;
    x64_push_r(c, X64_RSI);
    x64_push_r(c, X64_RDI);
    x64_mov_rm(c, X64_64, X64_RDX, at(p->valid[0]));
    x64_not_r(c, X64_64, X64_RDX);
    x64_cmp_rm(c, X64_64, X64_RDX, at(p->valid[1]));
    x64_jcc_label(c, X64_NE, &rare);
    find_original(c, p, key);
    if (p->checks)
        x64_xor_rr(c, X64_64, X64_RSI, X64_RAX);
    else
        x64_jcc_label(c, X64_NE, &rare);
    x64_mov_rr(c, X64_64, X64_RDI, p->checks ? X64_RSI : X64_RAX);
    hash(c, p, key);
    x64_xor_rr(c, X64_64, X64_RDI, X64_RAX);
    if (p->checks) {
        x64_test_mr(c, X64_64, mask, X64_RDI);
        x64_jcc_label(c, X64_NE, &rare);
        x64_mov_rr(c, X64_64, X64_RAX, X64_RSI);
    } else {
        x64_and_rm(c, X64_64, X64_RDI, mask);
        x64_xor_rr(c, X64_64, X64_RAX, X64_RDI);
    }
    pop_both(c);
    x64_ret(c);
    x64_bind(c, &rare);
    call_helper(c, j, h, key);
    return start;
}

void emit_pointer_code_thunks(struct x64_code *c, struct jit *j)
{
    const struct vm_guest_ops *guest = j->vcpu->guest;
    for (unsigned i = 0; i < guest->helper_count; i++) {
        const struct vm_ir_helper *h = &guest->helpers[i];
        for (unsigned key = 0; h->pointer_code && key < KEYS; key++)
            j->thunks.pointer_code[h->pointer_code->checks][key] = emit_thunk(c, j, h, key);
    }
}

bool emit_pointer_code(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_ir_pointer_code *p = e->r->helpers[o->imm].pointer_code;
    uint64_t key;
    if (!p || !emit_is_const(e, o->args[2], &key) || key >= KEYS)
        return false;
    emit_claim_all(e);
    emit_claim_xmm(e); // the helper may be called
    emit_load_value(e, X64_RAX, o->args[0]);
    emit_load_value(e, X64_RCX, o->args[1]);
    x64_call_to(&e->code, e->jit->thunks.pointer_code[p->checks][key]);
    emit_define(e, v, X64_RAX);
    return true;
}
