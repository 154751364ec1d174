// SPDX-License-Identifier: MIT
//
// The PrimeCell real-time clock PL031 (Arm DDI 0224): seconds since 1970, and a match of them.
#ifndef VM_DEVICE_PL031_H
#define VM_DEVICE_PL031_H

#include <vm/device/site.h>

enum { VM_PL031_SIZE = 0x1000 };

// Shows the host's real time until the guest sets it. Registers a timer with the machine's queue.
// `clock` is the phandle of its clock, for describe.
vm_status vm_pl031_create(struct vm_machine *m, const struct vm_device_site *site, uint32_t clock,
                          struct vm_device *out, struct vm_error *e);

#endif
