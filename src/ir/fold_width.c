// SPDX-License-Identifier: MIT
//
// Folding rules for shifts, extensions, truncation, bit fields, halves of i128 and float bits.
#include "fold.h"

// (x << n1) >> n2 with n2 >= n1 is a field of x.
static vm_ir_value shift_pair(struct vm_ir_op *op, const struct vm_ir_op *inner, unsigned n1,
                              unsigned n2)
{
    unsigned bits = vm_ir_fold_bits(op);
    if (inner->code != VM_IR_shl || n2 < n1)
        return VM_IR_NONE;
    return vm_ir_fold_into_extract(op, inner->args[0], n2 - n1, bits - n2, op->code == VM_IR_sar);
}

// Two shifts of one kind by n1 and n2.
static vm_ir_value shift_sum(struct vm_ir_builder *b, struct vm_ir_op *op, vm_ir_value x,
                             unsigned sum)
{
    unsigned bits = vm_ir_fold_bits(op);
    if (op->code == VM_IR_rotr)
        sum &= bits - 1;
    else if (op->code == VM_IR_sar && sum >= bits)
        sum = bits - 1;
    if (sum >= bits)
        return vm_ir_fold_to_const(b, op, 0);
    return vm_ir_fold_into(op, op->code, x, vm_ir_fold_to_const(b, op, sum));
}

// A mask on the count that the op applies by itself.
static void drop_count_mask(const struct vm_ir_builder *b, struct vm_ir_op *op, unsigned bits)
{
    const struct vm_ir_op *count = &b->region->ops[op->args[1]];
    uint64_t mask;
    if (count->code == VM_IR_and && vm_ir_fold_const(b, count->args[1], &mask) &&
        !(~mask & (bits - 1)))
        op->args[1] = count->args[0];
}

vm_ir_value vm_ir_fold_shift(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    unsigned bits = vm_ir_fold_bits(op);
    uint64_t a, n1, n2;
    if (vm_ir_fold_const(b, op->args[0], &a) &&
        (!a || (a == vm_mask(bits) && (op->code == VM_IR_sar || op->code == VM_IR_rotr))))
        return op->args[0];
    if (!vm_ir_fold_const(b, op->args[1], &n2)) {
        drop_count_mask(b, op, bits);
        return VM_IR_NONE;
    }
    if (n2 >= bits)
        return vm_ir_fold_into(op, op->code, op->args[0],
                               vm_ir_fold_to_const(b, op, n2 & (bits - 1)));
    if (!n2)
        return op->args[0];
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    bool shifted = inner->code == op->code || inner->code == VM_IR_shl;
    if (!shifted || !vm_ir_fold_const(b, inner->args[1], &n1) || n1 >= bits)
        return VM_IR_NONE;
    if (inner->code == op->code)
        return shift_sum(b, op, inner->args[0], (unsigned)(n1 + n2));
    if (op->code == VM_IR_rotr)
        return VM_IR_NONE;
    return shift_pair(op, inner, (unsigned)n1, (unsigned)n2);
}

// A truth value stays what it is in any width.
static vm_ir_value fold_extension(const struct vm_ir_region *r, struct vm_ir_op *op,
                                  const struct vm_ir_op *inner)
{
    if (op->code == VM_IR_zext && op->type == VM_I64 && inner->code == VM_IR_trunc &&
        vm_ir_is_truth(r, inner->args[0]))
        return inner->args[0];
    if (inner->code == op->code || (op->code == VM_IR_sext && inner->code == VM_IR_zext))
        return vm_ir_fold_into(op, inner->code, inner->args[0], VM_IR_NONE);
    return VM_IR_NONE;
}

