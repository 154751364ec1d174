// SPDX-License-Identifier: MIT
//
// Set-up shared by all devices: memory, locks, and the way into the address space.
#include "device.h"

void *vm_device_alloc(struct vm_machine *m, size_t size, const char *type, struct vm_error *e)
{
    const struct vm_allocator *a = &m->host->allocator;
    void *p = a->alloc(a->context, size, _Alignof(max_align_t));
    if (!p)
        vm_error_set(e, VM_ERR_HOST, "out of memory for device %s", type);
    else
        vm_zero(p, size);
    return p;
}

void vm_device_release(struct vm_machine *m, void *p, size_t size)
{
    const struct vm_allocator *a = &m->host->allocator;
    a->release(a->context, p, size);
}

struct vm_host_lock *vm_device_lock_create(struct vm_machine *m, const char *type,
                                           struct vm_error *e)
{
    struct vm_host_lock *lock = m->host->lock_create(m->host->context);
    if (!lock)
        vm_error_set(e, VM_ERR_HOST, "out of memory for the lock of device %s", type);
    return lock;
}

void vm_device_lock_destroy(struct vm_machine *m, struct vm_host_lock *lock)
{
    if (lock)
        m->host->lock_destroy(m->host->context, lock);
}

vm_status vm_device_attach(struct vm_machine *m, const struct vm_device *device, struct vm_error *e)
{
    return vm_space_add_mmio(&m->space, device->base, device->size, &device->ops->mmio,
                             device->device, device->ops->type, e);
}
