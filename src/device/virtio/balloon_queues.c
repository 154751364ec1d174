// SPDX-License-Identifier: MIT
//
// What the driver sends to the balloon (VirtIO 1.2, 5.5.6): pages that it gives up, statistics,
// reports of free pages. Page numbers outside of RAM are passed over.
#include "balloon.h"

enum { PFNS = 256, PFN_SIZE = 4, STAT_SIZE = 10, STATS_MAX = 64 };

static void release(struct vm_virtio_balloon *b, void *host, uint64_t size)
{
    if (!b->embedder.release(b->embedder.context, host, size))
        return;
    vm_virtio_lock(b->virtio);
    b->state.released += size;
    vm_virtio_unlock(b->virtio);
}

// --- pages ---

// Pages next to each other, to be released in one call.
struct run {
    uint64_t base, size; // guest-physical, bytes
};

static bool is_ram(const struct vm_virtio_balloon *b, uint64_t base, uint64_t size)
{
    struct vm_space *s = &b->machine->space;
    const struct vm_region *r = vm_space_find(s, vm_gpa_of(base));
    return r && !r->read_only && vm_space_host(s, vm_gpa_of(base), size, false);
}

// Noted as written afterwards: the pages read as zeros now.
static void end_run(struct vm_virtio_balloon *b, struct run *run)
{
    struct vm_space *s = &b->machine->space;
    if (run->size) {
        release(b, vm_space_host(s, vm_gpa_of(run->base), run->size, false), run->size);
        vm_space_host(s, vm_gpa_of(run->base), run->size, true);
    }
    run->size = 0;
}

// Drivers give pages in rising or falling order.
static void add_page(struct vm_virtio_balloon *b, struct run *run, uint64_t page)
{
    struct run longer = {page < run->base ? page : run->base, run->size + VM_PAGE_SIZE};
    bool next = page == run->base + run->size || page + VM_PAGE_SIZE == run->base;
    if (run->size && next && is_ram(b, longer.base, longer.size)) {
        *run = longer;
        return;
    }
    end_run(b, run);
    if (is_ram(b, page, VM_PAGE_SIZE))
        *run = (struct run){page, VM_PAGE_SIZE};
}

static void release_pages(struct vm_virtio_balloon *b, const struct vm_virtq_element *e)
{
    uint8_t bytes[PFNS * PFN_SIZE];
    struct run run = {0, 0};
    const uint64_t end = (uint64_t)VM_VIRTIO_BALLOON_MAX_PFNS * PFN_SIZE;
    for (uint64_t at = 0; at < end; at += sizeof bytes) {
        size_t n = vm_iov_read(e->iov, e->out_count, at, bytes, sizeof bytes);
        for (size_t i = 0; i + PFN_SIZE <= n; i += PFN_SIZE)
            add_page(b, &run, (uint64_t)vm_load_le32(bytes + i) << VM_PAGE_SHIFT);
        if (n < sizeof bytes)
            break;
    }
    end_run(b, &run);
}

void balloon_inflate(struct vm_virtio_balloon *b, unsigned queue)
{
    while (vm_virtq_pop(b->virtio, queue, &b->element)) {
        release_pages(b, &b->element);
        vm_virtq_push(b->virtio, queue, &b->element, 0);
    }
    vm_virtq_flush(b->virtio, queue);
}

// Nothing has to be done for the guest to use pages again.
void balloon_deflate(struct vm_virtio_balloon *b, unsigned queue)
{
    while (vm_virtq_pop(b->virtio, queue, &b->element))
        vm_virtq_push(b->virtio, queue, &b->element, 0);
    vm_virtq_flush(b->virtio, queue);
}

// --- statistics ---

static void note_stats(struct vm_virtio_balloon *b, const struct vm_virtq_element *e)
{
    uint8_t bytes[STATS_MAX * STAT_SIZE];
    size_t n = vm_iov_read(e->iov, e->out_count, 0, bytes, sizeof bytes);
    vm_virtio_lock(b->virtio);
    b->state.known = 0;
    b->state.updates++;
    for (size_t i = 0; i + STAT_SIZE <= n; i += STAT_SIZE) {
        uint16_t tag = vm_load_le16(bytes + i);
        if (tag >= VM_VIRTIO_BALLOON_STATS)
            continue;
        b->state.known |= 1u << tag;
        b->state.stats[tag] = vm_load_le64(bytes + i + 2);
    }
    vm_virtio_unlock(b->virtio);
}

// The driver has one buffer there; one that gives more gets the older ones back.
void balloon_take_stats(struct vm_virtio_balloon *b, unsigned queue)
{
    while (vm_virtq_pop(b->virtio, queue, &b->element)) {
        note_stats(b, &b->element);
        if (b->holding)
            vm_virtq_push(b->virtio, queue, &b->stats, 0);
        b->stats = b->element;
        b->holding = true;
    }
    vm_virtq_flush(b->virtio, queue);
}

// --- reports ---

// Reported pages may be read as they were, or as the driver's poison; released ones read as zeros
// (5.5.6.6.2).
static bool may_become_zero(struct vm_virtio_balloon *b)
{
    if (!(vm_virtio_features(b->virtio) & BALLOON_F_PAGE_POISON))
        return true;
    vm_virtio_lock(b->virtio);
    uint32_t poison = vm_load_le32(b->config + BALLOON_POISON_VAL);
    vm_virtio_unlock(b->virtio);
    return poison == 0;
}

static void release_buffer(struct vm_virtio_balloon *b, const struct vm_iovec *v)
{
    uintptr_t start = (uintptr_t)v->base, end = start + v->size;
    start = (start + VM_PAGE_MASK) & ~(uintptr_t)VM_PAGE_MASK;
    end &= ~(uintptr_t)VM_PAGE_MASK;
    if (start < end)
        release(b, (void *)start, end - start);
}

// The buffers are the pages themselves; the push notes them as written.
void balloon_take_report(struct vm_virtio_balloon *b, unsigned queue)
{
    const struct vm_virtq_element *e = &b->element;
    while (vm_virtq_pop(b->virtio, queue, &b->element)) {
        if (may_become_zero(b)) {
            for (unsigned i = 0; i < e->in_count; i++)
                release_buffer(b, &e->iov[e->out_count + i]);
        }
        vm_virtq_push(b->virtio, queue, e, 0);
    }
    vm_virtq_flush(b->virtio, queue);
}
