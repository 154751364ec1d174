// SPDX-License-Identifier: MIT
//
// The host bridge (vm/device/pci.h): configuration space by ECAM (PCI Express 5.0, 7.2.2), windows
// of memory and I/O, the four INTx wires, and the device tree node (IEEE 1275 PCI bus binding,
// Linux's host-generic-pci.yaml).
#include "pci.h"

#include <vm/base/bits.h>

enum {
    BUS_SHIFT = 20, // of ECAM offsets
    SLOT_SHIFT = 15,
    FUNCTION_SHIFT = 12,
    FUNCTION_SIZE = 1 << FUNCTION_SHIFT,

    BRIDGE_VENDOR = 0x1b36, // QEMU's generic bridge
    BRIDGE_DEVICE = 0x0008,
    BRIDGE_SUBSYSTEM_VENDOR = 0x1af4,
    BRIDGE_SUBSYSTEM = 0x1100,
    BRIDGE_CLASS = 0x060000,

    LEVEL_HIGH = 4, // trigger type of interrupt specifiers with two cells or more
    MAX_ADDRESS_CELLS = 2,
    REQUESTERS = 0x10000,
};

// Address space codes of "ranges" (IEEE 1275 PCI, 2.2.1.1).
#define SPACE_IO       0x01000000u
#define SPACE_MEMORY32 0x02000000u
#define SPACE_MEMORY64 0x03000000u

// --- wires ---

void pci_drive(struct vm_pci_function *f, bool level)
{
    struct vm_pci_host *h = f->host;
    unsigned wire = f->slot % VM_PCI_WIRES; // INTA
    uint32_t bit = UINT32_C(1) << f->slot;
    vm_device_lock(h->machine, h->lock);
    uint32_t asserted = level ? h->asserted[wire] | bit : h->asserted[wire] & ~bit;
    if (asserted != h->asserted[wire]) {
        h->asserted[wire] = asserted;
        vm_irq_set(&h->config.intx[wire], asserted != 0);
    }
    vm_device_unlock(h->machine, h->lock);
}

// --- configuration space ---

// The function whose configuration space has `offset`, NULL if there is none: on bus 0, the first
// of each slot, in its first 256 bytes. Functions are conventional ones, not PCI Express, and have
// no more.
static struct vm_pci_function *function_at(const struct vm_pci_host *h, uint64_t offset)
{
    bool exists = offset >> BUS_SHIFT == 0 && (offset >> FUNCTION_SHIFT & 7) == 0 &&
                  (offset & (FUNCTION_SIZE - 1)) < CONFIG_SIZE;
    return exists ? h->slot[offset >> SLOT_SHIFT] : NULL;
}

static bool ecam_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct vm_pci_function *f = function_at(device, offset);
    uint32_t at = offset % CONFIG_SIZE;
    *value = vm_mask(8 * size);
    if (f && size < 8)
        *value = pci_config_read(f, at, size);
    else if (f)
        *value = pci_config_read(f, at, 4) | (uint64_t)pci_config_read(f, at + 4, 4) << 32;
    return true;
}

static bool ecam_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct vm_pci_function *f = function_at(device, offset);
    uint32_t at = offset % CONFIG_SIZE;
    if (!f)
        return true;
    pci_config_write(f, at, size < 8 ? size : 4, (uint32_t)value);
    if (size == 8)
        pci_config_write(f, at + 4, 4, (uint32_t)(value >> 32));
    return true;
}

// --- windows ---

static bool window_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    const struct pci_window *w = device;
    const struct pci_mapping *m = pci_find(w->space, w->base + offset);
    *value = m ? pci_bar_read(m, w->base + offset, size) : vm_mask(8 * size);
    return true;
}

static bool window_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pci_window *w = device;
    const struct pci_mapping *m = pci_find(w->space, w->base + offset);
    if (m)
        pci_bar_write(m, w->base + offset, size, value);
    return true;
}

static const struct vm_mmio_ops window_ops = {window_read, window_write};

static vm_status attach(struct vm_pci_host *h, const struct vm_pci_window *at, struct pci_window *w,
                        const char *name, struct vm_error *e)
{
    if (at->size == 0)
        return VM_OK;
    return vm_space_add_mmio(&h->machine->space, vm_gpa_of(at->base), at->size, &window_ops, w,
                             name, e);
}

// --- description ---

