// SPDX-License-Identifier: MIT
//
// Drivers that mean harm: every way in which a ring can be broken, one by one; random rings; rings
// that change while the device reads them. Guest RAM lies between guard pages, so an access outside
// of it ends the test; the device reports DEVICE_NEEDS_RESET, says so once, and works again after a
// reset.
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "driver.h"
#include "driver_memory.h"
#include "probe.h"

enum { SIZE = 16, PACKED = 1, NOT_INDIRECT = 2 };

struct fixture {
    struct virtio_rig rig;
    struct probe probe;
    struct virtio_ring ring;
    uint64_t ram, seam, top; // addresses
    uint64_t table;          // of 300 descriptors
};

static struct fixture fixture;

// `kind` is a combination of PACKED and NOT_INDIRECT.
static void start(struct fixture *f, unsigned kind, uint16_t size)
{
    uint64_t without = (kind & PACKED ? 0 : VM_VIRTIO_F_RING_PACKED) |
                       (kind & NOT_INDIRECT ? VM_VIRTIO_F_INDIRECT_DESC : 0);
    virtio_start(&f->rig, VIRTIO_ALL & ~without);
    virtio_ring_init(&f->rig, &f->ring, 0, size);
    virtio_go(&f->rig);
    virtio_rig_run(&f->rig);
    f->rig.bus->take_interrupts(&f->rig);
    f->rig.logged = 0;
    f->rig.host.base.now += UINT64_C(2000000000); // it may complain again
}

static struct fixture *begin(const struct virtio_bus *bus, uint64_t ram)
{
    struct fixture *f = &fixture;
    const struct probe_options options = {.queue_size = 256};
    virtio_rig_init(&f->rig, ram);
    probe_init(&f->probe, &f->rig, bus, &options);
    f->seam = f->rig.ram[1].base;
    f->top = f->seam + f->rig.ram[1].size;
    f->ram = virtio_rig_alloc(&f->rig, 65536, 4096);
    f->table = virtio_rig_alloc(&f->rig, 300 * 16, 16);
    return f;
}

static uint64_t descriptor(const struct fixture *f, unsigned i)
{
    return f->ring.descriptors + 16 * (uint64_t)i;
}

static void put(struct fixture *f, uint64_t at, uint64_t gpa, uint32_t size, unsigned flags,
                unsigned link)
{
    if (f->ring.packed) // made available in the first round; of the chain, `link` is the ID
        virtio_put_packed(&f->rig, at, gpa, size, 0, (uint16_t)(flags | VIRTIO_AVAIL));
    else
        virtio_put_split(&f->rig, at, gpa, size, (uint16_t)flags, (uint16_t)link);
}

// Makes the chain from descriptor `head` available (packed: it is by its flags) and rings.
static void offer(struct fixture *f, unsigned head)
{
    if (!f->ring.packed) {
        guest_store(&f->rig, f->ring.driver + 4 + 2 * (f->ring.avail % f->ring.size), 2, head);
        guest_store16_release(&f->rig, f->ring.driver + 2, ++f->ring.avail);
    }
    f->rig.bus->notify(&f->rig, 0);
    virtio_rig_run(&f->rig);
}

static void expect_broken(struct fixture *f, const char *why)
{
    if (!virtio_is_broken(&f->rig))
        fail_msg("accepted: %s", why);
    assert_int_equal(f->rig.logged, 1);
    if (!strstr(f->rig.log, why))
        fail_msg("the log has \"%s\" instead of \"%s\"", f->rig.log, why);
    assert_non_null(strstr(f->rig.log, "probe0: queue 0: "));
    assert_true(f->rig.bus->take_interrupts(&f->rig) & VIRTIO_CONFIG_INTERRUPT);
    unsigned notified = f->probe.notified;
    f->rig.bus->notify(&f->rig, 0);
    virtio_rig_run(&f->rig);
    assert_int_equal(f->probe.notified, notified);
    assert_int_equal(f->rig.logged, 1);
}

static void expect_works(struct fixture *f, unsigned kind)
{
    uint8_t in[4];
    f->probe.hold = false;
    start(f, kind, SIZE);
    assert_int_equal(virtio_request(&f->ring, "\0\1\2\3", 4, in, sizeof in), 4);
    assert_memory_equal(in, "\x5a\x5b\x58\x59", 4);
}

