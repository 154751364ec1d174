// SPDX-License-Identifier: MIT
//
// Sockets between guest and host: a virtio-vsock device, with an I/O thread of its own.
#include <vm/device/backend/vsock_host.h>
#include <vm/device/virtio/vsock.h>

#include "devices.h"
#include "hosted.h"

vm_status hosted_add_vsock(struct vm *vm, struct vm_error *e)
{
    const struct vm_vsock_options *o = vm->options.vsock;
    struct vm_virtio_vsock_config config = {0};
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    if (!o)
        return VM_OK;
    vm_status status = hosted_reserve_device(vm, e);
    if (status == VM_OK)
        status = hosted_get_loop(vm, "vsock", VM_OSAL_SANDBOX_VSOCK, &loop, e);
    if (status != VM_OK)
        return status;
    status = vm_vsock_open(o->path, loop, &config.backend, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--virtio-vsock");
    config.cid = o->cid;
    status = vm_virtio_vsock_create(&vm->machine, vm_loop_io(loop), "vsock0", &config, &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, NULL);
    else
        config.backend->ops->destroy(config.backend);
    return status;
}
