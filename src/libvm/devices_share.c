// SPDX-License-Identifier: MIT
//
// Shares: a directory, an I/O thread that waits for the host's file system, and a virtio-9p device
// each.
#include <vm/base/format.h>
#include <vm/base/memory.h>
#include <vm/device/virtio/p9.h>

#include "devices.h"
#include "hosted.h"

// Two of one tag the guest could not tell from each other.
static vm_status check_tag(const struct vm *vm, size_t index, struct vm_error *e)
{
    const struct vm_share_options *o = vm->options.shares;
    for (size_t i = 0; i < index; i++) {
        if (vm_text_equal(o[i].tag, o[index].tag))
            return vm_error_set(e, VM_ERR_USAGE,
                                "two shares have the tag %s; name one of them "
                                "otherwise",
                                o[i].tag);
    }
    return VM_OK;
}

static vm_status add_share(struct vm *vm, size_t index, struct vm_error *e)
{
    const struct vm_share_options *o = &vm->options.shares[index];
    const struct vm_share_config share = {
        .directory = o->directory,
        .read_only = o->read_only,
        .descriptors = vm_share_descriptors(vm->options.share_count),
    };
    struct vm_virtio_p9_config config = {.tag = o->tag};
    char name[HOSTED_NAME];
    struct vm_loop *loop;
    struct vm_virtio *virtio;
    vm_format(name, sizeof name, "share%zu", index);
    vm_status status = check_tag(vm, index, e);
    if (status == VM_OK)
        status = hosted_get_loop(vm, name, VM_OSAL_SANDBOX_SHARE, &loop, e);
    if (status == VM_OK)
        status = vm_share_open(&share, &config.share, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--share");
    status = vm_virtio_p9_create(&vm->machine, vm_loop_io(loop), name, &config, &virtio, e);
    if (status == VM_OK)
        hosted_add_device(vm, virtio, NULL);
    else
        config.share->ops->close(config.share);
    return status;
}

vm_status hosted_add_shares(struct vm *vm, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (size_t i = 0; status == VM_OK && i < vm->options.share_count; i++) {
        status = hosted_reserve_device(vm, e);
        if (status == VM_OK)
            status = add_share(vm, i, e);
    }
    return status;
}
