// SPDX-License-Identifier: MIT
//
// The built-in firmware: Power State Coordination Interface 1.1 (Arm DEN 0022) and the architecture
// calls of the SMC Calling Convention 1.1 (DEN 0028), by HVC or SMC. There is no software below
// EL1, so it is always there.
//
// Every call runs on the thread of the CPU that made it. Locking: psci.lock guards the CPUs'
// states.
//
// A CPU that is suspended executes the two instructions "wfi; hvc" that the board has in ROM, with
// the MMU off and interrupts masked; one that is off is parked before the second. So what happens
// when it goes on happens in its own call, on its own thread.
#ifndef VIRT_ARM64_PSCI_H
#define VIRT_ARM64_PSCI_H

#include <vm/core/machine.h>

struct virt_arm64;

// As AFFINITY_INFO reports them (5.7.3). A CPU that has been told to start and has not run yet is
// on to its callers, as it is under other hypervisors: nobody is told ON_PENDING.
enum psci_state {
    PSCI_ON = 0,
    PSCI_OFF = 1,
    PSCI_STARTING,
};

struct psci_cpu {
    struct vm_vcpu *vcpu;
    enum psci_state state;   // under psci.lock
    uint64_t entry, context; // under psci.lock: where the CPU goes when it is on or wakes up
    bool suspended, standby; // its own: how it waits in ROM; then what it goes on with:
    uint64_t pc, sctlr, daif;
};

struct psci {
    struct vm_host_lock *lock;
    uint32_t cpus;
    struct psci_cpu cpu[VM_MAX_VCPUS];
};

vm_status psci_create(struct virt_arm64 *board, struct vm_error *e);
void psci_destroy(struct virt_arm64 *board);
// Power-on: CPU 0 starts at `entry` with `argument` in x0, the others are off. After the vCPUs' own
// reset.
void psci_reset(struct virt_arm64 *board, uint64_t entry, uint64_t argument);

#endif
