// SPDX-License-Identifier: MIT
//
// Translating one guest block: fetches instructions through the code TLB, has the frontend append
// IR, and stops at a terminator, a page end, a breakpoint or the size limit. Shared by all engines.
// This header needs the IR; only frontends and engines include it.
#ifndef VM_CORE_TRANSLATE_H
#define VM_CORE_TRANSLATE_H

#include <vm/core/machine.h>
#include <vm/ir/builder.h>

struct vm_block_source {
    uint64_t pc; // guest-virtual
    vm_gpa gpa;  // of pc
    vm_gpa gpa2; // of the second page for an instruction across two, else ~0
    const struct vm_region *region, *region2;
    uint32_t mode;
    uint32_t version, version2; // code versions of the pages when the bytes were read
};

// Builds the IR of the block at the vCPU's PC, at most `max_insns` instructions, marks its lines as
// code, and describes it in `source`. False: vcpu->exception is set (fetch fault), or
// region->overflow (memory out).
bool vm_translate_block(struct vm_vcpu *v, uint32_t max_insns, struct vm_arena *arena,
                        struct vm_ir_region *region, struct vm_block_source *source);

#endif
