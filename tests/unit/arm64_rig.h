// SPDX-License-Identifier: MIT
//
// One ARM64 PE, or a few, in a machine without board or engine, for tests of the frontend's system
// half: memory of every kind, and instructions as translated code would execute their helpers.
#ifndef ARM64_RIG_H
#define ARM64_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "system.h" // private: src/frontend-arm64
#include "test_host.h"

// The memory map. HIGH reaches to the last physical address of 52 bits.
#define RIG_RAM       0x40000000u
#define RIG_RAM_SIZE  (4u << 20)
#define RIG_HIGH      0xffffffff00000u
#define RIG_HIGH_SIZE (1u << 20)
#define RIG_ROM       0x20000000u
#define RIG_ROM_SIZE  (128u << 10)
#define RIG_MMIO      0x09000000u
#define RIG_MMIO_SIZE 0x1000u

struct arm64_rig {
    struct test_host host;
    struct vm_machine machine;
    struct vm_vcpu *v; // the first PE
    struct vm_arm64_state *s;
    uint8_t *ram, *high, *rom;
    unsigned code_syncs; // calls of the engine's sync_code, of all PEs
    unsigned firmware_calls;
    uint64_t icount; // instructions retired; reads and writes of registers do
    bool lines[VM_ARM64_TIMERS], pmu_line;
};

// Builds the machine with the given --cpu text and resets its PEs with the PC at RIG_RAM.
void arm_rig_start(struct arm64_rig *r, const char *cpu, unsigned vcpus);
void arm_rig_stop(struct arm64_rig *r);

// The RAM, HIGH or ROM behind a physical address, or NULL.
uint64_t *arm_rig_memory(const struct arm64_rig *r, uint64_t gpa);

// Calls a helper with no exception pending; what it raised is in v->exception afterwards.
uint64_t arm_rig_call(struct arm64_rig *r, enum a64_helper helper, uint64_t a, uint64_t b,
                      uint64_t c);

// MRS and MSR of a register with a row in sysregs.def, by its A64_SYS number. They fail the test if
// they raise.
uint64_t arm_rig_read(struct arm64_rig *r, unsigned number);
void arm_rig_write(struct arm64_rig *r, unsigned number, uint64_t value);
// Whether the access traps at the current level.
bool arm_rig_traps(struct arm64_rig *r, unsigned number, bool write);

// Enters an exception level without an exception.
void arm_rig_set_el(struct arm64_rig *r, unsigned el);

// Takes an exception that was raised with a cause and a value.
void arm_rig_take(struct arm64_rig *r, uint64_t cause, uint64_t value);

#endif
