// SPDX-License-Identifier: MIT
//
// The PrimeCell GPIO PL061 (Arm DDI 0190): 8 pins, inputs that interrupt.
#ifndef VM_DEVICE_PL061_H
#define VM_DEVICE_PL061_H

#include <vm/device/site.h>

enum { VM_PL061_SIZE = 0x1000, VM_PL061_PINS = 8 };

// `phandle` is the node's own, `clock` that of its clock, for describe. Registers a timer with the
// machine's queue.
vm_status vm_pl061_create(struct vm_machine *m, const struct vm_device_site *site, uint32_t phandle,
                          uint32_t clock, struct vm_device *out, struct vm_error *e);

// The wire into a pin; empty if there is no such pin. Any thread may drive it.
struct vm_irq vm_pl061_pin(const struct vm_device *gpio, unsigned pin);

// Pushes the key at a pin: its input is high for a tenth of a second, long enough for a guest that
// looks at it when it has been interrupted. Any thread.
void vm_pl061_push(const struct vm_device *gpio, unsigned pin);

#endif
