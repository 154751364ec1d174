// SPDX-License-Identifier: MIT
//
// Integer computation of RV32I and RV64I (volume I, chapters "RV32I" and "RV64I"), and integer
// conditional operations (chapter "Zicond").
#include "sem.h"

RV_BINARY(add, rv_op2(t, VM_IR_add, x, y))
RV_BINARY(sub, rv_op2(t, VM_IR_sub, x, y))
RV_BINARY(and, rv_op2(t, VM_IR_and, x, y))
RV_BINARY(or, rv_op2(t, VM_IR_or, x, y))
RV_BINARY(xor, rv_op2(t, VM_IR_xor, x, y))
RV_BINARY(sll, rv_op2(t, VM_IR_shl, x, y))
RV_BINARY(srl, rv_op2(t, VM_IR_shr, x, y))
RV_BINARY(sra, rv_op2(t, VM_IR_sar, x, y))
RV_BINARY(slt, rv_op2(t, VM_IR_lts, x, y))
RV_BINARY(sltu, rv_op2(t, VM_IR_ltu, x, y))

RV_IMMEDIATE(addi, rv_op2i(t, VM_IR_add, x, n))
RV_IMMEDIATE(andi, rv_op2i(t, VM_IR_and, x, n))
RV_IMMEDIATE(ori, rv_op2i(t, VM_IR_or, x, n))
RV_IMMEDIATE(xori, rv_op2i(t, VM_IR_xor, x, n))
RV_IMMEDIATE(slti, rv_op2i(t, VM_IR_lts, x, n))
RV_IMMEDIATE(sltiu, rv_op2i(t, VM_IR_ltu, x, n))

RV_SHIFT(slli, rv_op2i(t, VM_IR_shl, x, n))
RV_SHIFT(srli, rv_op2i(t, VM_IR_shr, x, n))
RV_SHIFT(srai, rv_op2i(t, VM_IR_sar, x, n))

RV_SEMANTIC(lui)
{
    rv_set_x(t, a->rd, rv_imm(t, (uint64_t)a->imm));
}

RV_SEMANTIC(auipc)
{
    if (a->rd)
        rv_set_x(t, a->rd, vm_ir_pcrel(t->b, t->offset + (uint64_t)a->imm));
}

// --- RV64I's word instructions ---

// A right shift of a word by a constant is a field of it.
static vm_ir_value shift_word_right(struct rv_translate *t, vm_ir_value x, unsigned n, bool sign)
{
    n &= 31;
    return vm_ir_extract(t->b, VM_I64, x, n, 32 - n, sign);
}

RV_BINARY(addw, rv_sext_word(t, rv_op2(t, VM_IR_add, x, y)))
RV_BINARY(subw, rv_sext_word(t, rv_op2(t, VM_IR_sub, x, y)))
RV_BINARY(sllw, rv_word_op2(t, VM_IR_shl, x, y))
RV_BINARY(srlw, rv_word_op2(t, VM_IR_shr, x, y))
RV_BINARY(sraw, rv_word_op2(t, VM_IR_sar, x, y))
RV_IMMEDIATE(addiw, rv_sext_word(t, rv_op2i(t, VM_IR_add, x, n)))
RV_SHIFT(slliw, rv_sext_word(t, rv_op2i(t, VM_IR_shl, x, n)))
RV_SHIFT(srliw, shift_word_right(t, x, n, !n)) // bit 31 is the sign of the unshifted word
RV_SHIFT(sraiw, shift_word_right(t, x, n, true))

// --- Zicond ---

static vm_ir_value zero_if(struct rv_translate *t, enum vm_ir_code condition, vm_ir_value y,
                           vm_ir_value x)
{
    vm_ir_value zero = rv_imm(t, 0);
    return vm_ir_select(t->b, VM_I64, rv_op2(t, condition, y, zero), zero, x);
}

RV_BINARY(czero_eqz, zero_if(t, VM_IR_eq, y, x))
RV_BINARY(czero_nez, zero_if(t, VM_IR_ne, y, x))

// --- Hints and may-be operations (Zihintntl, Zicbop, Zimop, Zcmop) ---

RV_SEMANTIC(nop)
{
    (void)t;
    (void)a;
}

RV_SEMANTIC(mop)
{
    rv_set_x(t, a->rd, rv_imm(t, 0));
}
