// SPDX-License-Identifier: MIT
//
// Self-hosted debug (the manual, chapter D2): breakpoints, watchpoints, software step, the OS lock.
//
// While breakpoints may match, translated code asks before each instruction. Pages with watchpoints
// are translated in pieces that no watchpoint lies in, and such pieces are not remembered by the
// TLBs, so that every access to them comes here.
#include "system.h"

#define MDSCR_SS   A64_BIT(0)
#define MDSCR_MDE  A64_BIT(15)
#define OSLSR_OSLK A64_BIT(1)

// DBGBCRn_EL1 and DBGWCRn_EL1.
enum {
    CR_E = 1 << 0,
    CR_PMC_POS = 1, // PMC and PAC: bit 0 EL1, bit 1 EL0
    CR_HMC = 1 << 13,
    CR_SSC_POS = 14,
    CR_LBN_POS = 16,
    BCR_BT_POS = 20,
    BCR_BAS_POS = 5,
    WCR_LSC_POS = 3, // bit 0 loads, bit 1 stores
    WCR_LOADS = 1 << WCR_LSC_POS,
    WCR_BAS_POS = 5,
    WCR_WT = 1 << 20,
    WCR_MASK_POS = 24,
};

// --- which of them are in use ---

static bool any_enabled(const uint64_t *control, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (control[i] & CR_E)
            return true;
    }
    return false;
}

bool a64_has_breakpoints(const struct vm_arm64_state *s)
{
    return any_enabled(s->dbgbcr, VM_ARM64_BREAKPOINTS);
}

bool a64_has_watchpoints(const struct vm_arm64_state *s)
{
    return s->mdscr_el1 & MDSCR_MDE && any_enabled(s->dbgwcr, VM_ARM64_WATCHPOINTS) &&
           a64_debug_enabled(s, s->el, s->daif);
}

// Whether a breakpoint or watchpoint is for an exception level of the one security state here
// (D2 "Execution conditions"): HMC 0 and SSC 0 or 1 choose by PMC or PAC; the others are for levels
// and states that do not exist, or reserved.
static bool is_for_level(uint64_t control, bool el0)
{
    uint64_t levels = vm_bits(control, CR_PMC_POS, 2), ssc = vm_bits(control, CR_SSC_POS, 2);
    bool hmc = control & CR_HMC;
    if (ssc > 1)
        return false;
    if (hmc && levels == 0)
        return false;
    return levels >> el0 & 1;
}

// Whether the context that breakpoint `n` is about is the current one, as a linked breakpoint or
// watchpoint asks.
static bool linked_context_matches(const struct vm_arm64_state *s, unsigned n)
{
    enum { LINKED_CONTEXT = 3 };
    if (n < VM_ARM64_BREAKPOINTS - A64_CONTEXT_BREAKPOINTS || n >= VM_ARM64_BREAKPOINTS)
        return false;
    return s->dbgbcr[n] & CR_E && vm_bits(s->dbgbcr[n], BCR_BT_POS, 4) == LINKED_CONTEXT &&
           (uint32_t)s->dbgbvr[n] == (uint32_t)s->contextidr_el1;
}

// --- breakpoints ---

static bool breakpoint_matches(const struct vm_arm64_state *s, unsigned n, uint64_t pc)
{
    enum { ADDRESS = 0, LINKED_ADDRESS = 1, CONTEXT = 2, HIGHEST_VA_BIT = 52 };
    uint64_t control = s->dbgbcr[n];
    uint64_t type = vm_bits(control, BCR_BT_POS, 4);
    bool can_be_context = n >= VM_ARM64_BREAKPOINTS - A64_CONTEXT_BREAKPOINTS;
    if (!(control & CR_E) || !is_for_level(control, s->el == 0))
        return false;
    if (type == CONTEXT)
        return can_be_context && (uint32_t)s->dbgbvr[n] == (uint32_t)s->contextidr_el1;
    if (type != ADDRESS && type != LINKED_ADDRESS)
        return false;
    if (type == LINKED_ADDRESS &&
        !linked_context_matches(s, (unsigned)vm_bits(control, CR_LBN_POS, 4)))
        return false;
    uint64_t address = s->dbgbvr[n] & ~(uint64_t)3;
    return vm_sign_extend(address, HIGHEST_VA_BIT + 1) == pc;
}

