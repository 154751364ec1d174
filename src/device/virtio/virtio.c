// SPDX-License-Identifier: MIT
//
// The VirtIO core's device side: status, feature negotiation, configuration space, and the end of a
// device whose driver broke the protocol (VirtIO 1.2, 2.1 to 2.5 and 3.1).
#include "internal.h"

#include <vm/base/bits.h>
#include <vm/base/format.h>

enum {
    // What a driver can set; bits stay until it resets the device (2.1.1).
    DRIVER_BITS = VM_VIRTIO_ACKNOWLEDGE | VM_VIRTIO_DRIVER | VM_VIRTIO_FAILED,
};

#define RING_FEATURES                                                            \
    (VM_VIRTIO_F_INDIRECT_DESC | VM_VIRTIO_F_EVENT_IDX | VM_VIRTIO_F_VERSION_1 | \
     VM_VIRTIO_F_RING_PACKED)

// At most one line in this time, and one per reset, for a device.
#define COMPLAINT_INTERVAL UINT64_C(1000000000) // ns

static size_t bytes_of(const struct vm_virtio_config *config)
{
    return sizeof(struct vm_virtio) + config->queues * sizeof(struct vm_virtqueue);
}

static void init(struct vm_virtio *v, struct vm_machine *m, const struct vm_virtio_config *config)
{
    v->machine = m;
    v->config = *config;
    vm_format(v->name, sizeof v->name, "%s", config->name);
    v->config.name = v->name;
    v->offered = config->features | RING_FEATURES;
    if (config->ops->reset_queue)
        v->offered |= VM_VIRTIO_F_RING_RESET;
    v->offered &= ~config->withheld | VM_VIRTIO_F_VERSION_1;
    for (unsigned i = 0; i < config->queues; i++) {
        v->queues[i].device = v;
        v->queues[i].index = (uint16_t)i;
        vm_virtq_set_defaults(&v->queues[i]);
    }
    vm_virtio_init_tasks(v);
}

vm_status vm_virtio_create(struct vm_machine *m, const struct vm_virtio_config *config,
                           struct vm_virtio **out, struct vm_error *e)
{
    if (config->queues > VM_VIRTIO_MAX_QUEUES || config->queue_size > VM_VIRTQ_MAX_SIZE ||
        vm_popcount64(config->queue_size) != 1)
        return vm_error_set(e, VM_ERR_USAGE, "device %s: %u queues of %u descriptors", config->name,
                            config->queues, config->queue_size);
    struct vm_virtio *v = vm_device_alloc(m, bytes_of(config), config->ops->type, e);
    if (!v)
        return VM_ERR_HOST;
    init(v, m, config);
    v->lock = vm_device_lock_create(m, config->ops->type, e);
    if (!v->lock) {
        vm_device_release(m, v, bytes_of(config));
        return VM_ERR_HOST;
    }
    *out = v;
    return VM_OK;
}

void vm_virtio_destroy(struct vm_virtio *v)
{
    if (!v)
        return;
    if (v->config.ops->destroy)
        v->config.ops->destroy(v->config.device);
    vm_device_lock_destroy(v->machine, v->lock);
    vm_device_release(v->machine, v, bytes_of(&v->config));
}

void vm_virtio_attach(struct vm_virtio *v, const struct vm_virtio_interrupt *interrupt)
{
    v->interrupt = *interrupt;
}

void vm_virtio_lock(struct vm_virtio *v)
{
    vm_device_lock(v->machine, v->lock);
}

void vm_virtio_unlock(struct vm_virtio *v)
{
    vm_device_unlock(v->machine, v->lock);
}

// --- what goes wrong, and interrupts ---

void vm_virtio_raise(struct vm_virtio *v, int queue)
{
    vm_virtio_count(&v->counters.interrupts, 1);
    if (v->interrupt.raise)
        v->interrupt.raise(v->interrupt.transport, queue);
}

static void complain(struct vm_virtio *v, int queue, const char *why)
{
    const struct vm_host *host = v->machine->host;
    uint64_t now = host->clock(host->context), last = atomic_load(&v->complained_at);
    if (last && now - last < COMPLAINT_INTERVAL)
        return;
    atomic_store(&v->complained_at, now ? now : 1);
    char line[160], where[24] = "";
    if (queue >= 0)
        vm_format(where, sizeof where, "queue %d: ", queue);
    vm_format(line, sizeof line, "%s: %s%s; the device stands still until the driver resets it",
              v->name, where, why);
    host->log(host->context, line);
}

void vm_virtio_mark_broken(struct vm_virtio *v, int queue, const char *why)
{
    uint8_t old = atomic_fetch_or(&v->status, VM_VIRTIO_NEEDS_RESET);
    if (old & VM_VIRTIO_NEEDS_RESET)
        return;
    complain(v, queue, why);
    if (old & VM_VIRTIO_DRIVER_OK)
        vm_virtio_raise(v, VM_VIRTIO_CONFIG_CHANGE);
}

void vm_virtio_break(struct vm_virtio *v, const char *why)
{
    vm_virtio_mark_broken(v, -1, why);
}

void vm_virtio_config_changed(struct vm_virtio *v)
{
    atomic_fetch_add(&v->generation, 1);
    if (atomic_load(&v->status) & VM_VIRTIO_DRIVER_OK)
        vm_virtio_raise(v, VM_VIRTIO_CONFIG_CHANGE);
}

