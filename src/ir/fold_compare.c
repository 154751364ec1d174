// SPDX-License-Identifier: MIT
//
// Folding rules for comparisons, selection and flags.
#include "fold.h"
#include <vm/ir/eval.h>

bool vm_ir_is_truth(const struct vm_ir_region *r, vm_ir_value v)
{
    const struct vm_ir_op *op = &r->ops[v];
    if (op->code == VM_IR_const)
        return op->type == VM_I64 && op->imm <= 1;
    return vm_ir_op_infos[op->code].signature[0] == 'b';
}

bool vm_ir_inverse(const struct vm_ir_op *op, unsigned *code, bool *swap)
{
    *swap = op->code != VM_IR_eq && op->code != VM_IR_ne;
    switch (op->code) {
    case VM_IR_eq: *code = VM_IR_ne; return true;
    case VM_IR_ne: *code = VM_IR_eq; return true;
    case VM_IR_lts: *code = VM_IR_les; return true;
    case VM_IR_les: *code = VM_IR_lts; return true;
    case VM_IR_ltu: *code = VM_IR_leu; return true;
    case VM_IR_leu: *code = VM_IR_ltu; return true;
    default: return false;
    }
}

// eq or ne of the truth value op->args[0] with c.
static vm_ir_value compare_truth(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    const struct vm_ir_op *truth = &b->region->ops[op->args[0]];
    bool same = (op->code == VM_IR_eq) == (c == 1), swap;
    unsigned code;
    if (c > 1)
        return vm_ir_const(b, VM_I64, op->code == VM_IR_ne);
    if (same)
        return op->args[0];
    if (truth->code == VM_IR_cond) {
        uint32_t cond = truth->attr ^ VM_IR_COND_NOT;
        op->type = VM_FLAGS;
        vm_ir_fold_into(op, VM_IR_cond, truth->args[0], VM_IR_NONE);
        op->attr = cond;
        return VM_IR_AGAIN;
    }
    if (vm_ir_inverse(truth, &code, &swap)) {
        op->type = truth->type;
        return vm_ir_fold_into(op, code, truth->args[swap], truth->args[!swap]);
    }
    if (op->code == VM_IR_ne) // not (truth == 1): the canonical form is truth == 0
        return vm_ir_fold_into(op, VM_IR_eq, op->args[0], vm_ir_const(b, VM_I64, 0));
    return VM_IR_NONE;
}

static vm_ir_value equal_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    vm_ir_value x = inner->args[0], y = inner->args[1];
    uint64_t d;
    if (op->type == VM_I64 && vm_ir_is_truth(b->region, op->args[0]))
        return compare_truth(b, op, c);
    if (!c && (inner->code == VM_IR_sub || inner->code == VM_IR_xor))
        return vm_ir_fold_into(op, op->code, x, y);
    if (inner->code == VM_IR_add && vm_ir_fold_const(b, y, &d))
        return vm_ir_fold_into(op, op->code, x, vm_ir_fold_to_const(b, op, c - d));
    if (inner->code == VM_IR_xor && vm_ir_fold_const(b, y, &d))
        return vm_ir_fold_into(op, op->code, x, vm_ir_fold_to_const(b, op, c ^ d));
    return VM_IR_NONE;
}

struct range {
    uint64_t low, high; // the smallest and the largest value of the type, by the op's sign
};

static struct range range_of(const struct vm_ir_op *op)
{
    uint64_t all = vm_mask(vm_ir_fold_bits(op)), top = all ^ all >> 1;
    bool is_signed = op->code == VM_IR_lts || op->code == VM_IR_les;
    return is_signed ? (struct range){top, all ^ top} : (struct range){0, all};
}

