// SPDX-License-Identifier: MIT
//
// Set-up. Byte 0: the transport (modulo their number) in the low nibble; bit 4: the driver has
// negotiated, made its rings and set DRIVER_OK, as a well-behaved one would; bit 5: without the
// features of the device type. Byte 1: ring features that are not negotiated: bit 0 packed, bit 1
// event index, bit 2 indirect; bits 4 to 7: size of the rings, 1 << (n & 7).
//
// Operations, by the low nibble: see `operations`. Operands that are missing at the end are zeros.
#include <stdlib.h>
#include <string.h>

#include "standalone.h"
#include "virtio_frame.h"

enum { RAM = 1 << 20, QUEUES = 8, AREA = 0x1000, BUFFERS = 0x10000, ROM_BYTE = 0xee };

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

struct frame {
    struct virtio_rig rig;
    const struct virtio_frame_device *device;
    const uint8_t *data;
    size_t left;
    uint8_t setup[2];
    bool packed;
    struct {
        uint16_t next; // split: the available index; packed: the slot
        bool wrap;
        uint16_t size;
    } rings[QUEUES];
};

// --- the input ---

static uint64_t number(struct frame *f, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes && f->left > 0; i++, f->left--)
        v |= (uint64_t)*f->data++ << (8 * i);
    return v;
}

// An address: mostly in the first pages of RAM; also around the seam, the end, and anywhere.
static uint64_t address(struct frame *f)
{
    uint64_t v = number(f, 2), seam = f->rig.ram[1].base;
    switch (number(f, 1) & 15) {
    case 0: return seam + v - 0x8000;
    case 1: return seam + f->rig.ram[1].size + v - 0x8000;
    case 2: return VIRTIO_RIG_ROM + v - 0x8000;
    case 3: return VIRTIO_RIG_SLOT + v;
    case 4: return v << 48 | number(f, 6);
    default: return VIRTIO_RIG_RAM + BUFFERS + v;
    }
}

// --- rings; queue n's areas are in the page n ---

static uint64_t area(unsigned queue, unsigned part)
{
    static const uint16_t at[] = {0, 0x800, 0xa00}; // descriptors, driver, device
    return VIRTIO_RIG_RAM + (uint64_t)queue * AREA + at[part];
}

static void store(struct frame *f, uint64_t gpa, uint64_t v, unsigned size)
{
    vm_ram_store(virtio_rig_at(&f->rig, gpa, size), size, v);
}

static void put_descriptor(struct frame *f, uint64_t at, uint64_t gpa, uint32_t size,
                           uint16_t flags, uint16_t link)
{
    store(f, at, gpa, 8);
    store(f, at + 8, size, 4);
    store(f, at + 12, f->packed ? link : flags, 2);
    store(f, at + 14, f->packed ? flags : link, 2);
}

static uint16_t packed_flags(const struct frame *f, unsigned queue)
{
    return f->rings[queue].wrap ? 1 << 7 : 1 << 15; // AVAIL, USED
}

static uint16_t take_slot(struct frame *f, unsigned queue)
{
    uint16_t slot = f->rings[queue].next % f->rings[queue].size;
    f->rings[queue].next++;
    if (f->packed && f->rings[queue].next == f->rings[queue].size) {
        f->rings[queue].next = 0;
        f->rings[queue].wrap = !f->rings[queue].wrap;
    }
    return slot;
}

// Makes the chain that begins with descriptor `head` available (split only: a packed one is).
static void make_available(struct frame *f, unsigned queue, uint16_t head)
{
    uint16_t slot = take_slot(f, queue);
    store(f, area(queue, 1) + 4 + 2 * slot, head, 2);
    store(f, area(queue, 1) + 2, f->rings[queue].next, 2);
}

static void set_up_queue(struct frame *f, unsigned queue, uint16_t size)
{
    struct vm_virtq_setup s = {
        .size = size,
        .enabled = true,
        .descriptors = {area(queue, 0)},
        .driver = {area(queue, 1)},
        .device = {area(queue, 2)},
    };
    memset(virtio_rig_at(&f->rig, area(queue, 0), AREA), 0, AREA);
    vm_virtio_set_queue(f->rig.virtio, queue, &s);
    f->rings[queue].next = 0;
    f->rings[queue].wrap = true;
    f->rings[queue].size = size;
}

