// SPDX-License-Identifier: MIT
//
// Address translation (volume II, Virtual Address Translation Process; Sv39, Sv48, Sv57; the
// extensions Svade, Svadu, Svnapot, Svpbmt). Large pages come out as 4 KiB
// translations that say how large the page is.
//
// Page tables are ordinary RAM that other harts write: a PTE is read once, checked, and its A and D
// bits are set by compare-exchange on what was read. An entry found in RAM of any kind will do as
// long as PMP lets S-mode read it; anywhere else is an access fault.
#include "system.h"

#define PTE_V         ((uint64_t)1 << 0)
#define PTE_R         ((uint64_t)1 << 1)
#define PTE_W         ((uint64_t)1 << 2)
#define PTE_X         ((uint64_t)1 << 3)
#define PTE_U         ((uint64_t)1 << 4)
#define PTE_G         ((uint64_t)1 << 5)
#define PTE_A         ((uint64_t)1 << 6)
#define PTE_D         ((uint64_t)1 << 7)
#define PTE_RESERVED  ((uint64_t)0x7f << 54)
#define PTE_PBMT      ((uint64_t)3 << 61)
#define PTE_N         ((uint64_t)1 << 63)
#define PTE_PPN_SHIFT 10
#define NAPOT_BITS    4 // of the only encoding, 64 KiB

enum { PTE_SIZE = 8, VPN_BITS = 9 };

// Why a walk ends without a translation.
enum fault { NO_FAULT, PAGE_FAULT, ACCESS_FAULT };

struct walk {
    struct vm_vcpu *v;
    const struct vm_riscv64_state *s;
    const struct rv_config *config;
    uint64_t gva;
    enum vm_access access;
    unsigned index; // RV_MMU_*

    // The leaf, once found.
    uint64_t pte;
    bool global; // it, or an entry above it, says G
    unsigned level;
    uint64_t *host; // where it is
    const struct vm_region *region;
};

// --- permissions ---

static unsigned privilege_of(unsigned index)
{
    return index & RV_MODE_PRIVILEGE;
}

// What the PTE lets this context do, its A and D bits apart.
static uint8_t pte_permissions(const struct walk *w, uint64_t pte)
{
    bool user_page = (pte & PTE_U) != 0;
    bool user = privilege_of(w->index) == VM_RISCV64_U;
    if (user && !user_page)
        return 0;
    bool readable = pte & PTE_R || (w->index & RV_MMU_MXR && pte & PTE_X);
    uint8_t allowed =
        (uint8_t)((readable ? VM_ACCESS_READ : 0) | (pte & PTE_W ? VM_ACCESS_WRITE : 0) |
                  (pte & PTE_X ? VM_ACCESS_EXECUTE : 0));
    if (!user && user_page) // SUM opens user pages to the supervisor's data, never to its fetches
        allowed &= w->index & RV_MMU_SUM ? VM_ACCESS_READ | VM_ACCESS_WRITE : 0;
    return allowed;
}

// Bits and encodings that are reserved. A PTE that points to a table has neither A, D, U nor a
// memory type.
static bool reserved(const struct walk *w, uint64_t pte)
{
    if (pte & PTE_RESERVED || (pte & (PTE_R | PTE_W)) == PTE_W)
        return true;
    if (!(pte & (PTE_R | PTE_X)))
        return (pte & (PTE_A | PTE_D | PTE_U | PTE_PBMT | PTE_N)) != 0;
    if (pte & PTE_PBMT && (!(w->s->menvcfg & RV_ENVCFG_PBMTE) || (pte & PTE_PBMT) == PTE_PBMT))
        return true;
    return pte & PTE_N && !rv_has(w->config, RV_EXT_SVNAPOT);
}

// --- the tables ---

// PMP sees accesses to PTEs as those of S-mode (Physical Memory Protection and Paging).
static bool pmp_allows(const struct walk *w, uint64_t gpa, enum vm_access access)
{
    struct rv_pmp_span span = rv_pmp_find(w->s, gpa, VM_RISCV64_S);
    return span.allowed & access && gpa + PTE_SIZE - 1 <= span.last;
}

