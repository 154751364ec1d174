// SPDX-License-Identifier: MIT
//
// Dead code: marks what has an effect and what that uses, and removes the rest.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "rewrite.h"

struct marking {
    struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    uint16_t *block_of;
    bool *live;
    vm_ir_value *work; // live values whose operands are not marked yet
    uint32_t work_count;
};

static void mark(struct marking *m, vm_ir_value v)
{
    if (m->live[v])
        return;
    m->live[v] = true;
    m->work[m->work_count++] = v;
}

// The arguments that the predecessors give for parameter v.
static void mark_arguments(struct marking *m, vm_ir_value v)
{
    const struct vm_ir_region *r = m->region;
    unsigned block = m->block_of[v], index = v - r->blocks[block].first;
    for (uint32_t p = m->cfg.pred_first[block]; p < m->cfg.pred_first[block + 1]; p++) {
        const struct vm_ir_op *term = vm_ir_terminator(r, m->cfg.preds[p]);
        uint16_t targets[2];
        unsigned n = vm_ir_successors(term, targets), given;
        for (unsigned t = 0; t < n; t++)
            if (targets[t] == block)
                mark(m, vm_ir_target_args(r, term, t, &given)[index]);
    }
}

static void mark_all(struct marking *m)
{
    const struct vm_ir_region *r = m->region;
    for (uint32_t i = 0; i < m->cfg.count; i++) {
        const struct vm_ir_block *b = &r->blocks[m->cfg.order[i]];
        for (unsigned v = b->first; v < (unsigned)b->first + b->count; v++)
            if (r->ops[v].code != VM_IR_param && !vm_ir_op_is_pure(r, &r->ops[v]))
                mark(m, (vm_ir_value)v);
    }
    while (m->work_count) {
        vm_ir_value v = m->work[--m->work_count];
        const struct vm_ir_op *op = &r->ops[v];
        unsigned count = vm_ir_op_args(r, op);
        for (unsigned i = 0; i < count; i++)
            mark(m, op->args[i]);
        if (op->code == VM_IR_param)
            mark_arguments(m, v);
    }
}

static void remove_unreached(struct marking *m)
{
    for (unsigned b = 0; b < m->region->block_count; b++) {
        struct vm_ir_block *block = &m->region->blocks[b];
        if (vm_ir_cfg_reached(&m->cfg, b))
            continue;
        for (unsigned i = 0; i < block->count; i++)
            vm_ir_make_nop(&m->region->ops[block->first + i]);
        block->count = block->params = 0;
    }
}

void vm_ir_pass_dce(struct vm_ir_region *r)
{
    struct marking m = {.region = r, .block_of = vm_ir_block_of(r)};
    m.live = vm_ir_scratch(r, r->op_count, sizeof *m.live);
    m.work = vm_ir_scratch(r, r->op_count, sizeof *m.work);
    bool *dead_params = vm_ir_scratch(r, r->op_count, sizeof *dead_params);
    if (!m.block_of || !m.live || !m.work || !dead_params || !vm_ir_cfg_build(r, &m.cfg))
        return;
    remove_unreached(&m);
    mark_all(&m);
    for (uint32_t v = 0; v < r->op_count; v++)
        if (r->ops[v].code == VM_IR_param)
            dead_params[v] = !m.live[v];
    if (!vm_ir_remove_params(r, dead_params))
        return;
    // Parameters have moved to the front of theirs: ask by code, not by mark.
    for (uint32_t v = 0; v < r->op_count; v++)
        if (r->ops[v].code != VM_IR_param && !m.live[v])
            vm_ir_make_nop(&r->ops[v]);
}