// --- one descriptor or table that is wrong, in both kinds of ring ---

struct bad {
    const char *why;
    uint64_t gpa; // relative to `base`
    enum { RAM, SEAM, TOP, ZERO, TABLE } base;
    uint32_t size;
    unsigned flags;
    unsigned kind; // NOT_INDIRECT
};

static const struct bad bad_descriptors[] = {
    {"an address is not in RAM", 0, ZERO, 1, 0, 0},
    {"an address is not in RAM", 0, ZERO, 4096, VIRTIO_WRITE, 0},
    {"an address is not in RAM", VIRTIO_RIG_SLOT, ZERO, 4, 0, 0},
    {"an address is not in RAM", UINT64_MAX, ZERO, 1, 0, 0},
    {"an address is not in RAM", UINT64_MAX, ZERO, 2, 0, 0},
    {"an address is not in RAM", UINT64_MAX - 0xfff, ZERO, 0x2000, VIRTIO_WRITE, 0},
    {"an address is not in RAM", UINT64_C(1) << 63, ZERO, 0xfffffff8, 0, 0},
    {"an address is not in RAM", 0, TOP, 1, 0, 0},
    {"an address is not in RAM", -UINT64_C(1), TOP, 2, 0, 0},
    {"an address is not in RAM", -UINT64_C(1), TOP, 0xfffffff8, VIRTIO_WRITE, 0},
    {"an address is not in RAM", 0, RAM, 0xfffffff8, 0, 0},
    {"an address is not in RAM", -UINT64_C(5), SEAM, 0xfffffff8, VIRTIO_WRITE, 0},
    {"an address is not in RAM", VIRTIO_RIG_RAM - 1, ZERO, 2, 0, 0},
    {"an address is not in RAM", VIRTIO_RIG_ROM, ZERO, 1, VIRTIO_WRITE, 0},
    {"an address is not in RAM", VIRTIO_RIG_ROM + 4095, ZERO, 2, 0, 0},
    {"an indirect descriptor was not negotiated", 0, TABLE, 16, VIRTIO_INDIRECT, NOT_INDIRECT},
    {"an indirect descriptor has a successor", 0, TABLE, 16, VIRTIO_INDIRECT | VIRTIO_NEXT, 0},
    {"an indirect table has a wrong length", 0, TABLE, 0, VIRTIO_INDIRECT, 0},
    {"an indirect table has a wrong length", 0, TABLE, 8, VIRTIO_INDIRECT, 0},
    {"an indirect table has a wrong length", 0, TABLE, 24, VIRTIO_INDIRECT, 0},
    {"an indirect table has a wrong length", 0, TABLE, 257 * 16, VIRTIO_INDIRECT, 0},
    {"an indirect table has a wrong length", 0, TABLE, 0xfffffff0, VIRTIO_INDIRECT, 0},
    {"an address is not in RAM", 0, ZERO, 16, VIRTIO_INDIRECT, 0},
    {"an address is not in RAM", UINT64_MAX - 15, ZERO, 32, VIRTIO_INDIRECT, 0},
    {"an address is not in RAM", 0, TOP, 16, VIRTIO_INDIRECT, 0},
    {"an address is not in RAM", -UINT64_C(16), TOP, 32, VIRTIO_INDIRECT, 0},
    {"an address is not in RAM", -UINT64_C(16), SEAM, 32, VIRTIO_INDIRECT, 0},
    {"an address is not in RAM", VIRTIO_RIG_SLOT, ZERO, 16, VIRTIO_INDIRECT, 0},
};

static uint64_t address(const struct fixture *f, const struct bad *b)
{
    const uint64_t bases[] = {f->ram, f->seam, f->top, 0, f->table};
    return bases[b->base] + b->gpa;
}

