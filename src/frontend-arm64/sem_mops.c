// SPDX-License-Identifier: MIT
//
// Memory copy and memory set (the manual, C6 "CPYP, CPYM, CPYE", "SETP, SETM, SETE", and the
// pseudocode of CPY and SET). This PE has what the manual calls option A: after the prologue
// PSTATE.C is clear; Xn is minus the bytes that are left, and addresses are those behind the last
// byte; or, of a copy from the end to the start, Xn is the bytes that are left, and addresses are
// those of the first byte. So Xd + Xn is always where the next byte goes, or behind it.
//
// The prologue moves nothing. The main part moves all, so that the epilogue finds nothing to do
// unless a program has written the registers. A helper moves what lies in a page; the loop between
// the calls may be left for interrupts, with the registers as they must be to go on.
#include "sem.h"

enum { BACKWARD_BITS = 56 };

// SCTLR.MSCEn can have the instructions off at EL0. False: the block has ended.
static bool begin(struct a64_translate *t)
{
    if (t->mode & A64_MODE_NO_MOPS)
        a64_undefined(t);
    return !t->ends;
}

static void clear_flags(struct a64_translate *t)
{
    a64_set_nzcv(t, vm_ir_bitflags(t->b, VM_FLAGS, a64_imm(t, 0)));
}

// --- prologues ---

static void forward_prologue(struct a64_translate *t, const struct a64_args *a, bool copy)
{
    if (!begin(t))
        return;
    vm_ir_value n = a64_x(t, a->rn);
    vm_ir_value most = a64_imm(t, INT64_MAX);
    vm_ir_value size = vm_ir_umin(t->b, VM_I64, n, most);
    vm_ir_value d = a64_x(t, a->rd);
    if (copy)
        a64_set_x(t, a->rs, vm_ir_add(t->b, VM_I64, a64_x(t, a->rs), size));
    a64_set_x(t, a->rd, vm_ir_add(t->b, VM_I64, d, size));
    a64_set_x(t, a->rn, vm_ir_sub(t->b, VM_I64, a64_imm(t, 0), size));
    clear_flags(t);
}

A64_SEMANTIC(setp)
{
    forward_prologue(t, a, false);
}

A64_SEMANTIC(cpyfp)
{
    forward_prologue(t, a, true);
}

// Backward where the destination begins inside the source, both seen without what may be a tag.
A64_SEMANTIC(cpyp)
{
    if (!begin(t))
        return;
    vm_ir_value most = a64_imm(t, vm_mask(BACKWARD_BITS - 1));
    vm_ir_value size = vm_ir_umin(t->b, VM_I64, a64_x(t, a->rn), most);
    vm_ir_value d = a64_x(t, a->rd);
    vm_ir_value s = a64_x(t, a->rs);
    vm_ir_value to = vm_ir_extract(t->b, VM_I64, d, 0, BACKWARD_BITS, false);
    vm_ir_value from = vm_ir_extract(t->b, VM_I64, s, 0, BACKWARD_BITS, false);
    vm_ir_value below = vm_ir_ltu(t->b, VM_I64, from, to);
    vm_ir_value end = vm_ir_add(t->b, VM_I64, from, size);
    vm_ir_value back = vm_ir_and(t->b, VM_I64, below, vm_ir_ltu(t->b, VM_I64, to, end));
    vm_ir_value zero = a64_imm(t, 0);
    vm_ir_value by = vm_ir_select(t->b, VM_I64, back, zero, size);
    vm_ir_value left = vm_ir_select(t->b, VM_I64, back, size, vm_ir_sub(t->b, VM_I64, zero, size));
    a64_set_x(t, a->rd, vm_ir_add(t->b, VM_I64, d, by));
    a64_set_x(t, a->rs, vm_ir_add(t->b, VM_I64, s, by));
    a64_set_x(t, a->rn, left);
    clear_flags(t);
}

// --- main parts and epilogues ---

enum what { SET = 1, FORWARD = 2, EPILOGUE = 4 };

