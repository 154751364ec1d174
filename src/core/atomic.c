// SPDX-License-Identifier: MIT
//
// Atomic guest memory accesses: load-reserved and store-conditional, compare-and-swap, fetch-op.
// They are compare-exchanges on the host's memory, which are sequentially consistent: stronger than
// any ordering that an op asks for.
//
// The location must be RAM, naturally aligned or by the op's rule within 16 aligned bytes, as which
// hosts can do it too; loads may also be from ROM.
#include "internal.h"

#include <vm/ir/ir.h>

static bool find_atomic(struct vm_vcpu *v, vm_gva gva, uint32_t attr, enum vm_access access,
                        struct vm_place *p)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    bool within = vm_ir_mem_align(attr) == VM_IR_ALIGN_WITHIN_16 && vm_vcpu_may_misalign(gva, attr);
    if (gva.v & (size - 1) && !within)
        return vm_vcpu_fail_access(v, gva, access, VM_ACCESS_MISALIGNED);
    if (!vm_vcpu_find_place(v, gva, size, access, vm_ir_mem_index(attr), p))
        return false;
    if (!p->region->host || (p->region->read_only && access == VM_ACCESS_WRITE))
        return vm_vcpu_fail_access(v, gva, access, VM_ACCESS_BUS);
    return true;
}

// For an operation that loads and stores; it fails as stores do.
static bool find_both(struct vm_vcpu *v, vm_gva gva, uint32_t attr, struct vm_place *p)
{
    v->loads_too = true;
    bool found = find_atomic(v, gva, attr, VM_ACCESS_WRITE, p);
    v->loads_too = false;
    return found;
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

// Between the guest's value and what lies in memory, either way.
static vm_u128 in_memory_order(vm_u128 value, uint32_t attr)
{
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (!(attr & VM_IR_MEM_BIG_ENDIAN))
        return value;
    if (size == 16)
        return (vm_u128){vm_swap_bytes(value.hi, 8), vm_swap_bytes(value.lo, 8)};
    return (vm_u128){vm_swap_bytes(value.lo, size), 0};
}

bool vm_vcpu_load_reserved(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 *value)
{
    struct vm_place p;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    v->reservation.host = NULL;
    if (!find_atomic(v, gva, attr, VM_ACCESS_READ, &p))
        return false;
    vm_vcpu_order_before(attr);
    vm_u128 seen = load_wide(vm_place_host(&p), size);
    vm_vcpu_order_after(attr);
    v->reservation = (struct vm_reservation){
        vm_place_host(&p), vm_gpa_of(p.region->base.v + p.offset), (uint8_t)size, seen};
    *value = in_memory_order(seen, attr);
    return true;
}

bool vm_vcpu_store_conditional(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 value,
                               uint64_t *failed)
{
    struct vm_place p;
    struct vm_reservation held = v->reservation;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    v->reservation.host = NULL;
    if (!find_atomic(v, gva, attr, VM_ACCESS_WRITE, &p))
        return false;
    *failed = 1;
    if (held.host != vm_place_host(&p) || held.size != size)
        return true;
    vm_u128 old = exchange(vm_place_host(&p), size, held.value, in_memory_order(value, attr));
    if (same_value(old, held.value, size)) {
        vm_place_note_write(v, &p, size);
        *failed = 0;
    }
    return true;
}

bool vm_vcpu_cas(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 expected, vm_u128 desired,
                 vm_u128 *old)
{
    struct vm_place p;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (!find_both(v, gva, attr, &p))
        return false;
    expected = in_memory_order(expected, attr);
    vm_u128 seen = exchange(vm_place_host(&p), size, expected, in_memory_order(desired, attr));
    if (same_value(seen, expected, size))
        vm_place_note_write(v, &p, size);
    *old = in_memory_order(seen, attr);
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
    struct vm_place p;
    unsigned size = 1u << vm_ir_mem_size_log2(attr);
    if (!find_both(v, gva, attr, &p))
        return false;
    vm_u128 seen = {vm_ram_load(vm_place_host(&p), size), 0};
    for (;;) {
        uint64_t before = in_memory_order(seen, attr).lo;
        vm_u128 next = {combine(vm_ir_mem_rmw(attr), before, operand, size), 0};
        vm_u128 found = exchange(vm_place_host(&p), size, seen, in_memory_order(next, attr));
        if (same_value(found, seen, size))
            break;
        seen = found;
    }
    vm_place_note_write(v, &p, size);
    *old = in_memory_order(seen, attr).lo;
    return true;
}
