// SPDX-License-Identifier: MIT
//
// The GICv3 by its registers: distributor, redistributors, and the life of interrupts as the CPU
// interface's system registers see it.
#include "gic_bed.h"

#include <pthread.h>
#include <string.h>

// --- registers in memory ---

static void distributor_says_what_it_is(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    assert_int_equal(gicd(b, GICD_TYPER), 1 << 25 | 1 << 24 | 15 << 19 | 1 << 17 | SPIS / 32);
    assert_int_equal(gicd(b, GICD_CTLR), 0x50);
    assert_int_equal(gicd(b, 8), 0x43b);
    assert_int_equal(gicd(b, PIDR2), 0x3b);
    assert_int_equal(gicd(b, 0xfff0), 0x0d);
    assert_int_equal(gicd(b, 0xfffc), 0xb1);
    gicd_put(b, GICD_CTLR, UINT32_MAX);
    assert_int_equal(gicd(b, GICD_CTLR), 0x53); // affinity routing and one security state stay
    gicd_put(b, GICD_TYPER, 0);
    assert_int_equal(gicd(b, GICD_TYPER) & 0x1f, SPIS / 32);
    gic_bed_end(b);
}

// What is banked by CPU is the redistributors', and beyond the last SPI there is nothing.
static void distributor_has_registers_of_spis_only(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    static const uint32_t bits[] = {IGROUPR, ISENABLER, ISPENDR, ISACTIVER};
    for (size_t i = 0; i < VM_ARRAY_SIZE(bits); i++) {
        for (unsigned w = 0; w < 32; w++) {
            gicd_put(b, bits[i] + 4 * w, UINT32_MAX);
            bool exists = w >= 1 && w <= SPIS / 32;
            assert_int_equal(gicd(b, bits[i] + 4 * w), exists ? UINT32_MAX : 0);
        }
    }
    gicd_put(b, IPRIORITYR, UINT32_MAX);
    gicd_put(b, IPRIORITYR + 32, UINT32_MAX);
    gicd_put(b, IPRIORITYR + 32 + SPIS, UINT32_MAX);
    assert_int_equal(gicd(b, IPRIORITYR), 0);
    assert_int_equal(gicd(b, IPRIORITYR + 32), 0xf8f8f8f8); // five bits
    assert_int_equal(gicd(b, IPRIORITYR + 32 + SPIS), 0);
    gicd_put(b, ICFGR + 8, 0xffffffff);
    assert_int_equal(gicd(b, ICFGR + 8), 0xaaaaaaaa);
    gicd_put(b, 0x820, UINT32_MAX); // GICD_ITARGETSR: affinity routing is on
    assert_int_equal(gicd(b, 0x820), 0);
    gicd_put(b, 0xf00, 0x02000001); // GICD_SGIR
    assert_int_equal(gicr(b, 0, GICR_SGI + ISPENDR), 0);
    gic_bed_end(b);
}

static void clear_registers_clear(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    static const uint32_t set[] = {ISENABLER, ISPENDR, ISACTIVER};
    for (size_t i = 0; i < VM_ARRAY_SIZE(set); i++) {
        gicd_put(b, set[i] + 4, 0xff);
        gicd_put(b, set[i] + 0x84, 0x0f); // the clear register
        assert_int_equal(gicd(b, set[i] + 4), 0xf0);
        assert_int_equal(gicd(b, set[i] + 0x84), 0xf0);
    }
    gic_bed_end(b);
}

