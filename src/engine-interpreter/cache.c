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

void interp_cache_flush(struct interpreter *in)
{
    vm_arena_reset(&in->blocks);
    vm_block_forget_all(&in->cache);
    vm_zero(in->jumps, sizeof in->jumps);
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
        b->most_insns = loops(&region) ? UINT32_MAX : region.guest_insns;
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
    struct vm_block *known = vm_block_find(&in->cache, v, pc, gpa, v->mode);
    if (known || v->exception.pending)
        return known ? block_of(known) : NULL;
    if (in->blocks.total > in->cache_limit)
        interp_cache_flush(in);
    struct block *b = translate_fitting(in, BLOCK_INSNS, &in->blocks, exit);
    if (b && !vm_block_may_keep(v, &b->common, pc))
        b->common.dropped = true; // runs once, as if before the code was written
    else if (b && !vm_block_insert(&in->cache, &b->common))
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
    if (b && !b->common.dropped && !vm_machine_is_breakpoint(v->machine, pc) &&
        !vm_trace_on(trace, VM_TRACE_EXEC))
        *e = (struct jump_entry){pc, v->tlb.code->code_generation, b, v->mode};
    return b;
}
