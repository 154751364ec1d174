// SPDX-License-Identifier: MIT
//
// CLINT (vm/device/aclint.h): msip words, mtimecmp of each hart, one mtime.
//
// mtime is the count behind the harts' time CSRs plus what the guest has set it ahead; the CSRs
// themselves keep the count. Locking: everything is under one lock, also while wires are driven and
// timers armed, so that a level never overtakes a later one.
#include "../device.h"

#include <vm/base/bits.h>
#include <vm/device/aclint.h>

enum {
    MSIP = 0x0,
    MTIMECMP = 0x4000,
    MTIME = 0xbff8,
    MSIP_SIZE = 4,
    MTIMECMP_SIZE = 8,
};

struct hart {
    struct aclint *aclint;
    struct vm_timer timer;
    struct vm_irq software_irq, timer_irq;
    uint64_t mtimecmp;
    uint32_t cpu_intc;
    bool msip;
};

struct aclint {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    vm_gpa base;
    uint64_t (*time)(void *context);
    uint64_t (*to_clock)(void *context, uint64_t time);
    void *context;
    uint64_t ahead; // mtime minus time(), modulo 2^64
    uint32_t harts;
    struct hart hart[VM_MAX_VCPUS];
};

// Drives the hart's timer wire, and arms its timer for when the wire is to rise.
static void update_timer(struct hart *h)
{
    struct aclint *a = h->aclint;
    uint64_t time = a->time(a->context), mtime = time + a->ahead;
    bool due = mtime >= h->mtimecmp;
    uint64_t deadline = VM_TIMER_NEVER;
    if (!due && h->mtimecmp - mtime <= UINT64_MAX - time)
        deadline = a->to_clock(a->context, time + (h->mtimecmp - mtime));
    vm_timer_arm(&a->machine->timers, &h->timer, deadline);
    vm_irq_set(&h->timer_irq, due);
}

static void timer_fired(void *context)
{
    struct hart *h = context;
    vm_device_lock(h->aclint->machine, h->aclint->lock);
    update_timer(h);
    vm_device_unlock(h->aclint->machine, h->aclint->lock);
}

// `old` with the accessed half, or all of it, replaced.
static uint64_t merge(uint64_t old, uint64_t offset, unsigned size, uint64_t value)
{
    return size == 8 ? value : vm_set_bits(old, offset & 4 ? 32 : 0, 32, value);
}

static uint64_t part(uint64_t all, uint64_t offset, unsigned size)
{
    return size == 8 ? all : vm_bits(all, offset & 4 ? 32 : 0, 32);
}

// The hart whose register of `width` bytes, in an array at `first`, is at the offset; or NULL.
static struct hart *hart_at(struct aclint *a, uint64_t offset, uint64_t first, unsigned width)
{
    if (offset < first || (offset - first) / width >= a->harts)
        return NULL;
    return &a->hart[(offset - first) / width];
}

static uint64_t read_register(struct aclint *a, uint64_t offset, unsigned size)
{
    struct hart *h;
    if (offset >= MTIME)
        return offset < MTIME + 8 ? part(a->time(a->context) + a->ahead, offset, size) : 0;
    if ((h = hart_at(a, offset, MTIMECMP, MTIMECMP_SIZE)))
        return part(h->mtimecmp, offset, size);
    if ((h = hart_at(a, offset, MSIP, MSIP_SIZE)))
        return h->msip;
    return 0;
}

static void write_register(struct aclint *a, uint64_t offset, unsigned size, uint64_t value)
{
    struct hart *h;
    if (offset >= MTIME) {
        if (offset >= MTIME + 8)
            return;
        uint64_t time = a->time(a->context);
        a->ahead = merge(time + a->ahead, offset, size, value) - time;
        for (uint32_t i = 0; i < a->harts; i++)
            update_timer(&a->hart[i]);
    } else if ((h = hart_at(a, offset, MTIMECMP, MTIMECMP_SIZE))) {
        h->mtimecmp = merge(h->mtimecmp, offset, size, value);
        update_timer(h);
    } else if ((h = hart_at(a, offset, MSIP, MSIP_SIZE))) {
        h->msip = value & 1;
        vm_irq_set(&h->software_irq, h->msip);
    }
}

// 4 bytes anywhere, 8 bytes where registers are that wide.
static bool is_valid(uint64_t offset, unsigned size)
{
    return size == 4 || (size == 8 && offset >= MTIMECMP);
}

