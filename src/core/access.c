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

#include <vm/ir/ir.h>

// Where an access of at most a page ends up.
struct place {
    const struct vm_region *region;
    uint64_t offset;
};

static uint8_t *host_of(const struct place *p)
{
    return p->region->host + p->offset;
}

bool vm_vcpu_translate(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
                       struct vm_translation *out)
{
    if (index != 0)
        return v->guest->walk(v, gva, access, index, out);
    if (vm_tlb_find(&v->tlb, v->tlb.data, gva, access, out))
        return true;
    v->tlb.stats.walks++;
    if (!v->guest->walk(v, gva, access, v->mmu_index, out)) {
        v->stats.page_faults++;
        return false;
    }
    vm_tlb_fill(&v->tlb, v->tlb.data, gva, access, out);
    return true;
}

static bool fail(struct vm_vcpu *v, vm_gva gva, enum vm_access access, enum vm_access_error error)
{
    v->guest->access_failed(v, gva, access, error);
    return false;
}

static bool find_place(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
                       struct place *out)
{
    struct vm_translation t;
    if (!vm_vcpu_translate(v, gva, access, index, &t))
        return false;
    uint64_t gpa = t.page.v | (gva.v & VM_PAGE_MASK);
    out->region = vm_space_find(&v->machine->space, vm_gpa_of(gpa));
    if (!out->region)
        return fail(v, gva, access, VM_ACCESS_BUS);
    out->offset = gpa - out->region->base.v;
    return true;
}

static bool crosses_page(vm_gva gva, unsigned size)
{
    return (gva.v & VM_PAGE_MASK) > VM_PAGE_SIZE - size;
}

static bool misaligned(vm_gva gva, uint32_t attr)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    return vm_ir_mem_align(attr) == VM_IR_ALIGN_NATURAL && (gva.v & (size - 1)) != 0;
}

static uint64_t swap_bytes(uint64_t value, unsigned size)
{
    return __builtin_bswap64(value) >> (64 - 8 * size);
}

static bool load_mmio(struct vm_vcpu *v, vm_gva gva, const struct place *p, unsigned size,
                      uint64_t *value)
{
    const struct vm_region *r = p->region;
    v->stats.mmio_reads++;
    if ((p->offset & (size - 1)) || size > r->size - p->offset ||
        !r->ops->read(r->device, p->offset, size, value))
        return fail(v, gva, VM_ACCESS_READ, VM_ACCESS_BUS);
    VM_TRACE(&v->machine->trace, VM_TRACE_MMIO, "vcpu %u: %s+%#lx read %u: %#lx", v->index, r->name,
             p->offset, size, *value);
    return true;
}

static bool store_mmio(struct vm_vcpu *v, vm_gva gva, const struct place *p, unsigned size,
                       uint64_t value)
{
    const struct vm_region *r = p->region;
    v->stats.mmio_writes++;
    VM_TRACE(&v->machine->trace, VM_TRACE_MMIO, "vcpu %u: %s+%#lx write %u: %#lx", v->index,
             r->name, p->offset, size, value);
    if ((p->offset & (size - 1)) || size > r->size - p->offset ||
        !r->ops->write(r->device, p->offset, size, value))
        return fail(v, gva, VM_ACCESS_WRITE, VM_ACCESS_BUS);
    return true;
}

static void note_write(struct vm_vcpu *v, const struct place *p, unsigned size)
{
    vm_region_note_write(&v->machine->space, p->region, p->offset, size);
}

