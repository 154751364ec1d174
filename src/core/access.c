// SPDX-License-Identifier: MIT
//
// Guest memory accesses behind the inline TLB check: second-level TLB, page walk, page crossing,
// alignment rules, MMIO, and the marks that stores leave for engines and snapshots.
//
// A store to RAM that is not in the write TLB first writes, then looks for translations of the
// line (vm_region_note_write); a translator first marks the line, then reads it
// (vm_vcpu_watch_code): with a fence between the two halves on both sides, one of them sees the
// other.
#include "internal.h"

#include <vm/base/bits.h>
#include <vm/ir/ir.h>

// The context that remembers translations of an MMU index, or NULL.
static struct vm_tlb_context *context_of(const struct vm_vcpu *v, unsigned index)
{
    return index == 0                                  ? v->tlb.data
           : index == 1 && v->tlb.other != v->tlb.none ? v->tlb.other
                                                       : NULL;
}

bool vm_vcpu_translate(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
                       struct vm_translation *out)
{
    struct vm_tlb_context *c = context_of(v, index);
    if (!c)
        return v->guest->walk(v, gva, access, index, out);
    if (vm_tlb_find(&v->tlb, c, gva, access, out))
        return true;
    v->tlb.stats.walks++;
    if (!v->guest->walk(v, gva, access, index ? index : v->mmu_index, out)) {
        v->stats.page_faults++;
        return false;
    }
    vm_tlb_fill(&v->tlb, c, gva, access, out);
    return true;
}

bool vm_vcpu_fail_access(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                         enum vm_access_error error)
{
    v->guest->access_failed(v, gva, access, error);
    return false;
}

bool vm_vcpu_find_place(struct vm_vcpu *v, vm_gva gva, unsigned size, enum vm_access access,
                        unsigned index, struct vm_place *out)
{
    struct vm_translation t;
    if (!vm_vcpu_translate(v, gva, access, index, &t))
        return false;
    if ((gva.v & VM_PAGE_MASK) + size - 1 > t.last)
        return vm_vcpu_fail_access(v, gva, access, VM_ACCESS_BUS);
    uint64_t gpa = t.page.v | (gva.v & VM_PAGE_MASK);
    out->region = vm_space_find(&v->machine->space, vm_gpa_of(gpa));
    if (!out->region)
        return vm_vcpu_fail_access(v, gva, access, VM_ACCESS_BUS);
    out->offset = gpa - out->region->base.v;
    out->aligned = t.attributes & VM_PAGE_ALIGNED;
    return true;
}

static bool crosses_page(vm_gva gva, unsigned size)
{
    return (gva.v & VM_PAGE_MASK) > VM_PAGE_SIZE - size;
}

static bool is_natural(vm_gva gva, uint32_t attr)
{
    return (gva.v & vm_mask(vm_ir_mem_size_log2(attr))) == 0;
}

bool vm_vcpu_may_misalign(vm_gva gva, uint32_t attr)
{
    enum { ATOMIC = 16 };
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    switch (vm_ir_mem_align(attr)) {
    case VM_IR_ALIGN_ANY: return true;
    case VM_IR_ALIGN_WITHIN_16: return gva.v % ATOMIC + size <= ATOMIC;
    default: return false;
    }
}

static bool misaligned(vm_gva gva, uint32_t attr)
{
    return !is_natural(gva, attr) && !vm_vcpu_may_misalign(gva, attr);
}

// The device as this vCPU sees it.
static void *device_of(const struct vm_vcpu *v, const struct vm_region *r)
{
    return r->ops->view ? r->ops->view(r->device, v->index) : r->device;
}

static bool load_mmio(struct vm_vcpu *v, vm_gva gva, const struct vm_place *p, unsigned size,
                      uint64_t *value)
{
    const struct vm_region *r = p->region;
    v->stats.mmio_reads++;
    if ((p->offset & (size - 1)) || size > r->size - p->offset ||
        !r->ops->read(device_of(v, r), p->offset, size, value))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_READ, VM_ACCESS_BUS);
    VM_TRACE(&v->machine->trace, VM_TRACE_MMIO, "vcpu %u: %s+%#lx read %u: %#lx", v->index, r->name,
             p->offset, size, *value);
    return true;
}

