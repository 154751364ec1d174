// SPDX-License-Identifier: MIT
//
// The loop that turns guest instructions into the IR of a block, and the way from there to an
// engine's block (vm/core/translate.h).
//
// Guest memory may change under the translator: each instruction's bytes are copied once and
// decoded from the copy, and the code version is read before any byte.
#include "internal.h"

#include <vm/base/memory.h>
#include <vm/core/translate.h>
#include <vm/ir/passes.h>
#include <vm/ir/text.h>

enum { MAX_INSN = 16, TIMED = 16 };

struct fetcher {
    struct vm_vcpu *v;
    struct vm_block_source *source;
    struct vm_tlb_code_entry page;
    uint64_t page_base; // gva of the first page
    uint64_t watched;   // the line of that page, by its place in the region, that was marked last
};

static uint32_t version_of(const struct vm_region *r, vm_gpa gpa)
{
    return atomic_load(&r->track[(gpa.v - r->base.v) >> VM_PAGE_SHIFT].code_version);
}

// Copies up to `want` bytes at `offset` from the page base that lie in one page, or one piece of it
// where protection is finer. A line that this block has marked already is not marked again: if it
// has been written since, the page's version tells that the block is stale.
static unsigned copy_code(struct fetcher *f, const struct vm_tlb_code_entry *page, unsigned offset,
                          unsigned want, uint8_t *to)
{
    unsigned there = page->last + 1u - offset;
    unsigned n = there < want ? there : want;
    uint64_t at = page->page.v - page->region->base.v + offset;
    uint64_t first = at >> VM_LINE_SHIFT, last = (at + n - 1) >> VM_LINE_SHIFT;
    if (page != &f->page || first != f->watched || last != first)
        vm_vcpu_watch_code(f->v, page->region, at, at + n - 1);
    if (page == &f->page)
        f->watched = last;
    const uint8_t *from = page->region->host + at;
    if (VM_LIKELY(n == 4 && !(offset & 1))) {
        vm_store_le16(to, (uint16_t)vm_ram_load(from, 2));
        vm_store_le16(to + 2, (uint16_t)vm_ram_load(from + 2, 2));
        return n;
    }
    unsigned i = 0;
    for (; i + 2 <= n && !(offset & 1); i += 2)
        vm_store_le16(to + i, (uint16_t)vm_ram_load(from + i, 2));
    for (; i < n; i++)
        to[i] = (uint8_t)vm_ram_load(from + i, 1);
    return n;
}

// Fetches the bytes of an instruction that lie beyond its first piece: in the next page, mostly.
static bool fetch_rest(struct fetcher *f, uint64_t offset, uint8_t *bytes, unsigned *available)
{
    struct vm_tlb_code_entry second;
    unsigned max = f->v->guest->max_insn;
    vm_gva gva = vm_gva_of(f->page_base + offset + *available);
    if (!vm_vcpu_fetch_page(f->v, gva, &second))
        return false;
    if (offset + *available >= VM_PAGE_SIZE) {
        f->source->gpa2 = second.page;
        f->source->region2 = second.region;
        f->source->version2 = version_of(second.region, second.page);
    }
    *available += copy_code(f, &second, gva.v & VM_PAGE_MASK, max - *available, bytes + *available);
    return true;
}

// Translates the instruction at t->offset. False: the block ends before it (or, if it is the
// first, the fetch of its second page raised).
static bool translate_one(struct fetcher *f, struct vm_translate *t, bool first)
{
    uint8_t bytes[MAX_INSN];
    unsigned available = copy_code(f, &f->page, (unsigned)t->offset, f->v->guest->max_insn, bytes);
    t->bytes = bytes;
    t->available = available;
    t->more = false;
    f->v->guest->translate(t);
    if (!t->more)
        return true;
    if (!first || !fetch_rest(f, t->offset, bytes, &available))
        return false;
    t->available = available;
    t->more = false;
    f->v->guest->translate(t);
    return !t->more;
}

static void translate_all(struct fetcher *f, struct vm_translate *t, uint32_t max_insns)
{
    struct vm_machine *m = f->v->machine;
    for (uint32_t n = 0;; n++) {
        bool stop = n == max_insns || t->offset >= VM_PAGE_SIZE ||
                    (n > 0 && vm_machine_is_breakpoint(m, f->page_base + t->offset));
        if (stop || !translate_one(f, t, n == 0)) {
            if (!f->v->exception.pending)
                vm_ir_goto(t->builder, t->offset);
            return;
        }
        t->offset += t->length;
        if (t->ends || t->builder->region->overflow)
            return;
    }
}

