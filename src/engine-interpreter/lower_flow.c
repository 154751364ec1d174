// SPDX-License-Identifier: MIT
//
// What terminators become: jumps, branches with a comparison in them, and the ways out. Retired
// instructions are counted once on each way through the region, as late as can be.
#include <vm/base/bits.h>

#include "lower.h"

// Where an edge closes a loop: leaves for the run loop if it is wanted, at the target's first
// marker.
static void emit_poll(struct lowering *l, uint16_t target)
{
    const struct vm_ir_op *marker = vm_ir_first_marker(l->r, target);
    if (!vm_ir_closes_loop(l->block, target) || !marker)
        return;
    unsigned begun = marker->attr == 0; // the instruction is counted, and begins anew
    lower_emit(l, BC_poll, (uint16_t)(l->retired - begun), 0, 0, marker->imm);
}

// A block with one way in goes on counting where the way began; else the way counts.
static bool takes_count_over(const struct lowering *l, uint16_t target)
{
    return l->ways_in[target] == 1 && target > l->block;
}

// Whether nothing is to be done on the way.
static bool is_plain_edge(const struct lowering *l, uint16_t target)
{
    return l->r->blocks[target].params == 0 && takes_count_over(l, target);
}

// The whole way to a target; it may fall through to the block that is lowered next.
static void emit_way(struct lowering *l, uint16_t target, uint32_t extra, bool may_fall)
{
    bool over = takes_count_over(l, target);
    if (over)
        l->begun[target] = l->retired;
    emit_poll(l, target);
    lower_edge(l, target, extra);
    if (may_fall && over && target == l->block + 1)
        return;
    lower_emit(l, BC_jump, over ? 0 : l->retired, 0, 0, 0);
    lower_fixup(l, target, 0);
}

void lower_jump(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    emit_way(l, (uint16_t)o->imm, o->args[3], true);
}

// The operation of a comparison's branch for a type.
static unsigned branch_code(unsigned compare, bool negate, enum vm_type t, bool imm)
{
    static const uint16_t first[] = {BC_beq_32,  BC_bne_32,  BC_blts_32,
                                     BC_bles_32, BC_bltu_32, BC_bleu_32};
    enum { NEGATED = BC_bneq_32 - BC_beq_32, WIDE = BC_beq_64 - BC_beq_32 };
    return first[compare - VM_IR_eq] + (negate ? NEGATED : 0u) + (t == VM_I64 ? WIDE : 0u) + imm;
}

static bool is_short_const(const struct lowering *l, vm_ir_value v)
{
    return lower_is_const(l, v) && lower_constant(l, v) == vm_sign_extend(lower_constant(l, v), 32);
}

// The fused forms: register (imm: target 0-15) and immediate (and a signed 32-bit constant in
// 16-47). A constant on the left changes sides: k < a is not a <= k.
static void emit_branch_compare(struct lowering *l, const struct vm_ir_op *compare, bool negate)
{
    static const struct {
        uint16_t code;
        bool negate;
    } mirrored[] = {{VM_IR_eq, false}, {VM_IR_ne, false}, {VM_IR_les, true},
                    {VM_IR_lts, true}, {VM_IR_leu, true}, {VM_IR_ltu, true}};
    unsigned code = compare->code;
    vm_ir_value x = compare->args[0], y = compare->args[1];
    if (is_short_const(l, x) && !lower_is_const(l, y)) {
        negate ^= mirrored[code - VM_IR_eq].negate;
        code = mirrored[code - VM_IR_eq].code;
        x = compare->args[1];
        y = compare->args[0];
    }
    bool imm = is_short_const(l, y);
    uint64_t constant = imm ? (lower_constant(l, y) & UINT32_MAX) << 16 : 0;
    uint16_t a = lower_operand(l, x);
    uint16_t b = imm ? 0 : lower_operand(l, y);
    lower_emit(l, (enum bytecode)branch_code(code, negate, (enum vm_type)compare->type, imm), 0, a,
               b, constant);
}

static void emit_branch(struct lowering *l, const struct vm_ir_op *o, bool negate)
{
    vm_ir_value cond = o->args[0];
    if (l->root[cond] == cond && l->taken_in[cond]) {
        emit_branch_compare(l, &l->r->ops[cond], negate);
        return;
    }
    uint16_t a = lower_operand(l, cond);
    lower_emit(l, negate ? BC_branch_not : BC_branch, 0, a, 0, 0);
}

// The first target's way follows the branch, which goes to the second one directly where nothing is
// to be done on the way.
void lower_branch(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    uint16_t then_block = (uint16_t)o->imm, else_block = (uint16_t)(o->imm >> 32);
    uint32_t then_args = l->r->blocks[then_block].params;
    uint32_t else_args = l->r->blocks[else_block].params;
    uint32_t extra = o->args[3];
    // A constant's slot must be filled on both ways.
    for (uint32_t i = 0; i < then_args + else_args; i++)
        lower_operand(l, l->r->extra[extra + i]);
    emit_branch(l, o, true);
    if (is_plain_edge(l, else_block)) {
        l->begun[else_block] = l->retired;
        lower_fixup(l, else_block, 0);
        emit_way(l, then_block, extra, true);
        return;
    }
    uint32_t branch = l->count - 1;
    emit_way(l, then_block, extra, false);
    if (!l->failed)
        l->code[branch].imm |= l->count;
    emit_way(l, else_block, extra + then_args, true);
}

void lower_goto(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    bool near = vm_translate_is_near(l->in->vcpu->guest, o->imm);
    enum bytecode c = near ? BC_goto_near : BC_goto_far;
    lower_emit(l, c, l->retired, l->link_count++, 0, o->imm);
}

void lower_goto_ind(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, BC_goto_ind, l->retired, a, o->attr == VM_IR_HINT_RESYNC, 0);
}

void lower_raise(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    uint16_t a = lower_operand(l, o->args[0]);
    lower_emit(l, BC_raise, 0, a, 0, o->imm);
}

void lower_exit(struct lowering *l, vm_ir_value v, const struct vm_ir_op *o)
{
    (void)v;
    lower_emit(l, BC_exit, l->retired, o->attr, 0, o->imm);
}

// A branch whose two ways are nothing but near exits takes them in.
void lower_join_exits(struct lowering *l)
{
    enum { FAMILY = BC_ne_8 - BC_eq_8, FIRST = BC_beq_32 - BC_eq_8, LEAVES = BC_xbeq_32 - BC_eq_8 };
    for (uint32_t i = 0; i + 2 < l->count; i++) {
        struct code *c = &l->code[i];
        if (c->op < BC_eq_8 || c->op > BC_xbnleu_64i || (c->imm & 0xffff) != i + 2 ||
            c[1].op != BC_goto_near || c[2].op != BC_goto_near)
            continue;
        unsigned form = (c->op - BC_eq_8) % FAMILY;
        if (form >= FIRST && form < LEAVES)
            c->op = (uint16_t)(c->op + (LEAVES - FIRST));
    }
}
