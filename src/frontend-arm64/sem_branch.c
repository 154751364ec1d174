// SPDX-License-Identifier: MIT
//
// Branches, exceptions, hints and barriers (the manual, C4.1 "Branches, Exception Generating and
// System instructions"), but for those with pointer authentication (sem_pauth.c).
#include "sem_branch.h"

static void branch_if(struct a64_translate *t, vm_ir_value taken, int64_t distance)
{
    uint64_t target = t->offset + (uint64_t)distance;
    t->ends = true;
    if (vm_ir_is_const(t->b->region, taken)) {
        vm_ir_goto(t->b, t->b->region->ops[taken].imm ? target : a64_next(t));
        return;
    }
    uint16_t then_block = vm_ir_new_block(t->b);
    uint16_t else_block = vm_ir_new_block(t->b);
    vm_ir_branch(t->b, taken, then_block, NULL, 0, else_block, NULL, 0);
    vm_ir_start_block(t->b, then_block);
    vm_ir_goto(t->b, target);
    vm_ir_start_block(t->b, else_block);
    vm_ir_goto(t->b, a64_next(t));
}

A64_SEMANTIC(b_cond)
{
    branch_if(t, a64_condition(t, a->cond), a->imm);
}

A64_SEMANTIC(b)
{
    vm_ir_goto(t->b, t->offset + (uint64_t)a->imm);
    t->ends = true;
}

A64_SEMANTIC(bl)
{
    a64_set_x(t, 30, vm_ir_pcrel(t->b, a64_next(t)));
    vm_ir_goto_call(t->b, t->offset + (uint64_t)a->imm, a64_next(t));
    t->ends = true;
}

static void compare_and_branch(struct a64_translate *t, const struct a64_args *a,
                               enum vm_ir_code code)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rd);
    branch_if(t, a64_op2(t, code, type, x, vm_ir_const(t->b, type, 0)), a->imm);
}

A64_SEMANTIC(cbz)
{
    compare_and_branch(t, a, VM_IR_eq);
}

A64_SEMANTIC(cbnz)
{
    compare_and_branch(t, a, VM_IR_ne);
}

static void test_and_branch(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    vm_ir_value x = a64_x(t, a->rd);
    vm_ir_value bit = vm_ir_and(t->b, VM_I64, x, a64_imm(t, (uint64_t)1 << a->amount));
    branch_if(t, a64_op2(t, code, VM_I64, bit, a64_imm(t, 0)), a->imm);
}

A64_SEMANTIC(tbz)
{
    test_and_branch(t, a, VM_IR_eq);
}

A64_SEMANTIC(tbnz)
{
    test_and_branch(t, a, VM_IR_ne);
}

// --- to a register ---

// BTYPE is 2 after a BLR; after a BR it is 1 from X16 and X17 or from a page that is not guarded,
// else 3 (the manual, D8 "Branch target identification").
void a64_go_to(struct a64_translate *t, vm_ir_value target, unsigned rn, enum vm_ir_hint hint)
{
    bool guarded = t->mode & A64_MODE_GUARDED;
    if (hint == VM_IR_HINT_CALL)
        a64_set_btype(t, 2);
    else if (hint == VM_IR_HINT_OTHER)
        a64_set_btype(t, rn == 16 || rn == 17 || !guarded ? 1 : 3);
    if (hint == VM_IR_HINT_CALL)
        a64_set_x(t, 30, vm_ir_pcrel(t->b, a64_next(t)));
    vm_ir_goto_ind(t->b, target, hint, hint == VM_IR_HINT_CALL ? a64_next(t) : 0);
    t->ends = true;
}

A64_SEMANTIC(br)
{
    a64_go_to(t, a64_x(t, a->rn), a->rn, VM_IR_HINT_OTHER);
}

A64_SEMANTIC(blr)
{
    a64_go_to(t, a64_x(t, a->rn), a->rn, VM_IR_HINT_CALL);
}

A64_SEMANTIC(ret)
{
    a64_go_to(t, a64_x(t, a->rn), a->rn, VM_IR_HINT_RETURN);
}

// --- exceptions ---

A64_SEMANTIC(undefined)
{
    (void)a;
    a64_undefined(t);
}

A64_SEMANTIC(svc)
{
    a64_raise(t, A64_EC_SVC, (uint32_t)a->imm);
}

// HVC and SMC are UNDEFINED at EL0. At EL1 the exception's entry decides: the machine's firmware
// may answer.
static void call_monitor(struct a64_translate *t, const struct a64_args *a, enum a64_ec ec)
{
    if (a64_el(t) == 0)
        a64_undefined(t);
    else
        a64_raise(t, ec, (uint32_t)a->imm);
}

A64_SEMANTIC(hvc)
{
    call_monitor(t, a, A64_EC_HVC);
}

A64_SEMANTIC(smc)
{
    call_monitor(t, a, A64_EC_SMC);
}

A64_SEMANTIC(brk)
{
    a64_raise(t, A64_EC_BRK, (uint32_t)a->imm);
}

// --- hints and barriers ---

A64_SEMANTIC(nop)
{
    (void)t;
    (void)a;
}

A64_SEMANTIC(yield)
{
    (void)a;
    a64_exit(t, VM_IR_EXIT_PAUSE);
}

// Ends the speculation of what follows, and no access is delayed.
A64_SEMANTIC(sb)
{
    (void)t;
    (void)a;
}

// Devices are accessed in program order with memory. The two low bits of CRm are the accesses,
// 0 being reserved and the strongest.
A64_SEMANTIC(dmb)
{
    enum { I = 8, O = 4, R = 2, W = 1, ALL = I | O | R | W, LOADS = 1, STORES = 2 };
    unsigned kind = a->imm & 3;
    if (kind == LOADS)
        vm_ir_fence(t->b, (I | R) << 4 | ALL);
    else if (kind == STORES)
        vm_ir_fence(t->b, (O | W) << 4 | O | W);
    else
        vm_ir_fence(t->b, ALL << 4 | ALL);
}

A64_SEMANTIC(clrex)
{
    (void)a;
    a64_call(t, A64_HELP_clrex, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}
