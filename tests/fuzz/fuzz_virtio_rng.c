// SPDX-License-Identifier: MIT
//
// Fuzz target: the entropy device, and with it the VirtIO core and its transports.
#include <vm/device/virtio/rng.h>

#include "standalone.h"
#include "virtio_frame.h"

static struct vm_virtio *create(struct virtio_rig *rig)
{
    struct vm_virtio *v;
    assert_int_equal(vm_virtio_rng_create(&rig->machine, &rig->io, "rng0", &v, NULL), VM_OK);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device device = {.create = create};
    virtio_frame_run(&device, data, size);
    return 0;
}
