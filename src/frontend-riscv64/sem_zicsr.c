// SPDX-License-Identifier: MIT
//
// CSR instructions (volume I, chapter "Zicsr"; addresses in volume II, chapter "CSRs").
//
// A few CSRs that trap handlers and mathematical libraries touch all the time and that are plain
// storage are read and written in IR. All others go through the helpers. A write ends the block
// unless nothing can depend on it that was translated or decided before.
#include "sem_fp.h"
#include "system.h"

enum csr {
    FFLAGS = 0x001,
    SSTATUS = 0x100,
    SIE = 0x104,
    SSCRATCH = 0x140,
    SEPC = 0x141,
    SCAUSE = 0x142,
    STVAL = 0x143,
    SIP = 0x144,
    STIMECMP = 0x14d,
    SISELECT = 0x150,
    SIREG = 0x151,
    STOPEI = 0x15c,
    MSCRATCH = 0x340,
    MEPC = 0x341,
    MCAUSE = 0x342,
    MTVAL = 0x343,
};

// What an instruction does with its operand.
enum action { WRITE, SET, CLEAR };

struct access {
    unsigned csr;
    enum action action;
    bool reads, writes;
    vm_ir_value operand;
};

// Bits 9-8 of the address are the least privilege, bits 11-10 are 11 for read-only CSRs.
static bool is_allowed(const struct rv_translate *t, const struct access *c)
{
    return (c->csr >> 8 & 3) <= rv_privilege(t) && !(c->writes && c->csr >> 10 == 3);
}

// The value that a write leaves in a CSR that is plain storage.
static vm_ir_value combine(struct rv_translate *t, const struct access *c, vm_ir_value old)
{
    switch (c->action) {
    case SET: return rv_op2(t, VM_IR_or, old, c->operand);
    case CLEAR: return rv_op2(t, VM_IR_and, old, rv_op2i(t, VM_IR_xor, c->operand, UINT64_MAX));
    default: return c->operand;
    }
}

// fflags needs no helper but the check that FP is on; its upper bits are not there.
static void access_fflags(struct rv_translate *t, const struct access *c, unsigned rd)
{
    if (!rv_fp_begin(t, false))
        return;
    vm_ir_value old = vm_ir_zext(t->b, VM_I64, vm_ir_get(t->b, RV_REG_FFLAGS));
    if (c->writes) {
        vm_ir_value flags = rv_op2i(t, VM_IR_and, combine(t, c, old), 31);
        vm_ir_put(t->b, RV_REG_FFLAGS, vm_ir_trunc(t->b, VM_I8, flags));
        rv_fp_dirty(t);
    }
    rv_set_x(t, rd, old);
}

// The register of a CSR that any mode that may access it can read and write freely, or with the low
// bits as instructions are aligned.
static bool find_storage(unsigned csr, uint16_t *reg)
{
    switch (csr) {
    case SSCRATCH: *reg = RV_REG_SSCRATCH; return true;
    case STVAL: *reg = RV_REG_STVAL; return true;
    case MSCRATCH: *reg = RV_REG_MSCRATCH; return true;
    case MTVAL: *reg = RV_REG_MTVAL; return true;
    case SCAUSE: *reg = RV_REG_SCAUSE; return true;
    case MCAUSE: *reg = RV_REG_MCAUSE; return true;
    case SEPC: *reg = RV_REG_SEPC; return true;
    case MEPC: *reg = RV_REG_MEPC; return true;
    default: return false;
    }
}

static void access_storage(struct rv_translate *t, const struct access *c, uint16_t reg,
                           unsigned rd)
{
    vm_ir_value old = c->reads ? vm_ir_get(t->b, reg) : VM_IR_NONE;
    if (c->writes) {
        vm_ir_value value = combine(t, c, old);
        if (reg == RV_REG_SEPC || reg == RV_REG_MEPC)
            value = rv_op2i(t, VM_IR_and, value,
                            rv_has(t->config, RV_EXT_ZCA) ? ~(uint64_t)1 : ~(uint64_t)3);
        vm_ir_put(t->b, reg, value);
    }
    if (c->reads)
        rv_set_x(t, rd, old);
}

static vm_ir_value call_helper(struct rv_translate *t, const struct access *c)
{
    static const enum rv_helper modify[] = {
        [WRITE] = RV_CSR_SWAP, [SET] = RV_CSR_SET, [CLEAR] = RV_CSR_CLEAR};
    vm_ir_value csr = rv_imm(t, c->csr);
    vm_ir_value icount = vm_ir_icount(t->b);
    if (!c->writes)
        return rv_call(t, RV_CSR_READ, csr, icount, VM_IR_NONE);
    return rv_call(t, c->reads ? modify[c->action] : RV_CSR_WRITE, csr, c->operand, icount);
}

static void go_on(struct rv_translate *t)
{
    vm_ir_goto(t->b, rv_next(t));
    t->ends = true;
}

// --- sstatus ---

// As a read shows it: SD is set when FS is all ones.
static vm_ir_value visible_status(struct rv_translate *t, vm_ir_value status)
{
    enum { FS_ONE = 1 << 13, FS_CARRY = 1 << 15, CARRY_TO_SD = 48 };
    vm_ir_value carry = rv_op2i(t, VM_IR_and, status, RV_MSTATUS_FS);
    carry = rv_op2i(t, VM_IR_and, rv_op2i(t, VM_IR_add, carry, FS_ONE), FS_CARRY);
    vm_ir_value rest = rv_op2i(t, VM_IR_and, status, RV_SSTATUS_VISIBLE);
    return rv_op2(t, VM_IR_or, rest, rv_op2i(t, VM_IR_shl, carry, CARRY_TO_SD));
}

