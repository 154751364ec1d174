// SPDX-License-Identifier: MIT
//
// GICD_*, the registers of the GICv3's distributor (IHI 0069, "The GIC Distributor register map").
// With affinity routing those of SGIs and PPIs are the redistributors' and read as zero here, as
// does what there is not: security states, 1 of N routing, message-based SPIs, extended ranges.
#include "gicv3.h"

#include <vm/base/bits.h>

enum {
    CTLR = 0x0000,
    TYPER = 0x0004,
    IIDR = 0x0008,
    IROUTER = 0x6000, // of INTID n at 8 * n
    IROUTER_END = 0x7fe0,
    PART = 0x492,

    CTLR_GROUP0 = 1 << 0,
    CTLR_GROUP1 = 1 << 1,
    CTLR_ARE = 1 << 4,
    CTLR_DS = 1 << 6,

    TYPER_LPIS = 1 << 17,
    TYPER_ID_BITS_SHIFT = 19,
    TYPER_A3V = 1 << 24,
    TYPER_NO_1_OF_N = 1 << 25,
};

static struct gic_bank *bank_of(struct gicv3 *g, uint32_t offset)
{
    uint32_t number = gic_bank_number(offset);
    return number >= 1 && number <= g->spis / 32 ? &g->bank[number - 1] : NULL;
}

// The SPI that an IROUTER register is about; false: there is none.
static bool routed_spi(const struct gicv3 *g, uint32_t offset, uint32_t *spi)
{
    if (offset < IROUTER + 8 * GIC_INTERNAL || offset >= IROUTER_END)
        return false;
    *spi = (offset - IROUTER) / 8 - GIC_INTERNAL;
    return *spi < g->spis;
}

// --- reading ---

static uint32_t read_typer(const struct gicv3 *g)
{
    uint32_t lpis = g->has_lpis ? TYPER_LPIS : 0;
    return g->spis / 32 | lpis | (GICV3_ID_BITS - 1) << TYPER_ID_BITS_SHIFT | TYPER_A3V |
           TYPER_NO_1_OF_N;
}

static uint32_t read_word(struct gicv3 *g, uint32_t offset)
{
    uint32_t id;
    if (gic_is_bank_register(offset)) {
        const struct gic_bank *b = bank_of(g, offset);
        return b ? gic_bank_read(b, offset) : 0;
    }
    if (gic_identification(offset, VM_GICV3_DISTRIBUTOR_SIZE, PART, GICV3_VERSION, &id))
        return id;
    switch (offset) {
    case CTLR:
        return CTLR_ARE | CTLR_DS | (g->enabled[0] ? CTLR_GROUP0 : 0) |
               (g->enabled[1] ? CTLR_GROUP1 : 0);
    case TYPER: return read_typer(g);
    case IIDR: return GICV3_IIDR;
    default: return 0;
    }
}

uint64_t gicv3_distributor_read(struct gicv3 *g, uint32_t offset, unsigned size)
{
    uint32_t spi;
    if (size == 1)
        return gic_is_priority(offset)
                   ? read_word(g, offset & ~UINT32_C(3)) >> 8 * (offset & 3) & 0xff
                   : 0;
    if (routed_spi(g, offset, &spi))
        return g->route[spi] >> 8 * (offset & 4) & vm_mask(8 * size);
    return size == 4 ? read_word(g, offset) : 0;
}

// --- writing ---

static void write_word(struct gicv3 *g, uint32_t offset, uint32_t value)
{
    if (gic_is_bank_register(offset)) {
        struct gic_bank *b = bank_of(g, offset);
        if (b)
            gic_bank_write(b, offset, value, 0);
    } else if (offset == CTLR) {
        g->enabled[0] = value & CTLR_GROUP0;
        g->enabled[1] = value & CTLR_GROUP1;
    }
}

void gicv3_distributor_write(struct gicv3 *g, uint32_t offset, unsigned size, uint64_t value)
{
    uint32_t spi;
    if (routed_spi(g, offset, &spi) && size >= 4) {
        gicv3_route(g, spi, vm_set_bits(g->route[spi], 8 * (offset & 4), 8 * size, value));
    } else if (size == 4) {
        write_word(g, offset, (uint32_t)value);
    } else if (size == 1 && gic_is_priority(offset)) {
        struct gic_bank *b = bank_of(g, offset);
        if (b)
            gic_bank_write_priority(b, offset, (uint8_t)value);
    }
    gicv3_update_all(g);
}
