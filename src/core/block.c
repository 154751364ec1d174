// SPDX-License-Identifier: MIT
//
// Block caches (vm/core/block.h): hash tables by physical address, lists by page, links.
#include <vm/base/memory.h>
#include <vm/core/block.h>
#include <vm/core/vcpu.h>

enum { CHUNK = 64 << 10 };

struct vm_block_page {
    vm_gpa page;
    uint64_t base; // where the blocks that begin in it were last looked up; 0 also if never
    const struct vm_region *region;
    uint32_t version; // of the page, when none of the blocks was stale
    struct vm_block *blocks;
    struct vm_block_second *crossing; // of blocks of other pages that end in this one
    struct vm_block_page *hash_next, *next;
};

// The second page of a block whose last instruction begins in the first.
struct vm_block_second {
    struct vm_block *block;
    struct vm_block_page *page;
    struct vm_block_second *next; // in the page, or among those that are free
    uint32_t version;             // as the block's
};

// A block as the hash table has it. A look-up goes past others of the same slot without touching
// the blocks, which lie too far apart to be in the host's caches: the tag is nearly always another.
struct vm_block_node {
    struct vm_block *block;
    struct vm_block_node *next;
    uint32_t tag;
};

void vm_block_cache_init(struct vm_block_cache *c, const struct vm_allocator *allocator,
                         size_t link_bytes)
{
    vm_arena_init(&c->pages_arena, allocator, CHUNK);
    c->link_bytes = link_bytes;
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

void vm_link_set(struct vm_link *link, struct vm_block *target, bool far)
{
    if (link->target)
        take_out(link);
    link->target = target;
    link->far = far;
    link->next = target->incoming;
    link->prev = &target->incoming;
    if (link->next)
        link->next->prev = &link->next;
    target->incoming = link;
}

bool vm_block_may_link(const struct vm_vcpu *v, const struct vm_block *from, uint64_t page_base,
                       const struct vm_block *to, bool near)
{
    if (from->dropped || to->dropped || vm_trace_on(&v->machine->trace, VM_TRACE_EXEC))
        return false;
    return near ? from->page == to->page : from->page->base == page_base;
}

static void unlink_one(struct vm_block_cache *c, struct vm_link *link)
{
    if (!link->target)
        return;
    take_out(link);
    if (c->unlinked)
        c->unlinked(c->context, link);
}

static struct vm_link *link_at(const struct vm_block_cache *c, const struct vm_block *b, unsigned i)
{
    return (struct vm_link *)(void *)((char *)b->links + i * c->link_bytes);
}

// --- where pages are ---

static uint64_t base_of(uint64_t pc)
{
    return pc & ~(uint64_t)VM_PAGE_MASK;
}

static void unreachable(struct vm_block_cache *c, struct vm_block *b)
{
    if (c->gone)
        c->gone(c->context, b, b->page->base | b->offset);
}

// Links within the page hold wherever it is.
static void cut_far_links(struct vm_block_cache *c, struct vm_block *b)
{
    for (struct vm_link *link = b->incoming, *next; link; link = next) {
        next = link->next;
        if (link->far)
            unlink_one(c, link);
    }
    for (unsigned i = 0; i < b->link_count; i++) {
        struct vm_link *link = link_at(c, b, i);
        if (link->far)
            unlink_one(c, link);
    }
}

// The page's blocks are looked up at `base` now.
static void settle(struct vm_block_cache *c, struct vm_block_page *p, uint64_t base)
{
    if (VM_LIKELY(p->base == base))
        return;
    for (struct vm_block *b = p->blocks; b; b = b->page_next) {
        unreachable(c, b);
        cut_far_links(c, b);
    }
    p->base = base;
}

// --- hash tables ---

// Blocks that lie together in the guest's memory do so in the table, for they are looked up one
// after the other.
static struct vm_block_node **hash_slot(struct vm_block_cache *c, vm_gpa gpa, uint32_t mode)
{
    uint64_t h = (gpa.v >> VM_PAGE_SHIFT) * 0x9e3779b97f4a7c15u + mode * 0xc2b2ae3d27d4eb4fu;
    uint64_t slot = (h >> (64 - VM_BLOCK_HASH_BITS)) + ((gpa.v & VM_PAGE_MASK) >> 2);
    return &c->hash[slot & ((1u << VM_BLOCK_HASH_BITS) - 1)];
}

static uint32_t tag_of(vm_gpa gpa, uint32_t mode)
{
    return (uint32_t)(gpa.v >> 1) ^ mode * 0x9e3779b1u;
}

static bool hash_in(struct vm_block_cache *c, struct vm_block *b, vm_gpa gpa)
{
    struct vm_block_node *n = c->free_nodes;
    struct vm_block_node **slot = hash_slot(c, gpa, b->mode);
    if (n)
        c->free_nodes = n->next;
    else if (!(n = vm_arena_alloc(&c->pages_arena, sizeof *n, 8)))
        return false;
    *n = (struct vm_block_node){b, *slot, tag_of(gpa, b->mode)};
    *slot = n;
    return true;
}

static vm_gpa gpa_of(const struct vm_block *b)
{
    return vm_gpa_of(b->page->page.v | b->offset);
}

static void hash_out(struct vm_block_cache *c, const struct vm_block *b)
{
    struct vm_block_node **slot = hash_slot(c, gpa_of(b), b->mode);
    while ((*slot)->block != b)
        slot = &(*slot)->next;
    struct vm_block_node *n = *slot;
    *slot = n->next;
    n->next = c->free_nodes;
    c->free_nodes = n;
}

static vm_gpa page_of(vm_gpa gpa)
{
    return vm_gpa_of(gpa.v & ~(uint64_t)VM_PAGE_MASK);
}

static struct vm_block_page **page_slot(struct vm_block_cache *c, vm_gpa page)
{
    uint64_t h = (page.v >> VM_PAGE_SHIFT) * 0x9e3779b97f4a7c15u;
    return &c->page_hash[h >> (64 - VM_BLOCK_PAGE_HASH_BITS)];
}

static struct vm_block_page *find_page(struct vm_block_cache *c, vm_gpa page)
{
    struct vm_block_page *p = *page_slot(c, page);
    while (p && p->page.v != page.v)
        p = p->hash_next;
    return p;
}

static struct vm_block_page *get_page(struct vm_block_cache *c, vm_gpa page,
                                      const struct vm_region *region, uint32_t version)
{
    struct vm_block_page *p = find_page(c, page);
    if (p)
        return p;
    p = vm_arena_alloc(&c->pages_arena, sizeof *p, 8);
    if (!p)
        return NULL;
    struct vm_block_page **slot = page_slot(c, page);
    *p = (struct vm_block_page){
        .page = page, .region = region, .version = version, .hash_next = *slot, .next = c->pages};
    *slot = p;
    c->pages = p;
    return p;
}

static uint32_t version_of(const struct vm_region *r, vm_gpa gpa)
{
    return atomic_load(&r->track[(gpa.v - r->base.v) >> VM_PAGE_SHIFT].code_version);
}

static bool is_page_current(const struct vm_block_page *p, uint32_t version)
{
    return version == version_of(p->region, p->page);
}

static bool is_current(const struct vm_block *b)
{
    const struct vm_block_second *second = b->crossing;
    return is_page_current(b->page, b->version) &&
           (!second || is_page_current(second->page, second->version));
}

// Notes the block with the page that its last instruction ends in.
static bool insert_second(struct vm_block_cache *c, struct vm_block *b,
                          const struct vm_block_source *s)
{
    struct vm_block_page *p = get_page(c, s->gpa2, s->region2, s->version2);
    struct vm_block_second *second = c->free_seconds;
    if (p && second)
        c->free_seconds = second->next;
    else if (!p || !(second = vm_arena_alloc(&c->pages_arena, sizeof *second, 8)))
        return false;
    *second = (struct vm_block_second){b, p, p->crossing, s->version2};
    p->crossing = second;
    b->crossing = second;
    return true;
}

static void take_out_of_second(struct vm_block_cache *c, struct vm_block *b)
{
    struct vm_block_second *second = b->crossing, **p = &second->page->crossing;
    while (*p != second)
        p = &(*p)->next;
    *p = second->next;
    second->next = c->free_seconds;
    c->free_seconds = second;
    b->crossing = NULL;
}

static bool crosses(const struct vm_block_source *s)
{
    return s->gpa2.v != UINT64_MAX;
}

static bool insert(struct vm_block_cache *c, struct vm_block *b, const struct vm_block_source *s)
{
    struct vm_block_page *p = get_page(c, page_of(s->gpa), s->region, s->version);
    b->version = s->version;
    b->mode = s->mode;
    b->offset = s->gpa.v & VM_PAGE_MASK;
    if (!p || (crosses(s) && !insert_second(c, b, s)))
        return false;
    if (!hash_in(c, b, s->gpa)) {
        if (b->crossing)
            take_out_of_second(c, b);
        return false;
    }
    settle(c, p, base_of(s->pc));
    b->page = p;
    b->page_next = p->blocks;
    p->blocks = b;
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
    if (!b->crossing)
        return true;
    return vm_vcpu_fetch_page(v, next_page(pc), &second) &&
           second.page.v == b->crossing->page->page.v;
}

struct vm_block *vm_block_find(struct vm_block_cache *c, struct vm_vcpu *v, uint64_t pc, vm_gpa gpa,
                               uint32_t mode)
{
    uint32_t tag = tag_of(gpa, mode);
    for (const struct vm_block_node *n = *hash_slot(c, gpa, mode); n; n = n->next) {
        if (n->tag != tag || n->block->mode != mode || gpa_of(n->block).v != gpa.v)
            continue;
        if (same_second_page(v, n->block, pc)) {
            settle(c, n->block->page, base_of(pc));
            return n->block;
        }
        if (v->exception.pending)
            return NULL;
    }
    return NULL;
}

static bool is_source_current(const struct vm_block_source *s)
{
    return s->version == version_of(s->region, s->gpa) &&
           (!crosses(s) || s->version2 == version_of(s->region2, s->gpa2));
}

bool vm_block_keep(struct vm_block_cache *c, const struct vm_vcpu *v, struct vm_block *b,
                   const struct vm_block_source *source)
{
    if (is_source_current(source) &&
        (!crosses(source) || vm_vcpu_code_is_cached(v, next_page(source->pc))))
        return insert(c, b, source);
    b->dropped = true;
    return true;
}

// --- dropping ---

static void take_out_of_pages(struct vm_block_cache *c, struct vm_block *b)
{
    struct vm_block **p = &b->page->blocks;
    while (*p != b)
        p = &(*p)->page_next;
    *p = b->page_next;
    if (b->crossing)
        take_out_of_second(c, b);
}

static void drop(struct vm_block_cache *c, struct vm_block *b)
{
    hash_out(c, b);
    take_out_of_pages(c, b);
    while (b->incoming)
        unlink_one(c, b->incoming);
    for (unsigned i = 0; i < b->link_count; i++)
        unlink_one(c, link_at(c, b, i));
    b->dropped = true;
    unreachable(c, b);
}

static void sync_page(struct vm_block_cache *c, struct vm_block_page *p)
{
    uint32_t version = version_of(p->region, p->page);
    if (p->version == version)
        return;
    for (struct vm_block *b = p->blocks, *next; b; b = next) {
        next = b->page_next;
        if (!is_current(b))
            drop(c, b);
    }
    for (struct vm_block_second *s = p->crossing, *next; s; s = next) {
        next = s->next;
        if (!is_current(s->block))
            drop(c, s->block);
    }
    p->version = version;
}

// Looks at the pages of the writes after number `from`, or says that they are not all known.
static bool sync_written(struct vm_block_cache *c, const struct vm_space *s, uint64_t from,
                         uint64_t to)
{
    vm_gpa page;
    for (uint64_t number = from + 1; number <= to; number++) {
        if (!vm_space_code_write(s, number, &page))
            return false;
        struct vm_block_page *p = find_page(c, page);
        if (p)
            sync_page(c, p);
    }
    return true;
}

void vm_block_sync(struct vm_block_cache *c, struct vm_vcpu *v)
{
    uint64_t from = c->code_writes, to = atomic_load(&v->machine->space.code_writes);
    if (from == to)
        return;
    c->code_writes = to;
    if (to - from <= VM_CODE_LOG && sync_written(c, &v->machine->space, from, to))
        return;
    for (struct vm_block_page *p = c->pages; p; p = p->next)
        sync_page(c, p);
}

void vm_block_drop_part(struct vm_block_cache *c, uint8_t part)
{
    for (struct vm_block_page *p = c->pages; p; p = p->next) {
        for (struct vm_block *b = p->blocks, *next; b; b = next) {
            next = b->page_next;
            if (b->part == part)
                drop(c, b);
        }
    }
}

void vm_block_forget_all(struct vm_block_cache *c)
{
    vm_arena_reset(&c->pages_arena);
    vm_zero(c->hash, sizeof c->hash);
    vm_zero(c->page_hash, sizeof c->page_hash);
    c->pages = NULL;
    c->free_nodes = NULL;
    c->free_seconds = NULL;
}
