// SPDX-License-Identifier: MIT
//
// An APLIC with two domains, wires and a catcher of messages, for its tests; and the registers as
// the manual numbers them.
#ifndef APLIC_BED_H
#define APLIC_BED_H

#include "device_host.h"

#include <vm/device/aplic.h>

enum { M, S, DOMAINS, HARTS = 3 };

#define APLIC_M UINT64_C(0x0c000000)
#define APLIC_S UINT64_C(0x0d000000)
#define IMSIC_M UINT64_C(0x24000000)
#define IMSIC_S UINT64_C(0x28000000)

enum {
    DOMAINCFG = 0x0000,
    MMSIADDRCFG = 0x1bc0,
    MMSIADDRCFGH = 0x1bc4,
    SMSIADDRCFG = 0x1bc8,
    SMSIADDRCFGH = 0x1bcc,
    SETIPNUM = 0x1cdc,
    CLRIPNUM = 0x1ddc,
    SETIENUM = 0x1edc,
    CLRIENUM = 0x1fdc,
    SETIPNUM_LE = 0x2000,
    SETIPNUM_BE = 0x2004,
    GENMSI = 0x3000,
    IDC = 0x4000,
};
#define SOURCECFG(n)  (0x0000u + 4 * (n))
#define SETIP(w)      (0x1c00u + 4 * (w))
#define IN_CLRIP(w)   (0x1d00u + 4 * (w))
#define SETIE(w)      (0x1e00u + 4 * (w))
#define CLRIE(w)      (0x1f00u + 4 * (w))
#define TARGET(n)     (0x3000u + 4 * (n))
#define IDELIVERY(h)  (0x4000u + 32 * (h))
#define IFORCE(h)     (0x4004u + 32 * (h))
#define ITHRESHOLD(h) (0x4008u + 32 * (h))
#define TOPI(h)       (0x4018u + 32 * (h))
#define CLAIMI(h)     (0x401cu + 32 * (h))

enum { DETACHED = 1, EDGE1 = 4, EDGE0, LEVEL1, LEVEL0, DELEGATE = 1 << 10 };

struct aplic_bed {
    struct device_host host;
    struct vm_machine machine;
    struct vm_device device[DOMAINS];
    struct wire wire[DOMAINS][HARTS];
    unsigned messages; // caught; and the last one
    uint64_t address;
    uint32_t data;
};

// With delivery by message or direct, with software at machine level or without.
void aplic_bed_init(struct aplic_bed *b, bool by_message, bool machine_level);
void aplic_bed_end(struct aplic_bed *b);
// What creation says when only `allocations` succeed; nothing is left of it.
vm_status aplic_bed_try(struct aplic_bed *b, unsigned allocations, uint32_t harts);

void aplic_reset(struct aplic_bed *b);
uint32_t aplic_get(struct aplic_bed *b, int domain, uint32_t offset);
void aplic_put(struct aplic_bed *b, int domain, uint32_t offset, uint32_t value);
void aplic_drive(struct aplic_bed *b, uint32_t source, bool level);
bool aplic_pends(struct aplic_bed *b, int domain, uint32_t source);
// Enables the domain, and delivery to the hart.
void aplic_open(struct aplic_bed *b, int domain, uint32_t hart);

#endif
