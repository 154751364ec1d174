// SPDX-License-Identifier: MIT
//
// GICv2 (vm/device/gicv2.h): wires, the choice of what each CPU gets, and the devices. Registers
// differ by the CPU that accesses them, so accesses come with its struct gicv2_cpu.
//
// Locking: one lock for all state, also held while lines of vCPUs are driven, so that a level never
// overtakes a later one. Nothing else is called under it.
#include "gicv2.h"

#include <vm/base/bits.h>

// --- choice ---

static void drive(const struct vm_irq *line, bool *driven, bool level)
{
    if (*driven == level)
        return;
    *driven = level;
    vm_irq_set(line, level);
}

// An SPI pends at all the CPUs that it targets, until one of them takes it.
static void consider_spis(const struct gicv2 *g, const struct gicv2_cpu *c, bool group0,
                          bool group1, struct gic_top *best)
{
    for (uint32_t w = 0; w < g->spis / 32; w++) {
        uint32_t bits = gic_candidates(&g->bank[w], group0, group1);
        for (; bits; bits &= bits - 1) {
            uint32_t n = vm_ctz32(bits);
            if (g->cpus == 1 || g->targets[32 * w + n] >> c->index & 1)
                gic_consider(&g->bank[w], GIC_INTERNAL + 32 * w, n, best);
        }
    }
}

static void update(struct gicv2_cpu *c)
{
    const struct gicv2 *g = c->gic;
    bool group0 = g->enabled[0] && gicv2_cpu_enables(c, false);
    bool group1 = g->enabled[1] && gicv2_cpu_enables(c, true);
    struct gic_top best = GIC_NOTHING;
    uint32_t bits = gic_candidates(&c->bank, group0, group1);
    for (; bits; bits &= bits - 1)
        gic_consider(&c->bank, 0, vm_ctz32(bits), &best);
    consider_spis(g, c, group0, group1, &best);
    c->top = best;
    bool signalled = gicv2_cpu_signals(c), fiq = gicv2_cpu_signals_fiq(c);
    drive(&c->irq, &c->irq_level, signalled && !fiq);
    drive(&c->fiq, &c->fiq_level, signalled && fiq);
}

void gicv2_update_all(struct gicv2 *g)
{
    for (uint32_t i = 0; i < g->cpus; i++)
        update(&g->cpu[i]);
}

void gicv2_pend_sgi(struct gicv2_cpu *c, uint32_t sgi, uint8_t senders)
{
    c->senders[sgi] |= senders;
    if (c->senders[sgi])
        c->bank.latched |= UINT32_C(1) << sgi;
}

void gicv2_clear_sgi(struct gicv2_cpu *c, uint32_t sgi, uint8_t senders)
{
    c->senders[sgi] &= (uint8_t)~senders;
    if (!c->senders[sgi])
        c->bank.latched &= ~(UINT32_C(1) << sgi);
}

// --- wires ---

static void lock(struct gicv2 *g)
{
    vm_device_lock(g->machine, g->lock);
}

static void unlock(struct gicv2 *g)
{
    vm_device_unlock(g->machine, g->lock);
}

static void spi_changed(void *target, uint32_t spi, bool level)
{
    struct gicv2 *g = target;
    lock(g);
    gic_bank_input(&g->bank[spi / 32], spi % 32, level);
    gicv2_update_all(g);
    unlock(g);
}

static void ppi_changed(void *target, uint32_t intid, bool level)
{
    struct gicv2_cpu *c = target;
    lock(c->gic);
    gic_bank_input(&c->bank, intid, level);
    update(c);
    unlock(c->gic);
}

// --- devices ---

static void *view(void *device, uint32_t vcpu)
{
    struct gicv2 *g = ((struct gicv2_cpu *)device)->gic;
    return &g->cpu[vcpu < g->cpus ? vcpu : 0];
}

