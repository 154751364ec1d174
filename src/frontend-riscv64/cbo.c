// SPDX-License-Identifier: MIT
//
// Cache-block instructions (volume I, chapter "Cache-Block Operations"): caches do not exist here,
// so management only checks that the block may be accessed. Faults are store faults at the
// address that the instruction gives, not at the start of the block.
#include "system.h"

// Whether `field` of menvcfg, and in U-mode of senvcfg, allows the instruction.
static bool enabled(const struct vm_riscv64_state *s, uint64_t field)
{
    return (s->privilege == VM_RISCV64_M || s->menvcfg & field) &&
           (s->privilege != VM_RISCV64_U || s->senvcfg & field);
}

// The block of `address` in RAM, or NULL and the exception is raised.
static const struct vm_region *find_block(struct vm_vcpu *v, uint64_t address,
                                          enum vm_access access, uint64_t *offset)
{
    struct vm_translation t;
    if (!vm_vcpu_translate(v, vm_gva_of(address), access, 0, &t)) {
        bool page =
            v->exception.cause == RV_CAUSE_LOAD_PAGE || v->exception.cause == RV_CAUSE_STORE_PAGE;
        vm_vcpu_raise(v, page ? RV_CAUSE_STORE_PAGE : RV_CAUSE_STORE_ACCESS, address);
        return NULL;
    }
    uint64_t gpa = t.page.v | (address & VM_PAGE_MASK & ~(uint64_t)(VM_RISCV64_CACHE_BLOCK - 1));
    const struct vm_region *r = vm_space_find(&v->machine->space, vm_gpa_of(gpa));
    if (!r || (access == VM_ACCESS_WRITE && !r->host)) {
        rv_access_failed(v, vm_gva_of(address), VM_ACCESS_WRITE, VM_ACCESS_BUS);
        return NULL;
    }
    *offset = gpa - r->base.v;
    return r;
}

static void zero_block(uint8_t *host)
{
    for (unsigned i = 0; i < VM_RISCV64_CACHE_BLOCK; i += 8)
        vm_ram_store(host + i, 8, 0);
}

uint64_t rv_help_cbo_zero(void *vcpu, uint64_t address, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)b;
    (void)c;
    (void)d;
    if (!enabled(rv_state(v), RV_ENVCFG_CBZE)) {
        rv_raise_illegal(v);
        return 0;
    }
    uint64_t block = address & ~(uint64_t)(VM_RISCV64_CACHE_BLOCK - 1), offset;
    const struct vm_tlb_entry *entry = &v->tlb.data->write[vm_tlb_index(block)];
    if (vm_tlb_hit(entry->tag, block, VM_RISCV64_CACHE_BLOCK)) {
        zero_block((uint8_t *)(uintptr_t)(block + entry->addend));
        return 0;
    }
    const struct vm_region *r = find_block(v, address, VM_ACCESS_WRITE, &offset);
    if (!r || r->read_only)
        return 0;
    zero_block(r->host + offset);
    atomic_thread_fence(memory_order_seq_cst); // as vm_vcpu_store: write, then look for marks
    vm_region_note_write(&v->machine->space, r, offset, VM_RISCV64_CACHE_BLOCK);
    return 0;
}

uint64_t rv_help_cbo_manage(void *vcpu, uint64_t address, uint64_t kind, uint64_t c, uint64_t d)
{
    enum { INVAL = 0 };
    struct vm_vcpu *v = vcpu;
    uint64_t offset;
    (void)c;
    (void)d;
    if (enabled(rv_state(v), kind == INVAL ? RV_ENVCFG_CBIE : RV_ENVCFG_CBCFE))
        find_block(v, address, VM_ACCESS_READ, &offset);
    else
        rv_raise_illegal(v);
    return 0;
}
