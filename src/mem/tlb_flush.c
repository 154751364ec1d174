// SPDX-License-Identifier: MIT
//
// Flushes of the soft TLBs. The first level is emptied by its lists of used entries; the second by
// numbers (vm/mem/tlb.h), and by its sets where single pages go.
#include <vm/base/bits.h>
#include <vm/base/memory.h>

#include "tlb.h"

void tlb_clear_context(struct vm_tlb *t, struct vm_tlb_context *c)
{
    for (unsigned array = 0; array < TLB_ARRAYS; array++) {
        while (c->used[array].count > 0)
            tlb_clear_used(c, array, c->used[array].count - 1);
    }
    tlb_clear_aside(c);
    vm_zero(c->wrote, sizeof c->wrote);
    tlb_forget_seen(&c->seen);
    c->code_generation = tlb_new_generation(t);
}

static void clear_contexts(struct vm_tlb *t)
{
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++)
        tlb_clear_context(t, &t->contexts[i]);
    for (unsigned i = 0; i < VM_TLB_REGIMES; i++) {
        tlb_forget_seen(&t->regimes[i].seen);
        t->regimes[i].code_generation = tlb_new_generation(t);
    }
}

static void forget_large_pages(struct vm_tlb *t)
{
    if (t->level2->large_shifts)
        vm_zero(t->level2->large_flush, sizeof t->level2->large_flush);
    t->level2->large_shifts = 0;
}

// The number of a new flush. When they have run out everything starts anew.
static uint32_t next_flush(struct vm_tlb *t)
{
    if (VM_UNLIKELY(t->level2->flush == UINT32_MAX)) {
        clear_contexts(t);
        vm_zero(t->level2, sizeof *t->level2);
        t->level2->flush = 1;
    }
    return ++t->level2->flush;
}

void vm_tlb_flush_all(struct vm_tlb *t)
{
    t->stats.flushes++;
    clear_contexts(t);
    forget_large_pages(t);
    tlb_forget_globals(t);
    t->level2->flush_all = next_flush(t);
    tlb_show_generations(t);
}

void vm_tlb_flush_asid(struct vm_tlb *t, uint32_t asid)
{
    t->stats.flushes++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        if (t->contexts[i].key.asid == asid)
            tlb_clear_context(t, &t->contexts[i]);
    }
    uint32_t flush = next_flush(t);
    t->level2->asid_flush[tlb_asid_slot(asid)] = flush;
    tlb_show_generations(t);
}

// --- pages ---

// Which contexts a flush is for.
struct scope {
    bool one_space;
    uint32_t asid;
};

static bool in_scope(const struct scope *s, uint32_t asid)
{
    return !s->one_space || asid == s->asid;
}

// A flush of one space leaves what is global.
static bool takes(const struct scope *s, const struct vm_tlb2_entry *e)
{
    return !s->one_space || (!e->global && e->asid == s->asid);
}

static void forget_entry(struct vm_tlb_context *c, enum tlb_array array, unsigned i)
{
    for (uint32_t k = 0; k < c->used[array].count; k++) {
        if (c->used[array].index[k] == i) {
            tlb_clear_used(c, array, k);
            return;
        }
    }
}

static void flush_page_of(struct vm_tlb *t, struct vm_tlb_context *c, uint64_t vpage)
{
    uint64_t tag = vpage << VM_PAGE_SHIFT;
    unsigned i = vm_tlb_index(tag);
    for (unsigned array = 0; array < TLB_ARRAYS; array++) {
        if (tlb_same_page(*tlb_tag(c, array, i), tag, VM_PAGE_SHIFT))
            forget_entry(c, array, i);
    }
    unsigned k = vm_tlb_aside_index(tag);
    for (unsigned array = 0; array < VM_ARRAY_SIZE(c->aside); array++) {
        if (tlb_same_page(c->aside[array][k].tag, tag, VM_PAGE_SHIFT))
            c->aside[array][k].tag = tlb_empty_aside(k);
    }
    // Links between translated blocks may rest on this mapping even when its entry is gone.
    if (tlb_has_seen(&c->seen, vpage))
        c->code_generation = tlb_new_generation(t);
}

static void flush_page(struct vm_tlb *t, uint64_t vpage, const struct scope *s)
{
    t->stats.page_flushes++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        if (c->live && in_scope(s, c->key.asid))
            flush_page_of(t, c, vpage);
    }
    for (unsigned i = 0; i < VM_TLB_REGIMES && !s->one_space; i++) {
        if (tlb_has_seen(&t->regimes[i].seen, vpage))
            t->regimes[i].code_generation = tlb_new_generation(t);
    }
    struct vm_tlb2_entry *set = tlb_level2_set(t, vpage);
    for (unsigned w = 0; w < VM_TLB2_WAYS; w++) {
        uint64_t other = set[w].vpage << VM_PAGE_SHIFT;
        if (tlb_same_page(other, vpage << VM_PAGE_SHIFT, VM_PAGE_SHIFT) && takes(s, &set[w]))
            set[w].allowed = 0;
    }
}

// Whether blocks may be linked by code mappings of addresses from first to last.
static bool saw_code(const struct vm_tlb_seen *seen, uint64_t first, uint64_t last)
{
    for (uint32_t i = 0; i < seen->count; i++) {
        if (tlb_in_range((seen->page[seen->used[i]] - 1) << VM_PAGE_SHIFT, first, last))
            return true;
    }
    return false;
}

