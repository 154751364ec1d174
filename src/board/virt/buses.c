// SPDX-License-Identifier: MIT
//
// The PCI bus, the virtio-mmio slots, and the virtio devices that the embedder puts into them. All
// MMIO slots are there: drivers pass over those without a device.
#include <vm/device/pci.h>
#include <vm/device/virtio/mmio.h>
#include <vm/device/virtio/pci.h>

#include "virt.h"

// --- virtio-mmio ---

static bool is_in_mmio_slot(const struct vm_board_virtio *d, unsigned slot)
{
    return d->device && d->transport == VM_BOARD_MMIO && d->slot == slot;
}

static vm_status add_mmio_slot(struct virt *v, unsigned slot, struct vm_error *e)
{
    const struct virt_map *map = &v->map;
    struct vm_device_site s =
        virt_site(v, map->virtio_base + slot * map->virtio_size, map->virtio_interrupt + slot);
    s.size = map->virtio_size;
    struct vm_board_virtio *occupant = NULL;
    for (size_t i = 0; i < v->config.virtio_count && !occupant; i++) {
        if (is_in_mmio_slot(&v->config.virtio[i], slot))
            occupant = &v->config.virtio[i];
    }
    struct vm_device device;
    vm_status status =
        vm_virtio_mmio_create(v->machine, occupant ? occupant->device : NULL, &s, &device, e);
    if (status != VM_OK)
        return status;
    if (occupant)
        occupant->device = NULL;
    return virt_add_device(v, &device, e);
}

static vm_status add_mmio_slots(struct virt *v, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (unsigned slot = 0; status == VM_OK && slot < v->map.virtio_slots; slot++)
        status = add_mmio_slot(v, slot, e);
    // What is left wanted a slot that does not exist, or one that another got.
    for (size_t i = 0; status == VM_OK && i < v->config.virtio_count; i++) {
        const struct vm_board_virtio *d = &v->config.virtio[i];
        if (d->device && d->transport == VM_BOARD_MMIO)
            status = vm_error_set(e, VM_ERR_USAGE, "virtio-mmio slot %u %s", d->slot,
                                  d->slot < v->map.virtio_slots ? "is taken" : "does not exist");
    }
    return status;
}

// --- PCI ---

// As far up as RAM goes; none if physical addresses end before it.
struct vm_pci_window virt_pci_memory64(const struct virt *v)
{
    const uint64_t size = v->map.pci_memory64_size;
    uint64_t base = (virt_ram_end(v) + size - 1) & ~(size - 1);
    if (base > v->map.ram_limit - size)
        return (struct vm_pci_window){0};
    return (struct vm_pci_window){base, size};
}

static vm_status fill_pci(struct virt *v, struct vm_pci_host *host, struct vm_error *e)
{
    for (size_t i = 0; i < v->config.virtio_count; i++) {
        struct vm_board_virtio *d = &v->config.virtio[i];
        if (!d->device || d->transport != VM_BOARD_PCI)
            continue;
        vm_status status = vm_virtio_pci_create(host, d->slot, d->device, e);
        if (status != VM_OK)
            return status;
        d->device = NULL;
    }
    return VM_OK;
}

static vm_status add_pci(struct virt *v, struct vm_error *e)
{
    const struct virt_map *map = &v->map;
    struct vm_pci_host_config c = {
        .ecam = map->ecam,
        .io = map->pci_io,
        .memory32 = map->pci_memory,
        .memory64 = virt_pci_memory64(v),
        .interrupt_parent = map->wires,
        .interrupt_cells = map->interrupt_cells,
        .interrupt_address_cells = map->interrupt_address_cells,
        .msi = map->msi.send ? &map->msi : NULL,
        .msi_parent = map->msi_parent,
        .msi_by_requester = map->msi_by_requester,
    };
    for (uint32_t i = 0; i < VM_PCI_WIRES; i++) {
        c.interrupt[i] = map->pci_interrupt + i;
        c.intx[i] = map->wire(v, c.interrupt[i]);
    }
    struct vm_device device;
    struct vm_pci_host *host;
    vm_status status = vm_pci_host_create(v->machine, &c, &device, &host, e);
    if (status == VM_OK)
        status = virt_add_device(v, &device, e);
    if (status == VM_OK)
        status = vm_pci_attach_windows(host, e);
    return status == VM_OK ? fill_pci(v, host, e) : status;
}

vm_status virt_add_buses(struct virt *v, struct vm_error *e)
{
    vm_status status = add_mmio_slots(v, e);
    if (status == VM_OK)
        status = add_pci(v, e);
    v->config.virtio = NULL; // the embedder's array may go
    v->config.virtio_count = 0;
    return status;
}
