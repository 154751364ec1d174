// SPDX-License-Identifier: MIT
//
// The interrupt controllers, by --machine virt,aia=: a PLIC; an APLIC that drives the harts; or an
// APLIC that sends messages to IMSICs. With the built-in SBI there is no software in machine mode:
// of APLIC and IMSICs only the supervisor's parts are there.
#include <vm/device/aplic.h>
#include <vm/device/imsic.h>
#include <vm/device/plic.h>
#include <vm/frontend-riscv64/frontend.h>

#include "virt.h"

// For software in supervisor mode, a PLIC context of machine mode is nobody's (devicetree binding
// riscv,plic0).
#define NO_CAUSE UINT32_MAX

static bool has_machine_mode(const struct virt *v)
{
    return v->config.bios_mode != VM_BIOS_BUILTIN;
}

static void drive_vcpu(void *target, uint32_t line, bool level)
{
    vm_vcpu_set_irq(target, line, level);
}

struct vm_irq virt_vcpu_wire(const struct virt *v, uint32_t hart, uint32_t line)
{
    return (struct vm_irq){drive_vcpu, v->machine->vcpus[hart], line};
}

static struct vm_device *next_controller(struct virt *v)
{
    return &v->controller[v->controller_count];
}

// --- PLIC ---

// Contexts 2n and 2n+1 are machine and supervisor mode of hart n.
static vm_status create_plic(struct virt *v, struct vm_error *e)
{
    struct vm_plic_config c = {
        .base = vm_gpa_of(VIRT_PLIC_BASE),
        .phandle = VIRT_PHANDLE_WIRES,
        .contexts = 2 * v->machine->vcpu_count,
    };
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++) {
        struct vm_plic_context *m = &c.context[2 * i], *s = m + 1;
        m->cpu_intc = s->cpu_intc = virt_cpu_intc_phandle(i);
        m->cause = has_machine_mode(v) ? VM_RISCV64_MEI : NO_CAUSE;
        s->cause = VM_RISCV64_SEI;
        if (has_machine_mode(v))
            m->irq = virt_vcpu_wire(v, i, VM_RISCV64_MEI);
        s->irq = virt_vcpu_wire(v, i, VM_RISCV64_SEI);
    }
    vm_status status = vm_plic_create(v->machine, &c, next_controller(v), e);
    if (status == VM_OK)
        v->wires = &v->controller[v->controller_count++];
    return status;
}

// --- APLIC ---

// To whichever interrupt file is at the address; nothing else takes messages.
static void send_message(void *target, uint64_t address, uint32_t data, uint32_t device)
{
    const struct virt *v = target;
    (void)device;
    if (vm_imsic_message(v->supervisor_imsic, address, data))
        return;
    if (v->machine_imsic)
        vm_imsic_message(v->machine_imsic, address, data);
}

static void describe_domain(const struct virt *v, struct vm_aplic_domain *d, uint32_t line)
{
    bool machine = line == VM_RISCV64_MEI;
    d->base = vm_gpa_of(machine ? VIRT_APLIC_M_BASE : VIRT_APLIC_S_BASE);
    d->phandle = machine ? VIRT_PHANDLE_APLIC_M : VIRT_PHANDLE_WIRES;
    d->cause = line;
    d->msi_base = machine ? VIRT_IMSIC_M_BASE : VIRT_IMSIC_S_BASE;
    d->msi_parent = machine ? VIRT_PHANDLE_IMSIC_M : VIRT_PHANDLE_IMSIC_S;
    for (uint32_t i = 0; v->aia == VIRT_AIA_APLIC && i < v->machine->vcpu_count; i++)
        d->irq[i] = virt_vcpu_wire(v, i, line);
}

