// SPDX-License-Identifier: MIT
//
// LPIs and the ITS: tables and commands in the guest's memory, messages of devices.
#include "gic_bed.h"

#include <string.h>

#include <vm/base/memory.h>

enum {
    GITS_CTLR = 0x0,
    GITS_TYPER = 0x8,
    GITS_CBASER = 0x80,
    GITS_CWRITER = 0x88,
    GITS_CREADR = 0x90,
    GITS_BASER = 0x100,

    MOVI = 1,
    INT = 3,
    CLEAR = 4,
    SYNC = 5,
    MAPD = 8,
    MAPC = 9,
    MAPTI = 10,
    MAPI = 11,
    INV = 12,
    INVALL = 13,
    MOVALL = 14,
    DISCARD = 15,

    // In RAM.
    QUEUE = 0x000000, // 64 KiB
    DEVICES = 0x10000,
    COLLECTIONS = 0x20000,
    LEAVES = 0x30000, // of the devices' table, where that is indirect
    CONFIG = 0x40000,
    PENDING = 0x60000, // 64 KiB a CPU
    ITT = 0x100000,    // 4 KiB a device
    QUEUE_SIZE = 0x10000,

    LPI = 8192,
    PRIORITY = 0xa0,
};
#define VALID (UINT64_C(1) << 63)

static uint64_t its(struct gic_bed *b, uint32_t offset)
{
    return mmio_read(&b->machine, ITS + offset, 8);
}

static void its_put(struct gic_bed *b, uint32_t offset, uint64_t value)
{
    mmio_write(&b->machine, ITS + offset, 8, value);
}

static void command(struct gic_bed *b, uint64_t w0, uint64_t w1, uint64_t w2, uint64_t w3)
{
    uint64_t at = its(b, GITS_CWRITER);
    const uint64_t words[] = {w0, w1, w2, w3};
    for (unsigned i = 0; i < 4; i++)
        vm_store_le64(b->ram + QUEUE + at + 8 * i, words[i]);
    its_put(b, GITS_CWRITER, (at + 32) % QUEUE_SIZE);
    assert_int_equal(its(b, GITS_CREADR), (at + 32) % QUEUE_SIZE);
}

static void map_device(struct gic_bed *b, uint32_t device, unsigned bits)
{
    uint64_t at = RAM + ITT + 0x1000 * (device % 64);
    command(b, MAPD | (uint64_t)device << 32, bits - 1, VALID | at, 0);
}

static void map_collection(struct gic_bed *b, uint32_t collection, uint64_t cpu)
{
    command(b, MAPC, 0, VALID | cpu << 16 | collection, 0);
}

static void map_event(struct gic_bed *b, uint32_t device, uint32_t event, uint32_t intid,
                      uint32_t collection)
{
    command(b, MAPTI | (uint64_t)device << 32, (uint64_t)intid << 32 | event, collection, 0);
}

static void about(struct gic_bed *b, unsigned what, uint32_t device, uint32_t event)
{
    command(b, what | (uint64_t)device << 32, event, 0, 0);
}

static void message(struct gic_bed *b, uint32_t device, uint32_t event)
{
    assert_true(vm_its_message(&b->its, ITS + VM_ITS_TRANSLATER, event, device));
}

static void configure(struct gic_bed *b, uint32_t intid, uint8_t config)
{
    b->ram[CONFIG + intid - LPI] = config;
}

static void enable_lpis(struct gic_bed *b, unsigned cpu)
{
    uint64_t at = GICR + 0x20000 * cpu, table = RAM + PENDING + 0x10000 * cpu;
    mmio_write(&b->machine, at + GICR_PROPBASER, 8, RAM + CONFIG + 15);
    mmio_write(&b->machine, at + GICR_PENDBASER, 8, table);
    gicr_put(b, cpu, GICR_CTLR, 1);
}

static void enable_its(struct gic_bed *b, uint64_t devices)
{
    its_put(b, GITS_CBASER, VALID | (RAM + QUEUE) | (QUEUE_SIZE / 0x1000 - 1));
    its_put(b, GITS_BASER, VALID | devices);
    its_put(b, GITS_BASER + 8, VALID | (RAM + COLLECTIONS) | 0xf);
    mmio_write(&b->machine, ITS + GITS_CTLR, 4, 1);
}

static struct gic_bed *begin(void)
{
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    memset(b->ram + CONFIG, PRIORITY | 3, 0xe000);
    for (unsigned i = 0; i < CPUS; i++)
        enable_lpis(b, i);
    enable_its(b, (RAM + DEVICES) | 0xf);
    for (unsigned i = 0; i < CPUS; i++)
        map_collection(b, i, i);
    map_device(b, 8, 5);
    return b;
}

