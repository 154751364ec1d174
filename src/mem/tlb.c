// SPDX-License-Identifier: MIT
//
// Soft TLBs (vm/mem/tlb.h): contexts, fills, flushes. One thread per TLB.
#include <vm/base/memory.h>
#include <vm/mem/tlb.h>

enum array { READ_ARRAY, WRITE_ARRAY, CODE_ARRAY };

// The tag of an empty entry of slot i: no address that maps to the slot is within a page of it.
static uint64_t empty_tag(unsigned i)
{
    return (uint64_t)(i ^ 1) << VM_PAGE_SHIFT;
}

static void clear_entry(struct vm_tlb_context *c, unsigned slot)
{
    unsigned i = slot & (VM_TLB_ENTRIES - 1);
    switch (slot >> VM_TLB_BITS) {
    case READ_ARRAY: c->read[i].tag = empty_tag(i); break;
    case WRITE_ARRAY: c->write[i].tag = empty_tag(i); break;
    default: c->code[i].tag = empty_tag(i); break;
    }
}

static uint64_t slot_tag(const struct vm_tlb_context *c, unsigned slot)
{
    unsigned i = slot & (VM_TLB_ENTRIES - 1);
    switch (slot >> VM_TLB_BITS) {
    case READ_ARRAY: return c->read[i].tag;
    case WRITE_ARRAY: return c->write[i].tag;
    default: return c->code[i].tag;
    }
}

static void clear_context(struct vm_tlb *t, struct vm_tlb_context *c)
{
    for (uint32_t i = 0; i < c->used_count; i++)
        clear_entry(c, c->used[i]);
    c->used_count = 0;
    vm_zero(c->code_seen, sizeof c->code_seen);
    c->code_generation = ++t->generations;
}

static void init_context(struct vm_tlb *t, struct vm_tlb_context *c)
{
    for (unsigned slot = 0; slot < 3 * VM_TLB_ENTRIES; slot++)
        clear_entry(c, slot);
    c->used_count = 0;
    c->last_use = 0;
    c->live = false;
    vm_zero(c->code_seen, sizeof c->code_seen);
    c->code_generation = ++t->generations;
}

enum {
    CONTEXTS_BYTES = VM_TLB_CONTEXTS * sizeof(struct vm_tlb_context),
    LEVEL2_BYTES = VM_TLB2_SETS * VM_TLB2_WAYS * sizeof(struct vm_tlb2_entry),
};

vm_status vm_tlb_init(struct vm_tlb *t, struct vm_space *space,
                      const struct vm_allocator *allocator, struct vm_error *e)
{
    *t = (struct vm_tlb){.space = space};
    t->contexts = allocator->alloc(allocator->context, CONTEXTS_BYTES, 64);
    t->level2 = allocator->alloc(allocator->context, LEVEL2_BYTES, 64);
    if (!t->contexts || !t->level2) {
        vm_tlb_destroy(t, allocator);
        return vm_error_set(e, VM_ERR_HOST, "out of memory for a TLB");
    }
    vm_zero(t->level2, LEVEL2_BYTES);
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++)
        init_context(t, &t->contexts[i]);
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
        allocator->release(allocator->context, t->level2, LEVEL2_BYTES);
    *t = (struct vm_tlb){0};
}

static bool same_key(const struct vm_tlb_key *a, const struct vm_tlb_key *b)
{
    return a->key == b->key && a->space == b->space && a->asid == b->asid;
}

static struct vm_tlb_context *find_context(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    struct vm_tlb_context *oldest = NULL;
    t->clock++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        if (c->live && same_key(&c->key, key)) {
            c->last_use = t->clock;
            return c;
        }
        if (c != t->data && c != t->code && (!oldest || c->last_use < oldest->last_use))
            oldest = c;
    }
    t->stats.context_switches++;
    clear_context(t, oldest);
    oldest->key = *key;
    oldest->live = true;
    oldest->last_use = t->clock;
    return oldest;
}

void vm_tlb_select_data(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    if (!t->data || !same_key(&t->data->key, key))
        t->data = find_context(t, key);
}

void vm_tlb_select_code(struct vm_tlb *t, const struct vm_tlb_key *key)
{
    if (!t->code || !same_key(&t->code->key, key))
        t->code = find_context(t, key);
}

// The set is chosen by the page alone, so that a flush of a page in every space looks at one set.
static struct vm_tlb2_entry *level2_set(struct vm_tlb *t, uint64_t vpage)
{
    uint64_t h = vpage ^ vpage >> 9 ^ vpage >> 18;
    return t->level2 + (h & (VM_TLB2_SETS - 1)) * VM_TLB2_WAYS;
}

static struct vm_tlb2_entry *level2_find(struct vm_tlb *t, const struct vm_tlb_key *key,
                                         uint64_t vpage)
{
    struct vm_tlb2_entry *set = level2_set(t, vpage);
    for (unsigned w = 0; w < VM_TLB2_WAYS; w++) {
        if (set[w].allowed && set[w].vpage == vpage && same_key(&set[w].key, key))
            return &set[w];
    }
    return NULL;
}

static void level2_fill(struct vm_tlb *t, const struct vm_tlb_key *key, uint64_t vpage,
                        const struct vm_translation *tr)
{
    struct vm_tlb2_entry *e = level2_find(t, key, vpage);
    if (!e) {
        struct vm_tlb2_entry *set = level2_set(t, vpage);
        e = set;
        for (unsigned w = 0; w < VM_TLB2_WAYS; w++) {
            if (!set[w].allowed || (e->allowed && set[w].age < e->age))
                e = &set[w];
        }
    }
    *e = (struct vm_tlb2_entry){vpage, *key, tr->page, (uint32_t)++t->clock, tr->allowed};
}