static bool distributor_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct gicv2_cpu *c = device;
    if (size != 1 && size != 4)
        return false;
    lock(c->gic);
    *value = gicv2_distributor_read(c, (uint32_t)offset, size);
    unlock(c->gic);
    return true;
}

static bool distributor_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct gicv2_cpu *c = device;
    if (size != 1 && size != 4)
        return false;
    lock(c->gic);
    gicv2_distributor_write(c, (uint32_t)offset, size, (uint32_t)value);
    gicv2_update_all(c->gic);
    unlock(c->gic);
    return true;
}

static bool cpu_interface_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct gicv2_cpu *c = device;
    if (size != 4)
        return false;
    lock(c->gic);
    *value = gicv2_cpu_read(c, (uint32_t)offset);
    unlock(c->gic);
    return true;
}

static bool cpu_interface_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct gicv2_cpu *c = device;
    if (size != 4)
        return false;
    lock(c->gic);
    gicv2_cpu_write(c, (uint32_t)offset, (uint32_t)value);
    unlock(c->gic);
    return true;
}

// Levels are the wires' own and stay.
static void gicv2_reset(void *device)
{
    struct gicv2 *g = ((struct gicv2_cpu *)device)->gic;
    lock(g);
    g->enabled[0] = g->enabled[1] = false;
    vm_zero(g->targets, sizeof g->targets);
    for (uint32_t w = 0; w < g->spis / 32; w++)
        gic_bank_reset(&g->bank[w], 0);
    for (uint32_t i = 0; i < g->cpus; i++) {
        struct gicv2_cpu *c = &g->cpu[i];
        gic_bank_reset(&c->bank, 0xffff);
        vm_zero(c->senders, sizeof c->senders);
        gicv2_cpu_reset(c);
    }
    gicv2_update_all(g);
    unlock(g);
}

static void describe_reg(const struct gicv2 *g, struct vm_describe *d)
{
    const uint64_t windows[] = {g->distributor.v, VM_GICV2_DISTRIBUTOR_SIZE, g->cpu_interface.v,
                                VM_GICV2_CPU_INTERFACE_SIZE};
    uint32_t cells[2 * VM_ARRAY_SIZE(windows)];
    for (size_t i = 0; i < VM_ARRAY_SIZE(windows); i++) {
        cells[2 * i] = (uint32_t)(windows[i] >> 32);
        cells[2 * i + 1] = (uint32_t)windows[i];
    }
    vm_describe_cells(d, "reg", cells, VM_ARRAY_SIZE(cells));
}

// Linux's binding arm,gic.yaml.
static int gicv2_describe(const void *device, void *fdt)
{
    const struct gicv2 *g = ((const struct gicv2_cpu *)device)->gic;
    struct vm_describe d = {.fdt = fdt};
    static const char compatible[] = "arm,gic-400\0arm,cortex-a15-gic";
    vm_describe_begin_at(&d, "interrupt-controller", g->distributor.v);
    vm_describe_bytes(&d, "compatible", compatible, sizeof compatible);
    describe_reg(g, &d);
    vm_describe_flag(&d, "interrupt-controller");
    vm_describe_cell(&d, "#interrupt-cells", 3);
    vm_describe_cell(&d, "#address-cells", 2);
    vm_describe_cell(&d, "#size-cells", 2);
    vm_describe_flag(&d, "ranges");
    vm_describe_cell(&d, "phandle", g->phandle);
    if (g->describe_frame && !d.error)
        d.error = g->describe_frame(g->frame, fdt);
    vm_describe_end(&d);
    return d.error;
}

// The CPU interfaces' device goes after the distributor's, and takes all with it.
static void cpu_interface_destroy(void *device)
{
    struct gicv2 *g = ((struct gicv2_cpu *)device)->gic;
    vm_device_lock_destroy(g->machine, g->lock);
    vm_device_release(g->machine, g, sizeof *g);
}

// What one of the two devices leaves to the other.
static void left_to_other(void *device)
{
    (void)device;
}

