// SPDX-License-Identifier: MIT
//
// Which devices the board has, and their wires.
#include <vm/device/pl011.h>
#include <vm/device/pl031.h>
#include <vm/device/pl061.h>

#include "arm64.h"

static vm_status add_uart(struct virt_arm64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    const struct vm_pl011_config c = {
        .site = virt_site(v, ARM64_UART_BASE, ARM64_SPI_UART),
        .clock = ARM64_PHANDLE_CLOCK,
        .output = virt_output,
        .room = virt_input_room,
        .context = v,
    };
    struct vm_device uart;
    vm_status status = vm_pl011_create(v->machine, &c, &uart, e);
    if (status != VM_OK)
        return status;
    b->uart = &v->device[v->device_count];
    return virt_add_device(v, &uart, e);
}

static vm_status add_rtc(struct virt *v, struct vm_error *e)
{
    const struct vm_device_site s = virt_site(v, ARM64_RTC_BASE, ARM64_SPI_RTC);
    struct vm_device rtc;
    vm_status status = vm_pl031_create(v->machine, &s, ARM64_PHANDLE_CLOCK, &rtc, e);
    return status == VM_OK ? virt_add_device(v, &rtc, e) : status;
}

static vm_status add_gpio(struct virt_arm64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    const struct vm_device_site s = virt_site(v, ARM64_GPIO_BASE, ARM64_SPI_GPIO);
    struct vm_device gpio;
    vm_status status =
        vm_pl061_create(v->machine, &s, ARM64_PHANDLE_GPIO, ARM64_PHANDLE_CLOCK, &gpio, e);
    if (status != VM_OK)
        return status;
    b->gpio = &v->device[v->device_count];
    return virt_add_device(v, &gpio, e);
}

// The interrupt controllers come last, so that at a reset the wires into them are low before they
// look at them.
vm_status arm64_add_devices(struct virt_arm64 *b, struct vm_error *e)
{
    struct virt *v = &b->virt;
    vm_status status = arm64_create_controllers(b, e);
    if (status == VM_OK)
        status = add_uart(b, e);
    if (status == VM_OK)
        status = add_rtc(v, e);
    if (status == VM_OK)
        status = add_gpio(b, e);
    if (status == VM_OK)
        status = virt_add_firmware(v, e);
    if (status == VM_OK && v->firmware_loads)
        status = acpi_add_files(b, e);
    if (status == VM_OK)
        status = virt_add_buses(v, e);
    vm_status added = arm64_add_controllers(b, status == VM_OK ? e : NULL);
    return status == VM_OK ? added : status;
}
