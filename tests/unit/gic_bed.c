// SPDX-License-Identifier: MIT
#include "gic_bed.h"

#include <stdlib.h>
#include <string.h>

const uint64_t gic_bed_mpidr[CPUS] = {0x80000000, 0x80000001, 0x0200030105 | 0x80000000};

vm_status gic_bed_create(struct gic_bed *b)
{
    struct vm_gicv3_config c = {
        .distributor = {GICD},
        .redistributors = {GICR},
        .phandle = 1,
        .cpus = CPUS,
        .spis = SPIS,
        .lpis = true,
    };
    for (unsigned i = 0; i < CPUS; i++) {
        c.mpidr[i] = gic_bed_mpidr[i];
        c.irq[i] = wire_irq(&b->irq[i]);
        c.fiq[i] = wire_irq(&b->fiq[i]);
    }
    return vm_gicv3_create(&b->machine, &c, &b->distributor, &b->redistributors, NULL);
}

static void attach(struct gic_bed *b, const struct vm_device *d)
{
    assert_int_equal(vm_device_attach(&b->machine, d, NULL), VM_OK);
    d->ops->reset(d->device);
}

struct gic_bed *gic_bed_begin(void)
{
    struct gic_bed *b = calloc(1, sizeof *b);
    assert_non_null(b);
    device_host_init(&b->host);
    device_machine_init(&b->host, &b->machine);
    b->ram = aligned_alloc(VM_PAGE_SIZE, RAM_SIZE);
    assert_non_null(b->ram);
    memset(b->ram, 0, RAM_SIZE);
    assert_int_equal(
        vm_space_add_ram(&b->machine.space, vm_gpa_of(RAM), RAM_SIZE, b->ram, "ram", NULL), VM_OK);
    assert_int_equal(gic_bed_create(b), VM_OK);
    assert_int_equal(vm_its_create(&b->machine, &b->distributor, vm_gpa_of(ITS), 2, &b->its, NULL),
                     VM_OK);
    attach(b, &b->distributor);
    attach(b, &b->redistributors);
    attach(b, &b->its);
    b->cpu = vm_gicv3_cpu_interface(&b->distributor);
    return b;
}

void gic_bed_end(struct gic_bed *b)
{
    vm_device_destroy(&b->its);
    vm_device_destroy(&b->distributor);
    vm_device_destroy(&b->redistributors);
    vm_machine_destroy(&b->machine);
    test_host_check_released(&b->host.base);
    free(b->ram);
    free(b);
}

uint32_t gicd(struct gic_bed *b, uint32_t offset)
{
    return (uint32_t)mmio_read(&b->machine, GICD + offset, 4);
}

void gicd_put(struct gic_bed *b, uint32_t offset, uint32_t value)
{
    mmio_write(&b->machine, GICD + offset, 4, value);
}

uint32_t gicr(struct gic_bed *b, unsigned cpu, uint32_t offset)
{
    return (uint32_t)mmio_read(&b->machine, GICR + 0x20000 * cpu + offset, 4);
}

void gicr_put(struct gic_bed *b, unsigned cpu, uint32_t offset, uint32_t value)
{
    mmio_write(&b->machine, GICR + 0x20000 * cpu + offset, 4, value);
}

uint64_t icc(struct gic_bed *b, unsigned cpu, uint16_t sysreg)
{
    uint64_t value = 0;
    assert_true(b->cpu.ops->read(b->cpu.device, cpu, sysreg, &value));
    return value;
}

void icc_put(struct gic_bed *b, unsigned cpu, uint16_t sysreg, uint64_t value)
{
    assert_true(b->cpu.ops->write(b->cpu.device, cpu, sysreg, value));
}

void gic_bed_start(struct gic_bed *b)
{
    gicd_put(b, GICD_CTLR, 0x13);
    for (unsigned w = 1; w <= SPIS / 32; w++)
        gicd_put(b, IGROUPR + 4 * w, UINT32_MAX);
    for (unsigned i = 32; i < 32 + SPIS; i++)
        gic_set_priority(b, 0, i, 0xa0);
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        gicr_put(b, cpu, GICR_WAKER, 0);
        gicr_put(b, cpu, GICR_SGI + IGROUPR, UINT32_MAX);
        for (unsigned i = 0; i < 32; i++)
            gic_set_priority(b, cpu, i, 0xa0);
        icc_put(b, cpu, ICC_PMR, 0xf0);
        icc_put(b, cpu, ICC_IGRPEN0, 1);
        icc_put(b, cpu, ICC_IGRPEN1, 1);
    }
}

// Where the registers of an interrupt are.
static uint64_t frame(unsigned cpu, uint32_t intid)
{
    return intid < 32 ? GICR + 0x20000 * cpu + GICR_SGI : GICD;
}

void gic_wire(struct gic_bed *b, unsigned cpu, uint32_t intid, bool level)
{
    struct vm_irq w = intid < 32 ? vm_gicv3_ppi(&b->distributor, cpu, intid - 16)
                                 : vm_gicv3_spi(&b->distributor, intid - 32);
    assert_true(w.set != NULL);
    vm_irq_set(&w, level);
}

void gic_enable(struct gic_bed *b, unsigned cpu, uint32_t intid)
{
    mmio_write(&b->machine, frame(cpu, intid) + ISENABLER + intid / 32 * 4, 4, 1u << intid % 32);
}

void gic_set_priority(struct gic_bed *b, unsigned cpu, uint32_t intid, uint8_t priority)
{
    mmio_write(&b->machine, frame(cpu, intid) + IPRIORITYR + intid, 1, priority);
}

void gic_set_edge(struct gic_bed *b, uint32_t intid)
{
    uint32_t at = ICFGR + intid / 16 * 4;
    gicd_put(b, at, gicd(b, at) | 2u << intid % 16 * 2);
}
