// SPDX-License-Identifier: MIT
//
// APLIC (vm/device/aplic.h): the sources, their pending bits, and delivery.
//
// Invariants: an inactive source neither pends nor is enabled, and its target is 0. With direct
// delivery a level-sensitive source pends exactly while its rectified input is high; with delivery
// by message never while it is low.
//
// Locking: everything is under one lock, also while wires are driven and messages sent, so that a
// level never overtakes a later one. Messages only go to IMSICs, whose locks come after this one.
#include "aplic.h"

#include <vm/base/bits.h>

// --- sources ---

static bool is_level(enum aplic_mode mode)
{
    return mode == APLIC_LEVEL1 || mode == APLIC_LEVEL0;
}

bool aplic_input(const struct aplic *a, uint32_t source)
{
    enum aplic_mode mode = a->source[source].mode;
    if (mode < APLIC_EDGE1)
        return false;
    bool inverted = mode == APLIC_EDGE0 || mode == APLIC_LEVEL0;
    return aplic_get_bit(a->level, source) != inverted;
}

// A source that becomes active has a target that registers can hold.
static void make_active(struct aplic *a, uint32_t source)
{
    a->source[source].target = aplic_by_message(a) ? 0 : 1;
}

static void make_inactive(struct aplic *a, uint32_t source)
{
    aplic_put_bit(a->pending, source, false);
    aplic_put_bit(a->enabled, source, false);
    a->source[source].target = 0;
}

// The manual leaves it open whether an input that is high in the new mode pends at once. Here it
// does for levels, so that none is lost, and does not for edges.
void aplic_configure(struct aplic *a, uint32_t source, unsigned domain, enum aplic_mode mode)
{
    struct aplic_source *s = &a->source[source];
    bool was_active = s->mode != APLIC_INACTIVE && s->domain == domain;
    s->domain = (uint8_t)domain;
    s->mode = (uint8_t)mode;
    if (mode == APLIC_INACTIVE || !was_active)
        make_inactive(a, source);
    if (mode != APLIC_INACTIVE && !was_active)
        make_active(a, source);
    if (is_level(mode))
        aplic_put_bit(a->pending, source, aplic_input(a, source));
}

void aplic_try_set(struct aplic *a, uint32_t source)
{
    if (is_level(a->source[source].mode) && !(aplic_by_message(a) && aplic_input(a, source)))
        return;
    aplic_put_bit(a->pending, source, true);
}

void aplic_try_clear(struct aplic *a, uint32_t source)
{
    if (!is_level(a->source[source].mode) || aplic_by_message(a))
        aplic_put_bit(a->pending, source, false);
}

static void source_changed(void *target, uint32_t source, bool level)
{
    struct aplic *a = target;
    vm_device_lock(a->machine, a->lock);
    bool was = aplic_input(a, source);
    aplic_put_bit(a->level, source, level);
    bool is = aplic_input(a, source);
    if (was != is) {
        const struct aplic_source *s = &a->source[source];
        if (is || is_level(s->mode))
            aplic_put_bit(a->pending, source, is);
        aplic_deliver(&a->domain[s->domain]);
    }
    vm_device_unlock(a->machine, a->lock);
}

// --- direct delivery ---

uint32_t aplic_top(const struct aplic_domain *d, uint32_t hart)
{
    const struct aplic *a = d->aplic;
    uint32_t threshold = d->idc[hart].threshold, best = 0;
    uint32_t best_priority = threshold ? threshold : VM_APLIC_MAX_PRIORITY + 1;
    for (uint32_t w = 0; w < APLIC_WORDS; w++) {
        for (uint32_t bits = a->pending[w] & a->enabled[w]; bits; bits &= bits - 1) {
            uint32_t source = 32 * w + vm_ctz32(bits);
            const struct aplic_source *s = &a->source[source];
            uint32_t priority = s->target & APLIC_PRIORITY;
            if (s->domain == aplic_domain_number(d) && s->target >> APLIC_HART_SHIFT == hart &&
                priority < best_priority) {
                best = source;
                best_priority = priority;
            }
        }
    }
    return best ? best << 16 | best_priority : 0;
}

static void drive_wires(struct aplic_domain *d)
{
    for (uint32_t i = 0; i < d->aplic->harts; i++) {
        const struct aplic_idc *idc = &d->idc[i];
        vm_irq_set(&d->site.irq[i],
                   d->enabled && idc->delivers && (idc->forced || aplic_top(d, i) != 0));
    }
}

