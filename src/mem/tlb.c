// SPDX-License-Identifier: MIT
//
// Soft TLBs (vm/mem/tlb.h): contexts, look-ups, fills. One thread per TLB.
#include "tlb.h"

#include <vm/base/memory.h>

static void init_context(struct vm_tlb *t, struct vm_tlb_context *c)
{
    for (unsigned array = 0; array < TLB_ARRAYS; array++) {
        for (unsigned i = 0; i < VM_TLB_ENTRIES; i++)
            *tlb_tag(c, array, i) = tlb_empty_tag(i);
        c->used[array].count = 0;
    }
    c->aside_used[READ_ARRAY] = c->aside_used[WRITE_ARRAY] = UINT64_MAX; // of any contents
    tlb_clear_aside(c);
    vm_zero(c->wrote, sizeof c->wrote);
    c->last_use = 0;
    c->live = false;
    vm_zero(&c->seen, sizeof c->seen); // the memory may hold anything
    c->code_generation = tlb_new_generation(t);
}

enum {
    CONTEXTS = VM_TLB_CONTEXTS + 1, // with `none`
    CONTEXTS_BYTES = CONTEXTS * sizeof(struct vm_tlb_context),
};

vm_status vm_tlb_init(struct vm_tlb *t, struct vm_space *space,
                      const struct vm_allocator *allocator, struct vm_error *e)
{
    *t = (struct vm_tlb){.space = space};
    t->contexts = allocator->alloc(allocator->context, CONTEXTS_BYTES, 64);
    t->level2 = allocator->alloc(allocator->context, sizeof *t->level2, 64);
    if (!t->contexts || !t->level2) {
        vm_tlb_destroy(t, allocator);
        return vm_error_set(e, VM_ERR_HOST, "out of memory for a TLB");
    }
    vm_zero(t->level2, sizeof *t->level2);
    t->level2->flush = 1;
    for (unsigned i = 0; i < CONTEXTS; i++)
        init_context(t, &t->contexts[i]);
    t->other = t->none = &t->contexts[VM_TLB_CONTEXTS];
    for (unsigned i = 0; i < VM_TLB_REGIMES; i++)
        t->regimes[i] = (struct vm_tlb_regime){.code_generation = tlb_new_generation(t)};
    t->regime = t->regimes;
    tlb_forget_globals(t);
    struct vm_tlb_key none = {0};
    vm_tlb_select_data(t, &none);
    vm_tlb_select_code(t, &none);
    return VM_OK;
}

void vm_tlb_destroy(struct vm_tlb *t, const struct vm_allocator *allocator)
{
    if (t->contexts)
        allocator->release(allocator->context, t->contexts, CONTEXTS_BYTES);
    if (t->level2)
        allocator->release(allocator->context, t->level2, sizeof *t->level2);
    *t = (struct vm_tlb){0};
}

static bool same_key(const struct vm_tlb_key *a, const struct vm_tlb_key *b)
{
    return a->key == b->key && a->space == b->space && a->asid == b->asid;
}

static uint8_t *recent_slot(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    uint64_t h = (key->space * 5 + key->key) * 0x9e3779b97f4a7c15u;
    return &t->recent[h >> 32 & (VM_TLB_RECENT - 1)];
}

static struct vm_tlb_context *search_context(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    struct vm_tlb_context *oldest = NULL;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        if (c->live && same_key(&c->key, key)) {
            c->last_use = t->clock;
            return c;
        }
        if (c != t->data && c != t->code && c != t->other &&
            (!oldest || c->last_use < oldest->last_use))
            oldest = c;
    }
    t->stats.context_switches++;
    tlb_clear_context(t, oldest);
    oldest->key = *key;
    oldest->live = true;
    oldest->last_use = t->clock;
    return oldest;
}

static struct vm_tlb_context *find_context(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    uint8_t *recent = recent_slot(t, key);
    struct vm_tlb_context *c = &t->contexts[*recent];
    t->clock++;
    if (!c->live || !same_key(&c->key, key))
        c = search_context(t, key);
    *recent = (uint8_t)(c - t->contexts);
    c->last_use = t->clock;
    return c;
}

// Has what code mappings were used noted anew from now on: none is left that would be used without.
static void forget_code(struct vm_tlb_context *c)
{
    while (c->used[CODE_ARRAY].count > 0)
        tlb_clear_used(c, CODE_ARRAY, c->used[CODE_ARRAY].count - 1);
}

static void begin_context_anew(struct vm_tlb *t, struct vm_tlb_context *c)
{
    forget_code(c);
    tlb_forget_seen(&c->seen);
    c->code_generation = tlb_new_generation(t);
}

static void begin_regime_anew(struct vm_tlb *t, struct vm_tlb_regime *r)
{
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        if (t->contexts[i].key.regime == r->regime)
            forget_code(&t->contexts[i]);
    }
    tlb_forget_seen(&r->seen);
    r->code_generation = tlb_new_generation(t);
}

