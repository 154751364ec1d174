// SPDX-License-Identifier: MIT
#include "known.h"

#include <vm/ir/eval.h>

#include <vm/base/bits.h>

struct vm_ir_known vm_ir_known_nothing(unsigned bits)
{
    return (struct vm_ir_known){~vm_mask(bits), 1};
}

struct vm_ir_known vm_ir_known_meet(struct vm_ir_known a, struct vm_ir_known b)
{
    return (struct vm_ir_known){a.zeros & b.zeros, a.signs < b.signs ? a.signs : b.signs};
}

// How many bits from the top of the type are known to be 0.
static unsigned top_zeros(struct vm_ir_known k, unsigned bits)
{
    return vm_clz64(~k.zeros) - (64 - bits);
}

static unsigned low_zeros(struct vm_ir_known k)
{
    return vm_ctz64(~k.zeros);
}

static struct vm_ir_known of_zeros(uint64_t zeros)
{
    return (struct vm_ir_known){zeros, 1};
}

static struct vm_ir_known of_signs(unsigned bits, int signs)
{
    return (struct vm_ir_known){~vm_mask(bits), (uint8_t)(signs < 1 ? 1 : signs)};
}

static struct vm_ir_known of_const(uint64_t v, unsigned bits)
{
    uint64_t wide = vm_sign_extend(v, bits);
    unsigned same = vm_clz64((int64_t)wide < 0 ? ~wide : wide) - (64 - bits);
    return (struct vm_ir_known){~v, (uint8_t)same};
}

static struct vm_ir_known of_sext(struct vm_ir_known a, unsigned from, unsigned bits)
{
    bool positive = a.zeros >> (from - 1) & 1;
    uint64_t high = vm_mask(bits) & ~vm_mask(from);
    return (struct vm_ir_known){positive ? a.zeros : a.zeros & ~high,
                                (uint8_t)(a.signs + bits - from)};
}

static struct vm_ir_known of_field(struct vm_ir_known a, const struct vm_ir_op *op, unsigned bits)
{
    unsigned pos = VM_IR_FIELD_POS(op->attr), len = VM_IR_FIELD_LEN(op->attr);
    struct vm_ir_known field = of_zeros(a.zeros >> pos | ~vm_mask(len));
    // The field's top bits are those of a when it reaches a's sign bits.
    int signs = (int)a.signs - (int)(bits - pos - len);
    field.signs = (uint8_t)(signs < 1 ? 1 : signs > (int)len ? (int)len : signs);
    return op->attr & VM_IR_FIELD_SIGNED ? of_sext(field, len, bits) : of_zeros(field.zeros);
}

static struct vm_ir_known of_deposit(struct vm_ir_known a, struct vm_ir_known b,
                                     const struct vm_ir_op *op)
{
    unsigned pos = VM_IR_FIELD_POS(op->attr), len = VM_IR_FIELD_LEN(op->attr);
    return of_zeros(vm_set_bits(a.zeros, pos, len, b.zeros));
}

static struct vm_ir_known of_shift(unsigned code, struct vm_ir_known a, unsigned n, unsigned bits)
{
    uint64_t high = vm_mask(bits) & ~vm_mask(bits - n);
    switch (code) {
    case VM_IR_shl:
        return (struct vm_ir_known){(a.zeros << n | vm_mask(n)) | ~vm_mask(bits),
                                    (uint8_t)(a.signs > n ? a.signs - n : 1)};
    case VM_IR_shr: return of_zeros((a.zeros & vm_mask(bits)) >> n | high | ~vm_mask(bits));
    default: {
        bool positive = a.zeros >> (bits - 1) & 1;
        uint64_t zeros = (a.zeros & vm_mask(bits)) >> n | ~vm_mask(bits) | (positive ? high : 0);
        return (struct vm_ir_known){zeros, (uint8_t)(a.signs + n > bits ? bits : a.signs + n)};
    }
    }
}

static struct vm_ir_known of_sum(struct vm_ir_known a, struct vm_ir_known b, unsigned bits)
{
    struct vm_ir_known both = vm_ir_known_meet(a, b);
    unsigned low_a = low_zeros(a), low_b = low_zeros(b);
    struct vm_ir_known sum = of_signs(bits, both.signs - 1);
    sum.zeros |= vm_mask(low_a < low_b ? low_a : low_b);
    return sum;
}

static struct vm_ir_known of_add(struct vm_ir_known a, struct vm_ir_known b, unsigned bits)
{
    struct vm_ir_known sum = of_sum(a, b, bits);
    unsigned top_a = top_zeros(a, bits), top_b = top_zeros(b, bits);
    unsigned top = top_a < top_b ? top_a : top_b;
    if (top > 1) // the carry reaches one bit further
        sum.zeros |= ~vm_mask(bits - top + 1);
    return sum;
}