static void take(struct gic_bed *b, unsigned cpu, uint32_t intid)
{
    assert_true(b->irq[cpu].level);
    assert_int_equal(icc(b, cpu, ICC_IAR1), intid);
    icc_put(b, cpu, ICC_EOIR1, intid);
    assert_int_equal(icc(b, cpu, ICC_RPR), 0xff);
}

static void idle(struct gic_bed *b)
{
    for (unsigned i = 0; i < CPUS; i++) {
        assert_false(b->irq[i].level);
        assert_int_equal(icc(b, i, ICC_IAR1), SPURIOUS);
    }
}

// --- registers ---

static void registers_hold_their_fields(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    assert_int_equal(its(b, GITS_TYPER), 15 << 13 | 15 << 8 | 7 << 4 | 1);
    assert_int_equal(mmio_read(&b->machine, ITS + PIDR2, 4), 0x3b);
    assert_int_equal(mmio_read(&b->machine, ITS + GITS_CTLR, 4), 1u << 31);
    its_put(b, GITS_BASER, UINT64_MAX);
    assert_int_equal(its(b, GITS_BASER), 0xf9e7ffffffffffff);
    its_put(b, GITS_BASER + 8, 0);
    assert_int_equal(its(b, GITS_BASER + 8), 0x0407000000000000);
    its_put(b, GITS_BASER + 16, UINT64_MAX);
    assert_int_equal(its(b, GITS_BASER + 16), 0);
    mmio_write(&b->machine, ITS + GITS_BASER + 4, 4, 0);
    assert_int_equal(its(b, GITS_BASER), 0x01070000ffffffff);
    its_put(b, GITS_CBASER, UINT64_MAX);
    assert_int_equal(its(b, GITS_CBASER), 0xb8effffffffffcff);
    its_put(b, GITS_CWRITER, UINT64_MAX);
    assert_int_equal(its(b, GITS_CWRITER), 0xfffe0);
    assert_int_equal(its(b, GITS_CREADR), 0); // it is off
    its_put(b, GITS_CREADR, 0x40);
    assert_int_equal(its(b, GITS_CREADR), 0);
    its_put(b, GITS_CBASER, 0);
    assert_int_equal(its(b, GITS_CWRITER), 0);
    assert_false(mmio_reads(&b->machine, ITS, 2));
    assert_int_equal(mmio_read(&b->machine, ITS + VM_ITS_TRANSLATER, 4), 0);
    gic_bed_end(b);
}

static void redistributor_registers(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    uint64_t at = GICR + 0x20000;
    mmio_write(&b->machine, at + GICR_PROPBASER, 8, UINT64_MAX);
    mmio_write(&b->machine, at + GICR_PENDBASER, 8, UINT64_MAX);
    assert_int_equal(mmio_read(&b->machine, at + GICR_PROPBASER, 8), 0x070fffffffffff9f);
    assert_int_equal(mmio_read(&b->machine, at + GICR_PENDBASER, 8), 0x070fffffffff0f80);
    mmio_write(&b->machine, at + GICR_PROPBASER + 4, 4, 0);
    assert_int_equal(mmio_read(&b->machine, at + GICR_PROPBASER, 8), 0xffffff9f);
    assert_int_equal(gicr(b, 1, GICR_CTLR), 2);
    gicr_put(b, 1, GICR_CTLR, 1);
    assert_int_equal(gicr(b, 1, GICR_CTLR), 3);
    mmio_write(&b->machine, at + GICR_PROPBASER, 8, 0); // LPIs are on
    assert_int_equal(mmio_read(&b->machine, at + GICR_PROPBASER, 8), 0xffffff9f);
    gicr_put(b, 1, GICR_CTLR, 0);
    assert_int_equal(gicr(b, 1, GICR_CTLR), 2);
    gic_bed_end(b);
}

// --- translation ---

static void messages_become_lpis(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    map_event(b, 8, 31, 9000, 2);
    message(b, 8, 0);
    message(b, 8, 31);
    assert_int_equal(icc(b, 2, ICC_HPPIR1), 9000);
    assert_false(b->irq[1].level);
    take(b, 0, 8200);
    take(b, 2, 9000);
    idle(b);
    command(b, MAPI | UINT64_C(8) << 32, 8192, 0, 0); // event 8192 of 32
    message(b, 8, 8192);
    map_device(b, 10, 14);
    command(b, MAPI | UINT64_C(10) << 32, 8192, 1, 0);
    message(b, 10, 8192);
    take(b, 1, 8192);
    idle(b);
    gic_bed_end(b);
}

