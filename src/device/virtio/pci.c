// SPDX-License-Identifier: MIT
//
// The PCI transport (vm/device/virtio/pci.h): the function, its BAR, interrupts.
//
// Bus Master Enable gates the device: one that runs when the guest takes it away has its queues
// stopped and needs a reset, and one without it cannot be started.
//
// Locking: one lock around the ISR status and the INTx level, so that a level never overtakes a
// later one. Selectors and vectors are atomics: a driver that writes them from two vCPUs at once
// gets one or the other. Doorbells take no lock.
#include "pci_transport.h"

enum {
    VENDOR = 0x1af4,
    DEVICE_BASE = 0x1040, // of IDs, plus the device's type
    SUBSYSTEM = 0x1100,
    REVISION = 1,

    MSIX_BAR = 1,
    BAR = 4,
    BAR_SIZE = 0x4000,
    PART_SIZE = 0x1000, // what of it each structure has
    COMMON_PART = 0,
    ISR_PART = 1,
    DEVICE_PART = 2,
    NOTIFY_PART = 3,
    NOTIFY_MULTIPLIER = 4,

    CAP_VENDOR = 0x09,
    CAP_COMMON = 1, // cfg_type (4.1.4)
    CAP_NOTIFY = 2,
    CAP_ISR = 3,
    CAP_DEVICE = 4,
    CAP_PCI = 5,
    CAP_SIZE = 16, // of struct virtio_pci_cap
    CAP_BAR = 4,   // offsets in it
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,

    ISR_QUEUE = 1,
    ISR_CONFIG = 2,
};

// --- interrupts (4.1.5.3, 4.1.5.4) ---

static void set_isr(struct virtio_pci *t, uint8_t bits)
{
    vm_device_lock(t->machine, t->lock);
    t->isr |= bits;
    vm_pci_set_intx(t->function, t->isr != 0);
    vm_device_unlock(t->machine, t->lock);
}

static uint8_t take_isr(struct virtio_pci *t)
{
    vm_device_lock(t->machine, t->lock);
    uint8_t isr = t->isr;
    t->isr = 0;
    vm_pci_set_intx(t->function, false);
    vm_device_unlock(t->machine, t->lock);
    return isr;
}

static void raise(void *transport, int queue)
{
    struct virtio_pci *t = transport;
    bool config = queue == VM_VIRTIO_CONFIG_CHANGE;
    if (vm_pci_msix_is_enabled(t->function))
        vm_pci_msix_send(t->function, config ? t->config_vector : t->queue_vector[queue]);
    else
        set_isr(t, config ? ISR_CONFIG : ISR_QUEUE);
}

static void forget(struct virtio_pci *t)
{
    t->device_feature_select = t->driver_feature_select = 0;
    t->queue_select = 0;
    t->config_vector = VIRTIO_PCI_NO_VECTOR;
    for (unsigned i = 0; i < VM_VIRTIO_MAX_QUEUES; i++)
        t->queue_vector[i] = VIRTIO_PCI_NO_VECTOR;
    take_isr(t);
}

// --- bus mastering ---

static void check_master(void *device)
{
    struct virtio_pci *t = device;
    if (vm_pci_is_bus_master(t->function) ||
        !(vm_virtio_get_status(t->virtio) & VM_VIRTIO_DRIVER_OK))
        return;
    vm_virtio_break(t->virtio, "the guest has turned bus mastering off");
    // Returns with nothing in flight.
    for (unsigned i = 0; i < vm_virtio_queue_count(t->virtio); i++) {
        struct vm_virtq_setup s;
        vm_virtio_get_queue(t->virtio, i, &s);
        s.enabled = false;
        vm_virtio_set_queue(t->virtio, i, &s);
    }
}

void virtio_pci_write_status(struct virtio_pci *t, uint8_t status)
{
    if (status & VM_VIRTIO_DRIVER_OK && !vm_pci_is_bus_master(t->function)) {
        vm_virtio_break(t->virtio, "DRIVER_OK without bus mastering");
        return;
    }
    vm_virtio_set_status(t->virtio, status);
    if (status == 0)
        forget(t);
    else
        check_master(t); // it may have gone off in the meantime
}

