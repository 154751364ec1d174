// SPDX-License-Identifier: MIT
//
// Translating one guest block: fetches instructions through the code TLB, has the frontend append
// IR, and stops at a terminator, a page end, a breakpoint or the size limit. Shared by all engines,
// which make their own blocks of the IR.
// This header needs the IR; only frontends and engines include it.
#ifndef VM_CORE_TRANSLATE_H
#define VM_CORE_TRANSLATE_H

#include <vm/core/machine.h>
#include <vm/ir/builder.h>

// An execution mode is vcpu->mode, and above it what the frontend's walk says of the code page.
enum { VM_MODE_PAGE_SHIFT = 24 };
#define VM_MODE_OF_VCPU ((1u << VM_MODE_PAGE_SHIFT) - 1)
static inline uint32_t vm_mode_of_code(const struct vm_vcpu *v,
                                       const struct vm_tlb_code_entry *page)
{
    return v->mode | (uint32_t)(page->attributes & ~VM_PAGE_ALIGNED) << VM_MODE_PAGE_SHIFT;
}

struct vm_block_source {
    uint64_t pc; // guest-virtual
    vm_gpa gpa;  // of pc
    vm_gpa gpa2; // of the second page for an instruction across two, else ~0
    const struct vm_region *region, *region2;
    uint32_t mode;              // vm_mode_of_code
    uint32_t version, version2; // code versions of the pages when the bytes were read
};

// Builds the IR of the block at the vCPU's PC, at most `max_insns` instructions, marks its lines as
// code, and describes it in `source`. False: vcpu->exception is set (fetch fault), or
// region->overflow (memory out).
bool vm_translate_block(struct vm_vcpu *v, uint32_t max_insns, struct vm_arena *arena,
                        struct vm_ir_region *region, struct vm_block_source *source);

struct vm_block;

// How an engine makes a block of its own.
struct vm_translator {
    struct vm_vcpu *vcpu;
    struct vm_arena *scratch;      // for the IR; emptied before each attempt
    struct vm_engine_stats *stats; // counts blocks, instructions and time
    // The block for an optimised region; NULL where it does not fit or memory is out.
    struct vm_block *(*make)(void *context, const struct vm_ir_region *region,
                             const struct vm_block_source *source);
    void *context;
    struct vm_block_source source; // out: what the block was made from
};

// Makes the block at the vCPU's PC, of at most `max_insns` instructions, and fewer where that many
// do not fit. NULL: *exit says why (a fetch fault, memory out, or the mapping was flushed
// meanwhile).
struct vm_block *vm_translator_run(struct vm_translator *t, uint32_t max_insns,
                                   enum vm_engine_exit *exit);

// CPU time of the vCPU's thread, ns, for statistics.
uint64_t vm_translator_time(const struct vm_vcpu *v);

// Why an engine comes back from an `exit` op.
enum vm_engine_exit vm_translate_exit(enum vm_ir_exit reason);

// Whether an instruction at `offset` from the page base cannot reach into the next page.
static inline bool vm_translate_is_near(const struct vm_guest_ops *guest, uint64_t offset)
{
    return offset <= (uint64_t)VM_PAGE_SIZE - guest->max_insn;
}

#endif
