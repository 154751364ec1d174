// SPDX-License-Identifier: MIT
//
// Cache maintenance and DC ZVA (the manual, C5.3 "System instructions: cache maintenance"; D7
// "Cache maintenance and permissions"). There are no caches of data; that of instructions are the
// translations that the engines keep.
//
// Aborts are those of a store, at the address that the instruction gives.
#include "system.h"

enum { LINE = 64 };

static void raise_maintenance_abort(struct vm_vcpu *v, uint64_t address, unsigned fsc)
{
    vm_vcpu_raise(v, A64_ESR(A64_EC_DATA_ABORT, fsc | A64_ISS_CM | A64_ISS_WNR), address);
}

// Maintenance by address needs a translation: one that EL0 can read at EL0, one that can be written
// for an invalidation. PAN does not matter.
static bool check_address(struct vm_vcpu *v, uint64_t address, enum vm_access access)
{
    struct a64_walk w = {.v = v,
                         .va = address,
                         .access = access,
                         .el0 = a64_state(v)->el == 0,
                         .probe = access != VM_ACCESS_WRITE};
    const struct vm_tlb_entry *e = &v->tlb.data->read[vm_tlb_index(address)];
    struct vm_translation t;
    if (access == VM_ACCESS_READ &&
        (vm_tlb_hit(e->tag, address, 1) ||
         vm_tlb_find(&v->tlb, v->tlb.data, vm_gva_of(address), access, &t)))
        return true;
    if (a64_translate_address(&w))
        return true;
    raise_maintenance_abort(v, address, w.fsc);
    return false;
}

// --- IC ---

// Has every PE see what was written, if anything was since the last time.
static void sync_all(struct vm_vcpu *v)
{
    struct vm_machine *m = v->machine;
    struct vm_arm64_derived *d = &a64_state(v)->derived;
    uint64_t writes = atomic_load(&m->space.code_writes);
    const struct vm_work work = {.kind = VM_WORK_SYNC_CODE};
    if (writes == d->synced_code)
        return;
    d->synced_code = writes;
    for (uint32_t i = 0; i < m->vcpu_count; i++)
        vm_vcpu_post_work(v, m->vcpus[i], &work);
}

// [address, kind]. The next ISB looks up what follows it.
uint64_t a64_help_ic(void *vcpu, uint64_t address, uint64_t kind, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)c;
    (void)d;
    if (kind == A64_IC_ADDRESS && !check_address(v, address, VM_ACCESS_READ))
        return 0;
    if (kind == A64_IC_ALL)
        v->engine->sync_code(v);
    else
        sync_all(v);
    a64_state(v)->stale |= A64_STALE_CODE;
    return 0;
}

// --- DC ---

// [address, kind]
uint64_t a64_help_dc(void *vcpu, uint64_t address, uint64_t kind, uint64_t c, uint64_t d)
{
    (void)c;
    (void)d;
    if (kind == A64_DC_INVALIDATE)
        check_address(vcpu, address, VM_ACCESS_WRITE);
    else if (kind == A64_DC_CLEAN)
        check_address(vcpu, address, VM_ACCESS_READ);
    return 0;
}

static void zero(uint8_t *host)
{
    for (unsigned i = 0; i < LINE; i += 8)
        vm_ram_store(host + i, 8, 0);
}

// Device memory cannot be zeroed (C5.3 "DC ZVA").
static bool find_line(struct vm_vcpu *v, uint64_t address, uint64_t line,
                      const struct vm_region **region, uint64_t *offset)
{
    struct vm_translation t;
    if (!vm_vcpu_translate(v, vm_gva_of(address), VM_ACCESS_WRITE, 0, &t))
        return false;
    if ((address & VM_PAGE_MASK) > t.last || (line & VM_PAGE_MASK) + LINE - 1 > t.last) {
        a64_access_failed(v, vm_gva_of(address), VM_ACCESS_WRITE, VM_ACCESS_BUS);
        return false;
    }
    if (t.attributes & VM_PAGE_ALIGNED || !(a64_state(v)->sctlr[1] & A64_SCTLR_M)) {
        a64_access_failed(v, vm_gva_of(address), VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED);
        return false;
    }
    uint64_t gpa = t.page.v | (line & VM_PAGE_MASK);
    *region = vm_space_find(&v->machine->space, vm_gpa_of(gpa));
    if (!*region || !(*region)->host || (*region)->rom) {
        a64_access_failed(v, vm_gva_of(address), VM_ACCESS_WRITE, VM_ACCESS_BUS);
        return false;
    }
    *offset = gpa - (*region)->base.v;
    return true;
}

// [address]
uint64_t a64_help_dc_zva(void *vcpu, uint64_t address, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    uint64_t line = address & ~(uint64_t)(LINE - 1), offset;
    const struct vm_region *r;
    (void)b;
    (void)c;
    (void)d;
    const struct vm_tlb_entry *e = &v->tlb.data->write[vm_tlb_index(line)];
    if (vm_tlb_hit(e->tag, line, LINE) && a64_state(v)->sctlr[1] & A64_SCTLR_M) {
        zero((uint8_t *)(uintptr_t)(line + e->addend));
        return 0;
    }
    if (!find_line(v, address, line, &r, &offset) || r->read_only)
        return 0;
    zero(r->host + offset);
    atomic_thread_fence(memory_order_seq_cst); // as vm_vcpu_store: write, then look for marks
    vm_region_note_write(&v->machine->space, r, offset, LINE);
    return 0;
}
