// SPDX-License-Identifier: MIT
//
// Base address registers (PCI Local Bus 3.0, 6.2.5). Sizing needs no code of its own: the bits
// below the size cannot be written. Each BAR has one fixed place in the bridge's list of memory or
// I/O ranges; moving it stores one atomic there, so that accesses take no lock and an access at the
// same time finds the old place or the new one.
#include "pci.h"

#include <vm/base/bits.h>

enum { MEMORY_64 = 0x4, PREFETCHABLE = 0x8, IO_SPACE = 0x1 }; // low bits

static bool is_possible(enum vm_pci_bar_kind kind, uint64_t size)
{
    if (vm_popcount64(size) != 1)
        return false;
    switch (kind) {
    case VM_PCI_BAR_IO: return size >= 4 && size <= 256;
    case VM_PCI_BAR_MEMORY32: return size >= 16 && size <= UINT64_C(1) << 31;
    case VM_PCI_BAR_MEMORY64: return size >= 16;
    default: return false;
    }
}

vm_status vm_pci_add_bar(struct vm_pci_function *f, unsigned index, enum vm_pci_bar_kind kind,
                         uint64_t size, struct vm_error *e)
{
    bool wide = kind == VM_PCI_BAR_MEMORY64;
    if (index + wide >= VM_PCI_BARS || !is_possible(kind, size) || f->bar[index].size ||
        (wide && f->bar[index + 1].size))
        return vm_error_set(e, VM_ERR_USAGE, "device %s: BAR %u of %llu bytes is not possible",
                            f->ops->type, index, (unsigned long long)size);
    f->bar[index] = (struct pci_bar){kind, size, NULL};
    uint32_t at = BASE_ADDRESS + 4 * index;
    uint64_t writable = ~(size - 1);
    static const uint32_t type[] = {
        [VM_PCI_BAR_IO] = IO_SPACE,
        [VM_PCI_BAR_MEMORY64] = MEMORY_64 | PREFETCHABLE,
    };
    vm_store_le32(f->config + at, kind == VM_PCI_BAR_MEMORY32 ? 0 : type[kind]);
    vm_store_le32(f->writable + at, (uint32_t)writable);
    if (wide) {
        f->bar[index + 1].size = size; // taken
        vm_store_le32(f->writable + at + 4, (uint32_t)(writable >> 32));
    }
    f->writable[COMMAND] |= kind == VM_PCI_BAR_IO ? COMMAND_IO : COMMAND_MEMORY;
    return VM_OK;
}

void pci_bars_add(struct vm_pci_function *f)
{
    for (unsigned i = 0; i < VM_PCI_BARS; i++) {
        struct pci_bar *bar = &f->bar[i];
        if (bar->kind == VM_PCI_BAR_NONE)
            continue;
        struct pci_space *s = bar->kind == VM_PCI_BAR_IO ? &f->host->io : &f->host->memory;
        bar->mapping = &s->mapping[s->count++];
        bar->mapping->mask = ~(bar->size - 1);
        bar->mapping->function = f;
        bar->mapping->bar = i;
    }
}

void pci_bars_update(struct vm_pci_function *f)
{
    uint16_t command = pci_command(f);
    for (unsigned i = 0; i < VM_PCI_BARS; i++) {
        const struct pci_bar *bar = &f->bar[i];
        if (!bar->mapping)
            continue;
        const uint8_t *at = f->config + BASE_ADDRESS + 4 * i;
        uint64_t address = vm_load_le32(at);
        if (bar->kind == VM_PCI_BAR_MEMORY64)
            address |= (uint64_t)vm_load_le32(at + 4) << 32;
        bool decode = command & (bar->kind == VM_PCI_BAR_IO ? COMMAND_IO : COMMAND_MEMORY);
        uint64_t key = decode ? (address & bar->mapping->mask) | 1 : 0;
        atomic_store_explicit(&bar->mapping->key, key, memory_order_release);
    }
}

const struct pci_mapping *pci_find(const struct pci_space *s, uint64_t address)
{
    for (unsigned i = 0; i < s->count; i++) {
        const struct pci_mapping *m = &s->mapping[i];
        if (((address & m->mask) | 1) == atomic_load_explicit(&m->key, memory_order_acquire))
            return m;
    }
    return NULL;
}

uint64_t pci_bar_read(const struct pci_mapping *m, uint64_t address, unsigned size)
{
    struct vm_pci_function *f = m->function;
    uint64_t offset = address & ~m->mask;
    if (f->msix.capability && m->bar == f->msix.bar)
        return pci_msix_read(f, offset, size);
    return f->ops->read ? f->ops->read(f->device, m->bar, offset, size) : 0;
}

void pci_bar_write(const struct pci_mapping *m, uint64_t address, unsigned size, uint64_t value)
{
    struct vm_pci_function *f = m->function;
    uint64_t offset = address & ~m->mask;
    if (f->msix.capability && m->bar == f->msix.bar)
        pci_msix_write(f, offset, size, value);
    else if (f->ops->write)
        f->ops->write(f->device, m->bar, offset, size, value);
}
