// SPDX-License-Identifier: MIT
//
// The loop that turns guest instructions into the IR of a block, and the way from there to an
// engine's block (vm/core/translate.h).
//
// Guest memory may change under the translator: each byte is copied once and decoded from the copy,
// and the code version is read before any byte. Code is copied by whole lines, as it is watched: a
// line is marked and then copied. (If a line is written after that, the page's version tells that
// the block is stale.)
#include "internal.h"

#include <vm/base/memory.h>
#include <vm/core/translate.h>
#include <vm/ir/passes.h>
#include <vm/ir/text.h>

enum { MAX_INSN = 16, LINE = 1 << VM_LINE_SHIFT };
enum { TIMED = 16, INTERRUPTED = 200000 }; // blocks; ns, many times what one takes

struct fetcher {
    struct vm_vcpu *v;
    struct vm_block_source *source;
    struct vm_tlb_code_entry page;
    uint64_t page_base; // gva of the first page
    uint8_t *code;      // by offset in that page, and what of the last instruction lies behind it
    unsigned until;     // how far it is filled, from the block's begin on
};

static uint32_t version_of(const struct vm_region *r, vm_gpa gpa)
{
    return atomic_load(&r->track[(gpa.v - r->base.v) >> VM_PAGE_SHIFT].code_version);
}

static uint64_t place_in_region(const struct vm_tlb_code_entry *page, unsigned offset)
{
    return page->page.v - page->region->base.v + offset;
}

// Has the code up to the offset `end` of the first page.
static void copy_lines(struct fetcher *f, unsigned end)
{
    enum { WORD = sizeof(uint64_t) };
    while (f->until < end) {
        unsigned at = f->until & ~(WORD - 1u), line_end = (at | (LINE - 1)) + 1;
        uint64_t place = place_in_region(&f->page, at);
        const uint8_t *from = f->page.region->host + place;
        vm_vcpu_watch_code(f->v, f->page.region, place, place);
        for (; at < line_end; at += WORD, from += WORD)
            vm_store_le64(f->code + at, vm_ram_load(from, WORD));
        f->until = line_end;
    }
}

// Copies up to `want` bytes at `offset` of a page, or of the piece of it that is protected in one
// way.
static unsigned copy_piece(struct fetcher *f, const struct vm_tlb_code_entry *page, unsigned offset,
                           unsigned want, uint8_t *to)
{
    unsigned there = page->last + 1u - offset, n = there < want ? there : want, i = 0;
    uint64_t place = place_in_region(page, offset);
    const uint8_t *from = page->region->host + place;
    vm_vcpu_watch_code(f->v, page->region, place, place + n - 1);
    for (; i + 2 <= n && !(offset & 1); i += 2)
        vm_store_le16(to + i, (uint16_t)vm_ram_load(from + i, 2));
    for (; i < n; i++)
        to[i] = (uint8_t)vm_ram_load(from + i, 1);
    return n;
}

// Fetches the bytes of an instruction that lie beyond its first piece: in the next page, mostly.
static bool fetch_rest(struct fetcher *f, struct vm_translate *t)
{
    struct vm_tlb_code_entry second;
    unsigned end = (unsigned)t->offset + t->available;
    vm_gva gva = vm_gva_of(f->page_base + end);
    if (!vm_vcpu_fetch_page(f->v, gva, &second))
        return false;
    if (end >= VM_PAGE_SIZE) {
        f->source->gpa2 = second.page;
        f->source->region2 = second.region;
        f->source->version2 = version_of(second.region, second.page);
    }
    t->available += copy_piece(f, &second, gva.v & VM_PAGE_MASK,
                               f->v->guest->max_insn - t->available, f->code + end);
    return true;
}