static void refuses_bad_descriptors(struct fixture *f, unsigned packed)
{
    for (unsigned i = 0; i < VM_ARRAY_SIZE(bad_descriptors); i++) {
        const struct bad *b = &bad_descriptors[i];
        start(f, packed | b->kind, SIZE);
        put(f, descriptor(f, 0), f->ram, 8, VIRTIO_NEXT, 1);
        put(f, descriptor(f, 1), address(f, b), b->size, b->flags, 2);
        put(f, f->table, f->ram, 8, 0, 0);
        offer(f, 0);
        expect_broken(f, b->why);
        if (b->flags & VIRTIO_INDIRECT)
            continue;
        start(f, packed, SIZE); // the same in a table
        put(f, descriptor(f, 0), f->table, 32, VIRTIO_INDIRECT, 0);
        put(f, f->table, f->ram, 8, VIRTIO_NEXT, 1);
        put(f, f->table + 16, address(f, b), b->size, b->flags, 0);
        offer(f, 0);
        expect_broken(f, b->why);
    }
    expect_works(f, packed);
}

// What the device may read it may not write for that.
static void refuses_to_write_rom(struct fixture *f, unsigned packed)
{
    start(f, packed, SIZE);
    put(f, descriptor(f, 0), VIRTIO_RIG_ROM, 8, VIRTIO_NEXT, 1);
    put(f, descriptor(f, 1), VIRTIO_RIG_ROM, 8, VIRTIO_WRITE, 0);
    offer(f, 0);
    expect_broken(f, "an address is not in RAM");
    expect_works(f, packed);
}

// RAM at both ends of the address space does not adjoin.
static void refuses_to_go_round(struct fixture *f, unsigned packed)
{
    static _Alignas(VM_PAGE_SIZE) uint8_t ends[2][VM_PAGE_SIZE];
    struct vm_space *s = &f->rig.machine.space;
    const uint64_t last = UINT64_MAX - VM_PAGE_MASK;
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(0), VM_PAGE_SIZE, ends[0], "0", NULL), VM_OK);
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(last), VM_PAGE_SIZE, ends[1], "1", NULL), VM_OK);
    start(f, packed, SIZE);
    put(f, descriptor(f, 0), UINT64_MAX - 7, 9, 0, 0);
    offer(f, 0);
    expect_broken(f, "an address is not in RAM");
    expect_works(f, packed);
}

static void refuses_nested_tables(struct fixture *f, unsigned packed)
{
    start(f, packed, SIZE);
    put(f, descriptor(f, 0), f->table, 32, VIRTIO_INDIRECT, 0);
    put(f, f->table, f->ram, 8, VIRTIO_NEXT, 1);
    put(f, f->table + 16, f->table, 32, VIRTIO_INDIRECT, 0);
    offer(f, 0);
    expect_broken(f, "an indirect table is inside of another");
    expect_works(f, packed);
}

static void refuses_a_wrong_order(struct fixture *f, unsigned packed)
{
    start(f, packed, SIZE);
    put(f, descriptor(f, 0), f->ram, 8, VIRTIO_NEXT | VIRTIO_WRITE, 1);
    put(f, descriptor(f, 1), f->ram, 8, 0, 0);
    offer(f, 0);
    expect_broken(f, "a buffer to read comes after one to write");
    start(f, packed, SIZE); // and from ring to table
    put(f, descriptor(f, 0), f->ram, 8, VIRTIO_NEXT | VIRTIO_WRITE, 1);
    put(f, descriptor(f, 1), f->table, 16, VIRTIO_INDIRECT, 0);
    put(f, f->table, f->ram, 8, 0, 0);
    offer(f, 0);
    expect_broken(f, "a buffer to read comes after one to write");
    expect_works(f, packed);
}

// 256 descriptors are allowed, 256 buffers as well; one over the seam makes 257.
static void refuses_too_many_buffers(struct fixture *f, unsigned packed)
{
    for (unsigned extra = 0; extra < 3; extra++) {
        start(f, packed, SIZE);
        f->probe.hold = true;
        put(f, descriptor(f, 0), f->ram, 8, VIRTIO_NEXT, 1);
        put(f, descriptor(f, 1), f->table, 16 * (255 + extra / 2), VIRTIO_INDIRECT, 0);
        for (unsigned i = 0; i < 256; i++)
            put(f, f->table + 16 * i, f->ram, 8, i + 1 < 255 + extra / 2 ? VIRTIO_NEXT : 0, i + 1);
        if (extra == 1)
            put(f, f->table + 16 * 100, f->seam - 4, 8, VIRTIO_NEXT, 101);
        offer(f, 0);
        if (extra) {
            expect_broken(f, "a chain has too many buffers");
            continue;
        }
        assert_false(virtio_is_broken(&f->rig));
        assert_int_equal(f->probe.held_count, 1);
        assert_int_equal(f->probe.held[0].element.out_count, 256);
    }
    expect_works(f, packed);
}