static void only_the_translater_takes_messages(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    assert_false(vm_its_message(&b->its, ITS + VM_ITS_TRANSLATER + 4, 0, 8));
    assert_false(vm_its_message(&b->its, RAM, 0, 8));
    mmio_write(&b->machine, ITS + VM_ITS_TRANSLATER, 4, 0); // a CPU is no device
    idle(b);
    mmio_write(&b->machine, ITS + GITS_CTLR, 4, 0);
    message(b, 8, 0); // off
    idle(b);
    gic_bed_end(b);
}

static void what_is_not_mapped_is_lost(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 7); // a collection that is not mapped
    map_event(b, 8, 1, 8191, 0); // no LPI
    map_event(b, 8, 2, 65536, 0);
    map_event(b, 8, 32, 8200, 0); // too many events
    map_event(b, 9, 0, 8200, 0);
    map_collection(b, 5, CPUS); // no such CPU
    map_event(b, 8, 3, 8200, 5);
    for (uint32_t event = 0; event < 40; event++) {
        message(b, 8, event);
        message(b, 9, event);
        message(b, UINT32_MAX, event);
    }
    message(b, 8, UINT32_MAX);
    idle(b);
    map_event(b, 8, 0, 8200, 0);
    command(b, MAPD | UINT64_C(8) << 32, 0, 0, 0); // unmapped
    message(b, 8, 0);
    map_device(b, 8, 5);
    command(b, MAPC, 0, 0, 0);
    message(b, 8, 0);
    idle(b);
    gic_bed_end(b);
}

static void tables_of_two_levels(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    mmio_write(&b->machine, ITS + GITS_CTLR, 4, 0);
    memset(b->ram + DEVICES, 0, 0x10000);
    enable_its(b, UINT64_C(1) << 62 | (RAM + DEVICES)); // one page of 4 KiB, 512 devices a leaf
    uint32_t device = 3 * 512 + 17;
    map_device(b, device, 5); // no leaf yet
    map_event(b, device, 1, 8200, 1);
    message(b, device, 1);
    idle(b);
    vm_store_le64(b->ram + DEVICES + 24, VALID | (RAM + LEAVES));
    map_device(b, device, 5);
    map_event(b, device, 1, 8200, 1);
    message(b, device, 1);
    take(b, 1, 8200);
    assert_true(vm_load_le64(b->ram + LEAVES + 8 * 17) & VALID);
    vm_store_le64(b->ram + DEVICES + 24, VALID | 0x1000); // not in RAM
    message(b, device, 1);
    idle(b);
    gic_bed_end(b);
}

// --- commands ---

static void events_move(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    message(b, 8, 0);
    command(b, MOVI | UINT64_C(8) << 32, 0, 1, 0);
    assert_false(b->irq[0].level);
    take(b, 1, 8200); // what pends goes along
    message(b, 8, 0);
    take(b, 1, 8200);
    command(b, MOVI | UINT64_C(8) << 32, 0, 9, 0); // nowhere
    message(b, 8, 0);
    take(b, 1, 8200);
    map_event(b, 8, 1, 8201, 1);
    message(b, 8, 0);
    message(b, 8, 1);
    command(b, MOVALL, 0, 1 << 16, 2 << 16);
    assert_false(b->irq[1].level);
    take(b, 2, 8200);
    take(b, 2, 8201);
    command(b, MOVALL, 0, 1 << 16, 77 << 16);
    command(b, MOVALL, 0, VALID | UINT64_C(0x7ffff) << 32, 0);
    idle(b);
    gic_bed_end(b);
}

static void commands_pend_and_clear(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 4, 8204, 0);
    map_event(b, 8, 5, 8205, 0);
    about(b, INT, 8, 4);
    take(b, 0, 8204);
    message(b, 8, 4);
    message(b, 8, 5);
    about(b, CLEAR, 8, 4);
    take(b, 0, 8205);
    idle(b);
    message(b, 8, 4);
    about(b, DISCARD, 8, 4);
    idle(b);
    message(b, 8, 4);
    about(b, INT, 8, 4);
    idle(b);
    command(b, SYNC, 0, 0, 0);
    command(b, 0xff, UINT64_MAX, UINT64_MAX, UINT64_MAX);
    gic_bed_end(b);
}

