// SPDX-License-Identifier: MIT
//
// Emits a block: one walk over its ops, then the cold section.
#include "emit.h"

#include <stddef.h>
#include <vm/base/memory.h>

// Those that calls preserve first: fewer have to be saved around them.
const uint8_t x64_fixed[FIXED_COUNT] = {
    X64_RBX, X64_R12, X64_R13, X64_R15, X64_RSI, X64_RDI, X64_R8, X64_R9, X64_R10, X64_R11,
};

void emit_op(struct emit *e, vm_ir_value v)
{
    static emit_fn *const table[VM_IR_CODE_COUNT] = {
#define VM_IR_OP(name, types, signature, effects, text) [VM_IR_##name] = emit_op_##name,
#include <vm/ir/ops.def>
    };
    const struct vm_ir_op *o = &e->r->ops[v];
    e->at = v;
    e->locked = 0;
    e->span_locked = false;
    e->xmm_locked = 0;
    if (jit_is_taken_in(e->plan, v))
        return;
    if (e->block_floats && o->code != VM_IR_nop && o->code != VM_IR_const)
        emit_go_live(e);
    if (e->pending_count)
        emit_settle_for(e, v, o);
    table[o->code](e, v, o);
}

// Most ops become no instruction: what the plan says of those, and markers, go by quickly.
static void emit_ops(struct emit *e, uint32_t first, uint32_t end)
{
    const struct vm_ir_op *ops = e->r->ops;
    const uint8_t *marks = e->plan->marks;
    for (uint32_t i = first; i < end; i++) {
        if (marks[i] & JIT_SILENT && !e->pending_count)
            continue;
        if (ops[i].code == VM_IR_insn) {
            emit_op_insn(e, (vm_ir_value)i, &ops[i]);
            continue;
        }
        emit_op(e, (vm_ir_value)i);
        if (VM_UNLIKELY(e->failed || e->code.overflow))
            return;
    }
}

static void emit_ir_block(struct emit *e, uint16_t index)
{
    const struct vm_ir_block *b = &e->r->blocks[index];
    e->ir_block = index;
    e->retired = e->begun[index];
    emit_forget_temps(e);
    x64_bind(&e->code, &e->labels[index]);
    e->float_live = false;
    e->block_floats = e->uses_float && emit_has_floats(e, index);
    if (index == 0 && e->uses_float) {
        const uint8_t *entry = e->code.at;
        emit_float_entry(e);
        e->live_entry = (unsigned)(e->code.at - entry);
    }
    emit_ops(e, b->first, b->first + (uint32_t)b->count);
}

// Room for what can be known ahead: at most two ways for each terminator, two cold pieces for each
// op.
static bool allocate(struct emit *e)
{
    const size_t by_block = sizeof *e->labels + sizeof *e->begun + sizeof *e->done;
    const struct vm_ir_region *r = e->r;
    struct vm_arena *a = e->scratch;
    uint32_t n = r->op_count, count = r->block_count, spans = e->plan->span_count;
    size_t zeros = by_block * count + sizeof(uint16_t) * (n + spans + 1);
    e->way_capacity = 2 * count; // a call and its return
    e->cold_capacity = (e->loop ? 4 : 2) * n + 6 * count;
    e->labels = vm_arena_alloc(a, zeros + 2 * (size_t)n, 8);
    e->cold = vm_arena_alloc(a, (e->cold_capacity + 1) * sizeof *e->cold, 8); // one is spare
    e->ways = vm_arena_alloc(a, e->way_capacity * sizeof *e->ways, 8);
    if (!e->labels || !e->cold || !e->ways)
        return false;
    e->begun = (int16_t *)(e->labels + count);
    e->slot_of = (uint16_t *)(e->begun + count);
    e->span_slot = e->slot_of + n;
    e->done = (bool *)(e->span_slot + spans + 1);
    e->reg_of = (uint8_t *)(e->done + count);
    e->xmm_of = e->reg_of + n;
    vm_zero(e->labels, zeros);
    vm_fill(e->reg_of, NO_REG, 2 * n); // and xmm_of
    return true;
}