// x < c and x <= c.
static vm_ir_value less_than_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    struct range range = range_of(op);
    bool strict = op->code == VM_IR_lts || op->code == VM_IR_ltu;
    if (strict && c == range.low)
        return vm_ir_const(b, VM_I64, 0);
    if (!strict && c == range.high)
        return vm_ir_const(b, VM_I64, 1);
    if (!strict && c == range.low)
        return vm_ir_fold_into(op, VM_IR_eq, op->args[0], op->args[1]);
    if (op->code == VM_IR_ltu && c == 1)
        return vm_ir_fold_into(op, VM_IR_eq, op->args[0], vm_ir_fold_to_const(b, op, 0));
    return VM_IR_NONE;
}

// c < x and c <= x.
static vm_ir_value const_less_than(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    struct range range = range_of(op);
    bool strict = op->code == VM_IR_lts || op->code == VM_IR_ltu;
    if (strict && c == range.high)
        return vm_ir_const(b, VM_I64, 0);
    if (!strict && c == range.low)
        return vm_ir_const(b, VM_I64, 1);
    if (strict && c == range.low)
        return vm_ir_fold_into(op, VM_IR_ne, op->args[1], op->args[0]);
    if (op->code == VM_IR_leu && c == 1)
        return vm_ir_fold_into(op, VM_IR_ne, op->args[1], vm_ir_fold_to_const(b, op, 0));
    return VM_IR_NONE;
}

vm_ir_value vm_ir_fold_compare(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    bool equality = op->code == VM_IR_eq || op->code == VM_IR_ne;
    uint64_t c;
    if (op->args[0] == op->args[1])
        return vm_ir_const(b, VM_I64,
                           op->code == VM_IR_eq || op->code == VM_IR_les || op->code == VM_IR_leu);
    if (vm_ir_fold_const(b, op->args[1], &c))
        return equality ? equal_const(b, op, c) : less_than_const(b, op, c);
    if (!equality && vm_ir_fold_const(b, op->args[0], &c))
        return const_less_than(b, op, c);
    return VM_IR_NONE;
}

static bool same_pair(const struct vm_ir_op *p, const struct vm_ir_op *q)
{
    return p->type == q->type && ((p->args[0] == q->args[0] && p->args[1] == q->args[1]) ||
                                  (p->args[0] == q->args[1] && p->args[1] == q->args[0]));
}

vm_ir_value vm_ir_fold_truths(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *ops = b->region->ops;
    bool both = op->code == VM_IR_and;
    for (unsigned i = 0; i < 2; i++) {
        const struct vm_ir_op *p = &ops[op->args[i]], *q = &ops[op->args[!i]];
        if (q->code != (both ? VM_IR_ne : VM_IR_eq) || !same_pair(p, q))
            continue;
        unsigned code = p->code == (both ? VM_IR_leu : VM_IR_ltu)   ? (both ? VM_IR_ltu : VM_IR_leu)
                        : p->code == (both ? VM_IR_les : VM_IR_lts) ? (both ? VM_IR_lts : VM_IR_les)
                                                                    : VM_IR_nop;
        if (code == VM_IR_nop)
            continue;
        op->type = p->type;
        return vm_ir_fold_into(op, code, p->args[0], p->args[1]);
    }
    return VM_IR_NONE;
}

vm_ir_value vm_ir_fold_select(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *cond = &b->region->ops[op->args[0]];
    vm_ir_value yes = op->args[1], no = op->args[2];
    uint64_t c, d;
    if (yes == no)
        return yes;
    if (cond->code == VM_IR_const)
        return cond->imm ? yes : no;
    if (vm_ir_fold_const(b, yes, &c) && vm_ir_fold_const(b, no, &d)) {
        if (c == d)
            return yes;
        if (op->type == VM_I64 && c == 1 && !d)
            return op->args[0];
        if (op->type == VM_I64 && !c && d == 1)
            return vm_ir_fold_into(op, VM_IR_eq, op->args[0], yes);
    }
    if (cond->code == VM_IR_eq && cond->type == VM_I64 &&
        vm_ir_is_truth(b->region, cond->args[0]) && vm_ir_fold_const(b, cond->args[1], &c) && !c) {
        op->args[0] = cond->args[0];
        op->args[1] = no;
        op->args[2] = yes;
        return VM_IR_AGAIN;
    }
    return VM_IR_NONE;
}

