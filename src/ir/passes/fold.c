// SPDX-License-Identifier: MIT
//
// Folding as a pass: the region is built anew, in reverse postorder, by the builder that folds.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "rewrite.h"

#include <vm/ir/builder.h>

struct refold {
    const struct vm_ir_region *from;
    struct vm_ir_builder builder;
    vm_ir_value *map;     // old value to new
    vm_ir_value *args[2]; // room for a terminator's arguments
};

static vm_ir_value mapped(const struct refold *f, vm_ir_value v)
{
    return v == VM_IR_NONE ? v : f->map[v];
}

static void copy_terminator(struct refold *f, const struct vm_ir_op *op)
{
    struct vm_ir_builder *b = &f->builder;
    unsigned count[2] = {0, 0};
    uint16_t targets[2];
    unsigned n = vm_ir_successors(op, targets);
    for (unsigned t = 0; t < n; t++) {
        const vm_ir_value *args = vm_ir_target_args(f->from, op, t, &count[t]);
        for (unsigned i = 0; i < count[t]; i++)
            f->args[t][i] = f->map[args[i]];
    }
    if (n == 2)
        vm_ir_branch(b, f->map[op->args[0]], targets[0], f->args[0], count[0], targets[1],
                     f->args[1], count[1]);
    else
        vm_ir_jump(b, targets[0], f->args[0], count[0]);
}

static vm_ir_value copy_op(struct refold *f, const struct vm_ir_op *op)
{
    struct vm_ir_builder *b = &f->builder;
    struct vm_ir_op copy = *op;
    switch (op->code) {
    case VM_IR_nop: return VM_IR_NONE;
    case VM_IR_insn: vm_ir_insn(b, op->imm, op->attr); return VM_IR_NONE;
    case VM_IR_param: return vm_ir_param(b, (enum vm_type)op->type);
    case VM_IR_const: return vm_ir_const(b, (enum vm_type)op->type, op->imm);
    case VM_IR_jump:
    case VM_IR_branch: copy_terminator(f, op); return VM_IR_NONE;
    case VM_IR_goto_ind:
        vm_ir_goto_ind(b, f->map[op->args[0]], (enum vm_ir_hint)op->attr, op->imm);
        return VM_IR_NONE;
    case VM_IR_get:
    case VM_IR_put:
    case VM_IR_call:
    case VM_IR_raise:
        for (unsigned i = 0; i < 4; i++)
            copy.args[i] = mapped(f, op->args[i]);
        return vm_ir_append(b, &copy);
    default:
        return vm_ir_emit(b, (enum vm_ir_code)op->code, (enum vm_type)op->type, op->attr, op->imm,
                          mapped(f, op->args[0]), mapped(f, op->args[1]), mapped(f, op->args[2]));
    }
}

static void copy_block(struct refold *f, uint16_t block)
{
    const struct vm_ir_block *b = &f->from->blocks[block];
    if (block)
        vm_ir_start_block(&f->builder, block);
    for (unsigned i = 0; i < b->count; i++)
        f->map[b->first + i] = copy_op(f, &f->from->ops[b->first + i]);
}

void vm_ir_pass_fold(struct vm_ir_region *r)
{
    struct vm_ir_region fresh;
    struct vm_ir_cfg cfg;
    struct refold f = {.from = r, .map = vm_ir_map_new(r)};
    f.args[0] = vm_ir_scratch(r, r->extra_count, sizeof *f.args[0]);
    f.args[1] = vm_ir_scratch(r, r->extra_count, sizeof *f.args[1]);
    if (!f.map || !f.args[0] || !f.args[1] || !vm_ir_cfg_build(r, &cfg))
        return;
    vm_ir_builder_init(&f.builder, &fresh, r->arena, r->regfile, r->helpers, r->helper_count);
    while (fresh.block_count < r->block_count && !fresh.overflow)
        vm_ir_new_block(&f.builder);
    for (uint32_t i = 0; i < cfg.count && !fresh.overflow; i++)
        copy_block(&f, cfg.order[i]);
    if (fresh.overflow)
        return;
    fresh.guest_insns = r->guest_insns;
    fresh.guest_bytes = r->guest_bytes;
    *r = fresh;
}
