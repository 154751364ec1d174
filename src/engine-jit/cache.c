// SPDX-License-Identifier: MIT
//
// The JIT's code cache: translation into partitions that are filled one after the other and emptied
// as a whole, look-up, and links. Indirect jumps have a table by virtual address in front of it.
//
// Links that leave the page and the table hold while the code generation stands that they rest on:
// that of the TLB's context, or for global pages that of its regime.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "jit.h"
#include "loop.h"

enum {
    BLOCKS_CHUNK_MIN = 2 << 10,
    BLOCKS_CHUNK_MAX = 64 << 10,
    SCRATCH_CHUNK = 256 << 10,
    PARTITION_MIN = 32 << 10, // bytes of code: several of the largest blocks fit
    ONCE_BYTES = 32 << 10,
    MOST_BYTES = 1 << 30, // displacements of 32 bits reach from one end to the other
    LEAST_BYTES = JIT_PARTITIONS * PARTITION_MIN + ONCE_BYTES + (4 << 10), // with the thunks
};

static void unlinked(void *context, struct vm_link *link)
{
    jit_emit_unlink(context, (struct jit_way *)(void *)link);
}

static void gone(void *context, struct vm_block *b, uint64_t pc)
{
    struct jit *j = context;
    struct jit_jump *jump = &j->jumps[jit_jump_slot(pc)];
    if (jump->entry == jit_entry(j, jit_block_of(b)))
        *jump = (struct jit_jump){0};
}

// Bytes for this vCPU, or 0 with an error.
static uint64_t share_of_cache(const struct jit *j, struct vm_error *e)
{
    const struct vm_engine_options *o = &j->vcpu->machine->engine_options;
    uint64_t vcpus = o->vcpus ? o->vcpus : 1, least = (LEAST_BYTES >> 10) * vcpus;
    uint64_t size = (o->code_cache ? o->code_cache : JIT_CACHE_BYTES) / vcpus;
    if (size >= LEAST_BYTES)
        return size < MOST_BYTES ? size : MOST_BYTES;
    if (o->code_cache == 0)
        return LEAST_BYTES;
    vm_error_set(e, VM_ERR_USAGE, "a code cache of %lluK is too small: %llu vCPUs need %lluK",
                 (unsigned long long)(o->code_cache >> 10), (unsigned long long)vcpus,
                 (unsigned long long)least);
    return 0;
}

static void create_partition(struct jit *j, unsigned i, uint8_t *at, size_t bytes)
{
    size_t chunk = bytes / 16 < BLOCKS_CHUNK_MIN   ? BLOCKS_CHUNK_MIN
                   : bytes / 16 > BLOCKS_CHUNK_MAX ? BLOCKS_CHUNK_MAX
                                                   : bytes / 16;
    j->partitions[i] = (struct jit_partition){.start = at, .at = at, .end = at + bytes};
    vm_arena_init(&j->partitions[i].blocks, &j->vcpu->machine->host->allocator, chunk);
}

size_t jit_partition_bytes(const struct jit_partition *p)
{
    return (size_t)(p->at - p->start) + p->blocks.total;
}

static bool is_full(const struct jit_partition *p)
{
    return p->at > p->start && jit_partition_bytes(p) > (size_t)(p->end - p->start);
}

vm_status jit_cache_create(struct jit *j, struct vm_error *e)
{
    const struct vm_allocator *a = &j->vcpu->machine->host->allocator;
    uint64_t size = share_of_cache(j, e);
    if (!size)
        return VM_ERR_USAGE;
    vm_status status = vm_osal_exec_create(size, &j->exec, e);
    if (status != VM_OK)
        return status;
    vm_block_cache_init(&j->cache, a, sizeof(struct jit_way));
    j->cache.unlinked = unlinked;
    j->cache.gone = gone;
    j->cache.context = j;
    vm_arena_init(&j->scratch, a, SCRATCH_CHUNK);
    uint8_t *end = j->exec.write + j->exec.size;
    uint8_t *start = jit_emit_thunks(j, j->exec.write, end);
    size_t bytes = (size_t)(end - start - ONCE_BYTES) / JIT_PARTITIONS & ~(size_t)63;
    for (unsigned i = 0; i < JIT_PARTITIONS; i++)
        create_partition(j, i, start + i * bytes, bytes);
    create_partition(j, JIT_PARTITIONS, start + JIT_PARTITIONS * bytes, ONCE_BYTES);
    return VM_OK;
}

void jit_cache_destroy(struct jit *j)
{
    for (unsigned i = 0; i <= JIT_PARTITIONS; i++) {
        if (j->partitions[i].start)
            vm_arena_destroy(&j->partitions[i].blocks);
    }
    if (j->scratch.allocator) {
        vm_arena_destroy(&j->scratch);
        vm_block_cache_destroy(&j->cache);
    }
    vm_osal_exec_destroy(&j->exec);
}