// The comparison that condition `cond` is after a - b, or VM_IR_nop.
static unsigned subtraction_compare(uint32_t cond, bool *swap)
{
    *swap = cond & VM_IR_COND_NOT && cond != (VM_IR_COND_Z | VM_IR_COND_NOT);
    switch (cond) {
    case VM_IR_COND_Z: return VM_IR_eq;
    case VM_IR_COND_Z | VM_IR_COND_NOT: return VM_IR_ne;
    case VM_IR_COND_C: return VM_IR_ltu;
    case VM_IR_COND_C | VM_IR_COND_NOT: return VM_IR_leu;
    case VM_IR_COND_CZ: return VM_IR_leu;
    case VM_IR_COND_CZ | VM_IR_COND_NOT: return VM_IR_ltu;
    case VM_IR_COND_SV: return VM_IR_lts;
    case VM_IR_COND_SV | VM_IR_COND_NOT: return VM_IR_les;
    case VM_IR_COND_ZSV: return VM_IR_les;
    case VM_IR_COND_ZSV | VM_IR_COND_NOT: return VM_IR_lts;
    default: return VM_IR_nop;
    }
}

// The comparison with zero that condition `cond` is after a logical op, or VM_IR_nop: V and C are
// clear, so that only Z and S count.
static unsigned logic_compare(uint32_t cond, bool *swap)
{
    uint32_t plain = cond & ~(uint32_t)VM_IR_COND_NOT;
    if (plain == VM_IR_COND_S)
        return subtraction_compare(VM_IR_COND_SV | (cond & VM_IR_COND_NOT), swap);
    if (plain == VM_IR_COND_CZ)
        return subtraction_compare(VM_IR_COND_Z | (cond & VM_IR_COND_NOT), swap);
    return subtraction_compare(cond, swap);
}

// The same after a + ~b + 1, which is a - b with ARM's carry: C is set where nothing was borrowed.
static unsigned complement_compare(uint32_t cond, bool *swap)
{
    uint32_t plain = cond & ~(uint32_t)VM_IR_COND_NOT;
    if (plain == VM_IR_COND_C || plain == VM_IR_COND_CZ)
        return subtraction_compare(VM_IR_COND_C | (~cond & VM_IR_COND_NOT), swap);
    return subtraction_compare(cond, swap);
}

// The value that v is the complement of, or VM_IR_NONE.
static vm_ir_value complement_of(struct vm_ir_builder *b, vm_ir_value v, enum vm_type type)
{
    const struct vm_ir_op *op = &b->region->ops[v];
    uint64_t ones;
    if (op->code == VM_IR_const)
        return vm_ir_const(b, type, ~op->imm);
    if (op->code == VM_IR_xor && vm_ir_fold_const(b, op->args[1], &ones) &&
        ones == vm_mask(vm_ir_type_bits(type)))
        return op->args[0];
    return VM_IR_NONE;
}

static vm_ir_value cond_compare(struct vm_ir_op *op, unsigned code, bool swap, enum vm_type type,
                                vm_ir_value x, vm_ir_value y)
{
    op->type = (uint8_t)type;
    return vm_ir_fold_into(op, code, swap ? y : x, swap ? x : y);
}

static vm_ir_value cond_of_constants(struct vm_ir_builder *b, const struct vm_ir_op *op,
                                     const struct vm_ir_op *flags)
{
    uint64_t v[3] = {0};
    for (unsigned i = 0; i < vm_ir_op_infos[flags->code].args; i++)
        if (!vm_ir_fold_const(b, flags->args[i], &v[i]))
            return VM_IR_NONE;
    uint32_t bits = flags->code == VM_IR_bitflags
                        ? (uint32_t)v[0]
                        : vm_ir_eval_flags(flags->code, vm_ir_fold_bits(flags), v[0], v[1], v[2]);
    return vm_ir_const(b, VM_I64, vm_ir_eval_cond(bits, op->attr));
}

