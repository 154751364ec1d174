// SPDX-License-Identifier: MIT
//
// The common configuration structure of the PCI transport. A driver accesses a field by its own
// width, 64-bit ones by halves (VirtIO 1.2, 4.1.3.1). Reads of any other width give the bytes that
// are there; writes reach the fields that they cover whole.
#include "pci_transport.h"

// The fields (4.1.4.3).
enum {
    DEVICE_FEATURE_SELECT = 0x00,
    DEVICE_FEATURE = 0x04,
    DRIVER_FEATURE_SELECT = 0x08,
    DRIVER_FEATURE = 0x0c,
    CONFIG_MSIX_VECTOR = 0x10,
    NUM_QUEUES = 0x12,
    DEVICE_STATUS = 0x14,
    CONFIG_GENERATION = 0x15,
    QUEUE_SELECT = 0x16,
    QUEUE_SIZE = 0x18,
    QUEUE_MSIX_VECTOR = 0x1a,
    QUEUE_ENABLE = 0x1c,
    QUEUE_NOTIFY_OFF = 0x1e,
    QUEUE_DESC = 0x20,
    QUEUE_DRIVER = 0x28,
    QUEUE_DEVICE = 0x30,
    QUEUE_RESET = 0x3a,
};

// A vector that the device does not have cannot be mapped: it reads back as none (4.1.5.1.2.1).
static uint16_t valid_vector(const struct virtio_pci *t, uint32_t vector)
{
    return vector < vm_pci_msix_vectors(t->function) ? (uint16_t)vector : VIRTIO_PCI_NO_VECTOR;
}

static uint32_t feature_word(uint64_t features, uint32_t select)
{
    return select < 2 ? (uint32_t)(features >> 32 * select) : 0;
}

static void write_features(struct virtio_pci *t, uint32_t value)
{
    uint32_t select = t->driver_feature_select;
    if (select >= 2)
        return;
    uint64_t features = vm_virtio_driver_features(t->virtio);
    vm_virtio_set_driver_features(t->virtio, vm_set_bits(features, 32 * select, 32, value));
}

static uint32_t read_queue(const struct virtio_pci *t, uint32_t field)
{
    struct vm_virtq_setup s;
    unsigned queue = t->queue_select;
    vm_virtio_get_queue(t->virtio, queue, &s);
    switch (field) {
    case QUEUE_SIZE: return s.size;
    case QUEUE_MSIX_VECTOR:
        return queue < VM_VIRTIO_MAX_QUEUES ? t->queue_vector[queue] : VIRTIO_PCI_NO_VECTOR;
    case QUEUE_ENABLE: return s.enabled;
    case QUEUE_NOTIFY_OFF: return s.max_size ? queue : 0;
    case QUEUE_DESC: return (uint32_t)s.descriptors.v;
    case QUEUE_DESC + 4: return (uint32_t)(s.descriptors.v >> 32);
    case QUEUE_DRIVER: return (uint32_t)s.driver.v;
    case QUEUE_DRIVER + 4: return (uint32_t)(s.driver.v >> 32);
    case QUEUE_DEVICE: return (uint32_t)s.device.v;
    case QUEUE_DEVICE + 4: return (uint32_t)(s.device.v >> 32);
    default: return 0; // a queue's reset is over when the write returns
    }
}

static uint32_t read_field(const struct virtio_pci *t, uint32_t field)
{
    switch (field) {
    case DEVICE_FEATURE_SELECT: return t->device_feature_select;
    case DEVICE_FEATURE:
        return feature_word(vm_virtio_device_features(t->virtio), t->device_feature_select);
    case DRIVER_FEATURE_SELECT: return t->driver_feature_select;
    case DRIVER_FEATURE:
        return feature_word(vm_virtio_driver_features(t->virtio), t->driver_feature_select);
    case CONFIG_MSIX_VECTOR: return t->config_vector;
    case NUM_QUEUES: return vm_virtio_queue_count(t->virtio);
    case DEVICE_STATUS: return vm_virtio_get_status(t->virtio);
    case CONFIG_GENERATION: return vm_virtio_config_generation(t->virtio);
    case QUEUE_SELECT: return t->queue_select;
    default: return read_queue(t, field);
    }
}

static void reset_queue(struct virtio_pci *t, unsigned queue)
{
    vm_virtio_reset_queue(t->virtio, queue);
    if (queue < VM_VIRTIO_MAX_QUEUES)
        t->queue_vector[queue] = VIRTIO_PCI_NO_VECTOR;
}

