// SPDX-License-Identifier: MIT
//
// Pending NaNs (float.c): the values of the current IR block whose NaN may not be the canonical
// one.
//
// A value is looked at before something other than FP arithmetic reads it, and at the end of its
// IR block if it is in a register-file entry. One comparison looks at two values. A value that is
// not a NaN shows that the operands it was made of were none: those that it covers need no look of
// their own. An access to memory looks at nothing; if C does it, C makes the entries canonical.
#include "emit.h"

enum { NONE = VM_IR_NONE };

static struct pending *find(struct emit *e, vm_ir_value root)
{
    for (unsigned i = 0; i < e->pending_count; i++) {
        if (e->pending[i].root == root || e->pending[i].box == root)
            return &e->pending[i];
    }
    return NULL;
}

static void uncover(struct emit *e, vm_ir_value cover)
{
    for (unsigned i = 0; i < e->pending_count; i++) {
        if (e->pending[i].cover == cover)
            e->pending[i].cover = NONE;
    }
}

static void drop(struct emit *e, unsigned i)
{
    e->pending_count--;
    for (; i < e->pending_count; i++)
        e->pending[i] = e->pending[i + 1];
}

static bool is_read_later(const struct emit *e, vm_ir_value root)
{
    return root != NONE && e->plan->last_use[root] >= e->at;
}

// Whether anybody can still see it.
static bool is_visible(const struct emit *e, const struct pending *p)
{
    return p->entry != NONE || is_read_later(e, p->root) || is_read_later(e, p->box);
}

static void drop_invisible(struct emit *e)
{
    for (unsigned i = e->pending_count; i-- > 0;) {
        if (is_visible(e, &e->pending[i]))
            continue;
        vm_ir_value root = e->pending[i].root;
        drop(e, i);
        uncover(e, root);
    }
}

void emit_entry_written(struct emit *e, uint16_t entry)
{
    for (unsigned i = 0; i < e->pending_count; i++) {
        if (e->pending[i].entry == entry)
            e->pending[i].entry = NONE;
    }
}

// --- looking at them ---

// The xmm register that has it: its home only as long as nothing else is there.
static uint8_t register_of(const struct emit *e, const struct pending *p)
{
    uint8_t home = emit_xmm_home(e, p->root);
    if (home == NO_REG)
        return e->xmm_of[p->root];
    return p->entry == e->plan->home[p->root] ? home : NO_REG;
}

static void describe(struct emit *e, const struct pending *p, struct jit_nan *out)
{
    const struct vm_register *registers = e->r->regfile->registers;
    *out = (struct jit_nan){
        .type = p->type,
        .xmm = register_of(e, p),
        .home = p->entry != NONE ? e->fixed_xmm[p->entry] : JIT_NO_XMM,
        .entry = p->entry != NONE ? (uint16_t)(registers[p->entry].offset + 1) : 0,
        .slot = e->slot_of[p->root],
    };
}

static const struct jit_nans *list(struct emit *e, const struct pending *p, unsigned n)
{
    struct jit_nans *out =
        vm_arena_alloc(e->arena, sizeof *out + n * sizeof *out->list, _Alignof(struct jit_nans));
    if (!out) {
        e->failed = true;
        return NULL;
    }
    out->count = n;
    for (unsigned i = 0; i < n; i++)
        describe(e, &p[i], &out->list[i]);
    return out;
}

const struct jit_nans *emit_pending_list(struct emit *e)
{
    drop_invisible(e);
    return e->pending_count ? list(e, e->pending, e->pending_count) : NULL;
}

static enum x64_xmm look_up(struct emit *e, const struct pending *p)
{
    uint8_t xmm = register_of(e, p);
    if (xmm == NO_REG && p->entry != NONE)
        xmm = e->fixed_xmm[p->entry];
    if (xmm != NO_REG) {
        e->xmm_locked |= (uint16_t)(1u << xmm);
        return (enum x64_xmm)xmm;
    }
    enum x64_xmm to = emit_xmm_temp(e);
    struct x64_mem from = p->entry != NONE ? at_entry(e, p->entry) : emit_slot(e, p->root);
    emit_xmm_load(e, (enum vm_type)p->type, to, from);
    return to;
}

// Jumps aside if one of two values of a type is a NaN. All of `nans` are made canonical there.
static void look_at(struct emit *e, const struct pending *a, const struct pending *b,
                    const struct pending *all, unsigned n)
{
    uint16_t locked = e->xmm_locked;
    enum x64_xmm first = look_up(e, a);
    struct operand second = in_xmm(look_up(e, b));
    emit_xmm_two(e, a->type == VM_F32 ? x64_OP_ucomiss : x64_OP_ucomisd, first, &second);
    struct cold *cold = emit_cold(e, COLD_NANS, x64_jcc32(&e->code, X64_P));
    cold->nans = list(e, all, n);
    cold->back = e->code.at;
    e->xmm_locked = locked;
}

static void look_at_all(struct emit *e, const struct pending *p, unsigned n)
{
    for (unsigned t = VM_F32; t <= VM_F64; t++) {
        const struct pending *waiting = NULL;
        for (unsigned i = 0; i < n; i++) {
            if (p[i].type != t || p[i].cover != NONE)
                continue;
            if (waiting) {
                look_at(e, waiting, &p[i], p, n);
                waiting = NULL;
            } else {
                waiting = &p[i];
            }
        }
        if (waiting)
            look_at(e, waiting, waiting, p, n);
    }
}

void emit_settle_all(struct emit *e)
{
    drop_invisible(e);
    look_at_all(e, e->pending, e->pending_count);
    e->pending_count = 0;
}

