// SPDX-License-Identifier: MIT
//
// The PCI transport as a driver sees it, once with MSI-X and once with INTx: finds the structures
// by the capability list, places the BARs, and knows offsets from the specification only.
#include <stdlib.h>
#include <string.h>

#include "rig.h"

#include <vm/device/virtio/pci.h>

enum {
    ECAM = 0x30000000,
    MEMORY32 = 0x40000000,
    SLOT = 1,
    MSIX_BAR_AT = MEMORY32 + 0x5000,
    CONFIG_VECTOR = 64, // in the data of messages; queues have their numbers
    COMMON = 1,         // cfg_type
    NOTIFY = 2,
    ISR = 3,
    DEVICE = 4,
    TYPES = 5,
};

#define MEMORY64    UINT64_C(0x400000000)
#define BAR_AT      (MEMORY64 + 0x8000)
#define MSI_ADDRESS UINT64_C(0x28000000)

struct pci_bus {
    struct virtio_rig *rig;
    struct vm_pci_host *host;
    bool msix;
    uint64_t part[TYPES]; // addresses of the structures
    uint32_t multiplier;
    _Atomic uint64_t messages; // VIRTIO_CONFIG_INTERRUPT, and bit n for queue n
};

static struct pci_bus *bus_of(struct virtio_rig *rig)
{
    return rig->bus_data;
}

struct vm_pci_host *virtio_bus_pci_host(struct virtio_rig *rig)
{
    return bus_of(rig)->host;
}

static uint64_t config_at(uint32_t offset)
{
    return ECAM + (SLOT << 15) + offset;
}

static uint32_t config(struct virtio_rig *rig, uint32_t offset, unsigned size)
{
    return (uint32_t)mmio_read(&rig->machine, config_at(offset), size);
}

static uint64_t get(struct virtio_rig *rig, uint32_t offset, unsigned size)
{
    return mmio_read(&rig->machine, bus_of(rig)->part[COMMON] + offset, size);
}

static void put(struct virtio_rig *rig, uint32_t offset, unsigned size, uint64_t value)
{
    mmio_write(&rig->machine, bus_of(rig)->part[COMMON] + offset, size, value);
}

// --- plugging in ---

static void message(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    struct pci_bus *bus = target;
    if (device != SLOT << 3)
        abort();
    if (address != MSI_ADDRESS || data > CONFIG_VECTOR) {
        if (!bus->rig->hostile)
            abort();
        return;
    }
    bus->messages |= data == CONFIG_VECTOR ? VIRTIO_CONFIG_INTERRUPT : UINT64_C(1) << data;
}

static void make_bridge(struct virtio_rig *rig, struct vm_virtio *v)
{
    struct pci_bus *bus = bus_of(rig);
    const struct vm_msi msi = {message, bus};
    struct vm_pci_host_config c = {
        .ecam = {ECAM, 1 << 20},
        .memory32 = {MEMORY32, 1 << 20},
        .memory64 = {MEMORY64, 1 << 20},
        .msi = bus->msix ? &msi : NULL,
    };
    c.intx[SLOT] = virtio_rig_irq(rig);
    assert_int_equal(vm_pci_host_create(&rig->machine, &c, &rig->slot, &bus->host, NULL), VM_OK);
    assert_int_equal(vm_device_attach(&rig->machine, &rig->slot, NULL), VM_OK);
    assert_int_equal(vm_pci_attach_windows(bus->host, NULL), VM_OK);
    assert_int_equal(vm_virtio_pci_create(bus->host, SLOT, v, NULL), VM_OK);
    rig->slot.ops->reset(rig->slot.device);
}

static void set_vectors(struct virtio_rig *rig, uint32_t capability)
{
    uint32_t count = (config(rig, capability + 2, 2) & 0x7ff) + 1;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t entry = MSIX_BAR_AT + 16 * i;
        mmio_write(&rig->machine, entry, 8, MSI_ADDRESS);
        mmio_write(&rig->machine, entry + 8, 4, i + 1 == count ? CONFIG_VECTOR : i);
        mmio_write(&rig->machine, entry + 12, 4, 0);
    }
    mmio_write(&rig->machine, config_at(capability + 2), 2, 1 << 15);
}

static void walk_capabilities(struct virtio_rig *rig)
{
    struct pci_bus *bus = bus_of(rig);
    assert_true(config(rig, 6, 2) & 1 << 4);
    bool msix = false;
    for (uint32_t at = config(rig, 0x34, 1); at; at = config(rig, at + 1, 1)) {
        uint32_t type = config(rig, at + 3, 1);
        if (config(rig, at, 1) == 0x11) {
            msix = true;
            set_vectors(rig, at);
        } else if (config(rig, at, 1) == 9 && type < TYPES) {
            assert_int_equal(config(rig, at + 4, 1), 4); // BAR
            bus->part[type] = BAR_AT + config(rig, at + 8, 4);
            if (type == NOTIFY)
                bus->multiplier = config(rig, at + 16, 4);
        }
    }
    assert_int_equal(msix, bus->msix);
}

static void plug(struct virtio_rig *rig, struct vm_virtio *v, bool msix)
{
    struct pci_bus *bus = calloc(1, sizeof *bus);
    bus->rig = rig;
    bus->msix = msix;
    rig->bus_data = bus;
    make_bridge(rig, v);
    assert_int_equal(config(rig, 0, 2), 0x1af4);
    if (msix)
        mmio_write(&rig->machine, config_at(0x14), 4, MSIX_BAR_AT);
    mmio_write(&rig->machine, config_at(0x20), 8, BAR_AT);
    mmio_write(&rig->machine, config_at(4), 2, 6); // memory, bus master
    walk_capabilities(rig);
    assert_true(bus->part[COMMON] && bus->part[ISR] && bus->part[DEVICE] && bus->part[NOTIFY]);
}

