// SPDX-License-Identifier: MIT
//
// Reset of a device or of one queue (VirtIO 1.2, 2.4.1 and 2.6.1). The driver may free its rings
// and buffers once its write has returned, so the vCPU waits until the I/O thread has let go of
// them.
//
// It waits without a lock and by yielding: what the I/O thread does in the meantime never waits for
// a vCPU, so the wait ends; and an embedder whose yield runs its I/O tasks can do all of it on one
// thread. Who changes set-up meanwhile waits as well (vm_virtio_lock_settled).
#include "internal.h"

void vm_virtio_lock_settled(struct vm_virtio *v)
{
    const struct vm_host *host = v->machine->host;
    vm_device_lock(v->machine, v->lock);
    while (v->quiescing) {
        vm_device_unlock(v->machine, v->lock);
        host->yield(host->context);
        vm_device_lock(v->machine, v->lock);
    }
}

// Runs `task` on the I/O thread; under the lock, which it gives up for that time.
static void run_and_wait(struct vm_virtio *v, struct vm_io_task *task)
{
    const struct vm_host *host = v->machine->host;
    v->quiescing = true;
    atomic_store(&v->io_done, false);
    vm_device_unlock(v->machine, v->lock);
    vm_io_schedule(v->config.io, task);
    while (!atomic_load(&v->io_done))
        host->yield(host->context);
    vm_device_lock(v->machine, v->lock);
    v->quiescing = false;
}

static void let_go(struct vm_virtqueue *q)
{
    atomic_store(&q->live, false);
    q->generation++; // what is in flight is dropped when it comes back
}

static void reset_task(void *device)
{
    struct vm_virtio *v = device;
    for (unsigned i = 0; i < v->config.queues; i++)
        let_go(&v->queues[i]);
    if (v->config.ops->reset)
        v->config.ops->reset(v->config.device);
    atomic_store(&v->io_done, true);
}

static void stop_task(void *queue)
{
    struct vm_virtqueue *q = queue;
    struct vm_virtio *v = q->device;
    let_go(q);
    if (v->config.ops->reset_queue)
        v->config.ops->reset_queue(v->config.device, q->index);
    atomic_store(&v->io_done, true);
}

void vm_virtio_init_tasks(struct vm_virtio *v)
{
    v->reset_task = (struct vm_io_task){.run = reset_task, .context = v};
    for (unsigned i = 0; i < v->config.queues; i++) {
        struct vm_virtqueue *q = &v->queues[i];
        q->task = (struct vm_io_task){.run = vm_virtq_run, .context = q};
        q->stop_task = (struct vm_io_task){.run = stop_task, .context = q};
    }
}

void vm_virtio_reset(struct vm_virtio *v)
{
    vm_virtio_lock_settled(v);
    if (v->touched)
        run_and_wait(v, &v->reset_task);
    v->touched = false;
    v->driver_features = 0;
    atomic_store(&v->negotiated, 0);
    for (unsigned i = 0; i < v->config.queues; i++)
        vm_virtq_set_defaults(&v->queues[i]);
    atomic_store(&v->status, 0);
    vm_device_unlock(v->machine, v->lock);
}

void vm_virtio_stop_queue(struct vm_virtio *v, struct vm_virtqueue *q)
{
    vm_virtio_lock_settled(v);
    if (q->setup.enabled)
        run_and_wait(v, &q->stop_task);
    vm_virtq_set_defaults(q);
    vm_device_unlock(v->machine, v->lock);
}