static void configuration_counts(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    map_event(b, 8, 1, 8201, 0);
    configure(b, 8200, 0xc0 | 1);
    configure(b, 8201, 0x40); // disabled
    message(b, 8, 0);
    message(b, 8, 1);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), 8200);
    configure(b, 8201, 0x40 | 1);
    about(b, INV, 8, 1);
    assert_int_equal(icc(b, 0, ICC_IAR1), 8201);
    assert_int_equal(icc(b, 0, ICC_RPR), 0x40);
    icc_put(b, 0, ICC_EOIR1, 8201);
    configure(b, 8200, 0xc0);
    command(b, INVALL, 0, 0, 0);
    assert_false(b->irq[0].level);
    configure(b, 8200, 0xf8 | 1); // not more urgent than the mask
    command(b, INVALL, 0, 0, 0);
    assert_false(b->irq[0].level);
    configure(b, 8200, 0x10 | 1);
    command(b, INVALL, 0, 1, 0); // another collection's
    assert_false(b->irq[0].level);
    command(b, INVALL, 0, 0, 0);
    take(b, 0, 8200);
    gic_bed_end(b);
}

static void lpis_compete_with_others(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    gic_enable(b, 0, 40);
    gic_set_priority(b, 0, 40, 0x80);
    message(b, 8, 0);
    gic_wire(b, 0, 40, true);
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    assert_false(b->irq[0].level);
    gic_wire(b, 0, 40, false);
    icc_put(b, 0, ICC_EOIR1, 40);
    assert_int_equal(icc(b, 0, ICC_IAR1), 8200);
    message(b, 8, 0); // pends again, as there is no active state
    assert_false(b->irq[0].level);
    icc_put(b, 0, ICC_EOIR1, 8200);
    take(b, 0, 8200);
    gic_bed_end(b);
}

// --- pending tables ---

static void pending_tables(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    map_event(b, 8, 1, 65535, 0);
    message(b, 8, 0);
    message(b, 8, 1);
    gicr_put(b, 0, GICR_CTLR, 0);
    assert_false(b->irq[0].level);
    assert_int_equal(b->ram[PENDING + 8200 / 8], 1 << 8200 % 8);
    assert_int_equal(b->ram[PENDING + 65535 / 8], 0x80);
    message(b, 8, 0); // off
    b->ram[PENDING + 8200 / 8] = 0;
    b->ram[PENDING + 8208 / 8] = 1;
    gicr_put(b, 0, GICR_CTLR, 1);
    take(b, 0, 8208);
    take(b, 0, 65535);
    idle(b);
    gicr_put(b, 0, GICR_CTLR, 0);
    memset(b->ram + PENDING, 0xff, 0x10000);
    mmio_write(&b->machine, GICR + GICR_PENDBASER, 8, (UINT64_C(1) << 62) | (RAM + PENDING));
    gicr_put(b, 0, GICR_CTLR, 1); // the table is said to be zeros
    idle(b);
    gic_bed_end(b);
}

static void tables_outside_of_ram(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    for (unsigned bits = 0; bits < 32; bits++) {
        gicr_put(b, 0, GICR_CTLR, 0);
        mmio_write(&b->machine, GICR + GICR_PROPBASER, 8, 0x1000 | bits);
        mmio_write(&b->machine, GICR + GICR_PENDBASER, 8, 0);
        gicr_put(b, 0, GICR_CTLR, 1);
        message(b, 8, 0);
        idle(b);
    }
    gicr_put(b, 0, GICR_CTLR, 0);
    mmio_write(&b->machine, GICR + GICR_PROPBASER, 8, RAM + CONFIG + 13); // IDs of 14 bits
    gicr_put(b, 0, GICR_CTLR, 1);
    map_event(b, 8, 1, 16383, 0);
    map_event(b, 8, 2, 16384, 0);
    message(b, 8, 1);
    message(b, 8, 2);
    take(b, 0, 16383);
    idle(b);
    gic_bed_end(b);
}

// --- the queue ---

