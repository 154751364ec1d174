// SPDX-License-Identifier: MIT
//
// Access to system registers: finding the row of sysregs.def, what is writable in a configuration,
// EL0's rights where a control bit gives them (D1 "Traps to EL1 of EL0 accesses"), and the helpers
// that MRS and MSR call where IR cannot do it.
#include "system.h"

enum {
#define A64_SYSREG(op0, op1, crn, crm, op2, ...) ROW_##op0##_##op1##_##crn##_##crm##_##op2,
#include "sysregs.def"
    ROW_COUNT,
};

#define a64_read_field  NULL
#define a64_write_field NULL
#define a64_check_none  NULL
#define a64_check_any   NULL

static const struct a64_sysreg rows[ROW_COUNT] = {
#define A64_SYSREG(op0, op1, crn, crm, op2, count, step, name, ext, el0, check, el1, read, write, \
                   member, follow, writable)                                                      \
    {name,                                                                                        \
     A64_SYS(op0, op1, crn, crm, op2),                                                            \
     count,                                                                                       \
     step,                                                                                        \
     A64_EXT_##ext,                                                                               \
     A64_##el0,                                                                                   \
     A64_##el1,                                                                                   \
     a64_check_##check,                                                                           \
     a64_read_##read,                                                                             \
     a64_write_##write,                                                                           \
     offsetof(struct vm_arm64_state, member),                                                     \
     A64_##follow,                                                                                \
     writable},
#include "sysregs.def"
};

// Which of a row's registers has the number; -1: none.
static int index_in(const struct a64_sysreg *row, uint16_t number)
{
    unsigned distance = (unsigned)number - row->number;
    if (number < row->number || distance % row->step || distance / row->step >= row->count)
        return -1;
    return (int)(distance / row->step);
}

const struct a64_sysreg *a64_find_sysreg(const struct a64_config *c, uint16_t number)
{
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        if (index_in(&rows[i], number) >= 0)
            return a64_has(c, (enum a64_ext)rows[i].extension) ? &rows[i] : NULL;
    }
    return NULL;
}

unsigned a64_sysreg_index(const struct a64_sysreg *row)
{
    return (unsigned)(row - rows);
}

unsigned a64_sysreg_offset(const struct a64_sysreg *row, uint16_t number)
{
    return row->field + 8u * (unsigned)index_in(row, number);
}

// --- what is writable ---

static uint64_t writable_sctlr(const struct a64_config *c)
{
    uint64_t mask = A64_SCTLR_M | A64_SCTLR_A | A64_SCTLR_C | A64_SCTLR_SA | A64_SCTLR_SA0 |
                    A64_SCTLR_UMA | A64_SCTLR_I | A64_SCTLR_DZE | A64_SCTLR_UCT | A64_SCTLR_NTWI |
                    A64_SCTLR_NTWE | A64_SCTLR_WXN | A64_SCTLR_UCI;
    mask |= a64_has(c, A64_EXT_PAN) ? A64_SCTLR_SPAN : 0;
    mask |= a64_has(c, A64_EXT_LSE2) ? A64_SCTLR_NAA : 0;
    mask |= a64_has(c, A64_EXT_BTI) ? A64_SCTLR_BT0 | A64_SCTLR_BT1 : 0;
    mask |= a64_has(c, A64_EXT_SSBS) ? A64_SCTLR_DSSBS : 0;
    mask |= a64_has(c, A64_EXT_MOPS) ? A64_SCTLR_MSCEN : 0;
    if (a64_has(c, A64_EXT_PAUTH))
        mask |= A64_SCTLR_ENIA | A64_SCTLR_ENIB | A64_SCTLR_ENDA | A64_SCTLR_ENDB;
    return mask;
}

// Those that are 1 without AArch32 at EL0, and without ExS, CSV2_2 and LSMAOC.
static uint64_t res1_sctlr(const struct a64_config *c)
{
    uint64_t always = A64_BIT(7) | A64_BIT(8) | A64_BIT(11) | A64_BIT(20) | A64_BIT(22) |
                      A64_BIT(28) | A64_BIT(29);
    return a64_has(c, A64_EXT_PAN) ? always : always | A64_SCTLR_SPAN;
}

static uint64_t writable_tcr(const struct a64_config *c)
{
    uint64_t mask = vm_mask(36) & ~A64_BIT(6) & ~A64_BIT(35);
    mask |= A64_TCR_AS | A64_TCR_TBI0 | A64_TCR_TBI0 << 1;
    mask |= a64_has(c, A64_EXT_HAFDBS) ? A64_TCR_HA | A64_TCR_HD : 0;
    mask |= a64_has(c, A64_EXT_HPDS) ? A64_TCR_HPD0 | A64_TCR_HPD0 << 1 : 0;
    mask |= a64_has(c, A64_EXT_PAUTH) ? A64_TCR_TBID0 | A64_TCR_TBID0 << 1 : 0;
    mask |= a64_has(c, A64_EXT_E0PD) ? A64_TCR_E0PD0 | A64_TCR_E0PD0 << 1 : 0;
    mask |= a64_has(c, A64_EXT_LPA2) ? A64_TCR_DS : 0;
    return mask;
}

