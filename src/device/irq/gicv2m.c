// SPDX-License-Identifier: MIT
//
// GICv2m (vm/device/gicv2.h): a store of an SPI's number makes that SPI pend. It has no state, so
// nothing to lock or reset.
#include "gicv2.h"

enum {
    TYPER = 0x008,
    SETSPI_NS = VM_GICV2M_SETSPI,
    IIDR = 0xfcc,

    TYPER_FIRST_SHIFT = 16,
    PART = 0x480,
};

struct gicv2m {
    struct vm_machine *machine;
    struct gicv2 *gic;
    struct vm_gicv2m_config config;
    struct vm_irq spi[VM_GICV2_MAX_SPIS]; // from the first one on
};

static void message(const struct gicv2m *f, uint32_t intid)
{
    uint32_t n = intid - GIC_INTERNAL - f->config.first; // wraps for those before the first
    if (n >= f->config.count)
        return;
    vm_irq_set(&f->spi[n], true);
    vm_irq_set(&f->spi[n], false);
}

bool vm_gicv2m_message(const struct vm_device *frame, uint64_t address, uint32_t data)
{
    const struct gicv2m *f = frame->device;
    if (address != f->config.base.v + SETSPI_NS)
        return false;
    message(f, data);
    return true;
}

static bool frame_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct gicv2m *f = device;
    uint32_t id;
    *value = 0;
    if (size != 4)
        return false;
    if (offset == TYPER)
        *value = (f->config.first + GIC_INTERNAL) << TYPER_FIRST_SHIFT | f->config.count;
    else if (offset == IIDR)
        *value = GICV2_IIDR;
    else if (gic_identification(offset, VM_GICV2M_SIZE, PART, GICV2_VERSION, &id))
        *value = id;
    return true;
}

static bool frame_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    if (size != 4)
        return false;
    if (offset == SETSPI_NS)
        message(device, (uint32_t)value);
    return true;
}

static void frame_reset(void *device)
{
    (void)device;
}

// In the GIC's node, which asks by this; as a device of its own it has none.
static int describe_in_gic(const void *device, void *fdt)
{
    const struct gicv2m *f = device;
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "v2m", f->config.base.v);
    vm_describe_text(&d, "compatible", "arm,gic-v2m-frame");
    vm_describe_flag(&d, "msi-controller");
    vm_describe_reg(&d, f->config.base.v, VM_GICV2M_SIZE);
    vm_describe_cell(&d, "phandle", f->config.phandle);
    vm_describe_end(&d);
    return d.error;
}

static int frame_describe(const void *device, void *fdt)
{
    (void)device, (void)fdt;
    return 0;
}

static void frame_destroy(void *device)
{
    struct gicv2m *f = device;
    gicv2_set_frame(f->gic, NULL, NULL);
    vm_device_release(f->machine, f, sizeof *f);
}

static const struct vm_device_ops frame_ops = {
    .type = "gicv2m",
    .mmio = {frame_read, frame_write},
    .reset = frame_reset,
    .destroy = frame_destroy,
    .describe = frame_describe,
};

vm_status vm_gicv2m_create(struct vm_machine *m, const struct vm_device *gic,
                           const struct vm_gicv2m_config *config, struct vm_device *out,
                           struct vm_error *e)
{
    struct gicv2 *g = gicv2_of(gic);
    if (!g || config->count > g->spis || config->first > g->spis - config->count)
        return vm_error_set(e, VM_ERR_USAGE, "a GICv2m needs a GICv2 with its SPIs");
    struct gicv2m *f = vm_device_alloc(m, sizeof *f, frame_ops.type, e);
    if (!f)
        return VM_ERR_HOST;
    f->machine = m;
    f->gic = g;
    f->config = *config;
    for (uint32_t i = 0; i < config->count; i++)
        f->spi[i] = vm_gicv2_spi(gic, config->first + i);
    gicv2_set_frame(g, describe_in_gic, f);
    *out = (struct vm_device){&frame_ops, f, config->base, VM_GICV2M_SIZE};
    return VM_OK;
}
