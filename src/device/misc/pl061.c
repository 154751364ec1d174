// SPDX-License-Identifier: MIT
//
// PL061 GPIO (vm/device/pl061.h; DDI 0190, 3.3). Of a pin that is an input the level comes from its
// wire, of one that is an output from the data register; nothing is connected to outputs.
//
// Locking: one lock for all state, also held while the wire is driven and the timer armed.
#include "../primecell.h"

#include <vm/device/pl061.h>

enum {
    DATA_END = 0x400, // bits 9 to 2 of an address below are the mask of pins
    DIR = 0x400,
    IS = 0x404,  // 1: level
    IBE = 0x408, // 1: both edges
    IEV = 0x40c, // 1: rising, high
    IE = 0x410,
    RIS = 0x414,
    MIS = 0x418,
    IC = 0x41c,
    AFSEL = 0x420,

    PART = 0x061,
    REVISION = 0,
};

#define PUSH_TIME UINT64_C(100000000) // ns

struct pl061 {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_device_site site;
    uint32_t phandle, clock;
    struct vm_timer timer; // releases keys

    uint8_t wires, keys; // levels from outside, which are ORed
    uint8_t out, dir, is, ibe, iev, ie, afsel;
    uint8_t level;   // of the pins, as the interrupt logic has last seen them
    uint8_t latched; // edges that have come
};

static uint8_t pins(const struct pl061 *g)
{
    uint8_t in = g->wires | g->keys;
    return (uint8_t)((in & ~g->dir) | (g->out & g->dir));
}

static uint8_t raw_interrupts(const struct pl061 *g)
{
    uint8_t level = (uint8_t) ~(g->level ^ g->iev);
    return (uint8_t)((level & g->is) | (g->latched & ~g->is));
}

// After any change of what makes the pins' levels.
static void update(struct pl061 *g)
{
    uint8_t now = pins(g), changed = now ^ g->level;
    uint8_t wanted = (uint8_t)(g->ibe | ~(now ^ g->iev));
    g->latched |= changed & wanted & (uint8_t)~g->is;
    g->level = now;
    vm_irq_set(&g->site.irq, (raw_interrupts(g) & g->ie) != 0);
}

// --- inputs ---

static void pin_changed(void *target, uint32_t pin, bool level)
{
    struct pl061 *g = target;
    uint8_t bit = (uint8_t)(1u << pin);
    vm_device_lock(g->machine, g->lock);
    g->wires = level ? g->wires | bit : g->wires & (uint8_t)~bit;
    update(g);
    vm_device_unlock(g->machine, g->lock);
}

struct vm_irq vm_pl061_pin(const struct vm_device *gpio, unsigned pin)
{
    if (pin >= VM_PL061_PINS)
        return (struct vm_irq){0};
    return (struct vm_irq){pin_changed, gpio->device, pin};
}

void vm_pl061_push(const struct vm_device *gpio, unsigned pin)
{
    struct pl061 *g = gpio->device;
    const struct vm_host *host = g->machine->host;
    if (pin >= VM_PL061_PINS)
        return;
    vm_device_lock(g->machine, g->lock);
    g->keys |= (uint8_t)(1u << pin);
    vm_timer_arm(&g->machine->timers, &g->timer, host->clock(host->context) + PUSH_TIME);
    update(g);
    vm_device_unlock(g->machine, g->lock);
}

static void keys_released(void *context)
{
    struct pl061 *g = context;
    vm_device_lock(g->machine, g->lock);
    g->keys = 0;
    update(g);
    vm_device_unlock(g->machine, g->lock);
}

// --- registers ---

static uint32_t read_register(const struct pl061 *g, uint64_t offset)
{
    if (offset < DATA_END)
        return pins(g) & (uint8_t)(offset >> 2);
    if (offset >= PRIMECELL_ID)
        return primecell_id(offset, PART, REVISION);
    switch (offset) {
    case DIR: return g->dir;
    case IS: return g->is;
    case IBE: return g->ibe;
    case IEV: return g->iev;
    case IE: return g->ie;
    case RIS: return raw_interrupts(g);
    case MIS: return raw_interrupts(g) & g->ie;
    case AFSEL: return g->afsel;
    default: return 0;
    }
}

