// SPDX-License-Identifier: MIT
//
// The GICv2 by its registers, as each CPU sees them, and its frame for messages.
#include "device_host.h"

#include <stdlib.h>
#include <string.h>

#include <vm/device/gicv2.h>

enum { CPUS = 3, SPIS = 96, GICD = 0x8000000, GICC = 0x8010000, GICV2M = 0x8020000 };
enum { FIRST = 32, COUNT = 64, SPURIOUS = 1023 }; // of messages

enum {
    GICD_CTLR = 0x0,
    GICD_TYPER = 0x4,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    IPRIORITYR = 0x400,
    ITARGETSR = 0x800,
    ICFGR = 0xc00,
    SGIR = 0xf00,
    CPENDSGIR = 0xf10,
    SPENDSGIR = 0xf20,
};

enum {
    GICC_CTLR = 0x0,
    GICC_PMR = 0x4,
    GICC_BPR = 0x8,
    GICC_IAR = 0xc,
    GICC_EOIR = 0x10,
    GICC_RPR = 0x14,
    GICC_HPPIR = 0x18,
    GICC_ABPR = 0x1c,
    GICC_AIAR = 0x20,
    GICC_AEOIR = 0x24,
    GICC_AHPPIR = 0x28,
    GICC_APR = 0xd0,
    GICC_IIDR = 0xfc,
    GICC_DIR = 0x1000,
};

struct fixture {
    struct device_bed bed; // its device is the distributor
    struct vm_device cpu, frame;
    struct wire irq[CPUS], fiq[CPUS];
};

static vm_status create(struct fixture *f, uint32_t cpus)
{
    struct vm_gicv2_config c = {
        .distributor = {GICD}, .cpu_interface = {GICC}, .cpus = cpus, .spis = SPIS};
    for (unsigned i = 0; i < CPUS; i++) {
        c.irq[i] = wire_irq(&f->irq[i]);
        c.fiq[i] = wire_irq(&f->fiq[i]);
    }
    vm_status status = vm_gicv2_create(&f->bed.machine, &c, &f->bed.device, &f->cpu, NULL);
    if (status != VM_OK)
        return status;
    const struct vm_gicv2m_config frame = {.base = {GICV2M}, .first = FIRST, .count = COUNT};
    return vm_gicv2m_create(&f->bed.machine, &f->bed.device, &frame, &f->frame, NULL);
}

static struct fixture *begin_with(uint32_t cpus)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    device_bed_init(&f->bed);
    assert_int_equal(create(f, cpus), VM_OK);
    device_bed_attach(&f->bed);
    assert_int_equal(vm_device_attach(&f->bed.machine, &f->cpu, NULL), VM_OK);
    assert_int_equal(vm_device_attach(&f->bed.machine, &f->frame, NULL), VM_OK);
    f->cpu.ops->reset(f->cpu.device);
    f->frame.ops->reset(f->frame.device);
    return f;
}

static void destroy(struct fixture *f)
{
    vm_device_destroy(&f->frame);
    vm_device_destroy(&f->bed.device);
    vm_device_destroy(&f->cpu);
    f->bed.device = (struct vm_device){0};
}

static void end(struct fixture *f)
{
    destroy(f);
    device_bed_end(&f->bed);
    free(f);
}

// Accesses of a CPU.
static uint32_t get(const struct vm_device *d, uint32_t cpu, uint32_t offset, unsigned size)
{
    uint64_t value;
    const struct vm_mmio_ops *ops = &d->ops->mmio;
    assert_true(ops->read(ops->view(d->device, cpu), offset, size, &value));
    return (uint32_t)value;
}

static void put(const struct vm_device *d, uint32_t cpu, uint32_t offset, unsigned size,
                uint32_t value)
{
    const struct vm_mmio_ops *ops = &d->ops->mmio;
    assert_true(ops->write(ops->view(d->device, cpu), offset, size, value));
}

static uint32_t gicd(struct fixture *f, uint32_t cpu, uint32_t offset)
{
    return get(&f->bed.device, cpu, offset, 4);
}

static void gicd_put(struct fixture *f, uint32_t cpu, uint32_t offset, uint32_t value)
{
    put(&f->bed.device, cpu, offset, 4, value);
}