// --- features and status ---

enum vm_virtio_id vm_virtio_device_id(const struct vm_virtio *v)
{
    return v->config.ops->id;
}

unsigned vm_virtio_queue_count(const struct vm_virtio *v)
{
    return v->config.queues;
}

uint64_t vm_virtio_device_features(const struct vm_virtio *v)
{
    return v->offered;
}

void vm_virtio_set_driver_features(struct vm_virtio *v, uint64_t features)
{
    vm_virtio_lock_settled(v);
    if (!(atomic_load(&v->status) & VM_VIRTIO_FEATURES_OK))
        v->driver_features = features;
    vm_device_unlock(v->machine, v->lock);
}

uint64_t vm_virtio_driver_features(const struct vm_virtio *v)
{
    vm_device_lock(v->machine, v->lock);
    uint64_t features = v->driver_features;
    vm_device_unlock(v->machine, v->lock);
    return features;
}

uint8_t vm_virtio_get_status(const struct vm_virtio *v)
{
    return atomic_load(&v->status);
}

// A set that the device does not take leaves FEATURES_OK clear, which the driver has to look at
// (3.1.1). Without VERSION_1 it would be a legacy driver.
static void accept_features(struct vm_virtio *v)
{
    uint64_t features = v->driver_features;
    if (features & ~v->offered || !(features & VM_VIRTIO_F_VERSION_1))
        return;
    atomic_store(&v->negotiated, features);
    atomic_fetch_or(&v->status, VM_VIRTIO_FEATURES_OK);
}

static void activate(struct vm_virtio *v)
{
    uint8_t status = atomic_load(&v->status);
    if (status & VM_VIRTIO_NEEDS_RESET)
        return;
    if (!(status & VM_VIRTIO_FEATURES_OK)) {
        vm_virtio_mark_broken(v, -1, "DRIVER_OK without FEATURES_OK");
        return;
    }
    v->touched = true;
    if (v->config.ops->activate)
        v->config.ops->activate(v->config.device, atomic_load(&v->negotiated));
    atomic_fetch_or(&v->status, VM_VIRTIO_DRIVER_OK);
    for (unsigned i = 0; i < v->config.queues; i++) {
        if (v->queues[i].setup.enabled)
            vm_virtq_go_live(&v->queues[i]);
    }
}

void vm_virtio_set_status(struct vm_virtio *v, uint8_t status)
{
    if (status == 0) {
        vm_virtio_reset(v);
        return;
    }
    vm_virtio_lock_settled(v);
    atomic_fetch_or(&v->status, status & DRIVER_BITS);
    uint8_t new = status &(uint8_t)~atomic_load(&v->status);
    if (new &VM_VIRTIO_FEATURES_OK)
        accept_features(v);
    if (new &VM_VIRTIO_DRIVER_OK)
        activate(v);
    vm_device_unlock(v->machine, v->lock);
}

uint64_t vm_virtio_features(const struct vm_virtio *v)
{
    return atomic_load(&v->negotiated);
}

const char *vm_virtio_name(const struct vm_virtio *v)
{
    return v->name;
}

struct vm_machine *vm_virtio_machine(const struct vm_virtio *v)
{
    return v->machine;
}

// --- configuration space ---

uint32_t vm_virtio_config_size(const struct vm_virtio *v)
{
    return v->config.config_size;
}

// Under the lock: a device changes its configuration and this together.
uint8_t vm_virtio_config_generation(const struct vm_virtio *v)
{
    vm_device_lock(v->machine, v->lock);
    uint8_t generation = atomic_load(&v->generation);
    vm_device_unlock(v->machine, v->lock);
    return generation;
}

static uint32_t inside(const struct vm_virtio *v, uint32_t offset, uint32_t size)
{
    uint32_t end = v->config.config_size;
    if (offset >= end)
        return 0;
    return size < end - offset ? size : end - offset;
}

void vm_virtio_read_config(struct vm_virtio *v, uint32_t offset, void *to, uint32_t size)
{
    vm_zero(to, size);
    uint32_t n = inside(v, offset, size);
    if (!n || !v->config.ops->read_config)
        return;
    vm_device_lock(v->machine, v->lock);
    v->config.ops->read_config(v->config.device, offset, to, n);
    vm_device_unlock(v->machine, v->lock);
}

void vm_virtio_write_config(struct vm_virtio *v, uint32_t offset, const void *from, uint32_t size)
{
    uint32_t n = inside(v, offset, size);
    if (!n || !v->config.ops->write_config)
        return;
    vm_virtio_lock_settled(v);
    v->touched = true;
    v->config.ops->write_config(v->config.device, offset, from, n);
    vm_device_unlock(v->machine, v->lock);
}

void vm_virtio_get_stats(const struct vm_virtio *v, struct vm_virtio_stats *out)
{
    const struct vm_virtio_counters *c = &v->counters;
    *out = (struct vm_virtio_stats){
        .requests = atomic_load_explicit(&c->requests, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&c->bytes_out, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&c->bytes_in, memory_order_relaxed),
        .interrupts = atomic_load_explicit(&c->interrupts, memory_order_relaxed),
        .notifications = atomic_load_explicit(&c->notifications, memory_order_relaxed),
    };
}
