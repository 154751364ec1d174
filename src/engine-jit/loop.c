// SPDX-License-Identifier: MIT
//
// Finds loops of one block (loop.h).
#include "loop.h"

#include <vm/base/memory.h>

enum {
    NONE = VM_IR_NONE,
    WINDOW_BYTES = 1024,
    MOST_STEP = 64,  // with more a page has too few turns
    REACH = 1 << 24, // of constants
    OPS = 512,
    MOST_OFFSET = 1 << 16,
    DEPTH = 12, // of what values are made of
};

// --- the shape ---

// The goto that a block consists of, or NULL.
static const struct vm_ir_op *sole_goto(const struct vm_ir_region *r, unsigned block)
{
    const struct vm_ir_block *b = &r->blocks[block];
    const struct vm_ir_op *found = NULL;
    for (unsigned i = 0; i < b->count; i++) {
        const struct vm_ir_op *o = &r->ops[b->first + i];
        if (o->code == VM_IR_goto)
            found = o;
        else if (o->code != VM_IR_nop && !(o->code == VM_IR_insn && o->attr == 0))
            return NULL;
    }
    return found && !vm_ir_hint_pushes(vm_ir_hint_of(found)) ? found : NULL;
}

// Whether a value is made without what a turn loads. Loops that search end after a few turns,
// mostly: they had to pay for the gate and gain nothing.
static bool is_counted(const struct vm_ir_region *r, vm_ir_value v, unsigned depth)
{
    const struct vm_ir_op *o = &r->ops[v];
    unsigned args = vm_ir_op_args(r, o);
    if (depth == 0 || o->code == VM_IR_load)
        return false;
    for (unsigned i = 0; i < args; i++) {
        if (!is_counted(r, o->args[i], depth - 1))
            return false;
    }
    return true;
}

static bool has_shape(const struct vm_ir_region *r, struct jit_loop *l)
{
    if (r->block_count != 3)
        return false;
    const struct vm_ir_op *end = &r->ops[r->blocks[0].first + r->blocks[0].count - 1u];
    const struct vm_ir_op *start = vm_ir_first_marker(r, 0);
    if (end->code != VM_IR_branch || !start || start->attr == 0)
        return false;
    unsigned yes = (uint16_t)end->imm, no = (uint16_t)(end->imm >> 32);
    const struct vm_ir_op *to = sole_goto(r, yes), *other = sole_goto(r, no);
    if (yes == 0 || no == 0 || yes == no || !to || !other ||
        (to->imm == start->imm) == (other->imm == start->imm))
        return false;
    l->offset = start->imm;
    l->back_if = to->imm == start->imm;
    l->exit = l->back_if ? other->imm : to->imm;
    return l->exit < MOST_OFFSET && is_counted(r, end->args[0], DEPTH);
}

// Whether an op may be in the loop: nothing that looks at the state, takes time, or may fault but
// for what the windows say.
static bool may_be_in(const struct vm_ir_region *r, const struct vm_ir_op *o)
{
    unsigned effects = vm_ir_op_traits[o->code].effects;
    if (o->code == VM_IR_load || o->code == VM_IR_store)
        return jit_is_plain(o) && vm_ir_mem_align(o->attr) == VM_IR_ALIGN_ANY && o->type != VM_I128;
    if (o->code == VM_IR_get || o->code == VM_IR_put)
        return !vm_ir_in_fp_env(r->regfile, o->imm) && o->imm != r->regfile->pc;
    return !(effects & (VM_IR_E_CALL | VM_IR_E_FAULT | VM_IR_E_LOAD | VM_IR_E_STORE)) &&
           o->code != VM_IR_icount;
}

// --- addresses ---

static bool is_written_before(const struct vm_ir_region *r, uint64_t entry, vm_ir_value get)
{
    for (uint32_t i = r->blocks[0].first; i < get; i++) {
        if (r->ops[i].code == VM_IR_put && r->ops[i].imm == entry)
            return true;
    }
    return false;
}

