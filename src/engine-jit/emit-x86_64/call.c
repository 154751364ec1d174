// SPDX-License-Identifier: MIT
//
// Calls of helpers, and of C for what the host has no instruction for.
#include "emit.h"

#include <vm/ir/eval.h>

static bool is_fixed_entry(const struct emit *e, const uint16_t *list)
{
    for (; list && *list != VM_IR_NONE; list++) {
        if (e->fixed[*list] != NO_REG)
            return true;
    }
    return false;
}

static bool has_flags(const struct emit *e, const uint16_t *list)
{
    for (; list && *list != VM_IR_NONE; list++) {
        if (*list == e->jit->flags_entry)
            return true;
    }
    return false;
}

// Whether the helper may look at a guest register that a call does not save anyway.
static bool touches_fixed(const struct emit *e, const struct vm_ir_helper *h)
{
    return h->effects & (VM_IR_HELPER_READS_ALL | VM_IR_HELPER_WRITES_ALL) ||
           is_fixed_entry(e, h->reads) || is_fixed_entry(e, h->writes) || has_flags(e, h->reads) ||
           has_flags(e, h->writes);
}

static bool is_in_environment(const struct emit *e, const uint16_t *list)
{
    for (; list && *list != VM_IR_NONE; list++) {
        if (vm_ir_in_fp_env(e->r->regfile, *list))
            return true;
    }
    return false;
}

// Whether the helper may look at the FP environment, or reach code that is not the core's: the core
// has no floating point.
static bool may_use_float(const struct emit *e, const struct vm_ir_helper *h)
{
    const unsigned some =
        VM_IR_HELPER_MEMORY | VM_IR_HELPER_READS_VECTORS | VM_IR_HELPER_WRITES_VECTORS;
    return h->effects & some || is_in_environment(e, h->reads) || is_in_environment(e, h->writes);
}

static void put_pc_in_state(struct emit *e)
{
    const struct vm_register *pc = &e->r->regfile->registers[e->r->regfile->pc];
    x64_mov_rm(&e->code, X64_64, X64_RAX, at_state(e, &e->jit->frame->page_base));
    if (e->offset)
        x64_add_ri(&e->code, X64_64, X64_RAX, (int32_t)e->offset);
    x64_mov_mr(&e->code, X64_64, x64_at(REG_STATE, pc->offset - STATE_BIAS), X64_RAX);
}

void emit_op_call(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_ir_helper *h = &e->r->helpers[o->imm];
    if (emit_pointer_code(e, v, o))
        return;
    for (unsigned i = 0; i < h->args; i++) {
        emit_store_operand(e, X64_64, at_state(e, &e->jit->frame->args[i]), o->args[i]);
        e->locked = 0;
    }
    emit_claim_all(e);
    emit_claim_xmm(e);
    if (h->effects & VM_IR_HELPER_READS_ALL)
        put_pc_in_state(e);
    bool all = touches_fixed(e, h) || may_use_float(e, h);
    x64_imm(&e->code, X64_RAX, (uint64_t)(uintptr_t)h->fn);
    x64_call_to(&e->code, all ? e->jit->thunks.call_all : e->jit->thunks.call);
    if (all)
        e->float_live = false;
    if (h->effects & VM_IR_HELPER_FAULTS) {
        x64_cmp_mi(&e->code, X64_8, at_state(e, &e->jit->vcpu->exception.pending), 0);
        struct cold *cold = emit_cold(e, COLD_FAULT, x64_jcc32(&e->code, X64_NE));
        cold->word = emit_fault_word(e);
    }
    if (h->result != VM_VOID)
        emit_define(e, v, X64_RAX);
}

void emit_evaluate(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned args = vm_ir_op_args(e->r, o);
    for (unsigned i = 0; i < args; i++) {
        emit_store_operand(e, X64_64, at_state(e, &e->jit->frame->args[i]), o->args[i]);
        e->locked = 0;
    }
    emit_claim_all(e);
    emit_claim_xmm(e);
    uint64_t what = o->attr | vm_ir_float_word(o, vm_ir_value_type(e->r, o->args[0]));
    x64_imm(&e->code, X64_RCX, what);
    x64_call_to(&e->code, e->jit->thunks.evaluate);
    emit_define(e, v, X64_RAX);
}

// A vector op: its operands in the frame's pairs, of an i64 the first half; C reads no more of it.
void emit_evaluate_vector(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned args = vm_ir_op_args(e->r, o);
    for (unsigned i = 0; i < args; i++) {
        struct x64_mem to = at_state(e, e->jit->frame->pair[i]);
        e->locked = 0;
        if (vm_ir_value_type(e->r, o->args[i]) == VM_V128)
            emit_xmm_store(e, VM_V128, to, emit_in_xmm(e, o->args[i]));
        else
            emit_store_operand(e, X64_64, to, o->args[i]);
    }
    e->locked = 0;
    emit_claim_all(e);
    emit_claim_xmm(e);
    x64_imm(&e->code, X64_RCX, o->attr | (uint64_t)o->code << 32);
    x64_call_to(&e->code, e->jit->thunks.vector);
    if (vm_ir_value_type(e->r, v) != VM_V128) {
        emit_define(e, v, X64_RAX);
        return;
    }
    enum x64_xmm result = emit_xmm_temp(e);
    emit_xmm_load(e, VM_V128, result, at_state(e, e->jit->frame->pair[3]));
    emit_define_xmm(e, v, result);
}

#define EVALUATE(name)                                                           \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        emit_evaluate(e, v, o);                                                  \
    }
EVALUATE(clmul)
EVALUATE(clmulh)
EVALUATE(brev8)
EVALUATE(orcb)
EVALUATE(ftom)
