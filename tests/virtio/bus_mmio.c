// SPDX-License-Identifier: MIT
//
// The MMIO transport as a driver sees it: register offsets written down a second time.
#include <string.h>

#include "rig.h"

#include <vm/device/virtio/mmio.h>

static uint32_t get(struct virtio_rig *rig, uint32_t offset)
{
    return (uint32_t)mmio_read(&rig->machine, VIRTIO_RIG_SLOT + offset, 4);
}

static void put(struct virtio_rig *rig, uint32_t offset, uint32_t value)
{
    mmio_write(&rig->machine, VIRTIO_RIG_SLOT + offset, 4, value);
}

static void mmio_plug(struct virtio_rig *rig, struct vm_virtio *v)
{
    const struct vm_device_site site = {.base = {VIRTIO_RIG_SLOT}, .irq = virtio_rig_irq(rig)};
    assert_int_equal(vm_virtio_mmio_create(&rig->machine, v, &site, &rig->slot, NULL), VM_OK);
    assert_int_equal(vm_device_attach(&rig->machine, &rig->slot, NULL), VM_OK);
    rig->slot.ops->reset(rig->slot.device);
    assert_int_equal(get(rig, 0), 0x74726976);
    assert_int_equal(get(rig, 4), 2);
}

static void mmio_unplug(struct virtio_rig *rig)
{
    vm_device_destroy(&rig->slot);
}

static uint32_t mmio_device_id(struct virtio_rig *rig)
{
    return get(rig, 8);
}

static uint64_t mmio_device_features(struct virtio_rig *rig)
{
    put(rig, 0x14, 1);
    uint64_t high = get(rig, 0x10);
    put(rig, 0x14, 0);
    return high << 32 | get(rig, 0x10);
}

static void mmio_set_features(struct virtio_rig *rig, uint64_t features)
{
    put(rig, 0x24, 1);
    put(rig, 0x20, (uint32_t)(features >> 32));
    put(rig, 0x24, 0);
    put(rig, 0x20, (uint32_t)features);
}

static uint8_t mmio_get_status(struct virtio_rig *rig)
{
    return (uint8_t)get(rig, 0x70);
}

static void mmio_set_status(struct virtio_rig *rig, uint8_t status)
{
    put(rig, 0x70, status);
}

static uint16_t mmio_queue_max(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 0x30, queue);
    return (uint16_t)get(rig, 0x34);
}

static void put64(struct virtio_rig *rig, uint32_t offset, uint64_t value)
{
    put(rig, offset, (uint32_t)value);
    put(rig, offset + 4, (uint32_t)(value >> 32));
}

static void mmio_set_queue(struct virtio_rig *rig, unsigned queue, uint32_t size,
                           uint64_t descriptors, uint64_t driver, uint64_t device)
{
    put(rig, 0x30, queue);
    put(rig, 0x38, size);
    put64(rig, 0x80, descriptors);
    put64(rig, 0x90, driver);
    put64(rig, 0xa0, device);
}

static void mmio_enable_queue(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 0x30, queue);
    put(rig, 0x44, 1);
}

static bool mmio_queue_enabled(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 0x30, queue);
    return get(rig, 0x44);
}

static void mmio_reset_queue(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 0x30, queue);
    put(rig, 0xc0, 1);
    assert_int_equal(get(rig, 0xc0), 0);
}

static void mmio_notify(struct virtio_rig *rig, unsigned queue)
{
    put(rig, 0x50, queue);
}

static uint64_t mmio_take_interrupts(struct virtio_rig *rig)
{
    uint32_t status = get(rig, 0x60);
    put(rig, 0x64, status);
    return (status & 1 ? VIRTIO_QUEUE_INTERRUPTS : 0) | (status & 2 ? VIRTIO_CONFIG_INTERRUPT : 0);
}

static uint8_t mmio_generation(struct virtio_rig *rig)
{
    return (uint8_t)get(rig, 0xfc);
}

// By the widest aligned accesses up to 4 bytes.
static unsigned piece(uint32_t offset, uint32_t size)
{
    return !(offset & 3) && size >= 4 ? 4 : !(offset & 1) && size >= 2 ? 2 : 1;
}

static void mmio_read_config(struct virtio_rig *rig, uint32_t offset, void *to, uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        unsigned n = piece(offset + done, size - done);
        uint64_t v = mmio_read(&rig->machine, VIRTIO_RIG_SLOT + 0x100 + offset + done, n);
        memcpy((uint8_t *)to + done, &v, n);
        done += n;
    }
}

static void mmio_write_config(struct virtio_rig *rig, uint32_t offset, const void *from,
                              uint32_t size)
{
    for (uint32_t done = 0; done < size;) {
        unsigned n = piece(offset + done, size - done);
        uint64_t v = 0;
        memcpy(&v, (const uint8_t *)from + done, n);
        mmio_write(&rig->machine, VIRTIO_RIG_SLOT + 0x100 + offset + done, n, v);
        done += n;
    }
}

const struct virtio_bus virtio_bus_mmio = {
    .name = "mmio",
    .plug = mmio_plug,
    .unplug = mmio_unplug,
    .device_id = mmio_device_id,
    .device_features = mmio_device_features,
    .set_features = mmio_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .queue_max = mmio_queue_max,
    .set_queue = mmio_set_queue,
    .enable_queue = mmio_enable_queue,
    .queue_enabled = mmio_queue_enabled,
    .reset_queue = mmio_reset_queue,
    .notify = mmio_notify,
    .take_interrupts = mmio_take_interrupts,
    .generation = mmio_generation,
    .read_config = mmio_read_config,
    .write_config = mmio_write_config,
};
