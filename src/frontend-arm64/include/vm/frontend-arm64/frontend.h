// SPDX-License-Identifier: MIT
//
// The ARM64 frontend: its guest_ops, and what a board must know to connect and start the PEs.
#ifndef VM_FRONTEND_ARM64_FRONTEND_H
#define VM_FRONTEND_ARM64_FRONTEND_H

#include <vm/core/arch/arm64/state.h>
#include <vm/core/guest.h>
#include <vm/core/machine.h>

extern const struct vm_guest_ops vm_arm64_guest_ops;

// The frequency of the system counter (CNTFRQ_EL0), Hz, and its value at this moment.
enum { VM_ARM64_COUNTER_HZ = 62500000 };
uint64_t vm_arm64_counter(const struct vm_machine *m);

// Connects the PE to its GIC and interrupt wires. Set-up time only, before the first reset; stays
// over resets.
void vm_arm64_connect(struct vm_vcpu *v, const struct vm_arm64_wiring *wiring);

// Puts a PE in the state in which firmware starts an operating system (Linux's
// Documentation/arch/arm64/booting.rst, PSCI CPU_ON): EL1 with SP_EL1, interrupts masked, MMU and
// caches off, at `entry` with `argument` in x0. For boards with built-in PSCI.
void vm_arm64_enter_kernel(struct vm_vcpu *v, uint64_t entry, uint64_t argument);

// Whether the PEs have the feature, by its name in --cpu ("csv2").
bool vm_arm64_has(const void *config, const char *feature);

// The PE's affinity, Aff3 to Aff0 at the places of MPIDR_EL1.
uint64_t vm_arm64_affinity(const struct vm_vcpu *v);

// Coverage: how often each row of the instruction tables was translated by this process's vCPUs is
// counted in `counters` when the configuration has them (tests); row names in the same order.
size_t vm_arm64_row_count(void);
const char *vm_arm64_row_name(size_t row);
void vm_arm64_set_coverage(void *config, uint64_t *counters);

#endif
