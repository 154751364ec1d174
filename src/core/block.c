// SPDX-License-Identifier: MIT
//
// Block caches (vm/core/block.h): hash tables by physical address, lists by page, links.
#include <vm/base/memory.h>
#include <vm/core/block.h>
#include <vm/core/vcpu.h>

enum { CHUNK = 64 << 10 };

struct vm_block_page {
    vm_gpa page;
    const struct vm_region *region;
    uint32_t version; // of the page, when none of the blocks was stale
    struct vm_block *blocks;
    struct vm_block_page *hash_next, *next;
};

void vm_block_cache_init(struct vm_block_cache *c, const struct vm_allocator *allocator)
{
    vm_arena_init(&c->pages_arena, allocator, CHUNK);
}

void vm_block_cache_destroy(struct vm_block_cache *c)
{
    vm_arena_destroy(&c->pages_arena);
}

// --- links ---

static void take_out(struct vm_link *link)
{
    *link->prev = link->next;
    if (link->next)
        link->next->prev = link->prev;
    link->target = NULL;
}

void vm_link_set(struct vm_link *link, struct vm_block *target, uint64_t generation)
{
    if (link->target)
        take_out(link);
    link->target = target;
    link->generation = generation;
    link->next = target->incoming;
    link->prev = &target->incoming;
    if (link->next)
        link->next->prev = &link->next;
    target->incoming = link;
}

bool vm_block_may_link(const struct vm_vcpu *v, const struct vm_block *from,
                       const struct vm_block *to, bool near)
{
    uint64_t distance = from->source.gpa.v ^ to->source.gpa.v;
    bool same_page = (distance & ~(uint64_t)VM_PAGE_MASK) == 0;
    return !from->dropped && !to->dropped && (!near || same_page) &&
           !vm_trace_on(&v->machine->trace, VM_TRACE_EXEC);
}

static void unlink_one(struct vm_block_cache *c, struct vm_link *link)
{
    if (!link->target)
        return;
    take_out(link);
    if (c->unlinked)
        c->unlinked(c->context, link);
}

// --- hash tables ---

static struct vm_block **hash_slot(struct vm_block_cache *c, vm_gpa gpa, uint32_t mode)
{
    uint64_t h = (gpa.v >> 1) * 0x9e3779b97f4a7c15u + mode * 0xc2b2ae3d27d4eb4fu;
    return &c->hash[h >> (64 - VM_BLOCK_HASH_BITS)];
}

static struct vm_block_page *find_page(struct vm_block_cache *c, const struct vm_block_source *s)
{
    vm_gpa page = vm_gpa_of(s->gpa.v & ~(uint64_t)VM_PAGE_MASK);
    uint64_t h = (page.v >> VM_PAGE_SHIFT) * 0x9e3779b97f4a7c15u;
    struct vm_block_page **slot = &c->page_hash[h >> (64 - VM_BLOCK_PAGE_HASH_BITS)];
    for (struct vm_block_page *p = *slot; p; p = p->hash_next) {
        if (p->page.v == page.v)
            return p;
    }
    struct vm_block_page *p = vm_arena_alloc(&c->pages_arena, sizeof *p, 8);
    if (!p)
        return NULL;
    *p = (struct vm_block_page){page, s->region, s->version, NULL, *slot, c->pages};
    *slot = p;
    c->pages = p;
    return p;
}

static uint32_t version_of(const struct vm_region *r, vm_gpa gpa)
{
    return atomic_load(&r->track[(gpa.v - r->base.v) >> VM_PAGE_SHIFT].code_version);
}

static bool crosses(const struct vm_block_source *s)
{
    return s->gpa2.v != UINT64_MAX;
}

static bool is_current(const struct vm_block_source *s)
{
    if (s->version != version_of(s->region, s->gpa))
        return false;
    return !crosses(s) || s->version2 == version_of(s->region2, s->gpa2);
}

