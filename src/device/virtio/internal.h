// SPDX-License-Identifier: MIT
//
// What the files of the VirtIO core share. vm/device/virtio/{virtio,transport}.h are its two faces.
//
// Who owns what. Set-up (status, driver features, queue addresses, configuration) is under the
// device's lock and belongs to the vCPU threads. A queue's ring state belongs to the I/O thread
// while the queue is `live`, and to whoever holds the lock otherwise: `live` is set with release
// order once the ring is mapped, and cleared on the I/O thread only. Reset and queue reset
// therefore run as tasks there (reset.c) and the vCPU waits without holding anything.
// DEVICE_NEEDS_RESET may be set by either side; status is atomic for that reason.
#ifndef VM_DEVICE_VIRTIO_INTERNAL_H
#define VM_DEVICE_VIRTIO_INTERNAL_H

#include "../device.h"

#include <vm/device/virtio/transport.h>

// Descriptor flags (VirtIO 1.2, 2.7.5 and 2.8.1).
enum {
    VM_DESC_NEXT = 1,
    VM_DESC_WRITE = 2,
    VM_DESC_INDIRECT = 4,
    VM_DESC_AVAIL = 1 << 7, // packed rings only
    VM_DESC_USED = 1 << 15,
    VM_DESC_SIZE = 16, // bytes
};

// A descriptor as it was read, once, from guest RAM.
struct vm_virtq_descriptor {
    vm_gpa address;
    uint32_t size;
    uint16_t flags;
    uint16_t link; // split: the next one's index; packed: the buffer ID
};

// What lies in guest RAM of a ring.
struct vm_virtq_area {
    uint8_t *host;
    const struct vm_region *region;
    uint64_t size;
};

enum vm_virtq_next { VM_VIRTQ_EMPTY, VM_VIRTQ_NEXT, VM_VIRTQ_BROKEN };

struct vm_virtq_ring_ops;

#define VM_VIRTQ_NO_BUDGET UINT16_MAX

struct vm_virtqueue {
    struct vm_virtio *device;
    struct vm_io_task task; // notify
    struct vm_io_task stop_task;
    uint16_t index;

    struct vm_virtq_setup setup; // under the device's lock

    _Atomic bool live;
    const struct vm_virtq_ring_ops *ring;
    struct vm_virtq_area descriptors, driver, device_area;
    uint16_t size;
    uint16_t avail, used; // the next to pop, the next to push: split free-running, packed slots
    uint16_t seen;        // split: the driver's index when it was read last
    bool avail_wrap, used_wrap; // packed
    uint16_t in_flight;         // slots popped and not published
    uint16_t pending;           // of these: pushed, and to be published by the next flush
    uint16_t first_slot;        // packed: where the first pending one goes, and its flags, which
    uint16_t first_flags;       // are written last
    uint16_t budget;            // pops left in this call of notify; outside of one, no limit
    bool event_index, indirect;
    bool quiet; // the device wants no doorbells (vm_virtq_want_notify)
    bool armed; // the driver has been asked for a doorbell after `armed_at`
    uint32_t armed_at;
    uint32_t generation;
};

// The two kinds of ring. All but map on the I/O thread, with the queue live.
struct vm_virtq_ring_ops {
    // Bytes of the three areas and their alignment, for a ring of `size`.
    void (*layout)(uint16_t size, uint64_t bytes[3], unsigned align[3]);
    // Reads the next available chain into `e`; says why if the ring is broken.
    enum vm_virtq_next (*pop)(struct vm_virtqueue *q, struct vm_virtq_element *e, const char **why);
    void (*unpop)(struct vm_virtqueue *q, const struct vm_virtq_element *e);
    bool (*available)(const struct vm_virtqueue *q);
    void (*push)(struct vm_virtqueue *q, const struct vm_virtq_element *e, uint32_t written);
    // Shows the pending ones to the driver.
    void (*publish)(struct vm_virtqueue *q);
    // Whether the driver wants an interrupt for the `count` slots published last.
    bool (*wants_interrupt)(const struct vm_virtqueue *q, uint16_t count);
    // Asks the driver for a doorbell for the next chain, or for none.
    void (*arm)(struct vm_virtqueue *q);
    void (*disarm)(struct vm_virtqueue *q);
};

