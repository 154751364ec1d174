// SPDX-License-Identifier: MIT
//
// What the files of the APLIC share: aplic.c has sources, delivery and the device, and
// aplic_registers.c what the guest reads and writes. All functions here are called under the lock.
#ifndef DEVICE_IRQ_APLIC_H
#define DEVICE_IRQ_APLIC_H

#include <vm/device/aplic.h>

#include "../device.h"

// Source modes (Source configurations).
enum aplic_mode {
    APLIC_INACTIVE = 0,
    APLIC_DETACHED = 1,
    APLIC_EDGE1 = 4, // rising
    APLIC_EDGE0 = 5, // falling
    APLIC_LEVEL1 = 6,
    APLIC_LEVEL0 = 7,
};

enum {
    APLIC_WORDS = (VM_APLIC_SOURCES + 1 + 31) / 32, // source 0 does not exist but has its bit
    APLIC_HART_SHIFT = 18,                          // of target and genmsi
    APLIC_PRIORITY = 0xff,                          // of target, direct delivery
    APLIC_IDENTITY = 0x7ff,                         // of target and genmsi, messages
};

// mmsiaddrcfgh and smsiaddrcfgh.
enum { APLIC_LHXW_SHIFT = 12, APLIC_HHXW_SHIFT = 16, APLIC_LHXS_SHIFT = 20, APLIC_HHXS_SHIFT = 24 };
#define APLIC_MSI_LOCKED ((uint32_t)1 << 31)

// Interrupt delivery control, one for each hart.
struct aplic_idc {
    uint32_t threshold;
    bool delivers, forced;
};

struct aplic_domain {
    struct aplic *aplic;
    struct vm_aplic_domain site;
    bool enabled; // domaincfg.IE
    uint32_t genmsi;
    struct aplic_idc idc[VM_MAX_VCPUS];
};

enum { APLIC_MACHINE, APLIC_SUPERVISOR, APLIC_DOMAINS };

// A source is active in one domain at most, so its state is there once.
struct aplic_source {
    uint8_t mode;   // enum aplic_mode, in the domain
    uint8_t domain; // the root, or the child if it is delegated
    uint32_t target;
};

struct aplic {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    bool machine_level; // there is software for the root
    uint32_t harts;
    uint32_t cpu_intc[VM_MAX_VCPUS];
    struct vm_msi msi; // .send NULL: direct delivery
    struct aplic_domain domain[APLIC_DOMAINS];
    struct aplic_source source[VM_APLIC_SOURCES + 1];
    uint32_t level[APLIC_WORDS], pending[APLIC_WORDS], enabled[APLIC_WORDS];
    uint32_t msi_low[APLIC_DOMAINS], msi_high[APLIC_DOMAINS]; // mmsiaddrcfg(h), smsiaddrcfg(h)
};

static inline bool aplic_by_message(const struct aplic *a)
{
    return a->msi.send != NULL;
}

static inline bool aplic_get_bit(const uint32_t *words, uint32_t n)
{
    return words[n / 32] >> (n % 32) & 1;
}

static inline void aplic_put_bit(uint32_t *words, uint32_t n, bool value)
{
    uint32_t bit = (uint32_t)1 << (n % 32);
    words[n / 32] = value ? words[n / 32] | bit : words[n / 32] & ~bit;
}

// The number of a domain, and whether a source is active in it.
static inline unsigned aplic_domain_number(const struct aplic_domain *d)
{
    return (unsigned)(d - d->aplic->domain);
}

static inline bool aplic_is_active(const struct aplic_domain *d, uint64_t source)
{
    if (source == 0 || source > VM_APLIC_SOURCES)
        return false;
    const struct aplic_source *s = &d->aplic->source[source];
    return s->domain == aplic_domain_number(d) && s->mode != APLIC_INACTIVE;
}

// The rectified input value.
bool aplic_input(const struct aplic *a, uint32_t source);

// What a write to sourcecfg leads to: the source goes to a domain in a mode.
void aplic_configure(struct aplic *a, uint32_t source, unsigned domain, enum aplic_mode mode);

// "If possible" (Precise effects on interrupt-pending bits), of an active source. What follows from
// it is left to aplic_deliver.
void aplic_try_set(struct aplic *a, uint32_t source);
void aplic_try_clear(struct aplic *a, uint32_t source);

// Drives the domain's wires, or sends the messages that are due, after any change.
void aplic_deliver(struct aplic_domain *d);

// The value of a hart's topi.
uint32_t aplic_top(const struct aplic_domain *d, uint32_t hart);

void aplic_send(const struct aplic_domain *d, uint32_t hart, uint32_t identity);

// aplic_registers.c: 32-bit accesses.
uint32_t aplic_read_register(struct aplic_domain *d, uint32_t offset);
void aplic_write_register(struct aplic_domain *d, uint32_t offset, uint32_t value);

#endif
