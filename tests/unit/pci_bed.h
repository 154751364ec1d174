// SPDX-License-Identifier: MIT
//
// A bare machine with a PCI bridge and three functions that tell what they were asked, for tests.
#ifndef PCI_BED_H
#define PCI_BED_H

#include "device_host.h"

#include <vm/base/bits.h>
#include <vm/device/pci.h>

#define ECAM  UINT64_C(0x30000000)
#define IO    UINT64_C(0x3000000)
#define LOW   UINT64_C(0x40000000)
#define HIGH  UINT64_C(0x400000000)
#define RAM   UINT64_C(0x80000000)
#define WIDTH UINT64_C(0x10000000) // of the windows of memory

enum {
    COMMAND = 4,
    STATUS = 6,
    BAR0 = 0x10,
    IO_ENABLE = 1,
    MEMORY_ENABLE = 2,
    MASTER = 4,
    INTX_DISABLE = 1 << 10,

    RAM_SIZE = 4 << 10,
    VECTORS = 70,
    IO_SIZE = 32, // BAR 0
    MSIX_BAR = 1,
    LOW_SIZE = 0x10000, // BAR 2
    HIGH_SIZE = 0x4000, // BAR 4
    FUNCTIONS = 3,      // in slots 1, 2 and 6
    MESSAGES = 16,      // that are kept
    ALL_ENABLED = IO_ENABLE | MEMORY_ENABLE | MASTER,
};

extern const unsigned bed_slots[FUNCTIONS];

struct toy {
    unsigned bar, writes, reads, masters, resets, destroyed;
    uint64_t offset, value;
    unsigned size;
    struct vm_pci_function *function;
    uint32_t capability;
};

struct bed {
    struct device_host host;
    struct vm_machine machine;
    struct vm_device bridge;
    struct vm_pci_host *pci;
    struct wire wires[VM_PCI_WIRES];
    struct toy toys[FUNCTIONS];
    uint8_t *ram;
    unsigned sent;
    struct {
        uint64_t address;
        uint32_t data, device;
    } messages[MESSAGES];
};

struct bed *bed_begin(void); // with MSI
void bed_begin_with(struct bed *b, bool msi);
void bed_end(struct bed *b);
// The parts of it, for want of memory.
vm_status bed_make_bridge(struct bed *b, bool msi);
vm_status bed_make_toy(struct bed *b, unsigned n, unsigned slot);
extern const struct vm_pci_ops toy_ops;

// --- the guest's side ---

static inline uint64_t config_at(unsigned n, uint32_t offset)
{
    return ECAM + ((uint64_t)bed_slots[n] << 15) + offset;
}

static inline uint32_t get(struct bed *b, unsigned n, uint32_t offset, unsigned size)
{
    return (uint32_t)mmio_read(&b->machine, config_at(n, offset), size);
}

static inline void put(struct bed *b, unsigned n, uint32_t offset, unsigned size, uint32_t value)
{
    mmio_write(&b->machine, config_at(n, offset), size, value);
}

static inline void place(struct bed *b, unsigned n, unsigned bar, uint64_t address)
{
    put(b, n, BAR0 + 4 * bar, 4, (uint32_t)address);
    if (bar == 4)
        put(b, n, BAR0 + 4 * bar + 4, 4, (uint32_t)(address >> 32));
}

// Where capability `id` is, 0 if there is none.
uint32_t find_capability(struct bed *b, unsigned n, uint8_t id);

#endif
