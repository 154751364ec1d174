// SPDX-License-Identifier: MIT
//
// The sweep of tier 1: backwards over each block once, removing puts that are overwritten before
// anything can look at the entry, and pure ops that nothing uses, flag producers among them. It is
// linear and looks at no block but the one it is in: at a block's end every entry is looked at.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "rewrite.h"

struct sweep {
    struct vm_ir_region *region;
    bool *used;        // by value
    uint16_t *dead_in; // by entry: the period in which it is written before it is looked at
    uint16_t period;   // goes up where all entries are looked at: at most once for each op
};

static bool is_overwritten(struct sweep *s, const struct vm_ir_op *put)
{
    uint16_t *dead_in = &s->dead_in[put->imm];
    if (vm_ir_in_fp_env(s->region->regfile, put->imm))
        return false;
    if (*dead_in == s->period)
        return true;
    *dead_in = s->period;
    return false;
}

static void look_at_call(struct sweep *s, const struct vm_ir_op *op)
{
    const struct vm_ir_helper *h = &s->region->helpers[op->imm];
    if (h->effects & (VM_IR_HELPER_FAULTS | VM_IR_HELPER_READS_ALL))
        s->period++;
    const struct vm_regfile *f = s->region->regfile;
    for (uint16_t i = 0; h->effects & VM_IR_HELPER_READS_VECTORS && i < f->count; i++)
        if (vm_ir_is_vector_entry(f, i))
            s->dead_in[i] = 0;
    for (const uint16_t *e = h->reads; e && *e != VM_IR_NONE; e++)
        s->dead_in[*e] = 0;
}

// Whether the op stays; if so, what it looks at is noted.
static inline bool stays(struct sweep *s, const struct vm_ir_op *op, unsigned effects, bool used)
{
    if (!effects)
        return used && op->code != VM_IR_nop;
    if (op->code == VM_IR_put)
        return !is_overwritten(s, op);
    if (!used && vm_ir_op_is_pure(s->region, op))
        return false;
    if (op->code == VM_IR_get)
        s->dead_in[op->imm] = 0;
    else if (effects & VM_IR_E_CALL)
        look_at_call(s, op);
    else if (effects & (VM_IR_E_FAULT | VM_IR_E_TERM))
        s->period++;
    return true;
}

static void use_arguments(struct sweep *s, const struct vm_ir_op *op)
{
    uint16_t targets[2];
    unsigned n = vm_ir_successors(op, targets), given;
    for (unsigned t = 0; t < n; t++) {
        const vm_ir_value *args = vm_ir_target_args(s->region, op, t, &given);
        for (unsigned i = 0; i < given; i++)
            s->used[args[i]] = true;
    }
}

// The operands that are not the block's own.
static void use_foreign(struct sweep *s, const struct vm_ir_block *b)
{
    const struct vm_ir_region *r = s->region;
    unsigned first = b->first, end = first + b->count;
    for (unsigned i = first; i < end; i++) {
        const struct vm_ir_op *op = &r->ops[i];
        unsigned count = vm_ir_op_args(r, op);
        for (unsigned a = 0; a < count; a++)
            if (op->args[a] < first || op->args[a] >= end)
                s->used[op->args[a]] = true;
    }
}

static void sweep_block(struct sweep *s, const struct vm_ir_block *b)
{
    bool *used = s->used;
    for (unsigned i = b->first + (unsigned)b->count; i-- > b->first;) {
        struct vm_ir_op *op = &s->region->ops[i];
        unsigned effects = vm_ir_op_traits[op->code].effects;
        if (op->code == VM_IR_insn)
            continue;
        if (!stays(s, op, effects, used[i])) {
            vm_ir_make_nop(op);
            continue;
        }
        unsigned count = vm_ir_op_args(s->region, op);
        for (unsigned a = 0; a < count; a++)
            used[op->args[a]] = true;
    }
}

// A value that another block uses stays: blocks need not lie in the order in which they run. The
// entry block uses none but its own.
static void use_across_blocks(struct sweep *s)
{
    const struct vm_ir_region *r = s->region;
    for (unsigned b = 0; b < r->block_count; b++) {
        if (!r->blocks[b].count)
            continue;
        if (b)
            use_foreign(s, &r->blocks[b]);
        use_arguments(s, vm_ir_terminator(r, b));
    }
}

void vm_ir_pass_tier1(struct vm_ir_region *r)
{
    struct sweep s = {.region = r, .period = 1};
    s.used = vm_ir_scratch(r, r->op_count, sizeof *s.used);
    s.dead_in = vm_ir_scratch(r, r->regfile->count, sizeof *s.dead_in);
    if (!s.used || !s.dead_in)
        return;
    if (r->block_count > 1)
        use_across_blocks(&s);
    for (unsigned b = 0; b < r->block_count; b++)
        sweep_block(&s, &r->blocks[b]);
}