// cond of the sum `flags` (a copy): a comparison if it is a subtraction by complement.
static vm_ir_value cond_of_sum(struct vm_ir_builder *b, struct vm_ir_op *op, struct vm_ir_op flags)
{
    uint64_t carry;
    bool swap;
    unsigned code = complement_compare(op->attr, &swap);
    vm_ir_value known = cond_of_constants(b, op, &flags);
    if (known != VM_IR_NONE || code == VM_IR_nop || !vm_ir_fold_const(b, flags.args[2], &carry) ||
        !carry)
        return known;
    enum vm_type type = (enum vm_type)flags.type;
    vm_ir_value y = complement_of(b, flags.args[1], type);
    if (y == VM_IR_NONE)
        return VM_IR_NONE;
    return cond_compare(op, code, swap, type, flags.args[0], y);
}

static vm_ir_value fold_cond(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *flags = &b->region->ops[op->args[0]];
    uint32_t wanted = vm_ir_cond_flags(op->attr);
    bool swap;
    unsigned code;
    uint64_t carry;
    if (flags->code != VM_IR_mergef && flags->attr && wanted & ~flags->attr)
        return VM_IR_NONE; // some are clear, whatever the operands are
    switch (flags->code) {
    case VM_IR_mergef:
        if (wanted & flags->attr && wanted & ~flags->attr)
            return VM_IR_NONE;
        op->args[0] = flags->args[wanted & flags->attr ? 1 : 0];
        return VM_IR_AGAIN;
    case VM_IR_logicf:
        code = logic_compare(op->attr, &swap);
        if ((op->attr & ~(uint32_t)VM_IR_COND_NOT) == VM_IR_COND_C || wanted == VM_IR_FLAG_V)
            return vm_ir_const(b, VM_I64, !!(op->attr & VM_IR_COND_NOT));
        if (code == VM_IR_nop)
            return VM_IR_NONE;
        vm_ir_value a = flags->args[0];
        enum vm_type type = (enum vm_type)flags->type;
        return cond_compare(op, code, swap, type, a, vm_ir_const(b, type, 0));
    case VM_IR_subf:
        code = subtraction_compare(op->attr, &swap);
        if (code == VM_IR_nop || !vm_ir_fold_const(b, flags->args[2], &carry) || carry)
            return cond_of_constants(b, op, flags);
        return cond_compare(op, code, swap, (enum vm_type)flags->type, flags->args[0],
                            flags->args[1]);
    case VM_IR_addf: return cond_of_sum(b, op, *flags);
    case VM_IR_bitflags: return cond_of_constants(b, op, flags);
    default: return VM_IR_NONE;
    }
}

static vm_ir_value fold_mergef(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *old = &b->region->ops[op->args[0]];
    const struct vm_ir_op *new = &b->region->ops[op->args[1]];
    uint32_t mask = op->attr & VM_IR_FLAGS_ALL;
    if (op->args[0] == op->args[1] || !mask)
        return op->args[0];
    if (mask == VM_IR_FLAGS_ALL)
        return op->args[1];
    if (old->code == VM_IR_mergef && !(old->attr & ~mask & VM_IR_FLAGS_ALL)) {
        op->args[0] = old->args[0];
        return VM_IR_AGAIN;
    }
    if (new->code == VM_IR_mergef && (!(mask & new->attr) || !(mask & ~new->attr))) {
        op->args[1] = new->args[mask & new->attr ? 1 : 0];
        return VM_IR_AGAIN;
    }
    return VM_IR_NONE;
}

vm_ir_value vm_ir_fold_flags(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    switch (op->code) {
    case VM_IR_cond: return fold_cond(b, op);
    case VM_IR_mergef: return fold_mergef(b, op);
    case VM_IR_bitflags: return inner->code == VM_IR_flagbits ? inner->args[0] : VM_IR_NONE;
    default: break;
    }
    if (inner->code != VM_IR_bitflags)
        return VM_IR_NONE;
    op->type = VM_I64;
    return vm_ir_fold_into(op, VM_IR_and, inner->args[0], vm_ir_const(b, VM_I64, VM_IR_FLAGS_ALL));
}