// [PC]
uint64_t a64_help_breakpoint(void *vcpu, uint64_t pc, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    const struct vm_arm64_state *s = a64_state(v);
    (void)b;
    (void)c;
    (void)d;
    for (unsigned i = 0; i < VM_ARM64_BREAKPOINTS; i++) {
        if (breakpoint_matches(s, i, pc)) {
            vm_vcpu_raise(v, A64_ESR(A64_EC_BREAKPOINT, A64_FSC_DEBUG), 0);
            return 0;
        }
    }
    return 0;
}

// --- watchpoints ---

// The bytes that watchpoint `n` watches, if it is enabled for the access.
struct watched {
    uint64_t first, last;
};

static bool watches(const struct vm_arm64_state *s, unsigned n, enum vm_access access, bool el0,
                    struct watched *w)
{
    uint64_t control = s->dbgwcr[n], address = s->dbgwvr[n];
    unsigned mask = (unsigned)vm_bits(control, WCR_MASK_POS, 5);
    uint64_t bytes = vm_bits(control, WCR_BAS_POS, 8);
    unsigned wanted = (access & VM_ACCESS_WRITE ? 2 : 0) | (access & VM_ACCESS_READ ? 1 : 0);
    if (!(control & CR_E) || !is_for_level(control, el0) ||
        !(vm_bits(control, WCR_LSC_POS, 2) & wanted))
        return false;
    if (control & WCR_WT && !linked_context_matches(s, (unsigned)vm_bits(control, CR_LBN_POS, 4)))
        return false;
    if (mask >= 3) { // an aligned range
        w->first = address & ~vm_mask(mask);
        w->last = w->first + vm_mask(mask);
        return true;
    }
    if (bytes == 0)
        return false;
    // Bytes that follow one another; others are reserved.
    uint64_t base = address & ~(uint64_t)7;
    w->first = base + vm_ctz64(bytes);
    w->last = base + 63 - vm_clz64(bytes);
    if (address & 4) { // of the upper word
        w->first += 4;
        w->last += 4;
    }
    return true;
}

// Atomic operations read first.
static enum vm_access accesses_of(const struct vm_vcpu *v, enum vm_access access)
{
    return v->loads_too ? access | VM_ACCESS_READ : access;
}

// Of watchpoint `n`.
static void raise_watchpoint(struct vm_vcpu *v, unsigned n, uint64_t address, enum vm_access access)
{
    bool reads = access & VM_ACCESS_READ && a64_state(v)->dbgwcr[n] & WCR_LOADS;
    uint32_t iss = A64_FSC_DEBUG | (reads ? 0 : A64_ISS_WNR);
    vm_vcpu_raise(v, A64_ESR(A64_EC_WATCHPOINT, iss), address);
}

bool a64_limit_by_watchpoints(const struct a64_walk *walk, struct vm_translation *t)
{
    const struct vm_arm64_state *s = a64_state(walk->v);
    uint64_t va = a64_strip_tag(s, walk->va, false), page = va & ~(uint64_t)VM_PAGE_MASK;
    uint64_t first = page, last = page | VM_PAGE_MASK;
    enum vm_access access = accesses_of(walk->v, walk->access);
    struct watched w;
    for (unsigned i = 0; i < VM_ARM64_WATCHPOINTS; i++) {
        if (!watches(s, i, access, walk->el0, &w))
            continue;
        if (va >= w.first && va <= w.last) {
            raise_watchpoint(walk->v, i, walk->va, access);
            return false;
        }
        if (w.first > va && w.first <= last)
            last = w.first - 1;
        if (w.last < va && w.last >= first)
            first = w.last + 1;
    }
    // What may not be written without a look must not be remembered for reads either.
    t->first = first == page && last == (page | VM_PAGE_MASK) ? t->first : 1;
    t->last = last & VM_PAGE_MASK;
    for (unsigned i = 0; i < VM_ARM64_WATCHPOINTS; i++) {
        bool other = watches(s, i, VM_ACCESS_READ, walk->el0, &w) ||
                     watches(s, i, VM_ACCESS_WRITE, walk->el0, &w);
        if (other && w.first <= (page | VM_PAGE_MASK) && w.last >= page)
            t->first = 1;
    }
    return true;
}

