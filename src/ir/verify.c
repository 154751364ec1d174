// SPDX-License-Identifier: MIT
//
// The verifier's rules for blocks and for the region: order, dominance, targets, markers.
#include <vm/ir/verify.h>

#include "verify.h"

#include <vm/base/format.h>

enum { RULE_SIZE = 200 };

bool vm_ir_check_fail(struct vm_ir_check *k, const char *rule, ...)
{
    const struct vm_ir_region *r = k->region;
    const char *name = k->at < r->op_count && r->ops[k->at].code < VM_IR_CODE_COUNT
                           ? vm_ir_op_infos[r->ops[k->at].code].name
                           : "?";
    char text[RULE_SIZE];
    va_list args;
    va_start(args, rule);
    vm_vformat(text, sizeof text, rule, args);
    va_end(args);
    vm_error_set(k->error, VM_ERR_FILE, "b%u: %%%u %s: %s", k->block, k->at, name, text);
    return false;
}

static bool fail_block(struct vm_ir_check *k, unsigned block, const char *rule)
{
    vm_error_set(k->error, VM_ERR_FILE, "b%u: %s", block, rule);
    return false;
}

static bool out_of_memory(struct vm_ir_check *k)
{
    vm_error_set(k->error, VM_ERR_HOST, "out of memory while verifying IR");
    return false;
}

// Each op is in one block at most, and has a code.
static bool check_layout(struct vm_ir_check *k)
{
    const struct vm_ir_region *r = k->region;
    k->block_of = vm_arena_alloc(r->arena, (r->op_count + 1) * sizeof *k->block_of, 2);
    if (!k->block_of)
        return out_of_memory(k);
    __builtin_memset(k->block_of, 0xff, r->op_count * sizeof *k->block_of);
    for (unsigned i = 0; i < r->block_count; i++) {
        const struct vm_ir_block *b = &r->blocks[i];
        if ((uint32_t)b->first + b->count > r->op_count)
            return fail_block(k, i, "lies outside of the region's ops");
        for (unsigned v = b->first; v < (unsigned)b->first + b->count; v++) {
            if (k->block_of[v] != VM_IR_NONE)
                return fail_block(k, i, "shares ops with another block");
            if (r->ops[v].code >= VM_IR_CODE_COUNT)
                return fail_block(k, i, "has an op with an unknown code");
            k->block_of[v] = (uint16_t)i;
        }
    }
    return true;
}

static bool check_targets(struct vm_ir_check *k, const struct vm_ir_op *term)
{
    const struct vm_ir_region *r = k->region;
    uint16_t targets[2];
    unsigned count = vm_ir_successors(term, targets), given = 0;
    if (count &&
        (term->code == VM_IR_jump ? term->imm : term->imm & 0xffff0000ffff0000u) >= 1u << 16)
        return vm_ir_check_fail(k, "its targets are no block numbers");
    for (unsigned i = 0; i < count; i++) {
        unsigned args = i ? term->attr >> 16 : term->attr & 0xffff;
        if (targets[i] >= r->block_count || !r->blocks[targets[i]].count)
            return vm_ir_check_fail(k, "there is no block b%u", targets[i]);
        if (args != r->blocks[targets[i]].params)
            return vm_ir_check_fail(k, "gives b%u %u arguments, which takes %u", targets[i], args,
                                    r->blocks[targets[i]].params);
        given += args;
    }
    if (term->code == VM_IR_jump && term->attr >> 16)
        return vm_ir_check_fail(k, "has arguments for a second target");
    if (given && term->args[3] + given > r->extra_count)
        return vm_ir_check_fail(k, "its arguments lie outside of the extra list");
    return true;
}

// Parameters first, then anything else, a terminator last and only there; targets exist.
static bool check_shape(struct vm_ir_check *k, unsigned block)
{
    const struct vm_ir_block *b = &k->region->blocks[block];
    k->block = block;
    if (b->params > b->count)
        return fail_block(k, block, "has more parameters than ops");
    for (unsigned i = 0; i < b->count; i++) {
        k->at = (vm_ir_value)(b->first + i);
        const struct vm_ir_op *op = &k->region->ops[k->at];
        bool term = vm_ir_op_infos[op->code].effects & VM_IR_E_TERM;
        if ((op->code == VM_IR_param) != (i < b->params))
            return vm_ir_check_fail(k, "parameters come first, as many as the block says");
        if (op->code == VM_IR_param && op->imm != i)
            return vm_ir_check_fail(k, "is number %u, not %llu", i, (unsigned long long)op->imm);
        if (term != (i + 1u == b->count))
            return vm_ir_check_fail(k, term ? "a terminator ends its block"
                                            : "ends the block and is no terminator");
        if (term && !check_targets(k, op))
            return false;
    }
    return true;
}

