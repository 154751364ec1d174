// SPDX-License-Identifier: MIT
//
// Physical memory protection (volume II, Physical Memory Protection): 16 entries, granularity four
// bytes. The TLB caches what PMP allows, so a change of any entry flushes it.
//
// An entry that matches only a part of an access fails it. Decisions are therefore made for spans:
// the bytes around an address for which the same entry decides. An access is allowed if its span
// allows it and holds all of it.
#include "system.h"

#define PMPADDR_MASK (((uint64_t)1 << 54) - 1)

static uint8_t config_of(const struct vm_riscv64_state *s, unsigned i)
{
    return (uint8_t)(s->pmpcfg[i / 8] >> (i % 8 * 8));
}

static enum rv_pmp_mode mode_of(uint8_t config)
{
    return (enum rv_pmp_mode)(config >> RV_PMP_A_SHIFT & 3);
}

// --- matching (Address Matching; Priority and Matching Logic) ---

static void update_entry(struct vm_riscv64_state *s, unsigned i)
{
    uint64_t address = s->pmpaddr[i], first = 1, last = 0;
    switch (mode_of(config_of(s, i))) {
    case RV_PMP_OFF: break;
    case RV_PMP_TOR: {
        uint64_t bottom = i ? s->pmpaddr[i - 1] : 0;
        if (bottom < address) {
            first = bottom << 2;
            last = (address << 2) - 1;
        }
        break;
    }
    case RV_PMP_NA4:
        first = address << 2;
        last = first + 3;
        break;
    case RV_PMP_NAPOT: {
        uint64_t ones = address ^ (address + 1); // the low ones and the zero above them
        first = (address & ~ones) << 2;
        last = first + (ones << 2 | 3);
        break;
    }
    }
    s->derived.pmp_first[i] = first;
    s->derived.pmp_last[i] = last;
}

void rv_pmp_update(struct vm_riscv64_state *s)
{
    s->derived.pmp_count = 0;
    for (unsigned i = 0; i < VM_RISCV64_PMP_ENTRIES; i++) {
        update_entry(s, i);
        if (s->derived.pmp_first[i] <= s->derived.pmp_last[i])
            s->derived.pmp_count = i + 1;
    }
}

static uint8_t granted(uint8_t config, unsigned privilege)
{
    if (privilege == VM_RISCV64_M && !(config & RV_PMP_L))
        return VM_ACCESS_READ | VM_ACCESS_WRITE | VM_ACCESS_EXECUTE;
    return (uint8_t)((config & RV_PMP_R ? VM_ACCESS_READ : 0) |
                     (config & RV_PMP_W ? VM_ACCESS_WRITE : 0) |
                     (config & RV_PMP_X ? VM_ACCESS_EXECUTE : 0));
}

struct rv_pmp_span rv_pmp_find(const struct vm_riscv64_state *s, uint64_t gpa, unsigned privilege)
{
    struct rv_pmp_span span = {gpa & ~(uint64_t)VM_PAGE_MASK, gpa | VM_PAGE_MASK, 0};
    for (unsigned i = 0; i < s->derived.pmp_count; i++) {
        uint64_t first = s->derived.pmp_first[i], last = s->derived.pmp_last[i];
        if (first > span.last || last < span.first || first > last)
            continue;
        if (first > gpa) {
            span.last = first - 1;
        } else if (last < gpa) {
            span.first = last + 1;
        } else {
            span.first = first > span.first ? first : span.first;
            span.last = last < span.last ? last : span.last;
            span.allowed = granted(config_of(s, i), privilege);
            return span;
        }
    }
    // Nothing matches: M-mode may, the others may not.
    if (privilege == VM_RISCV64_M)
        span.allowed = VM_ACCESS_READ | VM_ACCESS_WRITE | VM_ACCESS_EXECUTE;
    return span;
}

// --- the CSRs (Physical Memory Protection CSRs; Locking and Privilege Mode) ---

static bool locked(const struct vm_riscv64_state *s, unsigned i)
{
    return (config_of(s, i) & RV_PMP_L) != 0;
}

static void changed(const struct rv_csr_access *a)
{
    rv_pmp_update(a->s);
    vm_tlb_flush_all(&a->v->tlb);
}

void rv_write_pmpcfg(const struct rv_csr_access *a, uint64_t value)
{
    enum { WRITABLE = RV_PMP_L | 3 << RV_PMP_A_SHIFT | RV_PMP_X | RV_PMP_W | RV_PMP_R };
    struct vm_riscv64_state *s = a->s;
    unsigned word = (a->row->address - 0x3A0u) / 2;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t config = value >> (8 * i) & WRITABLE;
        bool reserved = (config & (RV_PMP_R | RV_PMP_W)) == RV_PMP_W; // the entry keeps its value
        if (!locked(s, 8 * word + i) && !reserved)
            s->pmpcfg[word] = vm_set_bits(s->pmpcfg[word], 8 * i, 8, config);
    }
    changed(a);
}

void rv_write_pmpaddr(const struct rv_csr_access *a, uint64_t value)
{
    struct vm_riscv64_state *s = a->s;
    unsigned i = a->number;
    bool bottom_of_locked = i + 1 < VM_RISCV64_PMP_ENTRIES && locked(s, i + 1) &&
                            mode_of(config_of(s, i + 1)) == RV_PMP_TOR;
    if (locked(s, i) || bottom_of_locked)
        return;
    s->pmpaddr[i] = value & PMPADDR_MASK;
    changed(a);
}
