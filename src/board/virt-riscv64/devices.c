// SPDX-License-Identifier: MIT
//
// Which devices the board has, and their wires.
#include <vm/device/aclint.h>
#include <vm/device/goldfish_rtc.h>
#include <vm/device/ns16550a.h>
#include <vm/device/syscon.h>
#include <vm/frontend-riscv64/frontend.h>

#include "virt.h"

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
        c.software[i] = virt_vcpu_wire(v, i, VM_RISCV64_MSI);
        c.timer[i] = virt_vcpu_wire(v, i, VM_RISCV64_MTI);
        c.cpu_intc[i] = virt_cpu_intc_phandle(i);
    }
    struct vm_device clint;
    vm_status status = vm_aclint_create(v->machine, &c, &clint, e);
    return status == VM_OK ? virt_add_device(v, &clint, e) : status;
}

static vm_status add_uart(struct virt *v, struct vm_error *e)
{
    const struct vm_ns16550a_config c = {
        .site = virt_site(v, VIRT_UART_BASE, VIRT_UART_IRQ),
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

static vm_status add_rtc(struct virt *v, struct vm_error *e)
{
    const struct vm_device_site s = virt_site(v, VIRT_RTC_BASE, VIRT_RTC_IRQ);
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

// The interrupt controllers come last, so that at a reset the wires into them are low before they
// look at them.
vm_status virt_add_devices(struct virt *v, struct vm_error *e)
{
    vm_status status = virt_create_controllers(v, e);
    if (status == VM_OK)
        status = add_uart(v, e);
    if (status == VM_OK)
        status = add_rtc(v, e);
    if (status == VM_OK)
        status = add_test(v, e);
    if (status == VM_OK)
        status = virt_add_firmware(v, e);
    if (status == VM_OK && v->config.bios_mode != VM_BIOS_BUILTIN)
        status = add_clint(v, e);
    if (status == VM_OK)
        status = virt_add_buses(v, e);
    vm_status added = virt_add_controllers(v, status == VM_OK ? e : NULL);
    return status == VM_OK ? added : status;
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
