// SPDX-License-Identifier: MIT
//
// MRS, MSR, SYS and SYSL (the manual, C5 "The A64 System Instruction Class").
//
// Registers that are plain storage are read and written in IR, PSTATE's fields too; what a write
// changes of mode or contexts is looked at by a helper only where something did change. All else
// goes through helpers. Writes of registers that translation depends on count from the next context
// synchronization event on, as the manual allows.
#include "sem.h"
#include "system.h"

// The syndrome of a trap of this instruction, MRS, MSR or SYS (ESR_EL1, EC 0x18).
uint32_t a64_trap_iss(const struct a64_translate *t)
{
    uint64_t w = t->word;
    return (uint32_t)(vm_bits(w, 19, 2) << 20 | vm_bits(w, 5, 3) << 17 | vm_bits(w, 16, 3) << 14 |
                      vm_bits(w, 12, 4) << 10 | vm_bits(w, 0, 5) << 5 | vm_bits(w, 8, 4) << 1 |
                      vm_bits(w, 21, 1));
}

// EL0 may execute this instruction only while the bit of SCTLR_EL1 is set.
static void require(struct a64_translate *t, uint64_t bit)
{
    if (a64_el(t) > 0)
        return;
    vm_ir_value esr = a64_imm(t, A64_ESR(A64_EC_SYSREG, a64_trap_iss(t)));
    a64_call(t, A64_HELP_require, a64_imm(t, bit), esr, VM_IR_NONE, VM_IR_NONE);
}

static vm_ir_value op_imm(struct a64_translate *t, enum vm_ir_code code, vm_ir_value x, uint64_t n)
{
    return a64_op2(t, code, VM_I64, x, a64_imm(t, n));
}

static vm_ir_value field(struct a64_translate *t, vm_ir_value x, unsigned pos)
{
    return vm_ir_extract(t->b, VM_I64, x, pos, 1, false);
}

// Calls a helper and looks everything up if the value is not 0, else goes on.
static void look_if(struct a64_translate *t, vm_ir_value matters, enum a64_helper helper)
{
    if (vm_ir_is_const(t->b->region, matters) && t->b->region->ops[matters].imm == 0)
        return;
    uint16_t look = vm_ir_new_block(t->b);
    uint16_t rest = vm_ir_new_block(t->b);
    vm_ir_value test = op_imm(t, VM_IR_ne, matters, 0);
    vm_ir_branch(t->b, test, look, NULL, 0, rest, NULL, 0);
    vm_ir_start_block(t->b, look);
    a64_call(t, helper, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    vm_ir_exit(t->b, VM_IR_EXIT_RESYNC, a64_next(t));
    vm_ir_start_block(t->b, rest);
}

static void go_on_in_a_new_block(struct a64_translate *t)
{
    vm_ir_goto(t->b, a64_next(t));
    t->ends = true;
}

// --- DAIF ---

// Interrupts that were seen pending and are let in now; debug exceptions, whose enables the mode
// depends on.
static void write_daif(struct a64_translate *t, vm_ir_value value, uint64_t may_clear,
                       uint64_t may_change)
{
    enum { STEPS = 1 << 0, MONITORS = 1 << 15 };
    vm_ir_put(t->b, A64_REG_DAIF, value);
    vm_ir_value matters = a64_imm(t, 0);
    if (may_clear & (A64_DAIF_I | A64_DAIF_F)) {
        vm_ir_value open = op_imm(t, VM_IR_xor, value, A64_DAIF);
        matters = a64_op2(t, VM_IR_and, VM_I64, open, vm_ir_get(t->b, A64_REG_WAKES));
    }
    if (may_change & A64_DAIF_D) {
        vm_ir_value debug = vm_ir_get(t->b, A64_REG_MDSCR_EL1);
        debug = op_imm(t, VM_IR_and, debug, STEPS | MONITORS);
        matters = a64_op2(t, VM_IR_or, VM_I64, matters, debug);
    }
    look_if(t, matters, A64_HELP_look);
}

static void set_daif(struct a64_translate *t, uint64_t bits)
{
    require(t, A64_SCTLR_UMA);
    vm_ir_value old = vm_ir_get(t->b, A64_REG_DAIF);
    write_daif(t, op_imm(t, VM_IR_or, old, bits), 0, bits);
}

static void clear_daif(struct a64_translate *t, uint64_t bits)
{
    require(t, A64_SCTLR_UMA);
    vm_ir_value old = vm_ir_get(t->b, A64_REG_DAIF);
    write_daif(t, op_imm(t, VM_IR_and, old, A64_DAIF & ~bits), bits, bits);
}

// --- the other fields of PSTATE, a bit each ---

struct field {
    uint16_t number; // of the register that holds nothing else
    uint8_t extension;
    bool el0;         // may access it
    uint8_t pos;      // in that register
    uint8_t op1, op2; // of MSR (immediate)
    bool is_mode;     // the execution mode or the contexts depend on it
    uint16_t reg;
};

static const struct field fields[] = {
    {A64_SYS(3, 0, 4, 2, 3), A64_EXT_PAN, false, 22, 0, 4, true, A64_REG_PAN},
    {A64_SYS(3, 0, 4, 2, 4), A64_EXT_UAO, false, 23, 0, 3, true, A64_REG_UAO},
    {A64_SYS(3, 3, 4, 2, 5), A64_EXT_DIT, true, 24, 3, 2, false, A64_REG_DIT},
    {A64_SYS(3, 3, 4, 2, 6), A64_EXT_SSBS, true, 12, 3, 1, false, A64_REG_SSBS},
};

static const struct field *find_field(const struct a64_translate *t, uint16_t number)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(fields); i++) {
        if (fields[i].number == number && a64_has(t->config, fields[i].extension) &&
            (fields[i].el0 || a64_el(t) > 0))
            return &fields[i];
    }
    return NULL;
}