// What a well-behaved driver does (VirtIO 1.2, 3.1.1).
static void negotiate(struct frame *f)
{
    struct vm_virtio *v = f->rig.virtio;
    uint64_t features = vm_virtio_device_features(v);
    static const uint64_t ring[] = {VM_VIRTIO_F_RING_PACKED, VM_VIRTIO_F_EVENT_IDX,
                                    VM_VIRTIO_F_INDIRECT_DESC};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(ring); i++)
        features &= f->setup[1] >> i & 1 ? ~ring[i] : UINT64_MAX;
    if (f->setup[0] & 1 << 5)
        features &= ~(uint64_t)0xffffff;
    f->packed = features & VM_VIRTIO_F_RING_PACKED;
    vm_virtio_set_status(v, 0);
    vm_virtio_set_status(v, VM_VIRTIO_ACKNOWLEDGE | VM_VIRTIO_DRIVER);
    vm_virtio_set_driver_features(v, features);
    vm_virtio_set_status(v, VM_VIRTIO_ACKNOWLEDGE | VM_VIRTIO_DRIVER | VM_VIRTIO_FEATURES_OK);
    uint16_t size = (uint16_t)(1 << (f->setup[1] >> 4 & 7));
    for (unsigned q = 0; q < QUEUES && q < vm_virtio_queue_count(v); q++)
        set_up_queue(f, q, size);
    vm_virtio_set_status(v, VM_VIRTIO_ACKNOWLEDGE | VM_VIRTIO_DRIVER | VM_VIRTIO_FEATURES_OK |
                                VM_VIRTIO_DRIVER_OK);
}

// --- operations ---

static unsigned queue_of(struct frame *f)
{
    return (unsigned)number(f, 1) % QUEUES;
}

// A register of any device in the machine: the transport's, and whatever it lies behind.
static void access_register(struct frame *f, bool write, unsigned nibble)
{
    const struct vm_region_map *map = atomic_load(&f->rig.machine.space.map);
    const struct vm_region *windows[16];
    unsigned count = 0;
    for (uint32_t i = 0; i < map->count && count < 16; i++) {
        if (!map->regions[i].host)
            windows[count++] = &map->regions[i];
    }
    const struct vm_region *w = windows[number(f, 1) % count];
    unsigned size = 1u << (nibble & 3);
    uint64_t at = w->base.v + (number(f, 2) & ~(uint64_t)(size - 1)), v;
    if (write)
        vm_space_mmio_write(&f->rig.machine.space, vm_gpa_of(at), size, number(f, size));
    else
        vm_space_mmio_read(&f->rig.machine.space, vm_gpa_of(at), size, &v);
}

static void write_register(struct frame *f, unsigned nibble)
{
    access_register(f, true, nibble);
}

static void read_register(struct frame *f, unsigned nibble)
{
    access_register(f, false, nibble);
}

static void write_memory(struct frame *f, unsigned nibble)
{
    uint64_t at = VIRTIO_RIG_RAM + number(f, 2) + (nibble & 1 ? BUFFERS : 0);
    for (unsigned n = (unsigned)number(f, 1) % 64 + 1; n > 0; n--)
        store(f, at++, number(f, 1), 1);
}

static void write_descriptor(struct frame *f, unsigned nibble)
{
    unsigned queue = queue_of(f);
    uint64_t at = (nibble & 1 ? VIRTIO_RIG_RAM + BUFFERS : area(queue, 0)) + number(f, 1) % 64 * 16;
    uint16_t flags = (uint16_t)(nibble >> 1 & 7), link = (uint16_t)number(f, 1);
    uint32_t size = (uint32_t)number(f, 2);
    if (f->packed)
        flags |= number(f, 1) & 1 ? 1 << 15 : packed_flags(f, queue);
    put_descriptor(f, at, address(f), size, flags, link);
}

static void announce(struct frame *f, unsigned nibble)
{
    unsigned queue = queue_of(f);
    if (!f->packed && f->rings[queue].size)
        make_available(f, queue, (uint16_t)number(f, 1));
    if (nibble & 1)
        vm_virtio_doorbell(f->rig.virtio, queue);
}

static void ring_doorbell(struct frame *f, unsigned nibble)
{
    vm_virtio_doorbell(f->rig.virtio, nibble);
}

static void run_tasks(struct frame *f, unsigned nibble)
{
    (void)nibble;
    virtio_rig_run(&f->rig);
}

static void put_link(struct frame *f, unsigned queue, uint16_t *slot, uint64_t gpa, uint32_t size,
                     uint16_t flags)
{
    uint16_t here = *slot;
    *slot = (uint16_t)(here + 1) % f->rings[queue].size;
    if (f->packed) {
        flags |= packed_flags(f, queue);
        here = take_slot(f, queue);
    }
    put_descriptor(f, area(queue, 0) + 16 * here, gpa, size, flags, *slot);
}

