// SPDX-License-Identifier: MIT
//
// The order in which devices are made and unmade (devices.h).
#include "devices.h"

#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "hosted.h"

// What there can be, in the order in which the guest finds it.
static vm_status (*const kinds[])(struct vm *vm, struct vm_error *e) = {
    hosted_add_disks,   hosted_add_nets,   hosted_add_consoles, hosted_add_rng,
    hosted_add_balloon, hosted_add_shares, hosted_add_vsock,
};

vm_status hosted_create_devices(struct vm *vm, struct vm_error *e)
{
    vm_status status = VM_OK;
    for (size_t i = 0; status == VM_OK && i < VM_ARRAY_SIZE(kinds); i++)
        status = kinds[i](vm, e);
    return status;
}

vm_status hosted_start_devices(struct vm *vm, struct vm_error *e)
{
    struct hosted_devices *d = &vm->devices;
    vm_status status = VM_OK;
    for (size_t i = 0; status == VM_OK && i < d->loop_count; i++)
        status = vm_loop_start(d->loops[i].loop, e);
    return status;
}

void hosted_stop_devices(struct vm *vm)
{
    for (size_t i = 0; i < vm->devices.loop_count; i++)
        vm_loop_stop(vm->devices.loops[i].loop);
}

void hosted_destroy_devices(struct vm *vm)
{
    struct hosted_devices *d = &vm->devices;
    for (size_t i = d->count; i-- > 0;)
        vm_virtio_destroy(d->virtio[i].device);
    for (size_t i = d->cleanup_count; i-- > 0;)
        d->cleanups[i].run(d->cleanups[i].context);
    for (size_t i = d->loop_count; i-- > 0;)
        vm_loop_destroy(d->loops[i].loop);
    *d = (struct hosted_devices){0};
}

vm_status hosted_reserve_device(const struct vm *vm, struct vm_error *e)
{
    bool mmio = vm->options.transport == VM_TRANSPORT_MMIO;
    size_t room = mmio ? HOSTED_MMIO_SLOTS : HOSTED_MAX_DEVICES;
    if (vm->devices.count < room)
        return VM_OK;
    return vm_error_set(e, VM_ERR_USAGE, "more than %zu virtio devices; %s", room,
                        mmio ? "there are more slots with --transport pci" : "leave some out");
}

static vm_status make_loop(struct hosted_devices *d, const char *name, struct vm_loop **loop,
                           struct vm_error *e)
{
    struct hosted_loop *l = &d->loops[d->loop_count];
    vm_format(l->name, sizeof l->name, "%s", name);
    vm_status status = vm_loop_create(l->name, &l->loop, e);
    if (status == VM_OK) {
        d->loop_count++;
        *loop = l->loop;
    }
    return status;
}

vm_status hosted_get_loop(struct vm *vm, const char *name, unsigned work, struct vm_loop **loop,
                          struct vm_error *e)
{
    struct hosted_devices *d = &vm->devices;
    vm_status status = VM_OK;
    *loop = NULL;
    for (size_t i = 0; i < d->loop_count; i++) {
        if (vm_text_equal(d->loops[i].name, name))
            *loop = d->loops[i].loop;
    }
    if (!*loop)
        status = make_loop(d, name, loop, e);
    if (status == VM_OK && vm->options.sandbox)
        vm_loop_confine(*loop, work);
    return status;
}

void hosted_add_device(struct vm *vm, struct vm_virtio *virtio,
                       const struct vm_virtio_blk_stats *disk)
{
    struct hosted_devices *d = &vm->devices;
    bool mmio = vm->options.transport == VM_TRANSPORT_MMIO;
    d->devices[d->count] = (struct hosted_device){virtio, disk};
    d->virtio[d->count] = (struct vm_board_virtio){
        .device = virtio,
        .transport = mmio ? VM_BOARD_MMIO : VM_BOARD_PCI,
        .slot = (unsigned)d->count + (mmio ? 0 : 1), // slot 0 of the bus is the host bridge
    };
    d->count++;
}

void hosted_add_cleanup(struct vm *vm, void (*run)(void *context), void *context)
{
    struct hosted_devices *d = &vm->devices;
    d->cleanups[d->cleanup_count++] = (struct hosted_cleanup){run, context};
}

bool vm_get_device_stats(const struct vm *vm, size_t index, struct vm_device_stats *out)
{
    const struct hosted_devices *d = &vm->devices;
    struct vm_virtio_stats s;
    if (index >= d->count)
        return false;
    vm_virtio_get_stats(d->devices[index].virtio, &s);
    *out = (struct vm_device_stats){
        .name = vm_virtio_name(d->devices[index].virtio),
        .requests = s.requests,
        .bytes_out = s.bytes_out,
        .bytes_in = s.bytes_in,
        .interrupts = s.interrupts,
        .doorbells = s.notifications,
    };
    const struct vm_virtio_blk_stats *disk = d->devices[index].disk;
    if (!disk)
        return true;
    out->is_disk = true;
    out->reads = atomic_load(&disk->reads);
    out->writes = atomic_load(&disk->writes);
    out->flushes = atomic_load(&disk->flushes);
    out->discards = atomic_load(&disk->discards);
    out->bytes_read = atomic_load(&disk->bytes_read);
    out->bytes_written = atomic_load(&disk->bytes_written);
    out->errors = atomic_load(&disk->errors);
    out->batches = atomic_load(&disk->batches);
    return true;
}
