// SPDX-License-Identifier: MIT
//
// Fuzz target: GICv3 and ITS. Plays an input as a guest that accesses all registers, queues
// commands and writes to its tables, while devices drive wires and send messages. Whatever the
// bytes: at most one line of a CPU is high, and a high one has an interrupt of its group.
//
// Operations of one byte, operands behind it; what is missing at the end is zeros. Low three bits:
// see `play`; bits 3 and 4: log2 of the size; bits 5 and 6: where, or which CPU.
#include <stdlib.h>

#include <vm/base/memory.h>

#include "fuzz_input.h"
#include "gic_bed.h"

enum {
    QUEUE = 0x0, // one page
    DEVICES = 0x10000,
    COLLECTIONS = 0x20000,
    CONFIG = 0x30000,
    PENDING = 0x50000,
    TABLES = 0x100000, // where everything is that the target itself sets up
};

static void access(struct gic_bed *b, struct input_left *in, uint8_t op)
{
    static const uint64_t bases[] = {GICD, GICR, GICR + GICR_SGI, ITS};
    unsigned size = 1u << (op >> 3 & 3);
    uint64_t offset = number(in, 2) & ~(uint64_t)(size - 1), value;
    uint64_t at = bases[op >> 5 & 3] + offset;
    if (op & 0x80)
        mmio_writes(&b->machine, at, size, number(in, size));
    else if (vm_space_mmio_read(&b->machine.space, vm_gpa_of(at), size, &value))
        must(size == 8 || value >> 8 * size == 0);
}

static void system_register(struct gic_bed *b, struct input_left *in, uint8_t op)
{
    unsigned cpu = (op >> 5 & 3) % CPUS;
    uint8_t which = (uint8_t)number(in, 1);
    uint16_t reg = ICC(which & 0x80 ? 4 : 12, which >> 3 & 15, which & 7);
    uint64_t value;
    if (op & 0x80)
        (void)b->cpu.ops->write(b->cpu.device, cpu, reg, number(in, 8));
    else
        (void)b->cpu.ops->read(b->cpu.device, cpu, reg, &value);
}

// One command, of 4 words of 5 bytes.
static void command(struct gic_bed *b, struct input_left *in)
{
    uint64_t at = mmio_read(&b->machine, ITS + 0x88, 8) & 0xfe0;
    for (unsigned i = 0; i < 4; i++) {
        uint64_t word = number(in, 5);
        uint64_t high = i == 2 ? word >> 32 << 63 : 0; // a byte's lowest bit is V
        uint64_t low = i == 0 ? (word & 0xff) | word >> 8 << 32 : word & UINT32_MAX;
        if (i == 1)
            low = (word & 0xff) | (UINT64_C(8192) + (word >> 8 & 0xff)) << 32;
        vm_store_le64(b->ram + QUEUE + at + 8 * i, high | low);
    }
    mmio_write(&b->machine, ITS + 0x88, 8, (at + 32) & 0xfe0);
}

// Tables as an operating system places them.
static void prepare(struct gic_bed *b, uint8_t op)
{
    uint64_t valid = UINT64_C(1) << 63, indirect = op & 0x80 ? UINT64_C(1) << 62 : 0;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        uint64_t at = GICR + 0x20000 * cpu;
        gicr_put(b, cpu, GICR_CTLR, 0);
        mmio_write(&b->machine, at + GICR_PROPBASER, 8, RAM + CONFIG + 15);
        mmio_write(&b->machine, at + GICR_PENDBASER, 8, RAM + PENDING + 0x10000 * cpu);
        gicr_put(b, cpu, GICR_CTLR, 1);
    }
    mmio_write(&b->machine, ITS, 4, 0);
    mmio_write(&b->machine, ITS + 0x80, 8, valid | (RAM + QUEUE));
    mmio_write(&b->machine, ITS + 0x100, 8, valid | indirect | (RAM + DEVICES));
    mmio_write(&b->machine, ITS + 0x108, 8, valid | (RAM + COLLECTIONS));
    mmio_write(&b->machine, ITS, 4, 1);
}

static void other(struct gic_bed *b, struct input_left *in, uint8_t op)
{
    switch (op >> 3 & 7) {
    case 0: gic_bed_start(b); break;
    case 1: prepare(b, op); break;
    case 2: b->distributor.ops->reset(b->distributor.device); break;
    case 3: b->its.ops->reset(b->its.device); break;
    default: { // writes to a table
        uint64_t at = number(in, 3) % TABLES & ~UINT64_C(7);
        vm_store_le64(b->ram + at, number(in, 8));
        break;
    }
    }
}

static void play(struct gic_bed *b, struct input_left *in, uint8_t op)
{
    uint8_t n;
    switch (op & 7) {
    case 0:
    case 1: access(b, in, op); break;
    case 2:
    case 3: system_register(b, in, op); break;
    case 4:
        n = (uint8_t)number(in, 1);
        gic_wire(b, (op >> 5 & 3) % CPUS, 16 + n % (16 + SPIS), op & 0x80);
        break;
    case 5:
        n = (uint8_t)number(in, 1);
        must(vm_its_message(&b->its, ITS + VM_ITS_TRANSLATER, n & 31, n >> 5));
        break;
    case 6: command(b, in); break;
    default: other(b, in, op); break;
    }
}

static void check(struct gic_bed *b)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        bool irq = b->irq[cpu].level, fiq = b->fiq[cpu].level;
        must(!(irq && fiq));
        must(!irq || icc(b, cpu, ICC_HPPIR1) != SPURIOUS);
        must(!fiq || icc(b, cpu, ICC_HPPIR0) != SPURIOUS);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_left in = {data, size};
    struct gic_bed *b = gic_bed_begin();
    while (in.left > 0) {
        play(b, &in, (uint8_t)number(&in, 1));
        check(b);
    }
    gic_bed_end(b);
    return 0;
}