static void takes_empty_buffers(struct fixture *f, unsigned packed)
{
    start(f, packed, SIZE);
    put(f, descriptor(f, 0), f->ram, 0, VIRTIO_NEXT, 1);
    put(f, descriptor(f, 1), 0, 0, VIRTIO_NEXT, 2); // an address that does not matter
    put(f, descriptor(f, 2), f->ram, 0, VIRTIO_WRITE, 3);
    offer(f, 0);
    assert_false(virtio_is_broken(&f->rig));
    assert_int_equal(f->probe.held_count, 0);
    if (f->ring.packed)
        assert_int_equal(guest_load(&f->rig, descriptor(f, 0) + 14, 2), VIRTIO_AVAIL | VIRTIO_USED);
    else
        assert_int_equal(guest_load(&f->rig, f->ring.device + 2, 2), 1);
    expect_works(f, packed);
}

// The flag WRITE of a descriptor with a table counts for nothing (2.7.5.3.2).
static void takes_tables_that_claim_to_be_written(struct fixture *f, unsigned packed)
{
    start(f, packed, SIZE);
    f->probe.hold = true;
    put(f, descriptor(f, 0), f->table, 16, VIRTIO_INDIRECT | VIRTIO_WRITE, 0);
    put(f, f->table, f->ram, 8, 0, 0);
    offer(f, 0);
    assert_int_equal(f->probe.held_count, 1);
    assert_int_equal(f->probe.held[0].element.out_size, 8);
    expect_works(f, packed);
}

// --- what only one kind of ring has ---

static void refuses_bad_split_rings(struct fixture *f, unsigned packed)
{
    if (packed)
        return;
    const struct {
        unsigned head, next0, next1;
        const char *why;
    } bad[] = {
        {SIZE, 0, 0, "a descriptor index is too large"},
        {0xffff, 0, 0, "a descriptor index is too large"},
        {0, SIZE, 0, "a descriptor index is too large"},
        {0, 0xffff, 0, "a descriptor index is too large"},
        {0, 1, SIZE, "a descriptor index is too large"},
        {0, 0, 0, "a chain is a loop"},
        {0, 1, 0, "a chain is a loop"},
        {1, 1, 1, "a chain is a loop"},
    };
    for (unsigned i = 0; i < 2 * VM_ARRAY_SIZE(bad); i++) {
        start(f, 0, SIZE);
        bool in_table = i % 2;
        uint64_t at = in_table ? f->table : descriptor(f, 0);
        put(f, at, f->ram, 8, VIRTIO_NEXT, bad[i / 2].next0);
        put(f, at + 16, f->ram, 8, VIRTIO_NEXT, bad[i / 2].next1);
        if (in_table && bad[i / 2].head)
            continue; // a table starts with its first
        if (in_table)
            put(f, descriptor(f, 5), f->table, SIZE * 16, VIRTIO_INDIRECT, 0);
        offer(f, in_table ? 5 : bad[i / 2].head);
        expect_broken(f, bad[i / 2].why);
    }
    expect_works(f, 0);
}

static void refuses_indexes_that_jump(struct fixture *f, unsigned packed)
{
    static const uint16_t jumps[] = {SIZE + 1, 255, 256, 0x7fff, 0x8000, 0xffff};
    for (unsigned i = 0; !packed && i < VM_ARRAY_SIZE(jumps); i++) {
        start(f, 0, SIZE);
        put(f, descriptor(f, 0), f->ram, 8, 0, 0);
        f->ring.avail = (uint16_t)(jumps[i] - 1);
        offer(f, 0);
        expect_broken(f, "the available index is too far ahead");
    }
    expect_works(f, packed);
}

// The same descriptors again and again while the device holds them: never more than the ring has.
static void refuses_more_than_the_ring_has(struct fixture *f, unsigned packed)
{
    start(f, packed, SIZE);
    f->probe.hold = true;
    for (unsigned i = 0; i < SIZE; i++) {
        put(f, descriptor(f, packed ? i : 0), f->ram, 8, 0, 0);
        offer(f, 0);
    }
    assert_int_equal(f->probe.held_count, SIZE);
    assert_false(virtio_is_broken(&f->rig));
    if (packed) // the first slot, as if of the second round
        virtio_put_packed(&f->rig, descriptor(f, 0), f->ram, 8, 0, VIRTIO_USED);
    offer(f, 0);
    expect_broken(f, packed ? "a chain is longer than the ring"
                            : "the available index is too far ahead");
    expect_works(f, packed);
}