// An access that lies in two pages: both must translate, and be RAM, before a byte moves.
static bool find_two(struct vm_vcpu *v, vm_gva gva, enum vm_access access, uint32_t attr,
                     struct place place[2], unsigned *first_size)
{
    *first_size = VM_PAGE_SIZE - (unsigned)(gva.v & VM_PAGE_MASK);
    vm_gva second = vm_gva_of(gva.v + *first_size);
    unsigned index = vm_ir_mem_index(attr);
    if (!find_place(v, gva, access, index, &place[0]) ||
        !find_place(v, second, access, index, &place[1]))
        return false;
    if (!place[0].region->host)
        return fail(v, gva, access, VM_ACCESS_BUS);
    if (!place[1].region->host)
        return fail(v, second, access, VM_ACCESS_BUS);
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
    struct place place[2];
    unsigned first;
    if (!find_two(v, gva, VM_ACCESS_READ, attr, place, &first))
        return false;
    *value = load_bytes(host_of(&place[0]), first) | load_bytes(host_of(&place[1]), size - first)
                                                         << (8 * first);
    return true;
}

static bool store_crossing(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size,
                           uint64_t value)
{
    struct place place[2];
    unsigned first;
    if (!find_two(v, gva, VM_ACCESS_WRITE, attr, place, &first))
        return false;
    if (!place[0].region->read_only) {
        store_bytes(host_of(&place[0]), first, value);
        note_write(v, &place[0], first);
    }
    if (!place[1].region->read_only) {
        store_bytes(host_of(&place[1]), size - first, value >> (8 * first));
        note_write(v, &place[1], size - first);
    }
    return true;
}

static bool load_raw(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size, uint64_t *value)
{
    struct place p;
    if (crosses_page(gva, size))
        return load_crossing(v, gva, attr, size, value);
    if (!find_place(v, gva, VM_ACCESS_READ, vm_ir_mem_index(attr), &p))
        return false;
    if (!p.region->host)
        return load_mmio(v, gva, &p, size, value);
    *value = vm_ram_load(host_of(&p), size);
    return true;
}

static bool store_raw(struct vm_vcpu *v, vm_gva gva, uint32_t attr, unsigned size, uint64_t value)
{
    struct place p;
    if (crosses_page(gva, size))
        return store_crossing(v, gva, attr, size, value);
    if (!find_place(v, gva, VM_ACCESS_WRITE, vm_ir_mem_index(attr), &p))
        return false;
    if (!p.region->host)
        return store_mmio(v, gva, &p, size, value);
    if (p.region->read_only)
        return true;
    vm_ram_store(host_of(&p), size, value);
    note_write(v, &p, size);
    return true;
}

static void order_before(uint32_t attr)
{
    enum vm_ir_order order = vm_ir_mem_order(attr);
    if (order == VM_IR_SEQ_CST)
        atomic_thread_fence(memory_order_seq_cst);
    else if (order >= VM_IR_RELEASE)
        atomic_thread_fence(memory_order_release);
}

static void order_after(uint32_t attr)
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
        return fail(v, gva, VM_ACCESS_READ, VM_ACCESS_MISALIGNED);
    order_before(attr);
    if (!load_raw(v, gva, attr, size, value))
        return false;
    order_after(attr);
    if (attr & VM_IR_MEM_BIG_ENDIAN)
        *value = swap_bytes(*value, size);
    return true;
}

bool vm_vcpu_store(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t value)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (misaligned(gva, attr))
        return fail(v, gva, VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED);
    if (attr & VM_IR_MEM_BIG_ENDIAN)
        value = swap_bytes(value, size);
    order_before(attr);
    bool done = store_raw(v, gva, attr, size, value);
    order_after(attr);
    return done;
}

bool vm_vcpu_load128(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 *value)
{
    if (misaligned(gva, attr))
        return fail(v, gva, VM_ACCESS_READ, VM_ACCESS_MISALIGNED);
    order_before(attr);
    if (!load_raw(v, gva, attr, 8, &value->lo) ||
        !load_raw(v, vm_gva_of(gva.v + 8), attr, 8, &value->hi))
        return false;
    order_after(attr);
    return true;
}