static void access_sizes(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    struct vm_machine *m = &b->machine;
    mmio_write(m, GICD + IPRIORITYR + 33, 1, 0x48);
    assert_int_equal(gicd(b, IPRIORITYR + 32), 0x4800);
    assert_int_equal(mmio_read(m, GICD + IPRIORITYR + 33, 1), 0x48);
    mmio_write(m, GICR + GICR_SGI + IPRIORITYR + 7, 1, 0x50);
    assert_int_equal(gicr(b, 0, GICR_SGI + IPRIORITYR + 4), 0x50000000);
    assert_int_equal(mmio_read(m, GICR + GICR_SGI + IPRIORITYR + 7, 1), 0x50);
    assert_false(mmio_reads(m, GICD, 2));
    assert_false(mmio_writes(m, GICR, 2, 0));
    mmio_write(m, GICD + IROUTER + 8 * 40, 8, 0xfe01020304);
    assert_int_equal(mmio_read(m, GICD + IROUTER + 8 * 40, 8), 0xfe00020304);
    assert_int_equal(gicd(b, IROUTER + 8 * 40 + 4), 0xfe);
    gicd_put(b, IROUTER + 8 * 40, 0x80000001); // one of N does not exist
    assert_int_equal(mmio_read(m, GICD + IROUTER + 8 * 40, 8), 0xfe00000001);
    mmio_write(m, GICD + IROUTER + 8 * (32 + SPIS), 8, 1);
    assert_int_equal(mmio_read(m, GICD + IROUTER + 8 * (32 + SPIS), 8), 0);
    gic_bed_end(b);
}

static void redistributors_say_whose_they_are(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    static const uint32_t affinity[] = {0, 1, 0x02030105};
    for (unsigned i = 0; i < CPUS; i++) {
        uint64_t typer = mmio_read(&b->machine, GICR + 0x20000 * i + GICR_TYPER, 8);
        assert_int_equal(typer >> 32, affinity[i]);
        assert_int_equal(typer & UINT32_MAX, i << 8 | 1 | (i + 1 == CPUS) << 4);
        assert_int_equal(gicr(b, i, GICR_TYPER + 4), affinity[i]);
        assert_int_equal(gicr(b, i, PIDR2), 0x3b);
        assert_int_equal(gicr(b, i, GICR_SGI + PIDR2), 0x3b);
        assert_int_equal(gicr(b, i, GICR_WAKER), 6);
        gicr_put(b, i, GICR_WAKER, 0);
        assert_int_equal(gicr(b, i, GICR_WAKER), 0);
        gicr_put(b, i, GICR_SGI + ICFGR, 0);
        assert_int_equal(gicr(b, i, GICR_SGI + ICFGR), 0xaaaaaaaa);
        gicr_put(b, i, GICR_SGI + ICFGR + 4, 0xffffffff);
        assert_int_equal(gicr(b, i, GICR_SGI + ICFGR + 4), 0xaaaaaaaa);
        gicr_put(b, i, GICR_SGI + ISENABLER + 4, 1); // only the first bank is here
        assert_int_equal(gicr(b, i, GICR_SGI + ISENABLER + 4), 0);
    }
    gic_bed_end(b);
}

// --- CPU interface ---

static void cpu_registers_hold_their_bits(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    static const struct {
        uint16_t reg;
        uint64_t reset, all;
    } rows[] = {
        {ICC_PMR, 0, 0xf8},  {ICC_BPR0, 2, 7},    {ICC_BPR1, 3, 7},
        {ICC_SRE, 7, 7},     {ICC_IGRPEN0, 0, 1}, {ICC_IGRPEN1, 0, 1},
        {ICC_AP0R0, 0, ~0u}, {ICC_AP1R0, 0, ~0u}, {ICC_CTLR, 0x8400, 0x8403},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        assert_int_equal(icc(b, 1, rows[i].reg), rows[i].reset);
        icc_put(b, 1, rows[i].reg, UINT64_MAX);
        assert_int_equal(icc(b, 1, rows[i].reg), rows[i].all);
        if (rows[i].reg != ICC_SRE)
            assert_int_equal(icc(b, 0, rows[i].reg), rows[i].reset);
        icc_put(b, 1, rows[i].reg, 0);
    }
    assert_int_equal(icc(b, 1, ICC_BPR0), 2); // the least
    assert_int_equal(icc(b, 1, ICC_BPR1), 3);
    icc_put(b, 1, ICC_CTLR, 1); // CBPR: one binary point
    icc_put(b, 1, ICC_BPR0, 5);
    icc_put(b, 1, ICC_BPR1, 3);
    assert_int_equal(icc(b, 1, ICC_BPR1), 6);
    icc_put(b, 1, ICC_BPR0, 7);
    assert_int_equal(icc(b, 1, ICC_BPR1), 7);
    gic_bed_end(b);
}

