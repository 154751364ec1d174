// SPDX-License-Identifier: MIT
//
// GICv3 (vm/device/gicv3.h): wires, the choice of what each CPU gets, and the devices.
//
// Locking: one lock for all state, also held while lines of vCPUs are driven, so that a level never
// overtakes a later one. Nothing else is called under it.
#include "gicv3.h"

#include <vm/base/bits.h>

// --- choice ---

static void drive(const struct vm_irq *line, bool *driven, bool level)
{
    if (*driven == level)
        return;
    *driven = level;
    vm_irq_set(line, level);
}

static void consider_spis(const struct gicv3 *g, const struct gicv3_cpu *c, bool group0,
                          bool group1, struct gic_top *best)
{
    for (uint32_t w = 0; w < g->spis / 32; w++) {
        uint32_t bits = gic_candidates(&g->bank[w], group0, group1);
        for (; bits; bits &= bits - 1) {
            uint32_t n = vm_ctz32(bits);
            if (g->target[32 * w + n] == c->index)
                gic_consider(&g->bank[w], GIC_INTERNAL + 32 * w, n, best);
        }
    }
}

void gicv3_update(struct gicv3_cpu *c)
{
    const struct gicv3 *g = c->gic;
    bool group0 = g->enabled[0] && c->enabled[0], group1 = g->enabled[1] && c->enabled[1];
    struct gic_top best = GIC_NOTHING;
    uint32_t bits = gic_candidates(&c->bank, group0, group1);
    for (; bits; bits &= bits - 1)
        gic_consider(&c->bank, 0, vm_ctz32(bits), &best);
    consider_spis(g, c, group0, group1, &best);
    if (group1 && c->lpi.top.priority < best.priority)
        best = c->lpi.top;
    c->top = best;
    bool signalled = gicv3_cpu_signals(c);
    drive(&c->irq, &c->irq_level, signalled && best.group1);
    drive(&c->fiq, &c->fiq_level, signalled && !best.group1);
}

void gicv3_update_all(struct gicv3 *g)
{
    for (uint32_t i = 0; i < g->cpus; i++)
        gicv3_update(&g->cpu[i]);
}

// --- wires ---

static void spi_changed(void *target, uint32_t spi, bool level)
{
    struct gicv3 *g = target;
    gicv3_lock(g);
    gic_bank_input(&g->bank[spi / 32], spi % 32, level);
    if (g->target[spi] != GICV3_NO_CPU)
        gicv3_update(&g->cpu[g->target[spi]]);
    gicv3_unlock(g);
}

static void ppi_changed(void *target, uint32_t intid, bool level)
{
    struct gicv3_cpu *c = target;
    gicv3_lock(c->gic);
    gic_bank_input(&c->bank, intid, level);
    gicv3_update(c);
    gicv3_unlock(c->gic);
}

void gicv3_route(struct gicv3 *g, uint32_t spi, uint64_t route)
{
    g->route[spi] = gicv3_affinity(route);
    g->target[spi] = GICV3_NO_CPU;
    for (uint32_t i = 0; i < g->cpus; i++) {
        if (gicv3_affinity(g->cpu[i].mpidr) == g->route[spi])
            g->target[spi] = (uint8_t)i;
    }
}

// --- devices ---

static bool is_size(unsigned size)
{
    return size != 2; // no register has 16 bits
}

static bool distributor_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct gicv3 *g = device;
    if (!is_size(size))
        return false;
    gicv3_lock(g);
    *value = gicv3_distributor_read(g, (uint32_t)offset, size);
    gicv3_unlock(g);
    return true;
}

static bool distributor_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct gicv3 *g = device;
    if (!is_size(size))
        return false;
    gicv3_lock(g);
    gicv3_distributor_write(g, (uint32_t)offset, size, value);
    gicv3_unlock(g);
    return true;
}

