// SPDX-License-Identifier: MIT
//
// Folding: dispatch to the chapters' rules, and the rules for arithmetic and logic.
#include "fold.h"

#include <vm/ir/eval.h>

// More rewritings of one op than any sensible input needs: bounds the time on hostile text.
enum { MAX_ROUNDS = 8, PAGE_MASK = 0xfff };

// (x OP c1) OP c2 as x OP (c1 OP c2), for an associative op with a constant second operand c2.
static vm_ir_value reassociate(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    uint64_t c1, c2;
    if (inner->code != op->code || !vm_ir_fold_const(b, inner->args[1], &c1) ||
        !vm_ir_fold_const(b, op->args[1], &c2))
        return VM_IR_NONE;
    vm_ir_value x = inner->args[0];
    uint64_t c;
    switch (op->code) {
    case VM_IR_add: c = c1 + c2; break;
    case VM_IR_and: c = c1 & c2; break;
    case VM_IR_or: c = c1 | c2; break;
    case VM_IR_xor: c = c1 ^ c2; break;
    default: return VM_IR_NONE;
    }
    return vm_ir_fold_into(op, op->code, x, vm_ir_fold_to_const(b, op, c));
}

// Whether x is what an entry held before it was written: who uses x then needs a copy of it.
static bool is_overwritten(const struct vm_ir_builder *b, vm_ir_value x)
{
    const struct vm_ir_op *op = &b->region->ops[x];
    if (op->code != VM_IR_get || !b->known)
        return false;
    vm_ir_value now = b->known[op->imm];
    return now != x && now != VM_IR_NONE;
}

static vm_ir_value add_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    if (!c)
        return op->args[0];
    if (inner->code == VM_IR_pcrel)
        return vm_ir_pcrel(b, inner->imm + c);
    if (inner->code == VM_IR_add && is_overwritten(b, inner->args[0]))
        return VM_IR_NONE;
    return reassociate(b, op);
}

static vm_ir_value fold_sub(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    uint64_t c;
    if (op->args[0] == op->args[1])
        return vm_ir_fold_to_const(b, op, 0);
    if (!vm_ir_fold_const(b, op->args[1], &c))
        return VM_IR_NONE;
    return vm_ir_fold_into(op, VM_IR_add, op->args[0], vm_ir_fold_to_const(b, op, 0 - c));
}

static vm_ir_value and_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    uint64_t all = vm_mask(vm_ir_fold_bits(op)), n;
    if (!c)
        return op->args[1];
    if (c == all || (c == 1 && vm_ir_is_truth(b->region, op->args[0])))
        return op->args[0];
    // The page base has no bits below the page size.
    if (inner->code == VM_IR_pcrel && (c | PAGE_MASK) == UINT64_MAX)
        return vm_ir_pcrel(b, inner->imm & c);
    // A mask of low ones over a shift is a field.
    if (inner->code == VM_IR_shr && vm_ir_fold_const(b, inner->args[1], &n) && !(c & (c + 1))) {
        unsigned bits = vm_ir_fold_bits(op), pos = n & (bits - 1), len = vm_popcount64(c);
        len = pos + len > bits ? bits - pos : len;
        return vm_ir_fold_into_extract(op, inner->args[0], pos, len, false);
    }
    return reassociate(b, op);
}

static vm_ir_value or_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    if (!c)
        return op->args[0];
    return c == vm_mask(vm_ir_fold_bits(op)) ? op->args[1] : reassociate(b, op);
}

static vm_ir_value xor_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    if (!c)
        return op->args[0];
    if (c == 1 && op->type == VM_I64 && vm_ir_is_truth(b->region, op->args[0]))
        return vm_ir_fold_into(op, VM_IR_eq, op->args[0], vm_ir_fold_to_const(b, op, 0));
    return reassociate(b, op);
}

// mul, mulh*, div*, rem*, clmul* by the constant c.
static vm_ir_value multiply_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    switch (op->code) {
    case VM_IR_mul:
    case VM_IR_clmul: return !c ? op->args[1] : c == 1 ? op->args[0] : VM_IR_NONE;
    case VM_IR_mulhu:
    case VM_IR_clmulh: return c <= 1 ? vm_ir_fold_to_const(b, op, 0) : VM_IR_NONE;
    case VM_IR_mulhs:
    case VM_IR_mulhsu: return !c ? op->args[1] : VM_IR_NONE;
    case VM_IR_divu:
    case VM_IR_divs: return c == 1 ? op->args[0] : VM_IR_NONE;
    default: return c == 1 ? vm_ir_fold_to_const(b, op, 0) : VM_IR_NONE;
    }
}

// smin, smax, umin, umax with the constant c: by the ends of the range.
static vm_ir_value minmax_const(struct vm_ir_op *op, uint64_t c, unsigned bits)
{
    bool is_signed = op->code == VM_IR_smin || op->code == VM_IR_smax;
    bool is_min = op->code == VM_IR_smin || op->code == VM_IR_umin;
    uint64_t lowest = is_signed ? (uint64_t)1 << (bits - 1) : 0;
    if (c == lowest)
        return op->args[is_min ? 1 : 0];
    if (c == (~lowest & vm_mask(bits)))
        return op->args[is_min ? 0 : 1];
    return VM_IR_NONE;
}

static vm_ir_value arith_const(struct vm_ir_builder *b, struct vm_ir_op *op, uint64_t c)
{
    switch (op->code) {
    case VM_IR_add: return add_const(b, op, c);
    case VM_IR_and: return and_const(b, op, c);
    case VM_IR_or: return or_const(b, op, c);
    case VM_IR_xor: return xor_const(b, op, c);
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax: return minmax_const(op, c, vm_ir_fold_bits(op));
    default: return multiply_const(b, op, c);
    }
}