static void what_is_no_register_is_undefined(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    static const uint16_t read_only[] = {ICC_IAR0, ICC_IAR1, ICC_HPPIR0, ICC_HPPIR1, ICC_RPR};
    static const uint16_t write_only[] = {ICC_EOIR0, ICC_EOIR1, ICC_DIR,
                                          ICC_SGI0R, ICC_SGI1R, ICC_ASGI1R};
    uint64_t value;
    for (size_t i = 0; i < VM_ARRAY_SIZE(read_only); i++) {
        icc(b, 0, read_only[i]);
        assert_false(b->cpu.ops->write(b->cpu.device, 0, read_only[i], 0));
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(write_only); i++) {
        icc_put(b, 0, write_only[i], SPURIOUS);
        assert_false(b->cpu.ops->read(b->cpu.device, 0, write_only[i], &value));
    }
    assert_false(b->cpu.ops->read(b->cpu.device, 0, ICC(12, 8, 5), &value)); // ICC_AP0R1_EL1
    assert_false(b->cpu.ops->write(b->cpu.device, 0, ICC(12, 9, 1), 0));
    assert_false(b->cpu.ops->read(b->cpu.device, 0, ICC(12, 0, 0), &value)); // VBAR_EL1
    assert_false(b->cpu.ops->read(b->cpu.device, CPUS, ICC_PMR, &value));
    assert_false(b->cpu.ops->write(b->cpu.device, CPUS, ICC_PMR, 0));
    gic_bed_end(b);
}

// --- life of an interrupt ---

static void level_interrupt(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gic_wire(b, 0, 40, true);
    assert_false(b->irq[0].level);
    gic_enable(b, 0, 40);
    assert_true(b->irq[0].level && !b->fiq[0].level && !b->irq[1].level);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), 40);
    assert_int_equal(icc(b, 0, ICC_RPR), 0xff);
    assert_int_equal(icc(b, 0, ICC_IAR0), SPURIOUS); // it is not of that group
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    assert_int_equal(icc(b, 0, ICC_RPR), 0xa0);
    assert_false(b->irq[0].level);
    assert_int_equal(gicd(b, ISACTIVER + 4), 1 << 8);
    assert_int_equal(gicd(b, ISPENDR + 4), 1 << 8); // the level is still there
    assert_int_equal(icc(b, 0, ICC_IAR1), SPURIOUS);
    icc_put(b, 0, ICC_EOIR1, 40);
    assert_true(b->irq[0].level); // again
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    gic_wire(b, 0, 40, false);
    icc_put(b, 0, ICC_EOIR1, 40);
    assert_false(b->irq[0].level);
    assert_int_equal(gicd(b, ISACTIVER + 4) | gicd(b, ISPENDR + 4), 0);
    assert_int_equal(icc(b, 0, ICC_IAR1), SPURIOUS);
    gic_bed_end(b);
}

static void edge_interrupt(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gic_set_edge(b, 41);
    gic_enable(b, 0, 41);
    gic_wire(b, 0, 41, true);
    gic_wire(b, 0, 41, false);
    assert_true(b->irq[0].level); // remembered
    assert_int_equal(icc(b, 0, ICC_IAR1), 41);
    assert_int_equal(gicd(b, ISPENDR + 4), 0);
    gic_wire(b, 0, 41, true); // another one while it is active
    assert_false(b->irq[0].level);
    icc_put(b, 0, ICC_EOIR1, 41);
    assert_true(b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_IAR1), 41);
    icc_put(b, 0, ICC_EOIR1, 41);
    assert_false(b->irq[0].level); // the wire is still high
    gic_bed_end(b);
}