static void empty_partition(struct jit *j, unsigned i)
{
    struct jit_partition *p = &j->partitions[i];
    vm_arena_reset(&p->blocks);
    p->at = p->start;
}

void jit_forget_jumps(struct jit *j)
{
    if (j->jumps_used)
        vm_zero(j->jumps, sizeof j->jumps);
    j->jumps_used = false;
}

// Far links compare the low half of a generation.
void jit_guard_generations(struct jit *j)
{
    uint64_t high = j->vcpu->tlb.generations >> 32;
    if (high == j->generation_high)
        return;
    j->generation_high = high;
    jit_flush(j);
}

void jit_flush(struct jit *j)
{
    vm_block_forget_all(&j->cache);
    for (unsigned i = 0; i < JIT_PARTITIONS; i++)
        empty_partition(j, i);
    jit_forget_jumps(j);
    j->stats.cache_flushes++;
}

// Goes on to the next partition, whose blocks have been there the longest.
static void next_partition(struct jit *j)
{
    uint64_t start = vm_translator_time(j->vcpu);
    j->partition = (j->partition + 1) % JIT_PARTITIONS;
    vm_block_drop_part(&j->cache, (uint8_t)j->partition);
    empty_partition(j, j->partition);
    j->stats.cache_flushes++;
    j->stats.step_ns += vm_translator_time(j->vcpu) - start;
}

// --- translation ---

static bool is_traced(const struct jit *j)
{
    return vm_trace_on(&j->vcpu->machine->trace, VM_TRACE_EXEC);
}

// Loops go on by themselves where nobody wants to see each turn.
static bool may_loop(const struct jit *j, const struct vm_block_source *source, bool once)
{
    return !once && !j->no_links && !is_traced(j) &&
           !vm_machine_is_breakpoint(j->vcpu->machine, source->pc);
}

// Into the partition that is being filled, or into the next one.
struct jit_block *jit_emit_region(struct jit *j, const struct vm_ir_region *r,
                                  const struct vm_block_source *source, bool once)
{
    struct jit_plan plan;
    if (!jit_plan_region(&plan, r, &j->scratch))
        return NULL;
    if (may_loop(j, source, once))
        plan.loop = jit_plan_loop(&plan, &j->scratch);
    if (!once && is_full(&j->partitions[j->partition]))
        next_partition(j);
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        unsigned partition = once ? JIT_PARTITIONS : j->partition;
        struct jit_partition *p = &j->partitions[partition];
        bool full = false;
        struct jit_block *b =
            jit_emit_block(j, &plan, source->mode, p->at, p->end, &p->blocks, &full);
        if (b) {
            b->common.part = (uint8_t)partition;
            p->at += (b->code_bytes + 15) & ~15u;
            return b;
        }
        if (!full)
            return NULL;
        if (once)
            empty_partition(j, JIT_PARTITIONS);
        else
            next_partition(j);
    }
    return NULL;
}

// Tells what was made: a trace line for each 32 bytes, and a name for the host's profiler.
static void tell(struct jit *j, const struct jit_block *b, const struct vm_block_source *s,
                 unsigned insns)
{
    enum { BYTES = 32 };
    const struct vm_host *host = j->vcpu->machine->host;
    struct vm_trace *t = &j->vcpu->machine->trace;
    if (host->code_made) {
        char name[64];
        vm_format(name, sizeof name, "guest-%#lx-mode-%u", s->pc, s->mode);
        host->code_made(host->context, jit_entry(j, b), b->code_bytes, name);
    }
    VM_TRACE(t, VM_TRACE_JIT,
             "vcpu %u: %#lx mode %u: %u instructions, %u bytes, from %u on aside, at %p",
             j->vcpu->index, s->pc, s->mode, insns, b->code_bytes, j->aside,
             (const void *)jit_entry(j, b));
    for (uint32_t at = 0; vm_trace_on(t, VM_TRACE_JIT) && at < b->code_bytes; at += BYTES) {
        char hex[2 * BYTES + 1];
        unsigned n = 0;
        for (uint32_t i = at; i < at + BYTES && i < b->code_bytes; i++, n += 2)
            vm_format(hex + n, sizeof hex - n, "%02x", jit_code(j, b)[i]);
        vm_trace_emit(t, VM_TRACE_JIT, "%s", hex);
    }
}

struct making {
    struct jit *j;
    bool once;
};

static struct vm_block *make(void *context, const struct vm_ir_region *r,
                             const struct vm_block_source *source)
{
    const struct making *m = context;
    struct jit_block *b = jit_emit_region(m->j, r, source, m->once);
    if (!b)
        return NULL;
    tell(m->j, b, source, r->guest_insns);
    return &b->common;
}