static void describe_ranges(const struct vm_pci_host *h, struct vm_describe *d)
{
    const struct vm_pci_host_config *c = &h->config;
    const struct {
        uint32_t space;
        uint64_t bus;
        const struct vm_pci_window *w;
    } ranges[] = {{SPACE_IO, 0, &c->io},
                  {SPACE_MEMORY32, c->memory32.base, &c->memory32},
                  {SPACE_MEMORY64, c->memory64.base, &c->memory64}};
    uint32_t cells[7 * VM_ARRAY_SIZE(ranges)];
    size_t n = 0;
    for (size_t i = 0; i < VM_ARRAY_SIZE(ranges); i++) {
        if (ranges[i].w->size == 0)
            continue;
        const uint64_t quantities[] = {ranges[i].bus, ranges[i].w->base, ranges[i].w->size};
        cells[n++] = ranges[i].space;
        for (size_t j = 0; j < VM_ARRAY_SIZE(quantities); j++) {
            cells[n++] = (uint32_t)(quantities[j] >> 32);
            cells[n++] = (uint32_t)quantities[j];
        }
    }
    vm_describe_cells(d, "ranges", cells, n);
}

// Slots with the same number modulo 4 have the same wires, so the map has the first four.
static void describe_interrupts(const struct vm_pci_host *h, struct vm_describe *d)
{
    const struct vm_pci_host_config *c = &h->config;
    static const uint32_t mask[] = {(VM_PCI_WIRES - 1) << 11, 0, 0, 7};
    uint32_t cells[VM_PCI_WIRES * VM_PCI_WIRES * (8 + MAX_ADDRESS_CELLS)];
    size_t n = 0;
    for (uint32_t slot = 0; slot < VM_PCI_WIRES; slot++) {
        for (uint32_t pin = 0; pin < VM_PCI_WIRES; pin++) {
            const uint32_t unit[] = {slot << 11, 0, 0, pin + 1, c->interrupt_parent};
            vm_copy(cells + n, unit, sizeof unit);
            n += VM_ARRAY_SIZE(unit);
            for (uint32_t i = 0; i < c->interrupt_address_cells; i++)
                cells[n++] = 0;
            if (c->interrupt_cells > 2)
                cells[n++] = 0; // a shared peripheral interrupt of a GIC
            cells[n++] = c->interrupt[(slot + pin) % VM_PCI_WIRES];
            if (c->interrupt_cells > 1)
                cells[n++] = LEVEL_HIGH;
        }
    }
    vm_describe_cell(d, "#interrupt-cells", 1);
    vm_describe_cells(d, "interrupt-map-mask", mask, VM_ARRAY_SIZE(mask));
    vm_describe_cells(d, "interrupt-map", cells, n);
}

static int host_describe(const void *device, void *fdt)
{
    const struct vm_pci_host *h = device;
    const struct vm_pci_host_config *c = &h->config;
    struct vm_describe d = {.fdt = fdt};
    const uint32_t buses[] = {0, (uint32_t)(c->ecam.size >> BUS_SHIFT) - 1};
    vm_describe_begin_at(&d, "pci", c->ecam.base);
    vm_describe_text(&d, "compatible", "pci-host-ecam-generic");
    vm_describe_text(&d, "device_type", "pci");
    vm_describe_cell(&d, "#address-cells", 3);
    vm_describe_cell(&d, "#size-cells", 2);
    vm_describe_reg(&d, c->ecam.base, c->ecam.size);
    vm_describe_cell(&d, "linux,pci-domain", 0);
    vm_describe_cells(&d, "bus-range", buses, 2);
    vm_describe_flag(&d, "dma-coherent");
    describe_ranges(h, &d);
    describe_interrupts(h, &d);
    const uint32_t msi_map[] = {0, c->msi_parent, 0, REQUESTERS};
    if (h->msi.send && c->msi_by_requester)
        vm_describe_cells(&d, "msi-map", msi_map, VM_ARRAY_SIZE(msi_map));
    else if (h->msi.send)
        vm_describe_cell(&d, "msi-parent", c->msi_parent);
    vm_describe_end(&d);
    return d.error;
}

// --- device ---

static void host_reset(void *device)
{
    struct vm_pci_host *h = device;
    for (unsigned i = 0; i < VM_PCI_SLOTS; i++) {
        if (h->slot[i])
            pci_config_reset(h->slot[i]);
    }
}

