// SPDX-License-Identifier: MIT
//
// SYS: maintenance of caches and TLBs, address translation (the manual, C5.3 to C5.5); barriers
// that synchronize, waits, events and exception returns.
#include "sem_branch.h"
#include "system.h"

// --- SYS ---

struct instruction {
    uint16_t number;
    uint8_t extension;
    uint64_t el0; // EL0 may execute it while these bits of SCTLR_EL1 are set; 0: never
    enum a64_helper helper;
    uint8_t kind; // its second argument
};

#define ROW(op1, crn, crm, op2, ext, el0, helper, kind)                             \
    {                                                                               \
        A64_SYS(1, op1, crn, crm, op2), A64_EXT_##ext, el0, A64_HELP_##helper, kind \
    }

static const struct instruction instructions[] = {
    ROW(0, 7, 1, 0, BASE, 0, ic, A64_IC_ALL_PES),
    ROW(0, 7, 5, 0, BASE, 0, ic, A64_IC_ALL),
    ROW(3, 7, 5, 1, BASE, A64_SCTLR_UCI, ic, A64_IC_ADDRESS),
    ROW(0, 7, 6, 1, BASE, 0, dc, A64_DC_INVALIDATE),
    ROW(0, 7, 6, 2, BASE, 0, dc, A64_DC_SET_WAY),
    ROW(0, 7, 10, 2, BASE, 0, dc, A64_DC_SET_WAY),
    ROW(0, 7, 14, 2, BASE, 0, dc, A64_DC_SET_WAY),
    ROW(3, 7, 4, 1, BASE, A64_SCTLR_DZE, dc_zva, 0),
    ROW(3, 7, 10, 1, BASE, A64_SCTLR_UCI, dc, A64_DC_CLEAN),
    ROW(3, 7, 11, 1, BASE, A64_SCTLR_UCI, dc, A64_DC_CLEAN),
    ROW(3, 7, 12, 1, DPB, A64_SCTLR_UCI, dc, A64_DC_CLEAN),
    ROW(3, 7, 13, 1, DPB2, A64_SCTLR_UCI, dc, A64_DC_CLEAN),
    ROW(3, 7, 14, 1, BASE, A64_SCTLR_UCI, dc, A64_DC_CLEAN),
    ROW(0, 7, 8, 0, BASE, 0, at, 0),
    ROW(0, 7, 8, 1, BASE, 0, at, A64_AT_WRITE),
    ROW(0, 7, 8, 2, BASE, 0, at, A64_AT_EL0),
    ROW(0, 7, 8, 3, BASE, 0, at, A64_AT_EL0 | A64_AT_WRITE),
    ROW(0, 7, 9, 0, PAN, 0, at, A64_AT_PAN),
    ROW(0, 7, 9, 1, PAN, 0, at, A64_AT_PAN | A64_AT_WRITE),
};

static const struct instruction *find(const struct a64_config *c, uint16_t number)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(instructions); i++) {
        if (instructions[i].number == number && a64_has(c, instructions[i].extension))
            return &instructions[i];
    }
    return NULL;
}

// TLBI: op1 0, CRn 8. CRm tells for whom, op2 what.
static bool is_tlbi(const struct a64_config *c, uint16_t number)
{
    enum { OUTER = 1, RANGE_INNER = 2, INNER = 3, RANGE_OUTER = 5, RANGE = 6, LOCAL = 7 };
    const unsigned addresses = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7, all = 1 << 0, asid = 1 << 2;
    unsigned crm = number >> 3 & 15, op2 = number & 7;
    if (number >> 7 != A64_SYS(1, 0, 8, 0, 0) >> 7)
        return false;
    switch (crm) {
    case OUTER: return a64_has(c, A64_EXT_TLBIOS) && (addresses | all | asid) >> op2 & 1;
    case INNER:
    case LOCAL: return (addresses | all | asid) >> op2 & 1;
    case RANGE_INNER:
    case RANGE_OUTER:
    case RANGE: return a64_has(c, A64_EXT_TLBIRANGE) && addresses >> op2 & 1;
    default: return false;
    }
}

static void go_on(struct a64_translate *t)
{
    vm_ir_goto(t->b, a64_next(t));
    t->ends = true;
}

static void execute(struct a64_translate *t, const struct instruction *i, unsigned rt)
{
    if (a64_el(t) == 0) {
        vm_ir_value esr = a64_imm(t, A64_ESR(A64_EC_SYSREG, a64_trap_iss(t)));
        a64_call(t, A64_HELP_require, a64_imm(t, i->el0), esr, VM_IR_NONE, VM_IR_NONE);
    }
    vm_ir_value address = a64_x(t, rt);
    a64_call(t, i->helper, address, a64_imm(t, i->kind), VM_IR_NONE, VM_IR_NONE);
    if (i->helper == A64_HELP_ic)
        go_on(t);
}

A64_SEMANTIC(sys)
{
    const struct instruction *i = find(t->config, a->sysreg);
    if (i && (i->el0 || a64_el(t) > 0)) {
        execute(t, i, a->rd);
    } else if (a64_el(t) > 0 && is_tlbi(t->config, a->sysreg)) {
        vm_ir_value what = a64_imm(t, a->sysreg & 0x7f);
        a64_call(t, A64_HELP_tlbi, a64_x(t, a->rd), what, VM_IR_NONE, VM_IR_NONE);
        go_on(t);
    } else {
        a64_undefined(t);
    }
}

