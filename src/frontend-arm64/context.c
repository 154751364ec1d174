// SPDX-License-Identifier: MIT
//
// What follows from the state: the execution mode that translations are made for, and the contexts
// in which the TLBs remember (vm/mem/tlb.h).
//
// A context's key tells apart EL0 and EL1, PAN, whether watchpoints count, and the regime:
// everything else that a walk looks at but TTBR0 and the ASID. Regimes are numbered as they come;
// the numbers of the last few are found again. Writes of the registers behind it only note that the
// contexts are stale: the next context synchronization event (ISB, exception, return) selects new
// ones, and until then walks are not remembered (a64_walk).
#include "fpcr.h"
#include "system.h"

// --- halves of the address space (D8 "The VMSAv8-64 address space") ---

struct a64_half a64_half_of(const struct vm_arm64_state *s, uint64_t va, bool fetch)
{
    enum { T1SZ_POS = 16, SIZE_BITS = 6 };
    uint64_t tcr = s->tcr[1];
    bool upper = va >> 55 & 1;
    bool tags = tcr & A64_TCR_TBI0 << upper && !(fetch && tcr & A64_TCR_TBID0 << upper);
    unsigned unused = (unsigned)vm_bits(tcr, upper ? T1SZ_POS : 0, SIZE_BITS);
    return (struct a64_half){.upper = upper, .tags = tags, .size = (uint8_t)(64 - unused)};
}

uint64_t a64_strip_tag(const struct vm_arm64_state *s, uint64_t va, bool fetch)
{
    enum { UNTAGGED_BITS = 56 };
    return a64_half_of(s, va, fetch).tags ? vm_sign_extend(va, UNTAGGED_BITS) : va;
}

// --- debug exceptions ---

bool a64_debug_enabled(const struct vm_arm64_state *s, uint64_t el, uint64_t daif)
{
    const uint64_t kde = A64_BIT(13), oslk = A64_BIT(1), dlk = A64_BIT(0);
    if (s->oslsr_el1 & oslk || s->osdlr_el1 & dlk)
        return false;
    return el == 0 || (s->mdscr_el1 & kde && !(daif & A64_DAIF_D));
}

static uint32_t debug_mode(const struct vm_arm64_state *s)
{
    const uint64_t ss = A64_BIT(0), mde = A64_BIT(15);
    uint32_t mode = 0;
    if (VM_LIKELY(!(s->mdscr_el1 & (ss | mde))) || !a64_debug_enabled(s, s->el, s->daif))
        return 0;
    if (s->mdscr_el1 & ss)
        mode |= s->ss ? A64_MODE_STEP : A64_MODE_STEP_DONE;
    if (s->mdscr_el1 & mde && a64_has_breakpoints(s))
        mode |= A64_MODE_DEBUG;
    return mode;
}

// --- the execution mode ---

static uint32_t fp_mode(const struct vm_arm64_state *s)
{
    enum { FPEN_POS = 20, TRAPS_EL0 = 1, TRAPS_NOTHING = 3 };
    uint64_t fpen = vm_bits(s->cpacr_el1, FPEN_POS, 2);
    uint32_t mode = 0;
    if (fpen != TRAPS_NOTHING && !(fpen == TRAPS_EL0 && s->el > 0))
        mode |= A64_MODE_FP_TRAP;
    return mode | a64_fpcr_mode(s->fpcr);
}

// Without translation all data are Device memory, which must be accessed aligned.
static uint32_t control_mode(const struct vm_arm64_state *s)
{
    uint64_t sctlr = s->sctlr[1];
    bool el0 = s->el == 0;
    uint32_t mode = (uint32_t)s->el;
    if (sctlr & A64_SCTLR_A || !(sctlr & A64_SCTLR_M))
        mode |= A64_MODE_ALIGN;
    if (sctlr & (el0 ? A64_SCTLR_SA0 : A64_SCTLR_SA) && s->sp & 15)
        mode |= A64_MODE_SP_MISALIGNED;
    if (!el0 && !s->uao)
        mode |= A64_MODE_UNPRIV_EL0;
    if (!el0 && !s->spsel)
        mode |= A64_MODE_SP_EL0;
    if (sctlr & (el0 ? A64_SCTLR_BT0 : A64_SCTLR_BT1))
        mode |= A64_MODE_BTI;
    if (sctlr & A64_SCTLR_NAA)
        mode |= A64_MODE_NAA;
    if (el0 && !(sctlr & A64_SCTLR_MSCEN))
        mode |= A64_MODE_NO_MOPS;
    mode |= sctlr & A64_SCTLR_ENIA ? A64_MODE_PAUTH_IA : 0;
    mode |= sctlr & A64_SCTLR_ENIB ? A64_MODE_PAUTH_IB : 0;
    mode |= sctlr & A64_SCTLR_ENDA ? A64_MODE_PAUTH_DA : 0;
    mode |= sctlr & A64_SCTLR_ENDB ? A64_MODE_PAUTH_DB : 0;
    return mode;
}

