// SPDX-License-Identifier: MIT
//
// Histories of interrupts of the GICv3 at random, against a model without registers: interrupts one
// by one, and running priorities as a stack.
#include "gic_bed.h"

#include <string.h>

enum { FIRST = 60, COUNT = 10, STEPS = 100000 }; // INTIDs 60 to 69, over the border of a bank

struct interrupt {
    bool wire, latched, edge, active, enabled, group1;
    uint8_t priority;
};

struct model {
    struct interrupt interrupt[COUNT];
    struct {
        uint8_t level;
        bool group1;
    } running[32];
    unsigned depth;
    uint8_t pmr;
    unsigned bpr1;
    bool eoi_mode;
};

static bool pends(const struct interrupt *i)
{
    return i->latched || (i->wire && !i->edge);
}

// The most urgent one, COUNT if there is none.
static unsigned top(const struct model *m)
{
    unsigned best = COUNT;
    for (unsigned n = 0; n < COUNT; n++) {
        const struct interrupt *i = &m->interrupt[n];
        if (pends(i) && i->enabled && !i->active &&
            (best == COUNT || i->priority < m->interrupt[best].priority))
            best = n;
    }
    return best;
}

// Of group 0 all five bits preempt, of group 1 those from the binary point on.
static uint8_t level_of(const struct model *m, const struct interrupt *i)
{
    return i->group1 ? i->priority >> m->bpr1 << m->bpr1 : i->priority;
}

static bool signals(const struct model *m, unsigned n)
{
    if (n == COUNT || m->interrupt[n].priority >= m->pmr)
        return false;
    return m->depth == 0 || level_of(m, &m->interrupt[n]) < m->running[m->depth - 1].level;
}

static uint32_t take(struct model *m, bool group1)
{
    unsigned n = top(m);
    if (!signals(m, n) || m->interrupt[n].group1 != group1)
        return SPURIOUS;
    struct interrupt *i = &m->interrupt[n];
    m->running[m->depth].level = level_of(m, i);
    m->running[m->depth++].group1 = group1;
    i->latched = false;
    i->active = true;
    return FIRST + n;
}

static void end(struct model *m, unsigned n, bool group1)
{
    if (m->depth == 0 || m->running[m->depth - 1].group1 != group1)
        return;
    m->depth--;
    if (!m->eoi_mode)
        m->interrupt[n].active = false;
}

static void write_bit(struct gic_bed *b, uint32_t reg, unsigned n)
{
    uint32_t intid = FIRST + n;
    gicd_put(b, reg + intid / 32 * 4, UINT32_C(1) << intid % 32);
}

static void write_trigger(struct gic_bed *b, unsigned n, bool edge)
{
    uint32_t at = ICFGR + (FIRST + n) / 16 * 4, bit = UINT32_C(2) << (FIRST + n) % 16 * 2;
    uint32_t old = gicd(b, at);
    gicd_put(b, at, edge ? old | bit : old & ~bit);
}

static void write_group(struct gic_bed *b, unsigned n, bool group1)
{
    uint32_t at = IGROUPR + (FIRST + n) / 32 * 4, bit = UINT32_C(1) << (FIRST + n) % 32;
    uint32_t old = gicd(b, at);
    gicd_put(b, at, group1 ? old | bit : old & ~bit);
}

static void configure(struct gic_bed *b, struct model *m, unsigned n, uint64_t r)
{
    struct interrupt *i = &m->interrupt[n];
    bool value = r & 1;
    switch (r >> 1 & 7) {
    case 0:
        write_bit(b, value ? ISENABLER : ICENABLER, n);
        i->enabled = value;
        break;
    case 1:
        write_bit(b, value ? ISPENDR : ICPENDR, n);
        i->latched = value;
        break;
    case 2:
        write_bit(b, value ? ISACTIVER : ICACTIVER, n);
        i->active = value;
        break;
    case 3:
        write_trigger(b, n, value);
        i->edge = value;
        break;
    case 4:
        write_group(b, n, value);
        i->group1 = value;
        break;
    case 5:
        gic_set_priority(b, 0, FIRST + n, (uint8_t)(r >> 8));
        i->priority = r >> 8 & 0xf8;
        break;
    case 6:
        icc_put(b, 0, ICC_PMR, r >> 8 & 3 ? 0xf8 : r >> 16 & 0xff);
        m->pmr = r >> 8 & 3 ? 0xf8 : r >> 16 & 0xf8;
        break;
    default:
        m->bpr1 = 3 + (r >> 8) % 5;
        m->eoi_mode = r >> 16 & 1;
        icc_put(b, 0, ICC_BPR1, m->bpr1);
        icc_put(b, 0, ICC_CTLR, m->eoi_mode ? 2 : 0);
        break;
    }
}

static void step(struct gic_bed *b, struct model *m, uint64_t r)
{
    unsigned n = (r >> 8) % COUNT;
    struct interrupt *i = &m->interrupt[n];
    bool value = r >> 4 & 1;
    switch (r & 7) {
    case 0:
    case 1:
        gic_wire(b, 0, FIRST + n, value);
        i->latched |= value && !i->wire && i->edge;
        i->wire = value;
        break;
    case 2:
    case 3: assert_int_equal(icc(b, 0, value ? ICC_IAR1 : ICC_IAR0), take(m, value)); break;
    case 4:
        icc_put(b, 0, value ? ICC_EOIR1 : ICC_EOIR0, FIRST + n);
        end(m, n, value);
        break;
    case 5:
        icc_put(b, 0, ICC_DIR, FIRST + n);
        i->active = i->active && !m->eoi_mode;
        break;
    default: configure(b, m, n, r >> 16); break;
    }
}

static void check(struct gic_bed *b, const struct model *m)
{
    unsigned n = top(m);
    bool group1 = n < COUNT && m->interrupt[n].group1;
    assert_int_equal(b->irq[0].level, signals(m, n) && group1);
    assert_int_equal(b->fiq[0].level, signals(m, n) && !group1);
    assert_int_equal(icc(b, 0, ICC_RPR), m->depth ? m->running[m->depth - 1].level : 0xff);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), n < COUNT && group1 ? FIRST + n : SPURIOUS);
    assert_int_equal(icc(b, 0, ICC_HPPIR0), n < COUNT && !group1 ? FIRST + n : SPURIOUS);
    for (n = 0; n < COUNT; n++) {
        uint32_t at = (FIRST + n) / 32 * 4, shift = (FIRST + n) % 32;
        assert_int_equal(gicd(b, ISPENDR + at) >> shift & 1, pends(&m->interrupt[n]));
        assert_int_equal(gicd(b, ISACTIVER + at) >> shift & 1, m->interrupt[n].active);
    }
}

static void histories(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    struct model m;
    uint64_t seed = test_seed("gicv3-random", 91);
    memset(&m, 0, sizeof m);
    gic_bed_start(b);
    m.pmr = 0xf0;
    m.bpr1 = 3;
    for (unsigned n = 0; n < COUNT; n++)
        m.interrupt[n] = (struct interrupt){.group1 = true, .priority = 0xa0};
    for (unsigned i = 0; i < STEPS; i++) {
        step(b, &m, test_random(&seed));
        check(b, &m);
    }
    gic_bed_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(histories)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
