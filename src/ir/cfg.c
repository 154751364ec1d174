// SPDX-License-Identifier: MIT
//
// Dominators by Cooper, Harvey and Kennedy's iteration over reverse postorder: regions are small.
#include "cfg.h"

#include <vm/base/memory.h>

static bool allocate(const struct vm_ir_region *r, struct vm_ir_cfg *c)
{
    size_t n = r->block_count;
    uint16_t *narrow = vm_arena_alloc(r->arena, (3 * n + 2 * n) * sizeof *narrow, 8);
    uint32_t *wide = vm_arena_alloc(r->arena, (3 * n + 1) * sizeof *wide, 8);
    if (!narrow || !wide)
        return false;
    *c = (struct vm_ir_cfg){.order = narrow,
                            .position = narrow + n,
                            .idom = narrow + 2 * n,
                            .preds = narrow + 3 * n,
                            .pred_first = wide,
                            .tree_first = wide + n + 1,
                            .tree_size = wide + 2 * n + 1};
    vm_zero(wide, (3 * n + 1) * sizeof *wide);
    __builtin_memset(c->position, 0xff, n * sizeof *c->position);
    return true;
}

struct visit {
    uint16_t block;
    uint16_t
        next; // how many targets were gone to, the last first: so the first comes next in order
};

// Depth-first from the entry with a stack of its own; fills order and position.
static bool walk(const struct vm_ir_region *r, struct vm_ir_cfg *c)
{
    struct visit *stack = vm_arena_alloc(r->arena, r->block_count * sizeof *stack, 8);
    if (!stack)
        return false;
    uint32_t depth = 1, left = r->block_count;
    stack[0] = (struct visit){0, 0};
    c->position[0] = 0;
    while (depth) {
        struct visit *v = &stack[depth - 1];
        uint16_t targets[2];
        unsigned count = vm_ir_successors(vm_ir_terminator(r, v->block), targets);
        if (v->next == count) {
            c->order[--left] = v->block;
            depth--;
            continue;
        }
        uint16_t to = targets[count - 1 - v->next++];
        if (c->position[to] == VM_IR_NONE) {
            c->position[to] = 0;
            stack[depth++] = (struct visit){to, 0};
        }
    }
    c->order += left;
    c->count = r->block_count - left;
    for (uint32_t i = 0; i < c->count; i++)
        c->position[c->order[i]] = (uint16_t)i;
    return true;
}

static void find_predecessors(const struct vm_ir_region *r, struct vm_ir_cfg *c)
{
    uint16_t targets[2];
    for (uint32_t i = 0; i < c->count; i++) {
        unsigned count = vm_ir_successors(vm_ir_terminator(r, c->order[i]), targets);
        for (unsigned t = 0; t < count; t++)
            c->pred_first[targets[t] + 1]++;
    }
    for (uint32_t i = 0; i < r->block_count; i++)
        c->pred_first[i + 1] += c->pred_first[i];
    // tree_size serves as the fill level until the tree is numbered.
    for (uint32_t i = 0; i < c->count; i++) {
        unsigned count = vm_ir_successors(vm_ir_terminator(r, c->order[i]), targets);
        for (unsigned t = 0; t < count; t++)
            c->preds[c->pred_first[targets[t]] + c->tree_size[targets[t]]++] = c->order[i];
    }
}

static uint16_t common_dominator(const struct vm_ir_cfg *c, uint16_t a, uint16_t b)
{
    while (a != b) {
        while (c->position[a] > c->position[b])
            a = c->idom[a];
        while (c->position[b] > c->position[a])
            b = c->idom[b];
    }
    return a;
}

static uint16_t dominator_of(const struct vm_ir_cfg *c, uint16_t block)
{
    uint16_t best = VM_IR_NONE;
    for (uint32_t p = c->pred_first[block]; p < c->pred_first[block + 1]; p++) {
        uint16_t pred = c->preds[p];
        if (c->idom[pred] != VM_IR_NONE)
            best = best == VM_IR_NONE ? pred : common_dominator(c, best, pred);
    }
    return best;
}

static void find_dominators(struct vm_ir_cfg *c)
{
    bool changed = true;
    for (uint32_t i = 0; i < c->count; i++)
        c->idom[c->order[i]] = VM_IR_NONE;
    c->idom[0] = 0;
    while (changed) {
        changed = false;
        for (uint32_t i = 1; i < c->count; i++) {
            uint16_t block = c->order[i], idom = dominator_of(c, block);
            changed |= c->idom[block] != idom;
            c->idom[block] = idom;
        }
    }
}

// Numbers the dominator tree so that the blocks under one have consecutive numbers. `used` counts,
// by block, the numbers that its subtree has given out.
static bool number_tree(const struct vm_ir_region *r, struct vm_ir_cfg *c)
{
    uint32_t *used = vm_arena_alloc(r->arena, r->block_count * sizeof *used, 8);
    if (!used)
        return false;
    for (uint32_t i = 0; i < r->block_count; i++)
        c->tree_size[i] = used[i] = 1;
    for (uint32_t i = c->count; i-- > 1;)
        c->tree_size[c->idom[c->order[i]]] += c->tree_size[c->order[i]];
    for (uint32_t i = 1; i < c->count; i++) {
        uint16_t block = c->order[i], parent = c->idom[block];
        c->tree_first[block] = c->tree_first[parent] + used[parent];
        used[parent] += c->tree_size[block];
    }
    return true;
}

bool vm_ir_cfg_build(const struct vm_ir_region *r, struct vm_ir_cfg *c)
{
    if (!allocate(r, c) || !walk(r, c))
        return false;
    find_predecessors(r, c);
    find_dominators(c);
    return number_tree(r, c);
}
