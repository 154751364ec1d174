// SPDX-License-Identifier: MIT
//
// Where values are while a block is emitted (emit.h): temporaries, homes, slots, constants.
#include "emit.h"

#include <vm/base/bits.h>

enum { NONE = VM_IR_NONE };

static const uint8_t temporaries[] = {X64_RAX, X64_RCX, X64_RDX};

void emit_forget_temps(struct emit *e)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(temporaries); i++) {
        vm_ir_value *held = &e->temps[temporaries[i]];
        if (*held != NONE)
            e->reg_of[*held] = NO_REG;
        *held = NONE;
    }
    e->locked = 0;
    e->span = NULL;
    emit_forget_xmm(e);
}

bool emit_is_const(const struct emit *e, vm_ir_value v, uint64_t *value)
{
    const struct vm_ir_op *o = &e->r->ops[e->plan->root[v]];
    if (o->code != VM_IR_const)
        return false;
    bool word = vm_ir_value_type(e->r, v) == VM_I32;
    *value = word ? vm_sign_extend(o->imm, 32) : o->imm;
    return true;
}

static bool is_live(const struct emit *e, vm_ir_value root)
{
    return e->plan->last_use[root] > e->at;
}

bool emit_is_in_memory(const struct emit *e, vm_ir_value root)
{
    return e->plan->home[root] != NONE || e->slot_of[root] || e->r->ops[root].code == VM_IR_const;
}

// Whether a register may be given up.
static bool is_elsewhere(const struct emit *e, vm_ir_value root)
{
    return emit_is_in_memory(e, root) || e->xmm_of[root] != NO_REG;
}

uint16_t emit_new_slot_number(struct emit *e, unsigned bytes)
{
    unsigned align = bytes < 8 ? 8 : bytes;
    unsigned at = (e->slots + align - 1) & ~(align - 1);
    if (at + align > e->jit->frame_slots) {
        e->failed = true;
        return 1;
    }
    e->slots = at + align;
    return (uint16_t)(at + 1);
}

struct x64_mem emit_slot_at(const struct emit *e, uint16_t number)
{
    return at_state(e, &e->jit->frame->slots[number - 1]);
}

struct x64_mem emit_slot(struct emit *e, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    if (!e->slot_of[root])
        e->slot_of[root] = emit_new_slot_number(e, vm_ir_type_bytes(vm_ir_value_type(e->r, root)));
    return emit_slot_at(e, e->slot_of[root]);
}

struct x64_mem emit_new_slot(struct emit *e, unsigned bytes)
{
    return emit_slot_at(e, emit_new_slot_number(e, bytes));
}

void emit_spill_temps(struct emit *e)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(temporaries); i++) {
        vm_ir_value root = e->temps[temporaries[i]];
        if (root != NONE && e->plan->last_use[root] >= e->at && !emit_is_in_memory(e, root))
            x64_mov_mr(&e->code, X64_64, emit_slot(e, root), (enum x64_reg)temporaries[i]);
    }
    emit_spill_xmm(e);
}

// Empties a temporary; what is needed later goes to its slot.
static void empty(struct emit *e, enum x64_reg reg)
{
    if (reg == X64_RDX && e->span)
        emit_spill_span(e);
    vm_ir_value root = e->temps[reg];
    if (root == NONE)
        return;
    if ((is_live(e, root) || (e->plan->last_use[root] == e->at)) && !is_elsewhere(e, root))
        x64_mov_mr(&e->code, X64_64, emit_slot(e, root), reg);
    e->reg_of[root] = NO_REG;
    e->temps[reg] = NONE;
}

void emit_detach(struct emit *e, enum x64_reg reg)
{
    vm_ir_value root = e->temps[reg];
    if (root == NONE)
        return;
    if (is_live(e, root) && !is_elsewhere(e, root))
        x64_mov_mr(&e->code, X64_64, emit_slot(e, root), reg);
    e->reg_of[root] = NO_REG;
    e->temps[reg] = NONE;
}

static inline void claim(struct emit *e, enum x64_reg reg)
{
    if (reg == X64_RDX && e->span_locked)
        return;
    if (e->temps[reg] != NONE || reg == X64_RDX)
        empty(e, reg);
    e->locked |= (uint16_t)(1u << reg);
}

static void hold(struct emit *e, vm_ir_value root, enum x64_reg reg)
{
    e->temps[reg] = root;
    e->reg_of[root] = (uint8_t)reg;
}

