// SPDX-License-Identifier: MIT
//
// Descriptor chains: what a driver gives as address and length becomes host memory here and nowhere
// else. All of it is checked, on values that were read from guest RAM once.
//
// A ring's areas and an indirect table have to lie in one RAM region each; a buffer may go over
// several, and becomes one iovec per region.
#include "internal.h"

#define MAX_BYTES ((uint64_t)1 << 32) // of one chain (VirtIO 1.2, 2.7.5.2 and 2.8.5)

static const char not_ram[] = "an address is not in RAM";

// The RAM region at `address`, if the device may use it in that direction.
static const struct vm_region *find_ram(struct vm_virtio *v, vm_gpa address, bool write)
{
    const struct vm_region *r = v->ram;
    if (VM_LIKELY(r && address.v - r->base.v < r->size))
        return r;
    r = vm_space_find(&v->machine->space, address);
    if (!r || !r->host || (write && r->read_only))
        return NULL;
    if (!r->read_only)
        v->ram = r;
    return r;
}

const char *vm_virtq_map_area(const struct vm_virtio *v, vm_gpa address, uint64_t size,
                              unsigned align, struct vm_virtq_area *out)
{
    const struct vm_region *r = vm_space_find(&v->machine->space, address);
    if (!r || !r->host || r->read_only || size > r->size - (address.v - r->base.v))
        return "its ring is not in RAM";
    uint8_t *host = r->host + (address.v - r->base.v);
    if ((address.v | (uintptr_t)host) & (align - 1))
        return "its ring is not aligned";
    *out = (struct vm_virtq_area){host, r, size};
    return NULL;
}

void vm_virtq_begin_chain(struct vm_virtqueue *q, struct vm_virtq_element *e)
{
    e->generation = q->generation;
    e->slots = 1;
    e->out_count = e->in_count = 0;
    e->out_size = e->in_size = 0;
}

const char *vm_virtq_add_buffer(struct vm_virtqueue *q, struct vm_virtq_element *e,
                                const struct vm_virtq_descriptor *d)
{
    bool write = d->flags & VM_DESC_WRITE;
    if (!write && e->in_count)
        return "a buffer to read comes after one to write";
    if (e->out_size + e->in_size + d->size > MAX_BYTES)
        return "a chain is longer than 4 GiB";
    if (d->size && d->address.v + (d->size - 1) < d->address.v)
        return not_ram;
    vm_gpa address = d->address;
    for (uint64_t left = d->size; left > 0;) {
        const struct vm_region *r = find_ram(q->device, address, write);
        if (!r)
            return not_ram;
        unsigned at = (unsigned)e->out_count + e->in_count;
        if (at == VM_VIRTQ_MAX_SEGMENTS)
            return "a chain has too many buffers";
        uint64_t offset = address.v - r->base.v;
        uint64_t here = left < r->size - offset ? left : r->size - offset;
        e->iov[at] = (struct vm_iovec){r->host + offset, (size_t)here};
        *(write ? &e->in_count : &e->out_count) += 1;
        address.v += here;
        left -= here;
    }
    *(write ? &e->in_size : &e->out_size) += d->size;
    return NULL;
}

const char *vm_virtq_find_table(struct vm_virtqueue *q, const struct vm_virtq_descriptor *d,
                                const uint8_t **table, uint32_t *count)
{
    if (!q->indirect)
        return "an indirect descriptor was not negotiated";
    if (d->flags & VM_DESC_NEXT)
        return "an indirect descriptor has a successor";
    if (d->size == 0 || d->size % VM_DESC_SIZE || d->size / VM_DESC_SIZE > VM_VIRTQ_MAX_SEGMENTS)
        return "an indirect table has a wrong length";
    const struct vm_region *r = find_ram(q->device, d->address, false);
    if (!r || d->size > r->size - (d->address.v - r->base.v))
        return not_ram;
    *table = r->host + (d->address.v - r->base.v);
    *count = d->size / VM_DESC_SIZE;
    return NULL;
}

static const struct vm_region *region_of_host(struct vm_virtio *v, const uint8_t *p)
{
    const struct vm_region *r = v->ram;
    if (VM_LIKELY(r && (uintptr_t)p - (uintptr_t)r->host < r->size))
        return r;
    const struct vm_region_map *map =
        atomic_load_explicit(&v->machine->space.map, memory_order_acquire);
    for (uint32_t i = 0; i < map->count; i++) {
        r = &map->regions[i];
        if (r->host && (uintptr_t)p - (uintptr_t)r->host < r->size)
            return r;
    }
    return NULL;
}

// All of what the device might have written, not only what it reports: a failed request may have
// filled buffers and report its status byte alone.
void vm_virtq_note_buffers(struct vm_virtqueue *q, const struct vm_virtq_element *e)
{
    struct vm_virtio *v = q->device;
    for (unsigned i = 0; i < e->in_count; i++) {
        const struct vm_iovec *iov = &e->iov[e->out_count + i];
        const struct vm_region *r = region_of_host(v, iov->base);
        if (r)
            vm_region_note_write(&v->machine->space, r,
                                 (uint64_t)((const uint8_t *)iov->base - r->host), iov->size);
    }
}
