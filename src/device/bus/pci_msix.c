// SPDX-License-Identifier: MIT
//
// MSI-X (PCI Local Bus 3.0, 6.8.2): the table in the first half of a 4 KiB BAR, the pending bits in
// the second. Messages are sent under the function's lock: once the guest's masking write has
// returned, no message comes any more.
#include "pci.h"

#include <vm/base/bits.h>

enum {
    CONTROL = 2, // from the capability on
    CONTROL_ENABLE = 1 << 15,
    CONTROL_MASK = 1 << 14,

    BAR_SIZE = 0x1000,
    TABLE = 0,
    PENDING = 0x800,
    ENTRY_SIZE = 16,
    ENTRY_DATA = 8, // address before, vector control after
    VECTOR_MASK = 1,
};
_Static_assert(VM_PCI_MSIX_VECTORS *ENTRY_SIZE <= PENDING, "the table fits");

vm_status vm_pci_add_msix(struct vm_pci_function *f, unsigned bar, unsigned vectors,
                          struct vm_error *e)
{
    if (!f->host->msi.send)
        return VM_OK;
    if (vectors == 0 || vectors > VM_PCI_MSIX_VECTORS || f->msix.capability)
        return vm_error_set(e, VM_ERR_USAGE, "device %s: %u MSI-X vectors are not possible",
                            f->ops->type, vectors);
    vm_status status = vm_pci_add_bar(f, bar, VM_PCI_BAR_MEMORY32, BAR_SIZE, e);
    if (status != VM_OK)
        return status;
    uint8_t body[10];
    vm_store_le16(body, (uint16_t)(vectors - 1));
    vm_store_le32(body + 2, TABLE | bar);
    vm_store_le32(body + 6, PENDING | bar);
    uint32_t at;
    status = vm_pci_add_capability(f, CAP_MSIX, body, sizeof body, &at, e);
    if (status != VM_OK)
        return status;
    vm_pci_set_writable(f, at + CONTROL, 2, CONTROL_ENABLE | CONTROL_MASK);
    f->msix.capability = at;
    f->msix.bar = bar;
    f->msix.vectors = vectors;
    pci_msix_reset(f);
    return VM_OK;
}

unsigned vm_pci_msix_vectors(const struct vm_pci_function *f)
{
    return f->msix.vectors;
}

static uint16_t control(const struct vm_pci_function *f)
{
    return f->msix.capability ? vm_load_le16(f->config + f->msix.capability + CONTROL) : 0;
}

bool pci_msix_enabled(const struct vm_pci_function *f)
{
    return control(f) & CONTROL_ENABLE;
}

bool vm_pci_msix_is_enabled(struct vm_pci_function *f)
{
    pci_lock(f);
    bool enabled = pci_msix_enabled(f);
    pci_unlock(f);
    return enabled;
}

// --- messages ---

static bool may_send(const struct vm_pci_function *f, unsigned vector)
{
    return !(control(f) & CONTROL_MASK) && atomic_load(&f->bus_master) &&
           !f->msix.vector[vector].masked;
}

static void send(struct vm_pci_function *f, unsigned vector)
{
    const struct pci_vector *v = &f->msix.vector[vector];
    const struct vm_msi *msi = &f->host->msi;
    msi->send(msi->target, v->address, v->data, pci_requester(f));
}

// Sends what is pending and may go.
static void send_pending(struct vm_pci_function *f)
{
    for (unsigned word = 0; word < VM_ARRAY_SIZE(f->msix.pending); word++) {
        for (uint64_t left = f->msix.pending[word]; left; left &= left - 1) {
            unsigned bit = vm_ctz64(left);
            if (!may_send(f, 64 * word + bit))
                continue;
            f->msix.pending[word] &= ~((uint64_t)1 << bit);
            send(f, 64 * word + bit);
        }
    }
}

void vm_pci_msix_send(struct vm_pci_function *f, unsigned vector)
{
    if (vector >= f->msix.vectors)
        return;
    pci_lock(f);
    if (pci_msix_enabled(f)) {
        if (may_send(f, vector))
            send(f, vector);
        else
            f->msix.pending[vector / 64] |= (uint64_t)1 << vector % 64;
    }
    pci_unlock(f);
}

void pci_msix_update(struct vm_pci_function *f)
{
    if (pci_msix_enabled(f))
        send_pending(f);
    else
        vm_zero(f->msix.pending, sizeof f->msix.pending);
}

void pci_msix_reset(struct vm_pci_function *f)
{
    vm_zero(f->msix.pending, sizeof f->msix.pending);
    for (unsigned i = 0; i < VM_PCI_MSIX_VECTORS; i++)
        f->msix.vector[i] = (struct pci_vector){.masked = true};
}

// --- table and pending bits ---

// The aligned doubleword at `offset` of the BAR.
static uint32_t read_word(const struct vm_pci_function *f, uint64_t offset)
{
    if (offset >= PENDING) {
        uint64_t word = (offset - PENDING) / 8;
        uint64_t bits = word < VM_ARRAY_SIZE(f->msix.pending) ? f->msix.pending[word] : 0;
        return (uint32_t)(bits >> (offset & 4 ? 32 : 0));
    }
    if (offset / ENTRY_SIZE >= f->msix.vectors)
        return 0;
    const struct pci_vector *v = &f->msix.vector[offset / ENTRY_SIZE];
    switch (offset % ENTRY_SIZE) {
    case 0: return (uint32_t)v->address;
    case 4: return (uint32_t)(v->address >> 32);
    case ENTRY_DATA: return v->data;
    default: return v->masked ? VECTOR_MASK : 0;
    }
}

static void write_word(struct vm_pci_function *f, uint64_t offset, uint32_t value)
{
    if (offset / ENTRY_SIZE >= f->msix.vectors)
        return;
    struct pci_vector *v = &f->msix.vector[offset / ENTRY_SIZE];
    switch (offset % ENTRY_SIZE) {
    case 0: v->address = vm_set_bits(v->address, 0, 32, value & ~3u); break;
    case 4: v->address = vm_set_bits(v->address, 32, 32, value); break;
    case ENTRY_DATA: v->data = value; break;
    default: v->masked = value & VECTOR_MASK; break;
    }
}

uint64_t pci_msix_read(struct vm_pci_function *f, uint64_t offset, unsigned size)
{
    pci_lock(f);
    uint64_t value = read_word(f, offset & ~(uint64_t)3) >> 8 * (offset & 3);
    if (size == 8)
        value |= (uint64_t)read_word(f, offset + 4) << 32;
    pci_unlock(f);
    return value & vm_mask(8 * size);
}

// Software writes whole doublewords or quadwords (6.8.2.6); anything else is lost.
void pci_msix_write(struct vm_pci_function *f, uint64_t offset, unsigned size, uint64_t value)
{
    if (size < 4)
        return;
    pci_lock(f);
    write_word(f, offset, (uint32_t)value);
    if (size == 8)
        write_word(f, offset + 4, (uint32_t)(value >> 32));
    pci_msix_update(f);
    pci_unlock(f);
}