// Its global code mappings, or none yet.
static struct vm_tlb_regime *find_regime(struct vm_tlb *t, uint32_t regime)
{
    for (unsigned i = 0; i < VM_TLB_REGIMES; i++) {
        if (t->regimes[i].regime == regime)
            return &t->regimes[i];
    }
    struct vm_tlb_regime *r = &t->regimes[t->clock % VM_TLB_REGIMES];
    r->regime = regime;
    begin_regime_anew(t, r);
    return r;
}

void vm_tlb_select_data(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    if (!t->data || !same_key(&t->data->key, key))
        t->data = find_context(t, key);
}

void vm_tlb_select_other(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    if (!key)
        t->other = t->none;
    else if (t->other == t->none || !same_key(&t->other->key, key))
        t->other = find_context(t, key);
}

void vm_tlb_select_code(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    if (t->code && same_key(&t->code->key, key))
        return;
    t->code = find_context(t, key);
    if (t->regime->regime != key->regime)
        t->regime = find_regime(t, key->regime);
    tlb_show_generations(t);
}

void vm_tlb_note_selection(const struct vm_tlb *t, struct vm_tlb_selection *out)
{
    *out =
        (struct vm_tlb_selection){t->data, t->code, t->other, t->regime, t->stats.context_switches};
}

bool vm_tlb_select_again(struct vm_tlb *t, const struct vm_tlb_selection *s)
{
    if (!s->code || s->switches != t->stats.context_switches ||
        s->regime->regime != s->code->key.regime)
        return false;
    uint64_t now = ++t->clock;
    t->data = s->data;
    t->code = s->code;
    t->other = s->other;
    t->regime = s->regime;
    t->data->last_use = t->code->last_use = t->other->last_use = now;
    tlb_show_generations(t);
    return true;
}

// Whether an entry is filled and nothing has flushed it since.
static bool holds(const struct vm_tlb *t, const struct vm_tlb2_entry *e)
{
    if (!e->allowed || e->flush < t->level2->flush_all ||
        (!e->global && e->flush < t->level2->asid_flush[tlb_asid_slot(e->asid)]))
        return false;
    return e->shift <= VM_PAGE_SHIFT ||
           e->flush >= t->level2->large_flush[tlb_large_slot(e->vpage << VM_PAGE_SHIFT, e->shift)];
}

static struct vm_tlb2_entry *level2_find(struct vm_tlb *t, const struct vm_tlb_key *key,
                                         uint64_t vpage)
{
    struct vm_tlb2_entry *set = tlb_level2_set(t, vpage);
    for (unsigned w = 0; w < VM_TLB2_WAYS; w++) {
        struct vm_tlb2_entry *e = &set[w];
        bool same = (e->space == key->space && e->asid == key->asid) || e->global;
        if (e->vpage == vpage && e->key == key->key && same && holds(t, e))
            return e;
    }
    return NULL;
}

static void level2_fill(struct vm_tlb *t, const struct vm_tlb_key *key, uint64_t vpage,
                        const struct vm_translation *tr)
{
    struct vm_tlb2_entry *e = level2_find(t, key, vpage);
    if (!e) {
        struct vm_tlb2_entry *set = tlb_level2_set(t, vpage);
        e = set;
        for (unsigned w = 0; w < VM_TLB2_WAYS && holds(t, e); w++) {
            if (!holds(t, &set[w]) || set[w].age < e->age)
                e = &set[w];
        }
    }
    *e = (struct vm_tlb2_entry){
        .vpage = vpage,
        .key = key->key,
        .space = key->space,
        .page = tr->page,
        .asid = key->asid,
        .age = (uint32_t)++t->clock,
        .flush = t->level2->flush,
        .allowed = tr->allowed,
        .shift = tr->shift,
        .global = tr->global,
        .attributes = tr->attributes,
    };
}

static enum tlb_array access_array(enum vm_access access)
{
    return access == VM_ACCESS_READ    ? READ_ARRAY
           : access == VM_ACCESS_WRITE ? WRITE_ARRAY
                                       : CODE_ARRAY;
}

// Whether a store to the page may skip the slow path.
static bool may_cache_write(struct vm_tlb *t, const struct vm_region *r, uint64_t offset)
{
    struct vm_page_track *track = &r->track[offset >> VM_PAGE_SHIFT];
    if (r->read_only || atomic_load(&track->code_lines))
        return false;
    if (atomic_load_explicit(&track->dirty, memory_order_relaxed))
        return true;
    if (atomic_load_explicit(&t->space->track_dirty, memory_order_relaxed))
        return false;
    atomic_store_explicit(&track->dirty, 1, memory_order_relaxed);
    return true;
}

// Notes that a code mapping is used.
static void see_code(struct vm_tlb *t, struct vm_tlb_context *c, uint64_t vpage, bool global)
{
    if (!tlb_see(&c->seen, vpage)) {
        begin_context_anew(t, c);
        tlb_see(&c->seen, vpage);
        tlb_show_generations(t);
    }
    if (global && !tlb_see(&t->regime->seen, vpage)) {
        begin_regime_anew(t, t->regime);
        tlb_see(&t->regime->seen, vpage);
        tlb_show_generations(t);
    }
}