bool vm_vcpu_store128(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 value)
{
    struct place probe;
    vm_gva high = vm_gva_of(gva.v + 8);
    if (misaligned(gva, attr))
        return fail(v, gva, VM_ACCESS_WRITE, VM_ACCESS_MISALIGNED);
    // The upper half must not fault after the lower one is written.
    if (!find_place(v, vm_gva_of(gva.v + 15), VM_ACCESS_WRITE, vm_ir_mem_index(attr), &probe))
        return false;
    order_before(attr);
    bool done = store_raw(v, gva, attr, 8, value.lo) && store_raw(v, high, attr, 8, value.hi);
    order_after(attr);
    return done;
}

// --- atomics: the location must be aligned RAM (or, for the plain ones, ROM never) ---

static bool find_atomic(struct vm_vcpu *v, vm_gva gva, uint32_t attr, enum vm_access access,
                        struct place *p)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (gva.v & (size - 1))
        return fail(v, gva, access, VM_ACCESS_MISALIGNED);
    if (!find_place(v, gva, access, vm_ir_mem_index(attr), p))
        return false;
    if (!p->region->host || (p->region->read_only && access == VM_ACCESS_WRITE))
        return fail(v, gva, access, VM_ACCESS_BUS);
    return true;
}

// An atomic store's reach: readable first, so that a page that is neither gives a store fault.
static bool find_atomic_write(struct vm_vcpu *v, vm_gva gva, uint32_t attr, struct place *p)
{
    return find_atomic(v, gva, attr, VM_ACCESS_WRITE, p);
}

static vm_u128 load_wide(const void *host, unsigned size)
{
    if (size < 16)
        return (vm_u128){vm_ram_load(host, size), 0};
    unsigned __int128 both =
        __sync_val_compare_and_swap((unsigned __int128 *)(uintptr_t)host, 0, 0);
    return (vm_u128){(uint64_t)both, (uint64_t)(both >> 64)};
}

// Compare-exchange of `size` bytes at an aligned host address; returns the old value.
static vm_u128 exchange(void *host, unsigned size, vm_u128 expected, vm_u128 desired)
{
    switch (size) {
    case 1:
        return (vm_u128){
            __sync_val_compare_and_swap((uint8_t *)host, (uint8_t)expected.lo, (uint8_t)desired.lo),
            0};
    case 2:
        return (vm_u128){__sync_val_compare_and_swap((uint16_t *)host, (uint16_t)expected.lo,
                                                     (uint16_t)desired.lo),
                         0};
    case 4:
        return (vm_u128){__sync_val_compare_and_swap((uint32_t *)host, (uint32_t)expected.lo,
                                                     (uint32_t)desired.lo),
                         0};
    case 8:
        return (vm_u128){__sync_val_compare_and_swap((uint64_t *)host, expected.lo, desired.lo), 0};
    default: break;
    }
    unsigned __int128 e = (unsigned __int128)expected.hi << 64 | expected.lo;
    unsigned __int128 d = (unsigned __int128)desired.hi << 64 | desired.lo;
    unsigned __int128 old = __sync_val_compare_and_swap((unsigned __int128 *)host, e, d);
    return (vm_u128){(uint64_t)old, (uint64_t)(old >> 64)};
}

static bool same_value(vm_u128 a, vm_u128 b, unsigned size)
{
    uint64_t mask = size >= 8 ? UINT64_MAX : ((uint64_t)1 << 8 * size) - 1;
    return (a.lo & mask) == (b.lo & mask) && (size < 16 || a.hi == b.hi);
}

bool vm_vcpu_load_reserved(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 *value)
{
    struct place p;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    v->reservation.host = NULL;
    if (!find_atomic(v, gva, attr, VM_ACCESS_READ, &p))
        return false;
    order_before(attr);
    *value = load_wide(host_of(&p), size);
    order_after(attr);
    v->reservation = (struct vm_reservation){host_of(&p), vm_gpa_of(p.region->base.v + p.offset),
                                             (uint8_t)size, *value};
    return true;
}

