// SPDX-License-Identifier: MIT
//
// Bit manipulation (volume I, chapters "Zba", "Zbb", "Zbc", "Zbs", "Zbkb").
#include "sem.h"

// --- Zba ---

static vm_ir_value shift_add(struct rv_translate *t, vm_ir_value x, unsigned n, vm_ir_value y)
{
    return rv_op2(t, VM_IR_add, rv_op2i(t, VM_IR_shl, x, n), y);
}

RV_BINARY(sh1add, shift_add(t, x, 1, y))
RV_BINARY(sh2add, shift_add(t, x, 2, y))
RV_BINARY(sh3add, shift_add(t, x, 3, y))
RV_BINARY(add_uw, rv_op2(t, VM_IR_add, rv_zext_word(t, x), y))
RV_BINARY(sh1add_uw, shift_add(t, rv_zext_word(t, x), 1, y))
RV_BINARY(sh2add_uw, shift_add(t, rv_zext_word(t, x), 2, y))
RV_BINARY(sh3add_uw, shift_add(t, rv_zext_word(t, x), 3, y))
RV_SHIFT(slli_uw, rv_op2i(t, VM_IR_shl, rv_zext_word(t, x), n))

// --- Zbb, shared with Zbkb: logic with negate, rotations, byte reversal ---

static vm_ir_value inverted(struct rv_translate *t, vm_ir_value x)
{
    return rv_op2i(t, VM_IR_xor, x, UINT64_MAX);
}

static vm_ir_value negated(struct rv_translate *t, vm_ir_value x)
{
    vm_ir_value zero = rv_imm(t, 0);
    return rv_op2(t, VM_IR_sub, zero, x);
}

RV_BINARY(andn, rv_op2(t, VM_IR_and, x, inverted(t, y)))
RV_BINARY(orn, rv_op2(t, VM_IR_or, x, inverted(t, y)))
RV_BINARY(xnor, inverted(t, rv_op2(t, VM_IR_xor, x, y)))

// Rotation counts are taken modulo the width, so left by n is right by -n.
RV_BINARY(ror, rv_op2(t, VM_IR_rotr, x, y))
RV_BINARY(rol, rv_op2(t, VM_IR_rotr, x, negated(t, y)))
RV_BINARY(rorw, rv_word_op2(t, VM_IR_rotr, x, y))
RV_BINARY(rolw, rv_word_op2(t, VM_IR_rotr, x, negated(t, y)))
RV_SHIFT(rori, rv_op2i(t, VM_IR_rotr, x, n))
RV_SHIFT(roriw, rv_word_op2(t, VM_IR_rotr, x, rv_imm(t, n)))
RV_UNARY(rev8, rv_op1(t, VM_IR_bswap, x))

// --- Zbb ---

static vm_ir_value count_word(struct rv_translate *t, enum vm_ir_code code, vm_ir_value x)
{
    vm_ir_value w = vm_ir_trunc(t->b, VM_I32, x);
    vm_ir_value n = vm_ir_emit(t->b, code, VM_I32, 0, 0, w, VM_IR_NONE, VM_IR_NONE);
    return vm_ir_zext(t->b, VM_I64, n);
}

RV_UNARY(clz, rv_op1(t, VM_IR_clz, x))
RV_UNARY(ctz, rv_op1(t, VM_IR_ctz, x))
RV_UNARY(cpop, rv_op1(t, VM_IR_popcnt, x))
RV_UNARY(clzw, count_word(t, VM_IR_clz, x))
RV_UNARY(ctzw, count_word(t, VM_IR_ctz, x))
RV_UNARY(cpopw, count_word(t, VM_IR_popcnt, x))
RV_UNARY(orc_b, rv_op1(t, VM_IR_orcb, x))
RV_UNARY(sext_b, vm_ir_extract(t->b, VM_I64, x, 0, 8, true))
RV_UNARY(sext_h, vm_ir_extract(t->b, VM_I64, x, 0, 16, true))
RV_UNARY(zext_h, vm_ir_extract(t->b, VM_I64, x, 0, 16, false))
RV_BINARY(min, rv_op2(t, VM_IR_smin, x, y))
RV_BINARY(max, rv_op2(t, VM_IR_smax, x, y))
RV_BINARY(minu, rv_op2(t, VM_IR_umin, x, y))
RV_BINARY(maxu, rv_op2(t, VM_IR_umax, x, y))

// --- Zbc. The reversed product is the full one's bits 126 to 63. ---

static vm_ir_value clmul_reversed(struct rv_translate *t, vm_ir_value x, vm_ir_value y)
{
    vm_ir_value high = rv_op2i(t, VM_IR_shl, rv_op2(t, VM_IR_clmulh, x, y), 1);
    vm_ir_value low = rv_op2i(t, VM_IR_shr, rv_op2(t, VM_IR_clmul, x, y), 63);
    return rv_op2(t, VM_IR_or, high, low);
}

RV_BINARY(clmul, rv_op2(t, VM_IR_clmul, x, y))
RV_BINARY(clmulh, rv_op2(t, VM_IR_clmulh, x, y))
RV_BINARY(clmulr, clmul_reversed(t, x, y))

// --- Zbs ---

static vm_ir_value single_bit(struct rv_translate *t, vm_ir_value n)
{
    vm_ir_value one = rv_imm(t, 1);
    return rv_op2(t, VM_IR_shl, one, n);
}

RV_BINARY(bclr, rv_op2(t, VM_IR_and, x, inverted(t, single_bit(t, y))))
RV_BINARY(bset, rv_op2(t, VM_IR_or, x, single_bit(t, y)))
RV_BINARY(binv, rv_op2(t, VM_IR_xor, x, single_bit(t, y)))
RV_BINARY(bext, rv_op2i(t, VM_IR_and, rv_op2(t, VM_IR_shr, x, y), 1))
RV_SHIFT(bclri, rv_op2i(t, VM_IR_and, x, ~((uint64_t)1 << n)))
RV_SHIFT(bseti, rv_op2i(t, VM_IR_or, x, (uint64_t)1 << n))
RV_SHIFT(binvi, rv_op2i(t, VM_IR_xor, x, (uint64_t)1 << n))
RV_SHIFT(bexti, vm_ir_extract(t->b, VM_I64, x, n, 1, false))

// --- Zbkb ---

static vm_ir_value pack_bytes(struct rv_translate *t, vm_ir_value x, vm_ir_value y)
{
    vm_ir_value low = vm_ir_extract(t->b, VM_I64, x, 0, 8, false);
    return vm_ir_deposit(t->b, VM_I64, low, y, 8, 8);
}

RV_UNARY(brev8, rv_op1(t, VM_IR_brev8, x))
RV_BINARY(pack, vm_ir_deposit(t->b, VM_I64, x, y, 32, 32))
RV_BINARY(packh, pack_bytes(t, x, y))
RV_BINARY(packw, rv_sext_word(t, vm_ir_deposit(t->b, VM_I64, x, y, 16, 16)))