static bool insert(struct vm_block_cache *c, struct vm_block *b)
{
    struct vm_block **list = &c->cross_blocks;
    if (!crosses(&b->source)) {
        struct vm_block_page *p = find_page(c, &b->source);
        if (!p)
            return false;
        list = &p->blocks;
    }
    b->page_next = *list;
    *list = b;
    struct vm_block **slot = hash_slot(c, b->source.gpa, b->source.mode);
    b->hash_next = *slot;
    *slot = b;
    return true;
}

static vm_gva next_page(uint64_t pc)
{
    return vm_gva_of((pc | VM_PAGE_MASK) + 1);
}

// Whether an instruction that goes on in the next page still does so in the same one.
static bool same_second_page(struct vm_vcpu *v, const struct vm_block *b, uint64_t pc)
{
    struct vm_tlb_code_entry second;
    if (!crosses(&b->source))
        return true;
    return vm_vcpu_fetch_page(v, next_page(pc), &second) && second.page.v == b->source.gpa2.v;
}

struct vm_block *vm_block_find(struct vm_block_cache *c, struct vm_vcpu *v, uint64_t pc, vm_gpa gpa,
                               uint32_t mode)
{
    for (struct vm_block *b = *hash_slot(c, gpa, mode); b; b = b->hash_next) {
        if (b->source.gpa.v == gpa.v && b->source.mode == mode && same_second_page(v, b, pc))
            return b;
        if (v->exception.pending)
            return NULL;
    }
    return NULL;
}

bool vm_block_keep(struct vm_block_cache *c, const struct vm_vcpu *v, struct vm_block *b,
                   uint64_t pc)
{
    bool may_keep = is_current(&b->source) &&
                    (!crosses(&b->source) || vm_vcpu_code_is_cached(v, next_page(pc)));
    if (may_keep)
        return insert(c, b);
    b->dropped = true;
    return true;
}

// --- dropping ---

// The caller takes it out of its page's list.
static void drop(struct vm_block_cache *c, struct vm_block *b)
{
    struct vm_block **p = hash_slot(c, b->source.gpa, b->source.mode);
    while (*p != b)
        p = &(*p)->hash_next;
    *p = b->hash_next;
    while (b->incoming)
        unlink_one(c, b->incoming);
    for (unsigned i = 0; i < b->link_count; i++)
        unlink_one(c, &b->links[i]);
    b->dropped = true;
}

static bool is_stale(void *context, struct vm_block *b)
{
    (void)context;
    return !is_current(&b->source);
}

static void drop_from(struct vm_block_cache *c, struct vm_block **list,
                      bool (*is_in)(void *context, struct vm_block *b), void *context)
{
    while (*list) {
        struct vm_block *b = *list;
        if (!is_in(context, b)) {
            list = &b->page_next;
            continue;
        }
        *list = b->page_next;
        drop(c, b);
    }
}

void vm_block_sync(struct vm_block_cache *c, struct vm_vcpu *v)
{
    uint64_t writes = atomic_load(&v->machine->space.code_writes);
    if (writes == c->code_writes)
        return;
    c->code_writes = writes;
    drop_from(c, &c->cross_blocks, is_stale, NULL);
    for (struct vm_block_page *p = c->pages; p; p = p->next) {
        uint32_t version = version_of(p->region, p->page);
        if (p->version == version)
            continue;
        drop_from(c, &p->blocks, is_stale, NULL);
        p->version = version;
    }
}

void vm_block_drop_if(struct vm_block_cache *c, bool (*is_in)(void *context, struct vm_block *b),
                      void *context)
{
    drop_from(c, &c->cross_blocks, is_in, context);
    for (struct vm_block_page *p = c->pages; p; p = p->next)
        drop_from(c, &p->blocks, is_in, context);
}

void vm_block_forget_all(struct vm_block_cache *c)
{
    vm_arena_reset(&c->pages_arena);
    vm_zero(c->hash, sizeof c->hash);
    vm_zero(c->page_hash, sizeof c->page_hash);
    c->pages = NULL;
    c->cross_blocks = NULL;
}