static vm_ir_value written_status(struct rv_translate *t, const struct access *c, vm_ir_value old)
{
    uint64_t writable = RV_SSTATUS_WRITABLE;
    if (!rv_has(t->config, RV_EXT_F))
        writable &= ~RV_MSTATUS_FS;
    struct access part = *c;
    part.operand = rv_op2i(t, VM_IR_and, c->operand, writable);
    if (c->action != WRITE)
        return combine(t, &part, old);
    return rv_op2(t, VM_IR_or, rv_op2i(t, VM_IR_and, old, ~writable), part.operand);
}

// The bits that the write may change, as far as they are known.
static uint64_t changed_bits(struct rv_translate *t, const struct access *c)
{
    bool known = c->action != WRITE && vm_ir_is_const(t->b->region, c->operand);
    return known ? t->b->region->ops[c->operand].imm : UINT64_MAX;
}

// In S- and M-mode no bit of it changes the execution mode. SUM and MXR choose another context for
// loads and stores; SIE lets an interrupt in, mostly while none waits.
static void end_status(struct rv_translate *t, const struct access *c, vm_ir_value old,
                       vm_ir_value new)
{
    const uint64_t context = RV_MSTATUS_SUM | RV_MSTATUS_MXR;
    uint64_t bits = changed_bits(t, c);
    vm_ir_value matters = rv_imm(t, 0);
    if (bits & context)
        matters = rv_op2i(t, VM_IR_and, rv_op2(t, VM_IR_xor, old, new), context);
    if (bits & RV_MSTATUS_SIE && c->action != CLEAR) {
        vm_ir_value wakes = rv_op2(t, VM_IR_and, new, vm_ir_get(t->b, RV_REG_SIE_WAKES));
        matters = rv_op2(t, VM_IR_or, matters, wakes);
    }
    if (vm_ir_is_const(t->b->region, matters)) {
        if (bits & RV_MSTATUS_FS) // a check of FS counts for the rest of its block
            go_on(t);
        return;
    }
    uint16_t look = vm_ir_new_block(t->b);
    uint16_t rest = vm_ir_new_block(t->b);
    matters = rv_op2i(t, VM_IR_ne, matters, 0);
    vm_ir_branch(t->b, matters, look, NULL, 0, rest, NULL, 0);
    vm_ir_start_block(t->b, look);
    rv_call(t, RV_STATUS, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    rv_exit(t, VM_IR_EXIT_RESYNC);
    vm_ir_start_block(t->b, rest);
    go_on(t);
}

static void access_status(struct rv_translate *t, const struct access *c, unsigned rd)
{
    vm_ir_value old = vm_ir_get(t->b, RV_REG_MSTATUS);
    old = rv_op2(t, VM_IR_or, old, vm_ir_get(t->b, RV_REG_FS_DIRTY));
    vm_ir_value new = c->writes ? written_status(t, c, old) : VM_IR_NONE;
    if (rd)
        rv_set_x(t, rd, visible_status(t, old));
    if (!c->writes)
        return;
    vm_ir_put(t->b, RV_REG_MSTATUS, new);
    vm_ir_put(t->b, RV_REG_FS_DIRTY, rv_imm(t, 0));
    end_status(t, c, old, new);
}

// What has to follow a write. The helper asks the run loop to look when an interrupt can be taken;
// that is noticed where a block ends.
static void end_write(struct rv_translate *t, const struct access *c)
{
    switch (c->csr) {
    case SIE:
    case SIP:
    case STIMECMP:
    case SISELECT:
    case SIREG:
    case STOPEI: go_on(t); break;
    default: rv_exit(t, VM_IR_EXIT_RESYNC); break;
    }
}

static void access_csr(struct rv_translate *t, const struct access *c, unsigned rd)
{
    uint16_t reg;
    if (!is_allowed(t, c)) {
        rv_illegal(t);
    } else if (c->csr == FFLAGS && rv_has(t->config, RV_EXT_F)) {
        access_fflags(t, c, rd);
    } else if (c->csr == SSTATUS) {
        access_status(t, c, rd);
    } else if (find_storage(c->csr, &reg)) {
        access_storage(t, c, reg, rd);
    } else {
        vm_ir_value old = call_helper(t, c);
        if (c->reads)
            rv_set_x(t, rd, old);
        if (c->writes)
            end_write(t, c);
    }
}

// CSRRW reads only for a destination other than x0; CSRRS and CSRRC write only with an operand
// other than x0 or the immediate 0, whatever the register holds.
static void with_register(struct rv_translate *t, const struct rv_args *a, enum action action)
{
    bool write = action == WRITE;
    struct access c = {.csr = a->csr,
                       .action = action,
                       .reads = !write || a->rd,
                       .writes = write || a->rs1,
                       .operand = rv_x(t, a->rs1)};
    access_csr(t, &c, a->rd);
}

static void with_immediate(struct rv_translate *t, const struct rv_args *a, enum action action)
{
    bool write = action == WRITE;
    struct access c = {.csr = a->csr,
                       .action = action,
                       .reads = !write || a->rd,
                       .writes = write || a->imm,
                       .operand = rv_imm(t, (uint64_t)a->imm)};
    access_csr(t, &c, a->rd);
}

RV_SEMANTIC(csrrw)
{
    with_register(t, a, WRITE);
}

RV_SEMANTIC(csrrs)
{
    with_register(t, a, SET);
}

RV_SEMANTIC(csrrc)
{
    with_register(t, a, CLEAR);
}

RV_SEMANTIC(csrrwi)
{
    with_immediate(t, a, WRITE);
}

RV_SEMANTIC(csrrsi)
{
    with_immediate(t, a, SET);
}

RV_SEMANTIC(csrrci)
{
    with_immediate(t, a, CLEAR);
}
