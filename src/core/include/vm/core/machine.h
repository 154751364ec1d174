// SPDX-License-Identifier: MIT
//
// The machine that vCPUs, devices and boards share: address space, timers, trace, stop state.
#ifndef VM_CORE_MACHINE_H
#define VM_CORE_MACHINE_H

#include <vm/base/trace.h>
#include <vm/core/host.h>
#include <vm/core/timer.h>
#include <vm/core/vcpu.h>

enum { VM_MAX_VCPUS = 64, VM_MAX_BREAKPOINTS = 64 };

// Why the machine stops. A later, weaker reason does not replace an earlier one.
enum vm_stop {
    VM_STOP_NONE,
    VM_STOP_PAUSE,    // the embedder wants the vCPUs back
    VM_STOP_RESET,    // the guest asked for a reset
    VM_STOP_POWEROFF, // the guest powered off; stop_code is its exit code
    VM_STOP_CRASH,    // beyond continuing; stop_text says why
};

// Firmware that the board implements itself (SBI, PSCI). The frontend calls it, on the vCPU's
// thread, in place of taking the exception that a call to firmware is; PC is past the call.
struct vm_firmware {
    void (*call)(struct vm_vcpu *v, void *context);
    void *context;
};

struct vm_machine {
    const struct vm_host *host;
    const struct vm_guest_ops *guest;
    void *config; // of guest->configure
    struct vm_space space;
    struct vm_timers timers;
    struct vm_trace trace;
    struct vm_firmware firmware;

    struct vm_engine_options engine_options;

    struct vm_vcpu *vcpus[VM_MAX_VCPUS];
    uint32_t vcpu_count;

    _Atomic bool protecting; // a vCPU is taking write access to a page from the others

    struct vm_host_lock *lock; // stop state, breakpoints
    _Atomic uint32_t stop;     // enum vm_stop
    uint32_t stop_code;
    char stop_text[256];
    uint64_t breakpoints[VM_MAX_BREAKPOINTS]; // gvas
    _Atomic uint32_t breakpoint_count;
};

// Initialises all but the vCPUs. `config` stays the caller's.
vm_status vm_machine_init(struct vm_machine *m, const struct vm_host *host,
                          const struct vm_guest_ops *guest, void *config, struct vm_error *e);
void vm_machine_destroy(struct vm_machine *m); // vCPUs included

// From any thread: asks every vCPU to come back with VM_RUN_STOPPED.
void vm_machine_stop(struct vm_machine *m, enum vm_stop stop, uint32_t code, const char *text);

// Clears the stop state after the embedder has dealt with it (pause, reset).
void vm_machine_resume(struct vm_machine *m);

// Adds or removes a breakpoint; VM_ERR_USAGE when the table is full or it is not there.
vm_status vm_machine_add_breakpoint(struct vm_machine *m, uint64_t gva, struct vm_error *e);
vm_status vm_machine_remove_breakpoint(struct vm_machine *m, uint64_t gva, struct vm_error *e);
bool vm_machine_is_breakpoint(struct vm_machine *m, uint64_t gva);

#endif