static void refuses_endless_packed_chains(struct fixture *f, unsigned packed)
{
    if (!packed)
        return;
    start(f, PACKED, SIZE);
    for (unsigned i = 0; i < SIZE; i++)
        put(f, descriptor(f, i), f->ram, 8, VIRTIO_NEXT, 0);
    offer(f, 0);
    expect_broken(f, "a chain is longer than the ring");
    expect_works(f, PACKED);
}

// Flags as of a used descriptor, and as of the round before: nothing is available.
static void ignores_packed_slots_of_other_rounds(struct fixture *f, unsigned packed)
{
    static const uint16_t flags[] = {VIRTIO_AVAIL | VIRTIO_USED, VIRTIO_USED, 0};
    for (unsigned i = 0; packed && i < VM_ARRAY_SIZE(flags); i++) {
        start(f, PACKED, SIZE);
        virtio_put_packed(&f->rig, descriptor(f, 0), f->ram, 8, 0, flags[i]);
        uint64_t popped = f->probe.popped;
        offer(f, 0);
        assert_int_equal(f->probe.popped, popped);
        assert_false(virtio_is_broken(&f->rig));
    }
    expect_works(f, packed);
}

static void over_all(void **state)
{
    (void)state;
    static void (*const cases[])(struct fixture *, unsigned) = {
        refuses_bad_descriptors,
        refuses_to_write_rom,
        refuses_to_go_round,
        refuses_nested_tables,
        refuses_a_wrong_order,
        refuses_too_many_buffers,
        takes_empty_buffers,
        takes_tables_that_claim_to_be_written,
        refuses_bad_split_rings,
        refuses_indexes_that_jump,
        refuses_more_than_the_ring_has,
        refuses_endless_packed_chains,
        ignores_packed_slots_of_other_rounds,
    };
    for (unsigned b = 0; b < virtio_bus_count; b++) {
        for (unsigned i = 0; i < 2 * VM_ARRAY_SIZE(cases); i++) {
            struct fixture *f = begin(virtio_buses[b], 4 << 20);
            cases[i / 2](f, i % 2 ? PACKED : 0);
            virtio_rig_end(&f->rig);
        }
    }
}

static void refuses_more_than_4_gib(void **state)
{
    (void)state;
    for (unsigned packed = 0; packed < 2; packed++) {
        for (unsigned extra = 0; extra < 2; extra++) {
            struct fixture *f = begin(virtio_buses[0], 64 << 20);
            start(f, packed, SIZE);
            f->probe.hold = true;
            put(f, descriptor(f, 0), f->table, (64 + extra) * 16, VIRTIO_INDIRECT, 0);
            for (unsigned i = 0; i < 64 + extra; i++)
                put(f, f->table + 16 * i, VIRTIO_RIG_RAM, i < 64 ? 64 << 20 : 1,
                    VIRTIO_WRITE | (i + 1 < 64 + extra ? VIRTIO_NEXT : 0), i + 1);
            offer(f, 0);
            if (extra)
                expect_broken(f, "a chain is longer than 4 GiB");
            else
                assert_int_equal(f->probe.held[0].element.in_size, UINT64_C(1) << 32);
            virtio_rig_end(&f->rig);
        }
    }
}

// --- at random ---

// What a thread needs to know to do harm: the rings lie at the same place in every life.
struct evil {
    struct virtio_rig *rig;
    bool packed;
    uint64_t ram, seam, top, table, descriptors, driver, device;
    uint64_t random;
};

static struct evil evil_of(struct fixture *f, uint64_t random)
{
    return (struct evil){
        .rig = &f->rig,
        .packed = f->ring.packed,
        .ram = f->ram,
        .seam = f->seam,
        .top = f->top,
        .table = f->table,
        .descriptors = f->ring.descriptors,
        .driver = f->ring.driver,
        .device = f->ring.device,
        .random = random,
    };
}

