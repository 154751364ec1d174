// SPDX-License-Identifier: MIT
//
// Copy propagation. A parameter that gets one and the same value v from every predecessor (or
// itself, round a loop) is v; v's definition dominates the block, since it dominates every way in.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "rewrite.h"

struct copier {
    struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    vm_ir_value *map;
    bool *dead; // parameters that became copies
};

// The one value that parameter `index` of the block can have, or VM_IR_NONE.
static vm_ir_value only_value(const struct copier *c, unsigned block, unsigned index)
{
    const struct vm_ir_region *r = c->region;
    vm_ir_value self = (vm_ir_value)(r->blocks[block].first + index), only = VM_IR_NONE;
    for (uint32_t p = c->cfg.pred_first[block]; p < c->cfg.pred_first[block + 1]; p++) {
        const struct vm_ir_op *term = vm_ir_terminator(r, c->cfg.preds[p]);
        uint16_t targets[2];
        unsigned n = vm_ir_successors(term, targets), given;
        for (unsigned t = 0; t < n; t++) {
            if (targets[t] != block)
                continue;
            vm_ir_value v = vm_ir_map_find(c->map, vm_ir_target_args(r, term, t, &given)[index]);
            if (v == self || v == only)
                continue;
            if (only != VM_IR_NONE)
                return VM_IR_NONE;
            only = v;
        }
    }
    return only;
}

static bool copy_params(struct copier *c, unsigned block)
{
    const struct vm_ir_block *b = &c->region->blocks[block];
    bool changed = false;
    for (unsigned i = 0; i < b->params; i++) {
        if (c->dead[b->first + i])
            continue;
        vm_ir_value v = only_value(c, block, i);
        if (v == VM_IR_NONE)
            continue;
        c->map[b->first + i] = v;
        c->dead[b->first + i] = changed = true;
    }
    return changed;
}

static void copy_selects(struct copier *c, unsigned block)
{
    const struct vm_ir_region *r = c->region;
    for (unsigned k = 0; k < r->blocks[block].count; k++) {
        unsigned i = r->blocks[block].first + k;
        const struct vm_ir_op *op = &r->ops[i];
        if (op->code != VM_IR_select)
            continue;
        vm_ir_value cond = vm_ir_map_find(c->map, op->args[0]);
        vm_ir_value yes = vm_ir_map_find(c->map, op->args[1]);
        vm_ir_value no = vm_ir_map_find(c->map, op->args[2]);
        if (yes == no || r->ops[cond].code == VM_IR_const)
            c->map[i] = yes == no || r->ops[cond].imm ? yes : no;
    }
}

void vm_ir_pass_copy(struct vm_ir_region *r)
{
    struct copier c = {.region = r, .map = vm_ir_map_new(r)};
    c.dead = vm_ir_scratch(r, r->op_count, sizeof *c.dead);
    if (!c.map || !c.dead || !vm_ir_cfg_build(r, &c.cfg))
        return;
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = 0; i < c.cfg.count; i++) {
            copy_selects(&c, c.cfg.order[i]);
            changed |= copy_params(&c, c.cfg.order[i]);
        }
    }
    vm_ir_map_apply(r, c.map);
    vm_ir_remove_params(r, c.dead);
}
