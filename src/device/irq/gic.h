// SPDX-License-Identifier: MIT
//
// What the distributors of GICv2 (Arm IHI 0048) and GICv3 (Arm IHI 0069) share: interrupts in banks
// of 32, their registers, and the choice of the most urgent one. Called under the GIC's lock.
#ifndef DEVICE_IRQ_GIC_H
#define DEVICE_IRQ_GIC_H

#include <vm/base/types.h>

enum {
    GIC_INTERNAL = 32, // SGIs and PPIs, which each CPU has for itself
    GIC_SGIS = 16,
    GIC_SPECIAL = 1020, // from here to 1023 numbers have meanings of their own
    GIC_SPURIOUS = 1023,

    GIC_PRIORITY_SHIFT = 3, // 5 bits of priority, the upper ones of a byte
    GIC_PRIORITY_MASK = 0xf8,
    GIC_PRIORITY_IDLE = 0xff, // of nothing: less urgent than every interrupt
};

// Offsets of the registers that are alike in GICD (both versions) and in GICR's SGI frame.
enum {
    GIC_IGROUPR = 0x080,
    GIC_ISENABLER = 0x100,
    GIC_ICENABLER = 0x180,
    GIC_ISPENDR = 0x200,
    GIC_ICPENDR = 0x280,
    GIC_ISACTIVER = 0x300,
    GIC_ICACTIVER = 0x380,
    GIC_IPRIORITYR = 0x400,
    GIC_ITARGETSR = 0x800,
    GIC_ICFGR = 0xc00,
    GIC_ICFGR_END = 0xd00,
};

struct gic_bank {
    uint32_t group; // 1: group 1
    uint32_t enabled;
    uint32_t latched; // pending by an edge or by software
    uint32_t level;   // of the wires
    uint32_t edge;    // 1: edge-triggered
    uint32_t active;
    uint8_t priority[32];
};

// The most urgent interrupt of some; GIC_SPURIOUS with GIC_PRIORITY_IDLE for none.
struct gic_top {
    uint32_t intid;
    uint8_t priority;
    bool group1;
};
#define GIC_NOTHING ((struct gic_top){GIC_SPURIOUS, GIC_PRIORITY_IDLE, false})

static inline uint32_t gic_pending(const struct gic_bank *b)
{
    return b->latched | (b->level & ~b->edge);
}

// What could be signalled, of the groups that are enabled.
static inline uint32_t gic_candidates(const struct gic_bank *b, bool group0, bool group1)
{
    uint32_t groups = (group0 ? ~b->group : 0) | (group1 ? b->group : 0);
    return gic_pending(b) & b->enabled & ~b->active & groups;
}

// Looks whether interrupt `n` of a bank that begins with `first` is more urgent than *best; among
// equals the first one that was looked at stays.
static inline void gic_consider(const struct gic_bank *b, uint32_t first, uint32_t n,
                                struct gic_top *best)
{
    if (b->priority[n] < best->priority)
        *best = (struct gic_top){first + n, b->priority[n], b->group >> n & 1};
}

// A wire changes.
void gic_bank_input(struct gic_bank *b, uint32_t n, bool level);

// The CPU takes the interrupt; a level that is still high lets it pend on.
void gic_bank_activate(struct gic_bank *b, uint32_t n);

// Everything but the wires, as at reset: group 0, level-sensitive but for `edges`.
void gic_bank_reset(struct gic_bank *b, uint32_t edges);

// The bank that a register at `offset` (GIC_IGROUPR to GIC_ICFGR_END, not GIC_ITARGETSR) is about,
// counted from INTID 0.
uint32_t gic_bank_number(uint32_t offset);

// Aligned words of those registers. `fixed` are the interrupts whose trigger cannot be changed.
uint32_t gic_bank_read(const struct gic_bank *b, uint32_t offset);
void gic_bank_write(struct gic_bank *b, uint32_t offset, uint32_t value, uint32_t fixed);
// A byte of GIC_IPRIORITYR.
void gic_bank_write_priority(struct gic_bank *b, uint32_t offset, uint8_t value);

// Whether a register at `offset` is one of them.
static inline bool gic_is_bank_register(uint64_t offset)
{
    return offset >= GIC_IGROUPR && offset < GIC_ICFGR_END &&
           !(offset >= GIC_ITARGETSR && offset < GIC_ICFGR);
}

static inline bool gic_is_priority(uint64_t offset)
{
    return offset >= GIC_IPRIORITYR && offset < GIC_ITARGETSR;
}

// The identification registers of a frame, whose last is at `end` - 4: the part's number and the
// version of the architecture. False: there is none at `offset`.
bool gic_identification(uint64_t offset, uint64_t end, uint16_t part, unsigned version,
                        uint32_t *value);

#endif
