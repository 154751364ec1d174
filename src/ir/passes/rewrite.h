// SPDX-License-Identifier: MIT
//
// What the passes share for changing a region in place. Private to the module.
#ifndef VM_IR_PASSES_REWRITE_H
#define VM_IR_PASSES_REWRITE_H

#include <vm/ir/ir.h>

// A map from value to value that maps each to itself; NULL when memory is out.
vm_ir_value *vm_ir_map_new(const struct vm_ir_region *r);

// What v stands for when replacements are replaced in turn.
static inline vm_ir_value vm_ir_map_find(const vm_ir_value *map, vm_ir_value v)
{
    while (map[v] != v)
        v = map[v];
    return v;
}

// Replaces every operand and argument v by map[v], without going on from there.
void vm_ir_map_once(struct vm_ir_region *r, const vm_ir_value *map);

// Replaces every operand and argument v by vm_ir_map_find(v).
void vm_ir_map_apply(struct vm_ir_region *r, vm_ir_value *map);

// The block of each op, VM_IR_NONE for ops outside of all; NULL when memory is out.
uint16_t *vm_ir_block_of(const struct vm_ir_region *r);

// Zeroed scratch memory for `count` things of `size` bytes; NULL when memory is out.
void *vm_ir_scratch(const struct vm_ir_region *r, size_t count, size_t size);

static inline void vm_ir_make_nop(struct vm_ir_op *op)
{
    *op = (struct vm_ir_op){.code = VM_IR_nop,
                            .args = {VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE}};
}

// Removes the parameters p with dead[p], which nothing may use any more, and their arguments. False
// when memory is out; nothing is changed then.
bool vm_ir_remove_params(struct vm_ir_region *r, const bool *dead);

#endif
