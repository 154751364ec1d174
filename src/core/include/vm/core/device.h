// SPDX-License-Identifier: MIT
//
// What a device is to its board: operations behind a pointer, interrupt outputs as wires.
#ifndef VM_CORE_DEVICE_H
#define VM_CORE_DEVICE_H

#include <vm/base/types.h>
#include <vm/mem/space.h>

// An interrupt wire: the end that a device drives. Any thread may set it.
struct vm_irq {
    void (*set)(void *target, uint32_t line, bool level);
    void *target;
    uint32_t line;
};

static inline void vm_irq_set(const struct vm_irq *irq, bool level)
{
    if (irq->set)
        irq->set(irq->target, irq->line, level);
}

// System registers of a vCPU that a device implements: the CPU interface of an interrupt
// controller. `number` is the register as the architecture's instructions encode it, or as the
// header of the device's architecture says. Called on the vCPU's thread; each function is one step
// that has all its effects, those on the vCPU's lines included, before it returns. All return false
// when there is no such register, or when it cannot be accessed in that direction.
struct vm_register_ops {
    bool (*read)(void *device, uint32_t cpu, uint16_t number, uint64_t *value);
    bool (*write)(void *device, uint32_t cpu, uint16_t number, uint64_t value);
    // Of registers that one instruction reads and writes, in place of the two: replaces the bits of
    // `mask` and gives what the register was.
    bool (*exchange)(void *device, uint32_t cpu, uint16_t number, uint64_t value, uint64_t mask,
                     uint64_t *old);
};

struct vm_register_device {
    const struct vm_register_ops *ops; // NULL: there is none
    void *device;
};

// Where message-signalled interrupts go: the board routes the write by its address. `device` says
// who sends, for interrupt controllers that look at it: a PCI function's requester ID. Any thread.
struct vm_msi {
    void (*send)(void *target, uint64_t address, uint32_t data, uint32_t device);
    void *target;
};

// One table per device type. `device` is the device's own struct.
struct vm_device_ops {
    const char *type; // as in messages and statistics
    struct vm_mmio_ops mmio;
    void (*reset)(void *device);
    void (*destroy)(void *device);
    // Adds the device's node to a flattened device tree under construction (libfdt's sequential or
    // read-write form, by the board). 0, or libfdt's negative error.
    int (*describe)(const void *device, void *fdt);
};

struct vm_device {
    const struct vm_device_ops *ops;
    void *device;
    vm_gpa base;
    uint64_t size; // bytes of its MMIO window
};

#endif
