// SPDX-License-Identifier: MIT
//
// The second copy of a loop of one block (loop.h), which runs many turns at a time:
//
//     gate:   count the turn; jump to the first copy, or go on
//             each window's page in the TLB; how many turns lie within it
//             registers that the loop does not use take what it needs
//     turn:   the ops, without a check, a fault, a count or a look for requests
//             leave if the branch does; one turn less; turn if there are more
//             put registers, flags and count back
//
// Nothing in it looks at the state or changes a mapping, so all that must be exact is made so at
// its end: on the way out, or after the last turn of which the windows lie in their pages, where
// the first copy does the next turn with its checks. MOST turns at a time keep requests from
// waiting.
//
// The first copy comes to the gate at each turn's end. Where few turns were left, the gate is
// closed for a while.
//
// While the second copy runs, host registers of guest registers that the loop does not use have
// others, addends, or the turns that are left. Thunks that are called meanwhile exchange what
// registers have with the state of their usual owners, so those' values are in the frame's slots.
#include "../loop.h"
#include "emit.h"

#include <stddef.h>
#include <vm/base/memory.h>

enum {
    MOST = 256,    // turns at a time
    LEAST = 4,     // fewer do not pay
    CLOSED = 1024, // turns: to try costs as much as ten or so
    MAX_TAKEN = FIXED_COUNT + FIXED_XMM_MAX,
};

// A host register that has been taken from its owner.
struct taken {
    uint8_t reg;
    bool is_xmm;
    uint16_t entry; // that it has now, or NONE
    bool written;
    uint16_t slot; // of what its owner has
};

struct turning {
    struct emit *e;
    const struct jit_loop *l;
    uint8_t *fixed, *fixed_xmm; // as in struct emit
    uint16_t *uses;             // by entry: how many gets and puts
    bool *written;              // by entry
    struct taken taken[MAX_TAKEN];
    unsigned taken_count;
    uint8_t left;             // the register that has the turns that are left, or NO_REG
    uint16_t left_slot, slot; // slots of these, and of how many there were
    struct x64_mem gate;      // counts up to 0, where it opens
    const uint8_t *first;     // the first copy
    bool flags_wait;
};

// --- registers ---

static bool note_entries(struct turning *t)
{
    const struct vm_ir_region *r = t->e->r;
    unsigned n = r->regfile->count;
    t->fixed = vm_arena_alloc(t->e->scratch, 2 * (size_t)n, 8);
    t->uses = vm_arena_alloc(t->e->scratch, n * (sizeof *t->uses + sizeof *t->written), 8);
    if (!t->fixed || !t->uses)
        return false;
    t->fixed_xmm = t->fixed + n;
    t->written = (bool *)(t->uses + n);
    vm_copy(t->fixed, t->e->fixed, n);
    vm_copy(t->fixed_xmm, t->e->fixed_xmm, n);
    vm_zero(t->uses, n * (sizeof *t->uses + sizeof *t->written));
    for (uint32_t i = r->blocks[0].first, end = i + r->blocks[0].count; i < end; i++) {
        const struct vm_ir_op *o = &r->ops[i];
        if (o->code != VM_IR_get && o->code != VM_IR_put)
            continue;
        t->uses[o->imm]++;
        t->written[o->imm] |= o->code == VM_IR_put;
    }
    return true;
}

// Takes a register whose owner the loop does not use; NO_REG: there is none.
static uint8_t take(struct turning *t, bool is_xmm, uint16_t entry)
{
    struct emit *e = t->e;
    const struct vm_regfile *f = e->r->regfile;
    const uint16_t *hot = is_xmm ? f->hot_float : f->hot;
    const uint8_t *owned = is_xmm ? e->fixed_xmm : e->fixed;
    unsigned most = is_xmm ? FIXED_XMM_MAX : FIXED_COUNT;
    for (unsigned i = 0; i < most && hot && hot[i] != VM_IR_NONE; i++) {
        uint8_t reg = owned[hot[i]];
        bool free = reg != NO_REG && !t->uses[hot[i]];
        for (unsigned k = 0; k < t->taken_count; k++)
            free = free && (t->taken[k].is_xmm != is_xmm || t->taken[k].reg != reg);
        if (!free || t->taken_count == MAX_TAKEN)
            continue;
        t->taken[t->taken_count++] =
            (struct taken){reg, is_xmm, entry, entry != VM_IR_NONE && t->written[entry],
                           emit_new_slot_number(e, is_xmm ? 16 : 8)};
        return reg;
    }
    return NO_REG;
}

