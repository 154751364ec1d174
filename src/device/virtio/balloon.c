// SPDX-License-Identifier: MIT
//
// Memory balloon (vm/device/virtio/balloon.h): features, configuration, life.
#include "balloon.h"

enum { QUEUE_SIZE = 128, QUEUES = 5, INFLATE = 0, DEFLATE = 1, STATS = 2 };

// --- what the embedder calls ---

static uint64_t pages_at(const struct vm_virtio_balloon *b, unsigned field)
{
    return (uint64_t)vm_load_le32(b->config + field) << VM_PAGE_SHIFT;
}

void vm_virtio_balloon_set_target(struct vm_virtio_balloon *b, uint64_t bytes)
{
    uint64_t pages = bytes >> VM_PAGE_SHIFT;
    vm_virtio_lock(b->virtio);
    vm_store_le32(b->config + BALLOON_NUM_PAGES, pages > UINT32_MAX ? UINT32_MAX : (uint32_t)pages);
    vm_virtio_config_changed(b->virtio);
    vm_virtio_unlock(b->virtio);
}

void vm_virtio_balloon_get(struct vm_virtio_balloon *b, struct vm_virtio_balloon_state *state)
{
    vm_virtio_lock(b->virtio);
    *state = b->state;
    state->target = pages_at(b, BALLOON_NUM_PAGES);
    state->actual = pages_at(b, BALLOON_ACTUAL);
    vm_virtio_unlock(b->virtio);
}

// Gives the driver its buffer back, which it fills anew.
static void ask_task(void *balloon)
{
    struct vm_virtio_balloon *b = balloon;
    if (!b->holding)
        return;
    b->holding = false;
    vm_virtq_push(b->virtio, STATS, &b->stats, 0);
    vm_virtq_flush(b->virtio, STATS);
}

void vm_virtio_balloon_ask(struct vm_virtio_balloon *b)
{
    vm_io_schedule(b->io, &b->ask);
}

// --- what the core calls ---

static void balloon_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    const struct vm_virtio_balloon *b = device;
    vm_copy(to, b->config + offset, size);
}

static bool is_drivers(uint32_t at)
{
    return (at >= BALLOON_ACTUAL && at < BALLOON_ACTUAL + 4) ||
           (at >= BALLOON_POISON_VAL && at < BALLOON_POISON_VAL + 4);
}

static void balloon_write_config(void *device, uint32_t offset, const void *from, uint32_t size)
{
    struct vm_virtio_balloon *b = device;
    const uint8_t *bytes = from;
    for (uint32_t i = 0; i < size; i++) {
        if (is_drivers(offset + i))
            b->config[offset + i] = bytes[i];
    }
}

// Queue 3 is that of free page hints, which are not offered. Drivers (Linux among them) that leave
// no gap for a queue that is not there have the reports' queue in the place of the first one that
// is missing, others at its number, 4.
static void balloon_notify(void *device, unsigned queue)
{
    struct vm_virtio_balloon *b = device;
    uint64_t features = vm_virtio_features(b->virtio);
    if (queue == INFLATE)
        balloon_inflate(b, queue);
    else if (queue == DEFLATE)
        balloon_deflate(b, queue);
    else if (queue == STATS && features & BALLOON_F_STATS_VQ)
        balloon_take_stats(b, queue);
    else if (features & BALLOON_F_REPORTING)
        balloon_take_report(b, queue);
}

// The next driver's balloon is empty.
static void balloon_reset(void *device)
{
    struct vm_virtio_balloon *b = device;
    b->holding = false;
    vm_virtio_lock(b->virtio);
    vm_store_le32(b->config + BALLOON_ACTUAL, 0);
    vm_store_le32(b->config + BALLOON_POISON_VAL, 0);
    b->state.known = 0;
    vm_virtio_unlock(b->virtio);
}

static void balloon_reset_queue(void *device, unsigned queue)
{
    struct vm_virtio_balloon *b = device;
    if (queue == STATS)
        b->holding = false;
}

static void balloon_destroy(void *device)
{
    struct vm_virtio_balloon *b = device;
    vm_device_release(b->machine, b, sizeof *b);
}

static const struct vm_virtio_ops balloon_ops = {
    .type = "virtio-balloon",
    .id = VM_VIRTIO_BALLOON,
    .read_config = balloon_read_config,
    .write_config = balloon_write_config,
    .notify = balloon_notify,
    .reset = balloon_reset,
    .reset_queue = balloon_reset_queue,
    .destroy = balloon_destroy,
};

vm_status vm_virtio_balloon_create(struct vm_machine *m, struct vm_io *io, const char *name,
                                   const struct vm_virtio_balloon_config *config,
                                   struct vm_virtio_balloon **balloon, struct vm_virtio **out,
                                   struct vm_error *e)
{
    struct vm_virtio_balloon *b = vm_device_alloc(m, sizeof *b, balloon_ops.type, e);
    if (!b)
        return VM_ERR_HOST;
    b->machine = m;
    b->io = io;
    b->embedder = *config;
    b->ask.run = ask_task;
    b->ask.context = b;
    const struct vm_virtio_config core = {
        .ops = &balloon_ops,
        .device = b,
        .features = BALLOON_F_STATS_VQ | BALLOON_F_DEFLATE_ON_OOM | BALLOON_F_PAGE_POISON |
                    BALLOON_F_REPORTING,
        .withheld = config->withheld,
        .config_size = BALLOON_CONFIG_SIZE,
        .queues = QUEUES,
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    vm_status status = vm_virtio_create(m, &core, &b->virtio, e);
    if (status != VM_OK) {
        balloon_destroy(b);
        return status;
    }
    *balloon = b;
    *out = b->virtio;
    return VM_OK;
}