// --- the BAR ---

static uint64_t bar_read(void *device, unsigned bar, uint64_t offset, unsigned size)
{
    struct virtio_pci *t = device;
    uint32_t at = offset % PART_SIZE;
    uint8_t bytes[8] = {0};
    (void)bar; // there is one
    switch (offset / PART_SIZE) {
    case COMMON_PART: return virtio_pci_read_common(t, at, size);
    case ISR_PART: return at == 0 ? take_isr(t) : 0;
    case DEVICE_PART: vm_virtio_read_config(t->virtio, at, bytes, size); return vm_load_le64(bytes);
    default: return 0;
    }
}

static void bar_write(void *device, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_pci *t = device;
    uint32_t at = offset % PART_SIZE;
    uint8_t bytes[8];
    (void)bar;
    switch (offset / PART_SIZE) {
    case COMMON_PART: virtio_pci_write_common(t, at, size, value); break;
    case DEVICE_PART:
        vm_store_le64(bytes, value);
        vm_virtio_write_config(t->virtio, at, bytes, size);
        break;
    case NOTIFY_PART: vm_virtio_doorbell(t->virtio, at / NOTIFY_MULTIPLIER); break;
    default: break;
    }
}

// --- access to the BAR through configuration space (4.1.4.9) ---

// Whether an access to configuration space is one to the window; then what it asks for.
static bool window(struct virtio_pci *t, uint32_t offset, unsigned size, uint32_t *at,
                   unsigned *length)
{
    uint32_t data = t->window + CAP_SIZE;
    if (offset + size <= data || offset >= data + 4)
        return false;
    *at = vm_pci_get_config(t->function, t->window + CAP_OFFSET, 4);
    *length = vm_pci_get_config(t->function, t->window + CAP_LENGTH, 4);
    return vm_pci_get_config(t->function, t->window + CAP_BAR, 1) == BAR &&
           (*length == 1 || *length == 2 || *length == 4) && *at % *length == 0 && *at < BAR_SIZE;
}

static void config_reading(void *device, uint32_t offset, unsigned size)
{
    struct virtio_pci *t = device;
    uint32_t at;
    unsigned length;
    if (window(t, offset, size, &at, &length))
        vm_pci_set_config(t->function, t->window + CAP_SIZE, length,
                          (uint32_t)bar_read(t, BAR, at, length));
}

static void config_written(void *device, uint32_t offset, unsigned size)
{
    struct virtio_pci *t = device;
    uint32_t at;
    unsigned length;
    if (window(t, offset, size, &at, &length))
        bar_write(t, BAR, at, length, vm_pci_get_config(t->function, t->window + CAP_SIZE, length));
}

// --- device ---

static void pci_reset(void *device)
{
    virtio_pci_write_status(device, 0);
}

static void pci_destroy(void *device)
{
    struct virtio_pci *t = device;
    vm_virtio_destroy(t->virtio);
    vm_device_lock_destroy(t->machine, t->lock);
    vm_device_release(t->machine, t, sizeof *t);
}

static const struct vm_pci_ops pci_ops = {
    .type = "virtio-pci",
    .read = bar_read,
    .write = bar_write,
    .config_reading = config_reading,
    .config_written = config_written,
    .bus_master = check_master,
    .reset = pci_reset,
    .destroy = pci_destroy,
};

static uint32_t class_of(enum vm_virtio_id id)
{
    switch (id) {
    case VM_VIRTIO_NET: return 0x020000;     // Ethernet controller
    case VM_VIRTIO_BLOCK: return 0x010000;   // mass storage, SCSI
    case VM_VIRTIO_CONSOLE: return 0x078000; // other communication controller
    case VM_VIRTIO_VSOCK: return 0x078000;
    case VM_VIRTIO_9P: return 0x028000; // other network controller
    default: return 0x00ff00;           // none of those that there are
    }
}

