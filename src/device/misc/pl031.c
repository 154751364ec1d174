// SPDX-License-Identifier: MIT
//
// PL031 RTC (vm/device/pl031.h; DDI 0224, 3.3). The counter is the host's real time in seconds plus
// what the guest has set it ahead by.
//
// Locking: one lock for all state, also held while the wire is driven and the timer armed.
#include "../primecell.h"

#include <vm/device/pl031.h>

enum {
    DR = 0x00,
    MR = 0x04,
    LR = 0x08,
    CR = 0x0c,
    IMSC = 0x10,
    RIS = 0x14,
    MIS = 0x18,
    ICR = 0x1c,

    PART = 0x031,
    REVISION = 0,
};

#define SECOND UINT64_C(1000000000)

struct pl031 {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_device_site site;
    uint32_t clock;
    struct vm_timer timer;

    uint32_t ahead; // seconds, modulo 2^32
    uint32_t match, load;
    uint64_t matches; // the host's second at which the counter is next equal to the match register
    bool pending, enabled;
};

static uint64_t host_time(const struct pl031 *r)
{
    const struct vm_host *host = r->machine->host;
    return host->real_time(host->context);
}

static uint32_t counter(const struct pl031 *r)
{
    return (uint32_t)(host_time(r) / SECOND) + r->ahead;
}

static void update_irq(struct pl031 *r)
{
    vm_irq_set(&r->site.irq, r->pending && r->enabled);
}

// Raises a match that is due, and has the timer fire when the next one will be: 2^32 seconds after
// the last.
static void update_match(struct pl031 *r)
{
    const struct vm_host *host = r->machine->host;
    uint64_t time = host_time(r), clock = host->clock(host->context);
    while (time / SECOND >= r->matches) {
        r->pending = true;
        r->matches += UINT64_C(1) << 32;
    }
    vm_timer_arm(&r->machine->timers, &r->timer, clock + (r->matches * SECOND - time));
    update_irq(r);
}

// The counter or the match register has changed.
static void find_match(struct pl031 *r)
{
    r->matches = host_time(r) / SECOND + (uint32_t)(r->match - counter(r));
    update_match(r);
}

static void timer_fired(void *context)
{
    struct pl031 *r = context;
    vm_device_lock(r->machine, r->lock);
    update_match(r);
    vm_device_unlock(r->machine, r->lock);
}

static uint32_t read_register(struct pl031 *r, uint64_t offset)
{
    if (offset >= PRIMECELL_ID)
        return primecell_id(offset, PART, REVISION);
    switch (offset) {
    case DR: return counter(r);
    case MR: return r->match;
    case LR: return r->load;
    case CR: return 1; // it runs
    case IMSC: return r->enabled;
    case RIS: return r->pending;
    case MIS: return r->pending && r->enabled;
    default: return 0;
    }
}

static void write_register(struct pl031 *r, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case MR:
        r->match = value;
        find_match(r);
        break;
    case LR:
        r->load = value;
        r->ahead += value - counter(r);
        find_match(r);
        break;
    case IMSC: r->enabled = value & 1; break;
    case ICR: r->pending = r->pending && !(value & 1); break;
    default: break;
    }
    update_irq(r);
}

static bool rtc_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct pl031 *r = device;
    if (!primecell_takes(offset, size))
        return false;
    vm_device_lock(r->machine, r->lock);
    *value = read_register(r, offset) & (UINT64_MAX >> (64 - 8 * size));
    vm_device_unlock(r->machine, r->lock);
    return true;
}

static bool rtc_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl031 *r = device;
    if (!primecell_takes(offset, size))
        return false;
    vm_device_lock(r->machine, r->lock);
    write_register(r, offset, (uint32_t)value);
    vm_device_unlock(r->machine, r->lock);
    return true;
}

// The clock is battery-backed: what the guest has set it to stays.
static void rtc_reset(void *device)
{
    struct pl031 *r = device;
    vm_device_lock(r->machine, r->lock);
    r->match = r->load = 0;
    find_match(r);
    r->pending = r->enabled = false;
    update_irq(r);
    vm_device_unlock(r->machine, r->lock);
}

static int rtc_describe(const void *device, void *fdt)
{
    const struct pl031 *r = device;
    struct vm_describe d = {.fdt = fdt};
    static const char compatible[] = "arm,pl031\0arm,primecell";
    primecell_describe(&d, "rtc", &r->site, compatible, sizeof compatible);
    vm_describe_cell(&d, "clocks", r->clock);
    vm_describe_text(&d, "clock-names", "apb_pclk");
    vm_describe_end(&d);
    return d.error;
}

static void rtc_destroy(void *device)
{
    struct pl031 *r = device;
    if (r->timer.fire)
        vm_timer_arm(&r->machine->timers, &r->timer, VM_TIMER_NEVER);
    vm_device_lock_destroy(r->machine, r->lock);
    vm_device_release(r->machine, r, sizeof *r);
}

static const struct vm_device_ops rtc_ops = {
    .type = "rtc",
    .mmio = {rtc_read, rtc_write},
    .reset = rtc_reset,
    .destroy = rtc_destroy,
    .describe = rtc_describe,
};

vm_status vm_pl031_create(struct vm_machine *m, const struct vm_device_site *site, uint32_t clock,
                          struct vm_device *out, struct vm_error *e)
{
    struct pl031 *r = vm_device_alloc(m, sizeof *r, rtc_ops.type, e);
    if (!r)
        return VM_ERR_HOST;
    r->machine = m;
    r->site = *site;
    r->clock = clock;
    r->lock = vm_device_lock_create(m, rtc_ops.type, e);
    vm_status status = VM_ERR_HOST;
    if (r->lock)
        status = vm_timer_add(&m->timers, &r->timer, timer_fired, r, e);
    if (status != VM_OK) {
        rtc_destroy(r);
        return status;
    }
    *out = (struct vm_device){&rtc_ops, r, site->base, VM_PL031_SIZE};
    return VM_OK;
}
