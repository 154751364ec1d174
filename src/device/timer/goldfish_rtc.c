// SPDX-License-Identifier: MIT
//
// Goldfish RTC (vm/device/goldfish_rtc.h). 64-bit quantities go through pairs of 32-bit registers:
// reading TIME_LOW latches TIME_HIGH; writing a low half takes the high half that was written
// before it into account and carries the write out.
//
// Locking: one lock for all state, also held while the wire is driven and the timer armed.
#include "../device.h"

#include <vm/device/goldfish_rtc.h>

enum {
    TIME_LOW = 0x00,
    TIME_HIGH = 0x04,
    ALARM_LOW = 0x08,
    ALARM_HIGH = 0x0c,
    IRQ_ENABLED = 0x10,
    CLEAR_ALARM = 0x14,
    ALARM_STATUS = 0x18,
    CLEAR_INTERRUPT = 0x1c,
};

struct goldfish_rtc {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_device_site site;
    struct vm_timer timer;

    uint64_t ahead;     // the clock minus the host's real time, ns, modulo 2^64
    uint32_t time_high; // latched by a read of TIME_LOW, or written for the next write of TIME_LOW
    uint32_t alarm_high;
    uint64_t alarm; // ns since 1970
    bool armed;     // the alarm is still to come
    bool pending;   // it has come and is not acknowledged
    bool enabled;   // it interrupts
};

static uint64_t now(const struct goldfish_rtc *r)
{
    const struct vm_host *host = r->machine->host;
    return host->real_time(host->context) + r->ahead;
}

static void update_irq(struct goldfish_rtc *r)
{
    vm_irq_set(&r->site.irq, r->pending && r->enabled);
}

// Raises an alarm that is due, or has the timer fire when it will be.
static void update_alarm(struct goldfish_rtc *r)
{
    const struct vm_host *host = r->machine->host;
    uint64_t time = now(r), deadline = VM_TIMER_NEVER;
    if (r->armed && time >= r->alarm) {
        r->armed = false;
        r->pending = true;
    } else if (r->armed) {
        uint64_t clock = host->clock(host->context);
        if (r->alarm - time < VM_TIMER_NEVER - clock)
            deadline = clock + (r->alarm - time);
    }
    vm_timer_arm(&r->machine->timers, &r->timer, deadline);
    update_irq(r);
}

static void timer_fired(void *context)
{
    struct goldfish_rtc *r = context;
    vm_device_lock(r->machine, r->lock);
    update_alarm(r);
    vm_device_unlock(r->machine, r->lock);
}

static uint32_t read_register(struct goldfish_rtc *r, uint64_t offset)
{
    uint64_t time;
    switch (offset) {
    case TIME_LOW:
        time = now(r);
        r->time_high = (uint32_t)(time >> 32);
        return (uint32_t)time;
    case TIME_HIGH: return r->time_high;
    case ALARM_LOW: return (uint32_t)r->alarm;
    case ALARM_HIGH: return (uint32_t)(r->alarm >> 32);
    case IRQ_ENABLED: return r->enabled;
    case ALARM_STATUS: return r->armed;
    default: return 0;
    }
}

static void write_register(struct goldfish_rtc *r, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case TIME_LOW:
        r->ahead += ((uint64_t)r->time_high << 32 | value) - now(r);
        update_alarm(r);
        break;
    case TIME_HIGH: r->time_high = value; break;
    case ALARM_LOW:
        r->alarm = (uint64_t)r->alarm_high << 32 | value;
        r->armed = true;
        update_alarm(r);
        break;
    case ALARM_HIGH: r->alarm_high = value; break;
    case IRQ_ENABLED:
        r->enabled = value & 1;
        update_irq(r);
        break;
    case CLEAR_ALARM:
        r->armed = false;
        update_alarm(r);
        break;
    case CLEAR_INTERRUPT:
        r->pending = false;
        update_irq(r);
        break;
    default: break;
    }
}

static bool rtc_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct goldfish_rtc *r = device;
    if (size != 4)
        return false;
    vm_device_lock(r->machine, r->lock);
    *value = read_register(r, offset);
    vm_device_unlock(r->machine, r->lock);
    return true;
}

static bool rtc_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct goldfish_rtc *r = device;
    if (size != 4)
        return false;
    vm_device_lock(r->machine, r->lock);
    write_register(r, offset, (uint32_t)value);
    vm_device_unlock(r->machine, r->lock);
    return true;
}

// The clock is battery-backed: what the guest has set it to stays.
static void rtc_reset(void *device)
{
    struct goldfish_rtc *r = device;
    vm_device_lock(r->machine, r->lock);
    r->time_high = r->alarm_high = 0;
    r->alarm = 0;
    r->armed = r->pending = r->enabled = false;
    update_alarm(r);
    vm_device_unlock(r->machine, r->lock);
}

static int rtc_describe(const void *device, void *fdt)
{
    const struct goldfish_rtc *r = device;
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "rtc", r->site.base.v);
    vm_describe_text(&d, "compatible", "google,goldfish-rtc");
    vm_describe_reg(&d, r->site.base.v, VM_GOLDFISH_RTC_SIZE);
    vm_device_describe_irq(&d, &r->site);
    vm_describe_end(&d);
    return d.error;
}

static void rtc_destroy(void *device)
{
    struct goldfish_rtc *r = device;
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

vm_status vm_goldfish_rtc_create(struct vm_machine *m, const struct vm_device_site *site,
                                 struct vm_device *out, struct vm_error *e)
{
    struct goldfish_rtc *r = vm_device_alloc(m, sizeof *r, rtc_ops.type, e);
    if (!r)
        return VM_ERR_HOST;
    r->machine = m;
    r->site = *site;
    r->lock = vm_device_lock_create(m, rtc_ops.type, e);
    vm_status status = VM_ERR_HOST;
    if (r->lock)
        status = vm_timer_add(&m->timers, &r->timer, timer_fired, r, e);
    if (status != VM_OK) {
        rtc_destroy(r);
        return status;
    }
    *out = (struct vm_device){&rtc_ops, r, site->base, VM_GOLDFISH_RTC_SIZE};
    return VM_OK;
}
