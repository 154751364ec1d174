// SPDX-License-Identifier: MIT
//
// The core's questions about addresses: walks, and accesses that fail; and the syndromes of the
// aborts that come of them (ESR_EL1, "ISS encoding for an exception from an Instruction Abort",
// "from a Data Abort").
#include "system.h"

static void raise_abort(struct vm_vcpu *v, uint64_t address, enum vm_access access, unsigned fsc)
{
    if (access & VM_ACCESS_EXECUTE)
        vm_vcpu_raise(v, A64_ESR(A64_EC_INSN_ABORT, fsc), address);
    else
        vm_vcpu_raise(
            v, A64_ESR(A64_EC_DATA_ABORT, fsc | (access & VM_ACCESS_WRITE ? A64_ISS_WNR : 0)),
            address);
}

// An atomic operation fails as the store that it is only where a load would not have failed.
static enum vm_access access_to_blame(const struct a64_walk *failed)
{
    struct a64_walk load = *failed;
    load.access = VM_ACCESS_READ;
    load.probe = true;
    bool both = failed->v->loads_too && !a64_translate_address(&load) && load.fsc == failed->fsc;
    return both ? VM_ACCESS_READ : failed->access;
}

// What must hold of the PC before it is translated. False: something is raised.
static bool check_pc(struct vm_vcpu *v, uint64_t pc)
{
    uint64_t untagged = a64_strip_tag(a64_state(v), pc, true);
    if (VM_UNLIKELY(untagged != pc)) {
        vm_vcpu_raise(v, A64_CAUSE_TAGGED_PC, untagged);
        return false;
    }
    if (VM_UNLIKELY(v->mode & A64_MODE_STEP_DONE)) {
        a64_raise_step(v);
        return false;
    }
    if (VM_UNLIKELY(pc & 3)) {
        vm_vcpu_raise(v, A64_ESR(A64_EC_PC_ALIGN, 0), pc);
        return false;
    }
    return true;
}

bool a64_walk(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
              struct vm_translation *out)
{
    const struct vm_arm64_state *s = a64_state(v);
    if (access == VM_ACCESS_EXECUTE && !check_pc(v, gva.v))
        return false;
    struct a64_walk w = {.v = v,
                         .va = gva.v,
                         .access = access,
                         .el0 = index == A64_MMU_UNPRIV || !(index & A64_INDEX_EL1),
                         .pan = index & A64_INDEX_PAN || access == VM_ACCESS_EXECUTE};
    bool found = a64_translate_address(&w);
    VM_TRACE(&v->machine->trace, VM_TRACE_MMU, "vcpu %u: walk %#lx: %s fault status %#x pa %#lx",
             v->index, gva.v, found ? "found" : "failed", found ? 0 : w.fsc, found ? w.pa : 0);
    if (!found) {
        raise_abort(v, gva.v, access_to_blame(&w), w.fsc);
        return false;
    }
    *out = w.found;
    // Until contexts are selected anew, nothing must be remembered in those of before.
    if (VM_UNLIKELY(s->stale & A64_STALE_CONTEXT))
        out->first = 1;
    if (VM_UNLIKELY(a64_has_watchpoints(s)) && access != VM_ACCESS_EXECUTE)
        return a64_limit_by_watchpoints(&w, out);
    return true;
}

// An access that leaves the part of a page for which a walk was good has met a watchpoint.
void a64_access_failed(struct vm_vcpu *v, vm_gva gva, enum vm_access access,
                       enum vm_access_error error)
{
    bool el0 = !(v->mmu_index & A64_INDEX_EL1);
    enum vm_access to_blame = v->loads_too ? VM_ACCESS_READ : access;
    if (error == VM_ACCESS_MISALIGNED)
        raise_abort(v, gva.v, to_blame, A64_FSC_ALIGNMENT);
    else if (!a64_has_watchpoints(a64_state(v)) || !a64_watchpoint_behind(v, gva.v, access, el0))
        raise_abort(v, gva.v, to_blame, A64_FSC_EXTERNAL);
}