static bool redistributors_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct gicv3 *g = ((struct gicv3_cpu *)device)->gic;
    if (!is_size(size))
        return false;
    gicv3_lock(g);
    *value = gicv3_redistributor_read(&g->cpu[offset / VM_GICV3_REDISTRIBUTOR_SIZE],
                                      offset % VM_GICV3_REDISTRIBUTOR_SIZE, size);
    gicv3_unlock(g);
    return true;
}

static bool redistributors_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct gicv3 *g = ((struct gicv3_cpu *)device)->gic;
    if (!is_size(size))
        return false;
    gicv3_lock(g);
    gicv3_redistributor_write(&g->cpu[offset / VM_GICV3_REDISTRIBUTOR_SIZE],
                              offset % VM_GICV3_REDISTRIBUTOR_SIZE, size, value);
    gicv3_unlock(g);
    return true;
}

// Levels are the wires' own and stay.
static void gicv3_reset(void *device)
{
    struct gicv3 *g = device;
    gicv3_lock(g);
    g->enabled[0] = g->enabled[1] = false;
    for (uint32_t w = 0; w < g->spis / 32; w++)
        gic_bank_reset(&g->bank[w], 0);
    for (uint32_t spi = 0; spi < g->spis; spi++)
        gicv3_route(g, spi, 0);
    for (uint32_t i = 0; i < g->cpus; i++) {
        struct gicv3_cpu *c = &g->cpu[i];
        gic_bank_reset(&c->bank, 0xffff);
        c->sleeps = true;
        gicv3_lpi_reset(c);
        gicv3_cpu_reset(c);
        gicv3_update(c);
    }
    gicv3_unlock(g);
}

static void describe_reg(const struct gicv3 *g, struct vm_describe *d)
{
    const uint64_t windows[] = {g->distributor.v, VM_GICV3_DISTRIBUTOR_SIZE, g->redistributors.v,
                                (uint64_t)g->cpus * VM_GICV3_REDISTRIBUTOR_SIZE};
    uint32_t cells[2 * VM_ARRAY_SIZE(windows)];
    for (size_t i = 0; i < VM_ARRAY_SIZE(windows); i++) {
        cells[2 * i] = (uint32_t)(windows[i] >> 32);
        cells[2 * i + 1] = (uint32_t)windows[i];
    }
    vm_describe_cells(d, "reg", cells, VM_ARRAY_SIZE(cells));
}

// Linux's binding arm,gic-v3.yaml.
static int gicv3_describe(const void *device, void *fdt)
{
    const struct gicv3 *g = device;
    struct vm_describe d = {.fdt = fdt};
    static const uint32_t maintenance[] = {1, 9, 4};
    vm_describe_begin_at(&d, "interrupt-controller", g->distributor.v);
    vm_describe_text(&d, "compatible", "arm,gic-v3");
    describe_reg(g, &d);
    vm_describe_cell(&d, "#redistributor-regions", 1);
    vm_describe_flag(&d, "interrupt-controller");
    vm_describe_cell(&d, "#interrupt-cells", 3);
    vm_describe_cell(&d, "#address-cells", 2);
    vm_describe_cell(&d, "#size-cells", 2);
    vm_describe_flag(&d, "ranges");
    if (g->maintenance)
        vm_describe_cells(&d, "interrupts", maintenance, VM_ARRAY_SIZE(maintenance));
    vm_describe_cell(&d, "phandle", g->phandle);
    if (g->describe_its && !d.error)
        d.error = g->describe_its(g->its, fdt);
    vm_describe_end(&d);
    return d.error;
}

// The redistributors' device goes after the distributor's, and takes all with it.
static void release(struct gicv3 *g)
{
    vm_device_lock_destroy(g->machine, g->lock);
    vm_device_release(g->machine, g, sizeof *g + g->cpus * sizeof g->cpu[0]);
}

static void redistributors_destroy(void *device)
{
    release(((struct gicv3_cpu *)device)->gic);
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
    .type = "gicv3",
    .mmio = {distributor_read, distributor_write},
    .reset = gicv3_reset,
    .destroy = left_to_other,
    .describe = gicv3_describe,
};