// Whether the value v, which exists, is defined on every way to k->at.
static bool is_defined(const struct vm_ir_check *k, vm_ir_value v)
{
    unsigned from = k->block_of[v];
    if (from == k->block)
        return v < k->at;
    if (!vm_ir_cfg_reached(&k->cfg, k->block))
        return true;
    return vm_ir_cfg_reached(&k->cfg, from) && vm_ir_cfg_dominates(&k->cfg, from, k->block);
}

static bool check_argument(struct vm_ir_check *k, unsigned target, unsigned i, vm_ir_value v)
{
    const struct vm_ir_region *r = k->region;
    if (v >= r->op_count || k->block_of[v] == VM_IR_NONE)
        return vm_ir_check_fail(k, "argument %u for b%u is no value of this region", i + 1, target);
    enum vm_type wanted = (enum vm_type)r->ops[r->blocks[target].first + i].type;
    if (vm_ir_value_type(r, v) != wanted)
        return vm_ir_check_fail(k, "argument %u for b%u is not of type %s", i + 1, target,
                                wanted < VM_TYPE_COUNT ? vm_ir_type_names[wanted] : "?");
    if (!is_defined(k, v))
        return vm_ir_check_fail(k, "%%%u is not defined on every way here", v);
    return true;
}

static bool check_uses(struct vm_ir_check *k, const struct vm_ir_op *op)
{
    const struct vm_ir_region *r = k->region;
    uint16_t targets[2];
    unsigned count = vm_ir_op_args(r, op);
    for (unsigned i = 0; i < count; i++)
        if (!is_defined(k, op->args[i]))
            return vm_ir_check_fail(k, "%%%u is not defined on every way here", op->args[i]);
    count = vm_ir_successors(op, targets);
    for (unsigned t = 0; t < count; t++) {
        unsigned given;
        const vm_ir_value *args = vm_ir_target_args(r, op, t, &given);
        for (unsigned i = 0; i < given; i++)
            if (!check_argument(k, targets[t], i, args[i]))
                return false;
    }
    return true;
}

// Whether an insn marker comes before anything with an effect in the block.
static bool begins_marked(const struct vm_ir_region *r, const struct vm_ir_block *b)
{
    for (unsigned i = b->params; i < b->count; i++) {
        const struct vm_ir_op *op = &r->ops[b->first + i];
        if (op->code == VM_IR_insn || !vm_ir_op_is_pure(r, op))
            return op->code == VM_IR_insn;
    }
    return false;
}

static bool check_loops(struct vm_ir_check *k)
{
    const struct vm_ir_region *r = k->region;
    bool *marked = vm_arena_alloc(r->arena, r->block_count * sizeof *marked, 1);
    if (!marked)
        return out_of_memory(k);
    for (unsigned b = 0; b < r->block_count; b++) {
        uint16_t targets[2];
        marked[b] = begins_marked(r, &r->blocks[b]);
        k->block = b;
        k->at = (vm_ir_value)(r->blocks[b].first + r->blocks[b].count - 1);
        unsigned n = r->blocks[b].count ? vm_ir_successors(&r->ops[k->at], targets) : 0;
        for (unsigned t = 0; t < n; t++)
            if (vm_ir_closes_loop(b, targets[t]) && !marked[targets[t]])
                return vm_ir_check_fail(
                    k, "closes a loop to b%u, which begins without an insn marker", targets[t]);
    }
    return true;
}

static bool check_block(struct vm_ir_check *k, unsigned block)
{
    const struct vm_ir_region *r = k->region;
    const struct vm_ir_block *b = &r->blocks[block];
    bool marked = false;
    k->block = block;
    for (unsigned i = 0; i < b->count; i++) {
        k->at = (vm_ir_value)(b->first + i);
        const struct vm_ir_op *op = &r->ops[k->at];
        marked |= op->code == VM_IR_insn;
        if (!vm_ir_check_op(k, op) || !check_uses(k, op))
            return false;
        if (!marked && (op->code == VM_IR_icount || vm_ir_op_may_fault(r, op)))
            return vm_ir_check_fail(k, "needs an insn marker before it in its block");
    }
    return true;
}

bool vm_ir_verify(const struct vm_ir_region *r, struct vm_error *e)
{
    struct vm_ir_check k = {.region = r, .error = e};
    if (r->overflow) {
        vm_error_set(e, VM_ERR_HOST, "the region is too large or memory ran out");
        return false;
    }
    if (!r->block_count || !r->blocks[0].count)
        return fail_block(&k, 0, "the entry block is empty");
    if (r->blocks[0].params)
        return fail_block(&k, 0, "the entry block takes no parameters");
    if (!check_layout(&k))
        return false;
    for (unsigned i = 0; i < r->block_count; i++)
        if (!check_shape(&k, i))
            return false;
    if (!vm_ir_cfg_build(r, &k.cfg))
        return out_of_memory(&k);
    for (unsigned i = 0; i < r->block_count; i++)
        if (!check_block(&k, i))
            return false;
    return check_loops(&k);
}
