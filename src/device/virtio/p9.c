// SPDX-License-Identifier: MIT
//
// 9P transport device (vm/device/virtio/p9.h): a message and the room for its reply is one element
// of the queue. A request may wait for the host's disk, so each reply is shown when it is there.
#include "../device.h"

#include <vm/device/virtio/p9.h>

#define F_MOUNT_TAG (UINT64_C(1) << 0)

enum { QUEUE_SIZE = 128, TAG_LENGTH = 2 };

struct p9 {
    struct vm_machine *machine;
    struct vm_virtio *virtio;
    struct vm_share *share;
    uint8_t config[TAG_LENGTH + VM_VIRTIO_P9_TAG]; // length of the tag, and its bytes
    struct vm_virtq_element element;
};

static void p9_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    const struct p9 *p = device;
    vm_copy(to, p->config + offset, size);
}

static void p9_notify(void *device, unsigned queue)
{
    struct p9 *p = device;
    struct vm_virtq_element *e = &p->element;
    while (vm_virtq_pop(p->virtio, queue, e)) {
        const struct vm_share_message m = {
            .out = e->iov,
            .in = e->iov + e->out_count,
            .out_count = e->out_count,
            .in_count = e->in_count,
            .out_size = e->out_size,
            .in_size = e->in_size,
        };
        uint32_t written = p->share->ops->serve(p->share, &m);
        if (written == 0) {
            vm_virtio_break(p->virtio, "a message without a whole header, or no room for a reply");
            break;
        }
        vm_virtq_push(p->virtio, queue, e, written);
        vm_virtq_flush(p->virtio, queue);
    }
}

static void p9_reset(void *device)
{
    struct p9 *p = device;
    p->share->ops->reset(p->share);
}

// Nothing is ever in flight when another task runs.
static void p9_reset_queue(void *device, unsigned queue)
{
    (void)device;
    (void)queue;
}

static void p9_destroy(void *device)
{
    struct p9 *p = device;
    if (p->share)
        p->share->ops->close(p->share);
    vm_device_release(p->machine, p, sizeof *p);
}

static const struct vm_virtio_ops p9_ops = {
    .type = "virtio-9p",
    .id = VM_VIRTIO_9P,
    .read_config = p9_read_config,
    .notify = p9_notify,
    .reset = p9_reset,
    .destroy = p9_destroy,
    .reset_queue = p9_reset_queue,
};

vm_status vm_virtio_p9_create(struct vm_machine *m, struct vm_io *io, const char *name,
                              const struct vm_virtio_p9_config *config, struct vm_virtio **out,
                              struct vm_error *e)
{
    size_t length = vm_text_length(config->tag);
    if (length == 0 || length > VM_VIRTIO_P9_TAG)
        return vm_error_set(e, VM_ERR_USAGE, "%s: the tag of a share has 1 to %d bytes: %s", name,
                            VM_VIRTIO_P9_TAG, config->tag);
    struct p9 *p = vm_device_alloc(m, sizeof *p, p9_ops.type, e);
    if (!p)
        return VM_ERR_HOST;
    p->machine = m;
    vm_store_le16(p->config, (uint16_t)length);
    vm_copy(p->config + TAG_LENGTH, config->tag, length);
    const struct vm_virtio_config core = {
        .ops = &p9_ops,
        .device = p,
        .features = F_MOUNT_TAG | VM_VIRTIO_F_IN_ORDER,
        .withheld = config->withheld,
        .config_size = (uint32_t)(TAG_LENGTH + length),
        .queues = 1,
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    vm_status status = vm_virtio_create(m, &core, &p->virtio, e);
    if (status != VM_OK) {
        p9_destroy(p); // the share stays the caller's
        return status;
    }
    p->share = config->share;
    *out = p->virtio;
    return VM_OK;
}
