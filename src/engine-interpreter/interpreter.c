// SPDX-License-Identifier: MIT
//
// The interpreter as an engine (vm/core/engine.h).
#include <vm/base/memory.h>

#include "interpreter.h"

enum { CHUNK = 256 << 10 };

static vm_status create(struct vm_vcpu *v, struct vm_error *e)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    struct interpreter *in = a->alloc(a->context, sizeof *in, 64);
    if (!in)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the interpreter");
    vm_zero(in, sizeof *in);
    in->vcpu = v;
    const struct vm_engine_options *o = &v->machine->engine_options;
    in->cache_limit = o->code_cache ? o->code_cache / (o->vcpus ? o->vcpus : 1) : CACHE_LIMIT;
    vm_arena_init(&in->blocks, a, CHUNK);
    vm_arena_init(&in->scratch, a, CHUNK);
    vm_block_cache_init(&in->cache, a, sizeof(struct link));
    in->cache.gone = interp_gone;
    in->cache.context = in;
    v->engine = &vm_interpreter_ops;
    v->engine_data = in;
    return VM_OK;
}

static void destroy(struct vm_vcpu *v)
{
    const struct vm_allocator *a = &v->machine->host->allocator;
    struct interpreter *in = interp_of(v);
    vm_block_cache_destroy(&in->cache);
    vm_arena_destroy(&in->blocks);
    vm_arena_destroy(&in->scratch);
    a->release(a->context, in, sizeof *in);
    v->engine = NULL;
    v->engine_data = NULL;
}

static enum vm_engine_exit run(struct vm_vcpu *v)
{
    struct interpreter *in = interp_of(v);
    enum vm_engine_exit exit;
    bool single = v->insn_limit != UINT64_MAX;
    if (v->icount >= v->insn_limit)
        return VM_ENGINE_LIMIT;
    struct block *b = interp_find(in, &exit);
    if (b && b->most_insns > v->insn_limit - v->icount)
        b = interp_single(in, &exit);
    return b ? interp_execute(v, b, single) : exit;
}

static void sync_code(struct vm_vcpu *v)
{
    vm_block_sync(&interp_of(v)->cache, v);
}

static void flush(struct vm_vcpu *v)
{
    interp_cache_flush(interp_of(v));
}

static void stats(const struct vm_vcpu *v, struct vm_engine_stats *out)
{
    const struct interpreter *in = interp_of(v);
    *out = in->stats;
    out->cache_bytes = in->blocks.total;
}

const struct vm_engine_ops vm_interpreter_ops = {
    .name = "interpreter",
    .create = create,
    .destroy = destroy,
    .run = run,
    .sync_code = sync_code,
    .flush = flush,
    .stats = stats,
};