static void software_makes_interrupts_pend(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gic_enable(b, 0, 42);
    gicd_put(b, ISPENDR + 4, 1 << 10);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), 42);
    gicd_put(b, ICPENDR + 4, 1 << 10);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), SPURIOUS);
    gicd_put(b, ISPENDR + 4, 1 << 10);
    assert_int_equal(icc(b, 0, ICC_IAR1), 42); // once
    icc_put(b, 0, ICC_EOIR1, 42);
    assert_false(b->irq[0].level);
    gic_wire(b, 0, 42, true);
    gicd_put(b, ICPENDR + 4, 1 << 10); // does not reach a level
    assert_true(b->irq[0].level);
    gicd_put(b, ISACTIVER + 4, 1 << 10);
    assert_false(b->irq[0].level);
    gicd_put(b, ICACTIVER + 4, 1 << 10);
    assert_true(b->irq[0].level);
    gicd_put(b, ICENABLER + 4, 1 << 10);
    assert_false(b->irq[0].level);
    gic_bed_end(b);
}

static void private_interrupts_are_each_cpus_own(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    for (unsigned i = 0; i < CPUS; i++)
        gic_enable(b, i, 27);
    gic_wire(b, 1, 27, true);
    assert_true(!b->irq[0].level && b->irq[1].level && !b->irq[2].level);
    assert_int_equal(gicr(b, 1, GICR_SGI + ISPENDR), 1 << 27);
    assert_int_equal(gicr(b, 0, GICR_SGI + ISPENDR), 0);
    assert_int_equal(icc(b, 1, ICC_IAR1), 27);
    gic_wire(b, 1, 27, false);
    icc_put(b, 1, ICC_EOIR1, 27);
    assert_int_equal(b->irq[1].rises, 1);
    gic_bed_end(b);
}

static void groups_have_their_lines(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gicd_put(b, IGROUPR + 4, ~(1u << 5)); // INTID 37 is of group 0
    gic_enable(b, 0, 37);
    gic_enable(b, 0, 38);
    gic_wire(b, 0, 37, true);
    assert_true(b->fiq[0].level && !b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_HPPIR0), 37);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), SPURIOUS);
    assert_int_equal(icc(b, 0, ICC_IAR1), SPURIOUS);
    icc_put(b, 0, ICC_IGRPEN0, 0);
    assert_false(b->fiq[0].level);
    gic_wire(b, 0, 38, true);
    assert_true(b->irq[0].level); // a group that is off does not stand in the way
    icc_put(b, 0, ICC_IGRPEN0, 1);
    assert_true(b->fiq[0].level && !b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_IAR0), 37);
    icc_put(b, 0, ICC_EOIR1, 37); // the wrong group's: ignored
    assert_int_equal(icc(b, 0, ICC_RPR), 0xa0);
    icc_put(b, 0, ICC_EOIR0, 37);
    assert_int_equal(icc(b, 0, ICC_RPR), 0xff);
    gicd_put(b, GICD_CTLR, 0); // both groups off
    assert_true(!b->fiq[0].level && !b->irq[0].level);
    gicd_put(b, GICD_CTLR, 2);
    assert_true(!b->fiq[0].level && b->irq[0].level);
    gic_bed_end(b);
}

static void spis_go_where_they_are_routed(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    static const uint64_t routes[] = {0, 1, 0x0200030105};
    gic_bed_start(b);
    gic_enable(b, 0, 50);
    gic_wire(b, 0, 50, true);
    for (unsigned to = 0; to < CPUS; to++) {
        mmio_write(&b->machine, GICD + IROUTER + 8 * 50, 8, routes[to]);
        for (unsigned i = 0; i < CPUS; i++)
            assert_int_equal(b->irq[i].level, i == to);
    }
    mmio_write(&b->machine, GICD + IROUTER + 8 * 50, 8, 0x77); // nobody's
    for (unsigned i = 0; i < CPUS; i++)
        assert_false(b->irq[i].level);
    mmio_write(&b->machine, GICD + IROUTER + 8 * 50, 8, 1);
    assert_int_equal(icc(b, 1, ICC_IAR1), 50);
    icc_put(b, 1, ICC_EOIR1, 50);
    assert_true(b->irq[1].level);
    gic_bed_end(b);
}

