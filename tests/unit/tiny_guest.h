// SPDX-License-Identifier: MIT
//
// A guest of a dozen instructions for the tests of an engine's cache.
#ifndef TESTS_UNIT_TINY_GUEST_H
#define TESTS_UNIT_TINY_GUEST_H

#include <vm/core/machine.h>

// Four bytes: op, a, b, imm; JMP and BNZ have a 16-bit offset from the instruction in the last two.
// NOP has two bytes, so that instructions can lie across pages.
enum {
    ADD = 1, // x[a] = x[b] + imm
    MODE,    // x[a] = the mode that it was translated for
    PC,      // x[a] = own address
    JMP,
    BNZ, // if x[a]
    JR,  // to x[a]
    LD,  // x[a] = 8 bytes at x[b] + imm
    ST,  // 8 bytes at x[b] + imm = x[a]
    TRAP,
    WAIT,
    SYNC, // sees code that was written
    HELP, // calls the test
    NOP = 0x81,
};

struct tiny_state {
    uint64_t x[16];
    uint64_t pc;
};

// What HELP calls.
extern void (*tiny_help)(struct vm_vcpu *v);
extern const struct vm_guest_ops tiny_guest;

#endif
