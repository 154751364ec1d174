// SPDX-License-Identifier: MIT
//
// A bare machine with a GICv3 of three CPUs, its ITS and some RAM, for tests.
#ifndef GIC_BED_H
#define GIC_BED_H

#include "device_host.h"

#include <vm/device/gicv3.h>
#include <vm/device/its.h>

enum {
    CPUS = 3,
    SPIS = 64,
    GICD = 0x8000000,
    ITS = 0x8080000,
    GICR = 0x80a0000,
    RAM = 0x40000000,
    RAM_SIZE = 2 << 20,
    SPURIOUS = 1023,
};

// Registers, by the manual's names.
enum {
    GICD_CTLR = 0x0,
    GICD_TYPER = 0x4,
    IGROUPR = 0x80,
    ISENABLER = 0x100,
    ICENABLER = 0x180,
    ISPENDR = 0x200,
    ICPENDR = 0x280,
    ISACTIVER = 0x300,
    ICACTIVER = 0x380,
    IPRIORITYR = 0x400,
    ICFGR = 0xc00,
    IROUTER = 0x6000,
    PIDR2 = 0xffe8,

    GICR_CTLR = 0x0,
    GICR_TYPER = 0x8,
    GICR_WAKER = 0x14,
    GICR_PROPBASER = 0x70,
    GICR_PENDBASER = 0x78,
    GICR_SGI = 0x10000,
};

#define ICC(crn, crm, op2) VM_ARM64_GIC_REGISTER(3, 0, crn, crm, op2)
enum {
    ICC_PMR = ICC(4, 6, 0),
    ICC_IAR0 = ICC(12, 8, 0),
    ICC_EOIR0 = ICC(12, 8, 1),
    ICC_HPPIR0 = ICC(12, 8, 2),
    ICC_BPR0 = ICC(12, 8, 3),
    ICC_AP0R0 = ICC(12, 8, 4),
    ICC_AP1R0 = ICC(12, 9, 0),
    ICC_DIR = ICC(12, 11, 1),
    ICC_RPR = ICC(12, 11, 3),
    ICC_SGI1R = ICC(12, 11, 5),
    ICC_ASGI1R = ICC(12, 11, 6),
    ICC_SGI0R = ICC(12, 11, 7),
    ICC_IAR1 = ICC(12, 12, 0),
    ICC_EOIR1 = ICC(12, 12, 1),
    ICC_HPPIR1 = ICC(12, 12, 2),
    ICC_BPR1 = ICC(12, 12, 3),
    ICC_CTLR = ICC(12, 12, 4),
    ICC_SRE = ICC(12, 12, 5),
    ICC_IGRPEN0 = ICC(12, 12, 6),
    ICC_IGRPEN1 = ICC(12, 12, 7),
};

struct gic_bed {
    struct device_host host;
    struct vm_machine machine;
    struct vm_device distributor, redistributors, its;
    struct vm_register_device cpu;
    struct wire irq[CPUS], fiq[CPUS];
    uint8_t *ram;
};

// The affinities of the CPUs: the third one is in a cluster of its own.
extern const uint64_t gic_bed_mpidr[CPUS];

struct gic_bed *gic_bed_begin(void); // after a reset
void gic_bed_end(struct gic_bed *b);
vm_status gic_bed_create(struct gic_bed *b); // the GIC alone, without attaching it

// Enables groups and CPU interfaces as an operating system does: everything is in group 1, of
// priority 0xa0, and nothing is enabled.
void gic_bed_start(struct gic_bed *b);

uint32_t gicd(struct gic_bed *b, uint32_t offset);
void gicd_put(struct gic_bed *b, uint32_t offset, uint32_t value);
uint32_t gicr(struct gic_bed *b, unsigned cpu, uint32_t offset);
void gicr_put(struct gic_bed *b, unsigned cpu, uint32_t offset, uint32_t value);
uint64_t icc(struct gic_bed *b, unsigned cpu, uint16_t sysreg);
void icc_put(struct gic_bed *b, unsigned cpu, uint16_t sysreg, uint64_t value);

// Drives a shared or a private interrupt's wire, by its INTID.
void gic_wire(struct gic_bed *b, unsigned cpu, uint32_t intid, bool level);
void gic_enable(struct gic_bed *b, unsigned cpu, uint32_t intid);
void gic_set_priority(struct gic_bed *b, unsigned cpu, uint32_t intid, uint8_t priority);
void gic_set_edge(struct gic_bed *b, uint32_t intid);

#endif
