// SPDX-License-Identifier: MIT
//
// Block device (vm/device/virtio/blk.h): its queues and configuration. All requests that a doorbell
// announces go to the disk in one submission; elements that end together are shown together. State
// is the I/O thread's but for the cache mode.
#include "blk.h"

enum { QUEUE_SIZE = 256, CONFIG_SIZE = 60 };

// Offsets in the configuration (5.2.4).
enum {
    CONFIG_CAPACITY = 0,
    CONFIG_SEG_MAX = 12,
    CONFIG_BLK_SIZE = 20,
    CONFIG_PHYSICAL_BLOCK_EXP = 24,
    CONFIG_MIN_IO_SIZE = 26,
    CONFIG_WRITEBACK = 32,
    CONFIG_NUM_QUEUES = 34,
    CONFIG_MAX_DISCARD_SECTORS = 36,
    CONFIG_MAX_DISCARD_SEG = 40,
    CONFIG_DISCARD_ALIGNMENT = 44,
    CONFIG_MAX_WRITE_ZEROES_SECTORS = 48,
    CONFIG_MAX_WRITE_ZEROES_SEG = 52,
    CONFIG_WRITE_ZEROES_MAY_UNMAP = 56,
};

enum { PHYSICAL_BLOCK_EXP = 3 }; // 4 KiB: what file systems on the host write

// --- elements ---

static struct blk_request *take_request(struct blk *b)
{
    struct blk_request *r = b->unused;
    if (r) {
        b->unused = r->next;
        return r;
    }
    r = vm_device_alloc(b->machine, sizeof *r, "virtio-blk", NULL);
    if (r)
        r->device = b;
    return r;
}

static void keep_request(struct blk_request *r)
{
    r->next = r->device->unused;
    r->device->unused = r;
}

static void show(void *device)
{
    struct blk *b = device;
    for (unsigned i = 0; i < b->queues; i++) {
        if (b->to_flush[i])
            vm_virtq_flush(b->virtio, i);
        b->to_flush[i] = false;
    }
}

void blk_end(struct blk_request *r, uint8_t status)
{
    struct blk *b = r->device;
    if (status != BLK_S_OK)
        atomic_fetch_add_explicit(&b->stats->errors, 1, memory_order_relaxed);
    __atomic_store_n(r->status, status, __ATOMIC_RELAXED);
    vm_virtq_push(b->virtio, r->queue, &r->element, (uint32_t)r->element.in_size);
    b->in_flight[r->queue]--;
    if (!b->to_flush[r->queue] && !b->will_show)
        vm_io_schedule(b->io, &b->show);
    b->to_flush[r->queue] = true;
    keep_request(r);
}

// The status byte is the last one that the driver gets.
static uint8_t *find_status(const struct vm_virtq_element *e)
{
    for (unsigned i = e->out_count + e->in_count; i > e->out_count; i--) {
        const struct vm_iovec *v = &e->iov[i - 1];
        if (v->size)
            return (uint8_t *)v->base + v->size - 1;
    }
    return NULL;
}

// False if there is nothing more to pop.
static bool pop(struct blk *b, unsigned queue, struct blk_batch *batch)
{
    struct blk_request *r = take_request(b);
    if (!r) {
        vm_virtio_break(b->virtio, "out of memory for a request");
        return false;
    }
    if (!vm_virtq_pop(b->virtio, queue, &r->element)) {
        keep_request(r);
        return false;
    }
    r->queue = (uint16_t)queue;
    r->status = find_status(&r->element);
    if (!r->status || r->element.out_size < BLK_HEADER) {
        keep_request(r);
        vm_virtio_break(b->virtio, "a request without a whole header or a status byte");
        return false;
    }
    b->in_flight[queue]++;
    blk_begin(r, batch);
    return true;
}

static void blk_notify(void *device, unsigned queue)
{
    struct blk *b = device;
    struct blk_batch batch = {0};
    b->will_show = true;
    while (pop(b, queue, &batch))
        ;
    blk_submit(b, &batch);
    // What lay in the host's cache is here already: one interrupt, and no turn of the loop, for
    // all.
    b->block->ops->poll(b->block);
    b->will_show = false;
    show(b);
}

// --- configuration ---

static void blk_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    const struct blk *b = device;
    uint8_t c[CONFIG_SIZE] = {0};
    vm_store_le64(c + CONFIG_CAPACITY, b->block->size / BLK_SECTOR);
    vm_store_le32(c + CONFIG_SEG_MAX, VM_VIRTQ_MAX_SEGMENTS - 2); // header and status
    vm_store_le32(c + CONFIG_BLK_SIZE, b->block->logical_block);
    c[CONFIG_PHYSICAL_BLOCK_EXP] = PHYSICAL_BLOCK_EXP;
    vm_store_le16(c + CONFIG_MIN_IO_SIZE, 1 << PHYSICAL_BLOCK_EXP);
    c[CONFIG_WRITEBACK] = atomic_load_explicit(&b->write_back, memory_order_relaxed);
    vm_store_le16(c + CONFIG_NUM_QUEUES, b->queues);
    vm_store_le32(c + CONFIG_MAX_DISCARD_SECTORS, BLK_MAX_RANGE);
    vm_store_le32(c + CONFIG_MAX_DISCARD_SEG, BLK_MAX_SEGMENTS);
    vm_store_le32(c + CONFIG_DISCARD_ALIGNMENT, 1 << PHYSICAL_BLOCK_EXP);
    vm_store_le32(c + CONFIG_MAX_WRITE_ZEROES_SECTORS, BLK_MAX_RANGE);
    vm_store_le32(c + CONFIG_MAX_WRITE_ZEROES_SEG, BLK_MAX_SEGMENTS);
    c[CONFIG_WRITE_ZEROES_MAY_UNMAP] = 1;
    vm_copy(to, c + offset, size);
}

