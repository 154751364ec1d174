// SPDX-License-Identifier: MIT
//
// The board's list of devices, and what they are connected to.
#include "virt.h"

void virt_output(void *context, const uint8_t *bytes, size_t size)
{
    const struct vm_board_console *console = &((struct virt *)context)->config.console;
    if (console->output)
        console->output(console->context, bytes, size);
}

void virt_input_room(void *context)
{
    const struct vm_board_console *console = &((struct virt *)context)->config.console;
    if (console->input_room)
        console->input_room(console->context);
}

vm_status virt_add_device(struct virt *v, const struct vm_device *device, struct vm_error *e)
{
    v->device[v->device_count++] = *device;
    return vm_device_attach(v->machine, device, e);
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

struct vm_device_site virt_site(const struct virt *v, uint64_t base, uint32_t interrupt)
{
    return (struct vm_device_site){
        .base = vm_gpa_of(base),
        .irq = v->map.wire(v, interrupt),
        .interrupt = interrupt,
        .interrupt_parent = v->map.wires,
        .interrupt_cells = v->map.interrupt_cells,
    };
}

static void drive_vcpu(void *target, uint32_t line, bool level)
{
    vm_vcpu_set_irq(target, line, level);
}

struct vm_irq virt_vcpu_wire(const struct virt *v, uint32_t vcpu, uint32_t line)
{
    return (struct vm_irq){drive_vcpu, v->machine->vcpus[vcpu], line};
}
