// SPDX-License-Identifier: MIT
//
// Common subexpressions: a hash table of the pure ops met so far, in reverse postorder, so that
// whatever dominates a block was met before it. An entry counts only where it dominates.
#include <vm/ir/passes.h>

#include "../cfg.h"
#include "../fold.h"
#include "rewrite.h"

// How many entries of one bucket are looked at: bounds the time.
enum { MAX_CHAIN = 32 };

struct numbering {
    struct vm_ir_region *region;
    struct vm_ir_cfg cfg;
    vm_ir_value *map;
    uint16_t *block_of;
    vm_ir_value *buckets, *next; // chains of values, the newest first
    uint32_t mask;
};

static bool reads_no_environment(uint32_t fp_attr)
{
    return fp_attr & VM_IR_FP_NO_FLAGS && !(fp_attr & VM_IR_FP_NAN_ENV) &&
           (fp_attr >> VM_IR_FP_ROUND_SHIFT & 7) != VM_IR_FP_DYNAMIC;
}

// Whether two such ops with equal operands have equal values wherever they stand.
static bool is_numbered(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    unsigned effects = vm_ir_op_infos[op->code].effects;
    if (op->code == VM_IR_nop)
        return false;
    if (effects & VM_IR_E_CALL)
        return vm_ir_op_is_pure(r, op);
    if (effects & VM_IR_E_FPENV)
        return reads_no_environment(vm_ir_fp_attr(op));
    return !effects;
}

// The op with its operands in an order that does not depend on how they were written.
static struct vm_ir_op key_of(const struct vm_ir_op *op)
{
    struct vm_ir_op key = *op;
    if (vm_ir_is_commutative(op->code) && op->args[0] > op->args[1]) {
        key.args[0] = op->args[1];
        key.args[1] = op->args[0];
    }
    return key;
}

static uint32_t hash_of(const struct vm_ir_op *op)
{
    uint64_t h = op->code | (uint64_t)op->type << 16 | (uint64_t)op->attr << 24;
    uint64_t args = 0;
    for (unsigned i = 0; i < 4; i++)
        args = args << 16 | op->args[i];
    h = (h ^ args) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 29 ^ op->imm) * 0xbf58476d1ce4e5b9u;
    return (uint32_t)(h >> 32);
}

static bool equal(const struct vm_ir_op *a, const struct vm_ir_op *b)
{
    for (unsigned i = 0; i < 4; i++)
        if (a->args[i] != b->args[i])
            return false;
    return a->code == b->code && a->type == b->type && a->attr == b->attr && a->imm == b->imm;
}

static void number_op(struct numbering *n, vm_ir_value v)
{
    struct vm_ir_op *op = &n->region->ops[v];
    unsigned count = vm_ir_op_args(n->region, op), steps = 0;
    for (unsigned i = 0; i < count; i++)
        op->args[i] = n->map[op->args[i]];
    if (!is_numbered(n->region, op))
        return;
    struct vm_ir_op key = key_of(op);
    vm_ir_value *bucket = &n->buckets[hash_of(&key) & n->mask];
    for (vm_ir_value w = *bucket; w != VM_IR_NONE && steps < MAX_CHAIN; w = n->next[w], steps++) {
        struct vm_ir_op other = key_of(&n->region->ops[w]);
        if (equal(&other, &key) && vm_ir_cfg_dominates(&n->cfg, n->block_of[w], n->block_of[v])) {
            n->map[v] = w;
            return;
        }
    }
    n->next[v] = *bucket;
    *bucket = v;
}

void vm_ir_pass_cse(struct vm_ir_region *r)
{
    uint32_t size = 16;
    while (size < r->op_count)
        size *= 2;
    struct numbering n = {
        .region = r, .map = vm_ir_map_new(r), .block_of = vm_ir_block_of(r), .mask = size - 1};
    n.buckets = vm_ir_scratch(r, size, sizeof *n.buckets);
    n.next = vm_ir_scratch(r, r->op_count, sizeof *n.next);
    if (!n.map || !n.block_of || !n.buckets || !n.next || !vm_ir_cfg_build(r, &n.cfg))
        return;
    __builtin_memset(n.buckets, 0xff, size * sizeof *n.buckets);
    for (uint32_t i = 0; i < n.cfg.count; i++) {
        const struct vm_ir_block *b = &r->blocks[n.cfg.order[i]];
        for (unsigned k = 0; k < b->count; k++)
            number_op(&n, (vm_ir_value)(b->first + k));
    }
    vm_ir_map_apply(r, n.map);
}
