// SPDX-License-Identifier: MIT
//
// GICC_*, the CPU interface of the GICv2 (IHI 0048, "CPU interface register descriptions"), as it
// is without security extensions: both groups are there, group 0 by the registers without "A" in
// front (and group 1 too with AckCtl), group 1 by those with it.
#include <vm/base/bits.h>

#include "gicv2.h"

enum {
    CTLR = 0x000,
    PMR = 0x004,
    BPR = 0x008,
    IAR = 0x00c,
    EOIR = 0x010,
    RPR = 0x014,
    HPPIR = 0x018,
    ABPR = 0x01c,
    AIAR = 0x020,
    AEOIR = 0x024,
    AHPPIR = 0x028,
    APR0 = 0x0d0,
    NSAPR0 = 0x0e0,
    IIDR = 0x0fc,
    DIR = 0x1000,

    CTLR_GROUP0 = 1 << 0,
    CTLR_GROUP1 = 1 << 1,
    CTLR_ACK_CTL = 1 << 2,
    CTLR_FIQ = 1 << 3,
    CTLR_CBPR = 1 << 4,
    CTLR_EOIMODE = 1 << 9,
    CTLR_FIELDS = 0x3ff, // with the bypasses, of which there are none

    OTHER_GROUP = 1022, // what GICC_IAR says when the interrupt is for GICC_AIAR
    SENDER_SHIFT = 10,
    INTID_MASK = 0x3ff,
    BPR_MIN = 2, // of group 0; one more for group 1
    BPR_MAX = 7,
};

bool gicv2_cpu_enables(const struct gicv2_cpu *c, bool group1)
{
    return c->ctlr & (group1 ? CTLR_GROUP1 : CTLR_GROUP0);
}

bool gicv2_cpu_signals_fiq(const struct gicv2_cpu *c)
{
    return !c->top.group1 && c->ctlr & CTLR_FIQ;
}

// --- priorities ---

static uint8_t preemption_mask(const struct gicv2_cpu *c, bool group1)
{
    unsigned below = group1 && !(c->ctlr & CTLR_CBPR) ? c->bpr[1] : c->bpr[0] + 1u;
    return (uint8_t)(0xff << below);
}

static uint8_t running_priority(const struct gicv2_cpu *c)
{
    uint32_t active = c->active_priorities[0] | c->active_priorities[1];
    return active ? (uint8_t)(vm_ctz32(active) << GIC_PRIORITY_SHIFT) : GIC_PRIORITY_IDLE;
}

bool gicv2_cpu_signals(const struct gicv2_cpu *c)
{
    uint8_t running = running_priority(c);
    if (c->top.priority >= c->pmr)
        return false;
    return running == GIC_PRIORITY_IDLE ||
           (c->top.priority & preemption_mask(c, c->top.group1)) < running;
}

// --- life of an interrupt ---

static struct gic_bank *bank_of(struct gicv2_cpu *c, uint32_t intid)
{
    if (intid < GIC_INTERNAL)
        return &c->bank;
    uint32_t spi = intid - GIC_INTERNAL;
    return spi < c->gic->spis ? &c->gic->bank[spi / 32] : NULL;
}

// What a pending interrupt is called: an SGI with the CPU that has sent it, the lowest of several.
static uint32_t name_of(const struct gicv2_cpu *c, uint32_t intid)
{
    if (intid >= GIC_SGIS || !c->senders[intid])
        return intid;
    return intid | (uint32_t)vm_ctz32(c->senders[intid]) << SENDER_SHIFT;
}

// The number by a register of `group1`, or the special one that it gives instead.
static uint32_t visible(const struct gicv2_cpu *c, bool group1)
{
    if (c->top.intid == GIC_SPURIOUS || (group1 && !c->top.group1))
        return GIC_SPURIOUS;
    if (!group1 && c->top.group1 && !(c->ctlr & CTLR_ACK_CTL))
        return OTHER_GROUP;
    return name_of(c, c->top.intid);
}

