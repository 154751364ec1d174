// SPDX-License-Identifier: MIT
//
// The interrupt controllers, by --machine virt,gic-version=,its=: a GICv3, mostly with an ITS that
// takes messages; or a GICv2 with a frame for messages.
#include <vm/device/gicv2.h>
#include <vm/device/gicv3.h>
#include <vm/device/its.h>
#include <vm/frontend-arm64/frontend.h>

#include "arm64.h"

static void send_message(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    const struct virt_arm64 *b = target;
    if (b->gicv2)
        vm_gicv2m_message(b->messages, address, data);
    else
        vm_its_message(b->messages, address, data, device);
}

static struct vm_irq private_wire(const struct virt_arm64 *b, uint32_t cpu, uint32_t ppi)
{
    return b->gicv2 ? vm_gicv2_ppi(b->gic, cpu, ppi) : vm_gicv3_ppi(b->gic, cpu, ppi);
}

struct vm_irq arm64_wire(const struct virt *v, uint32_t number)
{
    const struct virt_arm64 *b = arm64_of(v);
    return b->gicv2 ? vm_gicv2_spi(b->gic, number) : vm_gicv3_spi(b->gic, number);
}

// Controllers are destroyed in this order: who sends messages to another goes first.
static vm_status create_gicv3(struct virt_arm64 *b, struct vm_error *e)
{
    struct vm_device *its = &b->controller[0], *gic = &b->controller[b->its ? 1 : 0];
    struct vm_gicv3_config c = {
        .distributor = vm_gpa_of(ARM64_GICD_BASE),
        .redistributors = vm_gpa_of(ARM64_GICR_BASE),
        .phandle = ARM64_PHANDLE_GIC,
        .cpus = b->virt.machine->vcpu_count,
        .spis = ARM64_SPIS,
        .lpis = b->its,
    };
    for (uint32_t i = 0; i < c.cpus; i++) {
        c.mpidr[i] = vm_arm64_affinity(b->virt.machine->vcpus[i]);
        c.irq[i] = virt_vcpu_wire(&b->virt, i, VM_ARM64_IRQ);
        c.fiq[i] = virt_vcpu_wire(&b->virt, i, VM_ARM64_FIQ);
    }
    struct vm_device redistributors;
    vm_status status = vm_gicv3_create(b->virt.machine, &c, gic, &redistributors, e);
    if (status != VM_OK)
        return status;
    b->gic = gic;
    if (b->its) {
        status = vm_its_create(b->virt.machine, gic, vm_gpa_of(ARM64_ITS_BASE),
                               ARM64_PHANDLE_MESSAGES, its, e);
        b->messages = its;
    }
    gic[1] = redistributors;
    if (status != VM_OK) { // the first place is empty
        vm_device_destroy(gic);
        vm_device_destroy(&redistributors);
        return status;
    }
    b->controller_count = b->its ? 3 : 2;
    return VM_OK;
}

static vm_status create_gicv2(struct virt_arm64 *b, struct vm_error *e)
{
    struct vm_device *frame = &b->controller[0], *gic = &b->controller[1];
    struct vm_gicv2_config c = {
        .distributor = vm_gpa_of(ARM64_GICD_BASE),
        .cpu_interface = vm_gpa_of(ARM64_GICC_BASE),
        .phandle = ARM64_PHANDLE_GIC,
        .cpus = b->virt.machine->vcpu_count,
        .spis = ARM64_SPIS,
    };
    if (c.cpus > VM_GICV2_MAX_CPUS)
        return vm_error_set(e, VM_ERR_USAGE,
                            "--machine virt,gic-version=2 has at most %d CPUs, not %u; give fewer "
                            "with --smp, or gic-version=3",
                            VM_GICV2_MAX_CPUS, c.cpus);
    for (uint32_t i = 0; i < c.cpus; i++) {
        c.irq[i] = virt_vcpu_wire(&b->virt, i, VM_ARM64_IRQ);
        c.fiq[i] = virt_vcpu_wire(&b->virt, i, VM_ARM64_FIQ);
    }
    const struct vm_gicv2m_config messages = {
        .base = vm_gpa_of(ARM64_GICV2M_BASE),
        .phandle = ARM64_PHANDLE_MESSAGES,
        .first = ARM64_SPI_MESSAGES,
        .count = ARM64_MESSAGES,
    };
    vm_status status = vm_gicv2_create(b->virt.machine, &c, gic, gic + 1, e);
    if (status != VM_OK)
        return status;
    status = vm_gicv2m_create(b->virt.machine, gic, &messages, frame, e);
    if (status != VM_OK) {
        vm_device_destroy(gic);
        vm_device_destroy(gic + 1);
        return status;
    }
    b->gic = gic;
    b->messages = frame;
    b->controller_count = 3;
    return VM_OK;
}

static void connect_cpus(struct virt_arm64 *b)
{
    for (uint32_t i = 0; i < b->virt.machine->vcpu_count; i++) {
        struct vm_arm64_wiring w = {
            .timer[VM_ARM64_TIMER_PHYSICAL] = private_wire(b, i, ARM64_PPI_TIMER_PHYSICAL),
            .timer[VM_ARM64_TIMER_VIRTUAL] = private_wire(b, i, ARM64_PPI_TIMER_VIRTUAL),
            .pmu = private_wire(b, i, ARM64_PPI_PMU),
        };
        if (!b->gicv2)
            w.gic = vm_gicv3_cpu_interface(b->gic);
        vm_arm64_connect(b->virt.machine->vcpus[i], &w);
    }
}

vm_status arm64_create_controllers(struct virt_arm64 *b, struct vm_error *e)
{
    vm_status status = b->gicv2 ? create_gicv2(b, e) : create_gicv3(b, e);
    if (status != VM_OK)
        return status;
    if (b->messages)
        b->virt.map.msi = (struct vm_msi){send_message, b};
    connect_cpus(b);
    return VM_OK;
}

vm_status arm64_add_controllers(struct virt_arm64 *b, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (uint32_t i = 0; i < b->controller_count; i++) {
        vm_status added = virt_add_device(&b->virt, &b->controller[i], status == VM_OK ? e : NULL);
        status = status == VM_OK ? added : status;
    }
    return status;
}