// Takes away what a context has of addresses from first to last.
static void flush_range_of(struct vm_tlb *t, struct vm_tlb_context *c, uint64_t first,
                           uint64_t last)
{
    for (unsigned array = 0; array < TLB_ARRAYS; array++) {
        const struct vm_tlb_used *used = &c->used[array];
        for (uint32_t k = used->count; k-- > 0;) {
            if (tlb_in_range(*tlb_tag(c, array, used->index[k]), first, last))
                tlb_clear_used(c, array, k);
        }
    }
    tlb_clear_aside(c);
    if (saw_code(&c->seen, first, last))
        c->code_generation = tlb_new_generation(t);
}

// The page of 2^shift bytes around gva.
static uint64_t first_of(uint64_t gva, unsigned shift)
{
    return gva & ~vm_mask(shift);
}

static uint64_t last_of(uint64_t gva, unsigned shift)
{
    return gva | vm_mask(shift);
}

static void flush_large_page(struct vm_tlb *t, uint64_t gva, unsigned shift, const struct scope *s)
{
    uint32_t *last = &t->level2->large_flush[tlb_large_slot(gva, shift)];
    if (!*last)
        return;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        if (c->live && in_scope(s, c->key.asid))
            flush_range_of(t, c, first_of(gva, shift), last_of(gva, shift));
    }
    for (unsigned i = 0; i < VM_TLB_REGIMES && !s->one_space; i++) {
        if (saw_code(&t->regimes[i].seen, first_of(gva, shift), last_of(gva, shift)))
            t->regimes[i].code_generation = tlb_new_generation(t);
    }
    uint32_t flush = next_flush(t);
    *last = flush;
}

static void flush_pages(struct vm_tlb *t, uint64_t first, uint64_t last, const struct scope *s)
{
    for (uint64_t shifts = t->level2->large_shifts; shifts; shifts &= shifts - 1) {
        unsigned shift = vm_ctz64(shifts);
        for (uint64_t page = first >> shift; page <= last >> shift; page++)
            flush_large_page(t, page << shift, shift, s);
    }
    for (uint64_t page = first >> VM_PAGE_SHIFT; page <= last >> VM_PAGE_SHIFT; page++)
        flush_page(t, page, s);
    tlb_show_generations(t);
}

// --- ranges of many pages ---

// Looks at all that is remembered, which takes as long for any range. What translations were linked
// by elsewhere stays, and that is worth more than what looking costs.
static void flush_range(struct vm_tlb *t, uint64_t first, uint64_t last, const struct scope *s)
{
    for (uint64_t shifts = t->level2->large_shifts; shifts; shifts &= shifts - 1) {
        // Large pages that are in the range as a whole go with their pieces.
        flush_large_page(t, first, vm_ctz64(shifts), s);
        flush_large_page(t, last, vm_ctz64(shifts), s);
    }
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        if (c->live && in_scope(s, c->key.asid))
            flush_range_of(t, c, first, last);
    }
    for (unsigned i = 0; i < VM_TLB_REGIMES && !s->one_space; i++) {
        if (saw_code(&t->regimes[i].seen, first, last))
            t->regimes[i].code_generation = tlb_new_generation(t);
    }
    for (unsigned i = 0; i < VM_TLB2_SETS * VM_TLB2_WAYS; i++) {
        struct vm_tlb2_entry *e = &t->level2->entries[i];
        if (tlb_in_range(e->vpage << VM_PAGE_SHIFT, first, last) && takes(s, e))
            e->allowed = 0;
    }
    tlb_show_generations(t);
}

static void flush_some(struct vm_tlb *t, uint64_t first, uint64_t last, const struct scope *s)
{
    enum { MANY = 256 };
    if ((last >> VM_PAGE_SHIFT) - (first >> VM_PAGE_SHIFT) < MANY)
        flush_pages(t, first, last, s);
    else if ((first & VM_TLB_WITHOUT_TOP) <= (last & VM_TLB_WITHOUT_TOP))
        flush_range(t, first, last, s);
    else if (s->one_space)
        vm_tlb_flush_asid(t, s->asid);
    else
        vm_tlb_flush_all(t);
}

void vm_tlb_flush_pages(struct vm_tlb *t, vm_gva first, vm_gva last)
{
    flush_some(t, first.v, last.v, &(struct scope){.one_space = false});
}

// Whether something global may be remembered of these addresses.
static bool may_be_global(struct vm_tlb *t, uint64_t first, uint64_t last)
{
    const struct vm_tlb_globals *g = tlb_globals_of(t, first);
    if (g != tlb_globals_of(t, last))
        return true;
    return (first & VM_TLB_WITHOUT_TOP) <= (g->last | VM_PAGE_MASK) &&
           (last & VM_TLB_WITHOUT_TOP) >= (g->first & ~(uint64_t)VM_PAGE_MASK);
}

void vm_tlb_flush_pages_asid(struct vm_tlb *t, vm_gva first, vm_gva last, uint32_t asid,
                             bool and_global)
{
    bool everywhere = and_global && may_be_global(t, first.v, last.v);
    flush_some(t, first.v, last.v, &(struct scope){.one_space = !everywhere, .asid = asid});
}