void emit_move_out(struct emit *e, enum x64_reg reg)
{
    vm_ir_value root = e->temps[reg];
    for (unsigned i = 0; root != NONE && is_live(e, root) && i < VM_ARRAY_SIZE(temporaries); i++) {
        enum x64_reg to = (enum x64_reg)temporaries[i];
        if (e->locked >> to & 1 || e->temps[to] != NONE || (to == X64_RDX && e->span))
            continue;
        x64_mov_rr(&e->code, X64_64, to, reg);
        e->temps[reg] = NONE;
        hold(e, root, to);
        return;
    }
    emit_detach(e, reg);
}

void emit_claim(struct emit *e, enum x64_reg reg)
{
    claim(e, reg);
}

void emit_claim_all(struct emit *e)
{
    claim(e, X64_RAX);
    claim(e, X64_RCX);
    claim(e, X64_RDX);
}

enum x64_reg emit_temp(struct emit *e)
{
    int best = -1;
    uint32_t best_use = 0;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(temporaries); i++) {
        unsigned reg = temporaries[i];
        if (e->locked >> reg & 1)
            continue;
        vm_ir_value root = e->temps[reg];
        // The free one, else the one that is needed last.
        uint32_t use = reg == X64_RDX && e->span ? e->span->last
                       : root != NONE            ? e->plan->last_use[root]
                                                 : 0;
        use = use < e->at ? UINT32_MAX : use;
        if (best < 0 || use > best_use) {
            best = (int)reg;
            best_use = use;
        }
    }
    if (best < 0) {
        e->failed = true;
        return X64_RAX;
    }
    emit_claim(e, (enum x64_reg)best);
    return (enum x64_reg)best;
}

static struct x64_mem home_memory(const struct emit *e, vm_ir_value root)
{
    return at_entry(e, e->plan->home[root]);
}

// A value that is in an xmm register only: into a temporary, if there is a free one, else to
// memory.
static struct operand out_of_xmm(struct emit *e, vm_ir_value root)
{
    enum x64_xmm xmm = (enum x64_xmm)emit_xmm_of(e, root);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(temporaries); i++) {
        enum x64_reg reg = (enum x64_reg)temporaries[i];
        if (e->locked >> reg & 1 || e->temps[reg] != NONE || (reg == X64_RDX && e->span))
            continue;
        emit_xmm_to(e, X64_64, reg, xmm);
        hold(e, root, reg);
        e->locked |= (uint16_t)(1u << reg);
        return (struct operand){.kind = IN_REGISTER, .reg = reg};
    }
    struct x64_mem slot = emit_slot(e, root);
    emit_xmm_store(e, VM_F64, slot, xmm);
    return (struct operand){.kind = IN_MEMORY, .mem = slot};
}

struct operand emit_operand(struct emit *e, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    uint16_t home = e->plan->home[root];
    uint64_t value;
    if (e->reg_of[root] != NO_REG) {
        e->locked |= (uint16_t)(1u << e->reg_of[root]);
        return (struct operand){.kind = IN_REGISTER, .reg = (enum x64_reg)e->reg_of[root]};
    }
    if (home != NONE && e->fixed[home] != NO_REG)
        return (struct operand){.kind = IN_REGISTER, .reg = (enum x64_reg)e->fixed[home]};
    if (emit_is_const(e, v, &value)) {
        if (value == vm_sign_extend(value, 32))
            return (struct operand){.kind = IMMEDIATE, .imm = (int64_t)value};
        return (struct operand){.kind = IN_REGISTER, .reg = emit_in_register(e, v)};
    }
    if (home != NONE && emit_xmm_home(e, root) == NO_REG)
        return (struct operand){.kind = IN_MEMORY, .mem = home_memory(e, root)};
    if (emit_xmm_of(e, root) != NO_REG && !e->slot_of[root])
        return out_of_xmm(e, root);
    return (struct operand){.kind = IN_MEMORY, .mem = emit_slot(e, root)};
}

enum x64_reg emit_in_register(struct emit *e, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    uint64_t value;
    // The whole constant, of which v may be the low part: others will find it there.
    if (e->reg_of[root] == NO_REG && emit_is_const(e, root, &value)) {
        enum x64_reg reg = emit_temp(e);
        x64_imm_keep_flags(&e->code, reg, value);
        hold(e, root, reg);
        return reg;
    }
    struct operand o = emit_operand(e, v);
    if (o.kind == IN_REGISTER)
        return o.reg;
    enum x64_reg reg = emit_temp(e);
    x64_mov_rm(&e->code, X64_64, reg, o.mem);
    hold(e, root, reg);
    return reg;
}