// A ROM device shows no memory any more: no vCPU may go on with what it remembers of it.
static void forget_memory(struct vm_vcpu *v)
{
    struct vm_machine *m = v->machine;
    const struct vm_work work = {.kind = VM_WORK_FLUSH_TLB};
    for (uint32_t i = 0; i < m->vcpu_count; i++)
        vm_vcpu_post_work(v, m->vcpus[i], &work);
    // What this vCPU is about to execute may have come from there.
    atomic_fetch_or(&v->request, VM_REQUEST_IRQ);
}

static bool store_mmio(struct vm_vcpu *v, vm_gva gva, const struct vm_place *p, unsigned size,
                       uint64_t value)
{
    const struct vm_region *r = p->region;
    _Atomic uint32_t *withdrawals = &v->machine->space.withdrawals;
    v->stats.mmio_writes++;
    VM_TRACE(&v->machine->trace, VM_TRACE_MMIO, "vcpu %u: %s+%#lx write %u: %#lx", v->index,
             r->name, p->offset, size, value);
    if ((p->offset & (size - 1)) || size > r->size - p->offset)
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_WRITE, VM_ACCESS_BUS);
    uint32_t before = atomic_load(withdrawals);
    bool taken = r->ops->write(device_of(v, r), p->offset, size, value);
    if (VM_UNLIKELY(atomic_load(withdrawals) != before))
        forget_memory(v);
    return taken || vm_vcpu_fail_access(v, gva, VM_ACCESS_WRITE, VM_ACCESS_BUS);
}

// Whether an access of several pieces may go there.
static bool takes_pieces(const struct vm_region *r, enum vm_access access)
{
    return r->host && !(r->rom && access == VM_ACCESS_WRITE);
}

// An access that lies in two pages: both must translate, and be RAM, before a byte moves.
static bool find_two(struct vm_vcpu *v, vm_gva gva, unsigned size, enum vm_access access,
                     uint32_t attr, struct vm_place place[2], unsigned *first_size)
{
    *first_size = VM_PAGE_SIZE - (unsigned)(gva.v & VM_PAGE_MASK);
    vm_gva second = vm_gva_of(gva.v + *first_size);
    unsigned index = vm_ir_mem_index(attr);
    if (!vm_vcpu_find_place(v, gva, *first_size, access, index, &place[0]) ||
        !vm_vcpu_find_place(v, second, size - *first_size, access, index, &place[1]))
        return false;
    if (place[0].aligned || place[1].aligned)
        return vm_vcpu_fail_access(v, gva, access, VM_ACCESS_MISALIGNED);
    if (!takes_pieces(place[0].region, access))
        return vm_vcpu_fail_access(v, gva, access, VM_ACCESS_BUS);
    if (!takes_pieces(place[1].region, access))
        return vm_vcpu_fail_access(v, second, access, VM_ACCESS_BUS);
    return true;
}

static uint64_t load_bytes(const uint8_t *p, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= vm_ram_load(p + i, 1) << (8 * i);
    return value;
}

static void store_bytes(uint8_t *p, unsigned n, uint64_t value)
{
    for (unsigned i = 0; i < n; i++)
        vm_ram_store(p + i, 1, value >> (8 * i));
}

static bool load_crossing(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size,
                          uint64_t *value)
{
    struct vm_place place[2];
    unsigned first;
    if (!find_two(v, gva, size, VM_ACCESS_READ, attr, place, &first))
        return false;
    *value = load_bytes(vm_place_host(&place[0]), first) |
             load_bytes(vm_place_host(&place[1]), size - first) << (8 * first);
    return true;
}

