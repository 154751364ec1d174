// SPDX-License-Identifier: MIT
//
// Fences of address translation and of code (volume II, Supervisor Memory-Management Fence
// Instruction; Svinval; volume I, Zifencei). They act on the own hart only.
#include "system.h"

// SFENCE.VMA and SINVAL.VMA: illegal in U-mode, and in S-mode while TVM is set.
uint64_t rv_help_sfence_vma(void *vcpu, uint64_t address, uint64_t asid, uint64_t what, uint64_t d)
{
    enum { BY_ADDRESS = 1, BY_ASID = 2 };
    struct vm_vcpu *v = vcpu;
    struct vm_riscv64_state *s = rv_state(v);
    (void)d;
    if (s->privilege == VM_RISCV64_U ||
        (s->privilege == VM_RISCV64_S && s->mstatus & RV_MSTATUS_TVM)) {
        rv_raise_illegal(v);
        return 0;
    }
    struct vm_work work = {.kind = VM_WORK_FLUSH_TLB, .asid = (uint16_t)asid};
    if (what & BY_ADDRESS) {
        work.kind = what & BY_ASID ? VM_WORK_FLUSH_PAGE_ASID : VM_WORK_FLUSH_PAGE;
        work.first = work.last = address;
    } else if (what == BY_ASID) {
        work.kind = VM_WORK_FLUSH_ASID;
    }
    vm_vcpu_do_work(v, &work);
    VM_TRACE(&v->machine->trace, VM_TRACE_MMU, "vcpu %u: sfence.vma address %#lx asid %lu kind %u",
             v->index, address, asid, work.kind);
    return 0;
}

uint64_t rv_help_fence_i(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    v->engine->sync_code(v);
    return 0;
}