// --- delivery by message ---

// Addresses and data for outgoing MSIs. Harts have the same index in both domains.
static uint64_t message_address(const struct aplic_domain *d, uint32_t hart)
{
    const struct aplic *a = d->aplic;
    unsigned n = aplic_domain_number(d);
    uint32_t machine = a->msi_high[APLIC_MACHINE];
    unsigned low_width = (unsigned)vm_bits(machine, APLIC_LHXW_SHIFT, 4);
    unsigned high_width = (unsigned)vm_bits(machine, APLIC_HHXW_SHIFT, 3);
    unsigned low_shift = (unsigned)vm_bits(a->msi_high[n], APLIC_LHXS_SHIFT, 3);
    unsigned high_shift = (unsigned)vm_bits(machine, APLIC_HHXS_SHIFT, 5);
    uint64_t group = hart >> low_width & vm_mask(high_width);
    uint64_t member = hart & vm_mask(low_width);
    uint64_t page = vm_bits(a->msi_high[n], 0, 12) << 32 | a->msi_low[n];
    return (page | group << (high_shift + 12) | member << low_shift) << 12;
}

void aplic_send(const struct aplic_domain *d, uint32_t hart, uint32_t identity)
{
    const struct vm_msi *msi = &d->aplic->msi;
    msi->send(msi->target, message_address(d, hart), identity, 0);
}

static void send_messages(struct aplic_domain *d)
{
    struct aplic *a = d->aplic;
    if (!d->enabled)
        return;
    for (uint32_t w = 0; w < APLIC_WORDS; w++) {
        for (uint32_t bits = a->pending[w] & a->enabled[w]; bits; bits &= bits - 1) {
            uint32_t source = 32 * w + vm_ctz32(bits);
            const struct aplic_source *s = &a->source[source];
            if (s->domain != aplic_domain_number(d))
                continue;
            aplic_put_bit(a->pending, source, false);
            aplic_send(d, s->target >> APLIC_HART_SHIFT, s->target & APLIC_IDENTITY);
        }
    }
}

void aplic_deliver(struct aplic_domain *d)
{
    if (aplic_by_message(d->aplic))
        send_messages(d);
    else
        drive_wires(d);
}

// --- the device of a domain ---

static bool aplic_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct aplic_domain *d = device;
    const struct aplic *a = d->aplic;
    if (size != 4)
        return false;
    vm_device_lock(a->machine, a->lock);
    *value = aplic_read_register(d, (uint32_t)offset);
    vm_device_unlock(a->machine, a->lock);
    return true;
}

static bool aplic_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct aplic_domain *d = device;
    const struct aplic *a = d->aplic;
    if (size != 4)
        return false;
    vm_device_lock(a->machine, a->lock);
    aplic_write_register(d, (uint32_t)offset, (uint32_t)value);
    vm_device_unlock(a->machine, a->lock);
    return true;
}

// The device that the APLIC's life hangs on; the other one's reset and destroy do nothing.
static bool is_owner(const struct aplic_domain *d)
{
    return aplic_domain_number(d) == APLIC_SUPERVISOR;
}

// Where the board's interrupt files are, so that firmware need not say it: a group of harts, whose
// files follow each other by pages.
static void reset_addresses(struct aplic *a)
{
    uint32_t width = 0;
    while ((uint32_t)1 << width < a->harts)
        width++;
    for (unsigned n = 0; n < APLIC_DOMAINS && aplic_by_message(a); n++) {
        uint64_t page = a->domain[n].site.msi_base >> 12;
        a->msi_low[n] = (uint32_t)page;
        a->msi_high[n] = (uint32_t)(page >> 32);
    }
    if (aplic_by_message(a))
        a->msi_high[APLIC_MACHINE] |= width << APLIC_LHXW_SHIFT;
}

// Levels are the wires' own and stay.
static void aplic_reset(void *device)
{
    struct aplic *a = ((struct aplic_domain *)device)->aplic;
    if (!is_owner(device))
        return;
    vm_device_lock(a->machine, a->lock);
    unsigned domain = a->machine_level ? APLIC_MACHINE : APLIC_SUPERVISOR;
    for (uint32_t i = 1; i <= VM_APLIC_SOURCES; i++)
        aplic_configure(a, i, domain, APLIC_INACTIVE);
    reset_addresses(a);
    for (unsigned n = 0; n < APLIC_DOMAINS; n++) {
        struct aplic_domain *d = &a->domain[n];
        d->enabled = false;
        d->genmsi = 0;
        vm_zero(d->idc, sizeof d->idc);
        aplic_deliver(d);
    }
    vm_device_unlock(a->machine, a->lock);
}