static bool suits(const struct turning *t, uint16_t entry, bool is_xmm)
{
    const struct vm_register *r = &t->e->r->regfile->registers[entry];
    if (t->e->fixed[entry] != NO_REG || t->e->fixed_xmm[entry] != NO_REG)
        return false;
    if (is_xmm)
        return (r->type == VM_V128 && r->class == VM_REG_VECTOR) ||
               (r->type == VM_F64 && r->class == VM_REG_FLOAT);
    return r->type == VM_I64 && r->class == VM_REG_GENERAL;
}

static void take_for_entries(struct turning *t, bool written, bool is_xmm)
{
    const struct vm_regfile *f = t->e->r->regfile;
    for (uint16_t i = 0; i < f->count; i++) {
        if (!t->uses[i] || t->written[i] != written || !suits(t, i, is_xmm))
            continue;
        uint8_t reg = take(t, is_xmm, i);
        if (reg != NO_REG)
            (is_xmm ? t->fixed_xmm : t->fixed)[i] = reg;
    }
}

// First what each turn changes.
static void take_all(struct turning *t)
{
    struct emit *e = t->e;
    t->left = take(t, false, VM_IR_NONE);
    take_for_entries(t, true, false);
    for (unsigned i = 0; i < t->l->window_count; i++)
        e->window_reg[i] = take(t, false, VM_IR_NONE);
    take_for_entries(t, false, false);
    if (!e->float_live || e->jit->soft_float)
        return;
    take_for_entries(t, true, true);
    take_for_entries(t, false, true);
}

static void lend_xmm(struct emit *e, const struct taken *x)
{
    enum x64_xmm xmm = (enum x64_xmm)x->reg;
    emit_xmm_store(e, VM_V128, emit_slot_at(e, x->slot), xmm);
    if (x->entry != VM_IR_NONE)
        emit_xmm_load(e, (enum vm_type)e->r->regfile->registers[x->entry].type, xmm,
                      at_entry(e, x->entry));
}

static void return_xmm(struct emit *e, const struct taken *x)
{
    enum x64_xmm xmm = (enum x64_xmm)x->reg;
    if (x->written)
        emit_xmm_store(e, (enum vm_type)e->r->regfile->registers[x->entry].type,
                       at_entry(e, x->entry), xmm);
    emit_xmm_load(e, VM_V128, xmm, emit_slot_at(e, x->slot));
}

static void lend_all(struct turning *t)
{
    struct emit *e = t->e;
    for (unsigned i = 0; i < t->taken_count; i++) {
        const struct taken *x = &t->taken[i];
        enum x64_reg reg = (enum x64_reg)x->reg;
        if (x->is_xmm) {
            lend_xmm(e, x);
            continue;
        }
        x64_mov_mr(&e->code, X64_64, emit_slot_at(e, x->slot), reg);
        if (x->entry != VM_IR_NONE)
            x64_mov_rm(&e->code, X64_64, reg, at_entry(e, x->entry));
    }
}

static void return_all(struct turning *t)
{
    struct emit *e = t->e;
    for (unsigned i = 0; i < t->taken_count; i++) {
        const struct taken *x = &t->taken[i];
        enum x64_reg reg = (enum x64_reg)x->reg;
        if (x->is_xmm) {
            return_xmm(e, x);
            continue;
        }
        if (x->written)
            x64_mov_mr(&e->code, X64_64, at_entry(e, x->entry), reg);
        x64_mov_rm(&e->code, X64_64, reg, emit_slot_at(e, x->slot));
    }
}

// --- windows ---