// What the low bits of a wider value are without computing the rest of it.
static vm_ir_value fold_trunc(struct vm_ir_builder *b, struct vm_ir_op *op,
                              const struct vm_ir_op *inner)
{
    unsigned bits = vm_ir_fold_bits(op);
    uint64_t mask;
    switch (inner->code) {
    case VM_IR_trunc: return vm_ir_fold_into(op, VM_IR_trunc, inner->args[0], VM_IR_NONE);
    case VM_IR_sext:
    case VM_IR_zext: {
        enum vm_type from = vm_ir_value_type(b->region, inner->args[0]);
        unsigned code = vm_ir_type_bits(from) > bits ? VM_IR_trunc : inner->code;
        if (from == op->type)
            return inner->args[0];
        return vm_ir_fold_into(op, code, inner->args[0], VM_IR_NONE);
    }
    case VM_IR_and:
        if (!vm_ir_fold_const(b, inner->args[1], &mask) || ~mask & vm_mask(bits))
            return VM_IR_NONE;
        return vm_ir_fold_into(op, VM_IR_trunc, inner->args[0], VM_IR_NONE);
    case VM_IR_extract:
        if (VM_IR_FIELD_POS(inner->attr) || VM_IR_FIELD_LEN(inner->attr) < bits)
            return VM_IR_NONE;
        return vm_ir_fold_into(op, VM_IR_trunc, inner->args[0], VM_IR_NONE);
    case VM_IR_deposit:
        if (VM_IR_FIELD_POS(inner->attr) >= bits)
            return vm_ir_fold_into(op, VM_IR_trunc, inner->args[0], VM_IR_NONE);
        if (VM_IR_FIELD_POS(inner->attr) || VM_IR_FIELD_LEN(inner->attr) < bits)
            return VM_IR_NONE;
        return vm_ir_fold_into(op, VM_IR_trunc, inner->args[1], VM_IR_NONE);
    default: return VM_IR_NONE;
    }
}

static vm_ir_value fold_pair(const struct vm_ir_region *r, const struct vm_ir_op *op)
{
    const struct vm_ir_op *low = &r->ops[op->args[0]], *high = &r->ops[op->args[1]];
    if (low->code == VM_IR_lo && high->code == VM_IR_hi && low->args[0] == high->args[0])
        return low->args[0];
    return VM_IR_NONE;
}

// An op that undoes the one before it.
static vm_ir_value fold_undo(const struct vm_ir_op *op, const struct vm_ir_op *inner,
                             unsigned undone)
{
    return inner->code == undone && inner->type == op->type ? inner->args[0] : VM_IR_NONE;
}

vm_ir_value vm_ir_fold_width(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    switch (op->code) {
    case VM_IR_sext:
    case VM_IR_zext: return fold_extension(b->region, op, inner);
    case VM_IR_trunc: return fold_trunc(b, op, inner);
    case VM_IR_pair: return fold_pair(b->region, op);
    case VM_IR_lo: return inner->code == VM_IR_pair ? inner->args[0] : VM_IR_NONE;
    case VM_IR_hi: return inner->code == VM_IR_pair ? inner->args[1] : VM_IR_NONE;
    case VM_IR_fbits: return fold_undo(op, inner, VM_IR_bitsf);
    case VM_IR_bitsf: return fold_undo(op, inner, VM_IR_fbits);
    case VM_IR_unbox: return fold_undo(op, inner, VM_IR_box);
    default: return fold_undo(op, inner, op->code);
    }
}

struct field {
    unsigned pos, len;
};

static struct field field_of(uint32_t attr)
{
    return (struct field){VM_IR_FIELD_POS(attr), VM_IR_FIELD_LEN(attr)};
}

static bool covers(struct field outer, struct field inner)
{
    return outer.pos <= inner.pos && inner.pos + inner.len <= outer.pos + outer.len;
}

static bool disjoint(struct field a, struct field b)
{
    return a.pos + a.len <= b.pos || b.pos + b.len <= a.pos;
}

// A field of the field `f` of inner's operand.
static vm_ir_value extract_extract(struct vm_ir_builder *b, struct vm_ir_op *op,
                                   const struct vm_ir_op *inner)
{
    struct field want = field_of(op->attr), f = field_of(inner->attr);
    bool sign = op->attr & VM_IR_FIELD_SIGNED, inner_sign = inner->attr & VM_IR_FIELD_SIGNED;
    if (want.pos == 0 &&
        ((want.len >= f.len && sign == inner_sign) || (want.len > f.len && !inner_sign)))
        return op->args[0]; // all of the inner one, extended as it is
    if (want.pos + want.len <= f.len)
        return vm_ir_fold_into_extract(op, inner->args[0], f.pos + want.pos, want.len, sign);
    if (inner_sign)
        return VM_IR_NONE;
    if (want.pos >= f.len)
        return vm_ir_fold_to_const(b, op, 0);
    return vm_ir_fold_into_extract(op, inner->args[0], f.pos + want.pos, f.len - want.pos, false);
}