// Adds a value and those that it covers, directly or not, to the `n` of `out`; they are no longer
// pending.
static unsigned take(struct emit *e, vm_ir_value root, struct pending *out, unsigned n)
{
    for (unsigned i = e->pending_count; i-- > 0;) {
        bool covered = false;
        for (unsigned k = 0; k < n; k++)
            covered = covered || out[k].root == e->pending[i].cover;
        if (e->pending[i].root != root && !covered)
            continue;
        out[n++] = e->pending[i];
        drop(e, i);
    }
    return n;
}

static void settle(struct emit *e, vm_ir_value root)
{
    struct pending taken[MAX_NANS];
    unsigned n = take(e, root, taken, 0);
    taken[0].cover = NONE;
    look_at_all(e, taken, n);
}

const struct jit_nans *emit_take_operands(struct emit *e, const struct vm_ir_op *o)
{
    struct pending taken[MAX_NANS];
    unsigned n = 0, args = vm_ir_op_args(e->r, o);
    if (e->pending_count == 0)
        return NULL;
    for (unsigned i = 0; i < args; i++)
        n = take(e, e->plan->root[o->args[i]], taken, n);
    return n ? list(e, taken, n) : NULL;
}

// --- what ops do to them ---

// Whether an op computes the same from every quiet NaN, so that the operands may stay as they are.
static bool is_indifferent(const struct vm_ir_op *o)
{
    unsigned rule = o->attr >> VM_IR_FP_NAN_SHIFT & 3;
    if (o->code == VM_IR_fclass || o->code == VM_IR_box)
        return true;
    if (!(vm_ir_op_traits[o->code].effects & VM_IR_E_FPENV) || vm_ir_is_vector_op(o->code) ||
        o->code == VM_IR_stof || o->code == VM_IR_utof)
        return false;
    if ((o->code == VM_IR_fmin || o->code == VM_IR_fmax) &&
        (o->attr >> VM_IR_FP_RULE_SHIFT & 3) == VM_FP_X86)
        return false;
    return !(o->attr & VM_IR_FP_NAN_ENV) &&
           (rule == VM_FP_NAN_CANONICAL || rule == VM_FP_NAN_DEFAULT);
}

void emit_settle_value(struct emit *e, vm_ir_value v)
{
    const struct pending *p = find(e, e->plan->root[v]);
    if (p)
        settle(e, p->root);
}

// A put of which nothing is to be done, or one into a first entry, only tells where the value is.
static void settle_for_put(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    struct pending *p = find(e, e->plan->root[o->args[0]]);
    if (e->plan->marks[v] & JIT_FUSED)
        return;
    if (p && (p->entry != NONE || e->fixed[o->imm] != NO_REG)) {
        settle(e, p->root);
        p = NULL;
    }
    emit_entry_written(e, (uint16_t)o->imm);
    if (p)
        p->entry = (uint16_t)o->imm;
}

// What is boxed, not a box, which is a float of its own.
static bool is_pending_itself(struct emit *e, vm_ir_value v)
{
    const struct pending *p = find(e, e->plan->root[v]);
    return p && p->root == e->plan->root[v];
}

static void settle_entry(struct emit *e, uint64_t entry)
{
    for (unsigned i = 0; i < e->pending_count; i++) {
        if (e->pending[i].entry == entry) {
            settle(e, e->pending[i].root);
            return;
        }
    }
}

void emit_settle_for(struct emit *e, vm_ir_value v, const struct vm_ir_op *o)
{
    if (e->pending_count == MAX_NANS) // the op may add one
        emit_settle_all(e);
    if (o->code == VM_IR_get) {
        settle_entry(e, o->imm);
        return;
    }
    if (o->code == VM_IR_put) {
        settle_for_put(e, v, o);
        return;
    }
    if (vm_ir_op_traits[o->code].effects & (VM_IR_E_TERM | VM_IR_E_CALL)) {
        emit_settle_all(e);
        return;
    }
    if (e->plan->root[v] != v)
        return;
    unsigned args = vm_ir_op_args(e->r, o);
    for (unsigned i = 0; i < args; i++) {
        vm_ir_value a = o->code == VM_IR_store && i == 1 ? jit_stored(e->plan, o) : o->args[i];
        if (jit_is_taken_in(e->plan, a))
            emit_settle_for(e, a, &e->r->ops[a]);
        else if (!(is_indifferent(o) && is_pending_itself(e, a)))
            emit_settle_value(e, a);
    }
}

void emit_pend(struct emit *e, vm_ir_value v, enum vm_type t)
{
    const struct vm_ir_op *o = &e->r->ops[v];
    unsigned args = vm_ir_op_args(e->r, o);
    for (unsigned i = 0; i < args; i++) {
        struct pending *p = find(e, e->plan->root[o->args[i]]);
        if (p && p->cover == NONE)
            p->cover = v;
    }
    e->pending[e->pending_count++] = (struct pending){v, NONE, NONE, e->plan->home[v], (uint8_t)t};
    if (has_fixed_home(e, v)) {
        e->pending[e->pending_count - 1].entry = NONE;
        settle(e, v);
    }
}

void emit_pending_box(struct emit *e, vm_ir_value v, vm_ir_value box, uint16_t entry)
{
    struct pending *p = find(e, e->plan->root[v]);
    if (p && p->entry != NONE) {
        settle(e, p->root);
        p = NULL;
    }
    emit_entry_written(e, entry);
    if (p) {
        p->box = box;
        p->entry = entry;
    }
}
