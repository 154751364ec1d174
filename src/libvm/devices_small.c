// SPDX-License-Identifier: MIT
//
// Devices that need no backend: random numbers and the balloon. They share an I/O thread.
#include <vm/device/virtio/rng.h>
#include <vm/osal/memory_discard.h>

#include "devices.h"
#include "hosted.h"

static const char loop_name[] = "small devices";

vm_status hosted_add_rng(struct vm *vm, struct vm_error *e)
{
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    if (!vm->options.rng)
        return VM_OK;
    vm_status status = hosted_reserve_device(vm, e);
    if (status == VM_OK)
        status = hosted_get_loop(vm, loop_name, VM_OSAL_SANDBOX_DEVICE, &loop, e);
    if (status == VM_OK)
        status = vm_virtio_rng_create(&vm->machine, vm_loop_io(loop), "rng0", &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, NULL);
    return status;
}

static bool give_back(void *context, void *host, uint64_t size)
{
    (void)context;
    return vm_osal_memory_discard(host, size);
}

vm_status hosted_add_balloon(struct vm *vm, struct vm_error *e)
{
    const struct vm_virtio_balloon_config config = {.release = give_back};
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    if (!vm->options.balloon)
        return VM_OK;
    vm_status status = hosted_reserve_device(vm, e);
    if (status == VM_OK)
        status = hosted_get_loop(vm, loop_name, VM_OSAL_SANDBOX_DEVICE, &loop, e);
    if (status == VM_OK)
        status = vm_virtio_balloon_create(&vm->machine, vm_loop_io(loop), "balloon0", &config,
                                          &vm->devices.balloon, &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, NULL);
    return status;
}

static vm_status check_balloon(const struct vm *vm, struct vm_error *e)
{
    return vm->devices.balloon ? VM_OK
                               : vm_error_set(e, VM_ERR_USAGE, "the machine has no balloon");
}

vm_status vm_set_balloon(struct vm *vm, uint64_t target, struct vm_error *e)
{
    vm_status status = check_balloon(vm, e);
    if (status == VM_OK)
        vm_virtio_balloon_set_target(vm->devices.balloon, target);
    return status;
}

vm_status vm_get_balloon(const struct vm *vm, struct vm_balloon *out, struct vm_error *e)
{
    struct vm_virtio_balloon_state s;
    vm_status status = check_balloon(vm, e);
    if (status != VM_OK)
        return status;
    vm_virtio_balloon_get(vm->devices.balloon, &s);
    *out = (struct vm_balloon){.target = s.target, .actual = s.actual, .released = s.released};
    return VM_OK;
}