static vm_ir_value extract_shift(struct vm_ir_builder *b, struct vm_ir_op *op,
                                 const struct vm_ir_op *inner)
{
    struct field want = field_of(op->attr);
    unsigned bits = vm_ir_fold_bits(op);
    bool sign = op->attr & VM_IR_FIELD_SIGNED;
    uint64_t n;
    if (!vm_ir_fold_const(b, inner->args[1], &n) || n >= bits)
        return VM_IR_NONE;
    if (inner->code == VM_IR_shl && want.pos + want.len <= n)
        return vm_ir_fold_to_const(b, op, 0);
    if (inner->code == VM_IR_shl && want.pos >= n)
        return vm_ir_fold_into_extract(op, inner->args[0], want.pos - (unsigned)n, want.len, sign);
    if (inner->code != VM_IR_shl && want.pos + want.len + n <= bits)
        return vm_ir_fold_into_extract(op, inner->args[0], want.pos + (unsigned)n, want.len, sign);
    return VM_IR_NONE;
}

static vm_ir_value fold_extract(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    struct field want = field_of(op->attr);
    bool sign = op->attr & VM_IR_FIELD_SIGNED;
    uint64_t mask;
    if (want.len == vm_ir_fold_bits(op))
        return op->args[0];
    switch (inner->code) {
    case VM_IR_extract: return extract_extract(b, op, inner);
    case VM_IR_shl:
    case VM_IR_shr:
    case VM_IR_sar: return extract_shift(b, op, inner);
    case VM_IR_and:
        if (!vm_ir_fold_const(b, inner->args[1], &mask) ||
            vm_bits(mask, want.pos, want.len) != vm_mask(want.len))
            return VM_IR_NONE;
        return vm_ir_fold_into_extract(op, inner->args[0], want.pos, want.len, sign);
    case VM_IR_deposit: {
        struct field f = field_of(inner->attr);
        if (covers(f, want))
            return vm_ir_fold_into_extract(op, inner->args[1], want.pos - f.pos, want.len, sign);
        if (disjoint(f, want))
            return vm_ir_fold_into_extract(op, inner->args[0], want.pos, want.len, sign);
        return VM_IR_NONE;
    }
    default: return VM_IR_NONE;
    }
}

// The operand whose low `len` bits are those of v: v behind a mask or field that keeps them.
static vm_ir_value low_bits_of(const struct vm_ir_builder *b, vm_ir_value v, unsigned len)
{
    const struct vm_ir_op *op = &b->region->ops[v];
    uint64_t mask;
    if (op->code == VM_IR_extract && !VM_IR_FIELD_POS(op->attr) && VM_IR_FIELD_LEN(op->attr) >= len)
        return op->args[0];
    if (op->code == VM_IR_and && vm_ir_fold_const(b, op->args[1], &mask) && !(~mask & vm_mask(len)))
        return op->args[0];
    return v;
}

static vm_ir_value fold_deposit(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *into = &b->region->ops[op->args[0]];
    const struct vm_ir_op *from = &b->region->ops[op->args[1]];
    struct field f = field_of(op->attr);
    if (f.len == vm_ir_fold_bits(op))
        return op->args[1];
    if (into->code == VM_IR_const && !into->imm && !f.pos)
        return vm_ir_fold_into_extract(op, op->args[1], 0, f.len, false);
    if (from->code == VM_IR_extract && from->args[0] == op->args[0] &&
        VM_IR_FIELD_POS(from->attr) == f.pos && VM_IR_FIELD_LEN(from->attr) >= f.len)
        return op->args[0];
    if (into->code == VM_IR_deposit && covers(f, field_of(into->attr)))
        op->args[0] = into->args[0];
    op->args[1] = low_bits_of(b, op->args[1], f.len);
    return VM_IR_NONE;
}

vm_ir_value vm_ir_fold_field(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    return op->code == VM_IR_extract ? fold_extract(b, op) : fold_deposit(b, op);
}