// The block at the PC, and what it is made from. NULL: *exit says why.
static struct jit_block *translate(struct jit *j, uint32_t max_insns, bool once,
                                   struct vm_block_source *source, enum vm_engine_exit *exit)
{
    struct making m = {j, once};
    struct vm_translator t = {j->vcpu, &j->scratch, &j->stats, make, &m, {0}};
    struct vm_block *b = vm_translator_run(&t, max_insns, exit);
    *source = t.source;
    return b ? jit_block_of(b) : NULL;
}

struct jit_block *jit_translate_alone(struct jit *j, uint32_t max_insns, enum vm_engine_exit *exit)
{
    struct vm_block_source source;
    struct jit_block *b = translate(j, max_insns, true, &source, exit);
    if (b)
        b->common.dropped = true;
    return b;
}

// --- look-up ---

static struct jit_block *look_up(struct jit *j, uint64_t pc, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = j->vcpu;
    struct vm_tlb_code_entry page;
    *exit = VM_ENGINE_EXCEPTION;
    if (!vm_vcpu_fetch_page(v, vm_gva_of(pc), &page))
        return NULL;
    j->rests = page.global ? VM_TLB_ON_REGIME : VM_TLB_ON_CONTEXT;
    if (!vm_vcpu_code_is_cached(v, vm_gva_of(pc)))
        return jit_translate_alone(j, 1, exit);
    vm_gpa gpa = vm_gpa_of(page.page.v | (pc & VM_PAGE_MASK));
    struct vm_block *known = vm_block_find(&j->cache, v, pc, gpa, vm_mode_of_code(v, &page));
    if (known || v->exception.pending)
        return known ? jit_block_of(known) : NULL;
    struct vm_block_source source;
    struct jit_block *b = translate(j, JIT_BLOCK_INSNS, false, &source, exit);
    return b && vm_block_keep(&j->cache, v, &b->common, &source) ? b : NULL;
}

const uint8_t *jit_known(const struct jit *j)
{
    const struct vm_vcpu *v = j->vcpu;
    uint64_t pc = vm_vcpu_pc(v);
    const struct jit_jump *e = &j->jumps[jit_jump_slot(pc)];
    bool holds = e->generation == v->tlb.code_generations[VM_TLB_ON_CONTEXT] ||
                 e->generation == v->tlb.code_generations[VM_TLB_ON_REGIME];
    bool fits = e->pc == pc && holds && e->mode == v->mode;
    return fits ? e->entry : NULL;
}

static void enter_jump(struct jit *j, struct jit_block *b, uint64_t pc)
{
    const struct vm_vcpu *v = j->vcpu;
    j->jumps_used = true;
    j->jumps[jit_jump_slot(pc)] =
        (struct jit_jump){pc, v->tlb.code_generations[j->rests], jit_entry(j, b), v->mode};
}

struct jit_block *jit_find(struct jit *j, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = j->vcpu;
    uint64_t pc = vm_vcpu_pc(v);
    if (vm_vcpu_at_breakpoint(v)) {
        *exit = VM_ENGINE_BREAKPOINT;
        return NULL;
    }
    j->stats.block_lookups++;
    vm_vcpu_note_recent(v, pc);
    jit_guard_generations(j);
    struct jit_block *b = look_up(j, pc, exit);
    if (b && b->common.crossing) // its second page may be no global one
        j->rests = VM_TLB_ON_CONTEXT;
    VM_TRACE(&v->machine->trace, VM_TRACE_EXEC, "vcpu %u: %#lx", v->index, pc);
    // A block at a breakpoint is looked up each time, and so is every block that is traced.
    if (b && !b->common.dropped && !j->no_links && !vm_machine_is_breakpoint(v->machine, pc) &&
        !is_traced(j)) {
        enter_jump(j, b, pc);
    }
    return b;
}

void jit_connect(struct jit *j, struct jit_way *way, struct jit_block *to)
{
    const struct jit_block *from = jit_block_of_way(way);
    const uint64_t *generation = &j->vcpu->tlb.code_generations[j->rests];
    uint64_t page_base = j->frame->page_base;
    bool near = way->common.flags & JIT_WAY_NEAR;
    if (way->common.flags & JIT_WAY_LANDS)
        page_base -= (uint64_t)way->common.offset & ~(uint64_t)VM_PAGE_MASK;
    if (j->no_links || !vm_block_may_link(j->vcpu, &from->common, page_base, &to->common, near) ||
        vm_machine_is_breakpoint(j->vcpu->machine, vm_vcpu_pc(j->vcpu)))
        return;
    vm_link_set(&way->common, &to->common, !near);
    jit_emit_link(j, way, to, generation);
}