static uint32_t gicc(struct fixture *f, uint32_t cpu, uint32_t offset)
{
    return get(&f->cpu, cpu, offset, 4);
}

static void gicc_put(struct fixture *f, uint32_t cpu, uint32_t offset, uint32_t value)
{
    put(&f->cpu, cpu, offset, 4, value);
}

static void wire(struct fixture *f, uint32_t intid, bool level)
{
    struct vm_irq w = vm_gicv2_spi(&f->bed.device, intid - 32);
    vm_irq_set(&w, level);
}

static void enable(struct fixture *f, uint32_t cpu, uint32_t intid)
{
    gicd_put(f, cpu, ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

// As an operating system does that knows nothing of groups: all is in group 0, and goes to CPU 0.
static struct fixture *begin(void)
{
    struct fixture *f = begin_with(CPUS);
    gicd_put(f, 0, GICD_CTLR, 1);
    for (uint32_t i = 32; i < 32 + SPIS; i++) {
        put(&f->bed.device, 0, ITARGETSR + i, 1, 1);
        put(&f->bed.device, 0, IPRIORITYR + i, 1, 0xa0);
    }
    for (uint32_t cpu = 0; cpu < CPUS; cpu++) {
        for (uint32_t i = 0; i < 32; i += 4)
            gicd_put(f, cpu, IPRIORITYR + i, 0xa0a0a0a0);
        gicc_put(f, cpu, GICC_PMR, 0xf0);
        gicc_put(f, cpu, GICC_CTLR, 1);
    }
    return f;
}

static void identification(void **state)
{
    (void)state;
    struct fixture *f = begin_with(CPUS);
    assert_int_equal(gicd(f, 1, GICD_TYPER), (CPUS - 1) << 5 | SPIS / 32);
    assert_int_equal(gicd(f, 0, 0xfe8), 0x2b);
    assert_int_equal(gicd(f, 0, 0xffc), 0xb1);
    assert_int_equal(gicc(f, 0, GICC_IIDR) & 0xff0fff, 0x2043b);
    assert_int_equal(gicc(f, 0, GICC_BPR), 2);
    assert_int_equal(gicc(f, 0, GICC_ABPR), 3);
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xff);
    assert_false(mmio_reads(&f->bed.machine, GICD, 8));
    assert_false(mmio_reads(&f->bed.machine, GICC, 1));
    assert_false(mmio_writes(&f->bed.machine, GICD, 2, 0));
    assert_false(mmio_writes(&f->bed.machine, GICC, 8, 0));
    end(f);
}

static void registers_are_banked(void **state)
{
    (void)state;
    struct fixture *f = begin_with(CPUS);
    gicd_put(f, 1, ISENABLER, 0xff0000ff);
    gicd_put(f, 1, IPRIORITYR + 4, 0x10203040);
    gicd_put(f, 1, ISENABLER + 4, 0x55);
    gicc_put(f, 2, GICC_PMR, 0xff);
    assert_int_equal(gicd(f, 1, ISENABLER), 0xff0000ff);
    assert_int_equal(gicd(f, 1, IPRIORITYR + 4), 0x10203040);
    assert_int_equal(gicd(f, 0, ISENABLER) | gicd(f, 0, IPRIORITYR + 4), 0);
    assert_int_equal(gicd(f, 2, ISENABLER + 4), 0x55);
    assert_int_equal(gicc(f, 2, GICC_PMR), 0xf8);
    assert_int_equal(gicc(f, 0, GICC_PMR), 0);
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        assert_int_equal(gicd(f, cpu, ITARGETSR + 28), 0x01010101u << cpu);
    gicd_put(f, 0, ITARGETSR, UINT32_MAX);
    gicd_put(f, 0, ITARGETSR + 32, UINT32_MAX);
    assert_int_equal(gicd(f, 0, ITARGETSR), 0x01010101);
    assert_int_equal(gicd(f, 0, ITARGETSR + 32), 0x07070707); // the CPUs that there are
    gicd_put(f, 0, ITARGETSR + 32 + SPIS, UINT32_MAX);
    assert_int_equal(gicd(f, 0, ITARGETSR + 32 + SPIS), 0);
    gicd_put(f, 0, ICFGR, 0);
    assert_int_equal(gicd(f, 0, ICFGR), 0xaaaaaaaa);
    gicd_put(f, 0, ISPENDR, 0xffffffff); // SGIs pend by other registers
    assert_int_equal(gicd(f, 0, ISPENDR), 0xffff0000);
    end(f);
}

static void one_cpu_has_no_targets(void **state)
{
    (void)state;
    struct fixture *f = begin_with(1);
    gicd_put(f, 0, ITARGETSR + 32, UINT32_MAX);
    assert_int_equal(gicd(f, 0, ITARGETSR + 32) | gicd(f, 0, ITARGETSR), 0);
    gicd_put(f, 0, GICD_CTLR, 1);
    gicc_put(f, 0, GICC_PMR, 0xf0);
    gicc_put(f, 0, GICC_CTLR, 1);
    enable(f, 0, 40);
    wire(f, 40, true);
    assert_int_equal(gicc(f, 0, GICC_IAR), 40);
    end(f);
}

static void life_of_an_interrupt(void **state)
{
    (void)state;
    struct fixture *f = begin();
    enable(f, 0, 40);
    wire(f, 40, true);
    assert_true(f->irq[0].level && !f->fiq[0].level && !f->irq[1].level);
    assert_int_equal(gicc(f, 0, GICC_HPPIR), 40);
    assert_int_equal(gicc(f, 0, GICC_IAR), 40);
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xa0);
    assert_false(f->irq[0].level);
    assert_int_equal(gicc(f, 0, GICC_IAR), SPURIOUS);
    assert_int_equal(gicd(f, 0, ISACTIVER + 4), 1 << 8);
    gicc_put(f, 0, GICC_EOIR, 40);
    assert_true(f->irq[0].level);
    assert_int_equal(gicc(f, 0, GICC_IAR), 40);
    wire(f, 40, false);
    gicc_put(f, 0, GICC_EOIR, 40);
    assert_false(f->irq[0].level);
    gicd_put(f, 0, ICFGR + 8, 2 << 16); // edge
    wire(f, 40, true);
    wire(f, 40, false);
    assert_int_equal(gicc(f, 0, GICC_IAR), 40);
    gicc_put(f, 0, GICC_EOIR, 40);
    assert_int_equal(gicc(f, 0, GICC_IAR), SPURIOUS);
    end(f);
}