// A structure of the BAR. `extra` bytes follow it, of which the first four are `value`.
static vm_status add_part(struct virtio_pci *t, uint8_t type, uint32_t part, unsigned extra,
                          uint32_t value, uint32_t *at, struct vm_error *e)
{
    uint8_t body[CAP_SIZE + 4 - 2] = {(uint8_t)(CAP_SIZE + extra), type};
    if (type != CAP_PCI) {
        body[CAP_BAR - 2] = BAR;
        vm_store_le32(body + CAP_OFFSET - 2, part * PART_SIZE);
        vm_store_le32(body + CAP_LENGTH - 2, PART_SIZE);
    }
    vm_store_le32(body + CAP_SIZE - 2, value);
    return vm_pci_add_capability(t->function, CAP_VENDOR, body, CAP_SIZE + extra - 2, at, e);
}

static vm_status add_structures(struct virtio_pci *t, struct vm_error *e)
{
    static const struct {
        uint8_t type, part, extra;
        uint32_t value;
    } parts[] = {{CAP_COMMON, COMMON_PART, 0, 0},
                 {CAP_ISR, ISR_PART, 0, 0},
                 {CAP_DEVICE, DEVICE_PART, 0, 0},
                 {CAP_NOTIFY, NOTIFY_PART, 4, NOTIFY_MULTIPLIER},
                 {CAP_PCI, 0, 4, 0}};
    vm_status status = vm_pci_add_bar(t->function, BAR, VM_PCI_BAR_MEMORY64, BAR_SIZE, e);
    for (unsigned i = 0; status == VM_OK && i < VM_ARRAY_SIZE(parts); i++)
        status = add_part(t, parts[i].type, parts[i].part, parts[i].extra, parts[i].value,
                          &t->window, e);
    if (status != VM_OK)
        return status;
    vm_pci_set_writable(t->function, t->window + CAP_BAR, 1, UINT32_MAX);
    vm_pci_set_writable(t->function, t->window + CAP_OFFSET, 4, UINT32_MAX);
    vm_pci_set_writable(t->function, t->window + CAP_LENGTH, 4, UINT32_MAX);
    vm_pci_set_writable(t->function, t->window + CAP_SIZE, 4, UINT32_MAX);
    return vm_pci_add_msix(t->function, MSIX_BAR, vm_virtio_queue_count(t->virtio) + 1, e);
}

static vm_status build(struct virtio_pci *t, struct vm_pci_host *host, unsigned slot,
                       struct vm_error *e)
{
    enum vm_virtio_id id = vm_virtio_device_id(t->virtio);
    const struct vm_pci_function_config config = {
        .ops = &pci_ops,
        .device = t,
        .vendor_id = VENDOR,
        .device_id = (uint16_t)(DEVICE_BASE + id),
        .subsystem_vendor_id = VENDOR,
        .subsystem_id = SUBSYSTEM,
        .revision = REVISION,
        .class_code = class_of(id),
        .interrupts = true,
    };
    t->lock = vm_device_lock_create(t->machine, pci_ops.type, e);
    if (!t->lock)
        return VM_ERR_HOST;
    vm_status status = vm_pci_function_create(host, &config, &t->function, e);
    if (status == VM_OK)
        status = add_structures(t, e);
    return status == VM_OK ? vm_pci_add(host, slot, t->function, e) : status;
}

vm_status vm_virtio_pci_create(struct vm_pci_host *host, unsigned slot, struct vm_virtio *v,
                               struct vm_error *e)
{
    struct vm_machine *m = vm_virtio_machine(v);
    struct virtio_pci *t = vm_device_alloc(m, sizeof *t, pci_ops.type, e);
    if (!t)
        return VM_ERR_HOST;
    t->machine = m;
    t->virtio = v;
    vm_status status = build(t, host, slot, e);
    if (status != VM_OK) {
        t->virtio = NULL; // stays the caller's
        if (t->function)
            vm_pci_function_destroy(t->function); // which destroys t
        else
            pci_destroy(t);
        return status;
    }
    forget(t);
    const struct vm_virtio_interrupt interrupt = {raise, t};
    vm_virtio_attach(v, &interrupt);
    return VM_OK;
}
