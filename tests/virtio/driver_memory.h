// SPDX-License-Identifier: MIT
//
// Ring fields as the driver's processor accesses them, while the device may do so too.
#ifndef TESTS_VIRTIO_DRIVER_MEMORY_H
#define TESTS_VIRTIO_DRIVER_MEMORY_H

#include "driver.h"

static inline uint64_t guest_load(struct virtio_rig *rig, uint64_t gpa, unsigned size)
{
    return vm_ram_load(virtio_rig_at(rig, gpa, size), size);
}

static inline void guest_store(struct virtio_rig *rig, uint64_t gpa, unsigned size, uint64_t v)
{
    vm_ram_store(virtio_rig_at(rig, gpa, size), size, v);
}

static inline uint16_t guest_load16_acquire(struct virtio_rig *rig, uint64_t gpa)
{
    return __atomic_load_n((uint16_t *)virtio_rig_at(rig, gpa, 2), __ATOMIC_ACQUIRE);
}

static inline void guest_store16_release(struct virtio_rig *rig, uint64_t gpa, uint16_t v)
{
    __atomic_store_n((uint16_t *)virtio_rig_at(rig, gpa, 2), v, __ATOMIC_RELEASE);
}

#endif
