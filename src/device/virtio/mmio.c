// SPDX-License-Identifier: MIT
//
// The MMIO transport (vm/device/virtio/mmio.h). Registers below the configuration space take
// aligned 32-bit accesses only, as the specification has it (VirtIO 1.2, 4.2.2.2).
//
// Locking: one lock around the interrupt status and the wire, so that a level never overtakes a
// later one. Selectors are atomics: a driver that writes them from two vCPUs at once gets one or
// the other.
#include "../device.h"

#include <stdatomic.h>
#include <vm/device/virtio/mmio.h>

enum {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    QUEUE_SEL = 0x030,
    QUEUE_SIZE_MAX = 0x034,
    QUEUE_SIZE = 0x038,
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHM_LEN_LOW = 0x0b0,
    SHM_BASE_HIGH = 0x0bc,
    QUEUE_RESET = 0x0c0,
    CONFIG_GENERATION = 0x0fc,

    MAGIC = 0x74726976,  // "virt"
    VENDOR = 0x4e495254, // "TRIN"
    INTERRUPT_USED = 1,
    INTERRUPT_CONFIG = 2,
};

struct virtio_mmio {
    struct vm_machine *machine;
    struct vm_virtio *virtio; // NULL: an empty slot
    struct vm_device_site site;
    struct vm_host_lock *lock;
    uint32_t interrupt_status; // under the lock
    _Atomic uint32_t device_features_sel, driver_features_sel, queue_sel;
};

// --- interrupts ---

static void change_interrupts(struct virtio_mmio *t, uint32_t set, uint32_t clear)
{
    vm_device_lock(t->machine, t->lock);
    t->interrupt_status = (t->interrupt_status & ~clear) | set;
    vm_irq_set(&t->site.irq, t->interrupt_status != 0);
    vm_device_unlock(t->machine, t->lock);
}

static void raise(void *transport, int queue)
{
    change_interrupts(transport,
                      queue == VM_VIRTIO_CONFIG_CHANGE ? INTERRUPT_CONFIG : INTERRUPT_USED, 0);
}

static uint32_t interrupt_status(struct virtio_mmio *t)
{
    vm_device_lock(t->machine, t->lock);
    uint32_t status = t->interrupt_status;
    vm_device_unlock(t->machine, t->lock);
    return status;
}

// --- registers ---

static uint32_t feature_word(uint64_t features, uint32_t sel)
{
    return sel < 2 ? (uint32_t)(features >> (32 * sel)) : 0;
}

static void write_features(struct virtio_mmio *t, uint32_t value)
{
    uint64_t features = vm_virtio_driver_features(t->virtio);
    uint32_t sel = t->driver_features_sel;
    if (sel == 0)
        features = (features & ~(uint64_t)UINT32_MAX) | value;
    else if (sel == 1)
        features = (features & UINT32_MAX) | (uint64_t)value << 32;
    vm_virtio_set_driver_features(t->virtio, features);
}

static uint64_t set_half(uint64_t v, bool high, uint32_t half)
{
    return high ? (v & UINT32_MAX) | (uint64_t)half << 32 : (v & ~(uint64_t)UINT32_MAX) | half;
}

static void write_queue(struct virtio_mmio *t, uint64_t offset, uint32_t value)
{
    struct vm_virtq_setup s;
    unsigned queue = t->queue_sel;
    vm_virtio_get_queue(t->virtio, queue, &s);
    bool high = offset & 4;
    switch (offset) {
    // What does not fit is as wrong as what is too large.
    case QUEUE_SIZE: s.size = value > UINT16_MAX ? UINT16_MAX : (uint16_t)value; break;
    case QUEUE_READY: s.enabled = value & 1; break;
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH: s.descriptors.v = set_half(s.descriptors.v, high, value); break;
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH: s.driver.v = set_half(s.driver.v, high, value); break;
    default: s.device.v = set_half(s.device.v, high, value); break;
    }
    vm_virtio_set_queue(t->virtio, queue, &s);
}

static void write_status(struct virtio_mmio *t, uint32_t value)
{
    vm_virtio_set_status(t->virtio, (uint8_t)value);
    if ((uint8_t)value == 0) {
        t->device_features_sel = t->driver_features_sel = t->queue_sel = 0;
        change_interrupts(t, 0, UINT32_MAX);
    }
}

static uint32_t read_queue(struct virtio_mmio *t, uint64_t offset)
{
    struct vm_virtq_setup s;
    vm_virtio_get_queue(t->virtio, t->queue_sel, &s);
    return offset == QUEUE_READY ? s.enabled : s.max_size;
}