bool a64_watchpoint_behind(struct vm_vcpu *v, uint64_t va, enum vm_access access, bool el0)
{
    const struct vm_arm64_state *s = a64_state(v);
    uint64_t from = a64_strip_tag(s, va, false), end = from | VM_PAGE_MASK;
    struct watched w;
    access = accesses_of(v, access);
    for (unsigned i = 0; i < VM_ARM64_WATCHPOINTS; i++) {
        if (watches(s, i, access, el0, &w) && w.first >= from && w.first <= end) {
            raise_watchpoint(v, i, va, access);
            return true;
        }
    }
    return false;
}

// --- software step (D2 "Software Step exceptions") ---

// [whether the instruction is a load-exclusive], before the instruction that is stepped: from here
// on the step is done.
uint64_t a64_help_step(void *vcpu, uint64_t ldx, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    struct vm_arm64_state *s = a64_state(v);
    (void)b;
    (void)c;
    (void)d;
    s->ss = 0;
    s->derived.stepped = true;
    s->derived.stepped_ldx = ldx;
    v->mode = (v->mode & ~(uint32_t)A64_MODE_STEP) | A64_MODE_STEP_DONE;
    return 0;
}

void a64_raise_step(struct vm_vcpu *v)
{
    enum { EX = 1 << 6, ISV = 1 << 24 };
    const struct vm_arm64_derived *derived = &a64_state(v)->derived;
    uint32_t iss = A64_FSC_DEBUG | (derived->stepped ? ISV : 0) |
                   (derived->stepped && derived->stepped_ldx ? EX : 0);
    vm_vcpu_raise(v, A64_ESR(A64_EC_STEP, iss), 0);
}

// In place of the next one.
uint64_t a64_help_step_done(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    a64_raise_step(vcpu);
    return 0;
}

// --- registers ---

// Translations that were remembered know nothing of new watchpoints.
static void changed(const struct a64_access *a)
{
    a->s->stale |= A64_STALE_CONTEXT;
    vm_tlb_flush_all(&a->v->tlb);
    a64_sync(a->v);
}

void a64_write_mdscr(const struct a64_access *a, uint64_t value)
{
    // SS, TDCC, KDE, MDE and, as storage for the OS lock's sake, ERR, TXU, RXO, TXfull, RXfull.
    const uint64_t mask =
        MDSCR_SS | A64_BIT(6) | (uint64_t)0xf << 12 | (uint64_t)3 << 26 | (uint64_t)3 << 29;
    uint64_t old = a->s->mdscr_el1;
    a->s->mdscr_el1 = value & mask & ~A64_BIT(14);
    if (old != a->s->mdscr_el1)
        changed(a);
}

void a64_write_debug(const struct a64_access *a, uint64_t value)
{
    a64_put_field(a, value);
    changed(a);
}

void a64_write_oslar(const struct a64_access *a, uint64_t value)
{
    a->s->oslsr_el1 = value & 1 ? OSLSR_OSLK : 0;
    changed(a);
}

uint64_t a64_read_oslsr(const struct a64_access *a)
{
    const uint64_t implemented = A64_BIT(3);
    return (a->s->oslsr_el1 & OSLSR_OSLK) | implemented;
}

void a64_write_osdlr(const struct a64_access *a, uint64_t value)
{
    a64_put_field(a, value);
    changed(a);
}

uint64_t a64_read_dbgclaimset(const struct a64_access *a)
{
    (void)a;
    return 0xff; // the tags that there are
}

uint64_t a64_read_dbgclaimclr(const struct a64_access *a)
{
    return a->s->dbgclaim;
}

void a64_write_dbgclaimset(const struct a64_access *a, uint64_t value)
{
    a->s->dbgclaim |= value & 0xff;
}

void a64_write_dbgclaimclr(const struct a64_access *a, uint64_t value)
{
    a->s->dbgclaim &= ~value;
}

// Non-secure invasive and non-invasive debug: implemented and enabled.
uint64_t a64_read_dbgauthstatus(const struct a64_access *a)
{
    (void)a;
    return 0xf;
}