static int described_by_other(const void *device, void *fdt)
{
    (void)device, (void)fdt;
    return 0;
}

static const struct vm_device_ops distributor_ops = {
    .type = "gicv2",
    .mmio = {distributor_read, distributor_write, view},
    .reset = gicv2_reset,
    .destroy = left_to_other,
    .describe = gicv2_describe,
};

static const struct vm_device_ops cpu_interface_ops = {
    .type = "gicv2-cpu-interface",
    .mmio = {cpu_interface_read, cpu_interface_write, view},
    .reset = left_to_other,
    .destroy = cpu_interface_destroy,
    .describe = described_by_other,
};

static vm_status check(const struct vm_gicv2_config *config, struct vm_error *e)
{
    if (config->cpus == 0 || config->cpus > VM_GICV2_MAX_CPUS)
        return vm_error_set(e, VM_ERR_USAGE, "the GICv2 serves 1 to %d CPUs, not %u",
                            VM_GICV2_MAX_CPUS, config->cpus);
    if (config->spis % 32 || config->spis > VM_GICV2_MAX_SPIS)
        return vm_error_set(e, VM_ERR_USAGE, "the GICv2 cannot have %u SPIs", config->spis);
    return VM_OK;
}

vm_status vm_gicv2_create(struct vm_machine *m, const struct vm_gicv2_config *config,
                          struct vm_device *distributor, struct vm_device *cpu_interface,
                          struct vm_error *e)
{
    vm_status status = check(config, e);
    if (status != VM_OK)
        return status;
    struct gicv2 *g = vm_device_alloc(m, sizeof *g, distributor_ops.type, e);
    if (!g)
        return VM_ERR_HOST;
    g->machine = m;
    g->distributor = config->distributor;
    g->cpu_interface = config->cpu_interface;
    g->phandle = config->phandle;
    g->spis = config->spis;
    g->cpus = config->cpus;
    for (uint32_t i = 0; i < g->cpus; i++) {
        struct gicv2_cpu *c = &g->cpu[i];
        c->gic = g;
        c->index = i;
        c->irq = config->irq[i];
        c->fiq = config->fiq[i];
    }
    g->lock = vm_device_lock_create(m, distributor_ops.type, e);
    if (!g->lock) {
        cpu_interface_destroy(&g->cpu[0]);
        return VM_ERR_HOST;
    }
    gicv2_reset(&g->cpu[0]);
    *distributor =
        (struct vm_device){&distributor_ops, &g->cpu[0], g->distributor, VM_GICV2_DISTRIBUTOR_SIZE};
    *cpu_interface = (struct vm_device){&cpu_interface_ops, &g->cpu[0], g->cpu_interface,
                                        VM_GICV2_CPU_INTERFACE_SIZE};
    return VM_OK;
}

struct gicv2 *gicv2_of(const struct vm_device *device)
{
    bool is_one = device->ops == &distributor_ops || device->ops == &cpu_interface_ops;
    return is_one ? ((struct gicv2_cpu *)device->device)->gic : NULL;
}

void gicv2_set_frame(struct gicv2 *g, int (*describe)(const void *frame, void *fdt),
                     const void *frame)
{
    g->describe_frame = describe;
    g->frame = frame;
}

struct vm_irq vm_gicv2_spi(const struct vm_device *gic, uint32_t spi)
{
    struct gicv2 *g = gicv2_of(gic);
    if (!g || spi >= g->spis)
        return (struct vm_irq){0};
    return (struct vm_irq){spi_changed, g, spi};
}

struct vm_irq vm_gicv2_ppi(const struct vm_device *gic, uint32_t cpu, uint32_t ppi)
{
    struct gicv2 *g = gicv2_of(gic);
    if (!g || cpu >= g->cpus || ppi >= GIC_INTERNAL - GIC_SGIS)
        return (struct vm_irq){0};
    return (struct vm_irq){ppi_changed, &g->cpu[cpu], GIC_SGIS + ppi};
}