static unsigned access_array(enum vm_access access)
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

static void fill_code(struct vm_tlb_context *c, unsigned i, const struct vm_tlb_code_entry *entry)
{
    c->code[i] = *entry;
    c->code_seen[i / 64] |= (uint64_t)1 << i % 64;
}

static void level1_fill(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva,
                        enum vm_access access, vm_gpa page)
{
    const struct vm_region *r = vm_space_find(t->space, page);
    if (!r || !r->host)
        return;
    uint64_t offset = page.v - r->base.v;
    if (access == VM_ACCESS_WRITE && !may_cache_write(t, r, offset))
        return;
    unsigned i = vm_tlb_index(gva.v);
    unsigned slot = access_array(access) << VM_TLB_BITS | i;
    uint64_t tag = gva.v & ~(uint64_t)VM_PAGE_MASK;
    uint64_t addend = (uint64_t)(uintptr_t)(r->host + offset) - tag;
    if (slot_tag(c, slot) == empty_tag(i))
        c->used[c->used_count++] = (uint16_t)slot;
    if (access == VM_ACCESS_EXECUTE)
        fill_code(c, i, &(struct vm_tlb_code_entry){tag, addend, page, r, VM_PAGE_MASK});
    else if (access == VM_ACCESS_READ)
        c->read[i] = (struct vm_tlb_entry){tag, addend};
    else
        c->write[i] = (struct vm_tlb_entry){tag, addend};
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
    *out = (struct vm_translation){.page = e->page, .allowed = e->allowed, .last = VM_PAGE_MASK};
    level1_fill(t, c, gva, access, e->page);
    return true;
}

void vm_tlb_fill(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva, enum vm_access access,
                 const struct vm_translation *tr)
{
    if (!vm_translation_is_whole(tr))
        return;
    level2_fill(t, &c->key, gva.v >> VM_PAGE_SHIFT, tr);
    level1_fill(t, c, gva, access, tr->page);
}

void vm_tlb_flush_all(struct vm_tlb *t)
{
    t->stats.flushes++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++)
        clear_context(t, &t->contexts[i]);
    vm_zero(t->level2, LEVEL2_BYTES);
}

void vm_tlb_flush_asid(struct vm_tlb *t, uint32_t asid)
{
    t->stats.flushes++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        if (t->contexts[i].key.asid == asid)
            clear_context(t, &t->contexts[i]);
    }
    for (unsigned i = 0; i < VM_TLB2_SETS * VM_TLB2_WAYS; i++) {
        if (t->level2[i].key.asid == asid)
            t->level2[i].allowed = 0;
    }
}

static void forget_slot(struct vm_tlb_context *c, unsigned slot)
{
    clear_entry(c, slot);
    for (uint32_t k = 0; k < c->used_count; k++) {
        if (c->used[k] == slot) {
            c->used[k] = c->used[--c->used_count];
            return;
        }
    }
}

static void flush_page_of(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva)
{
    unsigned i = vm_tlb_index(gva.v);
    uint64_t tag = gva.v & ~(uint64_t)VM_PAGE_MASK;
    for (unsigned array = READ_ARRAY; array <= CODE_ARRAY; array++) {
        if (slot_tag(c, array << VM_TLB_BITS | i) == tag)
            forget_slot(c, array << VM_TLB_BITS | i);
    }
    // Links between translated blocks may rest on this mapping even when its entry is gone.
    if (c->code_seen[i / 64] >> i % 64 & 1)
        c->code_generation = ++t->generations;
}

void vm_tlb_flush_page(struct vm_tlb *t, vm_gva gva)
{
    t->stats.page_flushes++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        if (t->contexts[i].live)
            flush_page_of(t, &t->contexts[i], gva);
    }
    uint64_t vpage = gva.v >> VM_PAGE_SHIFT;
    struct vm_tlb2_entry *set = level2_set(t, vpage);
    for (unsigned w = 0; w < VM_TLB2_WAYS; w++) {
        if (set[w].vpage == vpage)
            set[w].allowed = 0;
    }
}

void vm_tlb_flush_page_asid(struct vm_tlb *t, vm_gva gva, uint32_t asid)
{
    t->stats.page_flushes++;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        if (t->contexts[i].live && t->contexts[i].key.asid == asid)
            flush_page_of(t, &t->contexts[i], gva);
    }
    uint64_t vpage = gva.v >> VM_PAGE_SHIFT;
    struct vm_tlb2_entry *set = level2_set(t, vpage);
    for (unsigned w = 0; w < VM_TLB2_WAYS; w++) {
        if (set[w].vpage == vpage && set[w].key.asid == asid)
            set[w].allowed = 0;
    }
}

void vm_tlb_protect_page(struct vm_tlb *t, const void *page)
{
    uint64_t host = (uint64_t)(uintptr_t)page;
    for (unsigned i = 0; i < VM_TLB_CONTEXTS; i++) {
        struct vm_tlb_context *c = &t->contexts[i];
        for (uint32_t k = 0; k < c->used_count;) {
            unsigned slot = c->used[k];
            unsigned entry = slot & (VM_TLB_ENTRIES - 1);
            if (slot >> VM_TLB_BITS == WRITE_ARRAY &&
                c->write[entry].tag + c->write[entry].addend == host) {
                clear_entry(c, slot);
                c->used[k] = c->used[--c->used_count];
            } else {
                k++;
            }
        }
    }
}
