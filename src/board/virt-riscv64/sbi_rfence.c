// SPDX-License-Identifier: MIT
//
// RFENCE extension (chapter 8): fences that other harts are to execute. There is no hypervisor
// extension, so the HFENCE functions are not supported.
//
// A fence of addresses is done as a fence of all addresses: SFENCE.VMA takes away the whole
// translation around an address, and only the target knows how large the pages are of which its TLB
// holds pieces.
#include <vm/base/bits.h>

#include "sbi.h"

enum { REMOTE_FENCE_I, REMOTE_SFENCE_VMA, REMOTE_SFENCE_VMA_ASID };

enum { ASID_BITS = 16 };

struct sbi_result sbi_rfence(struct sbi_call *c)
{
    struct vm_work work = {.kind = VM_WORK_SYNC_CODE};
    uint64_t harts;
    if (c->function > REMOTE_SFENCE_VMA_ASID)
        return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    if (!sbi_hart_mask(c->sbi, c->arg[0], c->arg[1], &harts))
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    if (c->function == REMOTE_SFENCE_VMA)
        work.kind = VM_WORK_FLUSH_TLB;
    if (c->function == REMOTE_SFENCE_VMA_ASID)
        work = (struct vm_work){.kind = VM_WORK_FLUSH_ASID,
                                .asid = (uint32_t)(c->arg[4] & vm_mask(ASID_BITS))};
    for (; harts; harts &= harts - 1)
        vm_vcpu_post_work(c->hart->vcpu, c->sbi->hart[vm_ctz64(harts)].vcpu, &work);
    return sbi_ok(0);
}
