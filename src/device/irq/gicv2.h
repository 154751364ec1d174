// SPDX-License-Identifier: MIT
//
// What the files of the GICv2 share: gicv2.c has wires, choice and the devices, gicv2_distributor.c
// and gicv2_cpu.c the registers, gicv2m.c the frame for messages. Unless said otherwise functions
// are called under the lock.
//
// Invariant, whenever the lock is free: each CPU's `top` is the most urgent interrupt that it may
// get, and its lines are what follows from that.
#ifndef DEVICE_IRQ_GICV2_H
#define DEVICE_IRQ_GICV2_H

#include <vm/device/gicv2.h>

#include "../device.h"
#include "gic.h"

enum { GICV2_BANKS = VM_GICV2_MAX_SPIS / 32, GICV2_VERSION = 2, GICV2_IIDR = 0x2043b };

struct gicv2_cpu {
    struct gicv2 *gic;
    uint32_t index;
    struct vm_irq irq, fiq;
    bool irq_level, fiq_level; // as last driven
    struct gic_bank bank;      // SGIs and PPIs
    // Of each pending SGI the CPUs that have sent it; not 0 exactly while it is latched.
    uint8_t senders[GIC_SGIS];

    uint32_t ctlr; // GICC_CTLR
    uint8_t pmr, bpr[2];
    uint32_t active_priorities[2]; // GICC_APR0, GICC_NSAPR0
    struct gic_top top;
};

struct gicv2 {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    vm_gpa distributor, cpu_interface;
    uint32_t phandle;
    int (*describe_frame)(const void *frame, void *fdt); // of messages; NULL: there is none
    const void *frame;

    bool enabled[2]; // GICD_CTLR
    uint32_t spis;
    struct gic_bank bank[GICV2_BANKS];
    uint8_t targets[VM_GICV2_MAX_SPIS]; // GICD_ITARGETSR
    uint32_t cpus;
    struct gicv2_cpu cpu[VM_GICV2_MAX_CPUS];
};

// gicv2.c
void gicv2_update_all(struct gicv2 *g); // chooses again and drives the lines
void gicv2_pend_sgi(struct gicv2_cpu *c, uint32_t sgi, uint8_t senders);
void gicv2_clear_sgi(struct gicv2_cpu *c, uint32_t sgi, uint8_t senders);

// gicv2_cpu.c
void gicv2_cpu_reset(struct gicv2_cpu *c);
bool gicv2_cpu_enables(const struct gicv2_cpu *c, bool group1);
bool gicv2_cpu_signals(const struct gicv2_cpu *c);     // `top` is to be signalled now
bool gicv2_cpu_signals_fiq(const struct gicv2_cpu *c); // by which line
uint32_t gicv2_cpu_read(struct gicv2_cpu *c, uint32_t offset);
void gicv2_cpu_write(struct gicv2_cpu *c, uint32_t offset, uint32_t value);

// gicv2_distributor.c: accesses of a CPU, of 1 and 4 bytes.
uint32_t gicv2_distributor_read(struct gicv2_cpu *c, uint32_t offset, unsigned size);
void gicv2_distributor_write(struct gicv2_cpu *c, uint32_t offset, unsigned size, uint32_t value);

// From the device of a GICv2, of either kind; NULL if it is none.
struct gicv2 *gicv2_of(const struct vm_device *device);
// Set-up time: what goes into the GIC's node; NULL: nothing any more.
void gicv2_set_frame(struct gicv2 *g, int (*describe)(const void *frame, void *fdt),
                     const void *frame);

#endif
