// SPDX-License-Identifier: MIT
//
// What the two halves of the soft TLBs share: the slots of a context's three first-level arrays,
// and where the second level keeps what. Private to the module.
#ifndef MEM_TLB_H
#define MEM_TLB_H

#include <vm/base/bits.h>
#include <vm/mem/tlb.h>

// An address without its top byte.
#define VM_TLB_WITHOUT_TOP (UINT64_MAX >> 8)

// Index of vm_tlb_context.used, the first two that of vm_tlb_context.aside.
enum tlb_array { READ_ARRAY, WRITE_ARRAY, CODE_ARRAY, TLB_ARRAYS };

// The tag of an empty entry of slot i: no address that maps to the slot is within a page of it.
static inline uint64_t tlb_empty_tag(unsigned i)
{
    return (uint64_t)(i ^ 1) << VM_PAGE_SHIFT;
}

// The bit of vm_tlb_context.wrote for a page of the host's.
static inline unsigned tlb_wrote_bit(uint64_t host)
{
    return (unsigned)((host >> VM_PAGE_SHIFT) * 0x9e3779b97f4a7c15u >> (64 - 9));
}

// The same aside.
static inline uint64_t tlb_empty_aside(unsigned i)
{
    return (uint64_t)(i ^ 1) << VM_PAGE_SHIFT;
}

static inline void tlb_clear_aside(struct vm_tlb_context *c)
{
    for (unsigned array = 0; array < VM_ARRAY_SIZE(c->aside); array++) {
        for (uint64_t left = c->aside_used[array]; left; left &= left - 1) {
            unsigned i = vm_ctz64(left);
            c->aside[array][i].tag = tlb_empty_aside(i);
        }
        c->aside_used[array] = 0;
    }
}

static inline uint64_t *tlb_tag(struct vm_tlb_context *c, enum tlb_array array, unsigned i)
{
    switch (array) {
    case READ_ARRAY: return &c->read[i].tag;
    case WRITE_ARRAY: return &c->write[i].tag;
    default: return &c->code[i].tag;
    }
}

// Empties the k-th of the filled entries.
static inline void tlb_clear_used(struct vm_tlb_context *c, enum tlb_array array, uint32_t k)
{
    struct vm_tlb_used *used = &c->used[array];
    unsigned i = used->index[k];
    *tlb_tag(c, array, i) = tlb_empty_tag(i);
    used->index[k] = used->index[--used->count];
}

// The place in struct vm_tlb_seen that a page has, or could have: the first empty one. Neighbours
// are beside one another, in one line of the host's caches.
static inline unsigned tlb_seen_place(const struct vm_tlb_seen *s, uint64_t vpage)
{
    enum { NEIGHBOURS = 8 };
    uint64_t h = vpage / NEIGHBOURS * 0x9e3779b97f4a7c15u >> 32;
    unsigned i = (unsigned)(h * NEIGHBOURS + vpage % NEIGHBOURS) & (VM_TLB_SEEN - 1);
    while (s->page[i] && s->page[i] != vpage + 1)
        i = (i + 1) & (VM_TLB_SEEN - 1);
    return i;
}

static inline bool tlb_has_seen(const struct vm_tlb_seen *s, uint64_t vpage)
{
    return s->page[tlb_seen_place(s, vpage)] != 0;
}

// Notes a page. False: there is no room.
static inline bool tlb_see(struct vm_tlb_seen *s, uint64_t vpage)
{
    unsigned place = tlb_seen_place(s, vpage);
    if (s->page[place])
        return true;
    if (s->count == VM_TLB_SEEN / 2)
        return false;
    s->page[place] = vpage + 1;
    s->used[s->count++] = (uint16_t)place;
    return true;
}

static inline void tlb_forget_seen(struct vm_tlb_seen *s)
{
    while (s->count > 0)
        s->page[s->used[--s->count]] = 0;
}

static inline uint64_t tlb_new_generation(struct vm_tlb *t)
{
    if ((uint32_t)++t->generations == 0)
        t->generations++;
    return t->generations;
}

// Puts the generations where generated code looks for them; after any may have changed.
static inline void tlb_show_generations(struct vm_tlb *t)
{
    t->code_generations[VM_TLB_ON_CONTEXT] = t->code->code_generation;
    t->code_generations[VM_TLB_ON_REGIME] = t->regime->code_generation;
}

// Empties the first level of a context.
void tlb_clear_context(struct vm_tlb *t, struct vm_tlb_context *c);

static inline void tlb_forget_globals(struct vm_tlb *t)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(t->globals); i++)
        t->globals[i] = (struct vm_tlb_globals){.first = UINT64_MAX};
}

// Those of the half that an address is in: Arm's ranges, which bit 55 tells apart.
static inline struct vm_tlb_globals *tlb_globals_of(struct vm_tlb *t, uint64_t gva)
{
    return &t->globals[gva >> 55 & 1];
}

// The set is chosen by the page alone, so that a flush of a page in every space looks at one set.
static inline struct vm_tlb2_entry *tlb_level2_set(struct vm_tlb *t, uint64_t vpage)
{
    uint64_t h = vpage ^ vpage >> 9 ^ vpage >> 18;
    return t->level2->entries + (h & (VM_TLB2_SETS - 1)) * VM_TLB2_WAYS;
}

// Whether two addresses are in one page of 2^shift bytes, their top bytes apart.
static inline bool tlb_same_page(uint64_t a, uint64_t b, unsigned shift)
{
    return ((a ^ b) & VM_TLB_WITHOUT_TOP) >> shift == 0;
}

// Whether an address is in the range, top bytes apart.
static inline bool tlb_in_range(uint64_t gva, uint64_t first, uint64_t last)
{
    gva &= VM_TLB_WITHOUT_TOP;
    return gva >= (first & VM_TLB_WITHOUT_TOP & ~(uint64_t)VM_PAGE_MASK) &&
           gva <= (last & VM_TLB_WITHOUT_TOP);
}

// The places of the numbers of flushes.
static inline unsigned tlb_asid_slot(uint32_t asid)
{
    return asid & (VM_TLB_ASIDS - 1);
}

static inline unsigned tlb_large_slot(uint64_t gva, unsigned shift)
{
    uint64_t page = ((gva & VM_TLB_WITHOUT_TOP) >> shift) + shift;
    return (unsigned)(page * 0x9e3779b97f4a7c15u >> 32) & (VM_TLB_LARGE - 1);
}

#endif