// Finds the host address of a PTE that the walk may read.
static enum fault find_pte(struct walk *w, uint64_t gpa)
{
    const struct vm_region *r = w->region;
    if (!r || gpa < r->base.v || gpa - r->base.v >= r->size)
        r = vm_space_find(&w->v->machine->space, vm_gpa_of(gpa));
    if (!r || !r->host || !pmp_allows(w, gpa, VM_ACCESS_READ))
        return ACCESS_FAULT;
    w->region = r;
    w->host = (uint64_t *)(void *)(r->host + (gpa - r->base.v));
    return NO_FAULT;
}

static unsigned levels_of(uint64_t satp)
{
    return (unsigned)(satp >> RV_SATP_MODE_SHIFT) - RV_SATP_SV39 + 3;
}

// Steps 1 to 4: goes down to the leaf.
static enum fault find_leaf(struct walk *w)
{
    uint64_t table = vm_bits(w->s->satp, 0, RV_SATP_PPN_BITS) << VM_PAGE_SHIFT;
    w->global = false;
    for (unsigned level = levels_of(w->s->satp); level-- > 0;) {
        unsigned shift = VM_PAGE_SHIFT + VPN_BITS * level;
        uint64_t vpn = vm_bits(w->gva, shift, VPN_BITS);
        enum fault fault = find_pte(w, table + vpn * PTE_SIZE);
        if (fault != NO_FAULT)
            return fault;
        w->pte = vm_ram_load(w->host, PTE_SIZE);
        w->level = level;
        w->global |= (w->pte & PTE_G) != 0;
        if (!(w->pte & PTE_V) || reserved(w, w->pte))
            return PAGE_FAULT;
        if (w->pte & (PTE_R | PTE_X))
            return NO_FAULT;
        table = vm_bits(w->pte, PTE_PPN_SHIFT, RV_SATP_PPN_BITS) << VM_PAGE_SHIFT;
    }
    return PAGE_FAULT;
}

// Log2 of the bytes that the leaf maps.
static unsigned leaf_size(const struct walk *w)
{
    return VM_PAGE_SHIFT + (w->pte & PTE_N ? NAPOT_BITS : VPN_BITS * w->level);
}

// Step 5, and the encodings of Svnapot.
static bool well_formed(const struct walk *w)
{
    uint64_t ppn = vm_bits(w->pte, PTE_PPN_SHIFT, RV_SATP_PPN_BITS);
    if (w->pte & PTE_N)
        return w->level == 0 && vm_bits(ppn, 0, NAPOT_BITS) == 1u << (NAPOT_BITS - 1);
    return (ppn & vm_mask(VPN_BITS * w->level)) == 0;
}

// Whether hardware sets A and D (Svadu, or neither it nor Svade), or leaves it to a page fault.
static bool updates_pte(const struct walk *w)
{
    if (rv_has(w->config, RV_EXT_SVADU))
        return (w->s->menvcfg & RV_ENVCFG_ADUE) != 0;
    return !rv_has(w->config, RV_EXT_SVADE);
}

// Step 9: sets A, and D for a store. *again: the PTE changed under the walk, which starts anew.
static enum fault set_accessed(struct walk *w, bool *again)
{
    uint64_t want = w->pte | PTE_A | (w->access == VM_ACCESS_WRITE ? PTE_D : 0);
    *again = false;
    if (w->pte == want)
        return NO_FAULT;
    if (!updates_pte(w))
        return PAGE_FAULT;
    uint64_t offset = (uint64_t)((uint8_t *)w->host - w->region->host);
    uint64_t gpa = w->region->base.v + offset;
    if (w->region->read_only || !pmp_allows(w, gpa, VM_ACCESS_WRITE))
        return ACCESS_FAULT;
    uint64_t seen = w->pte;
    *again = !__atomic_compare_exchange_n(w->host, &seen, want, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST);
    if (*again)
        return NO_FAULT;
    w->pte = want;
    vm_region_note_write(&w->v->machine->space, w->region, offset, PTE_SIZE);
    return NO_FAULT;
}

// One attempt at the whole algorithm.
static enum fault translate(struct walk *w, bool *again)
{
    *again = false;
    enum fault fault = find_leaf(w);
    if (fault != NO_FAULT)
        return fault;
    if (!well_formed(w) || (pte_permissions(w, w->pte) & w->access) != w->access)
        return PAGE_FAULT;
    return set_accessed(w, again);
}

// --- faults and results ---

