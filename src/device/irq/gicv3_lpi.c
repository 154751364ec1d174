// SPDX-License-Identifier: MIT
//
// LPIs of a redistributor (IHI 0069, "LPIs"). While they are enabled their pending bits are here;
// the guest's pending table is read when they are enabled and written when they are disabled. The
// configuration table stays in the guest's memory and is read whenever it matters: only which LPI
// is the most urgent one is remembered, until software says that the table has changed.
#include "gicv3.h"

#include <vm/base/bits.h>

enum {
    CONFIG_ENABLE = 1 << 0,
    MIN_ID_BITS = 14, // fewer, and there are no LPIs
    ALL_LPI_BYTES = (GICV3_IDS - GICV3_LPI_FIRST) / 8,
};

#define PENDBASER_PTZ     (UINT64_C(1) << 62)
#define PENDBASER_ADDRESS UINT64_C(0x000fffffffff0000)

// The first number that is none of an LPI any more.
static uint32_t id_limit(const struct gicv3_cpu *c)
{
    uint32_t bits = (c->lpi.propbaser & 0x1f) + 1;
    if (bits < MIN_ID_BITS)
        return 0;
    return UINT32_C(1) << (bits < GICV3_ID_BITS ? bits : GICV3_ID_BITS);
}

static bool is_lpi(const struct gicv3_cpu *c, uint32_t intid)
{
    return c->lpi.enabled && intid >= GICV3_LPI_FIRST && intid < id_limit(c);
}

// The configuration table, from LPI 8192 on; NULL if it is not in RAM.
static const uint8_t *config_table(const struct gicv3_cpu *c)
{
    uint64_t at = c->lpi.propbaser & GICV3_TABLE_ADDRESS;
    return vm_space_host(&c->gic->machine->space, vm_gpa_of(at), id_limit(c) - GICV3_LPI_FIRST,
                         false);
}

// LPIs are of group 1. Among equals the lowest number wins.
static void consider(const uint8_t *table, uint32_t intid, struct gic_top *best)
{
    uint8_t config = (uint8_t)vm_ram_load(table + intid - GICV3_LPI_FIRST, 1);
    uint8_t priority = config & GIC_PRIORITY_MASK;
    if (!(config & CONFIG_ENABLE) || priority > best->priority ||
        (priority == best->priority && intid > best->intid))
        return;
    *best = (struct gic_top){intid, priority, true};
}

static void choose(struct gicv3_cpu *c)
{
    struct gicv3_lpis *l = &c->lpi;
    struct gic_top best = {GICV3_IDS, GIC_PRIORITY_IDLE, true};
    const uint8_t *table = l->enabled && id_limit(c) ? config_table(c) : NULL;
    for (uint32_t s = 0; table && s < VM_ARRAY_SIZE(l->summary); s++) {
        for (uint64_t words = l->summary[s]; words; words &= words - 1) {
            uint32_t w = 64 * s + vm_ctz64(words);
            for (uint64_t bits = l->pending[w]; bits; bits &= bits - 1)
                consider(table, 64 * w + vm_ctz64(bits), &best);
        }
    }
    l->top = best.intid < GICV3_IDS ? best : GIC_NOTHING;
    l->stale = false;
}

// --- pending bits ---

static bool is_pending(const struct gicv3_lpis *l, uint32_t intid)
{
    return l->pending[intid / 64] >> intid % 64 & 1;
}

static void set_word(struct gicv3_lpis *l, uint32_t word, uint64_t bits)
{
    uint64_t bit = UINT64_C(1) << word % 64;
    l->pending[word] = bits;
    l->summary[word / 64] = bits ? l->summary[word / 64] | bit : l->summary[word / 64] & ~bit;
}

static void put_pending(struct gicv3_lpis *l, uint32_t intid, bool value)
{
    uint64_t bit = UINT64_C(1) << intid % 64, old = l->pending[intid / 64];
    set_word(l, intid / 64, value ? old | bit : old & ~bit);
}

static void pend(struct gicv3_cpu *c, uint32_t intid)
{
    struct gicv3_lpis *l = &c->lpi;
    put_pending(l, intid, true);
    const uint8_t *table = l->stale ? NULL : config_table(c);
    if (!table)
        return;
    consider(table, intid, &l->top);
    gicv3_update(c);
}

void gicv3_lpi_activate(struct gicv3_cpu *c, uint32_t intid)
{
    put_pending(&c->lpi, intid, false);
    choose(c);
}

void gicv3_lpi_reset(struct gicv3_cpu *c)
{
    c->lpi = (struct gicv3_lpis){.top = GIC_NOTHING};
}

// --- the guest's pending table ---

