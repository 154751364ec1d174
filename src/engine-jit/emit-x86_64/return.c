// SPDX-License-Identifier: MIT
//
// Calls of the guest as calls of the host (struct jit_frame says what lies on the stack). A call
// site:
//
//     push guest return address; cmp rsp, limit; jb cold
//     call target
//     pop rcx; cmp rcx, rax; jne indirect     rax: where the guest returns to
//     cmp mode; jne indirect
//     page base = page of rax; guard; jmp     to the block there
//
// A return is a RET with the guest PC in rax. Whoever returns elsewhere ends at the comparison.
#include "emit.h"

// The guest's return address in `reg` and on the stack.
static void push_return(struct emit *e, enum x64_reg reg, uint64_t offset)
{
    struct x64_code *c = &e->code;
    x64_mov_rm(c, X64_64, reg, at_state(e, &e->jit->frame->page_base));
    if (offset)
        x64_add_ri(c, X64_64, reg, (int32_t)offset);
    x64_push_r(c, reg);
    x64_cmp_rm(c, X64_64, X64_RSP, at_state(e, &e->jit->frame->stack_limit));
    struct cold *cold = emit_cold(e, COLD_STACK, x64_jcc32(c, X64_B));
    cold->address = reg;
    cold->back = c->at;
}

// Forgets the calls under way but this one.
void emit_cold_stack(struct emit *e, const struct cold *c)
{
    x64_mov_rm(&e->code, X64_64, X64_RSP, at_state(e, &e->jit->frame->stack));
    x64_push_r(&e->code, c->address);
    x64_jmp_to(&e->code, c->back);
}

static void land(struct emit *e, uint64_t offset)
{
    struct x64_code *c = &e->code;
    x64_pop_r(c, X64_RCX);
    x64_cmp_rr(c, X64_64, X64_RCX, X64_RAX);
    x64_jcc_to(c, X64_NE, e->jit->thunks.indirect);
    const int32_t mode = (int32_t)(e->mode & VM_MODE_OF_VCPU);
    x64_cmp_mi(c, X64_32, at_state(e, &e->jit->vcpu->mode), mode);
    x64_jcc_to(c, X64_NE, e->jit->thunks.indirect);
    x64_and_ri(c, X64_64, X64_RAX, ~(int32_t)VM_PAGE_MASK);
    x64_mov_mr(c, X64_64, at_state(e, &e->jit->frame->page_base), X64_RAX);
    // The page that the caller was in may be another now, so even a way within it is guarded.
    struct jit_way *way = emit_new_way(e, offset);
    way->common.flags = JIT_WAY_LANDS;
    emit_guard(e, way);
    emit_way_jump(e, way, x64_jmp32(c));
}

static bool fits(uint64_t offset)
{
    return offset == (uint32_t)(int32_t)offset && (int32_t)offset >= 0;
}

void emit_call_way(struct emit *e, const struct vm_ir_op *o)
{
    uint64_t offset = vm_ir_return_offset(o);
    struct jit_way *way = emit_new_way(e, o->imm);
    bool near = way->common.flags & JIT_WAY_NEAR;
    if (!near)
        emit_guard(e, way);
    push_return(e, X64_RAX, offset);
    if (!near)
        emit_move_page(e, way);
    emit_way_jump(e, way, x64_call32(&e->code));
    land(e, offset);
}

void emit_call_indirect(struct emit *e, const struct vm_ir_op *o)
{
    uint64_t offset = vm_ir_return_offset(o);
    if (!fits(offset)) {
        x64_jmp_to(&e->code, e->jit->thunks.indirect);
        return;
    }
    push_return(e, X64_RCX, offset);
    x64_call_to(&e->code, e->jit->thunks.indirect);
    land(e, offset);
}
