// SPDX-License-Identifier: MIT
//
// The interpreter's block cache: by physical address and mode, with a small table by virtual
// address in front of it. Blocks are dropped when the vCPU synchronises with code that was written;
// their memory comes back when the cache is full and starts afresh.
//
// Links and the table by virtual address hold while the code generation of the TLB context stands.
#include <vm/base/memory.h>

#include "interpreter.h"

void interp_cache_flush(struct interpreter *in)
{
    vm_arena_reset(&in->blocks);
    vm_block_forget_all(&in->cache);
    vm_zero(in->jumps, sizeof in->jumps);
    in->stats.cache_flushes++;
}

void interp_gone(void *context, struct vm_block *b, uint64_t pc)
{
    struct interpreter *in = context;
    struct jump_entry *e = &in->jumps[interp_jump_slot(pc)];
    if (e->block == block_of(b))
        *e = (struct jump_entry){0};
}

// --- translation ---

static bool loops(const struct vm_ir_region *r)
{
    for (uint16_t i = 0; i < r->block_count; i++) {
        uint16_t to[2];
        const struct vm_ir_block *b = &r->blocks[i];
        unsigned n = vm_ir_successors(&r->ops[b->first + b->count - 1u], to);
        while (n-- > 0) {
            if (vm_ir_closes_loop(i, to[n]))
                return true;
        }
    }
    return false;
}

struct making {
    struct interpreter *in;
    struct vm_arena *arena; // for the block
};

static struct vm_block *make(void *context, const struct vm_ir_region *r,
                             const struct vm_block_source *source)
{
    const struct making *m = context;
    struct block *b = interp_lower(m->in, r, m->arena);
    (void)source;
    if (!b)
        return NULL;
    b->most_insns = loops(r) ? UINT32_MAX : r->guest_insns;
    return &b->common;
}

// The block at the PC, in `arena`, and what it is made from. NULL: *exit says why.
static struct block *translate(struct interpreter *in, uint32_t max_insns, struct vm_arena *arena,
                               struct vm_block_source *source, enum vm_engine_exit *exit)
{
    struct making m = {in, arena};
    struct vm_translator t = {in->vcpu, &in->scratch, &in->stats, make, &m, {0}};
    struct vm_block *b = vm_translator_run(&t, max_insns, exit);
    *source = t.source;
    return b ? block_of(b) : NULL;
}

struct block *interp_single(struct interpreter *in, enum vm_engine_exit *exit)
{
    struct vm_block_source source;
    struct block *b = translate(in, 1, &in->scratch, &source, exit);
    if (b)
        b->common.dropped = true;
    return b;
}

// --- look-up ---

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
    struct vm_block *known = vm_block_find(&in->cache, v, pc, gpa, vm_mode_of_code(v, &page));
    if (known || v->exception.pending)
        return known ? block_of(known) : NULL;
    if (in->blocks.total > in->cache_limit)
        interp_cache_flush(in);
    struct vm_block_source source;
    struct block *b = translate(in, BLOCK_INSNS, &in->blocks, &source, exit);
    return b && vm_block_keep(&in->cache, v, &b->common, &source) ? b : NULL;
}

struct block *interp_find(struct interpreter *in, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = in->vcpu;
    struct vm_trace *trace = &v->machine->trace;
    uint64_t pc = vm_vcpu_pc(v);
    struct jump_entry *e = &in->jumps[interp_jump_slot(pc)];
    if (interp_jump_is_for(e, pc, v))
        return e->block;
    if (vm_vcpu_at_breakpoint(v)) {
        *exit = VM_ENGINE_BREAKPOINT;
        return NULL;
    }
    in->stats.block_lookups++;
    vm_vcpu_note_recent(v, pc);
    struct block *b = look_up(in, pc, exit);
    VM_TRACE(trace, VM_TRACE_EXEC, "vcpu %u: %#lx", v->index, pc);
    // A block at a breakpoint is looked up each time, and so is every block that is traced.
    if (b && !b->common.dropped && !vm_machine_is_breakpoint(v->machine, pc) &&
        !vm_trace_on(trace, VM_TRACE_EXEC))
        *e = (struct jump_entry){pc, v->tlb.code->code_generation, b, v->mode};
    return b;
}