bool vm_translate_block(struct vm_vcpu *v, uint32_t max_insns, struct vm_arena *arena,
                        struct vm_ir_region *region, struct vm_block_source *source)
{
    struct vm_ir_builder b;
    struct fetcher f = {.v = v, .source = source, .watched = UINT64_MAX};
    uint64_t pc = vm_vcpu_pc(v);
    if (!vm_vcpu_fetch_page(v, vm_gva_of(pc), &f.page))
        return false;
    f.page_base = pc & ~(uint64_t)VM_PAGE_MASK;
    *source = (struct vm_block_source){
        .pc = pc,
        .gpa = vm_gpa_of(f.page.page.v | (pc & VM_PAGE_MASK)),
        .gpa2 = vm_gpa_of(UINT64_MAX),
        .region = f.page.region,
        .mode = v->mode,
        .version = version_of(f.page.region, f.page.page),
    };
    vm_ir_builder_init(&b, region, arena, v->guest->regfile, v->guest->helpers,
                       v->guest->helper_count);
    struct vm_translate t = {
        .builder = &b,
        .offset = pc & VM_PAGE_MASK,
        .mode = v->mode,
        .config = v->machine->config,
    };
    translate_all(&f, &t, max_insns);
    if (v->exception.pending || region->overflow)
        return false;
    region->guest_bytes = (uint32_t)(t.offset - (pc & VM_PAGE_MASK));
    VM_TRACE(&v->machine->trace, VM_TRACE_BLOCK, "vcpu %u: %#lx (%#lx) mode %u: %u instructions",
             v->index, pc, source->gpa.v, v->mode, region->guest_insns);
    return true;
}

// --- an engine's block ---

// One event a line, so that none is cut off.
static void trace_ir(const struct vm_translator *t, const struct vm_ir_region *r, uint64_t pc)
{
    struct vm_trace *trace = &t->vcpu->machine->trace;
    if (!vm_trace_on(trace, VM_TRACE_IR))
        return;
    const char *text = vm_ir_print_all(r, t->scratch);
    if (!text)
        return;
    vm_trace_emit(trace, VM_TRACE_IR, "vcpu %u: %#lx", t->vcpu->index, pc);
    while (*text) {
        size_t n = 0;
        while (text[n] && text[n] != '\n')
            n++;
        vm_trace_emit(trace, VM_TRACE_IR, "%.*s", (int)n, text);
        text += n + (text[n] != 0);
    }
}

// NULL with *exit: a fetch fault, or VM_ENGINE_FAILED where a block of this many instructions does
// not fit.
static struct vm_block *attempt(struct vm_translator *t, uint32_t max_insns,
                                enum vm_engine_exit *exit)
{
    struct vm_ir_region region;
    *exit = VM_ENGINE_FAILED;
    vm_arena_reset(t->scratch);
    if (!vm_translate_block(t->vcpu, max_insns, t->scratch, &region, &t->source)) {
        if (t->vcpu->exception.pending)
            *exit = VM_ENGINE_EXCEPTION;
        return NULL;
    }
    if (!vm_ir_optimize(&region, VM_IR_TIER1, false, NULL))
        return NULL;
    trace_ir(t, &region, t->source.pc);
    struct vm_block *b = t->make(t->context, &region, &t->source);
    if (b) {
        t->stats->blocks++;
        t->stats->translated_insns += region.guest_insns;
    }
    return b;
}

// The CPU time of translations. Reading a thread's CPU clock takes as long as translating an
// instruction or two, so one translation in TIMED stands for all, and what reading took is left out
// of it.
struct stopwatch {
    uint64_t start, reading; // ns
    bool on;
};

static uint64_t thread_time(const struct vm_vcpu *v)
{
    const struct vm_host *host = v->machine->host;
    return host->thread_time ? host->thread_time(host->context) : host->clock(host->context);
}

static struct stopwatch start_time(const struct vm_translator *t)
{
    struct stopwatch w = {.on = t->stats->blocks % TIMED == 0};
    if (w.on) {
        uint64_t before = thread_time(t->vcpu);
        w.start = thread_time(t->vcpu);
        w.reading = w.start - before;
    }
    return w;
}

static void stop_time(const struct vm_translator *t, const struct stopwatch *w)
{
    uint64_t taken = w->on ? thread_time(t->vcpu) - w->start : 0;
    if (taken > w->reading)
        t->stats->translate_ns += (taken - w->reading) * TIMED;
}

struct vm_block *vm_translator_run(struct vm_translator *t, uint32_t max_insns,
                                   enum vm_engine_exit *exit)
{
    struct vm_vcpu *v = t->vcpu;
    struct stopwatch watch = start_time(t);
    uint64_t generation = v->tlb.code->code_generation;
    struct vm_block *b = NULL;
    for (uint32_t n = max_insns; n > 0 && !b; n /= 4) {
        b = attempt(t, n, exit);
        if (*exit == VM_ENGINE_EXCEPTION)
            break;
    }
    stop_time(t, &watch);
    // While it waited for other vCPUs, this one may have flushed the mapping that led here.
    if (b && generation != v->tlb.code->code_generation) {
        *exit = VM_ENGINE_REQUEST;
        return NULL;
    }
    return b;
}

enum vm_engine_exit vm_translate_exit(enum vm_ir_exit reason)
{
    static const enum vm_engine_exit exits[] = {
        [VM_IR_EXIT_RESYNC] = VM_ENGINE_RESYNC,
        [VM_IR_EXIT_WAIT] = VM_ENGINE_WAIT,
        [VM_IR_EXIT_PAUSE] = VM_ENGINE_PAUSE,
    };
    return exits[reason];
}