// A request as a driver makes it: bytes of the input go out, in two buffers if they are many, and
// room comes in. The nibble chooses small or large, and whether to ring.
static void request(struct frame *f, unsigned nibble)
{
    enum { NEXT = 1, WRITE = 2 };
    unsigned queue = queue_of(f);
    uint32_t out = (uint32_t)number(f, 1), in = (uint32_t)number(f, nibble & 1 ? 2 : 1);
    uint32_t head = out > 16 ? 16 : out;
    uint64_t at = VIRTIO_RIG_RAM + BUFFERS + number(f, 1) * 0x200;
    for (uint32_t i = 0; i < out; i++)
        store(f, at + i, number(f, 1), 1);
    if (!f->rings[queue].size || out + in == 0)
        return;
    uint16_t slot = (uint16_t)(4 * f->rings[queue].next) % f->rings[queue].size, first = slot;
    if (head)
        put_link(f, queue, &slot, at, head, out > head || in ? NEXT : 0);
    if (out > head)
        put_link(f, queue, &slot, at + head, out - head, in ? NEXT : 0);
    if (in > 1)
        put_link(f, queue, &slot, at + 0x1000, in - 1, WRITE | NEXT);
    if (in)
        put_link(f, queue, &slot, at + 0x100, 1, WRITE);
    if (!f->packed)
        make_available(f, queue, first);
    if (nibble & 2)
        vm_virtio_doorbell(f->rig.virtio, queue);
}

static void access_config(struct frame *f, unsigned nibble)
{
    uint8_t bytes[8] = {0};
    uint32_t offset = (uint32_t)number(f, 1), size = (nibble & 7) + 1;
    for (unsigned i = 0; i < size; i++)
        bytes[i] = (uint8_t)number(f, 1);
    if (nibble & 8)
        vm_virtio_write_config(f->rig.virtio, offset, bytes, size);
    vm_virtio_read_config(f->rig.virtio, offset, bytes, size);
}

static void set_status(struct frame *f, unsigned nibble)
{
    vm_virtio_set_status(f->rig.virtio, nibble ? (uint8_t)number(f, 1) : 0);
}

static void set_features(struct frame *f, unsigned nibble)
{
    (void)nibble;
    vm_virtio_set_driver_features(f->rig.virtio, number(f, 8));
}

static void set_queue(struct frame *f, unsigned nibble)
{
    unsigned queue = queue_of(f);
    struct vm_virtq_setup s = {.size = (uint16_t)number(f, 2), .enabled = nibble & 1};
    s.descriptors.v = address(f);
    s.driver.v = address(f);
    s.device.v = address(f);
    vm_virtio_set_queue(f->rig.virtio, queue, &s);
}

static void reset_queue(struct frame *f, unsigned nibble)
{
    unsigned queue = queue_of(f);
    vm_virtio_reset_queue(f->rig.virtio, queue);
    if (nibble & 1 && queue < vm_virtio_queue_count(f->rig.virtio))
        set_up_queue(f, queue, (uint16_t)(1 << (nibble >> 1)));
}

static void start_anew(struct frame *f, unsigned nibble)
{
    f->setup[1] = (uint8_t)((f->setup[1] & 0xf0) | (nibble & 7));
    negotiate(f);
}

static void let_time_pass(struct frame *f, unsigned nibble)
{
    device_host_advance(&f->rig.host, &f->rig.machine, (uint64_t)1 << (2 * nibble + 4));
}

static void (*const operations[16])(struct frame *, unsigned nibble) = {
    request,   ring_doorbell,  run_tasks,     write_memory,  write_descriptor, announce,
    request,   write_register, read_register, access_config, set_status,       set_features,
    set_queue, reset_queue,    start_anew,    let_time_pass,
};

// --- one input ---

static void play(struct frame *f)
{
    while (f->left > 0) {
        unsigned op = (unsigned)number(f, 1);
        operations[op & 15](f, op >> 4);
        if (f->device->tick)
            f->device->tick(&f->rig);
    }
}

static void check_rom(const struct frame *f)
{
    for (uint64_t i = 0; i < f->rig.rom.size; i++)
        must(f->rig.rom.host[i] == ROM_BYTE);
}

void virtio_frame_run(const struct virtio_frame_device *d, const uint8_t *data, size_t size)
{
    static struct frame f; // large
    memset(&f, 0, sizeof f);
    f.device = d;
    f.data = data;
    f.left = size;
    f.setup[0] = (uint8_t)number(&f, 1);
    f.setup[1] = (uint8_t)number(&f, 1);
    virtio_rig_init(&f.rig, RAM);
    f.rig.hostile = true;
    memset(f.rig.rom.host, ROM_BYTE, f.rig.rom.size);
    virtio_rig_plug(&f.rig, virtio_buses[(f.setup[0] & 15) % virtio_bus_count], d->create(&f.rig));
    if (f.setup[0] & 1 << 4)
        negotiate(&f);
    play(&f);
    virtio_rig_run(&f.rig);
    vm_virtio_set_status(f.rig.virtio, 0);
    must(vm_virtio_get_status(f.rig.virtio) == 0);
    check_rom(&f);
    if (d->end)
        d->end(&f.rig);
    virtio_rig_end(&f.rig);
}
