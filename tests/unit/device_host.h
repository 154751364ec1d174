// SPDX-License-Identifier: MIT
//
// What the tests of devices and boards share: a host whose clocks the test sets, wires and console
// sinks to look at, accesses through the address space.
#ifndef DEVICE_HOST_H
#define DEVICE_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vm/core/machine.h>
#include <vm/device/site.h>

#include "test_host.h"

struct device_host {
    struct test_host base;
    uint64_t real_time; // ns since 1970
};

void device_host_init(struct device_host *h);

// A machine without vCPUs on it.
void device_machine_init(struct device_host *h, struct vm_machine *m);

// Advances both clocks and fires what is due.
void device_host_advance(struct device_host *h, struct vm_machine *m, uint64_t ns);

// A device on such a machine: what the fixture of a device's test begins with.
struct device_bed {
    struct device_host host;
    struct vm_machine machine;
    struct vm_device device;
};

void device_bed_init(struct device_bed *b);   // the machine; the test makes the device
void device_bed_attach(struct device_bed *b); // and resets
void device_bed_end(struct device_bed *b);    // nothing is left over

// Has the device created again and again, each time with one more allocation that succeeds, until
// that is enough. A failure leaves nothing behind.
void device_bed_starve(struct device_bed *b, vm_status (*create)(void *fixture), void *fixture);

// A wire that a test looks at.
struct wire {
    bool level;
    unsigned rises;
};
struct vm_irq wire_irq(struct wire *w);

// Accesses that must be answered, and the question whether one is.
uint64_t mmio_read(struct vm_machine *m, uint64_t address, unsigned size);
void mmio_write(struct vm_machine *m, uint64_t address, unsigned size, uint64_t value);
bool mmio_reads(struct vm_machine *m, uint64_t address, unsigned size);
bool mmio_writes(struct vm_machine *m, uint64_t address, unsigned size, uint64_t value);

// What a console sink got.
struct text_sink {
    size_t size;
    unsigned rooms;
    char text[8192];
};
void sink_output(void *context, const uint8_t *bytes, size_t size);
void sink_room(void *context);

#endif