static void write_register(struct pl061 *g, uint64_t offset, uint8_t value)
{
    uint8_t mask = (uint8_t)(offset >> 2) & g->dir;
    if (offset < DATA_END)
        g->out = (uint8_t)((g->out & ~mask) | (value & mask));
    switch (offset) {
    case DIR: g->dir = value; break;
    case IS: g->is = value; break;
    case IBE: g->ibe = value; break;
    case IEV: g->iev = value; break;
    case IE: g->ie = value; break;
    case IC: g->latched &= (uint8_t)~value; break;
    case AFSEL: g->afsel = value; break;
    default: break;
    }
    update(g);
}

static bool gpio_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct pl061 *g = device;
    if (!primecell_takes(offset, size))
        return false;
    vm_device_lock(g->machine, g->lock);
    *value = read_register(g, offset);
    vm_device_unlock(g->machine, g->lock);
    return true;
}

static bool gpio_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl061 *g = device;
    if (!primecell_takes(offset, size))
        return false;
    vm_device_lock(g->machine, g->lock);
    write_register(g, offset, (uint8_t)value);
    vm_device_unlock(g->machine, g->lock);
    return true;
}

// --- the device ---

// Levels are the wires' own and stay, and so does a key that is down.
static void gpio_reset(void *device)
{
    struct pl061 *g = device;
    vm_device_lock(g->machine, g->lock);
    g->out = g->dir = g->is = g->ibe = g->iev = g->ie = g->afsel = 0;
    update(g);
    g->latched = 0;
    update(g);
    vm_device_unlock(g->machine, g->lock);
}

static int gpio_describe(const void *device, void *fdt)
{
    const struct pl061 *g = device;
    struct vm_describe d = {.fdt = fdt};
    static const char compatible[] = "arm,pl061\0arm,primecell";
    primecell_describe(&d, "gpio", &g->site, compatible, sizeof compatible);
    vm_describe_flag(&d, "gpio-controller");
    vm_describe_cell(&d, "#gpio-cells", 2);
    vm_describe_flag(&d, "interrupt-controller");
    vm_describe_cell(&d, "#address-cells", 0);
    vm_describe_cell(&d, "#interrupt-cells", 2);
    vm_describe_cell(&d, "clocks", g->clock);
    vm_describe_text(&d, "clock-names", "apb_pclk");
    vm_describe_cell(&d, "phandle", g->phandle);
    vm_describe_end(&d);
    return d.error;
}

static void gpio_destroy(void *device)
{
    struct pl061 *g = device;
    if (g->timer.fire)
        vm_timer_arm(&g->machine->timers, &g->timer, VM_TIMER_NEVER);
    vm_device_lock_destroy(g->machine, g->lock);
    vm_device_release(g->machine, g, sizeof *g);
}

static const struct vm_device_ops gpio_ops = {
    .type = "gpio",
    .mmio = {gpio_read, gpio_write},
    .reset = gpio_reset,
    .destroy = gpio_destroy,
    .describe = gpio_describe,
};

vm_status vm_pl061_create(struct vm_machine *m, const struct vm_device_site *site, uint32_t phandle,
                          uint32_t clock, struct vm_device *out, struct vm_error *e)
{
    struct pl061 *g = vm_device_alloc(m, sizeof *g, gpio_ops.type, e);
    if (!g)
        return VM_ERR_HOST;
    g->machine = m;
    g->site = *site;
    g->phandle = phandle;
    g->clock = clock;
    g->lock = vm_device_lock_create(m, gpio_ops.type, e);
    vm_status status = VM_ERR_HOST;
    if (g->lock)
        status = vm_timer_add(&m->timers, &g->timer, keys_released, g, e);
    if (status != VM_OK) {
        gpio_destroy(g);
        return status;
    }
    *out = (struct vm_device){&gpio_ops, g, site->base, VM_PL061_SIZE};
    return VM_OK;
}
