// SPDX-License-Identifier: MIT
//
// Which devices the board has, and their wires.
#include <vm/device/aclint.h>
#include <vm/device/goldfish_rtc.h>
#include <vm/device/ns16550a.h>
#include <vm/device/plic.h>
#include <vm/device/syscon.h>
#include <vm/frontend-riscv64/frontend.h>

#include "virt.h"

// For software in supervisor mode, a PLIC context of machine mode is nobody's (devicetree binding
// riscv,plic0).
#define NO_CAUSE UINT32_MAX

void virt_output(void *context, const uint8_t *bytes, size_t size)
{
    const struct vm_board_console *console = &((struct virt *)context)->config.console;
    if (console->output)
        console->output(console->context, bytes, size);
}

static void input_room(void *context)
{
    const struct vm_board_console *console = &((struct virt *)context)->config.console;
    if (console->input_room)
        console->input_room(console->context);
}

static void drive_vcpu(void *target, uint32_t line, bool level)
{
    vm_vcpu_set_irq(target, line, level);
}

static struct vm_irq vcpu_wire(const struct virt *v, uint32_t hart, uint32_t line)
{
    return (struct vm_irq){drive_vcpu, v->machine->vcpus[hart], line};
}

static uint64_t time_now(void *context)
{
    return vm_riscv64_time(((struct virt *)context)->machine);
}

static uint64_t time_to_clock(void *context, uint64_t time)
{
    return vm_riscv64_time_to_clock(((struct virt *)context)->machine, time);
}

vm_status virt_add_device(struct virt *v, const struct vm_device *device, struct vm_error *e)
{
    v->device[v->device_count++] = *device;
    return vm_device_attach(v->machine, device, e);
}

// Machine mode's; with the built-in SBI there is no software in that mode.
static vm_status add_clint(struct virt *v, struct vm_error *e)
{
    struct vm_aclint_config c = {
        .base = vm_gpa_of(VIRT_CLINT_BASE),
        .harts = v->machine->vcpu_count,
        .time = time_now,
        .to_clock = time_to_clock,
        .context = v,
    };
    for (uint32_t i = 0; i < c.harts; i++) {
        c.software[i] = vcpu_wire(v, i, VM_RISCV64_MSI);
        c.timer[i] = vcpu_wire(v, i, VM_RISCV64_MTI);
        c.cpu_intc[i] = virt_cpu_intc_phandle(i);
    }
    struct vm_device clint;
    vm_status status = vm_aclint_create(v->machine, &c, &clint, e);
    return status == VM_OK ? virt_add_device(v, &clint, e) : status;
}

// Contexts 2n and 2n+1 are machine and supervisor mode of hart n.
static vm_status create_plic(struct virt *v, struct vm_device *plic, struct vm_error *e)
{
    bool machine_mode = v->config.bios_mode != VM_BIOS_BUILTIN;
    struct vm_plic_config c = {
        .base = vm_gpa_of(VIRT_PLIC_BASE),
        .phandle = VIRT_PHANDLE_PLIC,
        .contexts = 2 * v->machine->vcpu_count,
    };
    for (uint32_t i = 0; i < v->machine->vcpu_count; i++) {
        struct vm_plic_context *m = &c.context[2 * i], *s = m + 1;
        m->cpu_intc = s->cpu_intc = virt_cpu_intc_phandle(i);
        m->cause = machine_mode ? VM_RISCV64_MEI : NO_CAUSE;
        s->cause = VM_RISCV64_SEI;
        if (machine_mode)
            m->irq = vcpu_wire(v, i, VM_RISCV64_MEI);
        s->irq = vcpu_wire(v, i, VM_RISCV64_SEI);
    }
    return vm_plic_create(v->machine, &c, plic, e);
}

struct vm_device_site virt_site(uint64_t base, const struct vm_device *plic, uint32_t interrupt)
{
    return (struct vm_device_site){
        .base = vm_gpa_of(base),
        .irq = vm_plic_source(plic, interrupt),
        .interrupt = interrupt,
        .interrupt_parent = VIRT_PHANDLE_PLIC,
    };
}

static vm_status add_uart(struct virt *v, const struct vm_device *plic, struct vm_error *e)
{
    const struct vm_ns16550a_config c = {
        .site = virt_site(VIRT_UART_BASE, plic, VIRT_UART_IRQ),
        .clock_hz = VIRT_UART_CLOCK,
        .output = virt_output,
        .room = input_room,
        .context = v,
    };
    struct vm_device uart;
    vm_status status = vm_ns16550a_create(v->machine, &c, &uart, e);
    if (status != VM_OK)
        return status;
    v->uart = &v->device[v->device_count];
    return virt_add_device(v, &uart, e);
}

static vm_status add_rtc(struct virt *v, const struct vm_device *plic, struct vm_error *e)
{
    const struct vm_device_site s = virt_site(VIRT_RTC_BASE, plic, VIRT_RTC_IRQ);
    struct vm_device rtc;
    vm_status status = vm_goldfish_rtc_create(v->machine, &s, &rtc, e);
    return status == VM_OK ? virt_add_device(v, &rtc, e) : status;
}

static vm_status add_test(struct virt *v, struct vm_error *e)
{
    struct vm_device test;
    vm_status status =
        vm_syscon_create(v->machine, vm_gpa_of(VIRT_TEST_BASE), VIRT_PHANDLE_TEST, &test, e);
    return status == VM_OK ? virt_add_device(v, &test, e) : status;
}

// The PLIC comes last, so that at a reset the wires into it are low before it looks at them.
vm_status virt_add_devices(struct virt *v, struct vm_error *e)
{
    struct vm_device plic;
    vm_status status = create_plic(v, &plic, e);
    if (status != VM_OK)
        return status;
    status = add_uart(v, &plic, e);
    if (status == VM_OK)
        status = add_rtc(v, &plic, e);
    if (status == VM_OK)
        status = add_test(v, e);
    if (status == VM_OK)
        status = virt_add_firmware(v, e);
    if (status == VM_OK && v->config.bios_mode != VM_BIOS_BUILTIN)
        status = add_clint(v, e);
    if (status == VM_OK)
        status = virt_add_buses(v, &plic, e);
    v->plic = &v->device[v->device_count];
    vm_status attached = virt_add_device(v, &plic, status == VM_OK ? e : NULL);
    return status == VM_OK ? attached : status;
}

void virt_reset_devices(struct virt *v)
{
    for (uint32_t i = 0; i < v->device_count; i++)
        v->device[i].ops->reset(v->device[i].device);
}

void virt_destroy_devices(struct virt *v)
{
    for (uint32_t i = 0; i < v->device_count; i++)
        vm_device_destroy(&v->device[i]);
    v->device_count = 0;
}
