// SPDX-License-Identifier: MIT
//
// GICD_*, the registers of the GICv2's distributor (IHI 0048, "Distributor register descriptions").
// Those of SGIs and PPIs are each CPU's own. With one CPU there are no targets to choose.
#include "gicv2.h"

enum {
    CTLR = 0x000,
    TYPER = 0x004,
    IIDR = 0x008,
    SGIR = 0xf00,
    CPENDSGIR = 0xf10,
    SPENDSGIR = 0xf20,
    SPENDSGIR_END = 0xf30,
    PART = 0x490,

    TYPER_CPUS_SHIFT = 5,
    SGIS = 0xffff,
};

static struct gic_bank *bank_of(struct gicv2_cpu *c, uint32_t offset)
{
    uint32_t number = gic_bank_number(offset);
    if (number == 0)
        return &c->bank;
    return number <= c->gic->spis / 32 ? &c->gic->bank[number - 1] : NULL;
}

// --- registers with a byte for each interrupt ---

static bool is_targets(uint32_t offset)
{
    return offset >= GIC_ITARGETSR && offset < GIC_ICFGR;
}

static bool is_senders(uint32_t offset)
{
    return offset >= CPENDSGIR && offset < SPENDSGIR_END;
}

static bool has_bytes(uint32_t offset)
{
    return gic_is_priority(offset) || is_targets(offset) || is_senders(offset);
}

static uint8_t read_targets(const struct gicv2_cpu *c, uint32_t intid)
{
    if (c->gic->cpus == 1)
        return 0;
    if (intid < GIC_INTERNAL)
        return (uint8_t)(1u << c->index);
    return intid - GIC_INTERNAL < c->gic->spis ? c->gic->targets[intid - GIC_INTERNAL] : 0;
}

static uint8_t read_byte(struct gicv2_cpu *c, uint32_t offset)
{
    if (is_targets(offset))
        return read_targets(c, offset - GIC_ITARGETSR);
    if (is_senders(offset))
        return c->senders[offset % GIC_SGIS];
    const struct gic_bank *b = bank_of(c, offset);
    return b ? b->priority[offset % 32] : 0;
}

static void write_byte(struct gicv2_cpu *c, uint32_t offset, uint8_t value)
{
    struct gicv2 *g = c->gic;
    uint8_t existing = (uint8_t)((1u << g->cpus) - 1);
    if (is_targets(offset)) {
        uint32_t spi = offset - GIC_ITARGETSR - GIC_INTERNAL; // wraps for what cannot be written
        if (g->cpus > 1 && spi < g->spis)
            g->targets[spi] = value & existing;
    } else if (offset >= SPENDSGIR) {
        gicv2_pend_sgi(c, offset % GIC_SGIS, value & existing);
    } else if (offset >= CPENDSGIR) {
        gicv2_clear_sgi(c, offset % GIC_SGIS, value);
    } else {
        struct gic_bank *b = bank_of(c, offset);
        if (b)
            gic_bank_write_priority(b, offset, value);
    }
}

// --- the others ---

static uint32_t read_word(struct gicv2_cpu *c, uint32_t offset)
{
    const struct gicv2 *g = c->gic;
    uint32_t id;
    if (gic_is_bank_register(offset)) {
        const struct gic_bank *b = bank_of(c, offset);
        return b ? gic_bank_read(b, offset) : 0;
    }
    if (gic_identification(offset, VM_GICV2_DISTRIBUTOR_SIZE, PART, GICV2_VERSION, &id))
        return id;
    switch (offset) {
    case CTLR: return (uint32_t)g->enabled[0] | (uint32_t)g->enabled[1] << 1;
    case TYPER: return g->spis / 32 | (g->cpus - 1) << TYPER_CPUS_SHIFT;
    case IIDR: return GICV2_IIDR;
    default: return 0;
    }
}

// GICD_SGIR: to the CPUs of a list, to all but the sender, or to the sender.
static void send_sgi(struct gicv2_cpu *self, uint32_t value)
{
    struct gicv2 *g = self->gic;
    uint32_t own = UINT32_C(1) << self->index;
    const uint32_t lists[] = {value >> 16 & 0xff, ~own, own, 0};
    uint32_t list = lists[value >> 24 & 3];
    for (uint32_t i = 0; i < g->cpus; i++) {
        if (list >> i & 1)
            gicv2_pend_sgi(&g->cpu[i], value & (GIC_SGIS - 1), (uint8_t)own);
    }
}

// Software makes SGIs pend by registers of their own, and their trigger is what it is.
static void write_bank(struct gicv2_cpu *c, uint32_t offset, uint32_t value)
{
    struct gic_bank *b = bank_of(c, offset);
    bool own = b == &c->bank, pending = offset >= GIC_ISPENDR && offset < GIC_ISACTIVER;
    if (b)
        gic_bank_write(b, offset, own && pending ? value & ~(uint32_t)SGIS : value, own ? SGIS : 0);
}

static void write_word(struct gicv2_cpu *c, uint32_t offset, uint32_t value)
{
    if (gic_is_bank_register(offset)) {
        write_bank(c, offset, value);
    } else if (offset == CTLR) {
        c->gic->enabled[0] = value & 1;
        c->gic->enabled[1] = value >> 1 & 1;
    } else if (offset == SGIR) {
        send_sgi(c, value);
    }
}

uint32_t gicv2_distributor_read(struct gicv2_cpu *c, uint32_t offset, unsigned size)
{
    uint32_t value = 0;
    if (!has_bytes(offset))
        return size == 4 ? read_word(c, offset) : 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)read_byte(c, offset + i) << 8 * i;
    return value;
}

void gicv2_distributor_write(struct gicv2_cpu *c, uint32_t offset, unsigned size, uint32_t value)
{
    if (has_bytes(offset)) {
        for (unsigned i = 0; i < size; i++)
            write_byte(c, offset + i, (uint8_t)(value >> 8 * i));
    } else if (size == 4) {
        write_word(c, offset, value);
    }
}
