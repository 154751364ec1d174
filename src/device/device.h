// SPDX-License-Identifier: MIT
//
// What the device files share: their own memory and locks out of the machine's host services.
#ifndef VM_DEVICE_DEVICE_H
#define VM_DEVICE_DEVICE_H

#include <vm/base/memory.h>
#include <vm/core/machine.h>
#include <vm/device/describe.h>
#include <vm/device/site.h>

// Zeroed memory for a device called `type`; NULL with *e set when there is none.
void *vm_device_alloc(struct vm_machine *m, size_t size, const char *type, struct vm_error *e);
void vm_device_release(struct vm_machine *m, void *p, size_t size);

// A lock; NULL with *e set when there is none.
struct vm_host_lock *vm_device_lock_create(struct vm_machine *m, const char *type,
                                           struct vm_error *e);
void vm_device_lock_destroy(struct vm_machine *m, struct vm_host_lock *lock); // NULL is allowed

// The properties that say which wire the device drives.
static inline void vm_device_describe_irq(struct vm_describe *d, const struct vm_device_site *site)
{
    enum { LEVEL_HIGH = 4 };
    const uint32_t cells[] = {0, site->interrupt, LEVEL_HIGH}; // 0: a shared peripheral interrupt
    bool gic = site->interrupt_cells > 2;
    vm_describe_cells(d, "interrupts", cells + !gic, gic ? 3 : site->interrupt_cells > 1 ? 2 : 1);
    vm_describe_cell(d, "interrupt-parent", site->interrupt_parent);
}

static inline void vm_device_lock(struct vm_machine *m, struct vm_host_lock *lock)
{
    m->host->lock(m->host->context, lock);
}

static inline void vm_device_unlock(struct vm_machine *m, struct vm_host_lock *lock)
{
    m->host->unlock(m->host->context, lock);
}

#endif