// What memory of attr's size is once extended.
static struct vm_ir_known of_memory(const struct vm_ir_op *op, unsigned bits)
{
    unsigned size = 8u << vm_ir_mem_size_log2(op->attr);
    if (size >= bits)
        return vm_ir_known_nothing(bits);
    return op->attr & VM_IR_MEM_SIGNED ? of_signs(bits, (int)(bits - size + 1))
                                       : of_zeros(~vm_mask(size));
}

static struct vm_ir_known of_binary(const struct vm_ir_region *r, const struct vm_ir_op *op,
                                    struct vm_ir_known a, struct vm_ir_known b, unsigned bits)
{
    const struct vm_ir_op *second = &r->ops[op->args[1]];
    struct vm_ir_known both = vm_ir_known_meet(a, b);
    switch (op->code) {
    case VM_IR_and: return (struct vm_ir_known){a.zeros | b.zeros, both.signs};
    case VM_IR_or:
    case VM_IR_xor:
    case VM_IR_smin:
    case VM_IR_smax:
    case VM_IR_umin:
    case VM_IR_umax: return both;
    case VM_IR_add: return of_add(a, b, bits);
    case VM_IR_sub: return of_sum(a, b, bits);
    case VM_IR_shl:
    case VM_IR_shr:
    case VM_IR_sar:
        if (second->code == VM_IR_const)
            return of_shift(op->code, a, second->imm & (bits - 1), bits);
        return op->code == VM_IR_sar ? of_signs(bits, a.signs) : vm_ir_known_nothing(bits);
    case VM_IR_remu: return of_zeros(~vm_mask(bits - top_zeros(a, bits)));
    case VM_IR_deposit: return of_deposit(a, b, op);
    default: return vm_ir_known_nothing(bits);
    }
}

// Ops that are not made of known operands, or have one.
static struct vm_ir_known of_other(const struct vm_ir_region *r, const struct vm_ir_op *op,
                                   const struct vm_ir_known *known, unsigned bits)
{
    switch (op->code) {
    case VM_IR_const: return of_const(op->imm, bits);
    case VM_IR_zext: return of_zeros(known[op->args[0]].zeros);
    case VM_IR_sext:
        return of_sext(known[op->args[0]], vm_ir_type_bits(vm_ir_value_type(r, op->args[0])), bits);
    case VM_IR_trunc: {
        struct vm_ir_known a = known[op->args[0]];
        unsigned from = vm_ir_type_bits(vm_ir_value_type(r, op->args[0]));
        struct vm_ir_known low = of_signs(bits, (int)a.signs - (int)(from - bits));
        low.zeros |= a.zeros;
        return low;
    }
    case VM_IR_extract: return of_field(known[op->args[0]], op, bits);
    case VM_IR_select: return vm_ir_known_meet(known[op->args[1]], known[op->args[2]]);
    case VM_IR_clz:
    case VM_IR_ctz:
    case VM_IR_popcnt: return of_zeros(~(uint64_t)(2 * bits - 1));
    case VM_IR_vget: {
        unsigned lane = vm_ir_type_bits(vm_ir_vec_lane(op->attr));
        return op->attr & VM_IR_VEC_SIGNED ? of_signs(bits, (int)(bits - lane + 1))
                                           : of_zeros(~vm_mask(lane));
    }
    case VM_IR_flagbits: return of_zeros(~(uint64_t)VM_IR_FLAGS_ALL);
    case VM_IR_fclass: return of_zeros(~vm_mask(10));
    case VM_IR_load:
    case VM_IR_lr:
    case VM_IR_cas:
    case VM_IR_rmw: return of_memory(op, bits);
    default: return vm_ir_known_nothing(bits);
    }
}

void vm_ir_known_compute(const struct vm_ir_region *r, struct vm_ir_known *known, vm_ir_value v)
{
    const struct vm_ir_op *op = &r->ops[v];
    const struct vm_ir_op_info *info = &vm_ir_op_infos[op->code];
    unsigned bits = vm_ir_type_bits(vm_ir_value_type(r, v)), top;
    struct vm_ir_known k;
    if (info->signature[0] == 'b')
        k = of_zeros(~(uint64_t)1);
    else if (info->args == 2 && !info->effects && info->signature[0] == 't')
        k = of_binary(r, op, known[op->args[0]], known[op->args[1]], bits);
    else
        k = of_other(r, op, known, bits);
    top = top_zeros(k, bits);
    if (top > k.signs)
        k.signs = (uint8_t)top;
    known[v] = k;
}