static const struct vm_device_ops redistributors_ops = {
    .type = "gicv3-redistributors",
    .mmio = {redistributors_read, redistributors_write},
    .reset = left_to_other,
    .destroy = redistributors_destroy,
    .describe = described_by_other,
};

static vm_status check(const struct vm_gicv3_config *config, struct vm_error *e)
{
    if (config->cpus == 0 || config->cpus > VM_MAX_VCPUS)
        return vm_error_set(e, VM_ERR_USAGE, "the GICv3 serves 1 to %d CPUs, not %u", VM_MAX_VCPUS,
                            config->cpus);
    if (config->spis % 32 || config->spis > VM_GICV3_MAX_SPIS)
        return vm_error_set(e, VM_ERR_USAGE, "the GICv3 cannot have %u SPIs", config->spis);
    for (uint32_t i = 0; i < config->cpus; i++) {
        if ((config->mpidr[i] & 0xff) > 15)
            return vm_error_set(e, VM_ERR_USAGE, "SGIs cannot reach a CPU of affinity %#llx",
                                (unsigned long long)config->mpidr[i]);
    }
    return VM_OK;
}

vm_status vm_gicv3_create(struct vm_machine *m, const struct vm_gicv3_config *config,
                          struct vm_device *distributor, struct vm_device *redistributors,
                          struct vm_error *e)
{
    vm_status status = check(config, e);
    if (status != VM_OK)
        return status;
    size_t size = sizeof(struct gicv3) + config->cpus * sizeof(struct gicv3_cpu);
    struct gicv3 *g = vm_device_alloc(m, size, distributor_ops.type, e);
    if (!g)
        return VM_ERR_HOST;
    g->machine = m;
    g->distributor = config->distributor;
    g->redistributors = config->redistributors;
    g->phandle = config->phandle;
    g->has_lpis = config->lpis;
    g->maintenance = config->maintenance;
    g->spis = config->spis;
    g->cpus = config->cpus;
    for (uint32_t i = 0; i < g->cpus; i++) {
        struct gicv3_cpu *c = &g->cpu[i];
        c->gic = g;
        c->index = i;
        c->mpidr = config->mpidr[i];
        c->irq = config->irq[i];
        c->fiq = config->fiq[i];
    }
    g->lock = vm_device_lock_create(m, distributor_ops.type, e);
    if (!g->lock) {
        release(g);
        return VM_ERR_HOST;
    }
    gicv3_reset(g);
    *distributor =
        (struct vm_device){&distributor_ops, g, g->distributor, VM_GICV3_DISTRIBUTOR_SIZE};
    *redistributors = (struct vm_device){&redistributors_ops, &g->cpu[0], g->redistributors,
                                         (uint64_t)g->cpus * VM_GICV3_REDISTRIBUTOR_SIZE};
    return VM_OK;
}

struct gicv3 *gicv3_of(const struct vm_device *device)
{
    if (device->ops == &distributor_ops)
        return device->device;
    return device->ops == &redistributors_ops ? ((struct gicv3_cpu *)device->device)->gic : NULL;
}

void gicv3_set_its(struct gicv3 *g, int (*describe)(const void *its, void *fdt), const void *its)
{
    g->describe_its = describe;
    g->its = its;
}

struct vm_irq vm_gicv3_spi(const struct vm_device *gic, uint32_t spi)
{
    struct gicv3 *g = gicv3_of(gic);
    if (!g || spi >= g->spis)
        return (struct vm_irq){0};
    return (struct vm_irq){spi_changed, g, spi};
}

struct vm_irq vm_gicv3_ppi(const struct vm_device *gic, uint32_t cpu, uint32_t ppi)
{
    struct gicv3 *g = gicv3_of(gic);
    if (!g || cpu >= g->cpus || ppi >= VM_GICV3_PPIS)
        return (struct vm_irq){0};
    return (struct vm_irq){ppi_changed, &g->cpu[cpu], GIC_SGIS + ppi};
}

struct vm_register_device vm_gicv3_cpu_interface(const struct vm_device *gic)
{
    return (struct vm_register_device){&gicv3_cpu_ops, gicv3_of(gic)};
}