static uint32_t read_register(struct virtio_mmio *t, uint64_t offset)
{
    switch (offset) {
    case MAGIC_VALUE: return MAGIC;
    case VERSION: return 2;
    case VENDOR_ID: return VENDOR;
    default: break;
    }
    if (!t->virtio)
        return 0;
    switch (offset) {
    case DEVICE_ID: return vm_virtio_device_id(t->virtio);
    case DEVICE_FEATURES:
        return feature_word(vm_virtio_device_features(t->virtio), t->device_features_sel);
    case QUEUE_SIZE_MAX:
    case QUEUE_READY: return read_queue(t, offset);
    case INTERRUPT_STATUS: return interrupt_status(t);
    case STATUS: return vm_virtio_get_status(t->virtio);
    case CONFIG_GENERATION: return vm_virtio_config_generation(t->virtio);
    default:
        // No shared memory regions: all ones in length and base (4.2.2). QueueReset is over when
        // the write returns.
        return offset >= SHM_LEN_LOW && offset <= SHM_BASE_HIGH ? UINT32_MAX : 0;
    }
}

static void write_register(struct virtio_mmio *t, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case DEVICE_FEATURES_SEL: t->device_features_sel = value; break;
    case DRIVER_FEATURES: write_features(t, value); break;
    case DRIVER_FEATURES_SEL: t->driver_features_sel = value; break;
    case QUEUE_SEL: t->queue_sel = value; break;
    case QUEUE_NOTIFY: vm_virtio_doorbell(t->virtio, value); break;
    case INTERRUPT_ACK: change_interrupts(t, 0, value); break;
    case STATUS: write_status(t, value); break;
    case QUEUE_RESET:
        if (value & 1)
            vm_virtio_reset_queue(t->virtio, t->queue_sel);
        break;
    case QUEUE_SIZE:
    case QUEUE_READY:
    case QUEUE_DESC_LOW:
    case QUEUE_DESC_HIGH:
    case QUEUE_DRIVER_LOW:
    case QUEUE_DRIVER_HIGH:
    case QUEUE_DEVICE_LOW:
    case QUEUE_DEVICE_HIGH: write_queue(t, offset, value); break;
    default: break;
    }
}

static bool mmio_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct virtio_mmio *t = device;
    *value = 0;
    if (offset >= VM_VIRTIO_MMIO_CONFIG) {
        uint8_t bytes[8] = {0};
        if (t->virtio)
            vm_virtio_read_config(t->virtio, (uint32_t)offset - VM_VIRTIO_MMIO_CONFIG, bytes, size);
        *value = vm_load_le64(bytes);
        return true;
    }
    if (size != 4)
        return false;
    *value = read_register(t, offset);
    return true;
}

static bool mmio_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_mmio *t = device;
    if (offset >= VM_VIRTIO_MMIO_CONFIG) {
        uint8_t bytes[8];
        vm_store_le64(bytes, value);
        if (t->virtio)
            vm_virtio_write_config(t->virtio, (uint32_t)offset - VM_VIRTIO_MMIO_CONFIG, bytes,
                                   size);
        return true;
    }
    if (size != 4)
        return false;
    if (t->virtio)
        write_register(t, offset, (uint32_t)value);
    return true;
}

// --- device ---

static void mmio_reset(void *device)
{
    struct virtio_mmio *t = device;
    if (t->virtio)
        write_status(t, 0);
}

static int mmio_describe(const void *device, void *fdt)
{
    const struct virtio_mmio *t = device;
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "virtio_mmio", t->site.base.v);
    vm_describe_text(&d, "compatible", "virtio,mmio");
    vm_describe_reg(&d, t->site.base.v, t->site.size);
    vm_device_describe_irq(&d, &t->site);
    vm_describe_end(&d);
    return d.error;
}

static void mmio_destroy(void *device)
{
    struct virtio_mmio *t = device;
    vm_virtio_destroy(t->virtio);
    vm_device_lock_destroy(t->machine, t->lock);
    vm_device_release(t->machine, t, sizeof *t);
}

static const struct vm_device_ops mmio_ops = {
    .type = "virtio-mmio",
    .mmio = {mmio_read, mmio_write},
    .reset = mmio_reset,
    .destroy = mmio_destroy,
    .describe = mmio_describe,
};

vm_status vm_virtio_mmio_create(struct vm_machine *m, struct vm_virtio *v,
                                const struct vm_device_site *site, struct vm_device *out,
                                struct vm_error *e)
{
    struct virtio_mmio *t = vm_device_alloc(m, sizeof *t, mmio_ops.type, e);
    if (!t)
        return VM_ERR_HOST;
    t->machine = m;
    t->site = *site;
    if (t->site.size == 0)
        t->site.size = VM_VIRTIO_MMIO_SIZE;
    t->lock = vm_device_lock_create(m, mmio_ops.type, e);
    if (!t->lock) {
        mmio_destroy(t);
        return VM_ERR_HOST;
    }
    if (v) {
        t->virtio = v;
        const struct vm_virtio_interrupt interrupt = {raise, t};
        vm_virtio_attach(v, &interrupt);
    }
    *out = (struct vm_device){&mmio_ops, t, site->base, t->site.size};
    return VM_OK;
}