static bool store_crossing(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size,
                           uint64_t value)
{
    struct vm_place place[2];
    unsigned first;
    if (!find_two(v, gva, size, VM_ACCESS_WRITE, attr, place, &first))
        return false;
    if (!place[0].region->read_only) {
        store_bytes(vm_place_host(&place[0]), first, value);
        vm_place_note_write(v, &place[0], first);
    }
    if (!place[1].region->read_only) {
        store_bytes(vm_place_host(&place[1]), size - first, value >> (8 * first));
        vm_place_note_write(v, &place[1], size - first);
    }
    return true;
}

// Where the first level has the page, or NULL. The inline check has missed what comes here, or was
// not made: of a page that lies aside, of one access of several that were looked up together and
// lie in two pages, and the interpreter's with MMU index 1.
static void *find_first(const struct vm_vcpu *v, vm_gva gva, unsigned size, enum vm_access access,
                        uint32_t attr)
{
    unsigned index = vm_ir_mem_index(attr), slot = vm_tlb_index(gva.v);
    const struct vm_tlb_context *c = index ? v->tlb.other : v->tlb.data;
    if (index > 1)
        return NULL;
    const struct vm_tlb_entry *e = access == VM_ACCESS_READ ? &c->read[slot] : &c->write[slot];
    if (!vm_tlb_hit(e->tag, gva.v, size))
        e = &c->aside[access == VM_ACCESS_WRITE][vm_tlb_aside_index(gva.v)];
    return vm_tlb_hit(e->tag, gva.v, size) ? (void *)(uintptr_t)(gva.v + e->addend) : NULL;
}

static bool load_raw(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size, uint64_t *value)
{
    struct vm_place p;
    const void *first = find_first(v, gva, size, VM_ACCESS_READ, attr);
    if (first) {
        *value = vm_ram_load(first, size);
        return true;
    }
    if (crosses_page(gva, size))
        return load_crossing(v, gva, attr, size, value);
    if (!vm_vcpu_find_place(v, gva, size, VM_ACCESS_READ, vm_ir_mem_index(attr), &p))
        return false;
    if (p.aligned && !is_natural(gva, attr))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_READ, VM_ACCESS_MISALIGNED);
    if (!p.region->host)
        return load_mmio(v, gva, &p, size, value);
    *value = vm_ram_load(vm_place_host(&p), size);
    return true;
}

static bool store_raw(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size, uint64_t value)
{
    struct vm_place p;
    void *first = find_first(v, gva, size, VM_ACCESS_WRITE, attr);
    if (first) {
        vm_ram_store(first, size, value);
        return true;
    }
    if (crosses_page(gva, size))
        return store_crossing(v, gva, attr, size, value);
    if (!vm_vcpu_find_place(v, gva, size, VM_ACCESS_WRITE, vm_ir_mem_index(attr), &p))
        return false;
    if (p.aligned && !is_natural(gva, attr))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED);
    if (!p.region->host || p.region->rom)
        return store_mmio(v, gva, &p, size, value);
    if (p.region->read_only)
        return true;
    vm_ram_store(vm_place_host(&p), size, value);
    vm_place_note_write(v, &p, size);
    return true;
}

void vm_vcpu_order_before(uint32_t attr)
{
    enum vm_ir_order order = vm_ir_mem_order(attr);
    if (order == VM_IR_SEQ_CST)
        atomic_thread_fence(memory_order_seq_cst);
    else if (order >= VM_IR_RELEASE)
        atomic_thread_fence(memory_order_release);
}

void vm_vcpu_order_after(uint32_t attr)
{
    enum vm_ir_order order = vm_ir_mem_order(attr);
    if (order == VM_IR_SEQ_CST)
        atomic_thread_fence(memory_order_seq_cst);
    else if (order == VM_IR_ACQUIRE || order == VM_IR_ACQ_REL)
        atomic_thread_fence(memory_order_acquire);
}

bool vm_vcpu_load(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t *value)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (misaligned(gva, attr))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_READ, VM_ACCESS_MISALIGNED);
    vm_vcpu_order_before(attr);
    if (!load_raw(v, gva, attr, size, value))
        return false;
    vm_vcpu_order_after(attr);
    if (attr & VM_IR_MEM_BIG_ENDIAN)
        *value = vm_swap_bytes(*value, size);
    return true;
}