// Their entries are where the first copy has them.
static void find_address(struct emit *e, const struct jit_affine *a)
{
    struct x64_code *c = &e->code;
    for (unsigned i = 0; i < 2 && a->entry[i] != VM_IR_NONE; i++) {
        enum x64_reg to = i ? X64_RCX : X64_RAX;
        uint8_t reg = e->fixed[a->entry[i]];
        if (reg != NO_REG)
            x64_mov_rr(c, X64_64, to, (enum x64_reg)reg);
        else
            x64_mov_rm(c, X64_64, to, at_entry(e, a->entry[i]));
    }
    if (a->entry[1] != VM_IR_NONE)
        x64_lea_rm(c, X64_64, X64_RAX, x64_at_index(X64_RAX, X64_RCX, a->shift, 0));
    if (a->constant)
        x64_add_ri(c, X64_64, X64_RAX, (int32_t)a->constant);
}

// edx: the window's offset in its page. How many turns it stays there, if that is the least yet.
static void count_turns(struct turning *t, const struct jit_window *w)
{
    struct x64_code *c = &t->e->code;
    struct x64_label more = {0};
    struct x64_mem turns = emit_slot_at(t->e, t->slot);
    unsigned step = (unsigned)(w->step < 0 ? -w->step : w->step);
    if (step == 0)
        return;
    if (w->step > 0) {
        x64_mov_ri(c, X64_32, X64_RAX, (int32_t)VM_PAGE_SIZE - w->bytes);
        x64_sub_rr(c, X64_32, X64_RAX, X64_RDX);
    } else {
        x64_mov_rr(c, X64_32, X64_RAX, X64_RDX);
    }
    if ((step & (step - 1)) == 0) {
        x64_shr_ri(c, X64_32, X64_RAX, (uint8_t)__builtin_ctz(step));
    } else {
        x64_mov_ri(c, X64_32, X64_RCX, (int32_t)step);
        x64_xor_rr(c, X64_32, X64_RDX, X64_RDX);
        x64_div_r(c, X64_32, X64_RCX);
    }
    x64_add_ri(c, X64_32, X64_RAX, 1);
    x64_cmp_rm(c, X64_32, X64_RAX, turns);
    x64_jcc_label(c, X64_AE, &more);
    x64_mov_mr(c, X64_32, turns, X64_RAX);
    x64_bind(c, &more);
}

static void look_up_windows(struct turning *t, struct x64_label *few)
{
    struct emit *e = t->e;
    x64_mov_mi(&e->code, X64_32, emit_slot_at(e, t->slot), MOST);
    for (unsigned i = 0; i < t->l->window_count; i++) {
        const struct jit_window *w = &t->l->windows[i];
        size_t array = w->writes ? offsetof(struct vm_tlb_context, write)
                                 : offsetof(struct vm_tlb_context, read);
        e->window_slot[i] = emit_new_slot_number(e, 8);
        find_address(e, &w->at);
        emit_look_up(&e->code, e->jit, X64_RAX, array);
        x64_cmp_ri(&e->code, X64_64, X64_RDX, (int32_t)VM_PAGE_SIZE - w->bytes);
        x64_jcc_label(&e->code, X64_A, few);
        x64_mov_rm(&e->code, X64_64, X64_RCX,
                   x64_at_index(REG_TLB, X64_RCX, 0, (int32_t)array + 8));
        x64_mov_mr(&e->code, X64_64, emit_slot_at(e, e->window_slot[i]), X64_RCX);
        count_turns(t, w);
    }
    x64_cmp_mi(&e->code, X64_32, emit_slot_at(e, t->slot), LEAST);
    x64_jcc_label(&e->code, X64_B, few);
}

// --- accesses ---

// The host address of an access whose window's page is known.
static struct x64_mem find_place(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned window = e->loop->window_of[v];
    enum x64_reg base = emit_in_register(e, o->args[0]), addend;
    if (e->window_reg[window] != NO_REG) {
        addend = (enum x64_reg)e->window_reg[window];
    } else {
        addend = emit_temp(e);
        x64_mov_rm(&e->code, X64_64, addend, emit_slot_at(e, e->window_slot[window]));
    }
    return x64_at_index(addend, base, 0, (int32_t)o->imm);
}

