// SPDX-License-Identifier: MIT
//
// Banks of 32 interrupts (gic.h).
#include "gic.h"

#include <vm/base/memory.h>

void gic_bank_input(struct gic_bank *b, uint32_t n, bool level)
{
    uint32_t bit = UINT32_C(1) << n;
    if (level && !(b->level & bit))
        b->latched |= bit & b->edge;
    b->level = level ? b->level | bit : b->level & ~bit;
}

void gic_bank_activate(struct gic_bank *b, uint32_t n)
{
    uint32_t bit = UINT32_C(1) << n;
    b->latched &= ~bit;
    b->active |= bit;
}

void gic_bank_reset(struct gic_bank *b, uint32_t edges)
{
    *b = (struct gic_bank){.level = b->level, .edge = edges};
}

uint32_t gic_bank_number(uint32_t offset)
{
    if (offset >= GIC_ICFGR)
        return (offset - GIC_ICFGR) / 8;
    if (offset >= GIC_IPRIORITYR)
        return (offset - GIC_IPRIORITYR) / 32;
    return offset % 0x80 / 4;
}

// --- two bits an interrupt, of which the upper one is the trigger ---

static uint32_t read_triggers(const struct gic_bank *b, unsigned first)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 16; i++)
        value |= (b->edge >> (first + i) & 1) << (2 * i + 1);
    return value;
}

static void write_triggers(struct gic_bank *b, unsigned first, uint32_t value, uint32_t fixed)
{
    uint32_t edge = 0, changes = (UINT32_C(0xffff) << first) & ~fixed;
    for (unsigned i = 0; i < 16; i++)
        edge |= (value >> (2 * i + 1) & 1) << (first + i);
    b->edge = (b->edge & ~changes) | (edge & changes);
}

// --- registers ---

uint32_t gic_bank_read(const struct gic_bank *b, uint32_t offset)
{
    if (offset >= GIC_ICFGR)
        return read_triggers(b, offset % 8 * 4);
    if (offset >= GIC_IPRIORITYR)
        return vm_load_le32(b->priority + offset % 32);
    switch (offset & ~UINT32_C(0x7f)) {
    case GIC_IGROUPR: return b->group;
    case GIC_ISENABLER:
    case GIC_ICENABLER: return b->enabled;
    case GIC_ISPENDR:
    case GIC_ICPENDR: return gic_pending(b);
    default: return b->active;
    }
}

void gic_bank_write_priority(struct gic_bank *b, uint32_t offset, uint8_t value)
{
    b->priority[offset % 32] = value & GIC_PRIORITY_MASK;
}

void gic_bank_write(struct gic_bank *b, uint32_t offset, uint32_t value, uint32_t fixed)
{
    if (offset >= GIC_ICFGR) {
        write_triggers(b, offset % 8 * 4, value, fixed);
        return;
    }
    if (offset >= GIC_IPRIORITYR) {
        for (unsigned i = 0; i < 4; i++)
            gic_bank_write_priority(b, offset + i, (uint8_t)(value >> 8 * i));
        return;
    }
    switch (offset & ~UINT32_C(0x7f)) {
    case GIC_IGROUPR: b->group = value; break;
    case GIC_ISENABLER: b->enabled |= value; break;
    case GIC_ICENABLER: b->enabled &= ~value; break;
    case GIC_ISPENDR: b->latched |= value; break;
    case GIC_ICPENDR: b->latched &= ~value; break;
    case GIC_ISACTIVER: b->active |= value; break;
    default: b->active &= ~value; break;
    }
}

// PIDR4 to PIDR7, PIDR0 to PIDR3, CIDR0 to CIDR3. The designer is Arm, JEP106 code 0x3b of bank 4.
bool gic_identification(uint64_t offset, uint64_t end, uint16_t part, unsigned version,
                        uint32_t *value)
{
    enum { REGISTERS = 12 };
    if (offset >= end || offset < end - 4 * REGISTERS)
        return false;
    const uint8_t bytes[REGISTERS] = {0x44,
                                      0,
                                      0,
                                      0,
                                      (uint8_t)part,
                                      (uint8_t)(0xb0 | part >> 8),
                                      (uint8_t)(version << 4 | 0xb),
                                      0,
                                      0x0d,
                                      0xf0,
                                      0x05,
                                      0xb1};
    *value = bytes[(offset - (end - 4 * REGISTERS)) / 4];
    return true;
}
