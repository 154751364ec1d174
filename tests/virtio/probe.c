// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>

#include "probe.h"

enum { ANSWER = 64 << 10 };

static bool in_ram(const struct virtio_rig *rig, const struct vm_iovec *iov)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct virtio_rig_ram *r = &rig->ram[i];
        uintptr_t at = (uintptr_t)iov->base - (uintptr_t)r->host;
        if (at < r->size && iov->size <= r->size - at)
            return true;
    }
    return false;
}

static bool in_rom(const struct virtio_rig *rig, const struct vm_iovec *iov)
{
    uintptr_t at = (uintptr_t)iov->base - (uintptr_t)rig->rom.host;
    return at < rig->rom.size && iov->size <= rig->rom.size - at;
}

static void check_element(const struct probe *p, const struct vm_virtq_element *e)
{
    assert_in_range(e->out_count + e->in_count, 0, VM_VIRTQ_MAX_SEGMENTS);
    for (unsigned i = 0; i < (unsigned)e->out_count + e->in_count; i++) {
        assert_true(e->iov[i].size > 0);
        assert_true(in_ram(p->rig, &e->iov[i]) || (i < e->out_count && in_rom(p->rig, &e->iov[i])));
    }
    assert_int_equal(vm_iov_size(e->iov, e->out_count), e->out_size);
    assert_int_equal(vm_iov_size(e->iov + e->out_count, e->in_count), e->in_size);
    assert_true(e->out_size + e->in_size <= UINT64_C(1) << 32);
}

bool probe_pop(struct probe *p, unsigned queue)
{
    struct probe_held *h = &p->held[p->held_count];
    if (!vm_virtq_pop(p->virtio, queue, &h->element))
        return false;
    h->queue = queue;
    p->held_count++;
    p->popped++;
    check_element(p, &h->element);
    unsigned in_flight = 0;
    for (unsigned i = 0; i < p->held_count; i++)
        in_flight += p->held[i].queue == queue;
    struct vm_virtq_setup s;
    vm_virtio_get_queue(p->virtio, queue, &s);
    assert_true(in_flight <= s.size);
    return true;
}

static void answer(struct probe *p, const struct probe_held *h)
{
    const struct vm_virtq_element *e = &h->element;
    uint8_t *bytes = malloc(ANSWER);
    size_t n = vm_iov_read(e->iov, e->out_count, 0, bytes, ANSWER);
    for (size_t k = 0; k < n; k++)
        bytes[k] ^= 0x5a;
    n = vm_iov_write(e->iov + e->out_count, e->in_count, 0, bytes, n);
    free(bytes);
    vm_virtq_push(p->virtio, h->queue, e, (uint32_t)n);
}

void probe_answer(struct probe *p, unsigned i)
{
    answer(p, &p->held[i]);
    p->held[i] = p->held[--p->held_count];
}

void probe_answer_all(struct probe *p)
{
    for (unsigned i = 0; i < p->held_count; i++)
        answer(p, &p->held[i]);
    p->held_count = 0;
    for (unsigned q = 0; q < PROBE_QUEUES; q++)
        vm_virtq_flush(p->virtio, q);
}

static void serve(struct probe *p, unsigned queue)
{
    while (probe_pop(p, queue)) {
        if (!p->hold)
            probe_answer(p, p->held_count - 1);
        if (p->flush_each)
            vm_virtq_flush(p->virtio, queue);
    }
    vm_virtq_flush(p->virtio, queue);
}

static void probe_notify(void *device, unsigned queue)
{
    struct probe *p = device;
    p->notified++;
    if (p->deaf)
        return;
    if (!p->poll) {
        serve(p, queue);
        return;
    }
    do {
        assert_false(vm_virtq_want_notify(p->virtio, queue, false));
        serve(p, queue);
    } while (vm_virtq_want_notify(p->virtio, queue, true));
}

static void probe_activate(void *device, uint64_t features)
{
    struct probe *p = device;
    p->activations++;
    p->features = features;
}

static void probe_reset(void *device)
{
    struct probe *p = device;
    p->resets++;
    if (p->held_count) { // dropped: the driver has its memory back
        vm_virtq_push(p->virtio, p->held[0].queue, &p->held[0].element, 1);
        vm_virtq_flush(p->virtio, p->held[0].queue);
    }
    p->held_count = 0;
}

static void probe_reset_queue(void *device, unsigned queue)
{
    struct probe *p = device;
    p->queue_resets++;
    for (unsigned i = 0; i < p->held_count;) {
        if (p->held[i].queue == queue)
            p->held[i] = p->held[--p->held_count];
        else
            i++;
    }
}

static void probe_read_config(void *device, uint32_t offset, void *to, uint32_t size)
{
    struct probe *p = device;
    assert_true(size > 0 && offset < PROBE_CONFIG && size <= PROBE_CONFIG - offset);
    memcpy(to, p->config + offset, size);
}

static void probe_write_config(void *device, uint32_t offset, const void *from, uint32_t size)
{
    struct probe *p = device;
    assert_true(size > 0 && offset < PROBE_CONFIG && size <= PROBE_CONFIG - offset);
    memcpy(p->config + offset, from, size);
}

static void probe_destroy(void *device)
{
    struct probe *p = device;
    p->destroyed++;
}

void probe_init(struct probe *p, struct virtio_rig *rig, const struct virtio_bus *bus,
                const struct probe_options *options)
{
    static const struct probe_options usual = {0};
    const struct probe_options *o = options ? options : &usual;
    memset(p, 0, sizeof *p);
    p->rig = rig;
    p->ops = (struct vm_virtio_ops){
        .type = "probe",
        .id = (enum vm_virtio_id)PROBE_ID,
        .read_config = probe_read_config,
        .write_config = probe_write_config,
        .activate = probe_activate,
        .notify = probe_notify,
        .reset = probe_reset,
        .destroy = probe_destroy,
        .reset_queue = o->no_queue_reset ? NULL : probe_reset_queue,
    };
    const struct vm_virtio_config config = {
        .ops = &p->ops,
        .device = p,
        .features = o->features,
        .withheld = o->withheld,
        .config_size = PROBE_CONFIG,
        .queues = PROBE_QUEUES,
        .queue_size = o->queue_size ? o->queue_size : PROBE_QUEUE_SIZE,
        .io = &rig->io,
        .name = "probe0",
    };
    for (unsigned i = 0; i < PROBE_CONFIG; i++)
        p->config[i] = (uint8_t)(0x10 + i);
    assert_int_equal(vm_virtio_create(&rig->machine, &config, &p->virtio, NULL), VM_OK);
    virtio_rig_plug(rig, bus, p->virtio);
}