static vm_status create_aplic(struct virt *v, struct vm_error *e)
{
    struct vm_aplic_config c = {.harts = v->machine->vcpu_count};
    struct vm_device *machine = has_machine_mode(v) ? next_controller(v) : NULL;
    struct vm_device *supervisor = machine ? machine + 1 : next_controller(v);
    for (uint32_t i = 0; i < c.harts; i++)
        c.cpu_intc[i] = virt_cpu_intc_phandle(i);
    if (v->aia == VIRT_AIA_APLIC_IMSIC) {
        v->msi = (struct vm_msi){send_message, v};
        c.msi = &v->msi;
    }
    describe_domain(v, &c.machine, VM_RISCV64_MEI);
    describe_domain(v, &c.supervisor, VM_RISCV64_SEI);
    vm_status status = vm_aplic_create(v->machine, &c, machine, supervisor, e);
    if (status == VM_OK) {
        v->controller_count += machine ? 2 : 1;
        v->wires = supervisor;
    }
    return status;
}

// --- IMSICs ---

static vm_status create_imsic(struct virt *v, uint32_t line, const struct vm_device **out,
                              struct vm_error *e)
{
    bool machine = line == VM_RISCV64_MEI;
    struct vm_imsic_config c = {
        .base = vm_gpa_of(machine ? VIRT_IMSIC_M_BASE : VIRT_IMSIC_S_BASE),
        .phandle = machine ? VIRT_PHANDLE_IMSIC_M : VIRT_PHANDLE_IMSIC_S,
        .cause = line,
        .harts = v->machine->vcpu_count,
    };
    for (uint32_t i = 0; i < c.harts; i++) {
        c.irq[i] = virt_vcpu_wire(v, i, line);
        c.cpu_intc[i] = virt_cpu_intc_phandle(i);
    }
    vm_status status = vm_imsic_create(v->machine, &c, next_controller(v), e);
    if (status == VM_OK)
        *out = &v->controller[v->controller_count++];
    return status;
}

static vm_status create_imsics(struct virt *v, struct vm_error *e)
{
    vm_status status = VM_OK;
    if (has_machine_mode(v))
        status = create_imsic(v, VM_RISCV64_MEI, &v->machine_imsic, e);
    if (status == VM_OK)
        status = create_imsic(v, VM_RISCV64_SEI, &v->supervisor_imsic, e);
    if (status != VM_OK)
        return status;
    struct vm_riscv64_imsic imsics[VM_MAX_VCPUS] = {0};
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++) {
        if (v->machine_imsic)
            imsics[i].machine = vm_imsic_file(v->machine_imsic, i);
        imsics[i].supervisor = vm_imsic_file(v->supervisor_imsic, i);
    }
    return vm_riscv64_connect_imsics(v->machine, imsics, e);
}

// --- all ---

vm_status virt_create_controllers(struct virt *v, struct vm_error *e)
{
    if (v->aia == VIRT_AIA_NONE)
        return create_plic(v, e);
    vm_status status = create_aplic(v, e);
    if (status == VM_OK && v->aia == VIRT_AIA_APLIC_IMSIC)
        status = create_imsics(v, e);
    return status;
}

vm_status virt_add_controllers(struct virt *v, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (uint32_t i = 0; i < v->controller_count; i++) {
        vm_status added = virt_add_device(v, &v->controller[i], status == VM_OK ? e : NULL);
        status = status == VM_OK ? added : status;
    }
    return status;
}

struct vm_irq virt_wire(const struct virt *v, uint32_t number)
{
    return v->aia == VIRT_AIA_NONE ? vm_plic_source(v->wires, number)
                                   : vm_aplic_source(v->wires, number);
}

uint32_t virt_interrupt_cells(const struct virt *v)
{
    return v->aia == VIRT_AIA_NONE ? 1 : 2;
}

struct vm_device_site virt_site(const struct virt *v, uint64_t base, uint32_t interrupt)
{
    return (struct vm_device_site){
        .base = vm_gpa_of(base),
        .irq = virt_wire(v, interrupt),
        .interrupt = interrupt,
        .interrupt_parent = VIRT_PHANDLE_WIRES,
        .interrupt_cells = virt_interrupt_cells(v),
    };
}
