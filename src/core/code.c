// SPDX-License-Identifier: MIT
//
// Guest code as the engines' translators see it: fetching pages through the code TLB, and marking
// the lines that translations were made from.
//
// A translator marks a line before it reads it; a store looks for marks after it has written
// (vm_region_note_write). Stores that the write TLB lets through do not look, so the first mark of
// a page takes write access to it from every vCPU's TLB, and nobody reads code from the page until
// that is done.
#include "internal.h"

bool vm_vcpu_fetch_page(struct vm_vcpu *v, vm_gva pc, struct vm_tlb_code_entry *out)
{
    struct vm_tlb_context *c = v->tlb.code;
    const struct vm_tlb_code_entry *entry = &c->code[vm_tlb_index(pc.v)];
    if (vm_tlb_hit(entry->tag, pc.v, 1)) {
        *out = *entry;
        return true;
    }
    struct vm_translation t;
    if (!vm_tlb_find(&v->tlb, c, pc, VM_ACCESS_EXECUTE, &t)) {
        v->tlb.stats.walks++;
        if (!v->guest->walk(v, pc, VM_ACCESS_EXECUTE, v->mmu_index, &t)) {
            v->stats.page_faults++;
            return false;
        }
        vm_tlb_fill(&v->tlb, c, pc, VM_ACCESS_EXECUTE, &t);
    }
    const struct vm_region *r = vm_space_find(&v->machine->space, t.page);
    if (!r || !r->host)
        return vm_vcpu_fail_access(v, pc, VM_ACCESS_EXECUTE, VM_ACCESS_BUS);
    uint64_t tag = pc.v & ~(uint64_t)VM_PAGE_MASK;
    uint64_t host = (uint64_t)(uintptr_t)(r->host + (t.page.v - r->base.v));
    *out = (struct vm_tlb_code_entry){
        tag, host - tag, t.page, r, t.last, t.global && vm_translation_is_whole(&t), t.attributes};
    return true;
}

// Takes write access to a page from every vCPU's TLB, as its first line becomes code.
static void protect(struct vm_vcpu *v, struct vm_page_track *track, uint64_t lines,
                    const uint8_t *page)
{
    struct vm_machine *m = v->machine;
    while (atomic_exchange(&m->protecting, true))
        vm_vcpu_wait_politely(v);
    if (atomic_fetch_or(&track->code_lines, lines) == 0) {
        const struct vm_work work = {.kind = VM_WORK_PROTECT, .first = (uint64_t)(uintptr_t)page};
        for (uint32_t i = 0; i < m->vcpu_count; i++)
            vm_vcpu_post_work(v, m->vcpus[i], &work);
    }
    atomic_store(&m->protecting, false);
}

// Adds a line to a page that has some already. False: it has none (any more).
static bool add_line(struct vm_page_track *track, uint64_t line)
{
    uint64_t lines = atomic_load(&track->code_lines);
    while (lines != 0 && !(lines & line)) {
        if (atomic_compare_exchange_weak(&track->code_lines, &lines, lines | line))
            return true;
    }
    return lines != 0;
}

void vm_vcpu_watch_code(struct vm_vcpu *v, const struct vm_region *r, uint64_t first, uint64_t last)
{
    for (uint64_t line = first >> VM_LINE_SHIFT; line <= last >> VM_LINE_SHIFT; line++) {
        uint64_t page = line >> (VM_PAGE_SHIFT - VM_LINE_SHIFT);
        uint64_t bit = (uint64_t)1 << (line & 63);
        if (!add_line(&r->track[page], bit))
            protect(v, &r->track[page], bit, r->host + (page << VM_PAGE_SHIFT));
    }
    // Another vCPU may be in the middle of protecting the page: its marks count only afterwards.
    while (atomic_load(&v->machine->protecting))
        vm_vcpu_wait_politely(v);
    atomic_thread_fence(memory_order_seq_cst);
}
