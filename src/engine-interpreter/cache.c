// SPDX-License-Identifier: MIT
//
// The interpreter's block cache: by physical address and mode, with a small table by virtual
// address in front of it. Blocks are dropped when the vCPU synchronises with code that was written;
// their memory comes back when the cache is full and starts afresh.
//
// Links and the table by virtual address hold while the code generation of the TLB context stands.
#include <vm/base/memory.h>
#include <vm/ir/passes.h>
#include <vm/ir/text.h>

#include "interpreter.h"

// --- links ---

void interp_link(struct link *link, struct block *target, uint64_t generation)
{
    if (link->target) {
        *link->prev = link->next;
        if (link->next)
            link->next->prev = link->prev;
    }
    link->target = target;
    link->generation = generation;
    link->next = target->incoming;
    link->prev = &target->incoming;
    if (link->next)
        link->next->prev = &link->next;
    target->incoming = link;
}

static void unlink_one(struct link *link)
{
    if (!link->target)
        return;
    *link->prev = link->next;
    if (link->next)
        link->next->prev = link->prev;
    link->target = NULL;
}

// --- hash tables ---

static struct block **hash_slot(struct interpreter *in, vm_gpa gpa, uint32_t mode)
{
    uint64_t h = (gpa.v >> 1) * 0x9e3779b97f4a7c15u + mode * 0xc2b2ae3d27d4eb4fu;
    return &in->hash[h >> (64 - HASH_BITS)];
}

static struct code_page *find_page(struct interpreter *in, const struct vm_block_source *s)
{
    vm_gpa page = vm_gpa_of(s->gpa.v & ~(uint64_t)VM_PAGE_MASK);
    uint64_t h = (page.v >> VM_PAGE_SHIFT) * 0x9e3779b97f4a7c15u;
    struct code_page **slot = &in->page_hash[h >> (64 - PAGE_HASH_BITS)];
    for (struct code_page *p = *slot; p; p = p->hash_next) {
        if (p->page.v == page.v)
            return p;
    }
    struct code_page *p = vm_arena_alloc(&in->blocks, sizeof *p, 8);
    if (!p)
        return NULL;
    *p = (struct code_page){page, s->region, s->version, NULL, *slot, in->pages};
    *slot = p;
    in->pages = p;
    return p;
}

static uint32_t version_of(const struct vm_region *r, vm_gpa gpa)
{
    return atomic_load(&r->track[(gpa.v - r->base.v) >> VM_PAGE_SHIFT].code_version);
}

static bool is_current(const struct vm_block_source *s)
{
    if (s->version != version_of(s->region, s->gpa))
        return false;
    return s->gpa2.v == UINT64_MAX || s->version2 == version_of(s->region2, s->gpa2);
}

static bool insert(struct interpreter *in, struct block *b)
{
    if (b->source.gpa2.v != UINT64_MAX) {
        b->page_next = in->cross_blocks;
        in->cross_blocks = b;
    } else {
        struct code_page *p = find_page(in, &b->source);
        if (!p)
            return false;
        b->page_next = p->blocks;
        p->blocks = b;
    }
    struct block **slot = hash_slot(in, b->source.gpa, b->source.mode);
    b->hash_next = *slot;
    *slot = b;
    return true;
}

static void drop(struct interpreter *in, struct block *b)
{
    struct block **p = hash_slot(in, b->source.gpa, b->source.mode);
    while (*p != b)
        p = &(*p)->hash_next;
    *p = b->hash_next;
    while (b->incoming)
        unlink_one(b->incoming);
    for (unsigned i = 0; i < b->link_count; i++)
        unlink_one(&b->links[i]);
    b->dropped = true;
}

// Drops the stale blocks of a list.
static void drop_stale(struct interpreter *in, struct block **list)
{
    while (*list) {
        struct block *b = *list;
        if (is_current(&b->source)) {
            list = &b->page_next;
            continue;
        }
        *list = b->page_next;
        drop(in, b);
    }
}

void interp_cache_sync(struct interpreter *in)
{
    uint64_t writes = atomic_load(&in->vcpu->machine->space.code_writes);
    if (writes == in->code_writes)
        return;
    in->code_writes = writes;
    drop_stale(in, &in->cross_blocks);
    for (struct code_page *p = in->pages; p; p = p->next) {
        uint32_t version = version_of(p->region, p->page);
        if (p->version == version)
            continue;
        drop_stale(in, &p->blocks);
        p->version = version;
    }
}

void interp_cache_flush(struct interpreter *in)
{
    vm_arena_reset(&in->blocks);
    vm_zero(in->hash, sizeof in->hash);
    vm_zero(in->page_hash, sizeof in->page_hash);
    vm_zero(in->jumps, sizeof in->jumps);
    in->pages = NULL;
    in->cross_blocks = NULL;
    in->stats.cache_flushes++;
}

// --- translation ---

// One event a line, so that none is cut off.
static void trace_ir(struct interpreter *in, const struct vm_ir_region *r, uint64_t pc)
{
    struct vm_trace *t = &in->vcpu->machine->trace;
    if (!vm_trace_on(t, VM_TRACE_IR))
        return;
    size_t size = vm_ir_print(r, NULL, 0) + 1;
    char *text = vm_arena_alloc(&in->scratch, size, 1);
    if (!text)
        return;
    vm_ir_print(r, text, size);
    vm_trace_emit(t, VM_TRACE_IR, "vcpu %u: %#lx", in->vcpu->index, pc);
    while (*text) {
        size_t n = 0;
        while (text[n] && text[n] != '\n')
            n++;
        vm_trace_emit(t, VM_TRACE_IR, "%.*s", (int)n, text);
        text += n + (text[n] != 0);
    }
}

