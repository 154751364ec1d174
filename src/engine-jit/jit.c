// SPDX-License-Identifier: MIT
//
// The JIT as an engine (vm/core/engine.h): enters generated code and serves what it comes back for.
#include <vm/base/memory.h>
#include <vm/osal/cpu.h>

#include "jit.h"

static void place_frame(struct jit *j)
{
    struct vm_vcpu *v = j->vcpu;
    unsigned offset = (v->guest->regfile->state_size + 31u) & ~31u;
    j->frame = (struct jit_frame *)(void *)((char *)v->state + offset);
    j->frame_slots = VM_VCPU_SCRATCH - 64 - (unsigned)sizeof *j->frame;
}

static size_t fixed_bytes(const struct vm_vcpu *v)
{
    return (size_t)JIT_FIXED_TABLES * v->guest->regfile->count;
}

static void destroy(struct vm_vcpu *v)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    struct jit *j = jit_of(v);
    jit_cache_destroy(j);
    if (j->fixed)
        a->release(a->context, j->fixed, fixed_bytes(v));
    a->release(a->context, j, sizeof *j);
    v->engine = NULL;
    v->engine_data = NULL;
}

static vm_status create(struct vm_vcpu *v, struct vm_error *e)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    struct jit *j = vm_alloc_zeroed(a, sizeof *j, 64);
    if (!j)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the JIT");
    j->vcpu = v;
    j->cpu_features = vm_osal_cpu_features() & ~v->machine->engine_options.without_features;
    j->no_links = v->machine->engine_options.block_at_a_time;
    v->engine = &vm_jit_ops;
    v->engine_data = j;
    place_frame(j);
    j->fixed = a->alloc(a->context, fixed_bytes(v), 1);
    vm_status status = j->fixed ? jit_cache_create(j, e)
                                : vm_error_set(e, VM_ERR_HOST, "out of memory for the JIT");
    if (status != VM_OK)
        destroy(v);
    return status;
}

static void set_pc(struct jit *j, uint64_t offset)
{
    vm_vcpu_set_pc(j->vcpu, j->frame->page_base + offset);
}

// Follows a direct exit for the first time: the next block, which it is linked to, or NULL.
static struct jit_block *follow(struct jit *j, bool single, enum vm_engine_exit *exit)
{
    struct jit_block *from = (struct jit_block *)(uintptr_t)j->frame->exit_block;
    struct jit_way *way = &from->ways[j->frame->exit_way];
    uint64_t flushes = j->stats.cache_flushes;
    // A block that is not kept may be gone when the next one is translated.
    bool may_link = !from->common.dropped;
    bool lands = way->common.flags & JIT_WAY_LANDS;
    set_pc(j, lands ? (uint64_t)way->common.offset & VM_PAGE_MASK : (uint64_t)way->common.offset);
    *exit = VM_ENGINE_RESYNC;
    if (single)
        return NULL;
    struct jit_block *to = jit_find(j, exit);
    if (to && may_link && flushes == j->stats.cache_flushes)
        jit_connect(j, way, to);
    return to;
}

// Serves an exit of generated code: the block to go on with, or NULL and why to leave.
static struct jit_block *serve(struct jit *j, uint64_t word, bool single, enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = j->vcpu;
    switch (jit_exit_kind(word)) {
    case JIT_EXIT_LINK: return follow(j, single, exit);
    case JIT_EXIT_LOOKUP: *exit = VM_ENGINE_RESYNC; return single ? NULL : jit_find(j, exit);
    case JIT_EXIT_REQUEST:
        set_pc(j, jit_exit_offset(word));
        v->icount += (uint64_t)jit_exit_number(word);
        VM_FALLTHROUGH;
    case JIT_EXIT_INDIRECT_REQUEST: *exit = VM_ENGINE_REQUEST; return NULL;
    case JIT_EXIT_RESYNC: *exit = VM_ENGINE_RESYNC; return NULL;
    case JIT_EXIT_EXCEPTION: *exit = VM_ENGINE_EXCEPTION; return NULL;
    case JIT_EXIT_ROUNDING:
        set_pc(j, jit_exit_offset(word));
        jit_float_soften(j);
        *exit = VM_ENGINE_RESYNC;
        return single ? NULL : jit_find(j, exit);
    case JIT_EXIT_REASON:
        set_pc(j, jit_exit_offset(word));
        *exit = vm_translate_exit((enum vm_ir_exit)jit_exit_number(word));
        return NULL;
    case JIT_GO_ON:
    case JIT_EXIT_RAISE:
    case JIT_EXIT_FAULT: break; // the thunk `fault` has answered them
    }
    *exit = VM_ENGINE_FAILED;
    return NULL;
}

enum vm_engine_exit jit_run(struct jit *j, const uint8_t *entry, bool single)
{
    struct vm_vcpu *v = j->vcpu;
    enum vm_engine_exit exit = VM_ENGINE_FAILED;
    j->single = single;
    if (single) // what the block jumps to must not be found
        jit_forget_jumps(j);
    for (;;) {
        j->frame->fp.live = 0;
        j->frame->flags.word = 0;
        j->frame->fp.nans = NULL;
        j->frame->page_base = vm_vcpu_pc(v) & ~(uint64_t)VM_PAGE_MASK;
        struct jit_block *b = serve(j, j->enter(v->state, entry), single, &exit);
        if (!b)
            return exit;
        if (atomic_load_explicit(&v->request, memory_order_relaxed))
            return VM_ENGINE_REQUEST;
        entry = jit_entry(j, b);
    }
}

static enum vm_engine_exit run(struct vm_vcpu *v)
{
    struct jit *j = jit_of(v);
    enum vm_engine_exit exit;
    bool single = v->insn_limit != UINT64_MAX;
    if (v->icount >= v->insn_limit)
        return VM_ENGINE_LIMIT;
    if (single && vm_vcpu_at_breakpoint(v))
        return VM_ENGINE_BREAKPOINT;
    jit_guard_generations(j);
    jit_float_resume(j);
    const uint8_t *known = single || j->no_links ? NULL : jit_known(j);
    if (known)
        return jit_run(j, known, false);
    struct jit_block *b = single ? jit_translate_alone(j, 1, &exit) : jit_find(j, &exit);
    if (b)
        exit = jit_run(j, jit_entry(j, b), single || j->no_links);
    return b && j->no_links && exit == VM_ENGINE_RESYNC ? VM_ENGINE_LIMIT : exit;
}

static void sync_code(struct vm_vcpu *v)
{
    vm_block_sync(&jit_of(v)->cache, v);
}

static void flush(struct vm_vcpu *v)
{
    jit_flush(jit_of(v));
}

static void stats(const struct vm_vcpu *v, struct vm_engine_stats *out)
{
    const struct jit *j = jit_of(v);
    *out = j->stats;
    for (unsigned i = 0; i < JIT_PARTITIONS; i++)
        out->cache_bytes += jit_partition_bytes(&j->partitions[i]);
}

static const void *host_code(struct vm_vcpu *v, size_t *size)
{
    enum vm_engine_exit exit;
    const struct vm_exception exception = v->exception;
    struct jit *j = jit_of(v);
    const struct jit_block *b = jit_find(j, &exit);
    v->exception = exception;
    *size = b ? b->code_bytes : 0;
    return b ? jit_code(j, b) : NULL;
}

const struct vm_engine_ops vm_jit_ops = {
    .name = "jit",
    .create = create,
    .destroy = destroy,
    .run = run,
    .sync_code = sync_code,
    .flush = flush,
    .stats = stats,
    .host_code = host_code,
};
