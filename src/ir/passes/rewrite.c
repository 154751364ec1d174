// SPDX-License-Identifier: MIT
#include "rewrite.h"

#include <vm/base/memory.h>

vm_ir_value *vm_ir_map_new(const struct vm_ir_region *r)
{
    vm_ir_value *map = vm_arena_alloc(r->arena, (r->op_count + 1) * sizeof *map, sizeof *map);
    for (uint32_t i = 0; map && i < r->op_count; i++)
        map[i] = (vm_ir_value)i;
    return map;
}

void vm_ir_map_once(struct vm_ir_region *r, const vm_ir_value *map)
{
    for (uint32_t i = 0; i < r->op_count; i++) {
        struct vm_ir_op *op = &r->ops[i];
        uint16_t targets[2];
        unsigned n = vm_ir_successors(op, targets), given;
        for (unsigned a = 0; a < (n ? 3 : 4) && op->args[a] != VM_IR_NONE; a++)
            op->args[a] = map[op->args[a]];
        for (unsigned t = 0; t < n; t++) {
            vm_ir_value *args = vm_ir_target_args(r, op, t, &given);
            for (unsigned k = 0; k < given; k++)
                args[k] = map[args[k]];
        }
    }
}

void vm_ir_map_apply(struct vm_ir_region *r, vm_ir_value *map)
{
    for (uint32_t i = 0; i < r->op_count; i++) {
        vm_ir_value to = vm_ir_map_find(map, (vm_ir_value)i);
        for (vm_ir_value v = (vm_ir_value)i, next; v != to; v = next) {
            next = map[v];
            map[v] = to;
        }
    }
    vm_ir_map_once(r, map);
}

uint16_t *vm_ir_block_of(const struct vm_ir_region *r)
{
    uint16_t *block_of = vm_arena_alloc(r->arena, (r->op_count + 1) * sizeof *block_of, 2);
    if (block_of)
        vm_ir_find_blocks(r, block_of);
    return block_of;
}

void *vm_ir_scratch(const struct vm_ir_region *r, size_t count, size_t size)
{
    void *p = vm_arena_alloc(r->arena, count * size + 1, 16);
    if (p)
        vm_zero(p, count * size);
    return p;
}

// Drops the arguments of `count` that go to dead parameters of the block; returns how many stay.
static unsigned keep_live(const struct vm_ir_region *r, unsigned block, const bool *dead,
                          const vm_ir_value *from, unsigned count, vm_ir_value *to)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++)
        if (!dead[r->blocks[block].first + i])
            to[kept++] = from[i];
    return kept;
}

static void drop_arguments(struct vm_ir_region *r, struct vm_ir_op *term, const bool *dead)
{
    uint16_t targets[2];
    unsigned count = vm_ir_successors(term, targets), kept[2] = {0, 0}, given;
    if (!count || !term->attr)
        return;
    vm_ir_value *to = r->extra + term->args[3];
    for (unsigned t = 0; t < count; t++) {
        const vm_ir_value *args = vm_ir_target_args(r, term, t, &given);
        kept[t] = keep_live(r, targets[t], dead, args, given, to + kept[0] * t);
    }
    term->attr = kept[0] | kept[1] << 16;
    if (!term->attr)
        term->args[3] = VM_IR_NONE;
}

bool vm_ir_remove_params(struct vm_ir_region *r, const bool *dead)
{
    vm_ir_value *map = vm_ir_map_new(r);
    if (!map)
        return false;
    for (unsigned b = 0; b < r->block_count; b++)
        if (r->blocks[b].count)
            drop_arguments(r, &r->ops[r->blocks[b].first + r->blocks[b].count - 1], dead);
    for (unsigned b = 0; b < r->block_count; b++) {
        struct vm_ir_block *block = &r->blocks[b];
        unsigned kept = 0;
        for (unsigned i = 0; i < block->params; i++) {
            if (dead[block->first + i])
                continue;
            map[block->first + i] = (vm_ir_value)(block->first + kept);
            r->ops[block->first + kept] = r->ops[block->first + i];
            r->ops[block->first + kept].imm = kept;
            kept++;
        }
        for (unsigned i = kept; i < block->params; i++)
            vm_ir_make_nop(&r->ops[block->first + i]);
        block->params = (uint16_t)kept;
    }
    vm_ir_map_once(r, map);
    return true;
}