static void queue_wraps(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    map_event(b, 8, 0, 8200, 0);
    for (unsigned i = 0; i < QUEUE_SIZE / 32; i++)
        about(b, i % 2 ? CLEAR : INT, 8, 0);
    its_put(b, GITS_CWRITER, QUEUE_SIZE); // beyond its end: nothing runs
    uint64_t at = its(b, GITS_CREADR);
    assert_true(at < QUEUE_SIZE);
    its_put(b, GITS_CWRITER, at == 0 ? QUEUE_SIZE - 32 : at - 32); // all of it at once
    assert_int_equal(its(b, GITS_CREADR), its(b, GITS_CWRITER));
    mmio_write(&b->machine, ITS + GITS_CTLR, 4, 0);
    its_put(b, GITS_CWRITER, 0x40);
    its_put(b, GITS_CBASER, VALID | 0x1000 | 0xff); // not in RAM
    mmio_write(&b->machine, ITS + GITS_CTLR, 4, 1);
    its_put(b, GITS_CWRITER, 0xfffe0);
    assert_int_equal(its(b, GITS_CREADR), 0xfffe0);
    b->its.ops->reset(b->its.device);
    assert_int_equal(its(b, GITS_CBASER) | its(b, GITS_CREADR) | its(b, GITS_CWRITER), 0);
    gic_bed_end(b);
}

static uint64_t random_word(uint64_t *seed)
{
    uint64_t r = test_random(seed), v = test_random(seed);
    switch (r & 7) {
    case 0: return v;
    case 1: return VALID | (v & 0x2ffff);
    case 2: return VALID | (RAM + (v & (RAM_SIZE - 0x100)));
    case 3: return (v & 0xffff) << 32 | (v >> 20 & 0x1f);
    default: return (8192 + (v & 15)) << 32 | (v >> 20 & 0x1f);
    }
}

// Any commands on any tables, while messages come and tables change.
static void random_commands(void **state)
{
    (void)state;
    struct gic_bed *b = begin();
    uint64_t seed = test_seed("its", 72);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t r = test_random(&seed);
        unsigned cpu = r >> 60 & 1;
        uint64_t device = r >> 16 & 7 ? 8 : r >> 32;
        switch (r & 15) {
        case 0: vm_store_le64(b->ram + (r >> 8 & 0x3fff8), random_word(&seed)); break;
        case 1: mmio_writes(&b->machine, ITS + (r >> 8 & 0x1f8), 8, random_word(&seed)); break;
        case 2: gicr_put(b, cpu, GICR_CTLR, r >> 9 & 1); break;
        case 3: enable_lpis(b, cpu); break;
        case 4:
            b->its.ops->reset(b->its.device);
            enable_its(b, (r >> 9 & 1 ? UINT64_C(1) << 62 : 0) | (RAM + DEVICES) | 0xf);
            map_device(b, 8, 5);
            map_collection(b, 0, 0);
            break;
        case 5:
        case 6: message(b, (uint32_t)device, r >> 8 & 31); break;
        case 7: icc(b, cpu, ICC_IAR1); break;
        case 8: icc_put(b, cpu, ICC_EOIR1, 8192 + (r >> 8 & 31)); break;
        case 9: map_event(b, 8, r >> 8 & 31, 8192 + (r >> 13 & 15), r >> 20 & 1); break;
        default: {
            uint64_t at = its(b, GITS_CWRITER) & (QUEUE_SIZE - 1);
            vm_store_le64(b->ram + QUEUE + at, (r >> 4 & 15) | device << 32);
            for (unsigned w = 1; w < 4; w++)
                vm_store_le64(b->ram + QUEUE + at + 8 * w, random_word(&seed));
            its_put(b, GITS_CWRITER, (at + 32) % QUEUE_SIZE);
            break;
        }
        }
        if (b->irq[cpu].level)
            assert_int_not_equal(icc(b, cpu, ICC_IAR1), SPURIOUS);
        icc_put(b, cpu, ICC_AP1R0, 0);
    }
    gic_bed_end(b);
}

static void an_its_needs_a_gic(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    struct vm_device d = {0};
    assert_int_equal(vm_its_create(&b->machine, &b->its, vm_gpa_of(ITS), 2, &d, NULL),
                     VM_ERR_USAGE);
    assert_null(d.device);
    gic_bed_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_hold_their_fields),
        cmocka_unit_test(redistributor_registers),
        cmocka_unit_test(messages_become_lpis),
        cmocka_unit_test(only_the_translater_takes_messages),
        cmocka_unit_test(what_is_not_mapped_is_lost),
        cmocka_unit_test(tables_of_two_levels),
        cmocka_unit_test(events_move),
        cmocka_unit_test(commands_pend_and_clear),
        cmocka_unit_test(configuration_counts),
        cmocka_unit_test(lpis_compete_with_others),
        cmocka_unit_test(pending_tables),
        cmocka_unit_test(tables_outside_of_ram),
        cmocka_unit_test(queue_wraps),
        cmocka_unit_test(random_commands),
        cmocka_unit_test(an_its_needs_a_gic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
