// SPDX-License-Identifier: MIT
//
// Consoles: all of a machine's are ports of one virtio-console device, each of them a console that
// the guest may log in at (hvc0, hvc1, ...).
#include <vm/base/format.h>
#include <vm/device/backend/stream_host.h>
#include <vm/device/virtio/console.h>

#include "devices.h"
#include "hosted.h"

enum { MAX_PORTS = VM_VIRTIO_CONSOLE_MAX_PORTS };

struct ports {
    struct vm_virtio_console_port at[MAX_PORTS];
    char names[MAX_PORTS][HOSTED_NAME];
    unsigned count;
};

static vm_status open_stream(struct vm *vm, const struct vm_console_options *o,
                             struct vm_loop *loop, struct vm_stream **stream, struct vm_error *e)
{
    char text[sizeof o->path + 8];
    if (o->kind == VM_CONSOLE_STDIO)
        return hosted_open_stdio(vm, loop, stream, e);
    if (o->kind == VM_CONSOLE_PTY)
        return vm_stream_open("pty", loop, &vm->host, stream, e);
    vm_format(text, sizeof text, "%s:%s", o->kind == VM_CONSOLE_UNIX ? "unix" : "file", o->path);
    return vm_stream_open(text, loop, &vm->host, stream, e);
}

// A single port has no name, so that the device is the simple one.
static vm_status open_ports(struct vm *vm, struct vm_loop *loop, struct ports *ports,
                            struct vm_error *e)
{
    size_t count = vm->options.console_count;
    for (unsigned i = 0; i < count; i++) {
        struct vm_virtio_console_port *port = &ports->at[i];
        vm_status status = open_stream(vm, &vm->options.consoles[i], loop, &port->stream, e);
        if (status != VM_OK)
            return vm_error_prefix(e, status, "--virtio-console");
        vm_format(ports->names[i], sizeof ports->names[i], "console%u", i);
        port->name = count > 1 ? ports->names[i] : NULL;
        port->console = true;
        ports->count++;
    }
    return VM_OK;
}

static void close_ports(struct vm *vm, struct ports *ports)
{
    for (unsigned i = 0; i < ports->count; i++)
        ports->at[i].stream->ops->close(ports->at[i].stream);
    vm->devices.stdio = NULL;
}

static vm_status check(const struct vm *vm, struct vm_error *e)
{
    unsigned stdio = 0;
    for (size_t i = 0; i < vm->options.console_count; i++)
        stdio += vm->options.consoles[i].kind == VM_CONSOLE_STDIO;
    if (stdio > 1)
        return vm_error_set(e, VM_ERR_USAGE, "only one virtio console can be stdio");
    if (vm->options.console_count > MAX_PORTS)
        return vm_error_set(e, VM_ERR_USAGE, "more than %d virtio consoles; leave some out",
                            MAX_PORTS);
    return hosted_reserve_device(vm, e);
}

vm_status hosted_add_consoles(struct vm *vm, struct vm_error *e)
{
    struct ports ports = {.count = 0};
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    if (vm->options.console_count == 0)
        return VM_OK;
    vm_status status = check(vm, e);
    if (status == VM_OK)
        status = hosted_get_loop(vm, "console", VM_OSAL_SANDBOX_CONSOLE, &loop, e);
    if (status != VM_OK)
        return status;
    status = open_ports(vm, loop, &ports, e);
    const struct vm_virtio_console_config config = {.ports = ports.at, .count = ports.count};
    if (status == VM_OK)
        status = vm_virtio_console_create(&vm->machine, vm_loop_io(loop), "console0", &config,
                                          &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, NULL);
    else
        close_ports(vm, &ports);
    return status;
}