static bool add_term(struct jit_affine *a, uint16_t entry, unsigned shift)
{
    if (a->entry[0] == NONE && shift == 0) {
        a->entry[0] = entry;
        return true;
    }
    if (a->entry[1] != NONE || shift > 3)
        return false;
    a->entry[1] = entry;
    a->shift = (uint8_t)shift;
    return true;
}

// Adds v << shift to the sum.
static bool add_value(const struct vm_ir_region *r, vm_ir_value v, unsigned shift, bool negative,
                      struct jit_affine *a, unsigned depth)
{
    const struct vm_ir_op *o = &r->ops[v];
    if (depth == 0 || o->type != VM_I64)
        return false;
    switch (o->code) {
    case VM_IR_const:
        a->constant += (int64_t)((negative ? 0 - o->imm : o->imm) << shift);
        return a->constant > -REACH && a->constant < REACH;
    case VM_IR_get:
        return !negative && !is_written_before(r, o->imm, v) &&
               add_term(a, (uint16_t)o->imm, shift);
    case VM_IR_add:
        return add_value(r, o->args[0], shift, negative, a, depth - 1) &&
               add_value(r, o->args[1], shift, negative, a, depth - 1);
    case VM_IR_sub:
        return add_value(r, o->args[0], shift, negative, a, depth - 1) &&
               add_value(r, o->args[1], shift, !negative, a, depth - 1);
    case VM_IR_shl:
        return r->ops[o->args[1]].code == VM_IR_const && r->ops[o->args[1]].imm < 8 &&
               add_value(r, o->args[0], shift + (unsigned)r->ops[o->args[1]].imm, negative, a,
                         depth - 1);
    default: return false;
    }
}

static bool find_affine(const struct vm_ir_region *r, vm_ir_value v, struct jit_affine *a)
{
    *a = (struct jit_affine){.entry = {NONE, NONE}};
    return add_value(r, v, 0, false, a, DEPTH);
}

// By how much an entry goes on in a turn.
static bool find_step(const struct vm_ir_region *r, uint16_t entry, int64_t *step)
{
    const struct vm_ir_block *b = &r->blocks[0];
    struct jit_affine a;
    *step = 0;
    for (uint32_t i = b->first + (uint32_t)b->count; entry != NONE && i-- > b->first;) {
        const struct vm_ir_op *o = &r->ops[i];
        if (o->code != VM_IR_put || o->imm != entry)
            continue;
        if (!find_affine(r, o->args[0], &a) || a.entry[0] != entry || a.entry[1] != NONE)
            return false;
        *step = a.constant;
        return true;
    }
    return true;
}

static bool is_same_place(const struct jit_affine *a, const struct jit_affine *b)
{
    return a->entry[0] == b->entry[0] && a->entry[1] == b->entry[1] && a->shift == b->shift;
}

// Into a window that has it, or can be made to, or a new one.
static bool place_access(struct jit_loop *l, uint32_t at, const struct jit_window *w)
{
    int64_t low = w->at.constant, end = low + w->bytes;
    for (unsigned i = 0; i < l->window_count; i++) {
        struct jit_window *to = &l->windows[i];
        int64_t first = to->at.constant < low ? to->at.constant : low;
        int64_t last = to->at.constant + to->bytes > end ? to->at.constant + to->bytes : end;
        if (!is_same_place(&to->at, &w->at) || last - first > WINDOW_BYTES)
            continue;
        to->at.constant = first;
        to->bytes = (uint16_t)(last - first);
        to->writes |= w->writes;
        l->window_of[at] = (uint8_t)i;
        return true;
    }
    if (l->window_count == JIT_WINDOWS)
        return false;
    l->window_of[at] = (uint8_t)l->window_count;
    l->windows[l->window_count++] = *w;
    return true;
}