// Makes room for another page: the one that is there goes aside.
static void move_aside(struct vm_tlb_context *c, enum tlb_array array, unsigned i)
{
    const struct vm_tlb_entry *e = array == READ_ARRAY ? &c->read[i] : &c->write[i];
    unsigned place = vm_tlb_aside_index(e->tag);
    c->aside[array][place] = *e;
    c->aside_used[array] |= 1ull << place;
}

static void level1_fill(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva,
                        enum vm_access access, const struct vm_translation *tr)
{
    vm_gpa page = tr->page;
    const struct vm_region *r = vm_space_find(t->space, page);
    if (!r || !r->host)
        return;
    uint64_t offset = page.v - r->base.v;
    if (access == VM_ACCESS_WRITE && !may_cache_write(t, r, offset))
        return;
    if (access != VM_ACCESS_EXECUTE && tr->attributes & VM_PAGE_ALIGNED)
        return; // who looks there does not look at alignment
    unsigned i = vm_tlb_index(gva.v);
    enum tlb_array array = access_array(access);
    uint64_t tag = gva.v & ~(uint64_t)VM_PAGE_MASK;
    uint64_t addend = (uint64_t)(uintptr_t)(r->host + offset) - tag;
    if (access == VM_ACCESS_EXECUTE)
        see_code(t, c, gva.v >> VM_PAGE_SHIFT, tr->global);
    if (*tlb_tag(c, array, i) == tlb_empty_tag(i))
        c->used[array].index[c->used[array].count++] = (uint16_t)i;
    else if (access != VM_ACCESS_EXECUTE && *tlb_tag(c, array, i) != tag)
        move_aside(c, array, i);
    if (access == VM_ACCESS_EXECUTE)
        c->code[i] = (struct vm_tlb_code_entry){tag,          addend,     page,          r,
                                                VM_PAGE_MASK, tr->global, tr->attributes};
    else if (access == VM_ACCESS_READ) {
        c->read[i] = (struct vm_tlb_entry){tag, addend};
    } else {
        unsigned bit = tlb_wrote_bit(tag + addend);
        c->write[i] = (struct vm_tlb_entry){tag, addend};
        c->wrote[bit / 64] |= (uint64_t)1 << bit % 64;
    }
}

bool vm_tlb_find(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva, enum vm_access access,
                 struct vm_translation *out)
{
    t->stats.l1_misses++;
    struct vm_tlb2_entry *e = level2_find(t, &c->key, gva.v >> VM_PAGE_SHIFT);
    if (!e || !(e->allowed & access))
        return false;
    t->stats.l2_hits++;
    e->age = (uint32_t)++t->clock;
    *out = (struct vm_translation){.page = e->page,
                                   .allowed = e->allowed,
                                   .shift = e->shift,
                                   .global = e->global,
                                   .last = VM_PAGE_MASK,
                                   .attributes = e->attributes};
    level1_fill(t, c, gva, access, out);
    return true;
}

// From now on a flush of an address in it must look for its pieces.
static void note_large_page(struct vm_tlb *t, vm_gva gva, uint8_t shift)
{
    if (shift <= VM_PAGE_SHIFT)
        return;
    uint32_t *flush = &t->level2->large_flush[tlb_large_slot(gva.v, shift)];
    t->level2->large_shifts |= (uint64_t)1 << shift;
    if (!*flush)
        *flush = t->level2->flush;
}

static void note_global(struct vm_tlb *t, vm_gva gva)
{
    struct vm_tlb_globals *g = tlb_globals_of(t, gva.v);
    uint64_t address = gva.v & VM_TLB_WITHOUT_TOP;
    g->first = address < g->first ? address : g->first;
    g->last = address > g->last ? address : g->last;
}

void vm_tlb_fill(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva, enum vm_access access,
                 const struct vm_translation *tr)
{
    if (!vm_translation_is_whole(tr))
        return;
    note_large_page(t, gva, tr->shift);
    if (tr->global)
        note_global(t, gva);
    level2_fill(t, &c->key, gva.v >> VM_PAGE_SHIFT, tr);
    level1_fill(t, c, gva, access, tr);
}

void vm_tlb_protect_page(struct vm_tlb *t, const void *page)
{
    uint64_t host = (uint64_t)(uintptr_t)page;
    unsigned bit = tlb_wrote_bit(host);
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        const struct vm_tlb_used *used = &c->used[WRITE_ARRAY];
        if (!(c->wrote[bit / 64] >> bit % 64 & 1))
            continue;
        for (uint32_t k = used->count; k-- > 0;) {
            const struct vm_tlb_entry *e = &c->write[used->index[k]];
            if (e->tag + e->addend == host)
                tlb_clear_used(c, WRITE_ARRAY, k);
        }
        for (uint64_t left = c->aside_used[WRITE_ARRAY]; left; left &= left - 1) {
            unsigned k = vm_ctz64(left);
            struct vm_tlb_entry *e = &c->aside[WRITE_ARRAY][k];
            if (e->tag + e->addend == host)
                e->tag = tlb_empty_aside(k);
        }
    }
}
