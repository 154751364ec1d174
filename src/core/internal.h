// SPDX-License-Identifier: MIT
//
// What the files of core share beyond the public headers.
#ifndef VM_CORE_INTERNAL_H
#define VM_CORE_INTERNAL_H

#include <vm/core/machine.h>

// Does the work that others queued for this vCPU and clears VM_REQUEST_WORK.
void vm_vcpu_drain_work(struct vm_vcpu *v);

// One turn of a wait for another vCPU: does the own queued work, so that two that wait for each
// other both get on, and gives the host thread away.
void vm_vcpu_wait_politely(struct vm_vcpu *self);

#endif