static uint64_t table_address(const struct gicv3_cpu *c)
{
    return (c->lpi.pendbaser & PENDBASER_ADDRESS) + GICV3_LPI_FIRST / 8;
}

static size_t table_size(const struct gicv3_cpu *c)
{
    uint32_t limit = id_limit(c);
    return limit ? (limit - GICV3_LPI_FIRST) / 8 : 0;
}

static void load(struct gicv3_cpu *c)
{
    uint8_t bytes[ALL_LPI_BYTES];
    size_t size = table_size(c);
    if (c->lpi.pendbaser & PENDBASER_PTZ ||
        !vm_space_read(&c->gic->machine->space, vm_gpa_of(table_address(c)), bytes, size))
        return;
    for (size_t i = 0; i < size / 8; i++)
        set_word(&c->lpi, (uint32_t)(GICV3_LPI_FIRST / 64 + i), vm_load_le64(bytes + 8 * i));
}

static void save(struct gicv3_cpu *c)
{
    uint8_t bytes[ALL_LPI_BYTES];
    size_t size = table_size(c);
    for (size_t i = 0; i < size / 8; i++)
        vm_store_le64(bytes + 8 * i, c->lpi.pending[GICV3_LPI_FIRST / 64 + i]);
    // A table that is not in RAM holds nothing: that is the guest's loss.
    (void)vm_space_write(&c->gic->machine->space, vm_gpa_of(table_address(c)), bytes, size);
}

static void forget(struct gicv3_lpis *l)
{
    vm_zero(l->pending, sizeof l->pending);
    vm_zero(l->summary, sizeof l->summary);
}

void gicv3_lpi_enable(struct gicv3_cpu *c, bool on)
{
    if (c->lpi.enabled == on)
        return;
    if (on) {
        load(c);
    } else {
        save(c);
        forget(&c->lpi);
    }
    c->lpi.enabled = on;
    choose(c);
}

// --- for the ITS ---

static struct gicv3_cpu *lpi_cpu(struct gicv3 *g, uint32_t cpu, uint32_t intid)
{
    return cpu < g->cpus && is_lpi(&g->cpu[cpu], intid) ? &g->cpu[cpu] : NULL;
}

void gicv3_lpi_pend(struct gicv3 *g, uint32_t cpu, uint32_t intid)
{
    gicv3_lock(g);
    struct gicv3_cpu *c = lpi_cpu(g, cpu, intid);
    if (c)
        pend(c, intid);
    gicv3_unlock(g);
}

void gicv3_lpi_clear(struct gicv3 *g, uint32_t cpu, uint32_t intid)
{
    gicv3_lock(g);
    struct gicv3_cpu *c = lpi_cpu(g, cpu, intid);
    if (c) {
        put_pending(&c->lpi, intid, false);
        c->lpi.stale = true;
    }
    gicv3_unlock(g);
}

void gicv3_lpi_move(struct gicv3 *g, uint32_t from, uint32_t to, uint32_t intid)
{
    gicv3_lock(g);
    struct gicv3_cpu *a = lpi_cpu(g, from, intid), *b = lpi_cpu(g, to, intid);
    if (a && b && a != b && is_pending(&a->lpi, intid)) {
        put_pending(&a->lpi, intid, false);
        put_pending(&b->lpi, intid, true);
        a->lpi.stale = b->lpi.stale = true;
    }
    gicv3_unlock(g);
}

void gicv3_lpi_move_all(struct gicv3 *g, uint32_t from, uint32_t to)
{
    gicv3_lock(g);
    struct gicv3_cpu *a = lpi_cpu(g, from, GICV3_LPI_FIRST), *b = lpi_cpu(g, to, GICV3_LPI_FIRST);
    if (a && b && a != b) {
        for (uint32_t w = GICV3_LPI_FIRST / 64; w < id_limit(b) / 64; w++) {
            if (a->lpi.pending[w])
                set_word(&b->lpi, w, a->lpi.pending[w] | b->lpi.pending[w]);
        }
        forget(&a->lpi);
        a->lpi.stale = b->lpi.stale = true;
    }
    gicv3_unlock(g);
}

void gicv3_lpi_invalidate(struct gicv3 *g, uint32_t cpu)
{
    gicv3_lock(g);
    if (cpu < g->cpus)
        g->cpu[cpu].lpi.stale = true;
    gicv3_unlock(g);
}

void gicv3_lpi_refresh(struct gicv3 *g)
{
    gicv3_lock(g);
    for (uint32_t i = 0; i < g->cpus; i++) {
        if (g->cpu[i].lpi.stale) {
            choose(&g->cpu[i]);
            gicv3_update(&g->cpu[i]);
        }
    }
    gicv3_unlock(g);
}