static void host_destroy(void *device)
{
    struct vm_pci_host *h = device;
    for (unsigned i = 0; i < VM_PCI_SLOTS; i++)
        vm_pci_function_destroy(h->slot[i]);
    vm_device_lock_destroy(h->machine, h->lock);
    vm_device_release(h->machine, h, sizeof *h);
}

static const struct vm_device_ops host_ops = {
    .type = "pci",
    .mmio = {ecam_read, ecam_write},
    .reset = host_reset,
    .destroy = host_destroy,
    .describe = host_describe,
};

static vm_status check(const struct vm_pci_host_config *c, struct vm_error *e)
{
    uint64_t buses = c->ecam.size >> BUS_SHIFT;
    if (buses < 1 || buses > 256 || c->ecam.size & vm_mask(BUS_SHIFT) ||
        c->ecam.base & vm_mask(BUS_SHIFT))
        return vm_error_set(e, VM_ERR_USAGE, "pci: the configuration space is not of whole buses");
    if (c->interrupt_address_cells > MAX_ADDRESS_CELLS)
        return vm_error_set(e, VM_ERR_USAGE, "pci: %u address cells of an interrupt controller",
                            c->interrupt_address_cells);
    return VM_OK;
}

static void take_slot(struct vm_pci_host *h, unsigned slot, struct vm_pci_function *f)
{
    f->slot = slot;
    h->slot[slot] = f;
    pci_bars_add(f);
}

// The bridge as a function: there to be seen, it has nothing to do.
static vm_status add_bridge(struct vm_pci_host *h, struct vm_error *e)
{
    static const struct vm_pci_ops ops = {.type = "pci"};
    static const struct vm_pci_function_config config = {
        .ops = &ops,
        .vendor_id = BRIDGE_VENDOR,
        .device_id = BRIDGE_DEVICE,
        .subsystem_vendor_id = BRIDGE_SUBSYSTEM_VENDOR,
        .subsystem_id = BRIDGE_SUBSYSTEM,
        .class_code = BRIDGE_CLASS,
    };
    struct vm_pci_function *f;
    vm_status status = vm_pci_function_create(h, &config, &f, e);
    if (status == VM_OK)
        take_slot(h, 0, f);
    return status;
}

vm_status vm_pci_host_create(struct vm_machine *m, const struct vm_pci_host_config *config,
                             struct vm_device *out, struct vm_pci_host **host, struct vm_error *e)
{
    vm_status status = check(config, e);
    if (status != VM_OK)
        return status;
    struct vm_pci_host *h = vm_device_alloc(m, sizeof *h, host_ops.type, e);
    if (!h)
        return VM_ERR_HOST;
    h->machine = m;
    h->config = *config;
    if (config->msi)
        h->msi = *config->msi;
    h->config.msi = NULL; // the copy is what counts
    h->io_window = (struct pci_window){&h->io, 0};
    h->memory32_window = (struct pci_window){&h->memory, config->memory32.base};
    h->memory64_window = (struct pci_window){&h->memory, config->memory64.base};
    h->lock = vm_device_lock_create(m, host_ops.type, e);
    status = h->lock ? add_bridge(h, e) : VM_ERR_HOST;
    if (status != VM_OK) {
        host_destroy(h);
        return status;
    }
    *out = (struct vm_device){&host_ops, h, vm_gpa_of(config->ecam.base), config->ecam.size};
    *host = h;
    return VM_OK;
}

vm_status vm_pci_attach_windows(struct vm_pci_host *h, struct vm_error *e)
{
    const struct vm_pci_host_config *c = &h->config;
    vm_status status = attach(h, &c->io, &h->io_window, "pci i/o", e);
    if (status == VM_OK)
        status = attach(h, &c->memory32, &h->memory32_window, "pci memory", e);
    if (status == VM_OK)
        status = attach(h, &c->memory64, &h->memory64_window, "pci memory, 64-bit", e);
    return status;
}

vm_status vm_pci_add(struct vm_pci_host *h, unsigned slot, struct vm_pci_function *f,
                     struct vm_error *e)
{
    if (slot >= VM_PCI_SLOTS)
        return vm_error_set(e, VM_ERR_USAGE, "PCI slot %u does not exist: there are 1 to %d", slot,
                            VM_PCI_SLOTS - 1);
    if (h->slot[slot])
        return vm_error_set(e, VM_ERR_USAGE, "PCI slot %u is taken", slot);
    take_slot(h, slot, f);
    return VM_OK;
}