static uint64_t writable_spsr(const struct a64_config *c)
{
    uint64_t mask = (uint64_t)0xf << 28 | A64_SPSR_SS | A64_SPSR_IL | A64_DAIF | A64_SPSR_M;
    mask |= a64_has(c, A64_EXT_DIT) ? A64_SPSR_DIT : 0;
    mask |= a64_has(c, A64_EXT_UAO) ? A64_SPSR_UAO : 0;
    mask |= a64_has(c, A64_EXT_PAN) ? A64_SPSR_PAN : 0;
    mask |= a64_has(c, A64_EXT_SSBS) ? A64_SPSR_SSBS : 0;
    mask |= a64_has(c, A64_EXT_BTI) ? (uint64_t)3 << A64_SPSR_BTYPE_POS : 0;
    return mask;
}

uint64_t a64_writable(const struct a64_config *c, const struct a64_sysreg *row)
{
    const uint64_t fpen = (uint64_t)3 << 20;
    switch (row->number) {
    case A64_SYS(3, 0, 1, 0, 0): return writable_sctlr(c);
    case A64_SYS(3, 0, 1, 0, 2): return a64_has(c, A64_EXT_FP) ? fpen : 0;
    case A64_SYS(3, 0, 2, 0, 2): return writable_tcr(c);
    case A64_SYS(3, 0, 4, 0, 0): return writable_spsr(c);
    case A64_SYS(2, 0, 0, 0, 6): return ~(uint64_t)3; // addresses of words
    default: return row->writable;
    }
}

uint64_t a64_res1(const struct a64_config *c, const struct a64_sysreg *row)
{
    return row->number == A64_SYS(3, 0, 1, 0, 0) ? res1_sctlr(c) : 0;
}

// --- EL0's rights ---

bool a64_check_uct(const struct a64_access *a)
{
    return a->s->sctlr[1] & A64_SCTLR_UCT;
}

// CNTFRQ with either counter, CNTPCT and CNTVCT with their own: CNTKCTL_EL1.EL0PCTEN, EL0VCTEN.
bool a64_check_counter(const struct a64_access *a)
{
    bool frequency = a->number == A64_SYS(3, 3, 14, 0, 0);
    return a->s->cntkctl_el1 & (frequency ? 3u : 1u << a->n);
}

// CNTKCTL_EL1.EL0PTEN, EL0VTEN.
bool a64_check_timer(const struct a64_access *a)
{
    const uint64_t el0vten = A64_BIT(8), el0pten = A64_BIT(9);
    return a->s->cntkctl_el1 & (a->n == VM_ARM64_TIMER_PHYSICAL ? el0pten : el0vten);
}

// MDSCR_EL1.TDCC.
bool a64_check_tdcc(const struct a64_access *a)
{
    return !(a->s->mdscr_el1 & A64_BIT(12));
}

// --- small registers ---

uint64_t a64_read_zero(const struct a64_access *a)
{
    (void)a;
    return 0;
}

void a64_write_ignore(const struct a64_access *a, uint64_t value)
{
    (void)a;
    (void)value;
}

uint64_t a64_read_isr(const struct a64_access *a)
{
    return a64_pending(a->v);
}

// The GIC's registers: EL1's alone, and only if there is such a GIC.
uint64_t a64_read_gic(const struct a64_access *a)
{
    const struct vm_register_device *g = &a->s->derived.wiring.gic;
    uint64_t value = 0;
    if (!g->ops || !g->ops->read(g->device, a->v->index, a->number, &value))
        vm_vcpu_raise(a->v, A64_ESR(A64_EC_UNKNOWN, 0), 0);
    return value;
}

void a64_write_gic(const struct a64_access *a, uint64_t value)
{
    const struct vm_register_device *g = &a->s->derived.wiring.gic;
    if (!g->ops || !g->ops->write(g->device, a->v->index, a->number, value))
        vm_vcpu_raise(a->v, A64_ESR(A64_EC_UNKNOWN, 0), 0);
}

// --- the helpers ---

// Completes the description of an access. False: it has trapped.
static bool begin(struct vm_vcpu *v, uint64_t what, uint64_t icount, struct a64_access *a)
{
    const struct a64_sysreg *row = &rows[what & 0xffff];
    a->v = v;
    a->s = a64_state(v);
    a->config = a64_config_of(v);
    a->row = row;
    a->number = (uint16_t)(what >> 16);
    a->n = (unsigned)index_in(row, a->number);
    a->icount = icount;
    if (a->s->el == 0 && row->check && !row->check(a)) {
        vm_vcpu_raise(v, A64_ESR(A64_EC_SYSREG, what >> 32), 0);
        return false;
    }
    return true;
}

static uint64_t *field_of(const struct a64_access *a)
{
    return (uint64_t *)(void *)((char *)a->s + a->row->field) + a->n;
}

void a64_put_field(const struct a64_access *a, uint64_t value)
{
    uint64_t mask = a64_writable(a->config, a->row);
    *field_of(a) = (value & mask) | a64_res1(a->config, a->row);
}

// [row, number << 16, ISS << 32; icount]
uint64_t a64_help_sysreg_read(void *vcpu, uint64_t what, uint64_t icount, uint64_t c, uint64_t d)
{
    struct a64_access a = {.write = false};
    (void)c;
    (void)d;
    if (!begin(vcpu, what, icount, &a))
        return 0;
    return a.row->read ? a.row->read(&a) : *field_of(&a);
}

// [row, number << 16, ISS << 32; icount; value]
uint64_t a64_help_sysreg_write(void *vcpu, uint64_t what, uint64_t icount, uint64_t value,
                               uint64_t d)
{
    struct a64_access a = {.write = true};
    (void)d;
    if (!begin(vcpu, what, icount, &a))
        return 0;
    if (a.row->write)
        a.row->write(&a, value);
    else
        a64_put_field(&a, value);
    return 0;
}