// With its ways, whose number is known only now.
static struct jit_block *create_block(struct emit *e)
{
    size_t n = e->way_count;
    struct jit_block *b = vm_arena_alloc(e->arena, sizeof *b + n * sizeof *b->ways, 8);
    if (!b)
        return NULL;
    *b = (struct jit_block){
        .common = {.links = &b->ways[0].common, .link_count = (uint16_t)n},
        .place = (uint32_t)(e->start - e->jit->exec.write),
        .live_entry = (uint16_t)e->live_entry,
    };
    vm_copy(b->ways, e->ways, n * sizeof *b->ways);
    return b;
}

// The tables of the jit's `fixed`.
enum { GENERAL, XMM, NEITHER };

static uint8_t *fixed_table(const struct jit *j, unsigned which)
{
    return j->fixed + (size_t)which * j->vcpu->guest->regfile->count;
}

void emit_fix_registers(struct jit *j)
{
    const struct vm_regfile *regfile = j->vcpu->guest->regfile;
    const uint16_t *hot = regfile->hot;
    uint8_t *general = fixed_table(j, GENERAL), *xmm = fixed_table(j, XMM);
    vm_fill(j->fixed, NO_REG, (size_t)JIT_FIXED_TABLES * regfile->count);
    for (unsigned i = 0; i < FIXED_COUNT && hot && hot[i] != VM_IR_NONE; i++)
        general[hot[i]] = x64_fixed[i];
    j->flags_entry = emit_flags_entry(regfile);
    j->fixed_xmm = emit_fixed_xmm_count(regfile);
    for (unsigned i = 0; i < j->fixed_xmm; i++)
        xmm[regfile->hot_float[i]] = (uint8_t)(XMM_COUNT - 1 - i);
}

static void begin_registers(struct emit *e)
{
    bool soft = e->jit->soft_float;
    e->fixed = fixed_table(e->jit, GENERAL);
    e->fixed_xmm = fixed_table(e->jit, soft ? NEITHER : XMM);
    e->xmm_temps = XMM_COUNT - (soft ? 0 : e->jit->fixed_xmm);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(e->temps); i++)
        e->temps[i] = VM_IR_NONE;
    for (unsigned i = 0; i < XMM_COUNT; i++)
        e->xmms[i] = VM_IR_NONE;
    e->ahead_xmm = e->sha_xmm[0] = e->sha_xmm[1] = NO_REG;
}

static bool uses_float(const struct emit *e)
{
    for (uint16_t i = 0; i < e->r->block_count; i++) {
        if (emit_has_floats(e, i))
            return true;
    }
    return false;
}

static void emit_code(struct emit *e)
{
    for (uint16_t i = 0; i < e->r->block_count && !e->failed && !e->code.overflow; i++) {
        if (!e->done[i])
            emit_ir_block(e, i);
    }
    if (e->loop && !e->failed && !e->code.overflow)
        emit_loop(e);
}

struct jit_block *jit_emit_block(struct jit *j, const struct jit_plan *plan, uint32_t mode,
                                 uint8_t *place, uint8_t *end, struct vm_arena *arena, bool *full)
{
    bool near_end = end - place <= JIT_CODE_MOST;
    struct emit e;
    vm_zero(&e, offsetof(struct emit, pending));
    e.code = (struct x64_code){.at = place, .end = near_end ? end : place + JIT_CODE_MOST};
    e.start = place;
    e.jit = j;
    e.r = plan->r;
    e.plan = plan;
    e.loop = plan->loop;
    e.mode = mode;
    e.scratch = &j->scratch;
    e.arena = arena;
    if (!allocate(&e))
        return NULL;
    begin_registers(&e);
    e.uses_float = plan->has_float && uses_float(&e);
    emit_code(&e);
    j->aside = (unsigned)(e.code.at - place);
    struct jit_block *b = create_block(&e);
    if (b)
        emit_cold_section(&e, b);
    *full = e.code.overflow && near_end;
    if (!b || e.failed || e.code.overflow)
        return NULL;
    b->code_bytes = (uint16_t)(e.code.at - place);
    return b;
}