static void targets_share_an_interrupt(void **state)
{
    (void)state;
    struct fixture *f = begin();
    put(&f->bed.device, 0, ITARGETSR + 50, 1, 6);
    enable(f, 0, 50);
    wire(f, 50, true);
    assert_true(!f->irq[0].level && f->irq[1].level && f->irq[2].level);
    assert_int_equal(gicc(f, 2, GICC_IAR), 50);
    assert_false(f->irq[1].level);
    assert_int_equal(gicc(f, 1, GICC_IAR), SPURIOUS);
    gicc_put(f, 2, GICC_EOIR, 50);
    assert_true(f->irq[1].level && f->irq[2].level);
    end(f);
}

static void sgis_have_senders(void **state)
{
    (void)state;
    struct fixture *f = begin();
    for (uint32_t cpu = 0; cpu < CPUS; cpu++)
        enable(f, cpu, 5);
    gicd_put(f, 1, SGIR, 1 << 16 | 5);
    gicd_put(f, 2, SGIR, 1 << 16 | 5);
    assert_int_equal(gicd(f, 0, SPENDSGIR + 4), 6 << 8);
    assert_int_equal(get(&f->bed.device, 0, CPENDSGIR + 5, 1), 6);
    assert_int_equal(gicc(f, 0, GICC_HPPIR), 1 << 10 | 5);
    assert_int_equal(gicc(f, 0, GICC_IAR), 1 << 10 | 5);
    gicc_put(f, 0, GICC_EOIR, 1 << 10 | 5);
    assert_int_equal(gicc(f, 0, GICC_IAR), 2 << 10 | 5);
    gicc_put(f, 0, GICC_EOIR, 2 << 10 | 5);
    assert_int_equal(gicc(f, 0, GICC_IAR), SPURIOUS);
    gicd_put(f, 1, SGIR, 1 << 24 | 5); // all but the sender
    assert_true(f->irq[0].level && !f->irq[1].level && f->irq[2].level);
    put(&f->bed.device, 0, CPENDSGIR + 5, 1, 2);
    assert_false(f->irq[0].level);
    gicd_put(f, 0, SGIR, 2 << 24 | 5); // itself
    assert_int_equal(gicc(f, 0, GICC_IAR), 5);
    gicd_put(f, 0, SGIR, 3 << 24 | 0xff0000 | 5); // reserved
    put(&f->bed.device, 1, SPENDSGIR + 5, 1, 0xff);
    assert_int_equal(get(&f->bed.device, 1, SPENDSGIR + 5, 1), 7);
    assert_int_equal(gicc(f, 1, GICC_IAR), 5);
    end(f);
}