static uint64_t draw(struct evil *v)
{
    return test_random(&v->random) >> 8;
}

// Values near what matters.
static uint64_t evil_value(struct evil *v)
{
    uint64_t r = draw(v);
    const uint64_t bases[] = {0,         v->ram,    v->seam,    v->top,         v->table,
                              v->driver, v->device, UINT64_MAX, VIRTIO_RIG_ROM, v->descriptors};
    switch (r % 4) {
    case 0: return test_random(&v->random);
    case 1: return r / 4 % (2 * SIZE);
    default: return bases[r / 4 % VM_ARRAY_SIZE(bases)] + r / 64 % 64 - 32;
    }
}

// Somewhere in the rings or the table.
static uint64_t evil_place(struct evil *v)
{
    uint64_t r = draw(v);
    switch (r % 8) {
    case 0: return v->driver + r / 8 % (v->packed ? 4 : 6 + 2 * SIZE);
    case 1: return v->device + r / 8 % (v->packed ? 4 : 6 + 8 * SIZE);
    case 2:
    case 3: return v->table + r / 8 % (16 * SIZE);
    default: return v->descriptors + r / 8 % (16 * SIZE);
    }
}

static void evil_store(struct evil *v)
{
    unsigned size = 1u << draw(v) % 4;
    uint64_t at = evil_place(v) & ~UINT64_C(7);
    guest_store(v->rig, at, size, evil_value(v));
}

// A descriptor that is often right. `polarity` is VIRTIO_AVAIL or VIRTIO_USED (packed).
static void evil_descriptor(struct evil *v, uint64_t at, unsigned polarity)
{
    uint64_t r = draw(v), gpa = v->ram + r % 4096;
    uint32_t size = (uint32_t)(r >> 12) % 512;
    unsigned flags = (unsigned)(r >> 24) % 4; // NEXT, WRITE
    if ((r >> 28) % 4 == 0) {
        flags = VIRTIO_INDIRECT;
        gpa = v->table;
        size = 16 * ((r >> 32) % SIZE);
    }
    if ((r >> 36) % 16 == 0)
        gpa = evil_value(v);
    if ((r >> 40) % 16 == 0)
        size = (uint32_t)evil_value(v);
    if (v->packed)
        virtio_put_packed(v->rig, at, gpa, size, (uint16_t)(r >> 44), (uint16_t)(flags | polarity));
    else
        virtio_put_split(v->rig, at, gpa, size, (uint16_t)flags,
                         (uint16_t)((r >> 44) % (SIZE + ((r >> 48) % 8 == 0))));
}

static void evil_step(struct fixture *f, struct evil *v)
{
    uint64_t r = draw(v);
    unsigned polarity = r >> 16 & 7 ? VIRTIO_AVAIL : VIRTIO_USED;
    switch (r % 8) {
    case 0: evil_store(v); break;
    case 1: evil_descriptor(v, v->table + 16 * (r / 8 % SIZE), polarity); break;
    case 2:
    case 3:
    case 4: evil_descriptor(v, v->descriptors + 16 * (r / 8 % SIZE), polarity); break;
    case 5:
    case 6: offer(f, (unsigned)(r / 8) % SIZE); break;
    default:
        f->probe.hold = r / 8 % 2;
        if (!f->probe.hold)
            probe_answer_all(&f->probe);
        break;
    }
}