// The cache mode is all that a driver may write. A write through that follows a change flushes what
// was written before, too.
static void blk_write_config(void *device, uint32_t offset, const void *from, uint32_t size)
{
    struct blk *b = device;
    if (offset > CONFIG_WRITEBACK || offset + size <= CONFIG_WRITEBACK)
        return;
    uint8_t value = ((const uint8_t *)from)[CONFIG_WRITEBACK - offset];
    if (vm_virtio_features(b->virtio) & BLK_F_CONFIG_WCE)
        atomic_store_explicit(&b->write_back, (value & 1) != 0, memory_order_relaxed);
}

// 5.2.5.1: a driver that can neither flush nor choose gets a cache that writes through.
static void blk_activate(void *device, uint64_t features)
{
    struct blk *b = device;
    atomic_store_explicit(&b->may_postpone, (features & (BLK_F_FLUSH | BLK_F_CONFIG_WCE)) != 0,
                          memory_order_relaxed);
}

// --- reset and end ---

static void wait_for(struct blk *b, unsigned queue)
{
    while (b->in_flight[queue])
        b->block->ops->wait(b->block);
}

static void blk_reset_queue(void *device, unsigned queue)
{
    wait_for(device, queue);
}

static void blk_reset(void *device)
{
    struct blk *b = device;
    for (unsigned i = 0; i < b->queues; i++)
        wait_for(b, i);
    atomic_store_explicit(&b->write_back, true, memory_order_relaxed);
}

static void blk_destroy(void *device)
{
    struct blk *b = device;
    b->will_show = true; // tasks do not run any more
    for (unsigned i = 0; i < b->queues; i++)
        wait_for(b, i);
    while (b->unused) {
        struct blk_request *r = b->unused;
        b->unused = r->next;
        vm_device_release(b->machine, r, sizeof *r);
    }
    vm_device_release(b->machine, b, sizeof *b);
}

static const struct vm_virtio_ops blk_ops = {
    .type = "virtio-blk",
    .id = VM_VIRTIO_BLOCK,
    .read_config = blk_read_config,
    .write_config = blk_write_config,
    .activate = blk_activate,
    .notify = blk_notify,
    .reset = blk_reset,
    .destroy = blk_destroy,
    .reset_queue = blk_reset_queue,
};

static uint64_t features_of(const struct vm_block *block, uint16_t queues)
{
    uint64_t f = BLK_F_SEG_MAX | BLK_F_BLK_SIZE | BLK_F_FLUSH | BLK_F_TOPOLOGY | BLK_F_CONFIG_WCE;
    f |= block->read_only ? BLK_F_RO : BLK_F_DISCARD | BLK_F_WRITE_ZEROES;
    return queues > 1 ? f | BLK_F_MQ : f;
}

static void set_serial(struct blk *b, const char *serial)
{
    size_t n = serial ? vm_text_length(serial) : 0;
    if (n)
        vm_copy(b->serial, serial, n < sizeof b->serial ? n : sizeof b->serial);
}

vm_status vm_virtio_blk_create(struct vm_machine *m, struct vm_io *io, const char *name,
                               const struct vm_virtio_blk_config *config, struct vm_virtio **out,
                               struct vm_error *e)
{
    if (config->queues == 0 || config->queues > VM_VIRTIO_BLK_MAX_QUEUES)
        return vm_error_set(e, VM_ERR_USAGE, "%s: a disk has 1 to %d queues", name,
                            VM_VIRTIO_BLK_MAX_QUEUES);
    struct blk *b = vm_device_alloc(m, sizeof *b, blk_ops.type, e);
    if (!b)
        return VM_ERR_HOST;
    b->machine = m;
    b->io = io;
    b->block = config->block;
    b->queues = config->queues;
    b->stats = config->stats ? config->stats : &b->own_stats;
    b->show = (struct vm_io_task){.run = show, .context = b};
    atomic_init(&b->write_back, true);
    set_serial(b, config->serial);
    const struct vm_virtio_config v = {
        .ops = &blk_ops,
        .device = b,
        .features = features_of(config->block, config->queues),
        .withheld = config->withheld,
        .config_size = CONFIG_SIZE,
        .queues = config->queues,
        .queue_size = QUEUE_SIZE,
        .io = io,
        .name = name,
    };
    vm_status status = vm_virtio_create(m, &v, &b->virtio, e);
    if (status != VM_OK)
        blk_destroy(b);
    else
        *out = b->virtio;
    return status;
}
