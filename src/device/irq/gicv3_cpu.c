// SPDX-License-Identifier: MIT
//
// ICC_*_EL1, the CPU interface of the GICv3 (IHI 0069, "AArch64 System register descriptions" and
// "Interrupt handling and prioritization").
//
// There is one security state without EL3, so ICC_BPR1_EL1 is the Non-secure one, whose values are
// one more than those of ICC_BPR0_EL1. All 5 bits of priority can preempt, so one active priorities
// register a group has a bit for each of them.
#include "gicv3.h"

#include <vm/base/bits.h>

#define REGISTER(crn, crm, op2) VM_ARM64_GIC_REGISTER(3, 0, crn, crm, op2)

enum {
    ICC_PMR_EL1 = REGISTER(4, 6, 0),
    ICC_IAR0_EL1 = REGISTER(12, 8, 0),
    ICC_EOIR0_EL1 = REGISTER(12, 8, 1),
    ICC_HPPIR0_EL1 = REGISTER(12, 8, 2),
    ICC_BPR0_EL1 = REGISTER(12, 8, 3),
    ICC_AP0R0_EL1 = REGISTER(12, 8, 4),
    ICC_AP1R0_EL1 = REGISTER(12, 9, 0),
    ICC_DIR_EL1 = REGISTER(12, 11, 1),
    ICC_RPR_EL1 = REGISTER(12, 11, 3),
    ICC_SGI1R_EL1 = REGISTER(12, 11, 5),
    ICC_ASGI1R_EL1 = REGISTER(12, 11, 6),
    ICC_SGI0R_EL1 = REGISTER(12, 11, 7),
    ICC_IAR1_EL1 = REGISTER(12, 12, 0),
    ICC_EOIR1_EL1 = REGISTER(12, 12, 1),
    ICC_HPPIR1_EL1 = REGISTER(12, 12, 2),
    ICC_BPR1_EL1 = REGISTER(12, 12, 3),
    ICC_CTLR_EL1 = REGISTER(12, 12, 4),
    ICC_SRE_EL1 = REGISTER(12, 12, 5),
    ICC_IGRPEN0_EL1 = REGISTER(12, 12, 6),
    ICC_IGRPEN1_EL1 = REGISTER(12, 12, 7),
    ICC_SRE_EL2 = VM_ARM64_GIC_REGISTER(3, 4, 12, 9, 5),
};

enum {
    CTLR_CBPR = 1 << 0,
    CTLR_EOIMODE = 1 << 1,
    CTLR_PRI_BITS = 4 << 8, // one less than there are
    CTLR_A3V = 1 << 15,     // IDbits 0: 16 bits

    SRE = 7,       // SRE, DFB, DIB: there is no other way than by system registers
    SRE_EL2 = 0xf, // and EL1 may
    BPR_MIN = 2,   // of group 0; all bits of priority preempt
    BPR_MAX = 7,
    INTID_MASK = 0xffffff,
};

// --- priorities ---

// The bits of a priority that say whether it preempts.
static uint8_t preemption_mask(const struct gicv3_cpu *c, bool group1)
{
    unsigned below = group1 && !c->cbpr ? c->bpr[1] : c->bpr[0] + 1u;
    return (uint8_t)(0xff << below);
}

static uint8_t running_priority(const struct gicv3_cpu *c)
{
    uint32_t active = c->active_priorities[0] | c->active_priorities[1];
    return active ? (uint8_t)(vm_ctz32(active) << GIC_PRIORITY_SHIFT) : GIC_PRIORITY_IDLE;
}

bool gicv3_cpu_signals(const struct gicv3_cpu *c)
{
    uint8_t running = running_priority(c);
    if (c->top.priority >= c->pmr)
        return false;
    return running == GIC_PRIORITY_IDLE ||
           (c->top.priority & preemption_mask(c, c->top.group1)) < running;
}

// --- life of an interrupt ---

static struct gic_bank *bank_of(struct gicv3_cpu *c, uint32_t intid)
{
    if (intid < GIC_INTERNAL)
        return &c->bank;
    uint32_t spi = intid - GIC_INTERNAL;
    return spi < c->gic->spis ? &c->gic->bank[spi / 32] : NULL;
}

