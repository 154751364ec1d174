// SPDX-License-Identifier: MIT
//
// Control transfer (volume I, chapter "RV32I", section "Control Transfer Instructions").
//
// With IALIGN=16 (Zca, which C includes) no target is misaligned. With IALIGN=32 the jump or the
// taken branch raises instruction-address-misaligned itself and writes no link.
#include "sem.h"

static bool halfword_aligned(const struct rv_translate *t)
{
    return rv_has(t->config, RV_EXT_ZCA);
}

static void go_to(struct rv_translate *t, uint64_t offset)
{
    if (offset & 2 && !halfword_aligned(t))
        vm_ir_raise(t->b, RV_CAUSE_FETCH_MISALIGNED, vm_ir_pcrel(t->b, offset));
    else
        vm_ir_goto(t->b, offset);
}

// x1 and x5 are the link registers of table "Return-address stack prediction hints".
static bool is_link(unsigned n)
{
    return n == 1 || n == 5;
}

RV_SEMANTIC(jal)
{
    uint64_t target = t->offset + (uint64_t)a->imm;
    bool faults = target & 2 && !halfword_aligned(t);
    if (a->rd && !faults)
        rv_set_x(t, a->rd, vm_ir_pcrel(t->b, rv_next(t)));
    if (is_link(a->rd) && !faults)
        vm_ir_goto_call(t->b, target, rv_next(t));
    else
        go_to(t, target);
    t->ends = true;
}

static enum vm_ir_hint jump_hint(const struct rv_args *a)
{
    if (is_link(a->rd))
        return is_link(a->rs1) && a->rs1 != a->rd ? VM_IR_HINT_SWAP : VM_IR_HINT_CALL;
    return is_link(a->rs1) ? VM_IR_HINT_RETURN : VM_IR_HINT_OTHER;
}

static void require_word_aligned(struct rv_translate *t, vm_ir_value target)
{
    uint16_t misaligned = vm_ir_new_block(t->b);
    uint16_t aligned = vm_ir_new_block(t->b);
    vm_ir_value bit = vm_ir_extract(t->b, VM_I64, target, 1, 1, false);
    vm_ir_branch(t->b, bit, misaligned, NULL, 0, aligned, NULL, 0);
    vm_ir_start_block(t->b, misaligned);
    vm_ir_raise(t->b, RV_CAUSE_FETCH_MISALIGNED, target);
    vm_ir_start_block(t->b, aligned);
}

RV_SEMANTIC(jalr)
{
    vm_ir_value sum = rv_op2i(t, VM_IR_add, rv_x(t, a->rs1), (uint64_t)a->imm);
    vm_ir_value target = rv_op2i(t, VM_IR_and, sum, ~(uint64_t)1);
    if (!halfword_aligned(t))
        require_word_aligned(t, target);
    if (a->rd)
        rv_set_x(t, a->rd, vm_ir_pcrel(t->b, rv_next(t)));
    vm_ir_goto_ind(t->b, target, jump_hint(a), rv_next(t));
    t->ends = true;
}

static void branch(struct rv_translate *t, const struct rv_args *a, enum vm_ir_code code, bool swap)
{
    vm_ir_value x = rv_x(t, a->rs1);
    vm_ir_value y = rv_x(t, a->rs2);
    vm_ir_value taken = swap ? rv_op2(t, code, y, x) : rv_op2(t, code, x, y);
    uint64_t target = t->offset + (uint64_t)a->imm;
    t->ends = true;
    if (vm_ir_is_const(t->b->region, taken)) {
        go_to(t, t->b->region->ops[taken].imm ? target : rv_next(t));
        return;
    }
    uint16_t then_block = vm_ir_new_block(t->b);
    uint16_t else_block = vm_ir_new_block(t->b);
    vm_ir_branch(t->b, taken, then_block, NULL, 0, else_block, NULL, 0);
    vm_ir_start_block(t->b, then_block);
    go_to(t, target);
    vm_ir_start_block(t->b, else_block);
    vm_ir_goto(t->b, rv_next(t));
}

RV_SEMANTIC(beq)
{
    branch(t, a, VM_IR_eq, false);
}

RV_SEMANTIC(bne)
{
    branch(t, a, VM_IR_ne, false);
}

RV_SEMANTIC(blt)
{
    branch(t, a, VM_IR_lts, false);
}

RV_SEMANTIC(bltu)
{
    branch(t, a, VM_IR_ltu, false);
}

RV_SEMANTIC(bge)
{
    branch(t, a, VM_IR_les, true);
}

RV_SEMANTIC(bgeu)
{
    branch(t, a, VM_IR_leu, true);
}
