// SPDX-License-Identifier: MIT
//
// Memory balloon (VirtIO 1.2, 5.5): the guest gives pages up when the target grows, tells how much
// memory it uses, and reports pages that it does not need for now. What is given back goes to the
// host through the embedder's callback.
//
// The guest may use a page again at any time, told or not: it is still mapped and reads as zeros.
// So nothing depends on what the guest says, except that it loses what was in a page that it gave.
#ifndef VM_DEVICE_VIRTIO_BALLOON_H
#define VM_DEVICE_VIRTIO_BALLOON_H

#include <vm/device/virtio/virtio.h>

// Page numbers that one request is read for at most; a driver sends 256 at a time.
enum { VM_VIRTIO_BALLOON_MAX_PFNS = 1 << 16 };

// Tags of the guest's statistics (5.5.6.4); bytes, or counts of events.
enum vm_virtio_balloon_stat {
    VM_VIRTIO_BALLOON_SWAP_IN = 0,
    VM_VIRTIO_BALLOON_SWAP_OUT = 1,
    VM_VIRTIO_BALLOON_MAJFLT = 2,
    VM_VIRTIO_BALLOON_MINFLT = 3,
    VM_VIRTIO_BALLOON_MEMFREE = 4,
    VM_VIRTIO_BALLOON_MEMTOT = 5,
    VM_VIRTIO_BALLOON_AVAIL = 6,
    VM_VIRTIO_BALLOON_CACHES = 7,
    VM_VIRTIO_BALLOON_HTLB_PGALLOC = 8,
    VM_VIRTIO_BALLOON_HTLB_PGFAIL = 9,
    VM_VIRTIO_BALLOON_STATS = 10,
};

struct vm_virtio_balloon_config {
    // Gives [host, host+size), which is RAM of the guest in whole guest pages, back to the host:
    // afterwards it reads as zeros, or where the host cannot do that, as before; then false. On the
    // I/O thread.
    bool (*release)(void *context, void *host, uint64_t size);
    void *context;
    uint64_t withheld; // features not to be offered (vm_virtio_config)
};

struct vm_virtio_balloon_state {
    uint64_t target;   // bytes that the guest is to give up
    uint64_t actual;   // that it says it has
    uint64_t released; // that went back to the host since creation, by balloon and reports
    uint32_t known;    // bit n: stats[n] was given
    uint32_t updates;  // of the statistics
    uint64_t stats[VM_VIRTIO_BALLOON_STATS];
};

struct vm_virtio_balloon;

// *balloon lives as long as *out, which owns it.
vm_status vm_virtio_balloon_create(struct vm_machine *m, struct vm_io *io, const char *name,
                                   const struct vm_virtio_balloon_config *config,
                                   struct vm_virtio_balloon **balloon, struct vm_virtio **out,
                                   struct vm_error *e);

// Any thread: the number of bytes that the guest is to give up, in whole pages.
void vm_virtio_balloon_set_target(struct vm_virtio_balloon *b, uint64_t bytes);
// Any thread: asks the guest for new statistics; `updates` grows when they are there.
void vm_virtio_balloon_ask(struct vm_virtio_balloon *b);
void vm_virtio_balloon_get(struct vm_virtio_balloon *b, struct vm_virtio_balloon_state *state);

#endif