static void groups(void **state)
{
    (void)state;
    struct fixture *f = begin();
    gicd_put(f, 0, GICD_CTLR, 3);
    gicc_put(f, 0, GICC_CTLR, 3 | 8); // group 0 by FIQ
    gicd_put(f, 0, IGROUPR + 4, 1 << 9);
    enable(f, 0, 40);
    enable(f, 0, 41);
    wire(f, 41, true);
    assert_true(f->irq[0].level && !f->fiq[0].level);
    assert_int_equal(gicc(f, 0, GICC_IAR), 1022);
    assert_int_equal(gicc(f, 0, GICC_HPPIR), 1022);
    assert_int_equal(gicc(f, 0, GICC_AHPPIR), 41);
    assert_int_equal(gicc(f, 0, GICC_AIAR), 41);
    gicc_put(f, 0, GICC_EOIR, 41); // the other register's
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xa0);
    gicc_put(f, 0, GICC_AEOIR, 41);
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xff);
    gicc_put(f, 0, GICC_CTLR, 3 | 8 | 4); // AckCtl
    assert_int_equal(gicc(f, 0, GICC_IAR), 41);
    gicc_put(f, 0, GICC_EOIR, 41);
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xff);
    wire(f, 40, true);
    assert_true(!f->irq[0].level && f->fiq[0].level);
    assert_int_equal(gicc(f, 0, GICC_AIAR), SPURIOUS);
    assert_int_equal(gicc(f, 0, GICC_IAR), 40);
    end(f);
}

static void preemption_and_deactivation(void **state)
{
    (void)state;
    struct fixture *f = begin();
    gicc_put(f, 0, GICC_CTLR, 1 | 1 << 9); // EOImode
    put(&f->bed.device, 0, IPRIORITYR + 41, 1, 0x80);
    put(&f->bed.device, 0, IPRIORITYR + 42, 1, 0x98);
    for (uint32_t i = 40; i <= 42; i++)
        enable(f, 0, i);
    gicc_put(f, 0, GICC_BPR, 4); // bits 7 to 5 preempt
    wire(f, 40, true);
    assert_int_equal(gicc(f, 0, GICC_IAR), 40);
    wire(f, 41, true);
    assert_int_equal(gicc(f, 0, GICC_IAR), 41);
    wire(f, 42, true); // 0x80 too
    assert_false(f->irq[0].level);
    assert_int_equal(gicc(f, 0, GICC_APR), 1 << 20 | 1 << 16);
    gicc_put(f, 0, GICC_EOIR, 41);
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xa0);
    assert_int_equal(gicc(f, 0, GICC_IAR), 42);
    gicc_put(f, 0, GICC_EOIR, 42);
    gicc_put(f, 0, GICC_EOIR, 40);
    assert_int_equal(gicc(f, 0, GICC_RPR), 0xff);
    assert_int_equal(gicd(f, 0, ISACTIVER + 4), 7 << 8);
    for (uint32_t i = 40; i <= 42; i++)
        gicc_put(f, 0, GICC_DIR, i);
    gicc_put(f, 0, GICC_DIR, SPURIOUS);
    assert_int_equal(gicd(f, 0, ISACTIVER + 4), 0);
    assert_true(f->irq[0].level);
    end(f);
}