static void raise_page_fault(struct vm_vcpu *v, vm_gva gva, enum vm_access access)
{
    enum rv_cause cause = access & VM_ACCESS_EXECUTE ? RV_CAUSE_FETCH_PAGE
                          : access & VM_ACCESS_WRITE ? RV_CAUSE_STORE_PAGE
                                                     : RV_CAUSE_LOAD_PAGE;
    vm_vcpu_raise(v, cause, gva.v);
}

void rv_access_failed(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                      enum vm_access_error error)
{
    bool misaligned = error == VM_ACCESS_MISALIGNED;
    enum rv_cause cause;
    if (access & VM_ACCESS_EXECUTE)
        cause = misaligned ? RV_CAUSE_FETCH_MISALIGNED : RV_CAUSE_FETCH_ACCESS;
    else if (access & VM_ACCESS_WRITE)
        cause = misaligned ? RV_CAUSE_STORE_MISALIGNED : RV_CAUSE_STORE_ACCESS;
    else
        cause = misaligned ? RV_CAUSE_LOAD_MISALIGNED : RV_CAUSE_LOAD_ACCESS;
    vm_vcpu_raise(v, cause, gva.v);
}

// PMP's say on the physical address, for the access itself; *out has what the tables allow, and the
// page's size.
static bool finish(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned privilege,
                   uint64_t gpa, struct vm_translation *out)
{
    struct rv_pmp_span span = rv_pmp_find(rv_state(v), gpa, privilege);
    out->allowed &= span.allowed;
    if ((out->allowed & access) != access) {
        rv_access_failed(v, gva, access, VM_ACCESS_BUS);
        return false;
    }
    out->page = vm_gpa_of(gpa & ~(uint64_t)VM_PAGE_MASK);
    out->first = span.first & VM_PAGE_MASK;
    out->last = span.last & VM_PAGE_MASK;
    return true;
}

// Bits above the virtual address must be copies of its highest one.
static bool canonical(const struct walk *w)
{
    unsigned width = VM_PAGE_SHIFT + VPN_BITS * levels_of(w->s->satp);
    return vm_sign_extend(w->gva, width) == w->gva;
}

static bool walk_tables(struct walk *w, struct vm_translation *out)
{
    enum fault fault = PAGE_FAULT;
    bool again = canonical(w);
    while (again)
        fault = translate(w, &again);
    vm_gva gva = vm_gva_of(w->gva);
    VM_TRACE(&w->v->machine->trace, VM_TRACE_MMU, "vcpu %u: walk %#lx: %s pte %#lx level %u",
             w->v->index, w->gva,
             fault == NO_FAULT     ? "found"
             : fault == PAGE_FAULT ? "page fault"
                                   : "access fault",
             w->pte, w->level);
    if (fault == PAGE_FAULT)
        raise_page_fault(w->v, gva, w->access);
    else if (fault == ACCESS_FAULT)
        rv_access_failed(w->v, gva, w->access, VM_ACCESS_BUS);
    if (fault != NO_FAULT)
        return false;

    unsigned size = leaf_size(w);
    uint64_t base = vm_bits(w->pte, PTE_PPN_SHIFT, RV_SATP_PPN_BITS) << VM_PAGE_SHIFT;
    uint64_t gpa = (base & ~vm_mask(size)) | (w->gva & vm_mask(size));
    uint8_t allowed = pte_permissions(w, w->pte);
    if (!(w->pte & PTE_D)) // the first store walks again
        allowed &= (uint8_t)~VM_ACCESS_WRITE;
    *out = (struct vm_translation){.allowed = allowed, .shift = (uint8_t)size, .global = w->global};
    return finish(w->v, gva, w->access, privilege_of(w->index), gpa, out);
}

bool rv_walk(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
             struct vm_translation *out)
{
    const struct vm_riscv64_state *s = rv_state(v);
    if (access == VM_ACCESS_EXECUTE) // MPRV, SUM and MXR are for loads and stores
        index = (unsigned)s->privilege;
    if (privilege_of(index) == VM_RISCV64_M || s->satp >> RV_SATP_MODE_SHIFT == RV_SATP_BARE) {
        *out = (struct vm_translation){
            .allowed = VM_ACCESS_READ | VM_ACCESS_WRITE | VM_ACCESS_EXECUTE,
            .shift = VM_PAGE_SHIFT,
        };
        return finish(v, gva, access, privilege_of(index), gva.v, out);
    }
    struct walk w = {
        .v = v, .s = s, .config = rv_config_of(v), .gva = gva.v, .access = access, .index = index};
    return walk_tables(&w, out);
}