vm_ir_value vm_ir_fold_arith(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    uint64_t c;
    if (vm_ir_fold_const(b, op->args[1], &c))
        return arith_const(b, op, c);
    if (op->args[0] != op->args[1])
        return op->type == VM_I64 && (op->code == VM_IR_and || op->code == VM_IR_or)
                   ? vm_ir_fold_truths(b, op)
                   : VM_IR_NONE;
    switch (op->code) {
    case VM_IR_and:
    case VM_IR_or:
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax: return op->args[0];
    case VM_IR_xor: return vm_ir_fold_to_const(b, op, 0);
    default: return VM_IR_NONE;
    }
}

// The constant part of an address goes to the displacement.
static vm_ir_value fold_address(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    const struct vm_ir_op *inner = &b->region->ops[op->args[0]];
    uint64_t c;
    if (inner->code == VM_IR_add && inner->type == VM_I64 &&
        vm_ir_fold_const(b, inner->args[1], &c) && !is_overwritten(b, inner->args[0])) {
        op->args[0] = inner->args[0];
        op->imm += c;
    }
    return VM_IR_NONE;
}

bool vm_ir_is_commutative(unsigned code)
{
    switch (code) {
    case VM_IR_add:
    case VM_IR_mul:
    case VM_IR_mulhu:
    case VM_IR_mulhs:
    case VM_IR_and:
    case VM_IR_or:
    case VM_IR_xor:
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax:
    case VM_IR_clmul:
    case VM_IR_clmulh:
    case VM_IR_eq:
    case VM_IR_ne:
    case VM_IR_vand:
    case VM_IR_vor:
    case VM_IR_vxor:
    case VM_IR_vadd:
    case VM_IR_vmul:
    case VM_IR_vceq: return true;
    default: return false;
    }
}

// A constant goes second where the order is free.
static void order_operands(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    if (b->region->ops[op->args[0]].code == VM_IR_const && vm_ir_is_commutative(op->code)) {
        vm_ir_value a = op->args[0];
        op->args[0] = op->args[1];
        op->args[1] = a;
    }
}

static bool is_arith(const struct vm_ir_op *op)
{
    const struct vm_ir_op_info *info = &vm_ir_op_infos[op->code];
    return !info->effects && info->args == 2 && info->types != VM_TYPES_FLAGS &&
           info->types != VM_TYPES_V128;
}

static vm_ir_value apply_rules(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    switch (op->code) {
    case VM_IR_sub: return fold_sub(b, op);
    case VM_IR_shl:
    case VM_IR_shr:
    case VM_IR_sar:
    case VM_IR_rotr: return vm_ir_fold_shift(b, op);
    case VM_IR_bswap:
    case VM_IR_brev8:
    case VM_IR_sext:
    case VM_IR_zext:
    case VM_IR_trunc:
    case VM_IR_pair:
    case VM_IR_lo:
    case VM_IR_hi:
    case VM_IR_fbits:
    case VM_IR_bitsf:
    case VM_IR_unbox: return vm_ir_fold_width(b, op);
    case VM_IR_extract:
    case VM_IR_deposit: return vm_ir_fold_field(b, op);
    case VM_IR_eq:
    case VM_IR_ne:
    case VM_IR_lts:
    case VM_IR_les:
    case VM_IR_ltu:
    case VM_IR_leu: return vm_ir_fold_compare(b, op);
    case VM_IR_select: return vm_ir_fold_select(b, op);
    case VM_IR_mergef:
    case VM_IR_cond:
    case VM_IR_flagbits:
    case VM_IR_bitflags: return vm_ir_fold_flags(b, op);
    case VM_IR_vget: return vm_ir_fold_vget(b, op);
    case VM_IR_vand:
    case VM_IR_vor: return vm_ir_fold_vand(op);
    case VM_IR_vaesmc:
    case VM_IR_vaesimc: return vm_ir_fold_vaesmc(b, op);
    case VM_IR_load:
    case VM_IR_store:
    case VM_IR_lr:
    case VM_IR_sc:
    case VM_IR_cas:
    case VM_IR_rmw: return fold_address(b, op);
    default: return is_arith(op) ? vm_ir_fold_arith(b, op) : VM_IR_NONE;
    }
}

static vm_ir_value fold_constants(struct vm_ir_builder *b, const struct vm_ir_op *op)
{
    uint64_t value;
    if (!vm_ir_eval(b->region, op, &value))
        return VM_IR_NONE;
    const struct vm_ir_op_info *info = &vm_ir_op_infos[op->code];
    enum vm_type type = (enum vm_type)op->type;
    if (info->signature[0] == 'i')
        type = type == VM_F16 ? VM_I16 : type == VM_F32 ? VM_I32 : VM_I64;
    else if (info->signature[0] != 't')
        type = VM_I64;
    return vm_ir_const(b, type, value);
}

vm_ir_value vm_ir_fold(struct vm_ir_builder *b, struct vm_ir_op *op)
{
    vm_ir_value v = VM_IR_AGAIN;
    for (unsigned i = 0; i < MAX_ROUNDS && v == VM_IR_AGAIN; i++) {
        order_operands(b, op);
        v = b->region->ops[op->args[0]].code == VM_IR_const ? fold_constants(b, op) : VM_IR_NONE;
        if (v == VM_IR_NONE)
            v = apply_rules(b, op);
    }
    return v == VM_IR_AGAIN ? VM_IR_NONE : v;
}