static uint32_t acknowledge(struct gicv3_cpu *c, bool group1)
{
    struct gic_top top = c->top;
    if (!gicv3_cpu_signals(c) || top.group1 != group1)
        return GIC_SPURIOUS;
    uint8_t level = top.priority & preemption_mask(c, group1);
    c->active_priorities[group1] |= UINT32_C(1) << (level >> GIC_PRIORITY_SHIFT);
    if (top.intid >= GICV3_LPI_FIRST)
        gicv3_lpi_activate(c, top.intid);
    else
        gic_bank_activate(bank_of(c, top.intid), top.intid % 32);
    gicv3_update(c);
    return top.intid;
}

// LPIs have no active state.
static void deactivate(struct gicv3_cpu *c, uint32_t intid)
{
    struct gic_bank *b = intid < GIC_SPECIAL ? bank_of(c, intid) : NULL;
    if (!b)
        return;
    b->active &= ~(UINT32_C(1) << intid % 32);
    uint8_t target =
        intid < GIC_INTERNAL ? (uint8_t)c->index : c->gic->target[intid - GIC_INTERNAL];
    if (target != GICV3_NO_CPU)
        gicv3_update(&c->gic->cpu[target]);
}

// The running priority drops; where that is one of the other group's, software is wrong, and
// nothing happens.
static void end(struct gicv3_cpu *c, bool group1, uint32_t intid)
{
    uint32_t *own = &c->active_priorities[group1], other = c->active_priorities[!group1];
    bool special = intid >= GIC_SPECIAL && intid < GICV3_LPI_FIRST;
    bool running = group1 ? vm_ctz32(*own) < vm_ctz32(other) : vm_ctz32(*own) <= vm_ctz32(other);
    if (special || *own == 0 || !running)
        return;
    *own &= *own - 1;
    if (!c->eoi_mode)
        deactivate(c, intid);
    gicv3_update(c);
}

static uint32_t highest_pending(const struct gicv3_cpu *c, bool group1)
{
    return c->top.group1 == group1 ? c->top.intid : GIC_SPURIOUS;
}

// --- SGIs ---

// With one security state ICC_SGI1R_EL1 makes SGIs of either group and the other two registers only
// those of group 0 ("Forwarding an SGI to a target PE").
static void send_to(struct gicv3_cpu *c, uint32_t intid, bool group1)
{
    if (!group1 && c->bank.group >> intid & 1)
        return;
    c->bank.latched |= UINT32_C(1) << intid;
    gicv3_update(c);
}

// Affinities 1 to 3 name a group of 16 CPUs, of which there is a list; or it goes to all but the
// sender.
static void send_sgi(struct gicv3_cpu *self, uint64_t value, bool group1)
{
    enum { LIST = 0, AFF1 = 16, INTID = 24, AFF2 = 32, IRM = 40, RS = 44, AFF3 = 48 };
    struct gicv3 *g = self->gic;
    uint64_t cluster = vm_bits(value, AFF3, 8) << 32 | vm_bits(value, AFF2, 8) << 16 |
                       vm_bits(value, AFF1, 8) << 8;
    for (uint32_t i = 0; i < g->cpus; i++) {
        struct gicv3_cpu *c = &g->cpu[i];
        uint64_t affinity = gicv3_affinity(c->mpidr);
        bool listed = (affinity & ~UINT64_C(0xff)) == cluster && vm_bits(value, RS, 4) == 0 &&
                      value >> (LIST + (affinity & 0xff)) & 1;
        if (vm_bits(value, IRM, 1) ? c != self : listed)
            send_to(c, (uint32_t)vm_bits(value, INTID, 4), group1);
    }
}

// --- registers ---

static uint32_t read_bpr1(const struct gicv3_cpu *c)
{
    if (!c->cbpr)
        return c->bpr[1];
    return c->bpr[0] < BPR_MAX ? c->bpr[0] + 1u : BPR_MAX;
}

static void write_bpr(struct gicv3_cpu *c, bool group1, uint64_t value)
{
    uint8_t least = BPR_MIN + group1, wanted = value & BPR_MAX;
    if (group1 && c->cbpr)
        return;
    c->bpr[group1] = wanted < least ? least : wanted;
}