static void priority_mask(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gic_enable(b, 0, 40);
    gic_wire(b, 0, 40, true);
    icc_put(b, 0, ICC_PMR, 0xa0); // not less urgent than the mask
    assert_false(b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_IAR1), SPURIOUS);
    assert_int_equal(icc(b, 0, ICC_HPPIR1), 40);
    icc_put(b, 0, ICC_PMR, 0xa8);
    assert_true(b->irq[0].level);
    gic_set_priority(b, 0, 40, 0xb0);
    assert_false(b->irq[0].level);
    gic_bed_end(b);
}

static void the_most_urgent_comes_first(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    static const uint32_t order[] = {70, 45, 27, 44, 60};
    static const uint8_t priority[] = {0x10, 0x48, 0x50, 0x50, 0x98};
    for (size_t i = VM_ARRAY_SIZE(order); i-- > 0;) {
        gic_set_priority(b, 0, order[i], priority[i]);
        gic_enable(b, 0, order[i]);
        gic_wire(b, 0, order[i], true);
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        assert_int_equal(icc(b, 0, ICC_IAR1), order[i]);
        assert_int_equal(icc(b, 0, ICC_RPR), priority[i]);
        gic_wire(b, 0, order[i], false);
        icc_put(b, 0, ICC_EOIR1, order[i]);
    }
    assert_int_equal(icc(b, 0, ICC_IAR1), SPURIOUS);
    gic_bed_end(b);
}

static void preemption(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gic_set_priority(b, 0, 41, 0x98);
    gic_set_priority(b, 0, 42, 0x40);
    for (uint32_t i = 40; i <= 42; i++)
        gic_enable(b, 0, i);
    icc_put(b, 0, ICC_BPR1, 5); // bits 7 to 5 preempt
    gic_wire(b, 0, 40, true);
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    assert_int_equal(icc(b, 0, ICC_AP1R0), 1u << 20);
    gic_wire(b, 0, 41, true); // 0x80 of 0x98 is less than 0xa0
    assert_true(b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_IAR1), 41);
    assert_int_equal(icc(b, 0, ICC_RPR), 0x80);
    gic_set_priority(b, 0, 42, 0x80); // the same group of priorities
    gic_wire(b, 0, 42, true);
    assert_false(b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_IAR1), SPURIOUS);
    gic_set_priority(b, 0, 42, 0x40);
    assert_true(b->irq[0].level);
    assert_int_equal(icc(b, 0, ICC_IAR1), 42);
    assert_int_equal(icc(b, 0, ICC_AP1R0), 1u << 20 | 1u << 16 | 1u << 8);
    for (uint32_t i = 40; i <= 42; i++)
        gic_wire(b, 0, i, false);
    static const uint8_t running[] = {0x80, 0xa0, 0xff};
    for (uint32_t i = 0; i < 3; i++) {
        icc_put(b, 0, ICC_EOIR1, 42 - i);
        assert_int_equal(icc(b, 0, ICC_RPR), running[i]);
    }
    gic_bed_end(b);
}

static void end_and_deactivation_apart(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    icc_put(b, 0, ICC_CTLR, 2); // EOImode
    gic_enable(b, 0, 40);
    gic_enable(b, 0, 41);
    gic_wire(b, 0, 40, true);
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    icc_put(b, 0, ICC_EOIR1, 40);
    assert_int_equal(icc(b, 0, ICC_RPR), 0xff);
    assert_int_equal(gicd(b, ISACTIVER + 4), 1 << 8);
    assert_false(b->irq[0].level);
    gic_wire(b, 0, 41, true); // others come
    assert_int_equal(icc(b, 0, ICC_IAR1), 41);
    gic_wire(b, 0, 41, false);
    icc_put(b, 0, ICC_EOIR1, 41);
    icc_put(b, 1, ICC_CTLR, 2);
    icc_put(b, 1, ICC_DIR, 40); // by another CPU
    assert_int_equal(gicd(b, ISACTIVER + 4), 1 << 9);
    assert_true(b->irq[0].level);
    icc_put(b, 0, ICC_DIR, 41);
    icc_put(b, 0, ICC_DIR, SPURIOUS);
    icc_put(b, 0, ICC_DIR, 5000);
    assert_int_equal(gicd(b, ISACTIVER + 4), 0);
    gic_bed_end(b);
}

