// SPDX-License-Identifier: MIT
//
// The shape of a region's control-flow graph: order, predecessors, dominators. Private to the
// module. All arrays lie in the region's arena and hold for as long as no terminator changes.
#ifndef VM_IR_CFG_H
#define VM_IR_CFG_H

#include <vm/ir/ir.h>

struct vm_ir_cfg {
    uint16_t *order;      // the blocks that the entry reaches, in reverse postorder
    uint32_t count;       // how many they are
    uint16_t *position;   // by block: its index in `order`, VM_IR_NONE if it is not reached
    uint16_t *idom;       // by block: the immediate dominator; the entry's is the entry
    uint16_t *preds;      // predecessors, block after block; one twice when both targets are equal
    uint32_t *pred_first; // by block: index into preds; one more entry ends the last
    uint32_t *tree_first; // by block: number in a preorder walk of the dominator tree
    uint32_t *tree_size;  // by block: how many blocks it dominates, itself among them
};

// False when memory runs out. Every target in the region must be a block of it.
bool vm_ir_cfg_build(const struct vm_ir_region *r, struct vm_ir_cfg *c);

static inline bool vm_ir_cfg_reached(const struct vm_ir_cfg *c, unsigned block)
{
    return c->position[block] != VM_IR_NONE;
}

// Whether every way from the entry to the reached block b goes through the reached block a.
static inline bool vm_ir_cfg_dominates(const struct vm_ir_cfg *c, unsigned a, unsigned b)
{
    return c->tree_first[b] - c->tree_first[a] < c->tree_size[a];
}

// The last op of a block.
static inline struct vm_ir_op *vm_ir_terminator(const struct vm_ir_region *r, unsigned block)
{
    const struct vm_ir_block *b = &r->blocks[block];
    return &r->ops[b->first + b->count - 1];
}

#endif
