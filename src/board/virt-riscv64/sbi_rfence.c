// SPDX-License-Identifier: MIT
//
// RFENCE extension (chapter 8): fences that other harts are to execute. There is no hypervisor
// extension, so the HFENCE functions are not supported.
#include <vm/base/bits.h>

#include "sbi.h"

enum { REMOTE_FENCE_I, REMOTE_SFENCE_VMA, REMOTE_SFENCE_VMA_ASID };

enum { ASID_BITS = 16 };

// The work of a fence of `size` bytes from `start` on: of all addresses if both are 0 or the size
// is the largest there is, or goes beyond the end. A size of 0 elsewhere has no meaning; it fences
// all.
static struct vm_work fence(uint64_t start, uint64_t size, bool one_space, uint64_t asid)
{
    struct vm_work work = {.asid = (uint32_t)(asid & vm_mask(ASID_BITS))};
    if (size == 0 || size - 1 > UINT64_MAX - start || size == UINT64_MAX) {
        work.kind = one_space ? VM_WORK_FLUSH_ASID : VM_WORK_FLUSH_TLB;
    } else {
        work.kind = one_space ? VM_WORK_FLUSH_PAGE_ASID : VM_WORK_FLUSH_PAGE;
        work.first = start;
        work.last = start + size - 1;
    }
    return work;
}

struct sbi_result sbi_rfence(struct sbi_call *c)
{
    struct vm_work work = {.kind = VM_WORK_SYNC_CODE};
    uint64_t harts;
    if (c->function > REMOTE_SFENCE_VMA_ASID)
        return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    if (!sbi_hart_mask(c->sbi, c->arg[0], c->arg[1], &harts))
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    if (c->function != REMOTE_FENCE_I)
        work = fence(c->arg[2], c->arg[3], c->function == REMOTE_SFENCE_VMA_ASID, c->arg[4]);
    for (; harts; harts &= harts - 1)
        vm_vcpu_post_work(c->hart->vcpu, c->sbi->hart[vm_ctz64(harts)].vcpu, &work);
    return sbi_ok(0);
}