static void describe_children(const struct aplic_domain *d, struct vm_describe *node)
{
    uint32_t child = d->aplic->domain[APLIC_SUPERVISOR].site.phandle;
    const uint32_t delegation[] = {child, 1, VM_APLIC_SOURCES};
    vm_describe_cell(node, "riscv,children", child);
    vm_describe_cells(node, "riscv,delegation", delegation, VM_ARRAY_SIZE(delegation));
}

static int aplic_describe(const void *device, void *fdt)
{
    const struct aplic_domain *d = device;
    const struct aplic *a = d->aplic;
    struct vm_describe node = {.fdt = fdt};
    uint32_t wires[2 * VM_MAX_VCPUS];
    for (uint32_t i = 0; i < a->harts; i++) {
        wires[2 * i] = a->cpu_intc[i];
        wires[2 * i + 1] = d->site.cause;
    }
    vm_describe_begin_at(&node, "interrupt-controller", d->site.base.v);
    vm_describe_text(&node, "compatible", "riscv,aplic");
    vm_describe_reg(&node, d->site.base.v, VM_APLIC_SIZE);
    vm_describe_cell(&node, "#address-cells", 0);
    vm_describe_cell(&node, "#interrupt-cells", 2);
    vm_describe_flag(&node, "interrupt-controller");
    if (aplic_by_message(a))
        vm_describe_cell(&node, "msi-parent", d->site.msi_parent);
    else
        vm_describe_cells(&node, "interrupts-extended", wires, 2 * (size_t)a->harts);
    vm_describe_cell(&node, "riscv,num-sources", VM_APLIC_SOURCES);
    if (aplic_domain_number(d) == APLIC_MACHINE)
        describe_children(d, &node);
    vm_describe_cell(&node, "phandle", d->site.phandle);
    vm_describe_end(&node);
    return node.error;
}

static void release(struct aplic *a)
{
    vm_device_lock_destroy(a->machine, a->lock);
    vm_device_release(a->machine, a, sizeof *a);
}

static void aplic_destroy(void *device)
{
    if (is_owner(device))
        release(((struct aplic_domain *)device)->aplic);
}

static const struct vm_device_ops aplic_ops = {
    .type = "aplic",
    .mmio = {aplic_read, aplic_write},
    .reset = aplic_reset,
    .destroy = aplic_destroy,
    .describe = aplic_describe,
};

vm_status vm_aplic_create(struct vm_machine *m, const struct vm_aplic_config *config,
                          struct vm_device *machine, struct vm_device *supervisor,
                          struct vm_error *e)
{
    if (config->harts == 0 || config->harts > VM_MAX_VCPUS)
        return vm_error_set(e, VM_ERR_USAGE, "the APLIC serves 1 to %d harts, not %u", VM_MAX_VCPUS,
                            config->harts);
    struct aplic *a = vm_device_alloc(m, sizeof *a, aplic_ops.type, e);
    if (!a)
        return VM_ERR_HOST;
    a->machine = m;
    a->machine_level = machine != NULL;
    a->harts = config->harts;
    vm_copy(a->cpu_intc, config->cpu_intc, sizeof a->cpu_intc);
    if (config->msi)
        a->msi = *config->msi;
    a->domain[APLIC_MACHINE] = (struct aplic_domain){.aplic = a, .site = config->machine};
    a->domain[APLIC_SUPERVISOR] = (struct aplic_domain){.aplic = a, .site = config->supervisor};
    a->lock = vm_device_lock_create(m, aplic_ops.type, e);
    if (!a->lock) {
        release(a);
        return VM_ERR_HOST;
    }
    if (machine)
        *machine = (struct vm_device){&aplic_ops, &a->domain[APLIC_MACHINE], config->machine.base,
                                      VM_APLIC_SIZE};
    *supervisor = (struct vm_device){&aplic_ops, &a->domain[APLIC_SUPERVISOR],
                                     config->supervisor.base, VM_APLIC_SIZE};
    return VM_OK;
}

struct vm_irq vm_aplic_source(const struct vm_device *domain, uint32_t source)
{
    if (source < 1 || source > VM_APLIC_SOURCES)
        return (struct vm_irq){0};
    return (struct vm_irq){source_changed, ((struct aplic_domain *)domain->device)->aplic, source};
}
