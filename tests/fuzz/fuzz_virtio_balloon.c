// SPDX-License-Identifier: MIT
//
// Fuzz target: the balloon. What it gives back to the host is RAM, in whole pages.
#include <stdlib.h>
#include <string.h>

#include <vm/device/virtio/balloon.h>

#include "standalone.h"
#include "virtio_frame.h"

static struct vm_virtio_balloon *balloon; // of the present input

// A byte of each page shows that it may be written; more of them would cost time for nothing.
static bool release(void *context, void *host, uint64_t size)
{
    struct virtio_rig *rig = context;
    uint8_t *p = host;
    bool inside = false;
    for (unsigned i = 0; i < 2; i++) {
        const struct virtio_rig_ram *r = &rig->ram[i];
        inside |=
            p >= r->host && p < r->host + r->size && size <= r->size - (uint64_t)(p - r->host);
    }
    if (!inside || size == 0 || size % VM_PAGE_SIZE || (uintptr_t)p % VM_PAGE_SIZE)
        abort();
    for (uint64_t at = 0; at < size; at += VM_PAGE_SIZE)
        p[at] = 0;
    return true;
}

static struct vm_virtio *create(struct virtio_rig *rig)
{
    const struct vm_virtio_balloon_config c = {release, rig, 0};
    struct vm_virtio *v;
    assert_int_equal(
        vm_virtio_balloon_create(&rig->machine, &rig->io, "balloon0", &c, &balloon, &v, NULL),
        VM_OK);
    return v;
}

static void tick(struct virtio_rig *rig)
{
    (void)rig;
    struct vm_virtio_balloon_state state;
    vm_virtio_balloon_get(balloon, &state);
    vm_virtio_balloon_set_target(balloon, state.target + VM_PAGE_SIZE);
    vm_virtio_balloon_ask(balloon);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device device = {.create = create, .tick = tick};
    virtio_frame_run(&device, data, size);
    return 0;
}
