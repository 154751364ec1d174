// SPDX-License-Identifier: MIT
//
// GICR_*, the two frames of a redistributor (IHI 0069, "The GIC Redistributor register map"): of
// the whole, with LPIs, and of SGIs and PPIs.
//
// GICR_WAKER holds what is written and keeps nothing back: here no PE loses interrupts when it
// sleeps, and there is firmware that never wakes the redistributor because it has only seen
// emulators that do not care.
#include "gicv3.h"

#include <vm/base/bits.h>

enum {
    FRAME = 0x10000,
    PART = 0x493,

    CTLR = 0x00,
    IIDR = 0x04,
    TYPER = 0x08,
    WAKER = 0x14,
    PROPBASER = 0x70,
    PENDBASER = 0x78,

    CTLR_ENABLE_LPIS = 1 << 0,
    CTLR_CES = 1 << 1, // EnableLPIs can be cleared

    TYPER_PLPIS = 1 << 0,
    TYPER_LAST = 1 << 4,
    TYPER_NUMBER_SHIFT = 8,

    WAKER_PROCESSOR_SLEEP = 1 << 1,
    WAKER_CHILDREN_ASLEEP = 1 << 2,

    SGI_TRIGGERS = 0xffff, // SGIs are edge-triggered for good
};

// Fields that can be written: IDbits, cacheability, shareability, address; PTZ reads as zero.
#define PROPBASER_FIELDS UINT64_C(0x070fffffffffff9f)
#define PENDBASER_FIELDS UINT64_C(0x470fffffffff0f80)
#define PENDBASER_PTZ    (UINT64_C(1) << 62)

// --- reading ---

static uint64_t read_typer(const struct gicv3_cpu *c)
{
    uint64_t affinity = (c->mpidr >> 32 & 0xff) << 24 | (c->mpidr & 0xffffff);
    bool last = c->index + 1 == c->gic->cpus;
    return affinity << 32 | (uint64_t)c->index << TYPER_NUMBER_SHIFT | (last ? TYPER_LAST : 0) |
           (c->gic->has_lpis ? TYPER_PLPIS : 0);
}

// The aligned doubleword at one of the 64-bit registers.
static bool read_double(const struct gicv3_cpu *c, uint32_t offset, uint64_t *value)
{
    switch (offset & ~UINT32_C(7)) {
    case TYPER: *value = read_typer(c); return true;
    case PROPBASER: *value = c->lpi.propbaser; return true;
    case PENDBASER: *value = c->lpi.pendbaser & ~PENDBASER_PTZ; return true;
    default: return false;
    }
}

static uint32_t read_word(const struct gicv3_cpu *c, uint32_t offset)
{
    uint32_t id;
    if (gic_identification(offset, FRAME, PART, GICV3_VERSION, &id))
        return id;
    switch (offset) {
    case CTLR: return c->gic->has_lpis ? CTLR_CES | (c->lpi.enabled ? CTLR_ENABLE_LPIS : 0) : 0;
    case IIDR: return GICV3_IIDR;
    case WAKER: return c->sleeps ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP : 0;
    default: return 0;
    }
}

static bool is_own_bank(uint32_t offset)
{
    return gic_is_bank_register(offset) && gic_bank_number(offset) == 0;
}

static uint32_t read_sgi_word(const struct gicv3_cpu *c, uint32_t offset)
{
    uint32_t id;
    if (gic_identification(offset, FRAME, PART, GICV3_VERSION, &id))
        return id;
    return is_own_bank(offset) ? gic_bank_read(&c->bank, offset) : 0;
}

uint64_t gicv3_redistributor_read(struct gicv3_cpu *c, uint32_t offset, unsigned size)
{
    uint64_t value;
    uint32_t word = offset & ~UINT32_C(3);
    if (offset >= FRAME && size == 4)
        return read_sgi_word(c, word - FRAME);
    if (offset >= FRAME && size == 1 && gic_is_priority(offset - FRAME))
        return read_sgi_word(c, word - FRAME) >> 8 * (offset & 3) & 0xff;
    if (offset >= FRAME || size == 1)
        return 0;
    if (read_double(c, offset, &value))
        return value >> 8 * (offset & 4) & vm_mask(8 * size);
    return size == 4 ? read_word(c, offset) : 0;
}

// --- writing ---

// Where the tables are can be changed only while LPIs are off.
static void write_double(struct gicv3_cpu *c, uint32_t offset, unsigned size, uint64_t value)
{
    struct gicv3_lpis *l = &c->lpi;
    unsigned shift = 8 * (offset & 4);
    if (!c->gic->has_lpis || l->enabled)
        return;
    if ((offset & ~UINT32_C(7)) == PROPBASER)
        l->propbaser = vm_set_bits(l->propbaser, shift, 8 * size, value) & PROPBASER_FIELDS;
    else if ((offset & ~UINT32_C(7)) == PENDBASER)
        l->pendbaser = vm_set_bits(l->pendbaser, shift, 8 * size, value) & PENDBASER_FIELDS;
}

static void write_word(struct gicv3_cpu *c, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case CTLR:
        if (c->gic->has_lpis)
            gicv3_lpi_enable(c, value & CTLR_ENABLE_LPIS);
        break;
    case WAKER: c->sleeps = value & WAKER_PROCESSOR_SLEEP; break;
    default: write_double(c, offset, 4, value); break;
    }
}

void gicv3_redistributor_write(struct gicv3_cpu *c, uint32_t offset, unsigned size, uint64_t value)
{
    uint32_t at = offset % FRAME;
    if (offset < FRAME && size == 8)
        write_double(c, at, size, value);
    else if (offset < FRAME && size == 4)
        write_word(c, at, (uint32_t)value);
    else if (size == 4 && is_own_bank(at))
        gic_bank_write(&c->bank, at, (uint32_t)value, SGI_TRIGGERS);
    else if (offset >= FRAME && size == 1 && gic_is_priority(at) && is_own_bank(at))
        gic_bank_write_priority(&c->bank, at, (uint8_t)value);
    gicv3_update(c);
}