static void ends_that_mean_nothing(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    icc_put(b, 0, ICC_EOIR1, 40); // nothing is active
    icc_put(b, 0, ICC_DIR, 40);   // not in this mode
    gic_enable(b, 0, 40);
    gic_wire(b, 0, 40, true);
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    icc_put(b, 0, ICC_DIR, 40);
    icc_put(b, 0, ICC_EOIR1, SPURIOUS);
    assert_int_equal(icc(b, 0, ICC_RPR), 0xa0);
    assert_int_equal(gicd(b, ISACTIVER + 4), 1 << 8);
    icc_put(b, 0, ICC_EOIR1, 900); // a priority drops, but no interrupt has that number
    assert_int_equal(icc(b, 0, ICC_RPR), 0xff);
    gic_bed_end(b);
}

static void sgis(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    for (unsigned i = 0; i < CPUS; i++)
        gic_enable(b, i, 3);
    icc_put(b, 2, ICC_SGI1R, 3 << 24 | 3); // the first cluster
    assert_true(b->irq[0].level && b->irq[1].level && !b->irq[2].level);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(icc(b, i, ICC_IAR1), 3);
        icc_put(b, i, ICC_EOIR1, 3);
        assert_false(b->irq[i].level);
    }
    icc_put(b, 0, ICC_SGI1R, UINT64_C(2) << 48 | UINT64_C(3) << 32 | 1 << 16 | 3 << 24 | 1 << 5);
    assert_true(b->irq[2].level && !b->irq[0].level);
    assert_int_equal(icc(b, 2, ICC_IAR1), 3);
    icc_put(b, 2, ICC_EOIR1, 3);
    icc_put(b, 1, ICC_SGI1R, UINT64_C(1) << 40 | 3 << 24); // all but the sender
    assert_true(b->irq[0].level && !b->irq[1].level && b->irq[2].level);
    icc(b, 0, ICC_IAR1), icc(b, 2, ICC_IAR1);
    icc_put(b, 0, ICC_EOIR1, 3), icc_put(b, 2, ICC_EOIR1, 3);
    icc_put(b, 1, ICC_SGI0R, UINT64_C(1) << 40 | 3 << 24); // it is of the other group
    icc_put(b, 1, ICC_ASGI1R, UINT64_C(1) << 40 | 3 << 24);
    icc_put(b, 1, ICC_SGI1R, UINT64_C(1) << 44 | 3 << 24 | 3); // Aff0 from 16 on
    for (unsigned i = 0; i < CPUS; i++)
        assert_false(b->irq[i].level || b->fiq[i].level);
    gicr_put(b, 0, GICR_SGI + IGROUPR, 0);
    static const uint16_t senders[] = {ICC_SGI0R, ICC_SGI1R, ICC_ASGI1R}; // all can for group 0
    for (size_t i = 0; i < VM_ARRAY_SIZE(senders); i++) {
        icc_put(b, 1, senders[i], 3 << 24 | 1);
        assert_true(b->fiq[0].level);
        assert_int_equal(icc(b, 0, ICC_IAR0), 3);
        icc_put(b, 0, ICC_EOIR0, 3);
    }
    gic_bed_end(b);
}

static void reset_keeps_wires_only(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    gic_bed_start(b);
    gic_enable(b, 0, 40);
    gic_wire(b, 0, 40, true);
    gic_set_edge(b, 41);
    gicd_put(b, ISPENDR + 4, 1 << 11);
    assert_int_equal(icc(b, 0, ICC_IAR1), 40);
    icc_put(b, 0, ICC_EOIR1, 40);
    assert_true(b->irq[0].level);
    b->distributor.ops->reset(b->distributor.device);
    b->redistributors.ops->reset(b->redistributors.device);
    assert_false(b->irq[0].level);
    assert_int_equal(gicd(b, ISPENDR + 4), 1 << 8);
    assert_int_equal(gicd(b, ISENABLER + 4), 0);
    assert_int_equal(gicd(b, ICFGR + 8), 0);
    assert_int_equal(icc(b, 0, ICC_PMR), 0);
    gic_bed_start(b);
    gic_enable(b, 0, 40);
    assert_true(b->irq[0].level);
    gic_bed_end(b);
}