bool vm_vcpu_store_conditional(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 value,
                               uint64_t *failed)
{
    struct place p;
    struct vm_reservation held = v->reservation;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    v->reservation.host = NULL;
    if (!find_atomic_write(v, gva, attr, &p))
        return false;
    *failed = 1;
    if (held.host != host_of(&p) || held.size != size)
        return true;
    if (same_value(exchange(host_of(&p), size, held.value, value), held.value, size)) {
        note_write(v, &p, size);
        *failed = 0;
    }
    return true;
}

bool vm_vcpu_cas(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 expected, vm_u128 desired,
                 vm_u128 *old)
{
    struct place p;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (!find_atomic_write(v, gva, attr, &p))
        return false;
    *old = exchange(host_of(&p), size, expected, desired);
    if (same_value(*old, expected, size))
        note_write(v, &p, size);
    return true;
}

static uint64_t combine(enum vm_ir_rmw op, uint64_t old, uint64_t operand, unsigned size)
{
    unsigned shift = 64 - 8 * size; // compare in the top bits: signs are where they belong
    uint64_t a = old << shift, b = operand << shift;
    switch (op) {
    case VM_IR_RMW_SWAP: return operand;
    case VM_IR_RMW_ADD: return old + operand;
    case VM_IR_RMW_AND: return old & operand;
    case VM_IR_RMW_OR: return old | operand;
    case VM_IR_RMW_XOR: return old ^ operand;
    case VM_IR_RMW_SMIN: return (int64_t)a < (int64_t)b ? old : operand;
    case VM_IR_RMW_SMAX: return (int64_t)a > (int64_t)b ? old : operand;
    case VM_IR_RMW_UMIN: return a < b ? old : operand;
    case VM_IR_RMW_UMAX: return a > b ? old : operand;
    }
    return operand;
}

bool vm_vcpu_rmw(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t operand, uint64_t *old)
{
    struct place p;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (!find_atomic_write(v, gva, attr, &p))
        return false;
    vm_u128 seen = {vm_ram_load(host_of(&p), size), 0};
    for (;;) {
        vm_u128 next = {combine(vm_ir_mem_rmw(attr), seen.lo, operand, size), 0};
        vm_u128 before = exchange(host_of(&p), size, seen, next);
        if (same_value(before, seen, size))
            break;
        seen = before;
    }
    note_write(v, &p, size);
    *old = seen.lo;
    return true;
}

// --- code ---

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
        return fail(v, pc, VM_ACCESS_EXECUTE, VM_ACCESS_BUS);
    uint64_t tag = pc.v & ~(uint64_t)VM_PAGE_MASK;
    uint64_t host = (uint64_t)(uintptr_t)(r->host + (t.page.v - r->base.v));
    *out = (struct vm_tlb_code_entry){tag, host - tag, t.page, r};
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

void vm_vcpu_watch_code(struct vm_vcpu *v, const struct vm_region *r, uint64_t first, uint64_t last)
{
    bool marked = false;
    for (uint64_t line = first >> VM_LINE_SHIFT; line <= last >> VM_LINE_SHIFT; line++) {
        uint64_t page = line >> (VM_PAGE_SHIFT - VM_LINE_SHIFT);
        struct vm_page_track *track = &r->track[page];
        uint64_t bit = (uint64_t)1 << (line & 63);
        uint64_t old = atomic_load(&track->code_lines);
        if (old & bit)
            continue;
        marked = true;
        if (old == 0)
            protect(v, track, bit, r->host + (page << VM_PAGE_SHIFT));
        else
            atomic_fetch_or(&track->code_lines, bit);
    }
    // Another vCPU may be in the middle of protecting the page: its marks count only afterwards.
    while (atomic_load(&v->machine->protecting))
        vm_vcpu_wait_politely(v);
    if (marked)
        atomic_thread_fence(memory_order_seq_cst);
}