static void write_field(struct a64_translate *t, const struct field *f, vm_ir_value value)
{
    vm_ir_value old = vm_ir_get(t->b, f->reg);
    vm_ir_put(t->b, f->reg, value);
    if (f->is_mode)
        look_if(t, a64_op2(t, VM_IR_xor, VM_I64, old, value), A64_HELP_sync);
}

// SPSel exchanges the stack pointer.
static void write_spsel(struct a64_translate *t, vm_ir_value value)
{
    a64_call(t, A64_HELP_spsel, value, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    a64_exit(t, VM_IR_EXIT_RESYNC);
}

A64_SEMANTIC(msr_immediate)
{
    enum { SPSEL = 0 << 3 | 5, DAIFSET = 3 << 3 | 6, DAIFCLR = 3 << 3 | 7 };
    unsigned op1 = a->sysreg >> 11 & 7, op2 = a->sysreg & 7;
    uint64_t imm = (uint64_t)a->imm;
    switch (op1 << 3 | op2) {
    case DAIFSET: set_daif(t, imm << 6); return;
    case DAIFCLR: clear_daif(t, imm << 6); return;
    case SPSEL:
        if (a64_el(t) > 0)
            write_spsel(t, a64_imm(t, imm & 1));
        else
            a64_undefined(t);
        return;
    default: break;
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(fields); i++) {
        const struct field *f = find_field(t, fields[i].number);
        if (f && f->op1 == op1 && f->op2 == op2) {
            write_field(t, f, a64_imm(t, imm & 1));
            return;
        }
    }
    a64_undefined(t);
}

// --- NZCV ---

static vm_ir_value moved(struct a64_translate *t, vm_ir_value x, uint64_t from, uint64_t to)
{
    x = op_imm(t, VM_IR_and, x, from);
    unsigned low = vm_ctz64(from), high = vm_ctz64(to);
    return low < high ? op_imm(t, VM_IR_shl, x, high - low) : op_imm(t, VM_IR_shr, x, low - high);
}

static const struct {
    uint64_t flags, pstate;
} nzcv_parts[] = {
    {VM_IR_FLAG_S | VM_IR_FLAG_Z, (uint64_t)3 << 30},
    {VM_IR_FLAG_C, (uint64_t)1 << 29},
    {VM_IR_FLAG_V, (uint64_t)1 << 28},
};

static vm_ir_value read_nzcv(struct a64_translate *t)
{
    vm_ir_value flags = vm_ir_get(t->b, A64_REG_NZCV);
    vm_ir_value bits = a64_op1(t, VM_IR_flagbits, VM_FLAGS, flags), result = a64_imm(t, 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(nzcv_parts); i++) {
        vm_ir_value part = moved(t, bits, nzcv_parts[i].flags, nzcv_parts[i].pstate);
        result = a64_op2(t, VM_IR_or, VM_I64, result, part);
    }
    return result;
}

static void write_nzcv(struct a64_translate *t, vm_ir_value value)
{
    vm_ir_value bits = a64_imm(t, 0);
    for (size_t i = 0; i < VM_ARRAY_SIZE(nzcv_parts); i++) {
        vm_ir_value part = moved(t, value, nzcv_parts[i].pstate, nzcv_parts[i].flags);
        bits = a64_op2(t, VM_IR_or, VM_I64, bits, part);
    }
    a64_set_nzcv(t, a64_op1(t, VM_IR_bitflags, VM_FLAGS, bits));
}

// --- FPCR and FPSR ---

// Whether there are such registers here. They trap as FP instructions do.
static bool has_fp(struct a64_translate *t)
{
    enum { ALWAYS = 0x1e00000 }; // condition AL
    if (!a64_has(t->config, A64_EXT_FP))
        a64_undefined(t);
    else if (t->mode & A64_MODE_FP_TRAP)
        a64_raise(t, A64_EC_FP, ALWAYS);
    else
        return true;
    return false;
}

enum { FPCR = A64_SYS(3, 3, 4, 4, 0), FPSR = A64_SYS(3, 3, 4, 4, 1) };

static void read_fp(struct a64_translate *t, uint16_t number, unsigned rd)
{
    if (!has_fp(t))
        return;
    a64_set_x(t, rd,
              number == FPCR ? vm_ir_get(t->b, A64_REG_FPCR)
                             : a64_call(t, A64_HELP_fpsr_read, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE,
                                        VM_IR_NONE));
}

static void write_fp(struct a64_translate *t, uint16_t number, vm_ir_value value)
{
    if (!has_fp(t))
        return;
    if (number == FPSR)
        a64_call(t, A64_HELP_fpsr_write, value, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    else
        look_if(t, a64_call(t, A64_HELP_fpcr_write, value, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE),
                A64_HELP_sync);
}

// --- rows of sysregs.def ---

// The register-file entry at an offset of the state; VM_IR_NONE: none.
static uint16_t entry_at(unsigned offset)
{
    for (uint16_t i = 0; i < a64_regfile.count; i++) {
        if (a64_regfile.registers[i].offset == offset)
            return i;
    }
    return VM_IR_NONE;
}

static bool has_rights(const struct a64_translate *t, const struct a64_sysreg *row, bool write)
{
    unsigned rights = a64_el(t) > 0 ? row->el1 : row->el0;
    return rights == A64_RW || rights == (write ? A64_W : A64_R);
}

// The row, if it may be accessed; else the instruction is dealt with.
static const struct a64_sysreg *find_row(struct a64_translate *t, uint16_t number, bool write)
{
    const struct a64_sysreg *row = a64_find_sysreg(t->config, number);
    if (!row || !has_rights(t, row, write)) {
        a64_undefined(t);
        return NULL;
    }
    return row;
}

static vm_ir_value description(struct a64_translate *t, const struct a64_sysreg *row,
                               uint16_t number)
{
    return a64_imm(t, a64_sysreg_index(row) | (uint64_t)number << 16 |
                          (uint64_t)a64_trap_iss(t) << 32);
}

static bool is_checked(const struct a64_translate *t, const struct a64_sysreg *row)
{
    return row->check && a64_el(t) == 0;
}

static void read_row(struct a64_translate *t, uint16_t number, unsigned rd)
{
    const struct a64_sysreg *row = find_row(t, number, false);
    if (!row)
        return;
    uint16_t entry = VM_IR_NONE;
    if (!row->read && !is_checked(t, row))
        entry = entry_at(a64_sysreg_offset(row, number));
    if (entry != VM_IR_NONE) {
        a64_set_x(t, rd, vm_ir_get(t->b, entry));
        return;
    }
    vm_ir_value what = description(t, row, number), icount = vm_ir_icount(t->b);
    a64_set_x(t, rd, a64_call(t, A64_HELP_sysreg_read, what, icount, VM_IR_NONE, VM_IR_NONE));
}

static void follow(struct a64_translate *t, const struct a64_sysreg *row)
{
    switch ((enum a64_follow)row->follow) {
    case A64_GO_ON: break;
    case A64_CONTEXT: {
        vm_ir_value stale = vm_ir_get(t->b, A64_REG_STALE);
        vm_ir_put(t->b, A64_REG_STALE, op_imm(t, VM_IR_or, stale, A64_STALE_CONTEXT));
        break;
    }
    case A64_NEXT: go_on_in_a_new_block(t); break;
    case A64_RESYNC: a64_exit(t, VM_IR_EXIT_RESYNC); break;
    }
}

static void write_row(struct a64_translate *t, uint16_t number, unsigned rd)
{
    const struct a64_sysreg *row = find_row(t, number, true);
    if (!row)
        return;
    vm_ir_value value = a64_x(t, rd);
    uint16_t entry = VM_IR_NONE;
    if (!row->write && !is_checked(t, row))
        entry = entry_at(a64_sysreg_offset(row, number));
    if (entry != VM_IR_NONE) {
        value = op_imm(t, VM_IR_and, value, a64_writable(t->config, row));
        value = op_imm(t, VM_IR_or, value, a64_res1(t->config, row));
        vm_ir_put(t->b, entry, value);
    } else {
        vm_ir_value what = description(t, row, number), icount = vm_ir_icount(t->b);
        a64_call(t, A64_HELP_sysreg_write, what, icount, value, VM_IR_NONE);
    }
    follow(t, row);
}

// --- MRS and MSR ---

enum {
    SP_EL0 = A64_SYS(3, 0, 4, 1, 0),
    SPSEL = A64_SYS(3, 0, 4, 2, 0),
    CURRENT_EL = A64_SYS(3, 0, 4, 2, 2),
    NZCV = A64_SYS(3, 3, 4, 2, 0),
    DAIF = A64_SYS(3, 3, 4, 2, 1),
    RNDR = A64_SYS(3, 3, 2, 4, 0),
    RNDRRS = A64_SYS(3, 3, 2, 4, 1),
    ID_FIRST = A64_SYS(3, 0, 0, 1, 0),
    ID_LAST = A64_SYS(3, 0, 0, 7, 7),
};

// Whether a register of EL1's is UNDEFINED here: SP_EL0 too while it is the stack pointer.
static bool is_out_of_reach(const struct a64_translate *t, uint16_t number)
{
    return a64_el(t) == 0 || (number == SP_EL0 && t->mode & A64_MODE_SP_EL0);
}

// A random number, and NZCV 0 for success: the host always has one.
static void read_random(struct a64_translate *t, unsigned rd)
{
    if (!a64_has(t->config, A64_EXT_RNG)) {
        a64_undefined(t);
        return;
    }
    vm_ir_value value =
        a64_call(t, A64_HELP_random, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    a64_set_nzcv(t, a64_op1(t, VM_IR_bitflags, VM_FLAGS, a64_imm(t, 0)));
    a64_set_x(t, rd, value);
}

static void read_el1(struct a64_translate *t, uint16_t number, unsigned rd)
{
    if (is_out_of_reach(t, number))
        a64_undefined(t);
    else if (number == CURRENT_EL)
        a64_set_x(t, rd, a64_imm(t, (uint64_t)a64_el(t) << 2));
    else if (number == SPSEL)
        a64_set_x(t, rd, vm_ir_get(t->b, A64_REG_SPSEL));
    else if (number == SP_EL0)
        a64_set_x(t, rd, vm_ir_get(t->b, A64_REG_SP_EL0));
    else
        a64_set_x(t, rd, a64_imm(t, a64_id_register(t->config, number)));
}

A64_SEMANTIC(mrs)
{
    uint16_t number = a->sysreg;
    const struct field *f = find_field(t, number);
    bool is_id = number >= ID_FIRST && number <= ID_LAST;
    if (f) {
        a64_set_x(t, a->rd, op_imm(t, VM_IR_shl, vm_ir_get(t->b, f->reg), f->pos));
    } else if (number == FPCR || number == FPSR) {
        read_fp(t, number, a->rd);
    } else if (number == NZCV) {
        a64_set_x(t, a->rd, read_nzcv(t));
    } else if (number == DAIF) {
        require(t, A64_SCTLR_UMA);
        a64_set_x(t, a->rd, vm_ir_get(t->b, A64_REG_DAIF));
    } else if (number == RNDR || number == RNDRRS) {
        read_random(t, a->rd);
    } else if (number == SP_EL0 || number == SPSEL || number == CURRENT_EL || is_id) {
        read_el1(t, number, a->rd);
    } else {
        read_row(t, number, a->rd);
    }
}

A64_SEMANTIC(msr_register)
{
    uint16_t number = a->sysreg;
    const struct field *f = find_field(t, number);
    if (f) {
        write_field(t, f, field(t, a64_x(t, a->rd), f->pos));
    } else if (number == FPCR || number == FPSR) {
        write_fp(t, number, a64_x(t, a->rd));
    } else if (number == NZCV) {
        write_nzcv(t, a64_x(t, a->rd));
    } else if (number == DAIF) {
        require(t, A64_SCTLR_UMA);
        write_daif(t, op_imm(t, VM_IR_and, a64_x(t, a->rd), A64_DAIF), A64_DAIF, A64_DAIF);
    } else if (number == SP_EL0 || number == SPSEL) {
        if (is_out_of_reach(t, number))
            a64_undefined(t);
        else if (number == SPSEL)
            write_spsel(t, field(t, a64_x(t, a->rd), 0));
        else
            vm_ir_put(t->b, A64_REG_SP_EL0, a64_x(t, a->rd));
    } else {
        write_row(t, number, a->rd);
    }
}