// --- more than one thread ---

enum { ROUNDS = 20000 };

static void *device_thread(void *arg)
{
    struct gic_bed *b = arg;
    for (unsigned i = 0; i < ROUNDS; i++)
        gic_wire(b, 0, 48 + i % 4, i / 4 % 2);
    for (unsigned i = 0; i < 4; i++)
        gic_wire(b, 0, 48 + i, false);
    return NULL;
}

static void *cpu_thread(void *arg)
{
    struct gic_bed *b = arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        uint32_t intid = (uint32_t)icc(b, 1, ICC_IAR1);
        if (intid != SPURIOUS)
            icc_put(b, 1, ICC_EOIR1, intid);
        icc_put(b, 1, ICC_SGI1R, 5 << 24 | 1);
    }
    return NULL;
}

static void threads_meet(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    pthread_t threads[2];
    gic_bed_start(b);
    gic_enable(b, 0, 5);
    for (uint32_t i = 48; i < 52; i++) {
        gic_enable(b, 0, i);
        mmio_write(&b->machine, GICD + IROUTER + 8 * i, 8, 1);
    }
    assert_int_equal(pthread_create(&threads[0], NULL, device_thread, b), 0);
    assert_int_equal(pthread_create(&threads[1], NULL, cpu_thread, b), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (icc(b, 0, ICC_IAR1) == 5)
            icc_put(b, 0, ICC_EOIR1, 5);
    }
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    if (icc(b, 0, ICC_IAR1) == 5)
        icc_put(b, 0, ICC_EOIR1, 5);
    for (unsigned i = 0; i < CPUS; i++) {
        assert_false(b->irq[i].level);
        assert_int_equal(icc(b, i, ICC_RPR), 0xff);
    }
    assert_int_equal(gicd(b, ISACTIVER + 4), 0);
    gic_bed_end(b);
}

// --- hostile, and set-up ---

// Whatever a guest does, lines follow from registers: one at most, and none that a read of the
// acknowledge register does not confirm.
static void random_accesses(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    uint64_t seed = test_seed("gicv3", 71);
    gic_bed_start(b);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t r = test_random(&seed), v = test_random(&seed), value;
        unsigned cpu = r % CPUS, size = 1u << (r >> 8 & 3);
        uint64_t offset = r >> 16 & (r >> 12 & 1 ? 0xffff : 0xfff) & ~(uint64_t)(size - 1);
        uint64_t at = (r >> 13 & 1 ? GICD : GICR + 0x10000 * (r >> 48 & 7) % 6) + offset;
        uint16_t reg = ICC(r >> 40 & 7 ? 12 : 4, r >> 44 & 15, r >> 60 & 7);
        switch (r >> 4 & 7) {
        case 0: mmio_reads(&b->machine, at, size); break;
        case 1: mmio_writes(&b->machine, at, size, v); break;
        case 2: (void)b->cpu.ops->read(b->cpu.device, cpu, reg, &value); break;
        case 3: (void)b->cpu.ops->write(b->cpu.device, cpu, reg, v & 0x10f0f001f); break;
        case 4: gic_wire(b, cpu, 16 + v % (16 + SPIS), v >> 32 & 1); break;
        case 5: icc_put(b, cpu, ICC_IGRPEN1, 1), icc_put(b, cpu, ICC_PMR, 0xf8); break;
        case 6: gic_enable(b, cpu, v % (32 + SPIS)); break;
        default: gicd_put(b, GICD_CTLR, 3); break;
        }
        assert_false(b->irq[cpu].level && b->fiq[cpu].level);
        if (b->irq[cpu].level && i % 4 == 0)
            assert_int_not_equal(icc(b, cpu, ICC_IAR1), SPURIOUS);
        if (!b->irq[cpu].level && i % 4 == 1)
            assert_int_equal(icc(b, cpu, ICC_IAR1), SPURIOUS);
        if (b->fiq[cpu].level && i % 4 == 2)
            assert_int_not_equal(icc(b, cpu, ICC_IAR0), SPURIOUS);
    }
    gic_bed_end(b);
}