static void messages(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_machine *m = &f->bed.machine;
    assert_int_equal(mmio_read(m, GICV2M + 8, 4), (FIRST + 32) << 16 | COUNT);
    gicd_put(f, 0, ICFGR + 16, 0xaaaaaaaa); // 64 to 79, edges
    for (uint32_t i = 63; i < 80; i++)
        enable(f, 0, i);
    assert_true(vm_gicv2m_message(&f->frame, GICV2M + VM_GICV2M_SETSPI, 70));
    assert_int_equal(gicc(f, 0, GICC_IAR), 70);
    gicc_put(f, 0, GICC_EOIR, 70);
    mmio_write(m, GICV2M + VM_GICV2M_SETSPI, 4, 71);
    assert_int_equal(gicc(f, 0, GICC_IAR), 71);
    gicc_put(f, 0, GICC_EOIR, 71);
    static const uint32_t others[] = {0, 31, 63, 128, 1000, UINT32_MAX};
    for (size_t i = 0; i < VM_ARRAY_SIZE(others); i++)
        assert_true(vm_gicv2m_message(&f->frame, GICV2M + VM_GICV2M_SETSPI, others[i]));
    assert_false(vm_gicv2m_message(&f->frame, GICV2M, 70));
    assert_int_equal(gicc(f, 0, GICC_IAR), SPURIOUS);
    end(f);
}

static void random_accesses(void **state)
{
    (void)state;
    struct fixture *f = begin();
    uint64_t seed = test_seed("gicv2", 73);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t r = test_random(&seed), v = test_random(&seed), value;
        uint32_t cpu = r % CPUS;
        unsigned size = 1u << (r >> 8 & 3);
        const struct vm_device *d = r >> 10 & 1 ? &f->bed.device : &f->cpu;
        uint64_t offset = (r >> 16 & (r >> 12 & 3 ? 0xff : 0x1fff)) % d->size & ~(size - 1ull);
        void *view = d->ops->mmio.view(d->device, cpu);
        switch (r >> 4 & 3) {
        case 0: (void)d->ops->mmio.read(view, offset, size, &value); break;
        case 1: (void)d->ops->mmio.write(view, offset, size, v); break;
        case 2: wire(f, 32 + v % SPIS, v >> 32 & 1); break;
        default: gicc_put(f, cpu, GICC_CTLR, 0x7), gicd_put(f, cpu, GICD_CTLR, 3); break;
        }
        assert_false(f->irq[cpu].level && f->fiq[cpu].level);
        gicc_put(f, cpu, GICC_CTLR, gicc(f, cpu, GICC_CTLR) | 4);
        if (f->irq[cpu].level)
            assert_true((gicc(f, cpu, GICC_IAR) & 0x3ff) < 1020);
    }
    end(f);
}

static vm_status create_three(void *fixture)
{
    struct fixture *f = fixture;
    vm_status status = create(f, CPUS);
    destroy(f);
    f->frame = f->cpu = (struct vm_device){0};
    return status;
}

static void little_memory(void **state)
{
    (void)state;
    struct fixture f;
    memset(&f, 0, sizeof f);
    device_bed_starve(&f.bed, create_three, &f);
}

static void what_is_refused(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_device d, e;
    struct vm_machine *m = &f->bed.machine;
    const struct vm_gicv2_config bad[] = {{.cpus = 0}, {.cpus = 9}, {.cpus = 1, .spis = 5}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(bad); i++)
        assert_int_equal(vm_gicv2_create(m, &bad[i], &d, &e, NULL), VM_ERR_USAGE);
    const struct vm_gicv2m_config late = {.first = SPIS, .count = 1}, many = {.count = SPIS + 1};
    assert_int_equal(vm_gicv2m_create(m, &f->bed.device, &late, &d, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_gicv2m_create(m, &f->cpu, &many, &d, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_gicv2m_create(m, &f->frame, &late, &d, NULL), VM_ERR_USAGE);
    assert_null(vm_gicv2_spi(&f->cpu, SPIS).set);
    assert_null(vm_gicv2_ppi(&f->cpu, CPUS, 0).set);
    assert_null(vm_gicv2_ppi(&f->cpu, 0, 16).set);
    assert_non_null(vm_gicv2_ppi(&f->cpu, 0, 15).set);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identification),
        cmocka_unit_test(registers_are_banked),
        cmocka_unit_test(one_cpu_has_no_targets),
        cmocka_unit_test(life_of_an_interrupt),
        cmocka_unit_test(targets_share_an_interrupt),
        cmocka_unit_test(sgis_have_senders),
        cmocka_unit_test(groups),
        cmocka_unit_test(preemption_and_deactivation),
        cmocka_unit_test(messages),
        cmocka_unit_test(random_accesses),
        cmocka_unit_test(little_memory),
        cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