static void check_rom(const struct fixture *f)
{
    for (uint64_t i = 0; i < f->rig.rom.size; i++)
        assert_int_equal(f->rig.rom.host[i], 0xee);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double scale(void)
{
    const char *text = getenv("TRINE_TEST_SCALE");
    return text ? atof(text) : 1;
}

static void stays_inside_whatever_comes(void **state)
{
    (void)state;
    uint64_t random = test_seed("hostile rings", 41);
    uint64_t broken = 0, lives = 0, popped = 0;
    for (unsigned n = 0; n < 2 * virtio_bus_count; n++) {
        struct fixture *f = begin(virtio_buses[n / 2], 4 << 20);
        memset(f->rig.rom.host, 0xee, f->rig.rom.size);
        double end = seconds() + 1.0 * scale();
        while (seconds() < end) {
            f->rig.next = f->table + 300 * 16;
            start(f, n % 2 ? PACKED : 0, SIZE);
            struct evil v = evil_of(f, test_random(&random));
            for (unsigned i = 0; i < 400 && !virtio_is_broken(&f->rig); i++)
                evil_step(f, &v);
            broken += virtio_is_broken(&f->rig);
            lives++;
        }
        popped += f->probe.popped;
        check_rom(f);
        expect_works(f, n % 2 ? PACKED : 0);
        virtio_rig_end(&f->rig);
    }
    printf("%llu rings, %llu broken, %llu requests\n", (unsigned long long)lives,
           (unsigned long long)broken, (unsigned long long)popped);
    assert_true(broken > 0 && popped > lives);
}

// --- changed under way ---

struct changer {
    struct evil evil;
    pthread_t thread;
    _Atomic bool stop;
};

static void *change(void *context)
{
    struct changer *c = context;
    struct evil *v = &c->evil;
    while (!atomic_load(&c->stop)) {
        uint64_t r = draw(v);
        unsigned polarity = r >> 16 & 1 ? VIRTIO_AVAIL : VIRTIO_USED;
        if (r % 4 == 0)
            evil_store(v);
        else
            evil_descriptor(v, (r % 4 == 1 ? v->table : v->descriptors) + 16 * (r / 4 % SIZE),
                            polarity);
        for (volatile unsigned pause = 0; pause < (r >> 20) % 256; pause++)
            ; // long enough that some requests get through
        sched_yield();
    }
    return NULL;
}

// A driver in good faith, as far as it gets: one buffer in each slot in turn, a table in each
// fourth.
static void offer_in_good_faith(struct fixture *f, unsigned i)
{
    unsigned slot = i % SIZE, flags = i % 4 ? 0 : VIRTIO_INDIRECT;
    uint64_t gpa = i % 4 ? f->ram : f->table;
    unsigned polarity = i / SIZE % 2 ? VIRTIO_USED : VIRTIO_AVAIL;
    if (f->ring.packed)
        virtio_put_packed(&f->rig, descriptor(f, slot), gpa, 64, (uint16_t)slot,
                          (uint16_t)(flags | polarity));
    else
        virtio_put_split(&f->rig, descriptor(f, slot), gpa, 64, (uint16_t)flags, 0);
    offer(f, slot);
}

static void run_changed(struct fixture *f, unsigned packed)
{
    f->rig.next = f->table + 300 * 16; // rings at the same place in every life
    virtio_start(&f->rig, VIRTIO_ALL & ~(packed ? 0 : VM_VIRTIO_F_RING_PACKED));
    virtio_ring_init(&f->rig, &f->ring, 0, SIZE);
    f->rig.bus->set_status(&f->rig, 15); // it may be broken as soon as that
    for (unsigned i = 0; i < 4; i++)
        put(f, f->table + 16 * i, f->ram + 64 * i, 64, i < 3 ? VIRTIO_NEXT : 0, i + 1);
    for (unsigned i = 0; i < 2000 && !virtio_is_broken(&f->rig); i++) {
        offer_in_good_faith(f, i);
        sched_yield();
    }
}

static void stays_inside_when_it_changes_under_way(void **state)
{
    (void)state;
    uint64_t random = test_seed("changed rings", 43);
    for (unsigned n = 0; n < 2 * virtio_bus_count; n++) {
        struct fixture *f = begin(virtio_buses[n / 2], 4 << 20);
        unsigned packed = n % 2 ? PACKED : 0, lives = 0;
        memset(f->rig.rom.host, 0xee, f->rig.rom.size);
        virtio_rig_thread(&f->rig);
        run_changed(f, packed);
        struct changer c = {.evil = evil_of(f, test_random(&random))};
        assert_int_equal(pthread_create(&c.thread, NULL, change, &c), 0);
        for (double end = seconds() + 1.0 * scale(); seconds() < end; lives++)
            run_changed(f, packed);
        atomic_store(&c.stop, true);
        pthread_join(c.thread, NULL);
        printf("%u rings, %llu requests\n", lives, (unsigned long long)f->probe.popped);
        check_rom(f);
        expect_works(f, packed);
        virtio_rig_end(&f->rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(over_all),
        cmocka_unit_test(refuses_more_than_4_gib),
        cmocka_unit_test(stays_inside_whatever_comes),
        cmocka_unit_test(stays_inside_when_it_changes_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