static bool note_access(const struct vm_ir_region *r, struct jit_loop *l, uint32_t at)
{
    const struct vm_ir_op *o = &r->ops[at];
    struct jit_window w = {.bytes = (uint16_t)(1u << vm_ir_mem_size_log2(o->attr)),
                           .writes = o->code == VM_IR_store};
    int64_t first, second;
    if (!find_affine(r, o->args[0], &w.at) || w.at.entry[0] == NONE ||
        !find_step(r, w.at.entry[0], &first) || !find_step(r, w.at.entry[1], &second))
        return false;
    int64_t step = first + second * (1 << w.at.shift);
    w.at.constant += (int64_t)o->imm;
    w.step = (int16_t)step;
    return step >= -MOST_STEP && step <= MOST_STEP && w.at.constant > -REACH &&
           w.at.constant < REACH && place_access(l, at, &w);
}

// --- flags ---

// Whether a value can still be read when the turn ends, where its home has it.
static bool is_there_at_end(const struct jit_plan *p, vm_ir_value v)
{
    const struct vm_ir_block *b = &p->r->blocks[0];
    vm_ir_value root = p->root[v];
    uint16_t home = p->home[root];
    if (p->r->ops[root].code == VM_IR_const)
        return true;
    if (home == NONE)
        return false;
    for (uint32_t i = b->first; i < b->first + (uint32_t)b->count; i++) {
        const struct vm_ir_op *o = &p->r->ops[i];
        if (o->code == VM_IR_put && o->imm == home && p->effect[i] >= root &&
            p->root[o->args[0]] != root)
            return false;
    }
    return true;
}

// Whether all that the comparison is made of is there.
static bool can_wait(const struct jit_plan *p, const struct vm_ir_op *o)
{
    unsigned args = vm_ir_op_args(p->r, o);
    for (unsigned i = 0; i < args; i++) {
        vm_ir_value v = o->args[i];
        if (jit_is_taken_in(p, v) ? !can_wait(p, &p->r->ops[v]) : !is_there_at_end(p, v))
            return false;
    }
    return true;
}

// The last comparison, if nobody looks at its flags but the put, nor at the entry.
static vm_ir_value find_flags(const struct jit_plan *p)
{
    const struct vm_ir_block *b = &p->r->blocks[0];
    vm_ir_value found = NONE;
    for (uint32_t i = b->first; i < b->first + (uint32_t)b->count; i++) {
        const struct vm_ir_op *o = &p->r->ops[i];
        if (o->code == VM_IR_get && o->type == VM_FLAGS)
            return NONE;
        if (o->code != VM_IR_put || p->r->regfile->registers[o->imm].type != VM_FLAGS)
            continue;
        vm_ir_value v = p->root[o->args[0]];
        bool waits = p->marks[i] & JIT_FUSED && p->uses[v] == 1 && can_wait(p, &p->r->ops[v]);
        found = waits ? v : (vm_ir_value)NONE;
    }
    return found;
}

// --- the whole ---

static bool note_ops(const struct vm_ir_region *r, struct jit_loop *l)
{
    const struct vm_ir_block *b = &r->blocks[0];
    for (uint32_t i = b->first; i + 1 < b->first + (uint32_t)b->count; i++) {
        const struct vm_ir_op *o = &r->ops[i];
        if (!may_be_in(r, o))
            return false;
        if ((o->code == VM_IR_load || o->code == VM_IR_store) && !note_access(r, l, i))
            return false;
        l->insns += o->code == VM_IR_insn && o->attr;
    }
    return true;
}

const struct jit_loop *jit_plan_loop(const struct jit_plan *p, struct vm_arena *arena)
{
    const struct vm_ir_region *r = p->r;
    struct jit_loop l = {.window_of = NULL};
    if (r->op_count > OPS || !has_shape(r, &l))
        return NULL;
    l.window_of = vm_arena_alloc(arena, r->op_count, 1);
    struct jit_loop *made = vm_arena_alloc(arena, sizeof *made, 8);
    if (!l.window_of || !made || !note_ops(r, &l))
        return NULL;
    l.flags = find_flags(p);
    *made = l;
    return made;
}
