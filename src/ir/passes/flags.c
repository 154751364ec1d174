// SPDX-License-Identifier: MIT
//
// Dead flags: for every flag value, which flags anything looks at; then a mergef of which only one
// side is looked at is that side, and one side of a chain of mergef is looked for further down.
// Dead code removal then takes the producers that nobody needs.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "../fold.h"
#include "rewrite.h"
#include <vm/ir/eval.h>

struct flags {
    struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    uint32_t *looked; // by value: for flags and for flagbits, the flags that are looked at
    bool changed;
};

static void look(struct flags *f, vm_ir_value v, uint32_t mask)
{
    mask &= VM_IR_FLAGS_ALL;
    f->changed |= mask & ~f->looked[v];
    f->looked[v] |= mask;
}

// The bits of its operand that a user of flagbits looks at.
static uint32_t bits_used(const struct flags *f, const struct vm_ir_op *op)
{
    if (op->code == VM_IR_and && vm_ir_is_const(f->region, op->args[1]))
        return (uint32_t)f->region->ops[op->args[1]].imm;
    if (op->code == VM_IR_extract)
        return (uint32_t)(vm_mask(VM_IR_FIELD_LEN(op->attr)) << VM_IR_FIELD_POS(op->attr));
    return VM_IR_FLAGS_ALL;
}

static void look_at_operands(struct flags *f, vm_ir_value v)
{
    const struct vm_ir_op *op = &f->region->ops[v];
    unsigned count = vm_ir_op_args(f->region, op);
    switch (op->code) {
    case VM_IR_cond: look(f, op->args[0], vm_ir_cond_flags(op->attr)); return;
    case VM_IR_flagbits: look(f, op->args[0], f->looked[v]); return;
    case VM_IR_mergef:
        look(f, op->args[0], f->looked[v] & ~op->attr);
        look(f, op->args[1], f->looked[v] & op->attr);
        return;
    default: break;
    }
    for (unsigned i = 0; i < count; i++)
        look(f, op->args[i], bits_used(f, op));
}

static void look_at_arguments(struct flags *f, const struct vm_ir_op *term)
{
    uint16_t targets[2];
    unsigned n = vm_ir_successors(term, targets), given;
    for (unsigned t = 0; t < n; t++) {
        const vm_ir_value *args = vm_ir_target_args(f->region, term, t, &given);
        unsigned first = f->region->blocks[targets[t]].first;
        for (unsigned i = 0; i < given; i++)
            look(f, args[i], f->looked[first + i]);
    }
}

static void look_everywhere(struct flags *f)
{
    f->changed = false;
    for (uint32_t i = f->cfg.count; i-- > 0;) {
        const struct vm_ir_block *b = &f->region->blocks[f->cfg.order[i]];
        look_at_arguments(f, &f->region->ops[b->first + b->count - 1]);
        for (unsigned k = b->count; k-- > 0;)
            look_at_operands(f, (vm_ir_value)(b->first + k));
    }
}

// The value further down that has the flags in `mask` of v.
static vm_ir_value source_of(const struct vm_ir_region *r, vm_ir_value v, uint32_t mask)
{
    while (r->ops[v].code == VM_IR_mergef && mask) {
        uint32_t new = r->ops[v].attr &mask;
        if (new &&new != mask)
            break;
        v = r->ops[v].args[new ? 1 : 0];
    }
    return v;
}

static void simplify(struct flags *f, vm_ir_value v, vm_ir_value *map)
{
    struct vm_ir_op *op = &f->region->ops[v];
    if (op->code == VM_IR_cond)
        op->args[0] = source_of(f->region, op->args[0], vm_ir_cond_flags(op->attr));
    if (op->code != VM_IR_mergef)
        return;
    map[v] = source_of(f->region, v, f->looked[v]);
    op->args[0] = source_of(f->region, op->args[0], f->looked[v] & ~op->attr);
    op->args[1] = source_of(f->region, op->args[1], f->looked[v] & op->attr);
}

void vm_ir_pass_flags(struct vm_ir_region *r)
{
    struct flags f = {.region = r};
    vm_ir_value *map = vm_ir_map_new(r);
    f.looked = vm_ir_scratch(r, r->op_count, sizeof *f.looked);
    if (!map || !f.looked || !vm_ir_cfg_build(r, &f.cfg))
        return;
    do
        look_everywhere(&f);
    while (f.changed);
    for (uint32_t i = 0; i < f.cfg.count; i++) {
        const struct vm_ir_block *b = &r->blocks[f.cfg.order[i]];
        for (unsigned k = 0; k < b->count; k++)
            simplify(&f, (vm_ir_value)(b->first + k), map);
    }
    vm_ir_map_apply(r, map);
}