static void write_queue(struct virtio_pci *t, uint32_t field, uint32_t value)
{
    struct vm_virtq_setup s;
    unsigned queue = t->queue_select, shift = field & 4 ? 32 : 0;
    vm_virtio_get_queue(t->virtio, queue, &s);
    switch (field) {
    case QUEUE_SIZE: s.size = (uint16_t)value; break;
    case QUEUE_ENABLE: s.enabled = true; break;
    case QUEUE_DESC:
    case QUEUE_DESC + 4: s.descriptors.v = vm_set_bits(s.descriptors.v, shift, 32, value); break;
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4: s.driver.v = vm_set_bits(s.driver.v, shift, 32, value); break;
    default: s.device.v = vm_set_bits(s.device.v, shift, 32, value); break;
    }
    vm_virtio_set_queue(t->virtio, queue, &s);
}

static void write_queue_vector(struct virtio_pci *t, uint32_t vector)
{
    unsigned queue = t->queue_select;
    if (queue < vm_virtio_queue_count(t->virtio))
        t->queue_vector[queue] = valid_vector(t, vector);
}

static void write_field(struct virtio_pci *t, uint32_t field, uint32_t value)
{
    switch (field) {
    case DEVICE_FEATURE_SELECT: t->device_feature_select = value; break;
    case DRIVER_FEATURE_SELECT: t->driver_feature_select = value; break;
    case DRIVER_FEATURE: write_features(t, value); break;
    case CONFIG_MSIX_VECTOR: t->config_vector = valid_vector(t, value); break;
    case DEVICE_STATUS: virtio_pci_write_status(t, (uint8_t)value); break;
    case QUEUE_SELECT: t->queue_select = (uint16_t)value; break;
    case QUEUE_MSIX_VECTOR: write_queue_vector(t, value); break;
    case QUEUE_RESET:
        if (value == 1)
            reset_queue(t, t->queue_select);
        break;
    case QUEUE_ENABLE:
        if (value == 1) // 0 is not for drivers to write (4.1.4.3.2)
            write_queue(t, field, value);
        break;
    case QUEUE_SIZE:
    case QUEUE_DESC:
    case QUEUE_DESC + 4:
    case QUEUE_DRIVER:
    case QUEUE_DRIVER + 4:
    case QUEUE_DEVICE:
    case QUEUE_DEVICE + 4: write_queue(t, field, value); break;
    default: break;
    }
}

static const struct field {
    uint8_t offset, size;
} fields[] = {
    {DEVICE_FEATURE_SELECT, 4}, {DEVICE_FEATURE, 4},
    {DRIVER_FEATURE_SELECT, 4}, {DRIVER_FEATURE, 4},
    {CONFIG_MSIX_VECTOR, 2},    {NUM_QUEUES, 2},
    {DEVICE_STATUS, 1},         {CONFIG_GENERATION, 1},
    {QUEUE_SELECT, 2},          {QUEUE_SIZE, 2},
    {QUEUE_MSIX_VECTOR, 2},     {QUEUE_ENABLE, 2},
    {QUEUE_NOTIFY_OFF, 2},      {QUEUE_DESC, 4},
    {QUEUE_DESC + 4, 4},        {QUEUE_DRIVER, 4},
    {QUEUE_DRIVER + 4, 4},      {QUEUE_DEVICE, 4},
    {QUEUE_DEVICE + 4, 4},      {QUEUE_RESET, 2},
};

uint64_t virtio_pci_read_common(const struct virtio_pci *t, uint32_t offset, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VM_ARRAY_SIZE(fields); i++) {
        const struct field *f = &fields[i];
        if (f->offset + f->size <= offset || f->offset >= offset + size)
            continue;
        uint64_t v = read_field(t, f->offset);
        value |= f->offset < offset ? v >> 8 * (offset - f->offset) : v << 8 * (f->offset - offset);
    }
    return value & vm_mask(8 * size);
}

void virtio_pci_write_common(struct virtio_pci *t, uint32_t offset, unsigned size, uint64_t value)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(fields); i++) {
        const struct field *f = &fields[i];
        if (f->offset < offset || f->offset + f->size > offset + size)
            continue;
        uint64_t v = value >> 8 * (f->offset - offset);
        write_field(t, f->offset, (uint32_t)(v & vm_mask(8 * f->size)));
    }
}