static void wires_that_do_not_exist(void **state)
{
    (void)state;
    struct gic_bed *b = gic_bed_begin();
    assert_null(vm_gicv3_spi(&b->distributor, SPIS).set);
    assert_null(vm_gicv3_ppi(&b->distributor, CPUS, 0).set);
    assert_null(vm_gicv3_ppi(&b->distributor, 0, 16).set);
    assert_null(vm_gicv3_spi(&b->its, 0).set);
    assert_true(vm_gicv3_spi(&b->redistributors, 0).target == b->distributor.device);
    gic_bed_end(b);
}

static void configurations_that_are_refused(void **state)
{
    (void)state;
    struct device_bed b;
    struct vm_device redistributors;
    device_bed_init(&b);
    const struct vm_gicv3_config good = {.cpus = 1, .spis = 32};
    struct vm_gicv3_config bad[4] = {good, good, good, good};
    bad[0].cpus = 0;
    bad[1].cpus = VM_MAX_VCPUS + 1;
    bad[2].spis = 33;
    bad[3].mpidr[0] = 16;
    for (size_t i = 0; i < VM_ARRAY_SIZE(bad); i++)
        assert_int_equal(vm_gicv3_create(&b.machine, &bad[i], &b.device, &redistributors, NULL),
                         VM_ERR_USAGE);
    device_bed_end(&b);
}

static void little_memory(void **state)
{
    (void)state;
    vm_status status = VM_ERR_HOST;
    for (unsigned n = 0; status != VM_OK; n++) {
        struct gic_bed b;
        memset(&b, 0, sizeof b);
        device_host_init(&b.host);
        device_machine_init(&b.host, &b.machine);
        b.host.base.fail_after = n;
        status = gic_bed_create(&b);
        if (status == VM_OK)
            status = vm_its_create(&b.machine, &b.distributor, vm_gpa_of(ITS), 2, &b.its, NULL);
        assert_true(status == VM_OK || status == VM_ERR_HOST);
        vm_device_destroy(&b.its);
        vm_device_destroy(&b.distributor);
        vm_device_destroy(&b.redistributors);
        vm_machine_destroy(&b.machine);
        test_host_check_released(&b.host.base);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distributor_says_what_it_is),
        cmocka_unit_test(distributor_has_registers_of_spis_only),
        cmocka_unit_test(clear_registers_clear),
        cmocka_unit_test(access_sizes),
        cmocka_unit_test(redistributors_say_whose_they_are),
        cmocka_unit_test(cpu_registers_hold_their_bits),
        cmocka_unit_test(what_is_no_register_is_undefined),
        cmocka_unit_test(level_interrupt),
        cmocka_unit_test(edge_interrupt),
        cmocka_unit_test(software_makes_interrupts_pend),
        cmocka_unit_test(private_interrupts_are_each_cpus_own),
        cmocka_unit_test(groups_have_their_lines),
        cmocka_unit_test(spis_go_where_they_are_routed),
        cmocka_unit_test(priority_mask),
        cmocka_unit_test(the_most_urgent_comes_first),
        cmocka_unit_test(preemption),
        cmocka_unit_test(end_and_deactivation_apart),
        cmocka_unit_test(ends_that_mean_nothing),
        cmocka_unit_test(sgis),
        cmocka_unit_test(reset_keeps_wires_only),
        cmocka_unit_test(threads_meet),
        cmocka_unit_test(random_accesses),
        cmocka_unit_test(wires_that_do_not_exist),
        cmocka_unit_test(configurations_that_are_refused),
        cmocka_unit_test(little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