static uint32_t mode_of(const struct vm_arm64_state *s)
{
    uint32_t mode = control_mode(s) | fp_mode(s) | debug_mode(s) | a64_pmu_mode(s);
    return s->il ? mode | A64_MODE_ILLEGAL : mode;
}

// --- contexts ---

// The number of the current regime.
static uint32_t find_regime(struct vm_arm64_state *s)
{
    struct vm_arm64_derived *d = &s->derived;
    uint64_t asids = A64_TCR_A1 | A64_TCR_AS;
    struct vm_arm64_regime r = {
        .ttbr1 = s->ttbr1[1] & A64_TTBR_ADDRESS,
        .tcr = s->tcr[1] & ~asids,
        .mair = s->mair[1],
        .sctlr = s->sctlr[1] & (A64_SCTLR_M | A64_SCTLR_WXN),
    };
    for (unsigned i = 0; i < VM_ARM64_REGIMES; i++) {
        const struct vm_arm64_regime *k = &d->regimes[i];
        if (k->number && k->ttbr1 == r.ttbr1 && k->tcr == r.tcr && k->mair == r.mair &&
            k->sctlr == r.sctlr)
            return k->number;
    }
    r.number = ++d->regimes_seen;
    d->regimes[r.number % VM_ARM64_REGIMES] = r;
    return r.number;
}

enum { KEY_EL1 = 1, KEY_PAN = 2, KEY_WATCHED = 4, KEY_REGIME_POS = 3 };

static struct vm_tlb_key key_of(const struct vm_arm64_state *s, unsigned rights)
{
    uint32_t regime = s->derived.regime << KEY_REGIME_POS | rights;
    uint64_t asid = (s->tcr[1] & A64_TCR_A1 ? s->ttbr1[1] : s->ttbr0[1]) >> 48;
    return (struct vm_tlb_key){
        .key = regime,
        .regime = regime,
        .space = s->ttbr0[1] & A64_TTBR_ADDRESS,
        .asid = (uint32_t)(s->tcr[1] & A64_TCR_AS ? asid : asid & 0xff),
    };
}

// PAN makes no difference to fetches, as little as watchpoints do: they use the context that data
// have with PAN, as Linux does.
static void find_contexts(struct vm_vcpu *v, const struct vm_arm64_state *s, unsigned watched)
{
    struct vm_tlb_key user = key_of(s, watched);
    if (s->el == 0) {
        struct vm_tlb_key user_code = key_of(s, 0);
        vm_tlb_select_data(&v->tlb, &user);
        vm_tlb_select_code(&v->tlb, &user_code);
        return;
    }
    struct vm_tlb_key code = key_of(s, KEY_EL1 | KEY_PAN);
    struct vm_tlb_key data = key_of(s, KEY_EL1 | (s->pan ? KEY_PAN : 0) | watched);
    vm_tlb_select_data(&v->tlb, &data);
    vm_tlb_select_code(&v->tlb, &code);
    vm_tlb_select_other(&v->tlb, &user);
}

// An exception and its return find the last ones again.
static void select_contexts(struct vm_vcpu *v, struct vm_arm64_state *s)
{
    unsigned el1 = s->el == 0 ? 0 : A64_INDEX_EL1 | (s->pan ? A64_INDEX_PAN : 0);
    struct vm_arm64_selection *k = &s->derived.selections[el1];
    bool watched = VM_UNLIKELY(a64_has_watchpoints(s));
    v->mmu_index = A64_INDEX | el1;
    if (VM_LIKELY(k->ttbr0 == s->ttbr0[1] && k->ttbr1 == s->ttbr1[1] && k->tcr == s->tcr[1] &&
                  k->regime == s->derived.regime && k->watched == watched) &&
        vm_tlb_select_again(&v->tlb, &k->contexts))
        return;
    find_contexts(v, s, watched ? KEY_WATCHED : 0);
    *k = (struct vm_arm64_selection){s->ttbr0[1],       s->ttbr1[1], s->tcr[1],
                                     s->derived.regime, watched,     {0}};
    vm_tlb_note_selection(&v->tlb, &k->contexts);
}

void a64_sync(struct vm_vcpu *v)
{
    struct vm_arm64_state *s = a64_state(v);
    if (s->stale & A64_STALE_CONTEXT || !s->derived.regime)
        s->derived.regime = find_regime(s);
    s->stale = 0;
    v->mode = mode_of(s);
    select_contexts(v, s);
}

// --- stack pointers ---

void a64_bank_sp(struct vm_arm64_state *s)
{
    s->sp_el[s->spsel ? s->el : 0] = s->sp;
}

void a64_unbank_sp(struct vm_arm64_state *s)
{
    s->sp = s->sp_el[s->spsel ? s->el : 0];
}
