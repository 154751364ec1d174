// SPDX-License-Identifier: MIT
//
// The 16550A serial port (National Semiconductor PC16550D data sheet, June 1995). A byte that is
// sent is out at once; bytes that are received wait outside until the guest can take them.
#ifndef VM_DEVICE_NS16550A_H
#define VM_DEVICE_NS16550A_H

#include <vm/device/site.h>

enum { VM_NS16550A_SIZE = 0x100, VM_NS16550A_FIFO = 16 };

struct vm_ns16550a_config {
    struct vm_device_site site;
    uint32_t clock_hz; // of the baud-rate generator, for the device tree
    // Both are called on vCPU threads without the device's lock; NULL: not called.
    void (*output)(void *context, const uint8_t *bytes, size_t size);
    void (*room)(void *context); // the receiver has room after vm_ns16550a_receive refused bytes
    void *context;
};

vm_status vm_ns16550a_create(struct vm_machine *m, const struct vm_ns16550a_config *config,
                             struct vm_device *out, struct vm_error *e);

// Gives bytes to the guest's receiver and returns how many it took, from the first on: none unless
// the guest has enabled its receiver (by the received-data interrupt, or by polling the line status
// for data), else as many as it has room for. After fewer than `size`, config.room is called once
// the guest has emptied or enabled the receiver. Any thread.
size_t vm_ns16550a_receive(const struct vm_device *uart, const uint8_t *bytes, size_t size);

// Whether the guest has enabled its receiver. Any thread.
bool vm_ns16550a_is_receiving(const struct vm_device *uart);

#endif
