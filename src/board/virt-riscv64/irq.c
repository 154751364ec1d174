// SPDX-License-Identifier: MIT
//
// The interrupt controllers, by --machine virt,aia=: a PLIC; an APLIC that drives the harts; or an
// APLIC that sends messages to IMSICs. With the built-in SBI there is no software in machine mode:
// of APLIC and IMSICs only the supervisor's parts are there.
#include <vm/device/aplic.h>
#include <vm/device/imsic.h>
#include <vm/device/plic.h>
#include <vm/frontend-riscv64/frontend.h>

#include "riscv64.h"

// For software in supervisor mode, a PLIC context of machine mode is nobody's (devicetree binding
// riscv,plic0).
#define NO_CAUSE UINT32_MAX

static bool has_machine_mode(const struct virt_riscv64 *b)
{
    return b->virt.config.bios_mode != VM_BIOS_BUILTIN;
}

static struct vm_device *next_controller(struct virt_riscv64 *b)
{
    return &b->controller[b->controller_count];
}

// --- PLIC ---

// Contexts 2n and 2n+1 are machine and supervisor mode of hart n.
static vm_status create_plic(struct virt_riscv64 *b, struct vm_error *e)
{
    struct vm_plic_config c = {
        .base = vm_gpa_of(RISCV64_PLIC_BASE),
        .phandle = RISCV64_PHANDLE_WIRES,
        .contexts = 2 * b->virt.machine->vcpu_count,
    };
    for (uint32_t i = 0; i < b->virt.machine->vcpu_count; i++) {
        struct vm_plic_context *m = &c.context[2 * i], *s = m + 1;
        m->cpu_intc = s->cpu_intc = riscv64_cpu_intc_phandle(i);
        m->cause = has_machine_mode(b) ? VM_RISCV64_MEI : NO_CAUSE;
        s->cause = VM_RISCV64_SEI;
        if (has_machine_mode(b))
            m->irq = virt_vcpu_wire(&b->virt, i, VM_RISCV64_MEI);
        s->irq = virt_vcpu_wire(&b->virt, i, VM_RISCV64_SEI);
    }
    vm_status status = vm_plic_create(b->virt.machine, &c, next_controller(b), e);
    if (status == VM_OK)
        b->wires = &b->controller[b->controller_count++];
    return status;
}

// --- APLIC ---

// To whichever interrupt file is at the address; nothing else takes messages.
static void send_message(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    const struct virt_riscv64 *b = target;
    (void)device;
    if (vm_imsic_message(b->supervisor_imsic, address, data))
        return;
    if (b->machine_imsic)
        vm_imsic_message(b->machine_imsic, address, data);
}

static void describe_domain(const struct virt_riscv64 *b, struct vm_aplic_domain *d, uint32_t line)
{
    bool machine = line == VM_RISCV64_MEI;
    d->base = vm_gpa_of(machine ? RISCV64_APLIC_M_BASE : RISCV64_APLIC_S_BASE);
    d->phandle = machine ? RISCV64_PHANDLE_APLIC_M : RISCV64_PHANDLE_WIRES;
    d->cause = line;
    d->msi_base = machine ? RISCV64_IMSIC_M_BASE : RISCV64_IMSIC_S_BASE;
    d->msi_parent = machine ? RISCV64_PHANDLE_IMSIC_M : RISCV64_PHANDLE_IMSIC_S;
    for (uint32_t i = 0; b->aia == RISCV64_AIA_APLIC && i < b->virt.machine->vcpu_count; i++)
        d->irq[i] = virt_vcpu_wire(&b->virt, i, line);
}

static vm_status create_aplic(struct virt_riscv64 *b, struct vm_error *e)
{
    struct vm_aplic_config c = {.harts = b->virt.machine->vcpu_count};
    struct vm_device *machine = has_machine_mode(b) ? next_controller(b) : NULL;
    struct vm_device *supervisor = machine ? machine + 1 : next_controller(b);
    for (uint32_t i = 0; i < c.harts; i++)
        c.cpu_intc[i] = riscv64_cpu_intc_phandle(i);
    if (b->aia == RISCV64_AIA_APLIC_IMSIC) {
        b->virt.map.msi = (struct vm_msi){send_message, b};
        c.msi = &b->virt.map.msi;
    }
    describe_domain(b, &c.machine, VM_RISCV64_MEI);
    describe_domain(b, &c.supervisor, VM_RISCV64_SEI);
    vm_status status = vm_aplic_create(b->virt.machine, &c, machine, supervisor, e);
    if (status == VM_OK) {
        b->controller_count += machine ? 2 : 1;
        b->wires = supervisor;
    }
    return status;
}

// --- IMSICs ---

static vm_status create_imsic(struct virt_riscv64 *b, uint32_t line, const struct vm_device **out,
                              struct vm_error *e)
{
    bool machine = line == VM_RISCV64_MEI;
    struct vm_imsic_config c = {
        .base = vm_gpa_of(machine ? RISCV64_IMSIC_M_BASE : RISCV64_IMSIC_S_BASE),
        .phandle = machine ? RISCV64_PHANDLE_IMSIC_M : RISCV64_PHANDLE_IMSIC_S,
        .cause = line,
        .harts = b->virt.machine->vcpu_count,
    };
    for (uint32_t i = 0; i < c.harts; i++) {
        c.irq[i] = virt_vcpu_wire(&b->virt, i, line);
        c.cpu_intc[i] = riscv64_cpu_intc_phandle(i);
    }
    vm_status status = vm_imsic_create(b->virt.machine, &c, next_controller(b), e);
    if (status == VM_OK)
        *out = &b->controller[b->controller_count++];
    return status;
}

static vm_status create_imsics(struct virt_riscv64 *b, struct vm_error *e)
{
    vm_status status = VM_OK;
    if (has_machine_mode(b))
        status = create_imsic(b, VM_RISCV64_MEI, &b->machine_imsic, e);
    if (status == VM_OK)
        status = create_imsic(b, VM_RISCV64_SEI, &b->supervisor_imsic, e);
    if (status != VM_OK)
        return status;
    struct vm_riscv64_imsic imsics[VM_MAX_VCPUS] = {0};
    for (uint32_t i = 0; i < b->virt.machine->vcpu_count; i++) {
        if (b->machine_imsic)
            imsics[i].machine = vm_imsic_file(b->machine_imsic, i);
        imsics[i].supervisor = vm_imsic_file(b->supervisor_imsic, i);
    }
    return vm_riscv64_connect_imsics(b->virt.machine, imsics, e);
}

// --- all ---

vm_status riscv64_create_controllers(struct virt_riscv64 *b, struct vm_error *e)
{
    if (b->aia == RISCV64_AIA_NONE)
        return create_plic(b, e);
    vm_status status = create_aplic(b, e);
    if (status == VM_OK && b->aia == RISCV64_AIA_APLIC_IMSIC)
        status = create_imsics(b, e);
    return status;
}

vm_status riscv64_add_controllers(struct virt_riscv64 *b, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (uint32_t i = 0; i < b->controller_count; i++) {
        vm_status added = virt_add_device(&b->virt, &b->controller[i], status == VM_OK ? e : NULL);
        status = status == VM_OK ? added : status;
    }
    return status;
}

struct vm_irq riscv64_wire(const struct virt *v, uint32_t number)
{
    const struct virt_riscv64 *b = riscv64_of(v);
    return b->aia == RISCV64_AIA_NONE ? vm_plic_source(b->wires, number)
                                      : vm_aplic_source(b->wires, number);
}
