// SPDX-License-Identifier: MIT
//
// Entropy device (vm/device/virtio/rng.h). It keeps nothing between requests, so there is nothing
// to reset, and answers them in order.
#include "../device.h"

#include <vm/device/virtio/rng.h>

enum { QUEUES = 1, QUEUE_SIZE = 64, CHUNK = 256 };

struct rng {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_virtq_element element;
};

// Fills the element; returns the number of bytes.
static uint32_t fill(struct rng *r)
{
    const struct vm_host *host = r->machine->host;
    const struct vm_virtq_element *e = &r->element;
    uint32_t size = e->in_size < VM_VIRTIO_RNG_MAX ? (uint32_t)e->in_size : VM_VIRTIO_RNG_MAX;
    uint8_t bytes[CHUNK];
    for (uint32_t done = 0; done < size;) {
        uint32_t n = size - done < CHUNK ? size - done : CHUNK;
        host->random(host->context, bytes, n);
        vm_iov_write(e->iov + e->out_count, e->in_count, done, bytes, n);
        done += n;
    }
    return size;
}

static void rng_notify(void *device, unsigned queue)
{
    struct rng *r = device;
    while (vm_virtq_pop(r->virtio, queue, &r->element))
        vm_virtq_push(r->virtio, queue, &r->element, fill(r));
    vm_virtq_flush(r->virtio, queue);
}

static void rng_destroy(void *device)
{
    struct rng *r = device;
    vm_device_release(r->machine, r, sizeof *r);
}

static const struct vm_virtio_ops rng_ops = {
    .type = "virtio-rng",
    .id = VM_VIRTIO_RNG,
    .notify = rng_notify,
    .destroy = rng_destroy,
};

vm_status vm_virtio_rng_create(struct vm_machine *m, struct vm_io *io, const char *name,
                               struct vm_virtio **out, struct vm_error *e)
{
    struct rng *r = vm_device_alloc(m, sizeof *r, rng_ops.type, e);
    if (!r)
        return VM_ERR_HOST;
    r->machine = m;
    const struct vm_virtio_config config = {
        .ops = &rng_ops,
        .device = r,
        .features = VM_VIRTIO_F_IN_ORDER,
        .queues = QUEUES,
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    vm_status status = vm_virtio_create(m, &config, &r->virtio, e);
    if (status != VM_OK)
        rng_destroy(r);
    else
        *out = r->virtio;
    return status;
}
