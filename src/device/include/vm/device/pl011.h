// SPDX-License-Identifier: MIT
//
// The PrimeCell UART PL011 (Arm DDI 0183). A byte that is sent is out at once; bytes that are
// received wait outside until the guest can take them.
#ifndef VM_DEVICE_PL011_H
#define VM_DEVICE_PL011_H

#include <vm/device/site.h>

enum { VM_PL011_SIZE = 0x1000, VM_PL011_FIFO = 16 };

struct vm_pl011_config {
    struct vm_device_site site;
    uint32_t clock; // phandle of its clock, for describe
    // Both are called on vCPU threads without the device's lock; NULL: not called.
    void (*output)(void *context, const uint8_t *bytes, size_t size);
    void (*room)(void *context); // the receiver has room after vm_pl011_receive refused bytes
    void *context;
};

vm_status vm_pl011_create(struct vm_machine *m, const struct vm_pl011_config *config,
                          struct vm_device *out, struct vm_error *e);

// Gives bytes to the guest's receiver and returns how many it took, from the first on: none unless
// the guest has enabled its receiver (by a receive interrupt, or by polling the flags for data),
// else as many as it has room for. After fewer than `size`, config.room is called once the guest
// has emptied or enabled the receiver. Any thread.
size_t vm_pl011_receive(const struct vm_device *uart, const uint8_t *bytes, size_t size);

// Whether the guest has enabled its receiver. Any thread.
bool vm_pl011_is_receiving(const struct vm_device *uart);

#endif
