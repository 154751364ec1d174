// SPDX-License-Identifier: MIT
//
// The interface between a guest architecture and everything else: one const table per frontend.
#ifndef VM_CORE_GUEST_H
#define VM_CORE_GUEST_H

#include <vm/base/error.h>
#include <vm/base/regfile.h>
#include <vm/core/device.h>
#include <vm/mem/tlb.h>

struct vm_vcpu;
struct vm_machine;
struct vm_ir_builder;
struct vm_ir_helper;

// One instruction's translation. The frontend reads `bytes`, appends IR to `builder` (its insn
// marker first) and reports the length; `ends` tells that the block is terminated.
struct vm_translate {
    struct vm_ir_builder *builder;
    const uint8_t *bytes; // at the instruction
    uint32_t available;   // how many bytes there are; at least 2, fewer than max_insn only at the
                          // end of the first page
    uint64_t offset;      // of the instruction from the page base of the block's entry PC
    uint32_t mode;        // the vCPU's execution-mode bits, and from bit 24 on the code page's
                          // attributes: all that a translation may depend on
    const void *config;   // the frontend's constant configuration of the vCPU (extensions)
    bool alone;           // the machine has no other vCPU: no access of it need be atomic
    uint32_t length;      // out: bytes
    bool ends;            // out: a terminator was appended
    bool more;            // out: `available` is too short, nothing was appended
};

// Why an access failed below the page walk.
enum vm_access_error {
    VM_ACCESS_BUS,        // nobody answers at the physical address
    VM_ACCESS_MISALIGNED, // the op demands alignment
};

// What leads from a vCPU to devices beside memory accesses: places in the frontend's state, which
// whoever looks on from between may put its own into.
enum { VM_LINK_DEVICES = 2, VM_LINK_WIRES = 8 };
struct vm_links {
    struct vm_register_device *registers[VM_LINK_DEVICES]; // some may have no operations
    struct vm_irq *wires[VM_LINK_WIRES];                   // that the vCPU drives
    uint32_t register_count, wire_count;
};

struct vm_guest_ops {
    const char *name; // "riscv64"
    const struct vm_regfile *regfile;
    const struct vm_ir_helper *helpers;
    uint16_t helper_count;
    uint8_t max_insn;   // bytes of the longest instruction
    uint8_t insn_align; // bytes

    // Parses "name,+ext,-ext" (NULL: the default CPU) into a configuration that the machine's vCPUs
    // share; allocated from, and released to, the given allocator.
    vm_status (*configure)(const char *cpu, const struct vm_allocator *allocator, void **config,
                           struct vm_error *e);
    void (*unconfigure)(void *config, const struct vm_allocator *allocator);

    // Puts the state as the architecture says it is after reset, PC at `entry`.
    void (*reset)(struct vm_vcpu *vcpu, uint64_t entry);

    // Recomputes vcpu->mode and the TLB contexts from the state; after anything but generated code
    // wrote system registers.
    void (*sync)(struct vm_vcpu *vcpu);

    void (*translate)(struct vm_translate *t);

    // Walks the page tables for one access in MMU index `index`. On failure records the guest's
    // exception in vcpu->exception and returns false.
    bool (*walk)(struct vm_vcpu *vcpu, vm_gva gva, enum vm_access access, unsigned index,
                 struct vm_translation *out);

    // Records the guest's exception for an access that failed below the walk.
    void (*access_failed)(struct vm_vcpu *vcpu, vm_gva gva, enum vm_access access,
                          enum vm_access_error error);

    // Enters the exception in vcpu->exception (state's PC is the faulting instruction's). False: it
    // was a call that the machine's built-in firmware has answered, and the guest is past it.
    bool (*take_exception)(struct vm_vcpu *vcpu);

    // Takes the most urgent enabled interrupt if there is one (state's PC is the next instruction).
    bool (*take_interrupt)(struct vm_vcpu *vcpu);

    // Whether a waiting vCPU has to go on: an interrupt pends, enabled or not, as WFI/WFE/HLT say,
    // or an event has come. Whatever makes it true wakes the vCPU (host.h).
    bool (*has_work)(struct vm_vcpu *vcpu);

    // What VM_REQUEST_LOOK asks for, before the vCPU goes on. NULL: the frontend never asks.
    void (*look)(struct vm_vcpu *vcpu);

    // Finds the vCPU's links. NULL: it reaches devices by memory accesses only.
    void (*links)(struct vm_vcpu *vcpu, struct vm_links *out);

    // One line of assembly for the bytes at pc; returns the length of the instruction (at least 1).
    unsigned (*disassemble)(const void *config, uint64_t pc, const uint8_t *bytes, size_t available,
                            char *out, size_t size);
};

#endif
