// SPDX-License-Identifier: MIT
//
// What Arm's PrimeCell peripherals have in common: the identification registers at the end of their
// 4 KiB, and the device tree properties that drivers of the AMBA bus look for.
#ifndef DEVICE_PRIMECELL_H
#define DEVICE_PRIMECELL_H

#include "device.h"

enum { PRIMECELL_SIZE = 0x1000, PRIMECELL_ID = 0xfe0 };

// Peripheral ID 0 to 3 and PrimeCell ID 0 to 3 of an aligned offset from PRIMECELL_ID on.
static inline uint32_t primecell_id(uint64_t offset, uint16_t part, unsigned revision)
{
    const uint8_t bytes[] = {(uint8_t)part,
                             (uint8_t)(0x10 | part >> 8), // designed by Arm, 0x41
                             (uint8_t)(revision << 4 | 0x4),
                             0,
                             0x0d,
                             0xf0,
                             0x05,
                             0xb1};
    return bytes[(offset - PRIMECELL_ID) / 4];
}

// Registers are words; narrower accesses reach the lower bytes of the one at their address.
static inline bool primecell_takes(uint64_t offset, unsigned size)
{
    return offset % 4 == 0 && size <= 4;
}

// The beginning of a node: compatible with `compatible`, `size` bytes of texts, each with its zero.
static inline void primecell_describe(struct vm_describe *d, const char *name,
                                      const struct vm_device_site *site, const char *compatible,
                                      size_t size)
{
    vm_describe_begin_at(d, name, site->base.v);
    vm_describe_bytes(d, "compatible", compatible, size);
    vm_describe_reg(d, site->base.v, PRIMECELL_SIZE);
    vm_device_describe_irq(d, site);
}

#endif
