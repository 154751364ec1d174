// SPDX-License-Identifier: MIT
//
// Ops on guest state, and those that are only another name for a value.
#include "emit.h"

#include <vm/base/bits.h>

#define NOTHING(name)                                                            \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        (void)e, (void)v, (void)o;                                               \
    }
NOTHING(nop)
NOTHING(const)
NOTHING(param) // its slot is filled on the way in

void emit_op_insn(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    e->retired += o->attr != 0;
    e->offset = o->imm;
}

// --- names ---

// A value that is defined further down has no root yet: then it is copied.
static void alias(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (e->plan->root[v] != v)
        return;
    enum x64_reg reg = emit_temp(e);
    emit_load_value(e, reg, o->args[0]);
    emit_define(e, v, reg);
}

#define ALIAS(name)                                                              \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        alias(e, v, o);                                                          \
    }
ALIAS(trunc)
ALIAS(fbits)
ALIAS(bitsf)
ALIAS(lo)
ALIAS(flagbits)

void emit_op_hi(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_reg reg = emit_temp(e);
    x64_mov_rm(&e->code, X64_64, reg, at_offset(emit_slot(e, o->args[0]), 8));
    emit_define(e, v, reg);
}

void emit_op_pair(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    emit_store_operand(e, X64_64, emit_slot(e, v), o->args[0]);
    emit_store_operand(e, X64_64, at_offset(emit_slot(e, v), 8), o->args[1]);
}

// --- register-file entries ---

void emit_op_get(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_register *entry = &e->r->regfile->registers[o->imm];
    unsigned bytes = vm_ir_type_bytes((enum vm_type)entry->type);
    if (e->plan->uses[v] == 0)
        return;
    if (entry->type == VM_FLAGS)
        emit_make_flags(e, o->imm);
    if (e->plan->home[v] != VM_IR_NONE)
        return; // its uses read the entry itself
    if (emit_is_live_flags(e, o)) {
        emit_get_flags(e, v);
        return;
    }
    if (vm_ir_in_fp_env(e->r->regfile, o->imm))
        emit_end_live(e);
    if (e->fixed_xmm[o->imm] != NO_REG || entry->type == VM_V128) {
        enum x64_xmm to = emit_xmm_temp(e);
        if (e->fixed_xmm[o->imm] != NO_REG)
            emit_xmm_move(e, to, (enum x64_xmm)e->fixed_xmm[o->imm]);
        else
            emit_xmm_load(e, VM_V128, to, at_entry(e, o->imm));
        emit_define_xmm(e, v, to);
        return;
    }
    if (bytes > 8) {
        struct x64_mem slot = emit_slot(e, v);
        emit_copy(e, emit_temp(e), slot, at_entry(e, o->imm), bytes);
        return;
    }
    enum x64_reg reg = emit_temp(e);
    if (e->fixed[o->imm] != NO_REG)
        x64_mov_rr(&e->code, X64_64, reg, (enum x64_reg)e->fixed[o->imm]);
    else if (bytes == 1)
        x64_movzx8_rm(&e->code, X64_32, reg, at_entry(e, o->imm));
    else if (bytes == 2)
        x64_movzx16_rm(&e->code, X64_32, reg, at_entry(e, o->imm));
    else
        x64_mov_rm(&e->code, bytes == 4 ? X64_32 : X64_64, reg, at_entry(e, o->imm));
    emit_define(e, v, reg);
}

void emit_op_put(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    const struct vm_register *entry = &e->r->regfile->registers[o->imm];
    unsigned bytes = vm_ir_type_bytes((enum vm_type)entry->type);
    if (e->plan->marks[v] & JIT_FUSED)
        return;
    bool live_flags = emit_is_live_flags(e, o);
    if (vm_ir_in_fp_env(e->r->regfile, o->imm) && !live_flags)
        emit_end_live(e);
    if (e->fixed_xmm[o->imm] != NO_REG) {
        emit_load_xmm(e, (enum x64_xmm)e->fixed_xmm[o->imm], o->args[0]);
    } else if (entry->type == VM_V128) {
        emit_xmm_store(e, VM_V128, at_entry(e, o->imm), emit_in_xmm(e, o->args[0]));
    } else if (bytes > 8) {
        struct x64_mem slot = emit_slot(e, o->args[0]);
        emit_copy(e, emit_temp(e), at_entry(e, o->imm), slot, bytes);
    } else if (e->fixed[o->imm] != NO_REG) {
        emit_load_value(e, (enum x64_reg)e->fixed[o->imm], o->args[0]);
    } else {
        emit_store_operand(e, width_of((enum vm_type)entry->type), at_entry(e, o->imm), o->args[0]);
    }
    if (live_flags)
        emit_drop_flags(e);
    emit_flags_written(e, o->imm);
}

void emit_op_pcrel(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    enum x64_reg reg = emit_result(e, v, 0);
    x64_mov_rm(&e->code, X64_64, reg, at_state(e, &e->jit->frame->page_base));
    if (o->imm == vm_sign_extend(o->imm, 32)) {
        if (o->imm)
            x64_add_ri(&e->code, X64_64, reg, (int32_t)o->imm);
    } else {
        enum x64_reg far = emit_temp(e);
        x64_imm(&e->code, far, o->imm);
        x64_add_rr(&e->code, X64_64, reg, far);
    }
    emit_define(e, v, reg);
}

void emit_op_icount(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)o;
    enum x64_reg reg = emit_result(e, v, 0);
    x64_mov_rm(&e->code, X64_64, reg, at_state(e, &e->jit->vcpu->icount));
    if (e->retired != 1)
        x64_add_ri(&e->code, X64_64, reg, e->retired - 1);
    emit_define(e, v, reg);
}
