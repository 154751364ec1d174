// SPDX-License-Identifier: MIT
//
// Which devices the board has, and their wires.
#include <vm/device/aclint.h>
#include <vm/device/goldfish_rtc.h>
#include <vm/device/ns16550a.h>
#include <vm/device/syscon.h>
#include <vm/frontend-riscv64/frontend.h>

#include "riscv64.h"

static uint64_t time_now(void *context)
{
    return vm_riscv64_time(((struct virt *)context)->machine);
}

static uint64_t time_to_clock(void *context, uint64_t time)
{
    return vm_riscv64_time_to_clock(((struct virt *)context)->machine, time);
}

// Machine mode's; with the built-in SBI there is no software in that mode.
static vm_status add_clint(struct virt *v, struct vm_error *e)
{
    struct vm_aclint_config c = {
        .base = vm_gpa_of(RISCV64_CLINT_BASE),
        .harts = v->machine->vcpu_count,
        .time = time_now,
        .to_clock = time_to_clock,
        .context = v,
    };
    for (uint32_t i = 0; i < c.harts; i++) {
        c.software[i] = virt_vcpu_wire(v, i, VM_RISCV64_MSI);
        c.timer[i] = virt_vcpu_wire(v, i, VM_RISCV64_MTI);
        c.cpu_intc[i] = riscv64_cpu_intc_phandle(i);
    }
    struct vm_device clint;
    vm_status status = vm_aclint_create(v->machine, &c, &clint, e);
    return status == VM_OK ? virt_add_device(v, &clint, e) : status;
}

static vm_status add_uart(struct virt_riscv64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    const struct vm_ns16550a_config c = {
        .site = virt_site(v, RISCV64_UART_BASE, RISCV64_UART_IRQ),
        .clock_hz = RISCV64_UART_CLOCK,
        .output = virt_output,
        .room = virt_input_room,
        .context = v,
    };
    struct vm_device uart;
    vm_status status = vm_ns16550a_create(v->machine, &c, &uart, e);
    if (status != VM_OK)
        return status;
    b->uart = &v->device[v->device_count];
    return virt_add_device(v, &uart, e);
}

static vm_status add_rtc(struct virt *v, struct vm_error *e)
{
    const struct vm_device_site s = virt_site(v, RISCV64_RTC_BASE, RISCV64_RTC_IRQ);
    struct vm_device rtc;
    vm_status status = vm_goldfish_rtc_create(v->machine, &s, &rtc, e);
    return status == VM_OK ? virt_add_device(v, &rtc, e) : status;
}

static vm_status add_test(struct virt *v, struct vm_error *e)
{
    struct vm_device test;
    vm_status status =
        vm_syscon_create(v->machine, vm_gpa_of(RISCV64_TEST_BASE), RISCV64_PHANDLE_TEST, &test, e);
    return status == VM_OK ? virt_add_device(v, &test, e) : status;
}

// The interrupt controllers come last, so that at a reset the wires into them are low before they
// look at them.
vm_status riscv64_add_devices(struct virt_riscv64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    vm_status status = riscv64_create_controllers(b, e);
    if (status == VM_OK)
        status = add_uart(b, e);
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
    vm_status added = riscv64_add_controllers(b, status == VM_OK ? e : NULL);
    return status == VM_OK ? added : status;
}
