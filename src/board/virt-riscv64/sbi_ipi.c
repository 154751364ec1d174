// SPDX-License-Identifier: MIT
//
// IPI extension (chapter 7). An IPI is the target's supervisor software interrupt line; the target
// lowers it itself by clearing sip.SSIP.
#include <vm/base/bits.h>
#include <vm/core/arch/riscv64/state.h>

#include "sbi.h"

enum { SEND_IPI };

struct sbi_result sbi_ipi(struct sbi_call *c)
{
    uint64_t harts;
    if (c->function != SEND_IPI)
        return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    if (!sbi_hart_mask(c->sbi, c->arg[0], c->arg[1], &harts))
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    // A hart that stops meanwhile is not to find the interrupt when it starts again.
    sbi_lock(c->sbi);
    for (; harts; harts &= harts - 1) {
        struct sbi_hart *target = &c->sbi->hart[vm_ctz64(harts)];
        if (target->state == SBI_HART_STARTED || target->state == SBI_HART_SUSPENDED)
            vm_vcpu_set_irq(target->vcpu, VM_RISCV64_SSI, true);
    }
    sbi_unlock(c->sbi);
    return sbi_ok(0);
}
