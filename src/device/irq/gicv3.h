// SPDX-License-Identifier: MIT
//
// What the files of the GICv3 share: gicv3.c has wires, choice and the devices,
// gicv3_distributor.c and gicv3_redistributor.c registers in memory, gicv3_cpu.c those of the
// system, gicv3_lpi.c LPIs. Unless said otherwise functions are called under the lock.
//
// Invariant, whenever the lock is free: each CPU's `top` is the most urgent interrupt that it may
// get, and its lines are what follows from that.
#ifndef DEVICE_IRQ_GICV3_H
#define DEVICE_IRQ_GICV3_H

#include <vm/device/gicv3.h>

#include "../device.h"
#include "gic.h"

enum {
    GICV3_BANKS = VM_GICV3_MAX_SPIS / 32,
    GICV3_NO_CPU = 0xff, // as target of an SPI
    GICV3_VERSION = 3,
    GICV3_IIDR = 0x43b, // Arm; product and revision 0

    GICV3_LPI_FIRST = 8192,
    GICV3_ID_BITS = 16,
    GICV3_IDS = 1 << GICV3_ID_BITS,
    GICV3_LPI_WORDS = GICV3_IDS / 64, // with room for the numbers that are no LPIs
};
_Static_assert((int)VM_MAX_VCPUS < (int)GICV3_NO_CPU, "a CPU's number fits in a byte");

// GITS_BASER and GICR_*BASER: where tables are. Bits [51:12].
#define GICV3_TABLE_ADDRESS UINT64_C(0x000ffffffffff000)

struct gicv3_lpis {
    bool enabled;
    bool stale; // `top` is not known
    uint64_t propbaser, pendbaser;
    struct gic_top top;
    uint64_t summary[GICV3_LPI_WORDS / 64]; // which words of `pending` are not 0
    uint64_t pending[GICV3_LPI_WORDS];
};

struct gicv3_cpu {
    struct gicv3 *gic;
    uint32_t index;
    uint64_t mpidr;
    struct vm_irq irq, fiq;
    bool irq_level, fiq_level; // as last driven
    struct gic_bank bank;      // SGIs and PPIs
    bool sleeps;               // GICR_WAKER.ProcessorSleep
    struct gicv3_lpis lpi;

    // CPU interface. Arrays by group.
    uint8_t pmr, bpr[2];
    bool enabled[2]; // ICC_IGRPEN<n>_EL1
    bool cbpr, eoi_mode;
    uint32_t active_priorities[2]; // ICC_AP<n>R0_EL1
    struct gic_top top;
};

struct gicv3 {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    vm_gpa distributor, redistributors;
    uint32_t phandle;
    bool has_lpis, maintenance;
    int (*describe_its)(const void *its, void *fdt); // NULL: there is none
    const void *its;

    bool enabled[2]; // GICD_CTLR.EnableGrp<n>
    uint32_t spis;
    struct gic_bank bank[GICV3_BANKS];
    uint64_t route[VM_GICV3_MAX_SPIS]; // GICD_IROUTER
    uint8_t target[VM_GICV3_MAX_SPIS]; // the CPU that it means, GICV3_NO_CPU: none
    uint32_t cpus;
    struct gicv3_cpu cpu[];
};

static inline void gicv3_lock(struct gicv3 *g)
{
    vm_device_lock(g->machine, g->lock);
}

static inline void gicv3_unlock(struct gicv3 *g)
{
    vm_device_unlock(g->machine, g->lock);
}

// MPIDR_EL1 without what is not affinity.
static inline uint64_t gicv3_affinity(uint64_t mpidr)
{
    return mpidr & UINT64_C(0xff00ffffff);
}

// gicv3.c: chooses again and drives the lines; of the CPU that an SPI goes to; of all.
void gicv3_update(struct gicv3_cpu *c);
void gicv3_update_all(struct gicv3 *g);
void gicv3_route(struct gicv3 *g, uint32_t spi, uint64_t route);

// gicv3_cpu.c
void gicv3_cpu_reset(struct gicv3_cpu *c);
bool gicv3_cpu_signals(const struct gicv3_cpu *c); // `top` is to be signalled now
extern const struct vm_register_ops gicv3_cpu_ops; // take the lock

// Accesses to frames, of 1, 4 and 8 bytes.
uint64_t gicv3_distributor_read(struct gicv3 *g, uint32_t offset, unsigned size);
void gicv3_distributor_write(struct gicv3 *g, uint32_t offset, unsigned size, uint64_t value);
uint64_t gicv3_redistributor_read(struct gicv3_cpu *c, uint32_t offset, unsigned size);
void gicv3_redistributor_write(struct gicv3_cpu *c, uint32_t offset, unsigned size, uint64_t value);

// gicv3_lpi.c
void gicv3_lpi_enable(struct gicv3_cpu *c, bool on); // GICR_CTLR.EnableLPIs
void gicv3_lpi_activate(struct gicv3_cpu *c, uint32_t intid);
void gicv3_lpi_reset(struct gicv3_cpu *c);

// For the ITS, taking the lock. A CPU that does not exist or has not enabled LPIs, and numbers that
// are none of an LPI, are ignored. What takes time is left for gicv3_lpi_refresh.
void gicv3_lpi_pend(struct gicv3 *g, uint32_t cpu, uint32_t intid);
void gicv3_lpi_clear(struct gicv3 *g, uint32_t cpu, uint32_t intid);
void gicv3_lpi_move(struct gicv3 *g, uint32_t from, uint32_t to, uint32_t intid);
void gicv3_lpi_move_all(struct gicv3 *g, uint32_t from, uint32_t to);
void gicv3_lpi_invalidate(struct gicv3 *g, uint32_t cpu); // its configuration has changed
void gicv3_lpi_refresh(struct gicv3 *g);

// From the device of a GICv3, of either kind.
struct gicv3 *gicv3_of(const struct vm_device *device);
// Set-up time: what goes into the GIC's node; NULL: nothing any more.
void gicv3_set_its(struct gicv3 *g, int (*describe)(const void *its, void *fdt), const void *its);

#endif