static uint32_t acknowledge(struct gicv2_cpu *c, bool group1)
{
    struct gic_top top = c->top;
    uint32_t name = gicv2_cpu_signals(c) ? visible(c, group1) : (uint32_t)GIC_SPURIOUS;
    if ((name & INTID_MASK) >= GIC_SPECIAL)
        return name;
    uint8_t level = top.priority & preemption_mask(c, top.group1);
    c->active_priorities[top.group1] |= UINT32_C(1) << (level >> GIC_PRIORITY_SHIFT);
    gic_bank_activate(bank_of(c, top.intid), top.intid % 32);
    if (top.intid < GIC_SGIS) {
        gicv2_clear_sgi(c, top.intid, (uint8_t)(1u << (name >> SENDER_SHIFT)));
        gicv2_pend_sgi(c, top.intid, 0); // of the senders that are left
    }
    gicv2_update_all(c->gic);
    return name;
}

static void deactivate(struct gicv2_cpu *c, uint32_t value)
{
    uint32_t intid = value & INTID_MASK;
    struct gic_bank *b = intid < GIC_SPECIAL ? bank_of(c, intid) : NULL;
    if (b)
        b->active &= ~(UINT32_C(1) << intid % 32);
}

// The running priority drops, unless it is one of a group that is not the register's.
static void end(struct gicv2_cpu *c, bool group1, uint32_t value)
{
    uint32_t *active = c->active_priorities;
    bool running1 = vm_ctz32(active[1]) < vm_ctz32(active[0]);
    bool own = running1 == group1 || (running1 && c->ctlr & CTLR_ACK_CTL);
    if ((value & INTID_MASK) >= GIC_SPECIAL || !own || active[running1] == 0)
        return;
    active[running1] &= active[running1] - 1;
    if (!(c->ctlr & CTLR_EOIMODE))
        deactivate(c, value);
}

// --- registers ---

uint32_t gicv2_cpu_read(struct gicv2_cpu *c, uint32_t offset)
{
    switch (offset) {
    case CTLR: return c->ctlr;
    case PMR: return c->pmr;
    case BPR: return c->bpr[0];
    case IAR: return acknowledge(c, false);
    case RPR: return running_priority(c);
    case HPPIR: return visible(c, false);
    case ABPR: return c->bpr[1];
    case AIAR: return acknowledge(c, true);
    case AHPPIR: return visible(c, true);
    case APR0: return c->active_priorities[0];
    case NSAPR0: return c->active_priorities[1];
    case IIDR: return GICV2_IIDR;
    default: return 0;
    }
}

static void write_bpr(struct gicv2_cpu *c, bool group1, uint32_t value)
{
    uint8_t least = BPR_MIN + group1, wanted = value & BPR_MAX;
    c->bpr[group1] = wanted < least ? least : wanted;
}

void gicv2_cpu_write(struct gicv2_cpu *c, uint32_t offset, uint32_t value)
{
    switch (offset) {
    case CTLR: c->ctlr = value & CTLR_FIELDS; break;
    case PMR: c->pmr = value & GIC_PRIORITY_MASK; break;
    case BPR: write_bpr(c, false, value); break;
    case EOIR: end(c, false, value); break;
    case ABPR: write_bpr(c, true, value); break;
    case AEOIR: end(c, true, value); break;
    case APR0: c->active_priorities[0] = value; break;
    case NSAPR0: c->active_priorities[1] = value; break;
    case DIR:
        if (c->ctlr & CTLR_EOIMODE)
            deactivate(c, value);
        break;
    default: break;
    }
    gicv2_update_all(c->gic);
}

void gicv2_cpu_reset(struct gicv2_cpu *c)
{
    c->ctlr = 0;
    c->pmr = 0;
    c->bpr[0] = BPR_MIN;
    c->bpr[1] = BPR_MIN + 1;
    c->active_priorities[0] = c->active_priorities[1] = 0;
}
