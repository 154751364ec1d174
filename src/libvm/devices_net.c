// SPDX-License-Identifier: MIT
//
// Networks: a backend and a virtio-net device each. User networks share one I/O thread, since
// libslirp is not made for several; a tap interface has its own.
#include <vm/base/format.h>
#include <vm/device/virtio/net.h>

#include "devices.h"
#include "hosted.h"
#include "net.h"

static vm_status add_net(struct vm *vm, size_t index, struct vm_error *e)
{
    const struct vm_net_options *o = &vm->options.nets[index];
    char name[HOSTED_NAME];
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    struct vm_virtio_net_config config = {0};
    vm_format(name, sizeof name, "net%zu", index);
    bool user = o->kind == VM_NET_USER;
    vm_status status = hosted_get_loop(vm, user ? "net" : name,
                                       user ? VM_OSAL_SANDBOX_NET : VM_OSAL_SANDBOX_TAP, &loop, e);
    if (status == VM_OK)
        status = hosted_open_net(o, vm->options.vcpus, loop, &config.backend, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--virtio-net");
    hosted_mac((unsigned)index, config.mac);
    status = vm_virtio_net_create(&vm->machine, vm_loop_io(loop), name, &config, &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, NULL);
    else
        config.backend->ops->close(config.backend);
    return status;
}

vm_status hosted_add_nets(struct vm *vm, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (size_t i = 0; status == VM_OK && i < vm->options.net_count; i++) {
        status = hosted_reserve_device(vm, e);
        if (status == VM_OK)
            status = add_net(vm, i, e);
    }
    return status;
}