// Translates the instruction at t->offset. False: the block ends before it (or, if it is the
// first, the fetch of its second page raised).
static bool translate_one(struct fetcher *f, struct vm_translate *t, bool first)
{
    const struct vm_guest_ops *guest = f->v->guest;
    unsigned left = f->page.last + 1u - (unsigned)t->offset;
    t->bytes = f->code + t->offset;
    t->available = left < guest->max_insn ? left : guest->max_insn;
    t->more = false;
    copy_lines(f, (unsigned)t->offset + t->available);
    guest->translate(t);
    if (!t->more)
        return true;
    if (!first || !fetch_rest(f, t))
        return false;
    t->more = false;
    guest->translate(t);
    return !t->more;
}

static void translate_all(struct fetcher *f, struct vm_translate *t, uint32_t max_insns)
{
    struct vm_machine *m = f->v->machine;
    for (uint32_t n = 0;; n++) {
        bool stop = n == max_insns || t->offset > f->page.last ||
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
    uint8_t code[VM_PAGE_SIZE + MAX_INSN];
    uint64_t pc = vm_vcpu_pc(v);
    struct fetcher f = {.v = v, .source = source, .code = code, .until = pc & VM_PAGE_MASK};
    if (!vm_vcpu_fetch_page(v, vm_gva_of(pc), &f.page))
        return false;
    f.page_base = pc & ~(uint64_t)VM_PAGE_MASK;
    uint32_t mode = vm_mode_of_code(v, &f.page);
    *source = (struct vm_block_source){
        .pc = pc,
        .gpa = vm_gpa_of(f.page.page.v | (pc & VM_PAGE_MASK)),
        .gpa2 = vm_gpa_of(UINT64_MAX),
        .region = f.page.region,
        .mode = mode,
        .version = version_of(f.page.region, f.page.page),
    };
    vm_ir_builder_init(&b, region, arena, v->guest->regfile, v->guest->helpers,
                       v->guest->helper_count);
    struct vm_translate t = {
        .builder = &b,
        .offset = pc & VM_PAGE_MASK,
        .mode = mode,
        .config = v->machine->config,
        .alone = v->machine->vcpu_count <= 1,
    };
    translate_all(&f, &t, max_insns);
    if (v->exception.pending || region->overflow)
        return false;
    region->guest_bytes = (uint32_t)(t.offset - (pc & VM_PAGE_MASK));
    VM_TRACE(&v->machine->trace, VM_TRACE_BLOCK, "vcpu %u: %#lx (%#lx) mode %u: %u instructions",
             v->index, pc, source->gpa.v, mode, region->guest_insns);
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

// --- the time it takes ---

uint64_t vm_translator_time(const struct vm_vcpu *v)
{
    const struct vm_host *host = v->machine->host;
    return host->thread_time ? host->thread_time(host->context) : host->clock(host->context);
}

// Reading a thread's CPU clock takes as long as translating an instruction or two, so one
// translation in TIMED stands for all, and what reading took is left out of it. A sample of more
// than INTERRUPTED says what the host did meanwhile, and is none.
struct stopwatch {
    uint64_t start, reading; // ns
    uint64_t insns, steps;   // in the statistics when it was started
    bool on;
};

static struct stopwatch start_time(const struct vm_translator *t)
{
    struct stopwatch w = {.on = t->stats->blocks % TIMED == 0};
    if (w.on) {
        uint64_t before = vm_translator_time(t->vcpu);
        w.insns = t->stats->translated_insns;
        w.steps = t->stats->step_ns;
        w.start = vm_translator_time(t->vcpu);
        w.reading = w.start - before;
    }
    return w;
}

static void stop_time(const struct vm_translator *t, const struct stopwatch *w)
{
    struct vm_engine_stats *s = t->stats;
    if (!w->on || s->translated_insns == w->insns)
        return;
    uint64_t taken = vm_translator_time(t->vcpu) - w->start - (s->step_ns - w->steps);
    uint64_t net = taken > w->reading ? taken - w->reading : 0;
    if (net > INTERRUPTED)
        return;
    s->sampled_ns += net;
    s->sampled_insns += s->translated_insns - w->insns;
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
