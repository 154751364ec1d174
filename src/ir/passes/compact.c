// SPDX-License-Identifier: MIT
//
// Closes gaps in place: ops move down in the order in which they lie.
#include <vm/ir/passes.h>

#include "rewrite.h"

// Moves the ops that stay, and notes where each went and where each block begins now.
static void move_ops(struct vm_ir_region *r, const uint16_t *block_of, vm_ir_value *map)
{
    uint32_t to = 0;
    for (unsigned b = 0; b < r->block_count; b++)
        r->blocks[b].count = 0;
    for (uint32_t i = 0; i < r->op_count; i++) {
        if (block_of[i] == VM_IR_NONE || r->ops[i].code == VM_IR_nop)
            continue;
        struct vm_ir_block *block = &r->blocks[block_of[i]];
        if (!block->count++)
            block->first = (uint16_t)to;
        map[i] = (vm_ir_value)to;
        r->ops[to++] = r->ops[i];
    }
    r->op_count = to;
}

static void renumber_blocks(struct vm_ir_region *r, uint16_t *number)
{
    uint32_t to = 0;
    for (unsigned b = 0; b < r->block_count; b++) {
        if (!r->blocks[b].count)
            continue;
        number[b] = (uint16_t)to;
        r->blocks[to++] = r->blocks[b];
    }
    r->block_count = to;
    for (uint32_t i = 0; i < r->op_count; i++) {
        struct vm_ir_op *op = &r->ops[i];
        uint16_t targets[2];
        unsigned n = vm_ir_successors(op, targets);
        if (n)
            op->imm = number[targets[0]] | (n == 2 ? (uint64_t)number[targets[1]] << 32 : 0);
    }
}

void vm_ir_pass_compact(struct vm_ir_region *r)
{
    uint16_t *block_of = vm_ir_block_of(r);
    vm_ir_value *map = vm_ir_map_new(r);
    uint16_t *number = vm_ir_scratch(r, r->block_count, sizeof *number);
    if (!block_of || !map || !number)
        return;
    move_ops(r, block_of, map);
    vm_ir_map_once(r, map);
    renumber_blocks(r, number);
}