void emit_loop_load(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    if (o->type == VM_V128 || emit_is_float_load(e, v, o)) {
        enum x64_xmm to = emit_xmm_result(e, v, 0);
        struct x64_mem place = find_place(e, v, o);
        if (log2 >= 2) {
            emit_xmm_load(e, log2 == 4 ? VM_V128 : log2 == 3 ? VM_F64 : VM_F32, to, place);
        } else {
            enum x64_reg lane = emit_temp(e);
            emit_load_extended(&e->code, lane, place, log2, false);
            emit_xmm_from(e, X64_32, to, lane);
        }
        emit_define_xmm(e, v, to);
        return;
    }
    struct x64_mem place = find_place(e, v, o);
    enum x64_reg to = emit_result(e, v, 0);
    emit_load_extended(&e->code, to, place, log2, o->attr & VM_IR_MEM_SIGNED);
    emit_define(e, v, to);
}

void emit_loop_store(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    unsigned log2 = vm_ir_mem_size_log2(o->attr);
    vm_ir_value value = jit_stored(e->plan, o);
    struct x64_mem place = find_place(e, v, o);
    if (o->type == VM_V128 && log2 < 2) {
        enum x64_reg lane = emit_temp(e);
        emit_xmm_to(e, X64_32, lane, emit_in_xmm(e, value));
        x64_mov_mr(&e->code, (enum x64_width)log2, place, lane);
    } else if (o->type == VM_V128) {
        emit_xmm_store(e,
                       log2 == 4   ? VM_V128
                       : log2 == 3 ? VM_F64
                                   : VM_F32,
                       place, emit_in_xmm(e, value));
    } else {
        emit_store_operand(e, (enum x64_width)log2, place, value);
    }
}

// --- a turn ---

static void begin_copy(struct turning *t)
{
    struct emit *e = t->e;
    emit_forget_temps(e);
    vm_zero(e->slot_of, sizeof *e->slot_of * (e->r->op_count + e->plan->span_count + 1u));
    e->fixed = t->fixed;
    e->fixed_xmm = t->fixed_xmm;
    e->in_loop = true;
}

static void emit_turn(struct turning *t)
{
    struct emit *e = t->e;
    const struct vm_ir_block *b = &e->r->blocks[0];
    uint32_t last = b->first + b->count - 1u;
    for (uint32_t i = b->first; i < last && !e->failed && !e->code.overflow; i++) {
        bool waits = t->flags_wait && i == t->l->flags;
        bool silent = e->plan->marks[i] & JIT_SILENT && !e->pending_count;
        if (!waits && !silent && e->r->ops[i].code != VM_IR_insn)
            emit_op(e, (vm_ir_value)i);
    }
    e->at = last;
    e->locked = e->xmm_locked = 0;
    emit_settle_all(e);
}

// --- the ends ---

// The flags of the last turn, of which all is still where the loop had it.
static void end_flags(struct turning *t)
{
    struct emit *e = t->e;
    emit_forget_temps(e);
    if (t->flags_wait)
        emit_leave_flags(e, t->l->flags);
    e->locked = 0;
}

// rax: the turns that were done.
static void end_turns(struct turning *t)
{
    struct x64_code *c = &t->e->code;
    struct x64_label enough = {0};
    return_all(t);
    x64_mov_mi(c, X64_32, t->gate, -1);
    x64_cmp_ri(c, X64_32, X64_RAX, LEAST);
    x64_jcc_label(c, X64_AE, &enough);
    x64_mov_mi(c, X64_32, t->gate, -CLOSED);
    x64_bind(c, &enough);
    x64_imul_rri(c, X64_64, X64_RAX, X64_RAX, (int32_t)t->l->insns);
    x64_add_mr(c, X64_64, at_state(t->e, &t->e->jit->vcpu->icount), X64_RAX);
}

static struct x64_mem at_left(const struct turning *t)
{
    return emit_slot_at(t->e, t->left_slot);
}

