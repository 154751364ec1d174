// SPDX-License-Identifier: MIT
//
// Test finisher (vm/device/syscon.h). It has no state, so nothing to lock or reset.
#include "../device.h"

#include <vm/device/syscon.h>

struct syscon {
    struct vm_machine *machine;
    vm_gpa base;
    uint32_t phandle;
};

static bool syscon_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device, (void)offset;
    *value = 0;
    return size == 2 || size == 4;
}

static bool syscon_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct syscon *s = device;
    if (size != 2 && size != 4)
        return false;
    if (offset != 0)
        return true;
    uint32_t code = (uint32_t)(value >> 16) & 0xffff;
    switch (value & 0xffff) {
    case VM_SYSCON_FAIL:
        // A failure must not look like a success.
        vm_machine_stop(s->machine, VM_STOP_POWEROFF, code ? code : 1, "test device: failure");
        break;
    case VM_SYSCON_POWEROFF:
        vm_machine_stop(s->machine, VM_STOP_POWEROFF, 0, "test device: power off");
        break;
    case VM_SYSCON_RESET:
        vm_machine_stop(s->machine, VM_STOP_RESET, 0, "test device: reset");
        break;
    default: break;
    }
    return true;
}

static void syscon_reset(void *device)
{
    (void)device;
}

static int syscon_describe(const void *device, void *fdt)
{
    const struct syscon *s = device;
    static const char compatible[] = "sifive,test1\0sifive,test0\0syscon";
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "test", s->base.v);
    vm_describe_bytes(&d, "compatible", compatible, sizeof compatible);
    vm_describe_reg(&d, s->base.v, VM_SYSCON_SIZE);
    vm_describe_cell(&d, "phandle", s->phandle);
    vm_describe_end(&d);
    return d.error;
}

static void syscon_destroy(void *device)
{
    struct syscon *s = device;
    vm_device_release(s->machine, s, sizeof *s);
}

static const struct vm_device_ops syscon_ops = {
    .type = "test",
    .mmio = {syscon_read, syscon_write},
    .reset = syscon_reset,
    .destroy = syscon_destroy,
    .describe = syscon_describe,
};

vm_status vm_syscon_create(struct vm_machine *m, vm_gpa base, uint32_t phandle,
                           struct vm_device *out, struct vm_error *e)
{
    struct syscon *s = vm_device_alloc(m, sizeof *s, syscon_ops.type, e);
    if (!s)
        return VM_ERR_HOST;
    *s = (struct syscon){m, base, phandle};
    *out = (struct vm_device){&syscon_ops, s, base, VM_SYSCON_SIZE};
    return VM_OK;
}
