// SPDX-License-Identifier: MIT
//
// The interface of execution engines: interpreter, JIT tiers, accelerators.
//
// Register truth: outside `run` the vCPU's state struct is always complete and exact, PC included.
// Inside, an engine may hold what it likes.
#ifndef VM_CORE_ENGINE_H
#define VM_CORE_ENGINE_H

#include <vm/base/error.h>
#include <vm/base/types.h>

struct vm_vcpu;

// Why `run` came back. State is exact at an instruction boundary in each case.
enum vm_engine_exit {
    VM_ENGINE_REQUEST,   // vcpu->request has bits set
    VM_ENGINE_EXCEPTION, // vcpu->exception holds it, PC is the faulting instruction; inside
                         // vm_vcpu_run an engine may take exceptions itself
    VM_ENGINE_RESYNC,    // mode or mapping changed
    VM_ENGINE_WAIT,      // wait for an interrupt; PC is past the instruction
    VM_ENGINE_PAUSE,     // a spin hint
    VM_ENGINE_LIMIT,     // the instruction limit is reached
    VM_ENGINE_BREAKPOINT,
    VM_ENGINE_FAILED, // memory ran out: the machine must stop
};

struct vm_engine_stats {
    uint64_t blocks;           // translated
    uint64_t translated_insns; // guest instructions in them
    // CPU time: of translating some of those instructions, chosen evenly, and how many they are;
    // and of rare steps on the way that take long, of which each is measured and no sample has any.
    uint64_t sampled_ns, sampled_insns, step_ns;
    uint64_t cache_bytes, cache_flushes;
    uint64_t block_lookups; // that missed the links
};

// CPU time that all translations took, ns: by samples but for the rare steps.
static inline uint64_t vm_engine_translate_ns(const struct vm_engine_stats *s)
{
    uint64_t n = s->sampled_insns ? s->sampled_insns : 1;
    uint64_t whole = s->sampled_ns / n, rest = s->sampled_ns % n;
    return whole * s->translated_insns + rest * s->translated_insns / n + s->step_ns;
}

// What an engine is told when it is created. All zero: what it thinks best.
struct vm_engine_options {
    uint64_t code_cache;       // bytes that translations may take, for all vCPUs together
    uint32_t vcpus;            // that will share it; 0 is 1
    uint32_t without_features; // bits of the host's (vm/osal/cpu.h) that it must not use
    bool block_at_a_time;      // `run` comes back, with VM_ENGINE_LIMIT, after each block
};

struct vm_engine_ops {
    const char *name;                                              // "interpreter"
    vm_status (*create)(struct vm_vcpu *vcpu, struct vm_error *e); // sets vcpu->engine_data
    void (*destroy)(struct vm_vcpu *vcpu);
    // Runs until something needs the run loop. Retires at most vcpu->insn_limit - vcpu->icount
    // instructions.
    enum vm_engine_exit (*run)(struct vm_vcpu *vcpu);
    // The guest asked for its code writes to be seen (fence.i), or code pages changed: drops stale
    // translations of this vCPU.
    void (*sync_code)(struct vm_vcpu *vcpu);
    // Drops every translation (breakpoints changed).
    void (*flush)(struct vm_vcpu *vcpu);
    void (*stats)(const struct vm_vcpu *vcpu, struct vm_engine_stats *out);
    // For debugging: host code of the translation at the vCPU's PC, and its bytes in *size; NULL if
    // there is none. Engines without host code have no such function.
    const void *(*host_code)(struct vm_vcpu *vcpu, size_t *size);
};

#endif
