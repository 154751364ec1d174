// SPDX-License-Identifier: MIT
//
// A machine for tests of the core and of engines: a made-up guest with a page table that the test
// writes, RAM, a device that remembers, and an engine whose `run` is a function of the test.
#ifndef CORE_RIG_H
#define CORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include <vm/core/machine.h>

#include "test_host.h"

enum {
    RIG_PAGES = 8,         // of RAM, from RIG_RAM on
    RIG_RAM = 0x80000000,  //
    RIG_ROM = 0x20000000,  // one page
    RIG_MMIO = 0x10000000, // one page
    RIG_MAPPINGS = 32,
    RIG_VCPUS = 4,
};

// Exception causes of the made-up guest: the kind of access is added to these.
enum {
    RIG_PAGE_FAULT = 0x10,
    RIG_BUS_ERROR = 0x20,
    RIG_MISALIGNED = 0x30,
};

struct rig_state {
    uint64_t pc, a;
    uint32_t w;
    uint16_t h;
    uint8_t b;
};
enum { RIG_SPLIT = 0x800 };

enum { RIG_PC, RIG_A, RIG_W, RIG_H, RIG_B, RIG_REGISTERS };
extern const struct vm_regfile rig_regfile;

struct rig;
struct rig_mapping {
    uint64_t gva, gpa; // of pages
    uint8_t allowed;
    bool split; // protected in two pieces that meet at offset RIG_SPLIT
};

struct rig {
    struct test_host host;
    struct vm_guest_ops guest;
    struct vm_engine_ops engine; // of the test's own kind
    struct vm_machine machine;
    struct vm_vcpu *v[RIG_VCPUS];
    uint8_t *ram, *rom;
    const struct vm_region *ram_region;
    struct rig_mapping mappings[RIG_MAPPINGS];
    unsigned mapping_count;

    // What the run loop's calls do and did; by the vCPU's thread.
    enum vm_engine_exit (*run)(struct vm_vcpu *v);
    unsigned runs, exceptions, interrupts, syncs, flushes;
    bool interrupt, work;

    uint64_t device_value;
    unsigned device_reads, device_writes, device_size;
    uint64_t device_offset;
    uint32_t device_vcpu; // whose view the last access was by
    bool device_refuses;
    bool answers; // exceptions are calls that firmware answers
};

static inline struct rig *rig_of(const struct vm_vcpu *v)
{
    return v->machine->config;
}

// A machine with `vcpus` vCPUs. guest and engine may be NULL: the made-up ones.
void rig_init(struct rig *r, unsigned vcpus, const struct vm_guest_ops *guest,
              const struct vm_engine_ops *engine);
// Releases it and checks that nothing is left.
void rig_destroy(struct rig *r);

void rig_map(struct rig *r, uint64_t gva, uint64_t gpa, uint8_t allowed);

// Accesses as an engine's fast path makes them: the inline TLB check, then the slow path.
bool rig_load(struct vm_vcpu *v, uint64_t gva, unsigned size, uint64_t *value);
bool rig_store(struct vm_vcpu *v, uint64_t gva, unsigned size, uint64_t value);

// The pending exception, which is taken: the test fails unless it is this one.
void rig_expect_exception(struct vm_vcpu *v, uint64_t cause, uint64_t value);

#endif