static bool aclint_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct aclint *a = device;
    if (!is_valid(offset, size))
        return false;
    vm_device_lock(a->machine, a->lock);
    *value = read_register(a, offset, size);
    vm_device_unlock(a->machine, a->lock);
    return true;
}

static bool aclint_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct aclint *a = device;
    if (!is_valid(offset, size))
        return false;
    vm_device_lock(a->machine, a->lock);
    write_register(a, offset, size, value);
    vm_device_unlock(a->machine, a->lock);
    return true;
}

// mtimecmp has no defined reset value; the largest keeps the wires low until software sets it.
static void aclint_reset(void *device)
{
    struct aclint *a = device;
    vm_device_lock(a->machine, a->lock);
    a->ahead = 0;
    for (uint32_t i = 0; i < a->harts; i++) {
        struct hart *h = &a->hart[i];
        h->msip = false;
        vm_irq_set(&h->software_irq, false);
        h->mtimecmp = UINT64_MAX;
        update_timer(h);
    }
    vm_device_unlock(a->machine, a->lock);
}

static int aclint_describe(const void *device, void *fdt)
{
    const struct aclint *a = device;
    enum { MACHINE_SOFTWARE = 3, MACHINE_TIMER = 7 };
    struct vm_describe d = {.fdt = fdt};
    uint32_t wires[4 * VM_MAX_VCPUS];
    for (uint32_t i = 0; i < a->harts; i++) {
        wires[4 * i] = wires[4 * i + 2] = a->hart[i].cpu_intc;
        wires[4 * i + 1] = MACHINE_SOFTWARE;
        wires[4 * i + 3] = MACHINE_TIMER;
    }
    static const char compatible[] = "sifive,clint0\0riscv,clint0";
    vm_describe_begin_at(&d, "clint", a->base.v);
    vm_describe_bytes(&d, "compatible", compatible, sizeof compatible);
    vm_describe_reg(&d, a->base.v, VM_ACLINT_SIZE);
    vm_describe_cells(&d, "interrupts-extended", wires, 4 * (size_t)a->harts);
    vm_describe_end(&d);
    return d.error;
}

static void aclint_destroy(void *device)
{
    struct aclint *a = device;
    for (uint32_t i = 0; i < a->harts; i++) {
        if (a->hart[i].timer.fire)
            vm_timer_arm(&a->machine->timers, &a->hart[i].timer, VM_TIMER_NEVER);
    }
    vm_device_lock_destroy(a->machine, a->lock);
    vm_device_release(a->machine, a, sizeof *a);
}

static const struct vm_device_ops aclint_ops = {
    .type = "clint",
    .mmio = {aclint_read, aclint_write},
    .reset = aclint_reset,
    .destroy = aclint_destroy,
    .describe = aclint_describe,
};

static vm_status add_harts(struct aclint *a, const struct vm_aclint_config *c, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (uint32_t i = 0; i < c->harts && status == VM_OK; i++) {
        struct hart *h = &a->hart[i];
        h->aclint = a;
        h->software_irq = c->software[i];
        h->timer_irq = c->timer[i];
        h->cpu_intc = c->cpu_intc[i];
        h->mtimecmp = UINT64_MAX;
        a->harts = i + 1;
        status = vm_timer_add(&a->machine->timers, &h->timer, timer_fired, h, e);
    }
    return status;
}

vm_status vm_aclint_create(struct vm_machine *m, const struct vm_aclint_config *config,
                           struct vm_device *out, struct vm_error *e)
{
    if (config->harts == 0 || config->harts > VM_MAX_VCPUS)
        return vm_error_set(e, VM_ERR_USAGE, "the CLINT serves 1 to %d harts, not %u", VM_MAX_VCPUS,
                            config->harts);
    struct aclint *a = vm_device_alloc(m, sizeof *a, aclint_ops.type, e);
    if (!a)
        return VM_ERR_HOST;
    a->machine = m;
    a->base = config->base;
    a->time = config->time;
    a->to_clock = config->to_clock;
    a->context = config->context;
    a->lock = vm_device_lock_create(m, aclint_ops.type, e);
    vm_status status = a->lock ? add_harts(a, config, e) : VM_ERR_HOST;
    if (status != VM_OK) {
        aclint_destroy(a);
        return status;
    }
    *out = (struct vm_device){&aclint_ops, a, config->base, VM_ACLINT_SIZE};
    return VM_OK;
}