static void plug_msix(struct virtio_rig *rig, struct vm_virtio *v)
{
    plug(rig, v, true);
}

static void plug_intx(struct virtio_rig *rig, struct vm_virtio *v)
{
    plug(rig, v, false);
}

static void unplug(struct virtio_rig *rig)
{
    vm_device_destroy(&rig->slot);
    free(rig->bus_data);
}

// --- registers ---

static uint32_t device_id(struct virtio_rig *rig)
{
    return config(rig, 2, 2) - 0x1040;
}

static uint64_t device_features(struct virtio_rig *rig)
{
    put(rig, 0, 4, 1);
    uint64_t high = get(rig, 4, 4);
    put(rig, 0, 4, 0);
    return high << 32 | get(rig, 4, 4);
}

static void set_features(struct virtio_rig *rig, uint64_t features)
{
    put(rig, 8, 4, 1);
    put(rig, 12, 4, features >> 32);
    put(rig, 8, 4, 0);
    put(rig, 12, 4, features & UINT32_MAX);
}

static uint8_t get_status(struct virtio_rig *rig)
{
    return (uint8_t)get(rig, 20, 1);
}

// The vectors of queues are set in set_queue; a reset takes this one as well.
static void set_status(struct virtio_rig *rig, uint8_t status)
{
    put(rig, 20, 1, status);
    if (bus_of(rig)->msix && status)
        put(rig, 16, 2, get(rig, 18, 2)); // vectors of the queues come first
}

static uint16_t queue_max(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 22, 2, queue);
    return (uint16_t)get(rig, 24, 2);
}

static void set_vector(struct virtio_rig *rig, unsigned queue)
{
    if (!bus_of(rig)->msix || queue >= get(rig, 18, 2))
        return;
    put(rig, 26, 2, queue);
    assert_int_equal(get(rig, 26, 2), queue);
}

static void put64(struct virtio_rig *rig, uint32_t offset, uint64_t value)
{
    put(rig, offset, 4, value & UINT32_MAX);
    put(rig, offset + 4, 4, value >> 32);
}

static void set_queue(struct virtio_rig *rig, unsigned queue, uint32_t size, uint64_t descriptors,
                      uint64_t driver, uint64_t device)
{
    put(rig, 22, 2, queue);
    set_vector(rig, queue);
    put(rig, 24, 2, size > UINT16_MAX ? UINT16_MAX : size);
    put64(rig, 32, descriptors);
    put64(rig, 40, driver);
    put64(rig, 48, device);
}

static void enable_queue(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 22, 2, queue);
    put(rig, 28, 2, 1);
}

static bool queue_enabled(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 22, 2, queue);
    return get(rig, 28, 2);
}

static void reset_queue(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 22, 2, queue);
    put(rig, 58, 2, 1);
    assert_int_equal(get(rig, 58, 2), 0);
}

static void notify(struct virtio_rig *rig, unsigned queue)
{
    const struct pci_bus *bus = bus_of(rig);
    put(rig, 22, 2, queue);
    uint64_t offset = get(rig, 30, 2) * bus->multiplier;
    mmio_write(&rig->machine, bus->part[NOTIFY] + offset, 2, queue & 0xffff);
}

static uint64_t take_messages(struct virtio_rig *rig)
{
    assert_false(rig->wire);
    return atomic_exchange(&bus_of(rig)->messages, 0);
}

static uint64_t take_isr(struct virtio_rig *rig)
{
    uint64_t isr = mmio_read(&rig->machine, bus_of(rig)->part[ISR], 1);
    return (isr & 1 ? VIRTIO_QUEUE_INTERRUPTS : 0) | (isr & 2 ? VIRTIO_CONFIG_INTERRUPT : 0);
}

static uint8_t generation(struct virtio_rig *rig)
{
    return (uint8_t)get(rig, 21, 1);
}

// By the widest aligned accesses up to 4 bytes.
static unsigned piece(uint32_t offset, uint32_t size)
{
    return !(offset & 3) && size >= 4 ? 4 : !(offset & 1) && size >= 2 ? 2 : 1;
}

static void read_config(struct virtio_rig *rig, uint32_t offset, void *to, uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        unsigned n = piece(offset + done, size - done);
        uint64_t v = mmio_read(&rig->machine, bus_of(rig)->part[DEVICE] + offset + done, n);
        memcpy((uint8_t *)to + done, &v, n);
        done += n;
    }
}

static void write_config(struct virtio_rig *rig, uint32_t offset, const void *from, uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        unsigned n = piece(offset + done, size - done);
        uint64_t v = 0;
        memcpy(&v, (const uint8_t *)from + done, n);
        mmio_write(&rig->machine, bus_of(rig)->part[DEVICE] + offset + done, n, v);
        done += n;
    }
}

#define COMMON_OPERATIONS                                                             \
    .unplug = unplug, .device_id = device_id, .device_features = device_features,     \
    .set_features = set_features, .get_status = get_status, .set_status = set_status, \
    .queue_max = queue_max, .set_queue = set_queue, .enable_queue = enable_queue,     \
    .queue_enabled = queue_enabled, .reset_queue = reset_queue, .notify = notify,     \
    .generation = generation, .read_config = read_config, .write_config = write_config

const struct virtio_bus virtio_bus_pci_msix = {
    .name = "pci with MSI-X",
    .plug = plug_msix,
    .take_interrupts = take_messages,
    COMMON_OPERATIONS,
};

const struct virtio_bus virtio_bus_pci_intx = {
    .name = "pci with INTx",
    .plug = plug_intx,
    .take_interrupts = take_isr,
    COMMON_OPERATIONS,
};
