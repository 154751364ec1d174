// SPDX-License-Identifier: MIT
//
// Who uses what in a region, and which ops need no operation of their own:
//
// - trunc, fbits, bitsf, lo, and sext of an i32 that an operation made (those lie sign-extended)
//   are other names for the same slot.
// - A comparison that only its block's branch uses is part of the branch; an i64 operation of which
//   only the sign-extended low word is used is part of the extract.
#include "lower.h"

#include <vm/base/bits.h>

enum { NONE = VM_IR_NONE };

static const struct vm_ir_op *op_at(const struct lowering *l, vm_ir_value v)
{
    return &l->r->ops[v];
}

static bool is_word_result(const struct lowering *l, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(l, v);
    if (vm_ir_value_type(l->r, v) != VM_I32)
        return false;
    switch (o->code) {
    case VM_IR_add:
    case VM_IR_sub:
    case VM_IR_mul:
    case VM_IR_mulhu:
    case VM_IR_mulhs:
    case VM_IR_mulhsu:
    case VM_IR_divu:
    case VM_IR_divs:
    case VM_IR_remu:
    case VM_IR_rems:
    case VM_IR_and:
    case VM_IR_or:
    case VM_IR_xor:
    case VM_IR_shl:
    case VM_IR_shr:
    case VM_IR_sar:
    case VM_IR_rotr:
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax:
    case VM_IR_clz:
    case VM_IR_ctz:
    case VM_IR_popcnt:
    case VM_IR_bswap:
    case VM_IR_load:
    case VM_IR_ftos:
    case VM_IR_ftou:
    case VM_IR_ftom:
    case VM_IR_const: return true;
    default: return false;
    }
}

// The value whose slot v shares: another one, or v itself. A value that is defined further down
// (its block dominates but lies behind) has no root yet.
static vm_ir_value root_of(const struct lowering *l, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(l, v);
    if (o->args[0] >= v)
        return v;
    switch (o->code) {
    case VM_IR_trunc:
    case VM_IR_fbits:
    case VM_IR_bitsf:
    case VM_IR_lo:
    case VM_IR_flagbits: return l->root[o->args[0]];
    case VM_IR_sext: {
        vm_ir_value root = l->root[o->args[0]];
        bool whole = o->type == VM_I64 && o->args[0] == root;
        return whole && is_word_result(l, root) ? root : v;
    }
    default: return v;
    }
}

static void note_use(struct lowering *l, vm_ir_value v, uint32_t at, uint16_t block)
{
    vm_ir_value root = l->root[v];
    if (l->uses[root] < UINT16_MAX)
        l->uses[root]++;
    if (at > l->last_use[root])
        l->last_use[root] = (uint16_t)at;
    if (l->block_of[root] != block)
        l->escapes[root] = true;
}

static void note_uses(struct lowering *l, uint16_t block)
{
    const struct vm_ir_region *r = l->r;
    uint32_t first = r->blocks[block].first, end = first + r->blocks[block].count;
    unsigned count;
    const vm_ir_value *given = vm_ir_given_args(r, block, &count);
    for (uint32_t i = first; i < end; i++) {
        const struct vm_ir_op *o = &r->ops[i];
        unsigned args = vm_ir_op_args(r, o);
        for (unsigned a = 0; a < args; a++)
            note_use(l, o->args[a], i, block);
    }
    for (unsigned g = 0; g < count; g++)
        note_use(l, given[g], end - 1, block);
}

static bool is_compare(const struct vm_ir_op *o)
{
    return o->code >= VM_IR_eq && o->code <= VM_IR_leu;
}

// The comparison that a branch can take in, or NONE.
static vm_ir_value branch_compare(const struct lowering *l, const struct vm_ir_op *branch,
                                  uint16_t block)
{
    vm_ir_value v = branch->args[0];
    const struct vm_ir_op *o = op_at(l, v);
    bool fits = is_compare(o) && (o->type == VM_I64 || o->type == VM_I32);
    return fits && l->block_of[v] == block && l->uses[v] == 1 ? v : NONE;
}

static void take_compare_in(struct lowering *l, uint16_t block)
{
    const struct vm_ir_block *b = &l->r->blocks[block];
    uint32_t last = b->first + b->count - 1u;
    if (b->count == 0 || l->r->ops[last].code != VM_IR_branch)
        return;
    vm_ir_value compare = branch_compare(l, &l->r->ops[last], block);
    if (compare == NONE)
        return;
    l->taken_in[compare] = true;
    note_use(l, l->r->ops[compare].args[0], last, block);
    note_use(l, l->r->ops[compare].args[1], last, block);
}

// What a sign-extended word can be made of by an operation on words, which leaves it so.
static bool has_word_form(const struct lowering *l, const struct vm_ir_op *o)
{
    switch (o->code) {
    case VM_IR_add:
    case VM_IR_sub:
    case VM_IR_mul:
    case VM_IR_and:
    case VM_IR_or:
    case VM_IR_xor: return true;
    case VM_IR_shl: return vm_ir_is_const(l->r, o->args[1]) && l->r->ops[o->args[1]].imm < 32;
    default: return false;
    }
}

// RISC-V's ADDW and its like: the low word of an i64 operation that nothing else uses.
static void take_word_in(struct lowering *l, uint32_t at, uint16_t block)
{
    const struct vm_ir_op *o = &l->r->ops[at];
    vm_ir_value v = o->args[0];
    if (o->code != VM_IR_extract || o->type != VM_I64 ||
        o->attr != (VM_IR_FIELD(0, 32) | VM_IR_FIELD_SIGNED) || l->block_of[v] != block ||
        l->uses[v] != 1 || !has_word_form(l, op_at(l, v)))
        return;
    l->taken_in[v] = true;
    note_use(l, op_at(l, v)->args[0], at, block);
    note_use(l, op_at(l, v)->args[1], at, block);
}

static void find_roots(struct lowering *l)
{
    vm_ir_find_blocks(l->r, l->block_of);
    for (uint32_t i = 0; i < l->r->op_count; i++)
        l->root[i] = root_of(l, (vm_ir_value)i);
}

static void find_uses(struct lowering *l)
{
    const struct vm_ir_region *r = l->r;
    for (uint16_t b = 0; b < r->block_count; b++)
        note_uses(l, b);
    for (uint32_t i = 0; i < r->op_count; i++) {
        if (l->block_of[i] != NONE)
            take_word_in(l, i, l->block_of[i]);
    }
    for (uint16_t b = 0; b < r->block_count; b++)
        take_compare_in(l, b);
}

void lower_find_uses(struct lowering *l)
{
    find_roots(l);
    find_uses(l);
    vm_ir_count_ways_in(l->r, l->ways_in);
}
