// SPDX-License-Identifier: MIT
//
// The RISC-V64 frontend: its guest_ops, and what a board must know to describe the harts.
#ifndef VM_FRONTEND_RISCV64_FRONTEND_H
#define VM_FRONTEND_RISCV64_FRONTEND_H

#include <vm/core/arch/riscv64/imsic.h>
#include <vm/core/guest.h>

extern const struct vm_guest_ops vm_riscv64_guest_ops;

// For the device tree: the "riscv,isa" string, and the extension names one after the other
// ("i\0m\0...", as in riscv,isa-extensions; *size gets the bytes). Owned by the configuration.
const char *vm_riscv64_isa_string(const void *config);
const char *vm_riscv64_isa_extensions(const void *config, size_t *size);

// "riscv,sv57", "riscv,sv48" or "riscv,sv39".
const char *vm_riscv64_mmu_type(const void *config);

// The cache-block size of Zicbom and Zicboz, bytes.
enum { VM_RISCV64_CACHE_BLOCK = 64 };

// The frequency of the `time` CSR, Hz, and its value at `ns` of the machine's monotonic clock.
enum { VM_RISCV64_TIMEBASE = 10000000 };
uint64_t vm_riscv64_time(const struct vm_machine *m);
// The monotonic clock when `time` reaches `value`, VM_TIMER_NEVER if beyond its range.
uint64_t vm_riscv64_time_to_clock(const struct vm_machine *m, uint64_t value);

// Puts a hart in the state in which machine-mode firmware would start supervisor software: S-mode
// at `entry` with a0 = hart id, a1 = opaque; everything delegated, counters, timer (stimecmp),
// environment features (ADUE, PBMTE, CBO*, SSEED) open. For boards with a built-in SBI.
void vm_riscv64_enter_supervisor(struct vm_vcpu *v, uint64_t entry, uint64_t opaque);

// Gives every hart of the machine its IMSIC, imsics[hart], and with it the extensions Smaia and
// Ssaia. Set-up time only, before anyone asks for the extensions' names. VM_ERR_USAGE: --cpu has
// turned these off.
vm_status vm_riscv64_connect_imsics(struct vm_machine *m, const struct vm_riscv64_imsic *imsics,
                                    struct vm_error *e);

// Coverage: how often each row of the instruction tables was translated by this process's vCPUs is
// counted in `counters` when the configuration has them (tests); row names in the same order.
size_t vm_riscv64_row_count(void);
const char *vm_riscv64_row_name(size_t row);
void vm_riscv64_set_coverage(void *config, uint64_t *counters);

#endif