// Translates the block at the PC into `arena`. NULL with *exit: a fetch fault, or VM_ENGINE_FAILED
// where a block of this many instructions does not fit.
static struct block *translate(struct interpreter *in, uint32_t max_insns, struct vm_arena *arena,
                               enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = in->vcpu;
    struct vm_ir_region region;
    struct vm_block_source source;
    *exit = VM_ENGINE_FAILED;
    vm_arena_reset(&in->scratch);
    if (!vm_translate_block(v, max_insns, &in->scratch, &region, &source)) {
        if (v->exception.pending)
            *exit = VM_ENGINE_EXCEPTION;
        return NULL;
    }
    if (!vm_ir_optimize(&region, VM_IR_TIER1, false, NULL))
        return NULL;
    trace_ir(in, &region, source.pc);
    struct block *b = interp_lower(in, &region, &source, arena);
    if (b) {
        in->stats.blocks++;
        in->stats.translated_insns += region.guest_insns;
    }
    return b;
}

static struct block *translate_fitting(struct interpreter *in, uint32_t max_insns,
                                       struct vm_arena *arena, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = in->vcpu;
    const struct vm_host *host = v->machine->host;
    uint64_t start = host->clock(host->context), generation = v->tlb.code->code_generation;
    struct block *b = NULL;
    for (uint32_t n = max_insns; n > 0 && !b; n /= 4) {
        b = translate(in, n, arena, exit);
        if (*exit == VM_ENGINE_EXCEPTION)
            break;
    }
    in->stats.translate_ns += host->clock(host->context) - start;
    // While it waited for other vCPUs, this one may have flushed the mapping that led here.
    if (b && generation != v->tlb.code->code_generation) {
        *exit = VM_ENGINE_REQUEST;
        return NULL;
    }
    return b;
}

struct block *interp_single(struct interpreter *in, enum vm_engine_exit *exit)
{
    struct block *b = translate_fitting(in, 1, &in->scratch, exit);
    if (b)
        b->dropped = true;
    return b;
}

// --- look-up ---

static vm_gva next_page(uint64_t pc)
{
    return vm_gva_of((pc | VM_PAGE_MASK) + 1);
}

// Whether an instruction that goes on in the next page still does so in the same one.
static bool same_second_page(struct vm_vcpu *v, const struct block *b, uint64_t pc)
{
    struct vm_tlb_code_entry second;
    if (b->source.gpa2.v == UINT64_MAX)
        return true;
    return vm_vcpu_fetch_page(v, next_page(pc), &second) && second.page.v == b->source.gpa2.v;
}

// Whether the block may be found again: it is made from the code as it is now, and a second page is
// one of which the TLB tells when it changes.
static bool may_keep(const struct vm_vcpu *v, const struct block *b, uint64_t pc)
{
    bool crosses = b->source.gpa2.v != UINT64_MAX;
    return is_current(&b->source) && (!crosses || vm_vcpu_code_is_cached(v, next_page(pc)));
}

static struct block *look_up(struct interpreter *in, uint64_t pc, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = in->vcpu;
    struct vm_tlb_code_entry page;
    *exit = VM_ENGINE_EXCEPTION;
    if (!vm_vcpu_fetch_page(v, vm_gva_of(pc), &page))
        return NULL;
    if (!vm_vcpu_code_is_cached(v, vm_gva_of(pc)))
        return interp_single(in, exit);
    vm_gpa gpa = vm_gpa_of(page.page.v | (pc & VM_PAGE_MASK));
    for (struct block *b = *hash_slot(in, gpa, v->mode); b; b = b->hash_next) {
        if (b->source.gpa.v == gpa.v && b->source.mode == v->mode && same_second_page(v, b, pc))
            return b;
        if (v->exception.pending)
            return NULL;
    }
    if (in->blocks.total > CACHE_LIMIT)
        interp_cache_flush(in);
    struct block *b = translate_fitting(in, BLOCK_INSNS, &in->blocks, exit);
    if (b && !may_keep(v, b, pc))
        b->dropped = true; // runs once, as if before the code was written
    else if (b && !insert(in, b))
        b = NULL;
    return b;
}

bool interp_at_breakpoint(struct vm_vcpu *v)
{
    uint64_t pc = vm_vcpu_pc(v);
    return vm_machine_is_breakpoint(v->machine, pc) &&
           !(pc == v->run_pc && v->icount == v->run_icount);
}

struct block *interp_find(struct interpreter *in, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = in->vcpu;
    struct vm_trace *trace = &v->machine->trace;
    uint64_t pc = vm_vcpu_pc(v);
    struct jump_entry *e = &in->jumps[interp_jump_slot(pc)];
    if (interp_jump_is_for(e, pc, v))
        return e->block;
    if (interp_at_breakpoint(v)) {
        *exit = VM_ENGINE_BREAKPOINT;
        return NULL;
    }
    in->stats.block_lookups++;
    if (v->recent[(v->recent_next - 1) % VM_RECENT_BLOCKS] != pc)
        v->recent[v->recent_next++ % VM_RECENT_BLOCKS] = pc;
    struct block *b = look_up(in, pc, exit);
    VM_TRACE(trace, VM_TRACE_EXEC, "vcpu %u: %#lx", v->index, pc);
    // A block at a breakpoint is looked up each time, and so is every block that is traced.
    if (b && !b->dropped && !vm_machine_is_breakpoint(v->machine, pc) &&
        !vm_trace_on(trace, VM_TRACE_EXEC))
        *e = (struct jump_entry){pc, v->tlb.code->code_generation, b, v->mode};
    return b;
}
