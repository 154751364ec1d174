// SPDX-License-Identifier: MIT
//
// The VirtIO 1.2 core as a device's author sees it: virtqueues of both kinds behind one pair of
// calls, feature negotiation, status, reset. Transports (vm/device/virtio/mmio.h, pci.h) sit on the
// other side. Everything that the guest's driver writes is checked in the core: a device gets
// buffers that lie in guest RAM, in order, within limits.
//
// Threads: the transport calls the core on vCPU threads; the core locks the device. A queue's
// doorbell only schedules: `notify` runs on the device's I/O thread, and so do all uses of its
// queues. Reset waits until the I/O thread has let go of every buffer. What runs on the I/O thread
// must never wait for a vCPU.
//
// A device that meets a broken ring is marked DEVICE_NEEDS_RESET, the driver is told, and its
// queues stand still until the driver resets it; the machine goes on.
#ifndef VM_DEVICE_VIRTIO_VIRTIO_H
#define VM_DEVICE_VIRTIO_VIRTIO_H

#include <vm/core/device.h>
#include <vm/core/io.h>
#include <vm/core/machine.h>

// Device IDs (VirtIO 1.2, chapter 5).
enum vm_virtio_id {
    VM_VIRTIO_NET = 1,
    VM_VIRTIO_BLOCK = 2,
    VM_VIRTIO_CONSOLE = 3,
    VM_VIRTIO_RNG = 4,
    VM_VIRTIO_BALLOON = 5,
    VM_VIRTIO_9P = 9,
    VM_VIRTIO_VSOCK = 19,
};

// Feature bits that the core itself handles (chapter 6).
#define VM_VIRTIO_F_INDIRECT_DESC   ((uint64_t)1 << 28)
#define VM_VIRTIO_F_EVENT_IDX       ((uint64_t)1 << 29)
#define VM_VIRTIO_F_VERSION_1       ((uint64_t)1 << 32)
#define VM_VIRTIO_F_ACCESS_PLATFORM ((uint64_t)1 << 33)
#define VM_VIRTIO_F_RING_PACKED     ((uint64_t)1 << 34)
#define VM_VIRTIO_F_IN_ORDER        ((uint64_t)1 << 35)
#define VM_VIRTIO_F_RING_RESET      ((uint64_t)1 << 40)

enum {
    VM_VIRTQ_MAX_SIZE = 256,     // descriptors of a queue
    VM_VIRTQ_MAX_SEGMENTS = 256, // buffers of one element
    VM_VIRTIO_MAX_QUEUES = 64,
};

struct vm_iovec {
    void *base; // guest RAM; touch it as shared memory: the guest may change it at any time
    size_t size;
};

// One request that a driver made available: first the buffers that the device reads, then those
// that it writes. Filled by vm_virtq_pop; may be kept and pushed later, in any order. There are
// never more in flight than the queue's size. `id` is the driver's: neither below the queue's size
// nor unlike others in flight unless the driver is well-behaved, so it is no index for a device.
struct vm_virtq_element {
    uint16_t id;
    uint16_t slots;               // ring slots it takes (packed rings)
    uint16_t out_count, in_count; // iov[0..out_count) are read, the next in_count written
    uint64_t out_size, in_size;   // bytes of each
    uint32_t generation; // of the queue when it was popped: a push after a reset is dropped
    struct vm_iovec iov[VM_VIRTQ_MAX_SEGMENTS];
};

struct vm_virtio;
struct vm_virtqueue; // the core's

// One table per device type; `device` is its own struct. All but notify may be NULL.
struct vm_virtio_ops {
    const char *type; // "virtio-blk"
    enum vm_virtio_id id;
    // Configuration space of config_size bytes; offset+size is inside it. Under the device's lock,
    // on a vCPU thread: elsewhere the device takes the lock (vm_virtio_lock) for what they touch.
    void (*read_config)(void *device, uint32_t offset, void *to, uint32_t size);
    void (*write_config)(void *device, uint32_t offset, const void *from, uint32_t size);
    // The driver has set DRIVER_OK with these features; under the device's lock.
    void (*activate)(void *device, uint64_t features);
    // The driver made buffers available in `queue`: pop until empty. On the I/O thread. A device
    // that stops before, because it cannot do more now, goes on by itself later: doorbells are off
    // until a pop has found the queue empty. Also called once when the driver sets DRIVER_OK.
    void (*notify)(void *device, unsigned queue);
    // On the I/O thread, without the lock: let go of every element (requests in flight included:
    // the driver may reuse the memory at once). The core drops what is pushed from here on. Not
    // called if the driver has not touched the device since the last one.
    void (*reset)(void *device);
    void (*destroy)(void *device);
    // As reset, for one queue. With it the core offers VIRTIO_F_RING_RESET.
    void (*reset_queue)(void *device, unsigned queue);
};