// There is none with a result.
A64_SEMANTIC(sysl)
{
    (void)a;
    a64_undefined(t);
}

// --- barriers ---

// What TLBI and IC began is complete when they are.
A64_SEMANTIC(dsb)
{
    enum { ALL = 0xf };
    (void)a;
    vm_ir_fence(t->b, ALL << 4 | ALL);
}

// Nothing was fetched ahead but this block: it need not end unless something has changed.
A64_SEMANTIC(isb)
{
    (void)a;
    uint16_t changed = vm_ir_new_block(t->b);
    uint16_t same = vm_ir_new_block(t->b);
    vm_ir_value stale = vm_ir_get(t->b, A64_REG_STALE);
    stale = vm_ir_ne(t->b, VM_I64, stale, a64_imm(t, 0));
    vm_ir_branch(t->b, stale, changed, NULL, 0, same, NULL, 0);
    vm_ir_start_block(t->b, changed);
    a64_call(t, A64_HELP_sync, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    vm_ir_exit(t->b, VM_IR_EXIT_RESYNC, a64_next(t));
    vm_ir_start_block(t->b, same);
}

// --- waits and events ---

// The syndrome of a trapped WFI, WFE, WFIT or WFET (ESR_EL1, EC 0x01).
static vm_ir_value wait_syndrome(struct a64_translate *t, const struct a64_args *a, unsigned kind)
{
    enum { ALWAYS = 0x1e00000, REGISTER = 1 << 2, WITH_TIMEOUT = 2 };
    uint32_t iss = ALWAYS | kind;
    if (kind & WITH_TIMEOUT)
        iss |= REGISTER | (uint32_t)a->rd << 5;
    return a64_imm(t, A64_ESR(A64_EC_WFX, iss));
}

enum { WFI, WFE, WFIT, WFET };

static void wait_if(struct a64_translate *t, vm_ir_value waits)
{
    uint16_t wait = vm_ir_new_block(t->b);
    uint16_t go = vm_ir_new_block(t->b);
    vm_ir_branch(t->b, waits, wait, NULL, 0, go, NULL, 0);
    vm_ir_start_block(t->b, wait);
    vm_ir_exit(t->b, VM_IR_EXIT_WAIT, a64_next(t));
    vm_ir_start_block(t->b, go);
}

A64_SEMANTIC(wfi)
{
    vm_ir_value esr = wait_syndrome(t, a, WFI);
    wait_if(t, a64_call(t, A64_HELP_wfi, esr, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE));
}

A64_SEMANTIC(wfit)
{
    vm_ir_value esr = wait_syndrome(t, a, WFIT);
    wait_if(t, a64_call(t, A64_HELP_wfit, esr, a64_x(t, a->rd), VM_IR_NONE, VM_IR_NONE));
}

A64_SEMANTIC(wfe)
{
    vm_ir_value esr = wait_syndrome(t, a, WFE), icount = vm_ir_icount(t->b);
    wait_if(t, a64_call(t, A64_HELP_wfe, esr, icount, VM_IR_NONE, VM_IR_NONE));
}

A64_SEMANTIC(wfet)
{
    vm_ir_value esr = wait_syndrome(t, a, WFET), icount = vm_ir_icount(t->b);
    wait_if(t, a64_call(t, A64_HELP_wfet, esr, icount, a64_x(t, a->rd), VM_IR_NONE));
}

A64_SEMANTIC(sev)
{
    (void)a;
    a64_call(t, A64_HELP_sev, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

A64_SEMANTIC(sevl)
{
    (void)a;
    vm_ir_put(t->b, A64_REG_EVENT, a64_imm(t, 1));
}

// --- exception returns ---

static void leave(struct a64_translate *t, vm_ir_value elr)
{
    vm_ir_value icount = vm_ir_icount(t->b);
    vm_ir_value pc = a64_call(t, A64_HELP_exception_return, elr, icount, VM_IR_NONE, VM_IR_NONE);
    vm_ir_goto_ind(t->b, pc, VM_IR_HINT_RESYNC, 0);
    t->ends = true;
}

A64_SEMANTIC(eret)
{
    (void)a;
    if (a64_el(t) == 0)
        a64_undefined(t);
    else
        leave(t, vm_ir_get(t->b, A64_REG_ELR_EL1));
}

static void leave_authenticated(struct a64_translate *t, enum a64_key key)
{
    if (a64_el(t) == 0) {
        a64_undefined(t);
        return;
    }
    vm_ir_value elr = vm_ir_get(t->b, A64_REG_ELR_EL1);
    vm_ir_value sp = a64_x_sp(t, 31);
    leave(t, a64_authenticate(t, key, elr, sp));
}

A64_SEMANTIC(eretaa)
{
    (void)a;
    leave_authenticated(t, A64_KEY_IA);
}

A64_SEMANTIC(eretab)
{
    (void)a;
    leave_authenticated(t, A64_KEY_IB);
}
