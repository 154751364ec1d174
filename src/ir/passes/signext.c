// SPDX-License-Identifier: MIT
//
// Removes extensions, fields, masks and stores' masks that change nothing, by what is known of the
// bits of each value (known.h). One walk in reverse postorder; a parameter knows what all the
// arguments seen before have in common, or nothing where one comes round a loop.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "known.h"
#include "rewrite.h"

#include <vm/base/bits.h>

struct signext {
    struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    struct vm_ir_known *known;
    vm_ir_value *map;
};

static bool is_narrow_int(enum vm_type t)
{
    return VM_TYPE_BIT(t) & VM_TYPES_INT;
}

static struct vm_ir_known known_of_param(const struct signext *s, unsigned block, unsigned index)
{
    const struct vm_ir_region *r = s->region;
    unsigned bits = vm_ir_type_bits((enum vm_type)r->ops[r->blocks[block].first + index].type);
    struct vm_ir_known all = {UINT64_MAX, (uint8_t)bits};
    for (uint32_t p = s->cfg.pred_first[block]; p < s->cfg.pred_first[block + 1]; p++) {
        const struct vm_ir_op *term = vm_ir_terminator(r, s->cfg.preds[p]);
        uint16_t targets[2];
        unsigned n = vm_ir_successors(term, targets), given;
        for (unsigned t = 0; t < n; t++) {
            if (targets[t] != block)
                continue;
            vm_ir_value v = s->map[vm_ir_target_args(r, term, t, &given)[index]];
            if (!s->known[v].signs)
                return vm_ir_known_nothing(bits);
            all = vm_ir_known_meet(all, s->known[v]);
        }
    }
    return all;
}

// The operand of the trunc that an extension to the trunc's own source type undoes, or VM_IR_NONE.
static vm_ir_value extended_back(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    const struct vm_ir_op *inner = &r->ops[op->args[0]];
    if (inner->code != VM_IR_trunc || vm_ir_value_type(r, inner->args[0]) != op->type)
        return VM_IR_NONE;
    return inner->args[0];
}

// Whether x is the sign extension, or the zero extension, of its low `low` bits out of `bits`.
static bool is_extended(const struct vm_ir_known *x, unsigned low, unsigned bits, bool sign)
{
    return sign ? x->signs > bits - low : (x->zeros | vm_mask(low)) == UINT64_MAX;
}

// The operand that op has the value of, or VM_IR_NONE.
static vm_ir_value same_as(const struct signext *s, const struct vm_ir_op *op)
{
    const struct vm_ir_region *r = s->region;
    unsigned bits = vm_ir_type_bits((enum vm_type)op->type);
    vm_ir_value x = op->args[0];
    switch (op->code) {
    case VM_IR_sext:
    case VM_IR_zext: {
        unsigned low = vm_ir_type_bits(vm_ir_value_type(r, x));
        x = extended_back(r, op);
        return x != VM_IR_NONE && is_extended(&s->known[x], low, bits, op->code == VM_IR_sext)
                   ? x
                   : VM_IR_NONE;
    }
    case VM_IR_extract:
        return !VM_IR_FIELD_POS(op->attr) && is_extended(&s->known[x], VM_IR_FIELD_LEN(op->attr),
                                                         bits, op->attr & VM_IR_FIELD_SIGNED)
                   ? x
                   : VM_IR_NONE;
    case VM_IR_and:
        return vm_ir_is_const(r, op->args[1]) &&
                       (s->known[x].zeros | r->ops[op->args[1]].imm) == UINT64_MAX
                   ? x
                   : VM_IR_NONE;
    default: return VM_IR_NONE;
    }
}

// The value whose low `size` bits a store of v may take as well: v without masks and extensions.
static vm_ir_value stored(const struct vm_ir_region *r, vm_ir_value v, unsigned size)
{
    for (;;) {
        const struct vm_ir_op *op = &r->ops[v];
        vm_ir_value x =
            op->code == VM_IR_sext || op->code == VM_IR_zext ? extended_back(r, op) : op->args[0];
        bool keeps = false;
        if (op->code == VM_IR_sext || op->code == VM_IR_zext)
            keeps = x != VM_IR_NONE && vm_ir_type_bits(vm_ir_value_type(r, op->args[0])) >= size;
        else if (op->code == VM_IR_extract)
            keeps = !VM_IR_FIELD_POS(op->attr) && VM_IR_FIELD_LEN(op->attr) >= size;
        else if (op->code == VM_IR_and && vm_ir_is_const(r, op->args[1]))
            keeps = !(~r->ops[op->args[1]].imm & vm_mask(size));
        if (!keeps)
            return v;
        v = x;
    }
}

static void make_zero(struct vm_ir_op *op, enum vm_type type)
{
    vm_ir_make_nop(op);
    op->code = VM_IR_const;
    op->type = (uint8_t)type;
}

static void visit(struct signext *s, vm_ir_value v)
{
    struct vm_ir_region *r = s->region;
    struct vm_ir_op *op = &r->ops[v];
    unsigned count = vm_ir_op_args(r, op);
    for (unsigned i = 0; i < count; i++)
        op->args[i] = s->map[op->args[i]];
    if (op->code == VM_IR_store)
        op->args[1] = stored(r, op->args[1], 8u << vm_ir_mem_size_log2(op->attr));
    enum vm_type type = vm_ir_value_type(r, v);
    if (!is_narrow_int(type) || op->code == VM_IR_param)
        return;
    vm_ir_value same = same_as(s, op);
    vm_ir_known_compute(r, s->known, v);
    if (same != VM_IR_NONE)
        s->map[v] = same;
    else if (s->known[v].zeros == UINT64_MAX && op->code != VM_IR_const &&
             !vm_ir_op_infos[op->code].effects)
        make_zero(op, type);
}

static void visit_block(struct signext *s, unsigned block)
{
    const struct vm_ir_block *b = &s->region->blocks[block];
    for (unsigned i = 0; i < b->params; i++)
        if (is_narrow_int((enum vm_type)s->region->ops[b->first + i].type))
            s->known[b->first + i] = known_of_param(s, block, i);
    for (unsigned i = 0; i < b->count; i++)
        visit(s, (vm_ir_value)(b->first + i));
}

void vm_ir_pass_signext(struct vm_ir_region *r)
{
    struct signext s = {.region = r, .map = vm_ir_map_new(r)};
    s.known = vm_ir_scratch(r, r->op_count, sizeof *s.known);
    if (!s.map || !s.known || !vm_ir_cfg_build(r, &s.cfg))
        return;
    for (uint32_t i = 0; i < s.cfg.count; i++)
        visit_block(&s, s.cfg.order[i]);
    vm_ir_map_apply(r, s.map);
}