struct vm_virtio_config {
    const struct vm_virtio_ops *ops;
    void *device;
    uint64_t features; // the device type's own, and IN_ORDER if it pushes in the order in which it
                       // pops; the core adds its ring features
    uint64_t withheld; // features not to be offered after all (tests, workarounds)
    uint32_t config_size;
    uint16_t queues;     // at most VM_VIRTIO_MAX_QUEUES
    uint16_t queue_size; // a power of two, at most VM_VIRTQ_MAX_SIZE
    struct vm_io *io;    // where notify and reset run
    const char *name;    // for messages and statistics: "blk0"; copied
};

// On failure `device` stays the caller's.
vm_status vm_virtio_create(struct vm_machine *m, const struct vm_virtio_config *config,
                           struct vm_virtio **out, struct vm_error *e);
// With its I/O thread stopped and the tasks there run. Destroys the device as well; NULL is
// allowed.
void vm_virtio_destroy(struct vm_virtio *v);

// --- for devices, on the I/O thread ---

// The next available element; false if there is none, or the ring is broken (then the device has
// been marked and the driver told), or this call of notify has had its share (then another
// follows).
bool vm_virtq_pop(struct vm_virtio *v, unsigned queue, struct vm_virtq_element *e);

// Puts the last popped element back as if it had not been popped (receive queues that found too
// little room). Several go back in the reverse of the order in which they were popped.
void vm_virtq_unpop(struct vm_virtio *v, unsigned queue, const struct vm_virtq_element *e);

// Gives an element back with the number of bytes written to it; its buffers are not touched after
// that. Dropped if the device or the queue was reset since it was popped. Visible to the driver
// after vm_virtq_flush, which also interrupts if the driver wants it: push several, flush once.
void vm_virtq_push(struct vm_virtio *v, unsigned queue, const struct vm_virtq_element *e,
                   uint32_t written);
void vm_virtq_flush(struct vm_virtio *v, unsigned queue);

// Whether the driver is to ring doorbells for new buffers. The core suppresses them by itself from
// `notify` to the pop that finds the queue empty; off, they stay suppressed beyond that (polling).
// Turned on again, returns true if buffers came in the meantime (process them: no doorbell will
// tell).
bool vm_virtq_want_notify(struct vm_virtio *v, unsigned queue, bool on);

// Whether the queue is set up by the driver and may be popped.
bool vm_virtq_ready(const struct vm_virtio *v, unsigned queue);

// The device's configuration changed: tells the driver. Any thread; under the lock that covers the
// change as well, so that a driver which reads in between sees a new generation.
void vm_virtio_config_changed(struct vm_virtio *v);

// The device's lock, for short sections: guards what read_config, write_config and activate touch.
// Of this interface only vm_virtio_config_changed and vm_virtio_break may be called under it.
void vm_virtio_lock(struct vm_virtio *v);
void vm_virtio_unlock(struct vm_virtio *v);

// The driver broke the device type's protocol beyond a reply: marks DEVICE_NEEDS_RESET. `why` is
// part of a line for the log. Any thread.
void vm_virtio_break(struct vm_virtio *v, const char *why);

uint64_t vm_virtio_features(const struct vm_virtio *v); // as negotiated; 0 before FEATURES_OK
const char *vm_virtio_name(const struct vm_virtio *v);
struct vm_machine *vm_virtio_machine(const struct vm_virtio *v);

// --- buffers ---

// Copies between a flat buffer and iovecs, from byte `offset` of the latter on; returns how many
// bytes there were.
size_t vm_iov_read(const struct vm_iovec *iov, unsigned count, uint64_t offset, void *to,
                   size_t size);
size_t vm_iov_write(const struct vm_iovec *iov, unsigned count, uint64_t offset, const void *from,
                    size_t size);
uint64_t vm_iov_size(const struct vm_iovec *iov, unsigned count);
// The iovecs without their first `skip` bytes and no longer than `limit`; returns the new count.
// `to` may be `iov`.
unsigned vm_iov_slice(const struct vm_iovec *iov, unsigned count, uint64_t skip, uint64_t limit,
                      struct vm_iovec *to);

// Since creation: elements popped, bytes that the driver sent and got, interrupts raised, doorbells
// rung.
struct vm_virtio_stats {
    uint64_t requests, bytes_out, bytes_in, interrupts, notifications;
};
void vm_virtio_get_stats(const struct vm_virtio *v, struct vm_virtio_stats *out);

#endif