extern const struct vm_virtq_ring_ops vm_virtq_split, vm_virtq_packed;

struct vm_virtio_counters {
    _Atomic uint64_t requests, bytes_out, bytes_in, interrupts, notifications;
};

struct vm_virtio {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_virtio_config config;
    char name[32];
    struct vm_virtio_interrupt interrupt;
    uint64_t offered;            // features
    uint64_t driver_features;    // as written; under the lock
    _Atomic uint64_t negotiated; // as accepted by FEATURES_OK
    _Atomic uint8_t status;      // set under the lock but for NEEDS_RESET
    _Atomic uint8_t generation;  // of the configuration space
    bool quiescing;              // under the lock: a vCPU waits for the I/O thread
    bool touched;                // under the lock: there is something to reset
    struct vm_io_task reset_task;
    _Atomic bool io_done;           // the task that a vCPU waits for has run
    const struct vm_region *ram;    // the I/O thread's: where the last buffer was
    _Atomic uint64_t complained_at; // ns of the host's clock; 0: never
    struct vm_virtio_counters counters;
    struct vm_virtqueue queues[];
};

// Takes the device's lock once nobody waits for the I/O thread any more.
void vm_virtio_lock_settled(struct vm_virtio *v);

// reset.c: have the I/O thread let go, and wait for it. Called without any lock.
void vm_virtio_init_tasks(struct vm_virtio *v);
void vm_virtio_reset(struct vm_virtio *v);
void vm_virtio_stop_queue(struct vm_virtio *v, struct vm_virtqueue *q);

// virtio.c: DEVICE_NEEDS_RESET, with a line for the log. `queue` is -1 if it is not about one.
void vm_virtio_mark_broken(struct vm_virtio *v, int queue, const char *why);
void vm_virtio_raise(struct vm_virtio *v, int queue);

// queue.c: maps an enabled queue's areas; under the lock, the queue not live. NULL, or why not.
const char *vm_virtq_map(struct vm_virtqueue *q);
void vm_virtq_go_live(struct vm_virtqueue *q);
void vm_virtq_set_defaults(struct vm_virtqueue *q);
void vm_virtq_run(void *queue); // its task

// chain.c: the one way from guest addresses to host memory. These return NULL, or why the chain is
// broken.
const char *vm_virtq_map_area(const struct vm_virtio *v, vm_gpa address, uint64_t size,
                              unsigned align, struct vm_virtq_area *out);
void vm_virtq_begin_chain(struct vm_virtqueue *q, struct vm_virtq_element *e);
const char *vm_virtq_add_buffer(struct vm_virtqueue *q, struct vm_virtq_element *e,
                                const struct vm_virtq_descriptor *d);
const char *vm_virtq_find_table(struct vm_virtqueue *q, const struct vm_virtq_descriptor *d,
                                const uint8_t **table, uint32_t *count);
void vm_virtq_note_buffers(struct vm_virtqueue *q, const struct vm_virtq_element *e);

static inline void vm_virtq_note_area(const struct vm_virtqueue *q, const struct vm_virtq_area *a)
{
    vm_region_note_write(&q->device->machine->space, a->region,
                         (uint64_t)(a->host - a->region->host), a->size);
}

// --- ring fields: memory that the driver writes at the same time; all are naturally aligned ---

static inline uint16_t vm_ring_load16(const uint8_t *p)
{
    return (uint16_t)vm_ram_load(p, 2);
}

// What the driver wrote before this field is seen by loads after it.
static inline uint16_t vm_ring_load16_acquire(const uint8_t *p)
{
    return __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static inline void vm_ring_store16(uint8_t *p, uint16_t v)
{
    vm_ram_store(p, 2, v);
}

// A driver that sees this sees what was stored before it.
static inline void vm_ring_store16_release(uint8_t *p, uint16_t v)
{
    __atomic_store_n((uint16_t *)(void *)p, v, __ATOMIC_RELEASE);
}

static inline void vm_virtio_count(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

// For counters that only the I/O thread advances.
static inline void vm_virtio_count_alone(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

#endif
