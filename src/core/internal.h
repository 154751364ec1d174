// SPDX-License-Identifier: MIT
//
// What the files of core share beyond the public headers.
#ifndef VM_CORE_INTERNAL_H
#define VM_CORE_INTERNAL_H

#include <vm/core/machine.h>

// Does the work that others queued for this vCPU and clears VM_REQUEST_WORK.
void vm_vcpu_drain_work(struct vm_vcpu *v);

// Whether a wait ends: by has_work, or by its time.
bool vm_vcpu_wait_is_over(struct vm_vcpu *v);

// One turn of a wait for another vCPU: does the own queued work, so that two that wait for each
// other both get on, and gives the host thread away.
void vm_vcpu_wait_politely(struct vm_vcpu *self);

// Where an access of at most a page ends up.
struct vm_place {
    const struct vm_region *region;
    uint64_t offset;
    bool aligned; // misaligned accesses fail there (VM_PAGE_ALIGNED)
};

static inline uint8_t *vm_place_host(const struct vm_place *p)
{
    return p->region->host + p->offset;
}

// After `size` bytes were written there.
static inline void vm_place_note_write(struct vm_vcpu *v, const struct vm_place *p, unsigned size)
{
    vm_region_note_write(&v->machine->space, p->region, p->offset, size);
}

// Records the guest's exception for an access that failed below the walk; returns false.
bool vm_vcpu_fail_access(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                         enum vm_access_error error);

// Translates `gva` and finds what is there. False: the exception is recorded.
bool vm_vcpu_find_place(struct vm_vcpu *v, vm_gva gva, unsigned size, enum vm_access access,
                        unsigned index, struct vm_place *out);

// Whether an access that is not naturally aligned may be made there by the op's rule.
bool vm_vcpu_may_misalign(vm_gva gva, uint32_t attr);

// The orderings of a memory op's attribute word: before and after the access.
void vm_vcpu_order_before(uint32_t attr);
void vm_vcpu_order_after(uint32_t attr);

// `size` bytes in reverse order.
static inline uint64_t vm_swap_bytes(uint64_t value, unsigned size)
{
    return __builtin_bswap64(value) >> (64 - 8 * size);
}

#endif