bool vm_vcpu_store(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t value)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (misaligned(gva, attr))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED);
    if (attr & VM_IR_MEM_BIG_ENDIAN)
        value = vm_swap_bytes(value, size);
    vm_vcpu_order_before(attr);
    bool done = store_raw(v, gva, attr, size, value);
    vm_vcpu_order_after(attr);
    return done;
}

// The attribute word for the upper half, which is aligned as the lower one lets it be.
static uint32_t half_of(uint32_t attr)
{
    return attr - 1;
}

// The halves of a 128-bit value in memory order.
static vm_u128 wide_in_order(vm_u128 value, uint32_t attr)
{
    if (!(attr & VM_IR_MEM_BIG_ENDIAN))
        return value;
    return (vm_u128){vm_swap_bytes(value.hi, 8), vm_swap_bytes(value.lo, 8)};
}

// The host address of 16 aligned bytes of RAM, which are accessed at once where another vCPU may
// look on; NULL for what is accessed in halves. False: it failed.
static bool find_wide(struct vm_vcpu *v, vm_gva gva, enum vm_access access, uint32_t attr,
                      struct vm_place *p, void **host)
{
    enum { SIZE = 16 };
    *host = NULL;
    if (gva.v % SIZE || v->machine->vcpu_count <= 1)
        return true;
    if (!vm_vcpu_find_place(v, gva, SIZE, access, vm_ir_mem_index(attr), p))
        return false;
    if (takes_pieces(p->region, access) && (uintptr_t)vm_place_host(p) % SIZE == 0)
        *host = vm_place_host(p);
    return true;
}

bool vm_vcpu_load128(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 *value)
{
    vm_u128 raw;
    if (misaligned(gva, attr))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_READ, VM_ACCESS_MISALIGNED);
    vm_vcpu_order_before(attr);
    struct vm_place place;
    void *host;
    vm_gva high = vm_gva_of(gva.v + 8);
    if (!find_wide(v, gva, VM_ACCESS_READ, attr, &place, &host))
        return false;
    if (host)
        raw = vm_ram_load128(host);
    else if (!load_raw(v, gva, attr, 8, &raw.lo) || !load_raw(v, high, half_of(attr), 8, &raw.hi))
        return false;
    vm_vcpu_order_after(attr);
    *value = wide_in_order(raw, attr);
    return true;
}

bool vm_vcpu_store128(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 value)
{
    struct vm_place place[2];
    unsigned first;
    vm_gva high = vm_gva_of(gva.v + 8);
    vm_u128 raw = wide_in_order(value, attr);
    if (misaligned(gva, attr))
        return vm_vcpu_fail_access(v, gva, VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED);
    void *host;
    if (!find_wide(v, gva, VM_ACCESS_WRITE, attr, &place[0], &host))
        return false;
    if (host) {
        vm_vcpu_order_before(attr);
        if (!place[0].region->read_only) {
            vm_ram_store128(host, raw);
            vm_place_note_write(v, &place[0], 16);
        }
        vm_vcpu_order_after(attr);
        return true;
    }
    // The upper half must not fault after the lower one is written.
    unsigned index = vm_ir_mem_index(attr);
    bool reachable = find_first(v, gva, 16, VM_ACCESS_WRITE, attr) ? true
                     : crosses_page(gva, 16)
                         ? find_two(v, gva, 16, VM_ACCESS_WRITE, attr, place, &first)
                         : vm_vcpu_find_place(v, gva, 8, VM_ACCESS_WRITE, index, &place[0]) &&
                               vm_vcpu_find_place(v, high, 8, VM_ACCESS_WRITE, index, &place[1]);
    if (!reachable)
        return false;
    vm_vcpu_order_before(attr);
    bool done = store_raw(v, gva, attr, 8, raw.lo) && store_raw(v, high, half_of(attr), 8, raw.hi);
    vm_vcpu_order_after(attr);
    return done;
}