void emit_load_value(struct emit *e, enum x64_reg to, vm_ir_value v)
{
    uint64_t value;
    vm_ir_value root = e->plan->root[v];
    if (e->reg_of[root] == NO_REG && emit_is_const(e, v, &value)) {
        x64_imm_keep_flags(&e->code, to, value);
        return;
    }
    uint8_t xmm = emit_xmm_of(e, root);
    if (e->reg_of[root] == NO_REG && xmm != NO_REG && !has_fixed_home(e, root)) {
        emit_xmm_to(e, X64_64, to, (enum x64_xmm)xmm);
        return;
    }
    uint16_t locked = e->locked;
    struct operand o = emit_operand(e, v);
    if (o.kind == IN_MEMORY)
        x64_mov_rm(&e->code, X64_64, to, o.mem);
    else if (o.reg != to)
        x64_mov_rr(&e->code, X64_64, to, o.reg);
    e->locked = locked;
}

uint32_t emit_busy(const struct operand *o)
{
    return o->kind == IN_REGISTER ? 1u << o->reg : 0;
}

enum x64_reg emit_result(struct emit *e, vm_ir_value v, uint32_t busy)
{
    vm_ir_value root = e->plan->root[v];
    if (has_fixed_home(e, root)) {
        enum x64_reg reg = (enum x64_reg)e->fixed[e->plan->home[root]];
        if (!(busy >> reg & 1))
            return reg;
    }
    return emit_temp(e);
}

static void store_home(struct emit *e, vm_ir_value root, enum x64_reg reg)
{
    unsigned fixed = e->fixed[e->plan->home[root]];
    uint8_t xmm = emit_xmm_home(e, root);
    emit_entry_written(e, e->plan->home[root]);
    emit_flags_written(e, e->plan->home[root]);
    if (xmm != NO_REG)
        emit_xmm_from(e, X64_64, (enum x64_xmm)xmm, reg);
    else if (fixed == NO_REG)
        x64_mov_mr(&e->code, X64_64, home_memory(e, root), reg);
    else if (fixed != reg)
        x64_mov_rr(&e->code, X64_64, (enum x64_reg)fixed, reg);
}

void emit_define(struct emit *e, vm_ir_value v, enum x64_reg reg)
{
    vm_ir_value root = e->plan->root[v];
    if (e->plan->home[root] != NONE)
        store_home(e, root, reg);
    if (e->plan->marks[root] & JIT_ESCAPES)
        x64_mov_mr(&e->code, X64_64, emit_slot(e, root), reg);
    if (emit_is_temporary(reg) && !has_fixed_home(e, root) && is_live(e, root)) {
        if (e->temps[reg] != NONE && e->temps[reg] != root)
            e->reg_of[e->temps[reg]] = NO_REG;
        hold(e, root, reg);
    }
}

void emit_store_operand(struct emit *e, enum x64_width w, struct x64_mem to, vm_ir_value v)
{
    vm_ir_value root = e->plan->root[v];
    uint8_t xmm = emit_xmm_of(e, root);
    if (e->reg_of[root] == NO_REG && xmm != NO_REG && w >= X64_32) {
        emit_xmm_store(e, w == X64_32 ? VM_F32 : VM_F64, to, (enum x64_xmm)xmm);
        return;
    }
    struct operand o = emit_operand(e, v);
    if (o.kind == IMMEDIATE) {
        x64_mov_mi(&e->code, w, to, (int32_t)o.imm);
        return;
    }
    enum x64_reg reg = o.kind == IN_REGISTER ? o.reg : emit_in_register(e, v);
    x64_mov_mr(&e->code, w, to, reg);
}

void emit_bring(struct emit *e, enum x64_width w, enum x64_reg to, const struct operand *a)
{
    if (a->kind == IMMEDIATE)
        x64_imm_keep_flags(&e->code, to, (uint64_t)a->imm);
    else if (a->kind == IN_MEMORY)
        x64_mov_rm(&e->code, w, to, a->mem);
    else if (a->reg != to)
        x64_mov_rr(&e->code, w, to, a->reg);
}

void emit_copy(struct emit *e, enum x64_reg through, struct x64_mem to, struct x64_mem from,
               unsigned bytes)
{
    unsigned done = 0;
    do {
        x64_mov_rm(&e->code, X64_64, through, at_offset(from, (int32_t)done));
        x64_mov_mr(&e->code, X64_64, at_offset(to, (int32_t)done), through);
        done += 8;
    } while (done < bytes);
}