// All turns were done: a request, or the first copy.
static void end_with_all(struct turning *t)
{
    struct emit *e = t->e;
    end_flags(t);
    x64_mov_rm(&e->code, X64_32, X64_RAX, emit_slot_at(e, t->slot));
    end_turns(t);
    emit_poll(e, t->l->offset);
    x64_jmp_to(&e->code, t->first);
}

static void end_by_branch(struct turning *t)
{
    struct emit *e = t->e;
    end_flags(t);
    x64_mov_rm(&e->code, X64_32, X64_RAX, emit_slot_at(e, t->slot));
    if (t->left != NO_REG)
        x64_sub_rr(&e->code, X64_32, X64_RAX, (enum x64_reg)t->left);
    else
        x64_sub_rm(&e->code, X64_32, X64_RAX, at_left(t));
    x64_add_ri(&e->code, X64_32, X64_RAX, 1);
    end_turns(t);
    emit_leave_polled(e, t->l->exit);
}

static void emit_turns(struct turning *t)
{
    struct emit *e = t->e;
    struct x64_code *c = &e->code;
    struct x64_label out = {0};
    const uint8_t *turn = c->at;
    const struct vm_ir_op *branch = &e->r->ops[e->r->blocks[0].first + e->r->blocks[0].count - 1];
    emit_turn(t);
    enum x64_cc cc = emit_branch_condition(e, branch);
    x64_jcc_label(c, t->l->back_if ? cc ^ 1 : cc, &out);
    if (t->left != NO_REG)
        x64_sub_ri(c, X64_32, (enum x64_reg)t->left, 1);
    else
        x64_sub_mi(c, X64_32, at_left(t), 1);
    x64_jcc_to(c, X64_NE, turn);
    bool live = e->float_live;
    end_with_all(t);
    e->float_live = live;
    x64_bind(c, &out);
    end_by_branch(t);
}

// --- the whole ---

static bool begin(struct turning *t, struct emit *e)
{
    *t = (struct turning){.e = e, .l = e->loop};
    if (!note_entries(t)) {
        e->failed = true;
        return false;
    }
    unsigned gate = (unsigned)((uintptr_t)e->start >> 4) & (JIT_GATES - 1);
    t->gate = at_state(e, &e->jit->frame->gates[gate]);
    t->first = e->start + (e->float_live ? e->live_entry : 0);
    t->slot = emit_new_slot_number(e, 8);
    t->left_slot = emit_new_slot_number(e, 8);
    t->flags_wait = e->loop->flags != VM_IR_NONE && emit_may_leave_flags(e, e->loop->flags);
    return true;
}

static void load_for_turns(struct turning *t)
{
    struct emit *e = t->e;
    lend_all(t);
    for (unsigned i = 0; i < t->l->window_count; i++) {
        if (e->window_reg[i] != NO_REG)
            x64_mov_rm(&e->code, X64_64, (enum x64_reg)e->window_reg[i],
                       emit_slot_at(e, e->window_slot[i]));
    }
    enum x64_reg left = t->left != NO_REG ? (enum x64_reg)t->left : X64_RAX;
    x64_mov_rm(&e->code, X64_32, left, emit_slot_at(e, t->slot));
    if (t->left == NO_REG)
        x64_mov_mr(&e->code, X64_32, at_left(t), left);
}

void emit_loop(struct emit *e)
{
    struct turning t;
    struct x64_code *c = &e->code;
    struct x64_label few = {0};
    if (!e->loop_out.last || !begin(&t, e))
        return;
    const uint8_t *fixed = e->fixed, *fixed_xmm = e->fixed_xmm;
    const bool live = e->float_live;
    x64_add_mi(c, X64_32, t.gate, 1);
    x64_jcc_to(c, X64_S, t.first);
    take_all(&t);
    look_up_windows(&t, &few);
    load_for_turns(&t);
    begin_copy(&t);
    emit_turns(&t);
    e->in_loop = false;
    e->fixed = fixed;
    e->fixed_xmm = fixed_xmm;
    x64_bind(c, &few);
    x64_mov_mi(c, X64_32, t.gate, -LEAST);
    x64_jmp_to(c, t.first);
    x64_bind(c, &e->loop_out);
    e->float_live = live;
    emit_leave_polled(e, t.l->exit);
}