static bool read_register(struct gicv3_cpu *c, uint16_t sysreg, uint64_t *value)
{
    switch (sysreg) {
    case ICC_PMR_EL1: *value = c->pmr; break;
    case ICC_IAR0_EL1: *value = acknowledge(c, false); break;
    case ICC_IAR1_EL1: *value = acknowledge(c, true); break;
    case ICC_HPPIR0_EL1: *value = highest_pending(c, false); break;
    case ICC_HPPIR1_EL1: *value = highest_pending(c, true); break;
    case ICC_BPR0_EL1: *value = c->bpr[0]; break;
    case ICC_BPR1_EL1: *value = read_bpr1(c); break;
    case ICC_AP0R0_EL1: *value = c->active_priorities[0]; break;
    case ICC_AP1R0_EL1: *value = c->active_priorities[1]; break;
    case ICC_RPR_EL1: *value = running_priority(c); break;
    case ICC_CTLR_EL1:
        *value =
            CTLR_PRI_BITS | CTLR_A3V | (c->cbpr ? CTLR_CBPR : 0) | (c->eoi_mode ? CTLR_EOIMODE : 0);
        break;
    case ICC_SRE_EL1: *value = SRE; break;
    case ICC_SRE_EL2: *value = SRE_EL2; break;
    case ICC_IGRPEN0_EL1: *value = c->enabled[0]; break;
    case ICC_IGRPEN1_EL1: *value = c->enabled[1]; break;
    default: return false;
    }
    return true;
}

static void write_ctlr(struct gicv3_cpu *c, uint64_t value)
{
    c->cbpr = value & CTLR_CBPR;
    c->eoi_mode = value & CTLR_EOIMODE;
}

static bool write_register(struct gicv3_cpu *c, uint16_t sysreg, uint64_t value)
{
    uint32_t intid = value & INTID_MASK;
    switch (sysreg) {
    case ICC_PMR_EL1: c->pmr = value & GIC_PRIORITY_MASK; break;
    case ICC_EOIR0_EL1: end(c, false, intid); return true;
    case ICC_EOIR1_EL1: end(c, true, intid); return true;
    case ICC_DIR_EL1:
        if (c->eoi_mode)
            deactivate(c, intid);
        return true;
    case ICC_BPR0_EL1: write_bpr(c, false, value); break;
    case ICC_BPR1_EL1: write_bpr(c, true, value); break;
    case ICC_AP0R0_EL1: c->active_priorities[0] = (uint32_t)value; break;
    case ICC_AP1R0_EL1: c->active_priorities[1] = (uint32_t)value; break;
    case ICC_ASGI1R_EL1:
    case ICC_SGI0R_EL1: send_sgi(c, value, false); return true;
    case ICC_SGI1R_EL1: send_sgi(c, value, true); return true;
    case ICC_SRE_EL1:
    case ICC_SRE_EL2: return true;
    case ICC_CTLR_EL1: write_ctlr(c, value); break;
    case ICC_IGRPEN0_EL1: c->enabled[0] = value & 1; break;
    case ICC_IGRPEN1_EL1: c->enabled[1] = value & 1; break;
    default: return false;
    }
    gicv3_update(c);
    return true;
}

static bool cpu_read(void *gic, uint32_t cpu, uint16_t sysreg, uint64_t *value)
{
    struct gicv3 *g = gic;
    if (cpu >= g->cpus)
        return false;
    gicv3_lock(g);
    bool exists = read_register(&g->cpu[cpu], sysreg, value);
    gicv3_unlock(g);
    return exists;
}

static bool cpu_write(void *gic, uint32_t cpu, uint16_t sysreg, uint64_t value)
{
    struct gicv3 *g = gic;
    if (cpu >= g->cpus)
        return false;
    gicv3_lock(g);
    bool exists = write_register(&g->cpu[cpu], sysreg, value);
    gicv3_unlock(g);
    return exists;
}

const struct vm_register_ops gicv3_cpu_ops = {cpu_read, cpu_write};

void gicv3_cpu_reset(struct gicv3_cpu *c)
{
    c->pmr = 0;
    c->bpr[0] = BPR_MIN;
    c->bpr[1] = BPR_MIN + 1;
    c->enabled[0] = c->enabled[1] = false;
    c->cbpr = c->eoi_mode = false;
    c->active_priorities[0] = c->active_priorities[1] = 0;
}