// The syndrome of registers that are not as a prologue of option A leaves them (ESR_EL1, "ISS
// encoding for an exception from the Memory Copy and Memory Set instructions").
static uint64_t syndrome(const struct a64_args *a, unsigned what, bool wrong_option)
{
    uint32_t iss = (what & SET ? 1u << 24 : 0) | (uint32_t)a->op << 19 |
                   (what & EPILOGUE ? 1u << 18 : 0) | (wrong_option ? 1u << 17 : 0) | 1u << 16 |
                   (uint32_t)a->rd << 10 | (uint32_t)a->rs << 5 | a->rn;
    return A64_ESR(A64_EC_MOPS, iss);
}

static void raise_if(struct a64_translate *t, vm_ir_value bad, uint64_t cause)
{
    uint16_t raises = vm_ir_new_block(t->b);
    uint16_t goes_on = vm_ir_new_block(t->b);
    vm_ir_branch(t->b, bad, raises, NULL, 0, goes_on, NULL, 0);
    vm_ir_start_block(t->b, raises);
    vm_ir_raise(t->b, cause, a64_imm(t, 0));
    vm_ir_start_block(t->b, goes_on);
}

// The MMU index of the side that `bit` of the options makes unprivileged.
static uint64_t index_of(const struct a64_translate *t, const struct a64_args *a, unsigned bit)
{
    bool unprivileged = a->op >> bit & 1 && t->mode & A64_MODE_UNPRIV_EL0;
    return unprivileged ? A64_MMU_UNPRIV : A64_MMU_CURRENT;
}

// One call of the helper, which gives the new Xn.
static vm_ir_value move_some(struct a64_translate *t, const struct a64_args *a, unsigned what)
{
    enum { WRITES, READS, READ_INDEX_SHIFT = 4 };
    vm_ir_value n = a64_x(t, a->rn);
    vm_ir_value to = vm_ir_add(t->b, VM_I64, a64_x(t, a->rd), n);
    vm_ir_value s = a64_x(t, a->rs);
    uint64_t indexes = index_of(t, a, WRITES);
    if (what & SET)
        return a64_call(t, A64_HELP_mops_set, to, n, s, a64_imm(t, indexes));
    indexes |= index_of(t, a, READS) << READ_INDEX_SHIFT;
    s = vm_ir_add(t->b, VM_I64, s, n);
    return a64_call(t, A64_HELP_mops_copy, to, s, n, a64_imm(t, indexes));
}

static void go_on(struct a64_translate *t, const struct a64_args *a, unsigned what)
{
    if (!begin(t))
        return;
    raise_if(t, vm_ir_cond(t->b, vm_ir_get(t->b, A64_REG_NZCV), VM_IR_COND_C),
             syndrome(a, what, true));
    if (what & (SET | FORWARD)) {
        vm_ir_value size = a64_x(t, a->rn);
        vm_ir_value positive = vm_ir_lts(t->b, VM_I64, a64_imm(t, 0), size);
        raise_if(t, positive, syndrome(a, what, false));
    }
    uint16_t loop = vm_ir_new_block(t->b);
    uint16_t body = vm_ir_new_block(t->b);
    uint16_t done = vm_ir_new_block(t->b);
    vm_ir_jump(t->b, loop, NULL, 0);
    vm_ir_start_block(t->b, loop);
    vm_ir_insn(t->b, t->offset, 0);
    vm_ir_value left = a64_x(t, a->rn);
    vm_ir_value finished = vm_ir_eq(t->b, VM_I64, left, a64_imm(t, 0));
    vm_ir_branch(t->b, finished, done, NULL, 0, body, NULL, 0);
    vm_ir_start_block(t->b, body);
    vm_ir_insn(t->b, t->offset, 0);
    a64_set_x(t, a->rn, move_some(t, a, what));
    vm_ir_jump(t->b, loop, NULL, 0);
    vm_ir_start_block(t->b, done);
    vm_ir_goto(t->b, a64_next(t));
    t->ends = true;
}

A64_SEMANTIC(setm)
{
    go_on(t, a, SET);
}

A64_SEMANTIC(sete)
{
    go_on(t, a, SET | EPILOGUE);
}

A64_SEMANTIC(cpyfm)
{
    go_on(t, a, FORWARD);
}

A64_SEMANTIC(cpyfe)
{
    go_on(t, a, FORWARD | EPILOGUE);
}

A64_SEMANTIC(cpym)
{
    go_on(t, a, 0);
}

A64_SEMANTIC(cpye)
{
    go_on(t, a, EPILOGUE);
}
